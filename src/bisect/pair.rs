//! Two machines that run side by side.

use std::thread;

use super::side::{BisectError, Side};
use crate::machine::MachineSpec;
use crate::state::{Difference, Scope, differ};

/// Two machines that run side by side.
pub struct Pair {
    /// The machines.
    pub sides: [Side; 2],
    scope: Scope,
}

/// Whether two machines have in common without which they are never alike.
fn fit(a: &MachineSpec, b: &MachineSpec) -> Result<(), BisectError> {
    let facts = |spec: &MachineSpec| {
        let order = ["little-endian", "big-endian"][usize::from(spec.image.big_endian)];
        [
            ("the CPU", spec.cpu.name.to_owned()),
            ("memory", spec.memory.to_string()),
            ("the byte order", order.to_owned()),
        ]
    };
    for ((what, a), (_, b)) in facts(a).into_iter().zip(facts(b)) {
        if a != b {
            let values = [a, b];
            return Err(BisectError::Machines { what, values });
        }
    }
    Ok(())
}

impl Pair {
    /// The machines that `specs` describe, as far as the one that has run further when it begins. About
    /// `history` bytes are kept of the past of each. They are compared by `scope`.
    ///
    /// # Errors
    /// If they cannot be compared, or the host does not give what they need.
    pub fn start(
        specs: &[MachineSpec; 2],
        scope: Scope,
        history: u64,
    ) -> Result<Self, BisectError> {
        let [a, b] = specs;
        fit(a, b)?;
        let sides = [Side::start("a", a, history)?, Side::start("b", b, history)?];
        let mut pair = Self { sides, scope };
        pair.run_to(pair.count())?;
        Ok(pair)
    }

    /// How many instructions the machine has run that has run more.
    #[must_use]
    pub fn count(&self) -> u64 {
        let [a, b] = &self.sides;
        a.count().max(b.count())
    }

    /// Runs both until `count` instructions have run.
    ///
    /// # Errors
    /// If the host fails, or the engine of a machine does.
    pub fn run_to(&mut self, count: u64) -> Result<(), BisectError> {
        let [a, b] = &mut self.sides;
        thread::scope(|scope| {
            scope.spawn(|| a.run_to(count));
            b.run_to(count);
        });
        self.sides.iter().try_for_each(Side::check)
    }

    /// Keeps both as they are now, to return to.
    pub fn keep(&mut self) {
        for side in &mut self.sides {
            side.vm.make_checkpoint();
        }
    }

    /// Returns to where `count` instructions had run.
    ///
    /// # Errors
    /// If that is not kept any more.
    pub fn return_to(&mut self, count: u64) -> Result<(), BisectError> {
        for side in &mut self.sides {
            if !side.return_to(count) {
                let why = "its past is not kept any more; give more --history".to_owned();
                let name = side.name;
                return Err(BisectError::Failed { name, why });
            }
        }
        self.sides.iter().try_for_each(Side::check)
    }

    /// Whether they differ, or one has ended and the other has not.
    #[must_use]
    pub fn differs(&self) -> bool {
        let [a, b] = &self.sides;
        a.ended != b.ended || differ(&a.vm, &b.vm, self.scope)
    }

    /// Whether both have ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.sides.iter().all(|side| side.ended.is_some())
    }

    /// What they have otherwise.
    #[must_use]
    pub fn difference(&self) -> Difference {
        let [a, b] = &self.sides;
        Difference::of(&a.vm, &b.vm)
    }
}
