//! What a person may ask of a running monitor.

use super::{Fleet, Monitor, Phase, lock};
use crate::exit::Outcome;
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
}

impl<F: Fleet> Monitor<F> {
    /// Obeys a command. What a machine does that is running now it does until the end of its
    /// slice.
    ///
    /// # Errors
    /// If the machine is not in a state for it.
    pub fn command(&self, number: usize, command: Command) -> Result<(), CommandError> {
        let mut state = lock(&self.state);
        let ended = matches!(state.tasks[number].phase, Phase::Ended(_));
        match (command, ended) {
            (Command::Start, false) => return Err(CommandError::Running),
            (Command::Pause | Command::Resume | Command::Stop, true) => {
                return Err(CommandError::Ended);
            }
            _ => {}
        }
        let now = Instant::now();
        let running = state.tasks[number].phase == Phase::Running;
        match command {
            Command::Share(share) => state.queue.set_share(number, share),
            Command::Target(pages) => state.tasks[number].target = pages,
            Command::Pause => {
                state.end_idleness(number, now);
                state.tasks[number].paused = true;
                if !running {
                    state.queue.remove(number);
                    state.tasks[number].phase = Phase::Paused;
                }
            }
            Command::Resume => {
                state.tasks[number].paused = false;
                if state.tasks[number].phase == Phase::Paused {
                    state.make_ready(number);
                }
            }
            Command::Start | Command::Reset | Command::Stop => {
                state.end_idleness(number, now);
                let task = &mut state.tasks[number];
                task.paused = false;
                task.stop = (command == Command::Stop).then_some(Outcome::Quit);
                task.rebuild = task.stop.is_none();
                task.passed = None;
                if !running {
                    state.make_ready(number);
                }
            }
        }
        self.hurry();
        Ok(())
    }
}

impl super::State {
    pub(super) fn make_ready(&mut self, number: usize) {
        self.tasks[number].phase = Phase::Ready;
        self.queue.wake(number);
    }
}
