//! General registers in the two widths that there are: every handler is made for both.
//!
//! An instruction that works on 32 bits reads lower halves and leaves a number of 32 bits, however
//! wide the register is. One that looks at whole registers, as logic, comparisons, branches and
//! addresses do, is the same for either [`Word`].

use mirrorball_runtime::addr::Va;
use mirrorball_runtime::cpu::{Reg, extended};
use mirrorball_runtime::vm::Vm;
use std::ops::{BitAnd, BitOr, BitXor, Not};

/// What a whole register holds.
pub trait Word:
    Copy
    + Ord
    + Default
    + From<u32>
    + BitAnd<Output = Self>
    + BitOr<Output = Self>
    + BitXor<Output = Self>
    + Not<Output = Self>
{
    /// The same with a sign.
    type Signed: Ord + Default;

    /// What is in a slot of the CPU's registers.
    fn of_slot(slot: u64) -> Self;

    /// As it is in a slot.
    fn slot(self) -> u64;

    /// A number of 32 bits, sign-extended.
    fn extended(value: u32) -> Self;

    /// The number with its sign.
    fn signed(self) -> Self::Signed;

    /// The address so far from this one.
    fn address(self, offset: Self) -> Va;

    /// Whether the software TLB may know an address.
    fn is_near(va: Va) -> bool;

    /// The value of a register.
    #[inline(always)]
    fn get(vm: &Vm, reg: Reg) -> Self {
        Self::of_slot(vm.cpu.get_whole(reg))
    }

    /// Sets a register, which must be a [`Reg::destination`].
    #[inline(always)]
    fn put(self, vm: &mut Vm, reg: Reg) {
        vm.cpu.set_whole(reg, self.slot());
    }

    /// What a slot holds of a result of 32 bits.
    #[inline(always)]
    fn held(value: u32) -> u64 {
        Self::extended(value).slot()
    }

    /// Sets a register, which must be a [`Reg::destination`], to a result of 32 bits.
    #[inline(always)]
    fn set(vm: &mut Vm, reg: Reg, value: u32) {
        vm.cpu.set_whole(reg, Self::held(value));
    }
}

impl Word for u32 {
    type Signed = i32;

    #[inline(always)]
    fn of_slot(slot: u64) -> Self {
        slot as u32
    }

    #[inline(always)]
    fn slot(self) -> u64 {
        self.into()
    }

    #[inline(always)]
    fn extended(value: u32) -> Self {
        value
    }

    #[inline(always)]
    fn signed(self) -> i32 {
        self as i32
    }

    #[inline(always)]
    fn address(self, offset: Self) -> Va {
        Va(u64::from(self.wrapping_add(offset)))
    }

    #[inline(always)]
    fn is_near(_: Va) -> bool {
        true
    }
}

impl Word for u64 {
    type Signed = i64;

    #[inline(always)]
    fn of_slot(slot: u64) -> Self {
        slot
    }

    #[inline(always)]
    fn slot(self) -> u64 {
        self
    }

    #[inline(always)]
    fn extended(value: u32) -> Self {
        extended(value)
    }

    #[inline(always)]
    fn signed(self) -> i64 {
        self as i64
    }

    #[inline(always)]
    fn address(self, offset: Self) -> Va {
        Va::of_register(self.wrapping_add(offset))
    }

    #[inline(always)]
    fn is_near(va: Va) -> bool {
        !va.is_far()
    }
}
