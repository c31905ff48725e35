//! What a debugger does to a machine that stands still between two instructions: it looks, it changes
//! registers and memory, and lets it go on.
//!
//! Looking has no effect on the guest: no device is read, and no TLB entry made. Each change is an
//! [`Edit`], so that lockstep can make it in the machine that it compares with as well.

use super::Vm;
use super::host::Host;
use super::idle::Lag;
use crate::addr::{PAGE_SIZE, Pa, Va};
use crate::cpu::Reg;
use crate::vcpu::{Goal, StopCause};
use std::time::{Duration, Instant};

/// A register that a debugger looks at or changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Register {
    /// A general register.
    General(u8),
    /// HI.
    Hi,
    /// LO.
    Lo,
    /// The address of the next instruction.
    Pc,
    /// The lower half of a floating-point register, or with Status.FR clear an odd one.
    Float(u8),
    /// FCSR.
    FloatControl,
    /// FIR, which is as the model has it.
    FloatModel,
    /// A register of coprocessor 0, by number and select: as MFC0 reads and MTC0 writes it.
    Cp0(u8, u8),
}

/// A change that a debugger makes.
#[derive(Clone, Debug)]
pub enum Edit {
    /// To a register.
    Register(Register, u32),
    /// To bytes of RAM, in one page.
    Memory(Pa, Vec<u8>),
}

/// For how long a machine stood still while its debugger looked.
#[derive(Debug, Default)]
pub(super) struct Standstill {
    since: Option<Instant>,
    before: Duration,
}

impl Standstill {
    /// All of it, by now.
    pub fn total(&self) -> Duration {
        self.before + self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn begin(&mut self) {
        self.since.get_or_insert_with(Instant::now);
    }

    fn end(&mut self) {
        (self.before, self.since) = (self.total(), None);
    }
}

impl Vm {
    /// Why the machine stopped for its debugger, if it did.
    #[must_use]
    pub fn stop_cause(&self) -> Option<StopCause> {
        self.cpu.stops.cause(Va(self.cpu.pc), self.cpu.retired())
    }

    /// The machine stands still from now on: no time passes for it. What the guest printed is shown.
    pub fn stand_still(&mut self, host: &mut dyn Host) {
        self.print(host);
        self.standstill.begin();
    }

    /// Lets the machine go on, as far as `goal` says.
    pub fn go_on(&mut self, goal: Goal) {
        self.cpu.stops.go_on(goal);
        self.standstill.end();
        self.lag = Lag::default();
    }

    /// Reads memory at `va` where the kernel finds it now. Says how many bytes there are until an
    /// address that is not mapped, or no RAM.
    pub fn read_virtual(&self, va: Va, bytes: &mut [u8]) -> usize {
        let mut done = 0;
        while done < bytes.len() {
            let Some((pa, room)) = self.ram_at(va, done, bytes.len()) else {
                break;
            };
            self.ram.read_physical(pa, &mut bytes[done..done + room]);
            done += room;
        }
        done
    }

    /// Writes memory at `va` where the kernel finds it now, whatever may write there: all of it, or
    /// nothing. Says which.
    pub fn write_virtual(&mut self, va: Va, bytes: &[u8]) -> bool {
        let mut edits = Vec::new();
        let mut done = 0;
        while done < bytes.len() {
            let Some((pa, room)) = self.ram_at(va, done, bytes.len()) else {
                return false;
            };
            edits.push(Edit::Memory(pa, bytes[done..done + room].to_vec()));
            done += room;
        }
        edits.into_iter().for_each(|edit| self.edit(edit));
        true
    }

    /// Where the bytes of a range are after the first `done`, and how many of them lie in one page.
    fn ram_at(&self, va: Va, done: usize, all: usize) -> Option<(Pa, usize)> {
        let at = va.offset(done as u32);
        let pa = self.cpu.place(at).filter(|&pa| self.ram.is_ram(pa))?;
        let room = (PAGE_SIZE - at.page_offset()) as usize;
        Some((pa, room.min(all - done)))
    }

    /// What a register holds.
    #[must_use]
    pub fn register(&self, register: Register) -> u32 {
        let cpu = &self.cpu;
        match register {
            Register::General(number) => cpu.get(Reg::new(number.into())),
            Register::Hi => cpu.hi as u32,
            Register::Lo => cpu.lo as u32,
            Register::Pc => cpu.pc as u32,
            Register::Float(number) => cpu.fpr32(number.into()),
            Register::FloatControl => cpu.fcsr.0,
            Register::FloatModel => cpu.model.fir,
            Register::Cp0(number, select) => cpu.move_from_cp0(number.into(), select.into(), 0),
        }
    }

    /// Makes a change.
    pub fn edit(&mut self, edit: Edit) {
        match &edit {
            Edit::Register(register, value) => self.set_register(*register, *value),
            Edit::Memory(pa, bytes) => self.view().write_physical(*pa, bytes),
        }
        if let Some(edits) = &mut self.edits {
            edits.push(edit);
        }
    }

    /// The changes since the last call. They are kept for a machine that has a twin.
    pub fn take_edits(&mut self) -> Vec<Edit> {
        self.edits.as_mut().map(std::mem::take).unwrap_or_default()
    }

    fn set_register(&mut self, register: Register, value: u32) {
        match register {
            Register::General(number) => {
                let reg = Reg::new(number.into()).destination();
                self.cpu.set(reg, value);
            }
            Register::Hi => self.cpu.hi = value.into(),
            Register::Lo => self.cpu.lo = value.into(),
            Register::Pc => {
                // An instruction elsewhere: a guest that waits, waits no more.
                self.cpu.pc = value.into();
                self.cpu.idle.waiting = None;
            }
            Register::Float(number) => self.cpu.set_fpr32(number.into(), value),
            Register::FloatControl => self.cpu.fcsr.0 = value,
            Register::FloatModel => {}
            Register::Cp0(number, select) => {
                self.move_to_cp0(number.into(), select.into(), value, 0);
            }
        }
    }
}
