//! What may be asked of a running monitor, and how a machine is held to be told of it.

use super::reclaim::Keeper;
use super::{Fleet, Monitor, Phase, lock};
use crate::device::i8042::Button;
use crate::exit::Outcome;
use crate::vm::arrivals::Arrived;
use std::time::Instant;

/// A command for one machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Command {
    /// Make the machine anew and start it, which has ended.
    Start,
    /// Let it rest.
    Pause,
    /// Let it go on.
    Resume,
    /// Have it stand still for a debugger.
    Halt,
    /// Let it go on as far as its debugger wants.
    Continue,
    /// Have it stand still, as it is to go on under another monitor.
    Part,
    /// Let it go on here, as it cannot there.
    Stay,
    /// End it, as it goes on there.
    Leave,
    /// Let it rest, as nothing is known of it there.
    Rest,
    /// Make it anew, whatever it is doing.
    Reset,
    /// End it.
    Stop,
    /// Give it another share.
    Share(u32),
    /// The pages that it is to have when others need memory; `None` for as many as it uses.
    Target(Option<u64>),
}

/// Why a command cannot be obeyed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CommandError {
    /// It has ended.
    #[error("the machine has ended; start it first")]
    Ended,
    /// It has not.
    #[error("the machine has not ended; reset it instead")]
    Running,
    /// Its debugger decides when it goes on.
    #[error("a debugger has stopped the machine; continue it there, or detach")]
    Halted,
    /// Its time stands still.
    #[error("the machine is paused; resume it first")]
    Paused,
    /// It has not begun to run.
    #[error("the machine has not begun to run; ask again")]
    Fresh,
    /// It is on its way.
    #[error("the machine moves to another monitor; wait until it is there")]
    Parting,
    /// It is not.
    #[error("the machine does not move to another monitor")]
    Settled,
    /// What reaches it is known.
    #[error("the machine is what it was in an earlier run; nothing else reaches it")]
    Replayed,
}

/// A machine that this thread holds. It is let go when this goes.
pub(super) struct Hold<'a, F: Fleet> {
    monitor: &'a Monitor<F>,
    number: usize,
    /// How the machine goes on.
    pub phase: Phase,
}

impl<F: Fleet> Drop for Hold<'_, F> {
    fn drop(&mut self) {
        self.monitor.let_go(self.number, self.phase);
    }
}

impl<F: Fleet> Monitor<F> {
    /// Obeys a command: at once, or at the end of the slice that the machine runs now. When this
    /// comes back, what was asked for has happened.
    ///
    /// # Errors
    /// If the machine is not in a state for it.
    pub fn command(&self, number: usize, command: Command) -> Result<(), CommandError> {
        let mut hold = self.visit(number);
        hold.phase = self.obey(number, hold.phase, command)?;
        Ok(())
    }

    /// An operator does something to a machine.
    ///
    /// # Errors
    /// If the machine does not run.
    pub fn operate(&self, number: usize, what: Arrived) -> Result<(), CommandError> {
        let hold = self.visit(number);
        self.hand_over(&hold, what)?;
        drop(hold);
        self.wake(number);
        Ok(())
    }

    /// Asks a guest to shut down, by a button that it knows. If it resets the machine then, as many do
    /// after Control, Alt and Delete, the machine is off.
    ///
    /// # Errors
    /// If the machine does not run.
    pub fn shut_down(&self, number: usize, button: Button) -> Result<(), CommandError> {
        let hold = self.visit(number);
        self.hand_over(&hold, Arrived::Pressed(button))?;
        lock(&self.state).tasks[number].leaving = true;
        drop(hold);
        self.wake(number);
        Ok(())
    }

    fn hand_over(&self, hold: &Hold<'_, F>, what: Arrived) -> Result<(), CommandError> {
        match hold.phase {
            Phase::Ended(_) => return Err(CommandError::Ended),
            Phase::Paused => return Err(CommandError::Paused),
            Phase::Halted => return Err(CommandError::Halted),
            Phase::Parting => return Err(CommandError::Parting),
            _ => {}
        }
        let mut machine = lock(&self.slots[hold.number].machine);
        let machine = machine.as_mut().ok_or(CommandError::Fresh)?;
        let done = machine.vm.operate(what);
        done.then_some(()).ok_or(CommandError::Replayed)
    }

    /// A machine that was given to this thread, and that goes on like this.
    pub(super) const fn holding(&self, number: usize, phase: Phase) -> Hold<'_, F> {
        Hold {
            monitor: self,
            number,
            phase,
        }
    }

    /// Holds a machine, after those that came to it before.
    pub(super) fn visit(&self, number: usize) -> Hold<'_, F> {
        let mut state = lock(&self.state);
        let ticket = state.tasks[number].arrive();
        while !state.tasks[number].admits(ticket) {
            let waited = self.released.wait(state);
            state = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
        }
        state.admit(number);
        self.holding(number, state.tasks[number].phase)
    }

    /// Has a machine that this thread holds do what it is told. Says how it goes on.
    fn obey(&self, number: usize, phase: Phase, command: Command) -> Result<Phase, CommandError> {
        let ended = matches!(phase, Phase::Ended(_));
        match command {
            Command::Share(share) => lock(&self.state).queue.set_share(number, share),
            Command::Target(pages) => {
                lock(&self.state).tasks[number].target = pages;
                Keeper(self).ask_anew(number);
            }
            _ if phase == Phase::Parting => return self.obey_parting(number, command),
            Command::Start if !ended => return Err(CommandError::Running),
            Command::Start | Command::Reset => return Ok(self.empty(number)),
            _ if ended => return Err(CommandError::Ended),
            Command::Stay | Command::Leave | Command::Rest => return Err(CommandError::Settled),
            Command::Stop => return Ok(self.end(number, Some(Outcome::Quit))),
            Command::Halt => return Ok(self.halt(number, phase)),
            Command::Part => return self.part(number, phase),
            Command::Continue if phase == Phase::Halted => {
                lock(&self.state).rouse(number, Instant::now());
                return Ok(Phase::Ready);
            }
            Command::Continue => {}
            Command::Resume if phase == Phase::Halted => return Err(CommandError::Halted),
            Command::Pause if phase == Phase::Halted => {}
            Command::Pause => return Ok(self.pause(number, phase)),
            Command::Resume if phase == Phase::Paused => {
                lock(&self.state).rouse(number, Instant::now());
                return Ok(Phase::Ready);
            }
            Command::Resume => {}
        }
        Ok(phase)
    }

    /// Has a machine do what it is told that may go on under another monitor.
    fn obey_parting(&self, number: usize, command: Command) -> Result<Phase, CommandError> {
        match command {
            Command::Stay => {
                lock(&self.state).rouse(number, Instant::now());
                Ok(Phase::Ready)
            }
            Command::Leave => Ok(self.end(number, Some(Outcome::Moved))),
            Command::Rest => Ok(Phase::Paused),
            _ => Err(CommandError::Parting),
        }
    }

    /// Stops a machine that is to go on under another monitor.
    fn part(&self, number: usize, phase: Phase) -> Result<Phase, CommandError> {
        match phase {
            Phase::Paused => return Err(CommandError::Paused),
            Phase::Halted => return Err(CommandError::Halted),
            _ if lock(&self.slots[number].machine).is_none() => return Err(CommandError::Fresh),
            _ => {}
        }
        self.pass_time(number);
        Ok(Phase::Parting)
    }

    /// Stops a machine for its debugger, with all shown that it has printed.
    fn halt(&self, number: usize, phase: Phase) -> Phase {
        if phase == Phase::Halted {
            return phase;
        }
        self.pass_time(number);
        if let Some(machine) = lock(&self.slots[number].machine).as_mut() {
            machine.vm.stand_still(&mut machine.host);
        }
        Phase::Halted
    }

    /// Has the time until now pass for an idle machine.
    fn pass_time(&self, number: usize) {
        lock(&self.state).rouse(number, Instant::now());
        let passed = lock(&self.state).tasks[number].passed.take();
        if let (Some(machine), Some(passed)) = (lock(&self.slots[number].machine).as_mut(), passed)
        {
            machine.vm.pass(passed);
        }
    }

    /// The time until now is the last that passes for an idle machine.
    fn pause(&self, number: usize, phase: Phase) -> Phase {
        if phase != Phase::Paused {
            lock(&self.state).rouse(number, Instant::now());
        }
        Phase::Paused
    }
}
