//! Where the page table of the process in use is: what the guest's own TLB refill handler says.
//!
//! Linux on a MIPS32 CPU keeps the address of the current process's page directory in a variable,
//! and its refill handler begins by loading it: LUI and LW, with a CPU's index added to the
//! address where there may be several. Nothing else of the guest is known here, and what looks
//! like no page directory is none: it must be the address of a page of RAM in kseg0.
//!
//! These few encodings are matched by hand: the runtime has no decoder. See MIPS32 Architecture
//! Volume II for LUI, LW and ADDU.

use crate::addr::{PAGE_SIZE, Pa};
use crate::memory::Ram;

/// How many instructions of the handler are looked at.
const LOOKED_AT: u64 = 16;

/// Where the handler at `vector` first loads a word from: that of TLB refills loads the address of its
/// page table.
pub(super) fn place(ram: &Ram, vector: u32) -> Option<Pa> {
    let handler = direct(vector)?;
    let words = (0..LOOKED_AT).map(|index| ram.word(Pa(handler.0 + 4 * index)));
    direct(loaded_from(words)?)
}

/// The page table whose address is at `place` now.
pub(super) fn load(ram: &Ram, place: Pa) -> Option<u32> {
    let table = ram.word(place);
    let there = direct(table).is_some_and(|pa| ram.is_ram(pa));
    (there && table >> 29 == 4 && u64::from(table) % PAGE_SIZE == 0).then_some(table)
}

/// Where an address in kseg0 or kseg1 is in memory.
pub(super) fn direct(va: u32) -> Option<Pa> {
    (va >> 30 == 2).then_some(Pa(u64::from(va & 0x1fff_ffff)))
}

/// The constant address that the first LW of a handler loads from.
fn loaded_from(words: impl IntoIterator<Item = u32>) -> Option<u32> {
    const LUI: u32 = 0x0f;
    const LW: u32 = 0x23;
    const ADDU: u32 = 0x21;
    // What LUI has put into registers.
    let mut upper = [None; 32];
    for word in words {
        let field = |shift: u32| (word >> shift & 31) as usize;
        let (rs, rt, rd) = (field(21), field(16), field(11));
        match word >> 26 {
            LUI => upper[rt] = Some(word << 16),
            LW => {
                let offset = i32::from(word as u16 as i16) as u32;
                return upper[rs].map(|base: u32| base.wrapping_add(offset));
            }
            // An index, which is 0 on the one CPU that there is.
            0 if word & 0x7ff == ADDU => upper[rd] = upper[rs].xor(upper[rt]),
            0 => upper[rd] = None,
            _ => upper[rt] = None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const LUI_K1: u32 = 0x3c1b_8095;
    const MFC0_K0: u32 = 0x401a_4000;

    #[test]
    fn the_load_of_the_page_table_is_found() {
        let lw_k1 = 0x8f7b_f00c;
        assert_eq!(loaded_from([LUI_K1, MFC0_K0, lw_k1]), Some(0x8094_f00c));
    }

    #[test]
    fn an_index_by_cpu_does_not_hide_it() {
        // mfc0 k0, Context; lui k1; srl k0, k0, 23; addu k0, k1, k0; mfc0 k1, BadVAddr; lw k0, 8(k0)
        let words = [
            0x401a_2000,
            LUI_K1,
            0x001a_d5c2,
            0x037a_d021,
            0x401b_4000,
            0x8f5a_0008,
        ];
        assert_eq!(loaded_from(words), Some(0x8095_0008));
    }

    #[test]
    fn other_code_loads_no_page_table() {
        assert_eq!(loaded_from([]), None);
        assert_eq!(loaded_from([0; 16]), None);
        // A load through a register that came from elsewhere.
        assert_eq!(loaded_from([LUI_K1, 0x8f5b_0000]), None);
        assert_eq!(loaded_from([LUI_K1, 0x401b_2000, 0x8f7b_0000]), None);
    }
}
