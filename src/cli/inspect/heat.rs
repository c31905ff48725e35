//! How often the instructions of a block ran at the end of a run.

use mirrorball_runtime::addr::{Pa, Va};
use mirrorball_runtime::exit::Outcome;
use mirrorball_runtime::vm::host::Host;
use mirrorball_runtime::vm::{Engine, Vm};
use rustc_hash::FxHashMap;

/// The instructions at the end of a run that are counted.
const LAST: u64 = 100_000;

/// How often the instructions of a block ran.
pub(super) struct Heat {
    /// Each of them.
    pub counts: Vec<u64>,
    /// Of how many instructions.
    pub of: u64,
}

/// How often each instruction ran, by its place in memory.
pub(super) struct Counts {
    places: FxHashMap<Pa, u64>,
    of: u64,
}

impl Counts {
    /// Runs a machine until `at` instructions have run, and counts the last of them. Says how that ended,
    /// too.
    pub fn of_run(
        vm: &mut Vm,
        engine: &mut dyn Engine,
        host: &mut dyn Host,
        at: u64,
    ) -> (Outcome, Self) {
        let mut outcome = vm.run(engine, host, at.saturating_sub(LAST).max(vm.cpu.retired()));
        let start = vm.cpu.retired();
        let mut places = FxHashMap::default();
        while outcome == Outcome::Limit && vm.cpu.retired() < at {
            let (place, before) = (vm.cpu.place(Va(vm.cpu.pc)), vm.cpu.retired());
            outcome = vm.run(engine, host, before + 1);
            // A branch may come with its delay slot.
            let ran = (vm.cpu.retired() - before).min(2);
            for place in place
                .iter()
                .flat_map(|place| (0..ran).map(|n| Pa(place.0 + 4 * n)))
            {
                *places.entry(place).or_default() += 1;
            }
        }
        let of = vm.cpu.retired() - start;
        (outcome, Self { places, of })
    }

    /// Those of the block of so many instructions that is at `place`.
    pub fn block(&self, place: Pa, instructions: usize) -> Heat {
        let at = |number: usize| Pa(place.0 + 4 * number as u64);
        let counts = (0..instructions).map(|number| self.places.get(&at(number)).copied());
        Heat {
            counts: counts.map(Option::unwrap_or_default).collect(),
            of: self.of,
        }
    }
}
