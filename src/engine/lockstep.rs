//! Lockstep: the JIT, checked against the interpreter block by block.
//!
//! Two machines run the same guest. The one that the world sees is executed by the JIT; a twin is
//! interpreted. After every block, or after a longer stride, the CPUs must agree, and so must
//! memory wherever the twin has stored; from time to time all of memory is compared, for stores of
//! the JIT that went to a wrong place. Where rounds of a loop are skipped, the twin runs them all.

use super::{Interpreter, Jit, spin};
use crate::cache::blocks::BlocksError;
use mirrorball_runtime::addr::Va;
use mirrorball_runtime::clock::Cycles;
use mirrorball_runtime::exit::Exit;
use mirrorball_runtime::vm::debug::{self, Edit};
use mirrorball_runtime::vm::state;
use mirrorball_runtime::vm::{Engine, Spin, Vm};
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The most blocks that a report shows.
const SHOWN: usize = 8;

/// Cycles between two comparisons of all memory.
const SWEEP: u64 = 1 << 26;

/// Cycles of skipped rounds between two looks at what they stored.
const ROUNDS: u64 = 1 << 16;

/// The lockstep engine.
pub struct Lockstep {
    jit: Jit,
    stride: u64,
    interpreter: Interpreter,
    twin: Option<Box<Vm>>,
    next_sweep: u64,
    /// The addresses of the blocks that ran since the last comparison.
    path: Vec<u32>,
    /// What was compared.
    pub counters: LockstepCounters,
    difference: Option<String>,
}

/// What lockstep execution counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct LockstepCounters {
    /// Comparisons of the CPUs.
    pub comparisons: u64,
    /// Stores compared.
    pub stores: u64,
    /// Comparisons of all memory.
    pub sweeps: u64,
}

impl Lockstep {
    /// Lockstep execution with this JIT, which must be new. The two are compared after every
    /// block, or, if `stride` is not 0, after so many instructions: then what lies between blocks
    /// takes part, too, links and regions above all.
    ///
    /// # Errors
    /// As [`Interpreter::new`].
    pub fn new(jit: Jit, stride: u64) -> Result<Self, BlocksError> {
        Ok(Self {
            jit,
            stride,
            interpreter: Interpreter::new()?,
            twin: None,
            next_sweep: SWEEP,
            path: Vec::new(),
            counters: LockstepCounters::default(),
            difference: None,
        })
    }

    /// The JIT.
    #[must_use]
    pub fn jit(&self) -> &Jit {
        &self.jit
    }

    /// The difference that ended the execution, with both disassemblies.
    #[must_use]
    pub fn difference(&self) -> Option<&str> {
        self.difference.as_deref()
    }

    /// Runs both machines one step and compares them.
    fn step(&mut self, vm: &mut Vm, twin: &mut Vm) -> Result<Option<Exit>, String> {
        let horizon = vm.cpu.horizon;
        let shortages = vm.ram.shortages();
        let exit = match self.stride {
            0 => self.jit.step(vm),
            stride => {
                let now = vm.cpu.now(0).0;
                vm.cpu.set_horizon(Cycles(horizon.min(now + stride)));
                self.jit.run(vm)
            }
        };
        if vm.ram.failure().is_some() {
            // The twin would go on.
            return Ok(Some(exit));
        }
        // The twin gets the JIT's horizon, not the cycle that the JIT came to, which can be one
        // later: a device's new deadline stops an engine if it is nearer than the horizon.
        twin.cpu.set_horizon(Cycles(vm.cpu.horizon));
        // The twin's memory is its own: what stops the other for want of memory it does not meet.
        let starved = vm.ram.shortages() != shortages;
        // Nor does it have a debugger that stops it.
        let alone = exit == Exit::Stop && (starved || vm.cpu.stops.is_met());
        if alone {
            twin.cpu.set_horizon(vm.cpu.now(0));
        }
        // A deadline that is new and was beyond the step's horizon stopped neither engine.
        let next = horizon.min(vm.next_event());
        vm.cpu.set_horizon(Cycles(next));
        let now = vm.cpu.now(0);
        self.path.clear();
        let expected = self.interpreter.run_noting(twin, |pc| self.path.push(pc));
        self.counters.comparisons += 1;
        if vm.cpu.stops.is_met_in_slot() {
            // Here the branch has linked already. It will do so again, in both.
            twin.cpu.gpr = vm.cpu.gpr;
        }
        if let Some(difference) = state::compare_cpu(&vm.cpu, &twin.cpu) {
            return Err(difference);
        }
        if exit != expected && !(alone && expected == Exit::Horizon) {
            return Err(format!(
                "the JIT left with {exit:?}, the interpreter with {expected:?}"
            ));
        }
        let stores = twin.ram.take_written();
        self.counters.stores += stores.len() as u64;
        if let Some(difference) = state::compare_memory(&vm.ram, &twin.ram, &stores) {
            return Err(difference);
        }
        if now.0 >= self.next_sweep {
            self.next_sweep = now.0 + SWEEP;
            self.sweep(vm, twin)?;
        }
        Ok((exit != Exit::Horizon).then_some(exit))
    }

    /// A machine to compare `vm` with, and an interpreter that knows no other.
    fn new_twin(&mut self, vm: &mut Vm) -> Result<Box<Vm>, String> {
        self.interpreter = Interpreter::new().map_err(|error| error.to_string())?;
        self.next_sweep = vm.cpu.now(0).0 + SWEEP;
        let none = |error| format!("no memory for the machine to compare with: {error}");
        vm.twin().map_err(none)
    }

    fn sweep(&mut self, vm: &Vm, twin: &Vm) -> Result<(), String> {
        self.counters.sweeps += 1;
        state::compare_all_memory(&vm.ram, &twin.ram).map_or(Ok(()), Err)
    }

    fn report(&mut self, vm: &Vm, difference: &str) -> Exit {
        let mut text = format!(
            "JIT against interpreter, {} instructions in:\n  {difference}\n",
            vm.cpu.retired()
        );
        let mut shown: Vec<u32> = Vec::new();
        for &pc in self.path.iter().rev() {
            if shown.len() < SHOWN && !shown.contains(&pc) {
                shown.push(pc);
            }
        }
        if !shown.is_empty() {
            let count = self.path.len();
            let _ = writeln!(text, "blocks since they agreed: {count}, at the end these:");
        }
        for pc in shown.into_iter().rev() {
            // What was mapped when it ran may not be any more.
            if let Some(pa) = vm.cpu.peek(Va(u64::from(pc))) {
                let (guest, host) = self.jit.explain(vm, Va(u64::from(pc)), pa);
                let _ = write!(text, "guest code:\n{guest}host code:\n{host}");
            }
        }
        self.difference = Some(text);
        Exit::Difference
    }

    /// Has the twin run the rounds that the other machine skipped, and compares what they stored.
    fn run_rounds(&mut self, vm: &Vm, twin: &mut Vm) -> Result<(), String> {
        let skipped = vm.cpu.retired().saturating_sub(twin.cpu.retired());
        let end = twin.cpu.now(0).0 + skipped;
        while twin.cpu.now(0).0 < end {
            let horizon = end.min(twin.cpu.now(0).0 + ROUNDS);
            twin.cpu.set_horizon(Cycles(horizon));
            self.interpreter.run_noting(twin, |_| ());
            let stores = twin.ram.take_written();
            self.counters.stores += stores.len() as u64;
            state::compare_memory(&vm.ram, &twin.ram, &stores).map_or(Ok(()), Err)?;
        }
        Ok(())
    }

    fn run_both(
        &mut self,
        vm: &mut Vm,
        twin: &mut Vm,
        edits: Vec<Edit>,
        called: &AtomicBool,
    ) -> Exit {
        if let Err(difference) = self.run_rounds(vm, twin) {
            return self.report(vm, &format!("in a loop that was skipped: {difference}"));
        }
        for edit in edits {
            debug::edit(twin, edit);
        }
        twin.catch_up(vm);
        self.path.clear();
        if let Some(difference) = state::compare_cpu(&vm.cpu, &twin.cpu) {
            return self.report(vm, &format!("before they ran: {difference}"));
        }
        while vm.cpu.left > 0 {
            match self.step(vm, twin) {
                Ok(None) if called.load(Ordering::Relaxed) => return Exit::Stop,
                Ok(None) => {}
                Ok(Some(exit)) => return exit,
                Err(difference) => return self.report(vm, &difference),
            }
        }
        Exit::Horizon
    }
}

impl Engine for Lockstep {
    fn run(&mut self, vm: &mut Vm) -> Exit {
        if self.difference.is_some() {
            return Exit::Difference;
        }
        let mut edits = debug::take_edits(vm);
        if edits.iter().any(|edit| matches!(edit, Edit::Elsewhere)) {
            // The next twin begins with what the others have changed.
            edits.clear();
            self.twin = None;
        }
        let mut twin = match self.twin.take().map_or_else(|| self.new_twin(vm), Ok) {
            Ok(twin) => twin,
            Err(why) => {
                self.difference = Some(why);
                return Exit::Difference;
            }
        };
        twin.view().watch_writes();
        // Both come back at the same instruction: when they have been compared.
        let called = vm.come_back_by(Arc::default());
        let exit = self.run_both(vm, &mut twin, edits, &called);
        vm.come_back_by(called);
        self.twin = Some(twin);
        exit
    }

    fn spin(&mut self, vm: &mut Vm) -> Option<Spin> {
        spin::find(vm)
    }
}
