//! The engine that samples: another engine, with a look at the machine every so many cycles.

use mirrorball_runtime::clock::Cycles;
use mirrorball_runtime::exit::Exit;
use mirrorball_runtime::insight::Tasks;
use mirrorball_runtime::vm::{Engine, Spin, Vm};

use super::{Place, Process, Profile};

/// An engine that samples what another runs.
///
/// The machine runs as it would without: a horizon that is nearer than the next event makes an engine
/// come back at an instruction, and no more.
pub struct Sampler<'a> {
    engine: &'a mut dyn Engine,
    profile: &'a mut Profile,
    tasks: Tasks,
    /// The cycle of the next sample.
    next: u64,
    /// Where the engine last came back: whether in the kernel, at which address, and how many
    /// instructions had run by then.
    left: Option<(bool, u32, u64)>,
}

impl<'a> Sampler<'a> {
    /// Samples what `engine` is going to run, into `profile`.
    pub fn new(engine: &'a mut dyn Engine, profile: &'a mut Profile) -> Self {
        Self {
            engine,
            profile,
            tasks: Tasks::default(),
            next: 0,
            left: None,
        }
    }

    /// A place in the process that runs.
    fn place(&mut self, vm: &Vm, kernel: bool, pc: u32) -> Place {
        let task = self.tasks.current(&vm.cpu, &vm.ram);
        let process = task.map_or(Process::Asid(vm.cpu.cp0.asid()), Process::Task);
        match kernel {
            true => Place::Kernel(process, pc),
            false => Place::User(process, pc),
        }
    }

    /// Counts the samples that are due: all of them at one place.
    fn sample(&mut self, place: Place, now: u64) {
        let due = (now - self.next) / self.profile.period() + 1;
        self.next += due * self.profile.period();
        self.profile.add(place, due);
    }

    /// Time may have passed since the engine came back: the guest waited, or rounds of a loop were
    /// skipped.
    fn catch_up(&mut self, vm: &Vm) {
        let now = vm.cpu.now(0).0;
        match self.left {
            None => self.next = now + self.profile.period(),
            Some((kernel, pc, retired)) if now >= self.next => {
                let ran = vm.cpu.retired() != retired;
                let place = match ran {
                    true => self.place(vm, kernel, pc),
                    false => Place::Idle,
                };
                self.sample(place, now);
            }
            Some(_) => {}
        }
    }
}

/// Whether the CPU is in the kernel, and at which address.
fn here(vm: &Vm) -> (bool, u32) {
    (vm.cpu.mode().is_kernel(), vm.cpu.pc as u32)
}

impl Engine for Sampler<'_> {
    fn run(&mut self, vm: &mut Vm) -> Exit {
        self.catch_up(vm);
        let mut horizon = vm.cpu.horizon;
        let exit = loop {
            vm.cpu.set_horizon(Cycles(horizon.min(self.next)));
            let exit = self.engine.run(vm);
            // What came nearer than the horizon was beyond the sample.
            horizon = horizon.min(vm.next_event());
            vm.cpu.set_horizon(Cycles(horizon));
            let now = vm.cpu.now(0).0;
            if now >= self.next {
                let (kernel, pc) = here(vm);
                let place = self.place(vm, kernel, pc);
                self.sample(place, now);
            }
            if exit != Exit::Horizon || now >= horizon {
                break exit;
            }
        };
        let (kernel, pc) = here(vm);
        self.left = Some((kernel, pc, vm.cpu.retired()));
        exit
    }

    fn spin(&mut self, vm: &mut Vm) -> Option<Spin> {
        self.engine.spin(vm)
    }
}
