//! The search for where two machines part.

use mirrorball_runtime::addr::Va;
use mirrorball_runtime::exit::Outcome;
use mirrorball_runtime::vm::Vm;

use super::pair::Pair;
use super::side::BisectError;
use crate::state::{Difference, around, task, word_at};

/// The instructions before and behind the one at which machines part that are shown.
const SHOWN: (u32, u32) = (4, 2);

/// How to search.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How many instructions run between two comparisons on the way.
    pub every: u64,
    /// Where the search ends.
    pub end: u64,
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// After how many instructions.
    pub count: u64,
    /// Whether the machines differed.
    pub differs: bool,
}

/// How one machine went on with the instruction at which they part.
#[derive(Clone, Debug)]
pub struct Step {
    /// Where it goes on.
    pub pc: u32,
    /// The exception or interrupt that it took.
    pub exception: Option<String>,
    /// Why it has ended, if it has.
    pub ended: Option<Outcome>,
}

/// Where two machines part.
#[derive(Clone, Debug)]
pub struct Parting {
    /// The instructions that run before: after these they are alike. `None` if they never were.
    pub alike: Option<u64>,
    /// What runs then.
    pub task: String,
    /// The code around the next instruction.
    pub code: String,
    /// How each goes on.
    pub steps: [Step; 2],
    /// What they have otherwise then.
    pub difference: Difference,
}

/// What came of a search.
#[derive(Clone, Debug)]
pub enum Found {
    /// No difference in so many instructions; then the machines ended like this, if they did.
    Alike(u64, Option<Outcome>),
    /// A difference.
    Parting(Box<Parting>),
    /// There was a difference after the second count, and the first is the last after which there was
    /// none; but when they ran there once more, there was none either.
    Unsteady(u64, u64),
}

/// Searches for where the machines part. Tells `log` of each comparison.
///
/// # Errors
/// If the host fails, or the engine of a machine does.
pub fn search(
    pair: &mut Pair,
    plan: Plan,
    log: &mut dyn FnMut(Probe),
) -> Result<Found, BisectError> {
    let mut probe = |pair: &Pair, count| {
        let differs = pair.differs();
        log(Probe { count, differs });
        differs
    };
    if probe(pair, pair.count()) {
        let parting = Parting::of(pair, None);
        return Ok(Found::Parting(Box::new(parting)));
    }
    let (mut low, mut high) = loop {
        let low = pair.count();
        if pair.has_ended() || low >= plan.end {
            return Ok(Found::Alike(low, pair.sides[0].ended));
        }
        pair.keep();
        let high = low.saturating_add(plan.every).min(plan.end);
        pair.run_to(high)?;
        if probe(pair, high) {
            break (low, high);
        }
    };
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        pair.return_to(low)?;
        pair.run_to(middle)?;
        if probe(pair, middle) {
            high = middle;
            continue;
        }
        low = pair.count().max(middle);
        if low >= high {
            return Ok(Found::Unsteady(low, high));
        }
        pair.keep();
    }
    part(pair, low)
}

/// Has the machines, which are alike after `low` instructions, run the next one.
fn part(pair: &mut Pair, low: u64) -> Result<Found, BisectError> {
    pair.return_to(low)?;
    let (code, task) = (code(pair), task(&pair.sides[0].vm));
    let before = pair.sides.each_ref().map(|side| side.vm.exceptions_taken());
    pair.run_to(low + 1)?;
    if !pair.differs() {
        return Ok(Found::Unsteady(low, low + 1));
    }
    let mut parting = Parting::of(pair, Some(low));
    (parting.code, parting.task) = (code, task);
    for (index, step) in parting.steps.iter_mut().enumerate() {
        let vm = &pair.sides[index].vm;
        let taken = vm.exceptions_taken() > before[index];
        let exception = vm.cpu.last_exception().filter(|_| taken);
        step.exception = exception.map(|exception| format!("{exception:?}"));
    }
    Ok(Found::Parting(Box::new(parting)))
}

/// The code around the next instruction, from the machine in whose TLB it is.
fn code(pair: &Pair) -> String {
    let mapped = |vm: &Vm| word_at(vm, Va(vm.cpu.pc)).is_some();
    let [a, b] = pair.sides.each_ref().map(|side| &*side.vm);
    let vm = if mapped(b) && !mapped(a) { b } else { a };
    around(vm, SHOWN.0, SHOWN.1)
}

impl Parting {
    /// The machines as they are.
    fn of(pair: &Pair, alike: Option<u64>) -> Self {
        let vm = &pair.sides[0].vm;
        Self {
            alike,
            task: task(vm),
            code: code(pair),
            steps: pair.sides.each_ref().map(|side| Step {
                pc: side.vm.cpu.pc as u32,
                exception: None,
                ended: side.ended,
            }),
            difference: pair.difference(),
        }
    }
}
