//! Arithmetic, logic, shifts, conditional moves and bit fields.
//! MIPS32 Volume II; "CPU Arithmetic", "Logical", "Shift", "Move" and "Insert/Extract".

use super::{Op, Step, Word};
use mirrorball_runtime::cpu::exception::Exception;
use mirrorball_runtime::cpu::extended;
use mirrorball_runtime::vm::Vm;

/// Instructions of the form rd ← f(rs, rt).
macro_rules! three_registers {
    ($($name:ident($s:ident, $t:ident) $value:expr;)*) => {
        $(#[doc = concat!("`", stringify!($name), "` rd, rs, rt")]
        fn $name(vm: &mut Vm, op: &Op) -> Step {
            let ($s, $t) = (vm.cpu.get(op.rs), vm.cpu.get(op.rt));
            Self::set(vm, op.rd, $value);
            Step::Next
        })*
    };
}

/// Instructions of the form rd ← f(rs, rt) that look at whole registers.
macro_rules! three_whole_registers {
    ($($name:ident($s:ident, $t:ident) $value:expr;)*) => {
        $(#[doc = concat!("`", stringify!($name), "` rd, rs, rt")]
        fn $name(vm: &mut Vm, op: &Op) -> Step {
            let ($s, $t) = (Self::get(vm, op.rs), Self::get(vm, op.rt));
            $value.put(vm, op.rd);
            Step::Next
        })*
    };
}

/// Instructions of the form rt ← f(rs, immediate) that look at all of rs.
macro_rules! with_immediate {
    ($($name:ident($s:ident, $imm:ident) $value:expr;)*) => {
        $(#[doc = concat!("`", stringify!($name), "` rt, rs, immediate")]
        fn $name(vm: &mut Vm, op: &Op) -> Step {
            let ($s, $imm) = (Self::get(vm, op.rs), op.imm);
            $value.put(vm, op.rt);
            Step::Next
        })*
    };
}

/// Instructions of the form rd ← f(rt, shift amount).
macro_rules! one_register {
    ($($name:ident($t:ident, $sa:ident) $value:expr;)*) => {
        $(#[doc = concat!("`", stringify!($name), "` rd, rt")]
        fn $name(vm: &mut Vm, op: &Op) -> Step {
            let ($t, $sa) = (vm.cpu.get(op.rt), op.imm);
            let _ = $sa;
            Self::set(vm, op.rd, $value);
            Step::Next
        })*
    };
}

/// Instructions of the form f(rs, rt) or f(rt, shift amount) on 64 bits, which only MIPS64 has.
macro_rules! doublewords {
    ($($name:ident: $destination:ident, ($s:ident, $t:ident, $imm:ident) $value:expr;)*) => {
        $(#[doc = concat!("`", stringify!($name), "`")]
        fn $name(vm: &mut Vm, op: &Op) -> Step {
            let ($s, $t) = (vm.cpu.get_whole(op.rs), vm.cpu.get_whole(op.rt));
            let $imm = op.imm;
            vm.cpu.set_whole(op.$destination, $value);
            Step::Next
        })*
    };
}

/// Arithmetic, logic, shifts, conditional moves and bit fields, on registers of either width.
pub trait Integers: Word {
    three_registers! {
        addu(s, t) s.wrapping_add(t);
        subu(s, t) s.wrapping_sub(t);
        sllv(s, t) t << (s & 31);
        srlv(s, t) t >> (s & 31);
        srav(s, t) (t as i32 >> (s & 31)) as u32;
        rotrv(s, t) t.rotate_right(s & 31);
        mul(s, t) s.wrapping_mul(t);
    }

    three_whole_registers! {
        and(s, t) (s & t);
        or(s, t) (s | t);
        xor(s, t) (s ^ t);
        nor(s, t) (!(s | t));
        slt(s, t) Self::from(u32::from(s.signed() < t.signed()));
        sltu(s, t) Self::from(u32::from(s < t));
    }

    with_immediate! {
        slti(s, imm) Self::from(u32::from(s.signed() < Self::extended(imm).signed()));
        sltiu(s, imm) Self::from(u32::from(s < Self::extended(imm)));
        andi(s, imm) (s & Self::from(imm));
        ori(s, imm) (s | Self::from(imm));
        xori(s, imm) (s ^ Self::from(imm));
    }

    /// `addiu` rt, rs, immediate
    fn addiu(vm: &mut Vm, op: &Op) -> Step {
        let value = vm.cpu.get(op.rs).wrapping_add(op.imm);
        Self::set(vm, op.rt, value);
        Step::Next
    }

    one_register! {
        sll(t, sa) t << (sa & 31);
        srl(t, sa) t >> (sa & 31);
        sra(t, sa) (t as i32 >> (sa & 31)) as u32;
        rotr(t, sa) t.rotate_right(sa);
        seb(t, _sa) t as i8 as u32;
        seh(t, _sa) t as i16 as u32;
        wsbh(t, _sa) t.swap_bytes().rotate_right(16);
    }

    /// `lui` rt, immediate
    fn lui(vm: &mut Vm, op: &Op) -> Step {
        Self::set(vm, op.rt, op.imm << 16);
        Step::Next
    }

    /// `clz` rd, rs
    fn clz(vm: &mut Vm, op: &Op) -> Step {
        let value = vm.cpu.get(op.rs).leading_zeros();
        Self::set(vm, op.rd, value);
        Step::Next
    }

    /// `clo` rd, rs
    fn clo(vm: &mut Vm, op: &Op) -> Step {
        let value = vm.cpu.get(op.rs).leading_ones();
        Self::set(vm, op.rd, value);
        Step::Next
    }

    /// `add` rd, rs, rt: traps on signed overflow.
    fn add(vm: &mut Vm, op: &Op) -> Step {
        let (s, t) = (vm.cpu.get(op.rs) as i32, vm.cpu.get(op.rt) as i32);
        let Some(sum) = s.checked_add(t) else {
            return Step::Raise(Exception::Overflow);
        };
        Self::set(vm, op.rd, sum as u32);
        Step::Next
    }

    /// `sub` rd, rs, rt: traps on signed overflow.
    fn sub(vm: &mut Vm, op: &Op) -> Step {
        let (s, t) = (vm.cpu.get(op.rs) as i32, vm.cpu.get(op.rt) as i32);
        let Some(difference) = s.checked_sub(t) else {
            return Step::Raise(Exception::Overflow);
        };
        Self::set(vm, op.rd, difference as u32);
        Step::Next
    }

    /// `addi` rt, rs, immediate: traps on signed overflow.
    fn addi(vm: &mut Vm, op: &Op) -> Step {
        let Some(sum) = (vm.cpu.get(op.rs) as i32).checked_add(op.imm as i32) else {
            return Step::Raise(Exception::Overflow);
        };
        Self::set(vm, op.rt, sum as u32);
        Step::Next
    }

    /// `movz` rd, rs, rt: moves if rt is zero.
    fn movz(vm: &mut Vm, op: &Op) -> Step {
        if Self::get(vm, op.rt) == Self::default() {
            Self::get(vm, op.rs).put(vm, op.rd);
        }
        Step::Next
    }

    /// `movn` rd, rs, rt: moves if rt is not zero.
    fn movn(vm: &mut Vm, op: &Op) -> Step {
        if Self::get(vm, op.rt) != Self::default() {
            Self::get(vm, op.rs).put(vm, op.rd);
        }
        Step::Next
    }

    /// `ext` rt, rs, position, size
    fn ext(vm: &mut Vm, op: &Op) -> Step {
        let (position, top) = (op.fields().sa(), op.fields().rd());
        let mask = u32::MAX >> (31 - top);
        let value = vm.cpu.get(op.rs) >> position & mask;
        Self::set(vm, op.rt, value);
        Step::Next
    }

    /// `ins` rt, rs, position, size. Where the size would be negative the manual leaves the result
    /// open: nothing is inserted.
    fn ins(vm: &mut Vm, op: &Op) -> Step {
        let (position, last) = (op.fields().sa(), op.fields().rd());
        if let Some(top) = last.checked_sub(position) {
            let mask = (u32::MAX >> (31 - top)) << position;
            let value = vm.cpu.get(op.rt) & !mask | vm.cpu.get(op.rs) << position & mask;
            Self::set(vm, op.rt, value);
        }
        Step::Next
    }

    doublewords! {
        daddiu: rt, (s, _t, imm) s.wrapping_add(extended(imm));
        daddu: rd, (s, t, _imm) s.wrapping_add(t);
        dsll: rd, (_s, t, sa) t << (sa & 31);
        dsll32: rd, (_s, t, sa) t << (sa & 31 | 32);
        dsrl32: rd, (_s, t, sa) t >> (sa & 31 | 32);
    }
}

impl<W: Word> Integers for W {}
