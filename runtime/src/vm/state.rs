//! The state of a machine as one number, and as text: what two runs must agree on.

use super::Vm;
use crate::addr::{PAGE_SIZE, Pa};
use crate::exit::Outcome;
use crate::memory::share::is_zero;
use crate::memory::{Ram, differing};
use crate::vcpu::Vcpu;
use std::fmt::Write;
use std::hash::{Hash, Hasher};
use xxhash_rust::xxh3::Xxh3;

/// A hash of the CPU's registers and of all memory. A page that was never touched counts as one of
/// zeros.
#[must_use]
pub fn hash(vm: &Vm) -> u64 {
    let mut hasher = Xxh3::new();
    hash_registers(&vm.cpu, &mut hasher);
    for (pa, content) in vm.ram.contents() {
        if let Some(content) = content.filter(|content| !is_zero(content)) {
            pa.0.hash(&mut hasher);
            hasher.write(&*content);
        }
    }
    hasher.finish()
}

/// How a machine ends that has come to `outcome`, once its [`hash`] was taken: what is read then may be
/// what the host has lost.
#[must_use]
pub fn outcome_after(vm: &Vm, outcome: Outcome) -> Outcome {
    match vm.ram.failure() {
        Some(_) => Outcome::HostFailure,
        None => outcome,
    }
}

/// Feeds everything that the CPU is to `hasher`.
pub fn hash_registers(cpu: &Vcpu, hasher: &mut impl Hasher) {
    hash_timeless(cpu, hasher);
    if !cpu.second.is_empty() {
        cpu.second.hash(hasher);
    }
    cpu.now(0).hash(hasher);
}

/// Feeds what software can see of the CPU to `hasher`: all but the second level of its TLB.
pub fn hash_visible(cpu: &Vcpu, hasher: &mut impl Hasher) {
    hash_timeless(cpu, hasher);
    cpu.now(0).hash(hasher);
}

fn hash_timeless(cpu: &Vcpu, hasher: &mut impl Hasher) {
    cpu.gpr[..32].hash(hasher);
    (cpu.hi, cpu.lo, cpu.pc).hash(hasher);
    (cpu.fcsr.0, cpu.fpr).hash(hasher);
    (cpu.ll_bit, cpu.ll_value, cpu.linked()).hash(hasher);
    cpu.cp0.hash(hasher);
    if cpu.bad_beyond != 0 {
        cpu.bad_beyond.hash(hasher);
    }
    cpu.tlb.hash(hasher);
}

/// The first difference between two CPUs, as a line of text.
#[must_use]
pub fn compare_cpu(a: &Vcpu, b: &Vcpu) -> Option<String> {
    let words = [
        ("pc", a.pc, b.pc),
        ("hi", a.hi, b.hi),
        ("lo", a.lo, b.lo),
        ("fcsr", u64::from(a.fcsr.0), u64::from(b.fcsr.0)),
        ("ll bit", u64::from(a.ll_bit), u64::from(b.ll_bit)),
        ("ll value", u64::from(a.ll_value), u64::from(b.ll_value)),
        ("ll address", a.ll_address.0, b.ll_address.0),
        ("badvaddr beyond", a.bad_beyond.into(), b.bad_beyond.into()),
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
    if a.tlb != b.tlb {
        let _ = write!(text, "tlb: {:x?} against {:x?}; ", a.tlb, b.tlb);
    }
    if a.second != b.second {
        let _ = write!(text, "the second levels of the TLB differ; ");
    }
    (!text.is_empty()).then_some(text)
}

/// The first place among `places` where two memories differ.
#[must_use]
pub fn compare_memory(a: &Ram, b: &Ram, places: &[(Pa, u8)]) -> Option<String> {
    places.iter().find_map(|&(pa, size)| {
        let (mut left, mut right) = ([0; 8], [0; 8]);
        a.read_physical(pa, &mut left[..usize::from(size)]);
        b.read_physical(pa, &mut right[..usize::from(size)]);
        (left != right)
            .then(|| format!("memory at {pa}, {size} bytes: {left:02x?} against {right:02x?}"))
    })
}

/// The first byte where two memories differ.
#[must_use]
pub fn compare_all_memory(a: &Ram, b: &Ram) -> Option<String> {
    let page = differing(a, b).next()?;
    let (mut left, mut right) = ([0; PAGE_SIZE as usize], [0; PAGE_SIZE as usize]);
    a.read_physical(page, &mut left);
    b.read_physical(page, &mut right);
    let at = left.iter().zip(&right).position(|(a, b)| a != b)?;
    Some(format!(
        "memory at {}: {:02x} against {:02x}",
        Pa(page.0 + at as u64),
        left[at],
        right[at]
    ))
}
