//! How a machine goes back: it is made what it was at a checkpoint, and runs from there to where it is
//! to be. Running over the same instructions again it does the same.
//!
//! The last stop point before a moment is found by counting those that are met on the way there; then
//! the way is run once more, to that one.

use super::history::Timeline;
use crate::vcpu::{Goal, StopCause};

/// How far back a debugger wants to go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Back {
    /// By one instruction, a branch with its delay slot together.
    Step,
    /// To where a breakpoint or watchpoint was last met.
    Continue,
}

/// A checkpoint is made so far before where the machine steps back: it will do so again.
const NEAR: u64 = 1 << 16;

/// A checkpoint is made each time that a search has come so far: the machine will go to what it finds.
const STRIDE: u64 = 1 << 28;

/// A stop point that was met.
#[derive(Clone, Copy, Debug)]
pub(super) struct Met {
    /// Its number among those from the checkpoint on.
    number: u64,
    /// That checkpoint's count.
    from: u64,
    cause: StopCause,
    /// The instructions that had run before.
    count: u64,
}

/// A search for the stop point that was met last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Search {
    /// Where it began, and to where it goes.
    begin: u64,
    until: u64,
    /// Before which count the stop point has to be.
    end: u64,
    /// The checkpoint that it came by last, and how many stop points it has met since.
    from: u64,
    met: u64,
    last: Option<Met>,
}

impl Search {
    /// The same when another stop point is met.
    fn meets(self, cause: StopCause, count: u64) -> Self {
        let met = self.met + 1;
        let this = Met {
            number: met,
            from: self.from,
            cause,
            count,
        };
        let last = if count < self.end {
            Some(this)
        } else {
            self.last
        };
        Self { met, last, ..self }
    }
}

/// Where a machine is on its way back.
#[derive(Clone, Copy, Debug)]
pub(super) enum Travel {
    /// It has not set out.
    Begin(Back),
    /// It counts what it meets.
    Search(Search),
    /// It goes to what it met last.
    Meet { met: Met, passed: u64 },
    /// It makes the access that it met: going back, that is watched before it is undone.
    Access { cause: StopCause, count: u64 },
    /// It is on its way to where a checkpoint will be near.
    Approach { at: u64, end: u64 },
    /// It goes to the last instruction before `end`, and has come to `last`.
    Step {
        to: u64,
        end: u64,
        last: Option<u64>,
    },
    /// It goes to a count.
    To(u64),
}

/// Whether the machine goes on.
type GoesOn = bool;

impl Timeline<'_> {
    /// Has the machine go back when it goes on next. False if its past is not kept.
    pub(super) fn set_out(&mut self, back: Back) -> bool {
        let Some(history) = &mut self.history else {
            return false;
        };
        history.travel = Some(Travel::Begin(back));
        if !matches!(history.arrived, Some(StopCause::Watchpoint(..))) {
            history.undone = None;
        }
        self.standstill.end();
        self.cpu.stops.go_on(Goal::Count(0));
        true
    }

    /// The machine has come to a stop. Says whether it goes on nevertheless, as it is on its way back.
    pub(super) fn travel_on(&mut self) -> GoesOn {
        let history = self.history.as_mut();
        let Some(travel) = history.and_then(|history| history.travel.take()) else {
            return false;
        };
        let Some(cause) = self
            .cpu
            .stops
            .cause(crate::addr::Va(self.cpu.pc), self.cpu.retired())
        else {
            return false;
        };
        let next = self.next_leg(travel, cause);
        match next {
            Ok(travel) => self.set_course(Some(travel), None),
            Err(arrived) => self.set_course(None, arrived),
        }
        next.is_ok()
    }

    fn set_course(&mut self, travel: Option<Travel>, arrived: Option<StopCause>) {
        if let Some(history) = &mut self.history {
            (history.travel, history.arrived) = (travel, arrived);
        }
    }

    /// What comes after a stop: more of the way, or its end and why the machine stands there, if that
    /// is not to be seen.
    fn next_leg(&mut self, travel: Travel, cause: StopCause) -> Result<Travel, Option<StopCause>> {
        let (count, met) = (self.cpu.retired(), cause != StopCause::Goal);
        match travel {
            Travel::Begin(Back::Continue) => {
                let undone = self.history.as_ref().and_then(|history| history.undone);
                let end = undone.unwrap_or(count);
                self.search_before(end, end)
            }
            Travel::Begin(Back::Step) => self.approach(count),
            Travel::Search(search) => self.search_on(search, cause),
            Travel::Meet { met, passed } => self.meet(met, passed, cause),
            Travel::Access { cause, count: at } if count > at => {
                if let Some(history) = &mut self.history {
                    history.undone = Some(at);
                }
                Err(Some(cause))
            }
            Travel::Access { count: at, .. } => Ok(self.pass_by(travel, Goal::Count(at + 1))),
            Travel::Approach { at, .. } if met && count < at => {
                Ok(self.pass_by(travel, Goal::Count(at)))
            }
            Travel::Approach { end, .. } => {
                self.make_checkpoint();
                Ok(self.step_before(end))
            }
            Travel::Step { to, .. } if count < to => Ok(self.pass_by(travel, Goal::Count(to))),
            Travel::Step { end, last, .. } => self.step_on(count, end, last),
            Travel::To(at) if count < at => Ok(self.pass_by(travel, Goal::Count(at))),
            Travel::To(_) => Err(Some(StopCause::Goal)),
        }
    }

    /// Goes past a stop that is not the end of the way.
    fn pass_by(&mut self, travel: Travel, goal: Goal) -> Travel {
        self.cpu.stops.go_on(goal);
        travel
    }

    /// The machine stands where its history begins.
    fn at_the_beginning(&mut self) -> Result<Travel, Option<StopCause>> {
        let facts = self.past();
        if let Some(&first) = facts.as_ref().and_then(|facts| facts.checkpoints.first()) {
            self.return_to(first, Goal::None);
        }
        Err(Some(StopCause::Begin))
    }

    /// Looks for the last stop point between the checkpoint before `until` and there.
    fn search_before(&mut self, until: u64, end: u64) -> Result<Travel, Option<StopCause>> {
        let before = self.history.as_ref().and_then(|it| it.before(until));
        let from = before.and_then(|at| self.return_to(at, Goal::Count(until.min(at + STRIDE))));
        let Some(from) = from else {
            return self.at_the_beginning();
        };
        Ok(Travel::Search(Search {
            begin: from,
            from,
            until,
            end,
            met: 0,
            last: None,
        }))
    }

    fn search_on(&mut self, search: Search, cause: StopCause) -> Result<Travel, Option<StopCause>> {
        let Search { from, until, .. } = search;
        let count = self.cpu.retired();
        match (cause, search.last) {
            (StopCause::Goal, _) if count < until => {
                self.make_checkpoint();
                let search = Search {
                    from: count,
                    met: 0,
                    ..search
                };
                let goal = Goal::Count(until.min(count + STRIDE));
                Ok(self.pass_by(Travel::Search(search), goal))
            }
            (StopCause::Goal, Some(met)) => self.go_to_met(met),
            (StopCause::Goal, None) => self.search_before(search.begin, search.end),
            _ => {
                let search = search.meets(cause, count);
                let goal = Goal::Count(until.min(from + STRIDE));
                Ok(self.pass_by(Travel::Search(search), goal))
            }
        }
    }

    /// Goes to what was met, from the checkpoint from which on that was counted. If that is no longer
    /// there, looks for it once more.
    fn go_to_met(&mut self, met: Met) -> Result<Travel, Option<StopCause>> {
        let goal = Goal::Count(met.count + 2);
        if self.return_to(met.from, goal) == Some(met.from) {
            return Ok(Travel::Meet { met, passed: 0 });
        }
        self.search_before(met.count + 1, met.count + 1)
    }

    fn meet(
        &mut self,
        met: Met,
        passed: u64,
        cause: StopCause,
    ) -> Result<Travel, Option<StopCause>> {
        if cause == StopCause::Goal {
            // What arrives from outside did not arrive as before.
            return Err(Some(cause));
        }
        let passed = passed + 1;
        let (goal, access) = (Goal::Count(met.count + 2), Goal::Count(met.count + 1));
        match met.cause {
            _ if passed < met.number => Ok(self.pass_by(Travel::Meet { met, passed }, goal)),
            StopCause::Watchpoint(..) => {
                let (cause, count) = (met.cause, met.count);
                Ok(self.pass_by(Travel::Access { cause, count }, access))
            }
            _ => Err(None),
        }
    }

    /// Goes to where a checkpoint will be near `end`, if there is none.
    fn approach(&mut self, end: u64) -> Result<Travel, Option<StopCause>> {
        let at = end.saturating_sub(NEAR);
        let before = self.history.as_ref().and_then(|it| it.before(end));
        match before {
            None => self.at_the_beginning(),
            Some(from) if from < at => {
                self.return_to(from, Goal::Count(at));
                Ok(Travel::Approach { at, end })
            }
            Some(_) => Ok(self.step_before(end)),
        }
    }

    /// Goes as near as it may be sure to stop before `end`.
    fn step_before(&mut self, end: u64) -> Travel {
        let before = self.history.as_ref().and_then(|it| it.before(end));
        let to = end.saturating_sub(2).max(before.unwrap_or(0));
        self.return_to(to.min(end - 1), Goal::Count(to));
        let last = None;
        Travel::Step { to, end, last }
    }

    fn step_on(
        &mut self,
        count: u64,
        end: u64,
        last: Option<u64>,
    ) -> Result<Travel, Option<StopCause>> {
        match last {
            _ if count + 1 == end => Err(Some(StopCause::Goal)),
            Some(last) if count >= end => {
                self.return_to(last, Goal::Count(last));
                Ok(Travel::To(last))
            }
            None if count >= end => self.at_the_beginning(),
            _ => {
                let (to, last) = (count + 1, Some(count));
                Ok(self.pass_by(Travel::Step { to, end, last }, Goal::Count(to)))
            }
        }
    }
}
