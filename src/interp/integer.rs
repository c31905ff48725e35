//! Arithmetic, logic, shifts, conditional moves and bit fields.
//! MIPS32 Volume II; "CPU Arithmetic", "Logical", "Shift", "Move" and "Insert/Extract".

use super::{Op, Step};
use mirrorball_runtime::cpu::exception::Exception;
use mirrorball_runtime::vm::Vm;

/// Instructions of the form rd ← f(rs, rt).
macro_rules! three_registers {
    ($($name:ident($s:ident, $t:ident) $value:expr;)*) => {
        $(#[doc = concat!("`", stringify!($name), "` rd, rs, rt")]
        pub fn $name(vm: &mut Vm, op: &Op) -> Step {
            let ($s, $t) = (vm.cpu.get(op.rs), vm.cpu.get(op.rt));
            vm.cpu.set(op.rd, $value);
            Step::Next
        })*
    };
}

three_registers! {
    addu(s, t) s.wrapping_add(t);
    subu(s, t) s.wrapping_sub(t);
    and(s, t) s & t;
    or(s, t) s | t;
    xor(s, t) s ^ t;
    nor(s, t) !(s | t);
    slt(s, t) u32::from((s as i32) < t as i32);
    sltu(s, t) u32::from(s < t);
    sllv(s, t) t << (s & 31);
    srlv(s, t) t >> (s & 31);
    srav(s, t) (t as i32 >> (s & 31)) as u32;
    rotrv(s, t) t.rotate_right(s & 31);
    mul(s, t) s.wrapping_mul(t);
}

/// Instructions of the form rt ← f(rs, immediate).
macro_rules! with_immediate {
    ($($name:ident($s:ident, $imm:ident) $value:expr;)*) => {
        $(#[doc = concat!("`", stringify!($name), "` rt, rs, immediate")]
        pub fn $name(vm: &mut Vm, op: &Op) -> Step {
            let ($s, $imm) = (vm.cpu.get(op.rs), op.imm);
            vm.cpu.set(op.rt, $value);
            Step::Next
        })*
    };
}

with_immediate! {
    addiu(s, imm) s.wrapping_add(imm);
    slti(s, imm) u32::from((s as i32) < imm as i32);
    sltiu(s, imm) u32::from(s < imm);
    andi(s, imm) s & imm;
    ori(s, imm) s | imm;
    xori(s, imm) s ^ imm;
}

/// Instructions of the form rd ← f(rt, shift amount).
macro_rules! one_register {
    ($($name:ident($t:ident, $sa:ident) $value:expr;)*) => {
        $(#[doc = concat!("`", stringify!($name), "` rd, rt")]
        pub fn $name(vm: &mut Vm, op: &Op) -> Step {
            let ($t, $sa) = (vm.cpu.get(op.rt), op.imm);
            let _ = $sa;
            vm.cpu.set(op.rd, $value);
            Step::Next
        })*
    };
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
pub fn lui(vm: &mut Vm, op: &Op) -> Step {
    vm.cpu.set(op.rt, op.imm << 16);
    Step::Next
}

/// `clz` rd, rs
pub fn clz(vm: &mut Vm, op: &Op) -> Step {
    let value = vm.cpu.get(op.rs).leading_zeros();
    vm.cpu.set(op.rd, value);
    Step::Next
}

/// `clo` rd, rs
pub fn clo(vm: &mut Vm, op: &Op) -> Step {
    let value = vm.cpu.get(op.rs).leading_ones();
    vm.cpu.set(op.rd, value);
    Step::Next
}

/// `add` rd, rs, rt: traps on signed overflow.
pub fn add(vm: &mut Vm, op: &Op) -> Step {
    let (s, t) = (vm.cpu.get(op.rs) as i32, vm.cpu.get(op.rt) as i32);
    let Some(sum) = s.checked_add(t) else {
        return Step::Raise(Exception::Overflow);
    };
    vm.cpu.set(op.rd, sum as u32);
    Step::Next
}

/// `sub` rd, rs, rt: traps on signed overflow.
pub fn sub(vm: &mut Vm, op: &Op) -> Step {
    let (s, t) = (vm.cpu.get(op.rs) as i32, vm.cpu.get(op.rt) as i32);
    let Some(difference) = s.checked_sub(t) else {
        return Step::Raise(Exception::Overflow);
    };
    vm.cpu.set(op.rd, difference as u32);
    Step::Next
}

/// `addi` rt, rs, immediate: traps on signed overflow.
pub fn addi(vm: &mut Vm, op: &Op) -> Step {
    let Some(sum) = (vm.cpu.get(op.rs) as i32).checked_add(op.imm as i32) else {
        return Step::Raise(Exception::Overflow);
    };
    vm.cpu.set(op.rt, sum as u32);
    Step::Next
}

/// `movz` rd, rs, rt: moves if rt is zero.
pub fn movz(vm: &mut Vm, op: &Op) -> Step {
    if vm.cpu.get(op.rt) == 0 {
        let value = vm.cpu.get(op.rs);
        vm.cpu.set(op.rd, value);
    }
    Step::Next
}

/// `movn` rd, rs, rt: moves if rt is not zero.
pub fn movn(vm: &mut Vm, op: &Op) -> Step {
    if vm.cpu.get(op.rt) != 0 {
        let value = vm.cpu.get(op.rs);
        vm.cpu.set(op.rd, value);
    }
    Step::Next
}

/// `ext` rt, rs, position, size
pub fn ext(vm: &mut Vm, op: &Op) -> Step {
    let (position, top) = (op.fields().sa(), op.fields().rd());
    let mask = u32::MAX >> (31 - top);
    let value = vm.cpu.get(op.rs) >> position & mask;
    vm.cpu.set(op.rt, value);
    Step::Next
}

/// `ins` rt, rs, position, size. Where the size would be negative the manual leaves the result
/// open: nothing is inserted.
pub fn ins(vm: &mut Vm, op: &Op) -> Step {
    let (position, last) = (op.fields().sa(), op.fields().rd());
    if let Some(top) = last.checked_sub(position) {
        let mask = (u32::MAX >> (31 - top)) << position;
        let value = vm.cpu.get(op.rt) & !mask | vm.cpu.get(op.rs) << position & mask;
        vm.cpu.set(op.rt, value);
    }
    Step::Next
}
