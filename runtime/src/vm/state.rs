//! The state of a machine as one number, and as text: what two runs must agree on.

use super::Vm;
use crate::addr::{PAGE_SIZE, Pa};
use crate::memory::share::is_zero;
use std::borrow::Cow;
use std::fmt::Write;
use std::hash::{Hash, Hasher};
use xxhash_rust::xxh3::Xxh3;

impl Vm {
    /// A hash of the CPU's registers and of all memory. A page that was never touched counts as
    /// one of zeros.
    #[must_use]
    pub fn state_hash(&self) -> u64 {
        let mut hasher = Xxh3::new();
        self.hash_registers(&mut hasher);
        for (pa, page) in self.pmap.touched() {
            let content = self.content(page).filter(|content| !is_zero(content));
            if let Some(content) = content {
                pa.0.hash(&mut hasher);
                hasher.write(&*content);
            }
        }
        hasher.finish()
    }

    /// Feeds everything that the CPU is to `hasher`.
    pub fn hash_registers(&self, hasher: &mut impl Hasher) {
        let cpu = &self.cpu;
        cpu.gpr[..32].hash(hasher);
        (cpu.hi, cpu.lo, cpu.pc).hash(hasher);
        (cpu.fcsr.0, cpu.fpr).hash(hasher);
        (cpu.ll_bit, cpu.ll_value, self.linked()).hash(hasher);
        cpu.cp0.hash(hasher);
        self.tlb.hash(hasher);
        if !self.second.is_empty() {
            self.second.hash(hasher);
        }
        cpu.now(0).hash(hasher);
    }

    /// The first difference between the CPUs of two machines, as a line of text.
    #[must_use]
    pub fn compare_cpu(&self, other: &Vm) -> Option<String> {
        let (a, b) = (&self.cpu, &other.cpu);
        let words = [
            ("pc", a.pc, b.pc),
            ("hi", a.hi, b.hi),
            ("lo", a.lo, b.lo),
            ("fcsr", u64::from(a.fcsr.0), u64::from(b.fcsr.0)),
            ("ll bit", u64::from(a.ll_bit), u64::from(b.ll_bit)),
            ("ll value", u64::from(a.ll_value), u64::from(b.ll_value)),
            ("ll address", a.ll_address.0, b.ll_address.0),
            ("cycle", a.now(0).0, b.now(0).0),
        ];
        let mut text = String::new();
        let mut note = |name: &str, a: u64, b: u64| {
            if a != b {
                let _ = write!(text, "{name}: {a:#x} against {b:#x}; ");
            }
        };
        for (name, a, b) in words {
            note(name, a, b);
        }
        if a.gpr[..32] != b.gpr[..32] || a.fpr != b.fpr {
            for n in 0..32 {
                note(&format!("${n}"), a.gpr[n], b.gpr[n]);
                note(&format!("$f{n}"), a.fpr[n], b.fpr[n]);
            }
        }
        if a.cp0 != b.cp0 {
            let _ = write!(text, "cp0: {:x?} against {:x?}; ", a.cp0, b.cp0);
        }
        if self.tlb != other.tlb {
            let _ = write!(text, "tlb: {:x?} against {:x?}; ", self.tlb, other.tlb);
        }
        if self.second != other.second {
            let _ = write!(text, "the second levels of the TLB differ; ");
        }
        (!text.is_empty()).then_some(text)
    }

    /// The first place among `places` where the memories of two machines differ.
    #[must_use]
    pub fn compare_memory(&self, other: &Vm, places: &[(Pa, u8)]) -> Option<String> {
        places.iter().find_map(|&(pa, size)| {
            let (mut a, mut b) = ([0; 8], [0; 8]);
            self.read_physical(pa, &mut a[..usize::from(size)]);
            other.read_physical(pa, &mut b[..usize::from(size)]);
            (a != b).then(|| format!("memory at {pa}, {size} bytes: {a:02x?} against {b:02x?}"))
        })
    }

    /// The first page where the memories of two machines differ.
    #[must_use]
    pub fn compare_all_memory(&self, other: &Vm) -> Option<String> {
        const ZEROS: [u8; PAGE_SIZE as usize] = [0; PAGE_SIZE as usize];
        let content = |vm: &Vm, pa| {
            let page = vm.pmap.page(pa)?;
            vm.content(page).map(Cow::into_owned)
        };
        let pages = self.pmap.touched().chain(other.pmap.touched());
        for (pa, _) in pages {
            let a = content(self, pa).unwrap_or(ZEROS);
            let b = content(other, pa).unwrap_or(ZEROS);
            if let Some(at) = a.iter().zip(&b).position(|(a, b)| a != b) {
                return Some(format!(
                    "memory at {}: {:02x} against {:02x}",
                    Pa(pa.0 + at as u64),
                    a[at],
                    b[at]
                ));
            }
        }
        None
    }

    /// A second machine in the same state.
    ///
    /// # Errors
    /// When the host has no memory for it.
    pub fn twin(&self) -> Result<Box<Vm>, crate::memory::machine::MachineMemoryError> {
        let mut twin = Vm::new(self.config.clone())?;
        for (pa, page) in self.pmap.touched() {
            if let Some(content) = self.content(page) {
                twin.write_physical(pa, &*content);
            }
        }
        let (from, to) = (&self.cpu, &mut twin.cpu);
        (to.gpr, to.hi, to.lo, to.pc) = (from.gpr, from.hi, from.lo, from.pc);
        (to.fpr, to.fcsr, to.cp0) = (from.fpr, from.fcsr, from.cp0.clone());
        (to.left, to.horizon, to.skipped) = (from.left, from.horizon, from.skipped);
        twin.tlb.clone_from(&self.tlb);
        twin.second.clone_from(&self.second);
        twin.given.clone_from(&self.given);
        // With what was typed and is still on its way to the guest.
        twin.board = self.board.clone();
        twin.typed.clone_from(&self.typed);
        twin.cpu.stop = 0;
        twin.select_space();
        Ok(twin)
    }
}
