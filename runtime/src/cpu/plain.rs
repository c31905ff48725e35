//! The CP0 registers that are plain storage: translated code reads and writes them by itself.

use super::Cpu;
use super::cp0::{Cp0, EBASE_MASK, ENTRYLO_MASK, HWRENA_MASK};
use super::model::Model;
use std::mem::offset_of;

/// A CP0 register that is plain storage.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Plain {
    /// Where it is in the [`Cpu`].
    pub offset: usize,
    /// The bits that MTC0 changes, with no consequence but that. 0 where there may be more to it.
    pub mask: u32,
}

macro_rules! plain {
    ($field:ident $([$index:literal])?, $mask:expr) => {
        Some(Plain {
            offset: offset_of!(Cpu, cp0) + offset_of!(Cp0, $field) $(+ $index * 4)?,
            mask: $mask,
        })
    };
}

/// The register (`reg`, `sel`) of a CPU of this model, if it is plain storage.
#[must_use]
pub fn plain(model: &Model, reg: u32, sel: u32) -> Option<Plain> {
    match (reg, sel) {
        (0, 0) => plain!(index, (model.tlb_entries as u32).next_power_of_two() - 1),
        (2, 0) => plain!(entry_lo[0], ENTRYLO_MASK),
        (3, 0) => plain!(entry_lo[1], ENTRYLO_MASK),
        (4, 0) => plain!(context, 0xff80_0000),
        (5, 0) => plain!(page_mask, 0),
        (6, 0) => plain!(wired, 0),
        (7, 0) if model.release >= 2 => plain!(hwrena, HWRENA_MASK),
        (8, 0) => plain!(bad_vaddr, 0),
        (10, 0) => plain!(entry_hi, 0),
        (11, 0) => plain!(compare, 0),
        (12, 0) => plain!(status, 0),
        (14, 0) => plain!(epc, !0),
        (15, 1) if model.release >= 2 => plain!(ebase, EBASE_MASK),
        (16, 0) => plain!(config0, 0),
        (30, 0) => plain!(error_epc, !0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Cycles;
    use crate::cpu::model::MODELS;

    fn word(cpu: &Cpu, offset: usize) -> u32 {
        // SAFETY: the offset is that of a word in the CPU.
        unsafe { (&raw const *cpu).byte_add(offset).cast::<u32>().read() }
    }

    #[test]
    fn plain_registers_read_and_write_as_all_others() {
        for model in &MODELS {
            for (reg, sel) in (0..32).flat_map(|reg| (0..8).map(move |sel| (reg, sel))) {
                let Some(plain) = plain(model, reg, sel) else {
                    continue;
                };
                let mut cpu = Cpu::new(model, false);
                for value in [!0, 0, 0xa5a5_a5a5, 0x1234_5678, 3] {
                    let old = word(&cpu, plain.offset);
                    assert_eq!(cpu.read_cp0(reg, sel, Cycles(0)), old);
                    let expected = old & !plain.mask | value & plain.mask;
                    cpu.write_cp0(reg, sel, value, Cycles(0));
                    if plain.mask != 0 {
                        assert_eq!(word(&cpu, plain.offset), expected, "{reg} {sel}");
                    }
                }
            }
        }
    }
}
