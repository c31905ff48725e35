//! Loads and stores, unaligned pairs, LL and SC, hints.
//! MIPS32 Volume II, "CPU Load, Store, and Memory Control".
//!
//! The fast way is a probe of the software TLB; the slow way goes to the monitor, which reaches
//! devices, fills the software TLB, or refuses the access.

use super::system::next_unless_stopped;
use super::{Op, Step, Word};
use mirrorball_runtime::addr::Va;
use mirrorball_runtime::cpu::exception::Exception;
use mirrorball_runtime::cpu::model;
use mirrorball_runtime::device::Width;
use mirrorball_runtime::vm::Vm;

#[inline(always)]
pub(super) fn address<W: Word>(vm: &Vm, op: &Op) -> Va {
    W::get(vm, op.rs).address(W::extended(op.imm))
}

/// The address of an instruction with an offset on a CPU that is so wide.
#[must_use]
pub fn address_in(vm: &Vm, op: &Op, width: model::Width) -> Va {
    match width {
        model::Width::W32 => address::<u32>(vm, op),
        model::Width::W64 => address::<u64>(vm, op),
    }
}

/// Turns a halfword or word from memory into a number, or back.
#[inline(always)]
pub(super) fn order16(vm: &Vm, value: u16) -> u16 {
    if vm.ram.big_endian() {
        value.swap_bytes()
    } else {
        value
    }
}

#[inline(always)]
pub(super) fn order32(vm: &Vm, value: u32) -> u32 {
    if vm.ram.big_endian() {
        value.swap_bytes()
    } else {
        value
    }
}

#[inline(always)]
fn probe_load<W: Word>(vm: &Vm, va: Va, width: Width) -> Option<u32> {
    if !W::is_near(va) {
        return None;
    }
    let host = vm.cpu.space().probe_read(va, width.bytes() as u32)?;
    // SAFETY: the software TLB holds host addresses of guest pages, and the probe checked the
    // alignment.
    Some(unsafe {
        match width {
            Width::Byte => u32::from(*host),
            Width::Half => u32::from(order16(vm, host.cast::<u16>().read())),
            Width::Word => order32(vm, host.cast::<u32>().read()),
        }
    })
}

#[inline(always)]
fn probe_store<W: Word>(vm: &Vm, va: Va, width: Width, value: u32) -> bool {
    if !W::is_near(va) {
        return false;
    }
    let Some(host) = vm.cpu.space().probe_write(va, width.bytes() as u32) else {
        return false;
    };
    // SAFETY: as in `probe_load`.
    unsafe {
        match width {
            Width::Byte => *host = value as u8,
            Width::Half => host.cast::<u16>().write(order16(vm, value as u16)),
            Width::Word => host.cast::<u32>().write(order32(vm, value)),
        }
    }
    true
}

/// Loads through the software TLB or the monitor.
#[inline(always)]
pub(super) fn load_value<W: Word>(
    vm: &mut Vm,
    op: &Op,
    va: Va,
    width: Width,
) -> Result<u32, Exception> {
    match probe_load::<W>(vm, va, width) {
        Some(value) => Ok(value),
        None => vm.load(va, width, op.owed()),
    }
}

/// Stores through the software TLB or the monitor.
#[inline(always)]
pub(super) fn store_value<W: Word>(vm: &mut Vm, op: &Op, va: Va, width: Width, value: u32) -> Step {
    if probe_store::<W>(vm, va, width, value) {
        return Step::Next;
    }
    store_slow(vm, op, va, width, value)
}

#[cold]
fn store_slow(vm: &mut Vm, op: &Op, va: Va, width: Width, value: u32) -> Step {
    match vm.store(va, width, value, op.owed()) {
        Ok(()) => next_unless_stopped(vm),
        Err(exception) => Step::Raise(exception),
    }
}

#[inline(always)]
fn load<W: Word>(vm: &mut Vm, op: &Op, width: Width, extend: fn(u32) -> u32) -> Step {
    let va = address::<W>(vm, op);
    if let Some(value) = probe_load::<W>(vm, va, width) {
        W::set(vm, op.rt, extend(value));
        return Step::Next;
    }
    load_slow::<W>(vm, op, va, width, extend)
}

#[cold]
fn load_slow<W: Word>(vm: &mut Vm, op: &Op, va: Va, width: Width, extend: fn(u32) -> u32) -> Step {
    match vm.load(va, width, op.owed()) {
        Ok(value) => {
            W::set(vm, op.rt, extend(value));
            next_unless_stopped(vm)
        }
        Err(exception) => Step::Raise(exception),
    }
}

/// The addresses of the low and the high word of a doubleword.
fn halves(vm: &Vm, va: Va) -> (Va, Va) {
    let second = Va(va.0 | 4);
    if vm.ram.big_endian() {
        (second, va)
    } else {
        (va, second)
    }
}

/// Loads a doubleword.
pub(super) fn load_double<W: Word>(vm: &mut Vm, op: &Op, va: Va) -> Result<u64, Exception> {
    if va.0 & 7 != 0 {
        vm.cpu.bad_address = va;
        return Err(Exception::AddressLoad);
    }
    let (low, high) = halves(vm, va);
    let words = load_value::<W>(vm, op, low, Width::Word)
        .and_then(|low| Ok((low, load_value::<W>(vm, op, high, Width::Word)?)));
    match words {
        Ok((low, high)) => Ok(u64::from(high) << 32 | u64::from(low)),
        Err(exception) => {
            vm.cpu.bad_address = va;
            Err(exception)
        }
    }
}

/// Stores a doubleword.
pub(super) fn store_double<W: Word>(vm: &mut Vm, op: &Op, va: Va, value: u64) -> Step {
    if va.0 & 7 != 0 {
        vm.cpu.bad_address = va;
        return Step::Raise(Exception::AddressStore);
    }
    let (low, high) = halves(vm, va);
    let step = store_value::<W>(vm, op, low, Width::Word, value as u32);
    if let Step::Raise(_) = step {
        vm.cpu.bad_address = va;
        return step;
    }
    // Both words lie in one page: if the first was stored, so is the second.
    store_value::<W>(vm, op, high, Width::Word, (value >> 32) as u32);
    next_unless_stopped(vm)
}

/// The word around an unaligned address, and how many of its bytes lie before the address in
/// order of significance, counted as on a big-endian CPU.
fn around(vm: &Vm, va: Va) -> (Va, u32) {
    let byte = (va.0 & 3) as u32;
    (
        Va(va.0 & !3),
        if vm.ram.big_endian() { byte } else { 3 - byte },
    )
}

/// An address error names the address that the instruction computed, not the word around it.
fn blame(vm: &mut Vm, va: Va, step: Step) -> Step {
    if let Step::Raise(_) = step {
        vm.cpu.bad_address = va;
    }
    step
}

fn load_part<W: Word>(
    vm: &mut Vm,
    op: &Op,
    merge: fn(word: u32, byte: u32, old: u32) -> u32,
) -> Step {
    let va = address::<W>(vm, op);
    let (word, byte) = around(vm, va);
    match load_value::<W>(vm, op, word, Width::Word) {
        Ok(value) => {
            let merged = merge(value, byte, vm.cpu.get(op.rt));
            W::set(vm, op.rt, merged);
            next_unless_stopped(vm)
        }
        Err(exception) => blame(vm, va, Step::Raise(exception)),
    }
}

/// Stores bytes of rt, most significant first, from `va` up (SWL) or down (SWR) to the end of its
/// word. The word is refused or written as a whole.
fn store_part<W: Word>(vm: &mut Vm, op: &Op, left: bool) -> Step {
    let va = address::<W>(vm, op);
    let (word, byte) = around(vm, va);
    let value = vm.cpu.get(op.rt);
    let (count, first) = if left {
        (4 - byte, 0)
    } else {
        (byte + 1, 3 - byte)
    };
    // The bytes to write, by big-endian position in the word.
    for position in 0..count {
        let (source, target) = if left {
            (position, byte + position)
        } else {
            (first + position, position)
        };
        let target = if vm.ram.big_endian() {
            target
        } else {
            3 - target
        };
        let data = value >> (8 * (3 - source)) & 0xff;
        let step = store_value::<W>(vm, op, Va(word.0 | u64::from(target)), Width::Byte, data);
        if let Step::Raise(_) = step {
            return blame(vm, va, step);
        }
    }
    next_unless_stopped(vm)
}

/// Loads and stores, on registers of either width.
pub trait Accesses: Word {
    /// `lb` rt, offset(base)
    fn lb(vm: &mut Vm, op: &Op) -> Step {
        load::<Self>(vm, op, Width::Byte, |value| value as i8 as u32)
    }

    /// `lbu` rt, offset(base)
    fn lbu(vm: &mut Vm, op: &Op) -> Step {
        load::<Self>(vm, op, Width::Byte, |value| value)
    }

    /// `lh` rt, offset(base)
    fn lh(vm: &mut Vm, op: &Op) -> Step {
        load::<Self>(vm, op, Width::Half, |value| value as i16 as u32)
    }

    /// `lhu` rt, offset(base)
    fn lhu(vm: &mut Vm, op: &Op) -> Step {
        load::<Self>(vm, op, Width::Half, |value| value)
    }

    /// `lw` rt, offset(base)
    fn lw(vm: &mut Vm, op: &Op) -> Step {
        load::<Self>(vm, op, Width::Word, |value| value)
    }

    /// `sb` rt, offset(base)
    fn sb(vm: &mut Vm, op: &Op) -> Step {
        store_value::<Self>(
            vm,
            op,
            address::<Self>(vm, op),
            Width::Byte,
            vm.cpu.get(op.rt),
        )
    }

    /// `sh` rt, offset(base)
    fn sh(vm: &mut Vm, op: &Op) -> Step {
        store_value::<Self>(
            vm,
            op,
            address::<Self>(vm, op),
            Width::Half,
            vm.cpu.get(op.rt),
        )
    }

    /// `sw` rt, offset(base)
    fn sw(vm: &mut Vm, op: &Op) -> Step {
        store_value::<Self>(
            vm,
            op,
            address::<Self>(vm, op),
            Width::Word,
            vm.cpu.get(op.rt),
        )
    }

    /// `ld` rt, offset(base)
    fn ld(vm: &mut Vm, op: &Op) -> Step {
        match load_double::<Self>(vm, op, address::<Self>(vm, op)) {
            Ok(value) => {
                vm.cpu.set_whole(op.rt, value);
                next_unless_stopped(vm)
            }
            Err(exception) => Step::Raise(exception),
        }
    }

    /// `sd` rt, offset(base)
    fn sd(vm: &mut Vm, op: &Op) -> Step {
        store_double::<Self>(vm, op, address::<Self>(vm, op), vm.cpu.get_whole(op.rt))
    }

    /// `lwl` rt, offset(base)
    fn lwl(vm: &mut Vm, op: &Op) -> Step {
        load_part::<Self>(vm, op, |word, byte, old| {
            let shift = byte * 8;
            word << shift | old & !(u32::MAX << shift)
        })
    }

    /// `lwr` rt, offset(base)
    fn lwr(vm: &mut Vm, op: &Op) -> Step {
        load_part::<Self>(vm, op, |word, byte, old| {
            let shift = (3 - byte) * 8;
            word >> shift | old & !(u32::MAX >> shift)
        })
    }

    /// `swl` rt, offset(base)
    fn swl(vm: &mut Vm, op: &Op) -> Step {
        store_part::<Self>(vm, op, true)
    }

    /// `swr` rt, offset(base)
    fn swr(vm: &mut Vm, op: &Op) -> Step {
        store_part::<Self>(vm, op, false)
    }

    /// `ll` rt, offset(base)
    fn ll(vm: &mut Vm, op: &Op) -> Step {
        match vm.load_linked(address::<Self>(vm, op), op.owed()) {
            Ok(value) => {
                Self::set(vm, op.rt, value);
                next_unless_stopped(vm)
            }
            Err(exception) => Step::Raise(exception),
        }
    }

    /// `sc` rt, offset(base)
    fn sc(vm: &mut Vm, op: &Op) -> Step {
        // rt is a destination here, but its old value is what is stored.
        let value = vm.cpu.gpr[op.rt.number()] as u32;
        match vm.store_conditional(address::<Self>(vm, op), value, op.owed()) {
            Ok(stored) => {
                Self::set(vm, op.rt, u32::from(stored));
                next_unless_stopped(vm)
            }
            Err(exception) => Step::Raise(exception),
        }
    }

    /// `pref`: a hint, and there are no caches.
    fn pref(_: &mut Vm, _: &Op) -> Step {
        Step::Next
    }

    /// `sync`: memory is always in order here.
    fn sync(_: &mut Vm, _: &Op) -> Step {
        Step::Next
    }

    /// `synci` offset(base): stores to code are noticed by themselves; the address is translated.
    fn synci(vm: &mut Vm, op: &Op) -> Step {
        // Operation 0x15: hit invalidate of the primary data cache, an operation by address.
        match vm.cpu.cache(0x15, address::<Self>(vm, op)) {
            Ok(()) => Step::Next,
            Err(exception) => Step::Raise(exception),
        }
    }
}

impl<W: Word> Accesses for W {}
