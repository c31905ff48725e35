//! Where a debugger wants a CPU to stop: breakpoints, watchpoints, and how far it may run.
//!
//! No word of guest memory is changed for them. An engine leaves blocks with breakpoints to its
//! interpreter, which compares addresses; pages with watchpoints are kept out of the software TLB,
//! so that each access to them comes here. A machine stops before the instruction that a breakpoint
//! is at, and before the one whose access is watched.

use crate::addr::Va;

/// Which accesses a watchpoint is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WatchKind {
    /// Loads.
    Read,
    /// Stores.
    Write,
    /// Both.
    Access,
}

impl WatchKind {
    const fn takes(self, store: bool) -> bool {
        match self {
            Self::Read => !store,
            Self::Write => store,
            Self::Access => true,
        }
    }
}

/// Some bytes of which accesses are watched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Watchpoint {
    /// The address of the first one.
    pub start: Va,
    /// How many there are.
    pub bytes: u32,
    /// Which accesses.
    pub kind: WatchKind,
}

/// The address by which watched bytes are known: kseg0 and kseg1 show the same ones.
const fn canonical(va: Va) -> u64 {
    if va.is_direct() {
        va.0 & 0x1fff_ffff | 0x8000_0000
    } else {
        va.0
    }
}

impl Watchpoint {
    /// Whether it is about one of `bytes` at `va`.
    fn meets(&self, va: Va, bytes: u64) -> bool {
        let (start, at) = (canonical(self.start), canonical(va));
        at < start + u64::from(self.bytes) && start < at + bytes
    }
}

/// Why a machine stopped for its debugger.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StopCause {
    /// It is at a breakpoint.
    Breakpoint,
    /// The next instruction makes an access that is watched, to this address.
    Watchpoint(WatchKind, Va),
    /// It has run as far as it may.
    Goal,
    /// It was to go back, and is where its history begins.
    Begin,
}

impl StopCause {
    /// 0 for a breakpoint, 1 for an access.
    fn kind(self) -> usize {
        usize::from(self != Self::Breakpoint)
    }
}

/// How far a machine may run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Goal {
    /// As far as it gets.
    None,
    /// Until so many instructions have run since it started, or one more if that would part a branch
    /// from its delay slot.
    Count(u64),
    /// Until, after at least one instruction, the next one lies outside of this range.
    Outside {
        /// The first address of the range.
        start: Va,
        /// The one behind it.
        end: Va,
        /// The instructions that have run when it starts.
        from: u64,
    },
}

/// A breakpoint or watchpoint that was met.
#[derive(Clone, Copy, Debug)]
struct Hit {
    cause: StopCause,
    /// The instructions that have run before the one that met it, and the address that it is about:
    /// by them that instruction is known when the machine goes on with it.
    place: (u64, Va),
    /// Whether a branch has run, with whose delay slot the access is made, and will run again.
    slot: bool,
}

/// Where a CPU is to stop.
#[derive(Clone, Debug)]
pub struct StopPoints {
    /// The addresses of breakpoints, in order; one that is set twice is there twice.
    breakpoints: Vec<Va>,
    /// Those that the engine knows of.
    known: Vec<Va>,
    watchpoints: Vec<Watchpoint>,
    /// Whether the software TLB may know pages that are watched.
    overlooked: bool,
    hit: Option<Hit>,
    /// The breakpoint and the access that the machine is to go past, as it has stopped there: one
    /// instruction may meet both.
    passed: [Option<(u64, Va)>; 2],
    goal: Goal,
}

impl Default for StopPoints {
    fn default() -> Self {
        Self {
            breakpoints: Vec::new(),
            known: Vec::new(),
            watchpoints: Vec::new(),
            overlooked: false,
            hit: None,
            passed: [None; 2],
            goal: Goal::None,
        }
    }
}

impl StopPoints {
    /// Sets a breakpoint.
    pub fn set_breakpoint(&mut self, va: Va) {
        let at = self.breakpoints.partition_point(|&other| other < va);
        self.breakpoints.insert(at, va);
    }

    /// Takes a breakpoint away. Says whether it was set.
    pub fn clear_breakpoint(&mut self, va: Va) -> bool {
        let found = self.breakpoints.binary_search(&va);
        found.map(|at| self.breakpoints.remove(at)).is_ok()
    }

    /// Sets a watchpoint.
    pub fn set_watchpoint(&mut self, watchpoint: Watchpoint) {
        self.watchpoints.push(watchpoint);
        self.overlooked = true;
    }

    /// Whether watchpoints were set since the last call: the software TLB may know their pages.
    pub(crate) fn take_overlooked(&mut self) -> bool {
        std::mem::take(&mut self.overlooked)
    }

    /// Takes a watchpoint away. Says whether it was set.
    pub fn clear_watchpoint(&mut self, watchpoint: Watchpoint) -> bool {
        let found = self.watchpoints.iter().position(|&set| set == watchpoint);
        found.map(|at| self.watchpoints.remove(at)).is_some()
    }

    /// Takes all of them away.
    pub fn clear(&mut self) {
        self.breakpoints.clear();
        self.watchpoints.clear();
        (self.hit, self.passed, self.goal) = (None, [None; 2], Goal::None);
    }

    /// Whether the engine does not know of all breakpoints as they are.
    #[inline]
    #[must_use]
    pub fn is_news(&self) -> bool {
        self.breakpoints != self.known
    }

    /// The addresses at which breakpoints were set or taken away since the last call. The engine must
    /// make blocks anew that have code there, or one word before.
    pub fn take_news(&mut self) -> Vec<Va> {
        let known = std::mem::replace(&mut self.known, self.breakpoints.clone());
        let is_new = |va: &&Va| known.binary_search(va).is_err();
        let is_gone = |va: &&Va| self.breakpoints.binary_search(va).is_err();
        let new = self.breakpoints.iter().filter(is_new);
        new.chain(known.iter().filter(is_gone)).copied().collect()
    }

    /// The addresses of breakpoints.
    #[must_use]
    pub fn breakpoints(&self) -> &[Va] {
        &self.breakpoints
    }

    /// Whether there is a breakpoint at `va`.
    #[inline]
    #[must_use]
    pub fn is_breakpoint(&self, va: Va) -> bool {
        !self.breakpoints.is_empty() && self.breakpoints.binary_search(&va).is_ok()
    }

    /// The CPU is at `pc`, where there is a breakpoint, when `retired` instructions have run. Says
    /// whether it is to stop.
    pub fn meet_breakpoint(&mut self, pc: Va, retired: u64) -> bool {
        self.meet(StopCause::Breakpoint, (retired, pc))
    }

    /// Whether accesses to the page of `va` are watched.
    #[inline]
    #[must_use]
    pub fn watches_page(&self, va: Va) -> bool {
        let page = va.page();
        let meets = |watch: &Watchpoint| watch.meets(page, crate::addr::PAGE_SIZE);
        !self.watchpoints.is_empty() && self.watchpoints.iter().any(meets)
    }

    /// Whether an access is watched: a load, or a `store`.
    #[must_use]
    pub fn watches(&self, va: Va, bytes: u64, store: bool) -> bool {
        self.watch(va, bytes, store).is_some()
    }

    fn watch(&self, va: Va, bytes: u64, store: bool) -> Option<Watchpoint> {
        let meets = |watch: &&Watchpoint| watch.kind.takes(store) && watch.meets(va, bytes);
        self.watchpoints.iter().find(meets).copied()
    }

    /// The instruction before which `retired` have run is about to make an access. Says whether the
    /// CPU is to stop.
    #[inline]
    pub(crate) fn meet_access(&mut self, va: Va, bytes: u64, store: bool, retired: u64) -> bool {
        !self.watchpoints.is_empty()
            && self.watch(va, bytes, store).is_some_and(|watch| {
                // A wide access may begin before what is watched.
                let before = canonical(watch.start).saturating_sub(canonical(va));
                let at = Va(va.0 + before);
                let cause = StopCause::Watchpoint(watch.kind, at);
                self.meet(cause, (retired, va))
            })
    }

    fn meet(&mut self, cause: StopCause, place: (u64, Va)) -> bool {
        if self.passed[cause.kind()] == Some(place) {
            return false;
        }
        let slot = false;
        self.hit = Some(Hit { cause, place, slot });
        true
    }

    /// What was met lies in a delay slot, whose branch has run and will run again.
    pub fn met_in_slot(&mut self) {
        if let Some(hit) = &mut self.hit {
            hit.slot = true;
        }
    }

    /// Whether a breakpoint or watchpoint was met.
    #[inline]
    #[must_use]
    pub fn is_met(&self) -> bool {
        self.hit.is_some()
    }

    /// Whether one was met in a delay slot.
    #[must_use]
    pub fn is_met_in_slot(&self) -> bool {
        self.hit.is_some_and(|hit| hit.slot)
    }

    /// How many instructions have run when the goal has to be looked at next.
    #[must_use]
    pub(crate) fn next_look(&self, retired: u64) -> u64 {
        match self.goal {
            Goal::None => u64::MAX,
            Goal::Count(count) => count,
            Goal::Outside { .. } => retired + 1,
        }
    }

    /// Why the CPU is to stop at `pc`, when `retired` instructions have run.
    #[must_use]
    pub fn cause(&self, pc: Va, retired: u64) -> Option<StopCause> {
        let reached = match self.goal {
            Goal::None => false,
            Goal::Count(count) => retired >= count,
            Goal::Outside { start, end, from } => retired > from && !(start..end).contains(&pc),
        };
        let met = self.hit.map(|hit| hit.cause);
        met.or(reached.then_some(StopCause::Goal))
    }

    /// The CPU goes on from where it has stopped, as far as `goal` lets it.
    pub fn go_on(&mut self, goal: Goal) {
        if let Some(hit) = self.hit.take() {
            self.passed[hit.cause.kind()] = Some(hit.place);
        }
        self.goal = goal;
    }

    /// The CPU goes on from elsewhere: it has met nothing yet.
    pub(crate) fn start_over(&mut self, goal: Goal) {
        (self.hit, self.passed, self.goal) = (None, [None; 2], goal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_is_told_of_what_changed_and_no_more() {
        let mut stops = StopPoints::default();
        assert!(!stops.is_news());
        stops.set_breakpoint(Va(8));
        stops.set_breakpoint(Va(4));
        stops.set_breakpoint(Va(8));
        assert!(stops.is_news());
        assert_eq!(stops.take_news(), [Va(4), Va(8), Va(8)]);
        assert!(!stops.is_news());
        assert!(stops.clear_breakpoint(Va(8)), "once");
        assert!(stops.is_breakpoint(Va(8)), "it was set twice");
        stops.set_breakpoint(Va(8));
        assert!(!stops.is_news(), "gone and back");
        assert!(stops.clear_breakpoint(Va(4)) && !stops.clear_breakpoint(Va(4)));
        assert_eq!(stops.take_news(), [Va(4)]);
    }

    #[test]
    fn what_the_machine_stopped_at_it_goes_past_once() {
        let mut stops = StopPoints::default();
        stops.set_breakpoint(Va(4));
        assert!(stops.meet_breakpoint(Va(4), 10));
        assert_eq!(stops.cause(Va(4), 10), Some(StopCause::Breakpoint));
        stops.go_on(Goal::None);
        assert!(!stops.meet_breakpoint(Va(4), 10), "it has stopped here");
        assert!(stops.meet_breakpoint(Va(4), 12), "it has come back");
    }

    #[test]
    fn an_instruction_with_a_breakpoint_and_a_watched_access_is_gone_past() {
        let mut stops = StopPoints::default();
        stops.set_breakpoint(Va(4));
        stops.set_watchpoint(Watchpoint {
            start: Va(4),
            bytes: 4,
            kind: WatchKind::Write,
        });
        assert!(stops.meet_breakpoint(Va(4), 10));
        stops.go_on(Goal::None);
        assert!(!stops.meet_breakpoint(Va(4), 10));
        assert!(stops.meet_access(Va(4), 4, true, 10));
        stops.go_on(Goal::None);
        assert!(!stops.meet_breakpoint(Va(4), 10));
        assert!(!stops.meet_access(Va(4), 4, true, 10));
    }

    #[test]
    fn watched_bytes_are_found_in_both_direct_segments() {
        let mut stops = StopPoints::default();
        let watch = Watchpoint {
            start: Va(0x8000_1002),
            bytes: 2,
            kind: WatchKind::Write,
        };
        stops.set_watchpoint(watch);
        assert!(stops.watches(Va(0xa000_1003), 1, true));
        assert!(stops.watches(Va(0x8000_1000), 4, true));
        assert!(!stops.watches(Va(0x8000_1000), 4, false), "a load");
        assert!(!stops.watches(Va(0x8000_1000), 2, true), "before it");
        assert!(!stops.watches(Va(0x8000_1004), 4, true), "behind it");
        assert!(!stops.watches(Va(0x1002), 1, true), "mapped");
        assert!(stops.watches_page(Va(0xa000_1000)));
        assert!(!stops.watches_page(Va(0xa000_2000)));
        assert!(stops.meet_access(Va(0xa000_1000), 4, true, 7));
        let cause = StopCause::Watchpoint(WatchKind::Write, Va(0xa000_1002));
        assert_eq!(stops.cause(Va(0), 7), Some(cause));
        assert!(stops.clear_watchpoint(watch) && !stops.clear_watchpoint(watch));
    }

    #[test]
    fn goals_are_reached_when_they_say() {
        let mut stops = StopPoints::default();
        stops.go_on(Goal::Count(5));
        assert_eq!((stops.next_look(1), stops.cause(Va(0), 4)), (5, None));
        assert_eq!(stops.cause(Va(0), 6), Some(StopCause::Goal));
        let (start, end) = (Va(16), Va(24));
        stops.go_on(Goal::Outside {
            start,
            end,
            from: 5,
        });
        assert_eq!((stops.next_look(5), stops.cause(Va(0), 5)), (6, None));
        assert_eq!(stops.cause(Va(20), 6), None);
        assert_eq!(stops.cause(Va(24), 6), Some(StopCause::Goal));
    }
}
