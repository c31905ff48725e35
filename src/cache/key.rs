//! What the meaning of a block depends on.

use crate::interp::block::code_address;
use mirrorball_runtime::addr::{PAGE_BITS, Pa, Va};
use mirrorball_runtime::mmu::soft::SpaceKey;
use mirrorball_runtime::vm::Vm;

/// Everything that the meaning of a block depends on, so that nothing stale can be found.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct BlockKey {
    /// The number of the physical page that it is fetched from.
    pub(super) page: u32,
    /// The [`code_address`] that it starts at.
    pub pc: u32,
    /// The Status bits that decide which instructions there are, and in bit 0 whether privileged
    /// ones may run.
    pub mode: u32,
}

/// That bit, which is none of the Status bits that count.
const KERNEL: u32 = 1;

impl BlockKey {
    /// The key of another block that code of this one leads to: see
    /// [`linkable`](crate::interp::block::linkable).
    #[must_use]
    pub fn at(self, pc: u32) -> Self {
        let page = if pc >> 30 == 2 {
            (pc & 0x1fff_ffff) >> PAGE_BITS
        } else {
            self.page
        };
        Self { page, pc, ..self }
    }

    /// The key of the block at `pc`, fetched from `pa`, in a space.
    #[must_use]
    pub fn new(pc: Va, pa: Pa, space: SpaceKey) -> Self {
        Self {
            page: (pa.0 >> PAGE_BITS) as u32,
            pc: code_address(pc),
            mode: space.status | if space.mode.is_kernel() { KERNEL } else { 0 },
        }
    }

    /// Where its first instruction is fetched from.
    #[must_use]
    pub fn pa(self) -> Pa {
        Pa((u64::from(self.page) << PAGE_BITS) + Va(u64::from(self.pc)).page_offset())
    }

    /// Whether code of a block with this key that goes to the address of `other` always comes to
    /// that block.
    #[must_use]
    pub fn leads_to(self, other: Self) -> bool {
        self.mode == other.mode && (other.pc >> 30 == 2 || self.page == other.page)
    }

    /// Where the block is while the program counter of the CPU is in its page, or in kseg0 or kseg1
    /// if it is.
    #[must_use]
    pub fn va(self, vm: &Vm) -> Va {
        let offset = u64::from(self.pc);
        self.fixed_va()
            .unwrap_or_else(|| Va(Va(vm.cpu.pc).page().0 | offset))
    }

    /// Where the block always is, if it is in kseg0 or kseg1.
    #[must_use]
    pub fn fixed_va(self) -> Option<Va> {
        (self.pc >> 30 == 2).then_some(Va(u64::from(self.pc)))
    }

    /// What tells the code pages of one physical page apart.
    pub(super) fn view(self) -> View {
        View {
            mode: self.mode,
            segment: if self.pc >> 30 == 2 { self.pc >> 29 } else { 0 },
        }
    }
}

/// What else the code of a page depends on: the mode, and whether it is seen in kseg0, in kseg1, or
/// mapped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct View {
    mode: u32,
    segment: u32,
}
