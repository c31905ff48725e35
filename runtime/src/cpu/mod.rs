//! The registers of a virtual CPU as translated code sees them.
//!
//! [`Cpu`] is `#[repr(C)]` and lies at offset 0 of a virtual CPU, and so of a machine: translated
//! code gets a pointer to it and reaches every field by its offset. Privileged semantics (CP0, exceptions, the
//! FPU's arithmetic) live in the submodules; the interpreter calls them, and translated code for
//! all but the few instructions that `docs/architecture.md` names.

pub mod cp0;
pub mod exception;
pub mod fpu;
pub mod model;
pub mod plain;
mod timer;

use crate::addr::Va;
use crate::clock::Cycles;
use crate::exit::Exit;
use cp0::Cp0;
use fpu::{Deferred, Fcsr};
use model::{Model, Width};
use std::mem::offset_of;

/// The number of a general register as an engine uses it: 0 to 31, or [`Reg::SINK`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(transparent)]
pub struct Reg(u8);

impl Reg {
    /// Where results for `$zero` go: a slot that is never read as an operand of worth.
    pub const SINK: Reg = Reg(32);
    /// `$ra`.
    pub const RA: Reg = Reg(31);

    /// The register that a 5-bit field names (higher bits are ignored).
    #[must_use]
    pub const fn new(field: u32) -> Self {
        Reg((field & 31) as u8)
    }

    /// The register as a destination: `$zero` becomes the sink.
    #[must_use]
    pub const fn destination(self) -> Self {
        if self.0 == 0 { Reg::SINK } else { self }
    }

    /// The architectural number; the sink is `$zero`.
    #[must_use]
    pub const fn number(self) -> usize {
        (self.0 & 31) as usize
    }

    /// The slot in [`Cpu::gpr`].
    #[must_use]
    pub const fn slot(self) -> usize {
        self.0 as usize
    }
}

/// In [`Cpu::stop`]: the engine must come back, as something is to be served.
pub const STOP_SERVE: u32 = 1;
/// In [`Cpu::stop`]: code was written to that the engine made something from. It must drop that
/// before it goes on; nothing else need know.
pub const STOP_CODE: u32 = 2;
/// In [`Cpu::stop`]: the guest waits, as after WAIT.
pub const STOP_WAIT: u32 = 4;

/// Where translated code finds how many instructions take a cycle, as a power of two.
pub const SLOWNESS: usize = offset_of!(Cpu, slowness);

/// How many functions an engine has translated code find in [`Cpu::symbols`].
pub const SYMBOLS: usize = 6;

/// The sign extension of a number of 32 bits.
#[inline(always)]
#[must_use]
pub const fn extended(value: u32) -> u64 {
    value as i32 as i64 as u64
}

/// One CPU's registers and run state.
///
/// General registers are 64-bit slots. On a 32-bit model the upper halves are zero and only the
/// lower halves are read and written; on a 64-bit model results of 32 bits are sign-extended.
#[repr(C)]
pub struct Cpu {
    /// `$0` to `$31`, then the sink for writes to `$0`.
    pub gpr: [u64; 33],
    /// HI.
    pub hi: u64,
    /// LO.
    pub lo: u64,
    /// The address of the next instruction. Never between a branch and its delay slot.
    pub pc: u64,
    /// Instructions left until [`Cpu::horizon`]. While a block runs, what the whole block will have
    /// used is already subtracted: see [`Cpu::now`].
    pub left: i64,
    /// The cycle at which the engine must come back.
    pub horizon: u64,
    /// How many instructions take a cycle, as a power of two: 0, unless the host's clock moves time
    /// on.
    slowness: u32,
    /// The upper half of BadVAddr, as [`Va`] has it: zero for an address of 32 bits.
    pub bad_beyond: u32,
    /// The instructions that will have run when none is left.
    goal: u64,
    /// For the engine: what translated code calls and jumps to by number.
    pub symbols: [usize; SYMBOLS],
    /// For the engine: where its [code pages](crate::mmu::soft::CodePages) are.
    pub code_pages: usize,
    /// For the engine: where the runs of its blocks are.
    pub code_runs: usize,
    /// For translated code at mapped addresses: the address of the page that it runs in.
    pub code_base: u32,
    /// Set when the engine must look up at the next instruction boundary: [`STOP_SERVE`],
    /// [`STOP_CODE`] and [`STOP_WAIT`].
    pub stop: u32,
    /// The LL bit.
    pub ll_bit: u32,
    /// The value that LL loaded.
    pub ll_value: u32,
    /// FCR31.
    pub fcsr: Fcsr,
    /// For translated code: what Cause in FCSR has to tell of.
    pub deferred: Deferred,
    /// The address that LL loaded from.
    pub ll_address: Va,
    /// FPU registers as 64-bit slots. With FR = 0, an odd single is the upper half of the even
    /// slot below it.
    pub fpr: [u64; 32],
    /// Coprocessor 0.
    pub cp0: Cp0,
    /// The virtual address of the access that is being refused, for BadVAddr.
    pub bad_address: Va,
    /// Cycles that passed without instructions, in WAIT above all.
    pub skipped: u64,
    /// The model: what this CPU is.
    pub model: &'static Model,
}

impl Cpu {
    /// A CPU after reset.
    #[must_use]
    pub fn new(model: &'static Model, big_endian: bool) -> Self {
        Self {
            gpr: [0; 33],
            hi: 0,
            lo: 0,
            pc: 0xbfc0_0000,
            left: 0,
            horizon: 0,
            slowness: 0,
            bad_beyond: 0,
            goal: 0,
            symbols: [0; SYMBOLS],
            code_pages: 0,
            code_runs: 0,
            code_base: 0,
            stop: 0,
            ll_bit: 0,
            ll_value: 0,
            fcsr: Fcsr::default(),
            deferred: Deferred::default(),
            ll_address: Va(0),
            fpr: [0; 32],
            cp0: Cp0::new(model, big_endian),
            bad_address: Va(0),
            skipped: 0,
            model,
        }
    }

    /// The value of a general register.
    #[inline(always)]
    #[must_use]
    pub fn get(&self, reg: Reg) -> u32 {
        // SAFETY: a `Reg` is at most 32 by construction and `gpr` has 33 slots.
        unsafe { *self.gpr.get_unchecked(reg.0 as usize) as u32 }
    }

    /// Sets a general register. `reg` must be a [`Reg::destination`].
    #[inline(always)]
    pub fn set(&mut self, reg: Reg, value: u32) {
        // SAFETY: a `Reg` is at most 32 by construction and `gpr` has 33 slots.
        unsafe { *self.gpr.get_unchecked_mut(reg.0 as usize) = u64::from(value) }
    }

    /// The value of a general register of 64 bits.
    #[inline(always)]
    #[must_use]
    pub fn get_whole(&self, reg: Reg) -> u64 {
        // SAFETY: a `Reg` is at most 32 by construction and `gpr` has 33 slots.
        unsafe { *self.gpr.get_unchecked(reg.0 as usize) }
    }

    /// Sets a general register of 64 bits. `reg` must be a [`Reg::destination`].
    #[inline(always)]
    pub fn set_whole(&mut self, reg: Reg, value: u64) {
        // SAFETY: a `Reg` is at most 32 by construction and `gpr` has 33 slots.
        unsafe { *self.gpr.get_unchecked_mut(reg.0 as usize) = value }
    }

    /// What a register of this model holds when an instruction's result is this number of 32 bits.
    #[must_use]
    pub fn held(&self, value: u32) -> u64 {
        match self.model.width {
            Width::W32 => u64::from(value),
            Width::W64 => extended(value),
        }
    }

    /// The time before an instruction whose block still owes `owed` cycles (the instruction's own
    /// and those of the instructions behind it). 0 between blocks.
    #[inline]
    #[must_use]
    pub fn now(&self, owed: u32) -> Cycles {
        let left = (self.left + i64::from(owed)) >> self.slowness;
        Cycles(self.horizon.wrapping_sub(left as u64))
    }

    /// Moves the horizon without moving time.
    pub fn set_horizon(&mut self, horizon: Cycles) {
        let cycles = horizon.0.wrapping_sub(self.now(0).0) as i64;
        self.start_from(self.retired(), horizon, cycles << self.slowness);
    }

    /// Has 2^`slowness` instructions take a cycle from now on.
    pub fn set_slowness(&mut self, slowness: u32) {
        if slowness != self.slowness {
            self.start_from(self.retired(), self.now(0), 0);
            self.slowness = slowness;
        }
    }

    /// The cycles that so many instructions take.
    #[must_use]
    pub fn cycles_of(&self, instructions: u64) -> u64 {
        instructions >> self.slowness
    }

    /// So many instructions have run, and so many are left until `horizon`.
    pub(crate) fn start_from(&mut self, retired: u64, horizon: Cycles, left: i64) {
        self.horizon = horizon.0;
        self.left = left;
        self.goal = retired.wrapping_add(left as u64);
    }

    /// Moves time on without running instructions. The horizon moves with it.
    pub fn skip(&mut self, span: Cycles) {
        self.horizon += span.0;
        self.skipped += span.0;
    }

    /// The instructions that have run (a refused instruction counts as one).
    #[must_use]
    pub fn retired(&self) -> u64 {
        self.goal.wrapping_sub(self.left as u64)
    }

    /// Takes what asked the engine to look up, and says why it must come back, if it must.
    #[inline]
    pub fn take_stop(&mut self) -> Option<Exit> {
        let stop = std::mem::take(&mut self.stop);
        if stop & STOP_WAIT != 0 {
            Some(Exit::Wait)
        } else if stop & STOP_SERVE != 0 {
            Some(Exit::Stop)
        } else {
            None
        }
    }

    /// The virtual address of code that translated code knows by its place: by its address in kseg0
    /// and kseg1, elsewhere by the distance from the page that it runs in.
    #[inline]
    #[must_use]
    pub fn code_va(&self, place: u32) -> Va {
        Va(u64::from(if Va(u64::from(place)).is_direct() {
            place
        } else {
            self.code_base.wrapping_add(place)
        }))
    }

    /// Brings FCSR's Cause up to date. What translated code returns to does this first.
    #[inline]
    pub fn materialize_cause(&mut self) {
        self.deferred.settle(&mut self.fcsr);
    }

    /// Whether FPU registers are 64 bits wide (Status.FR).
    #[inline]
    #[must_use]
    pub fn fr(&self) -> bool {
        self.cp0.status & cp0::STATUS_FR != 0
    }

    /// Reads a single-precision or word FPU register.
    #[inline]
    #[must_use]
    pub fn fpr32(&self, n: usize) -> u32 {
        if self.fr() {
            self.fpr[n & 31] as u32
        } else {
            (self.fpr[n & 30] >> (32 * (n & 1))) as u32
        }
    }

    /// Writes a single-precision or word FPU register, leaving the rest of its slot as it was.
    #[inline]
    pub fn set_fpr32(&mut self, n: usize, value: u32) {
        let (slot, shift) = if self.fr() {
            (n & 31, 0)
        } else {
            (n & 30, 32 * (n & 1))
        };
        self.fpr[slot] = self.fpr[slot] & !(0xffff_ffff << shift) | u64::from(value) << shift;
    }

    /// Reads a double-precision or long FPU register (with FR = 0, `n` is even).
    #[inline]
    #[must_use]
    pub fn fpr64(&self, n: usize) -> u64 {
        self.fpr[if self.fr() { n & 31 } else { n & 30 }]
    }

    /// Writes a double-precision or long FPU register (with FR = 0, `n` is even).
    #[inline]
    pub fn set_fpr64(&mut self, n: usize, value: u64) {
        self.fpr[if self.fr() { n & 31 } else { n & 30 }] = value;
    }
}
