//! What looks on while a machine runs: it is told what happens, and changes nothing.

use super::Vm;
use crate::addr::Pa;
use crate::clock::Cycles;
use crate::cpu::exception::Exception;
use crate::device::Width;

/// Something that happens to a machine's CPU.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Happening {
    /// It has taken an exception for the instruction at this address.
    Exception(Exception, u64),
    /// It has returned from one.
    Return,
    /// It is in another address space or mode.
    Space,
    /// It has read this from a device, if one answers.
    Read(Pa, Width, Option<u32>),
    /// It has written this to a device.
    Write(Pa, Width, u32),
    /// It waited for an interrupt, for so many cycles until now.
    Waited(Cycles),
}

/// What is told of everything that happens.
pub trait Witness: Send {
    /// This has happened in `vm`, at this cycle.
    fn saw(&mut self, vm: &Vm, at: Cycles, what: Happening);
}
