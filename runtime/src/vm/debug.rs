//! What a debugger does to a machine that stands still between two instructions: it looks, and
//! changes registers and memory.
//!
//! Looking has no effect on the guest: no device is read, and no TLB entry made. Each change is an
//! [`Edit`], so that lockstep can make it in the machine that it compares with as well.

use super::Vm;
use crate::addr::{PAGE_SIZE, Pa, Va};
use crate::cpu::Reg;
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
    /// The machine has gone back to what it was before: no twin can follow.
    Elsewhere,
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

    /// It stands still from now on.
    pub fn begin(&mut self) {
        self.since.get_or_insert_with(Instant::now);
    }

    /// It goes on.
    pub fn end(&mut self) {
        (self.before, self.since) = (self.total(), None);
    }
}

/// Reads memory at `va` where the kernel finds it now. Says how many bytes there are until an address
/// that is not mapped, or neither RAM nor ROM.
pub fn read(vm: &Vm, va: Va, bytes: &mut [u8]) -> usize {
    let mut done = 0;
    while done < bytes.len() {
        let Some((pa, room)) = memory_at(vm, va, done, bytes.len()) else {
            break;
        };
        vm.ram.read_physical(pa, &mut bytes[done..done + room]);
        done += room;
    }
    done
}

/// Writes memory at `va` where the kernel finds it now, whatever may write there: all of it, or
/// nothing. Says which.
pub fn write(vm: &mut Vm, va: Va, bytes: &[u8]) -> bool {
    let mut edits = Vec::new();
    let mut done = 0;
    while done < bytes.len() {
        let place = memory_at(vm, va, done, bytes.len());
        let Some((pa, room)) = place.filter(|&(pa, _)| vm.ram.is_ram(pa)) else {
            return false;
        };
        edits.push(Edit::Memory(pa, bytes[done..done + room].to_vec()));
        done += room;
    }
    edits.into_iter().for_each(|change| edit(vm, change));
    true
}

/// Where the bytes of a range are after the first `done`, and how many of them lie in one page.
fn memory_at(vm: &Vm, va: Va, done: usize, all: usize) -> Option<(Pa, usize)> {
    let at = va.offset(done as u32);
    let pa = vm.cpu.place(at).filter(|&pa| vm.ram.is_memory(pa))?;
    let room = (PAGE_SIZE - at.page_offset()) as usize;
    Some((pa, room.min(all - done)))
}

/// What a register holds.
#[must_use]
pub fn register(vm: &Vm, register: Register) -> u32 {
    let cpu = &vm.cpu;
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

/// What a register holds if it is as wide as the CPU is.
#[must_use]
pub fn whole_register(vm: &Vm, wanted: Register) -> u64 {
    let cpu = &vm.cpu;
    match wanted {
        Register::General(number) => cpu.get_whole(Reg::new(number.into())),
        Register::Hi => cpu.hi,
        Register::Lo => cpu.lo,
        Register::Cp0(8, 0) if cpu.model.is_wide() => cpu.move_from_cp0_whole(8, 0, 0),
        _ => register(vm, wanted).into(),
    }
}

/// Makes a change.
pub fn edit(vm: &mut Vm, edit: Edit) {
    match &edit {
        Edit::Register(register, value) => set_register(vm, *register, *value),
        Edit::Memory(pa, bytes) => vm.view().write_physical(*pa, bytes),
        Edit::Elsewhere => {}
    }
    if let Some(history) = &mut vm.history {
        history.note_change();
    }
    note(vm, edit);
}

/// Notes a change for a twin.
pub(super) fn note(vm: &mut Vm, edit: Edit) {
    if let Some(edits) = &mut vm.edits {
        edits.push(edit);
    }
}

/// The changes since the last call. They are kept for a machine that has a twin.
pub fn take_edits(vm: &mut Vm) -> Vec<Edit> {
    vm.edits.as_mut().map(std::mem::take).unwrap_or_default()
}

fn set_register(vm: &mut Vm, register: Register, value: u32) {
    match register {
        Register::General(number) => {
            let reg = Reg::new(number.into()).destination();
            let value = vm.cpu.held(value);
            vm.cpu.set_whole(reg, value);
        }
        Register::Hi => vm.cpu.hi = vm.cpu.held(value),
        Register::Lo => vm.cpu.lo = vm.cpu.held(value),
        Register::Pc => {
            // An instruction elsewhere: a guest that waits, waits no more.
            vm.cpu.pc = value.into();
            vm.cpu.idle.waiting = None;
        }
        Register::Float(number) => vm.cpu.set_fpr32(number.into(), value),
        // What it would trap is not trapped here.
        Register::FloatControl => {
            let _ = vm.cpu.fcsr.write(31, value);
        }
        Register::FloatModel => {}
        Register::Cp0(number, select) => {
            vm.move_to_cp0(number.into(), select.into(), value, 0);
        }
    }
}
