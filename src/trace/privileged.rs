//! The privileged instructions that an operating system executes, and what executes them:
//! translated code alone, or the monitor.

use std::collections::BTreeMap;

use mirrorball_runtime::cpu::model::Model;

use crate::isa::{Fields, Insn, Operand, Unit, decode};
use crate::translate::done_alone;

/// The names of CP0 registers, as the manual has them; select 0.
const CP0: [&str; 32] = [
    "Index", "Random", "EntryLo0", "EntryLo1", "Context", "PageMask", "Wired", "HWREna",
    "BadVAddr", "Count", "EntryHi", "Compare", "Status", "Cause", "EPC", "PRId", "Config",
    "LLAddr", "WatchLo", "WatchHi", "$20", "$21", "$22", "Debug", "DEPC", "PerfCnt", "ErrCtl",
    "CacheErr", "TagLo", "TagHi", "ErrorEPC", "DESAVE",
];

/// A privileged instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Privileged {
    insn: Insn,
    fields: Fields,
}

impl Privileged {
    /// `word` as a privileged instruction, if it is one.
    #[must_use]
    pub fn of(word: u32) -> Option<Self> {
        let insn = decode(word)?;
        let fields = Fields(word);
        (insn.info().unit == Unit::Cop0).then_some(Self { insn, fields })
    }

    /// TLBWR (true) or TLBWI.
    #[must_use]
    pub fn tlb_write(self) -> Option<bool> {
        match self.insn {
            Insn::Tlbwr => Some(true),
            Insn::Tlbwi => Some(false),
            _ => None,
        }
    }

    /// Its name, with that of its register.
    #[must_use]
    pub fn name(self) -> String {
        let info = self.insn.info();
        let mnemonic = info.mnemonic;
        if !info.takes(Operand::Selected) {
            return mnemonic.to_owned();
        }
        match (self.fields.rd(), self.fields.select()) {
            (15, 1) => format!("{mnemonic} EBase"),
            (12, 1) => format!("{mnemonic} IntCtl"),
            (register, 0) => format!("{mnemonic} {}", CP0[register as usize]),
            (register, select) => format!("{mnemonic} {},{select}", CP0[register as usize]),
        }
    }
}

/// How often an operating system executed which privileged instruction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Those that translated code does by itself.
    pub alone: BTreeMap<String, u64>,
    /// Those that the monitor sees to.
    pub emulated: BTreeMap<String, u64>,
}

impl Tally {
    /// Counts an instruction. `consequence` says that it led to more than another value in a
    /// register: another mode or address space, or something to be served.
    pub fn note(&mut self, model: &Model, instruction: Privileged, consequence: bool) {
        let alone = done_alone(model, instruction.insn, instruction.fields) && !consequence;
        let counts = if alone {
            &mut self.alone
        } else {
            &mut self.emulated
        };
        *counts.entry(instruction.name()).or_default() += 1;
    }

    /// All of them, whatever did them.
    #[must_use]
    pub fn all(&self) -> BTreeMap<String, u64> {
        let mut all = self.alone.clone();
        for (name, count) in &self.emulated {
            *all.entry(name.clone()).or_default() += count;
        }
        all
    }

    /// How many there are: done by translated code alone, and by the monitor.
    #[must_use]
    pub fn totals(&self) -> [u64; 2] {
        [&self.alone, &self.emulated].map(|counts| counts.values().sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MFC0_K0_EPC: u32 = 0x401a_7000;
    const MTC0_K0_STATUS: u32 = 0x409a_6000;
    const MFC0_K0_RANDOM: u32 = 0x401a_0800;
    const TLBWR: u32 = 0x4200_0006;

    #[test]
    fn translated_code_does_moves_alone_unless_more_follows() {
        let model = Model::find("24Kf").unwrap();
        let mut tally = Tally::default();
        for (word, consequence) in [
            (MFC0_K0_EPC, false),
            (MFC0_K0_EPC, false),
            (MTC0_K0_STATUS, false),
            (MTC0_K0_STATUS, true),
            (MFC0_K0_RANDOM, false),
            (TLBWR, false),
        ] {
            tally.note(model, Privileged::of(word).unwrap(), consequence);
        }
        let alone: Vec<_> = tally.alone.iter().map(|(k, &v)| (k.as_str(), v)).collect();
        assert_eq!(alone, [("mfc0 EPC", 2), ("mtc0 Status", 1)]);
        let emulated: Vec<_> = tally.emulated.keys().map(String::as_str).collect();
        assert_eq!(emulated, ["mfc0 Random", "mtc0 Status", "tlbwr"]);
        assert_eq!(tally.totals(), [3, 3]);
    }

    #[test]
    fn what_a_process_may_execute_is_not_privileged() {
        assert_eq!(Privileged::of(0), None);
        assert_eq!(Privileged::of(0x0000_000c), None, "syscall");
        assert_eq!(Privileged::of(u32::MAX), None);
        assert_eq!(Privileged::of(TLBWR).unwrap().tlb_write(), Some(true));
    }
}
