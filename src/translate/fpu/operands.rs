//! Which parts of the FPU's registers an instruction reads and writes.

use super::Format;
use crate::isa::{self, Access, Fields, Insn, Operand};
use mirrorball_runtime::cpu::Cpu;
use std::mem::offset_of;

/// A part of a 64-bit slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// All of it.
    Whole,
    /// The less significant half.
    Low,
    /// The other half.
    High,
}

/// Where a register's value lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// The slot: see [`Cpu::fpr`].
    pub slot: usize,
    pub part: Part,
}

impl Place {
    /// Another part of the slot.
    pub fn part(self, part: Part) -> Self {
        Self { part, ..self }
    }

    /// The offset in the CPU.
    pub fn offset(self) -> usize {
        let little = cfg!(target_endian = "little");
        let within = match self.part {
            Part::Low if !little => 4,
            Part::High if little => 4,
            _ => 0,
        };
        offset_of!(Cpu, fpr) + self.slot * 8 + within
    }
}

/// Where register `n` lies, as a number of a format.
pub fn place(fr: bool, format: Format, n: u32) -> Place {
    let (n, pair) = (n as usize, n as usize & !1);
    let (slot, part) = match (format, fr) {
        (Format::S, true) => (n, Part::Low),
        (Format::S, false) if n & 1 == 0 => (n, Part::Low),
        (Format::S, false) => (pair, Part::High),
        (Format::D, true) => (n, Part::Whole),
        (Format::D, false) => (pair, Part::Whole),
    };
    Place { slot, part }
}

/// Where register `n` lies, as an operand that an instruction names.
fn operand(fr: bool, format: isa::Format, n: u32) -> Place {
    let place = place(fr, Format::of(format), n);
    match format {
        isa::Format::H => place.part(Part::High),
        _ => place,
    }
}

/// The parts of the FPU's registers that an instruction accesses like this.
fn accessed(
    insn: Insn,
    fields: Fields,
    fr: bool,
    like: fn(Access) -> bool,
) -> impl Iterator<Item = Place> {
    let operands = insn.info().operands.iter();
    operands.filter_map(move |operand| match *operand {
        Operand::Fpr(access, field, format) if like(access) => {
            Some(self::operand(fr, format, field.of(fields)))
        }
        _ => None,
    })
}

/// The part of the FPU's registers that an instruction writes.
pub fn written(insn: Insn, fields: Fields, fr: bool) -> Option<Place> {
    accessed(insn, fields, fr, Access::writes).next()
}

/// The parts of the FPU's registers that an instruction reads.
pub fn read(insn: Insn, fields: Fields, fr: bool) -> impl Iterator<Item = Place> {
    accessed(insn, fields, fr, Access::reads)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::decode;

    fn parts(word: u32, fr: bool) -> (Option<Place>, Vec<Place>) {
        let insn = decode(word).unwrap();
        let fields = Fields(word);
        (written(insn, fields, fr), read(insn, fields, fr).collect())
    }

    fn at(slot: usize, part: Part) -> Place {
        Place { slot, part }
    }

    #[test]
    fn singles_are_halves_of_pairs_unless_fr_is_set() {
        // add.s $f3, $f2, $f5
        let add = 0x4605_10c0;
        let (written, read) = parts(add, false);
        assert_eq!(written, Some(at(2, Part::High)));
        assert_eq!(read, [at(2, Part::Low), at(4, Part::High)]);
        let (written, read) = parts(add, true);
        assert_eq!(written, Some(at(3, Part::Low)));
        assert_eq!(read, [at(2, Part::Low), at(5, Part::Low)]);
    }

    #[test]
    fn conversions_read_one_width_and_write_another() {
        // cvt.d.w $f4, $f6
        let (written, read) = parts(0x4680_3121, false);
        assert_eq!(written, Some(at(4, Part::Whole)));
        assert_eq!(read, [at(6, Part::Low)]);
        // trunc.w.d $f4, $f6
        let (written, read) = parts(0x4620_310d, false);
        assert_eq!(written, Some(at(4, Part::Low)));
        assert_eq!(read, [at(6, Part::Whole)]);
    }

    #[test]
    fn moves_and_memory_accesses_do_as_they_say() {
        // mtc1 $4, $f7; mthc1 $4, $f6; mfhc1 $4, $f6; ldc1 $f2, 0($4); sdc1 $f2, 0($4)
        assert_eq!(parts(0x4484_3800, false), (Some(at(6, Part::High)), vec![]));
        assert_eq!(parts(0x44e4_3000, false), (Some(at(6, Part::High)), vec![]));
        assert_eq!(parts(0x4464_3000, false), (None, vec![at(6, Part::High)]));
        assert_eq!(
            parts(0xd482_0000, false),
            (Some(at(2, Part::Whole)), vec![])
        );
        assert_eq!(parts(0xf482_0000, false), (None, vec![at(2, Part::Whole)]));
        // addiu $4, $4, 1
        assert_eq!(parts(0x2484_0001, false), (None, vec![]));
    }
}
