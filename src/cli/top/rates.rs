//! What happened a second, out of two looks at the counters.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::control::VmStatus;

/// What a VM did between two looks.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Rates {
    /// Of one host thread: 1 is all of it.
    pub cpu: f64,
    /// Millions of instructions a second in which it ran, as everywhere.
    pub mips: f64,
    /// Returns from the engine a second, by reason.
    pub exits: BTreeMap<String, f64>,
    /// TLB refills and misses of the software TLB a second.
    pub tlb: f64,
}

impl Rates {
    /// What happened between `before` and `now`, `time` apart. Counters that went back started
    /// anew.
    pub fn between(before: &VmStatus, now: &VmStatus, time: Duration) -> Self {
        let seconds = time.as_secs_f64().max(f64::MIN_POSITIVE);
        let rate = |before: u64, now: u64| now.saturating_sub(before) as f64 / seconds;
        let exits = now.exits.iter().map(|(reason, &count)| {
            let past = before.exits.get(reason).copied().unwrap_or(0);
            (reason.clone(), rate(past, count))
        });
        let ran = (now.cpu_seconds - before.cpu_seconds).max(0.0);
        let mips = now.instructions.saturating_sub(before.instructions) as f64 / 1e6 / ran;
        Self {
            cpu: ran / seconds,
            mips: if ran > 0.0 { mips } else { 0.0 },
            exits: exits.collect(),
            tlb: rate(
                before.tlb_refills + before.soft_tlb_misses,
                now.tlb_refills + now.soft_tlb_misses,
            ),
        }
    }

    /// All exits a second.
    pub fn all_exits(&self) -> f64 {
        self.exits.values().sum()
    }
}
