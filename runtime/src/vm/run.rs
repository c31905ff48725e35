//! The loop that runs a machine: events, interrupts, engine, idleness.

use super::access::NEVER;
use super::arrivals::Arrived;
use super::engine::{Engine, Rest};
use super::history::Timeline;
use super::host::{Host, Input, Nowhere};
use super::idle::Lag;
use super::witness::Happening;
use super::{Spin, Vm};
use crate::addr::Va;
use crate::board::Request;
use crate::clock::{Cycles, INSTRUCTIONS_PER_SECOND, Nanos};
use crate::cpu::exception::Exception;
use crate::device::Backends;
use crate::exit::{Exit, Outcome};
use crate::memory::HostFailure;
use crate::vcpu::{Goal, StopCause};
use std::time::Instant;

/// The longest run of cycles between two looks at the console.
const SLICE: u64 = 1 << 20;
/// The same when virtual time is tied to the host's clock, which is looked at as often.
const REALTIME_SLICE: u64 = 1 << 16;
/// What [`Cpu::set_slowness`](crate::cpu::Cpu::set_slowness) is then set to: no engine runs so fast
/// that time by the count of instructions would run ahead of the host's clock.
const REALTIME_SLOWNESS: u32 = 8;
/// The most frames that come in by a port at once: more than a driver has buffers for, unless it is to
/// be flooded with frames that do not fit.
const FRAMES: usize = 8192;
/// The most bytes that were typed and are still on their way to the guest.
pub(super) const TYPED_AHEAD: usize = 4096;
/// The longest span that is waited for at once.
const LONGEST_WAIT: u64 = INSTRUCTIONS_PER_SECOND;
/// Time is not skipped beyond this cycle, which is centuries away: there is an end to numbers.
const FAR: u64 = 1 << 60;
/// A guest that waited for so long without being woken waits for nothing.
const FOREVER: Nanos = Nanos(300 * Nanos::SECOND.0);

impl Vm {
    /// Runs the machine until its end, or until `limit` instructions have run.
    pub fn run(&mut self, engine: &mut dyn Engine, host: &mut dyn Host, limit: u64) -> Outcome {
        loop {
            match self.run_slice(engine, host, limit, u64::MAX) {
                Rest::Slice => {
                    self.cpu.idle.yielded = false;
                }
                Rest::Idle(span) => {
                    let start = Instant::now();
                    let passed = host.idle(span);
                    self.counters.slept += start.elapsed();
                    self.pass(passed.min(span));
                }
                Rest::Disk => {
                    if let Some(outcome) = self.serve(host) {
                        return outcome;
                    }
                }
                // There is no debugger here.
                Rest::Stopped => self.go_on(Goal::None),
                Rest::Ended(outcome) => return outcome,
            }
        }
    }

    /// Runs the machine for about `slice` instructions, or until it comes to rest sooner.
    pub fn run_slice(
        &mut self,
        engine: &mut dyn Engine,
        host: &mut dyn Host,
        limit: u64,
        slice: u64,
    ) -> Rest {
        let end = self.cpu.retired().saturating_add(slice);
        let shortages = self.ram.shortages();
        let realtime = host.clock().is_some();
        let exact = self.cpu.stops.next_look(0) < u64::MAX;
        let slow = realtime && !exact;
        (self.cpu).set_slowness(if slow { REALTIME_SLOWNESS } else { 0 });
        self.cpu.idle.spinning = None;
        if self.cpu.stops.take_overlooked() {
            self.view().clear_spaces();
        }
        Timeline(self).keep_up();
        loop {
            if self.is_stopped() {
                if Timeline(self).travel_on() {
                    continue;
                }
                self.stand_still(host);
                return Rest::Stopped;
            }
            let limit = limit.min(self.cpu.stops.next_look(self.cpu.retired()));
            if self.is_held() {
                return Rest::Disk;
            }
            if let Some(outcome) = self.listen(host).or_else(|| self.serve(host)) {
                return Rest::Ended(outcome);
            }
            self.follow_clock(host);
            if self.cpu.idle.waiting.is_some() {
                match self.wait(host) {
                    Some(rest) => return rest,
                    None => continue,
                }
            }
            let (now, retired) = (self.cpu.now(0), self.cpu.retired());
            if retired >= limit {
                return Rest::Ended(Outcome::Limit);
            }
            if retired >= end || self.ram.shortages() != shortages {
                return Rest::Slice;
            }
            let longest = if realtime { REALTIME_SLICE } else { SLICE };
            let span = self.backoff.left(retired).min(longest);
            let most = span.min(limit - retired).min(end - retired);
            self.set_horizon_in(now, most);
            let exit = engine.run(self);
            self.counters.exits[exit as usize] += 1;
            match exit {
                Exit::Horizon | Exit::Stop
                    if self.cpu.idle.yielded || self.is_called_back() || host.is_full() =>
                {
                    return Rest::Slice;
                }
                Exit::Horizon if self.backoff.left(self.cpu.retired()) > 0 => {}
                Exit::Horizon => {
                    if let Some(rest) = self.skip_rounds(engine, host, limit) {
                        return rest;
                    }
                }
                Exit::Stop => {}
                Exit::Difference => return Rest::Ended(Outcome::Difference),
                Exit::Wait => self.cpu.idle.waiting = Some(Cycles(0)),
            }
        }
    }

    /// Whether there is a reason to stop here.
    fn is_stopped(&self) -> bool {
        let arrived = self.history.as_ref().and_then(|history| history.arrived);
        let cause = || self.cpu.stops.cause(Va(self.cpu.pc), self.cpu.retired());
        arrived.or_else(cause).is_some()
    }

    /// Why the machine stopped for its debugger, if it did.
    #[must_use]
    pub fn stop_cause(&self) -> Option<StopCause> {
        match &self.history {
            Some(history) if history.travel.is_some() => None,
            Some(history) if history.arrived.is_some() => history.arrived,
            _ => self.cpu.stops.cause(Va(self.cpu.pc), self.cpu.retired()),
        }
    }

    /// The machine stands still from now on: no time passes for it. What the guest printed is shown.
    pub fn stand_still(&mut self, host: &mut dyn Host) {
        self.print(host);
        self.standstill.begin();
    }

    /// Lets the machine go on, as far as `goal` says.
    pub fn go_on(&mut self, goal: Goal) {
        if let Some(history) = &mut self.history {
            (history.travel, history.arrived) = (None, None);
        }
        self.cpu.stops.go_on(goal);
        self.standstill.end();
        self.lag = Lag::default();
    }

    /// Hands on what the guest printed, and types what a script answers.
    pub(super) fn print(&mut self, host: &mut dyn Host) {
        if self.console.has_output() {
            let bytes = self.console.take_output();
            let fresh = Timeline(self).fresh_output(bytes.len());
            if fresh > 0 {
                let answer = host.output(&bytes[bytes.len() - fresh..]);
                if !self.arrivals.is_replay() {
                    self.type_strokes(answer);
                }
            }
        }
    }

    /// Whether a disk is to show a result now that the host does not have yet. [`Vm::serve`] would
    /// wait for it.
    fn is_held(&mut self) -> bool {
        let now = self.cpu.now(0).to_nanos();
        let due = self.board.deadline().is_some_and(|at| at <= now);
        due && self.board.is_held(&mut self.backends.disks, now)
    }

    /// Takes what has come from outside: what was typed, and frames for which devices have room.
    fn listen(&mut self, host: &mut dyn Host) -> Option<Outcome> {
        let past = self.is_past();
        let room = TYPED_AHEAD.saturating_sub(self.board.typed_ahead());
        // What is typed meanwhile waits until the machine is back.
        match host.input(if past { 0 } else { room }) {
            Input::Typed(_) if past || self.arrivals.is_replay() => self.arrive_again(),
            Input::Typed(strokes) => {
                self.type_strokes(strokes);
                self.heed_size(host);
                self.take_frames();
                self.take_answers();
                None
            }
            Input::Quit => Some(Outcome::Quit),
        }
    }

    /// Whether the machine has gone back, and is where it has been before.
    pub(super) fn is_past(&self) -> bool {
        self.arrivals.is_past(self.cpu.now(0))
    }

    /// Has arrive what arrived now in an earlier run.
    fn arrive_again(&mut self) -> Option<Outcome> {
        while let Some(what) = self.arrivals.due(self.cpu.now(0)) {
            if self.arrivals.missed().is_some() {
                return Some(Outcome::Difference);
            }
            let end = match what {
                Arrived::End(outcome) => Some(outcome),
                _ => None,
            };
            self.arrive(what);
            if end.is_some() {
                return end;
            }
        }
        None
    }

    /// Tells the guest if the window of its virtio console has another size.
    fn heed_size(&mut self, host: &dyn Host) {
        let known = self.board.window_size();
        let size = known.and_then(|_| host.window_size());
        if let Some(size) = size.filter(|&size| known != Some(size)) {
            self.arrive(Arrived::Resized(size));
        }
    }

    fn take_frames(&mut self) {
        let now = self.cpu.now(0).to_nanos();
        for port in self.backends.networks.ports() {
            for _ in 0..FRAMES {
                let room = self.board.has_room(port);
                let frame = room.then(|| self.backends.networks.receive(port, now));
                let Some(frame) = frame.flatten() else { break };
                self.arrive(Arrived::Frame { port, frame });
            }
        }
    }

    fn take_answers(&mut self) {
        for folder in self.backends.folders.numbers() {
            while let Some((job, answer)) = self.backends.folders.answer(folder) {
                self.arrive(Arrived::Answer {
                    folder,
                    job,
                    answer,
                });
            }
        }
    }

    /// The guest is in WAIT: goes on if an interrupt ends that; else lets time pass to the next
    /// event, or rests if the host keeps time.
    fn wait(&mut self, host: &mut dyn Host) -> Option<Rest> {
        if self.cpu.wakes()
            || self
                .cpu
                .idle
                .wake_at
                .is_some_and(|at| at <= self.cpu.now(0))
        {
            let waited = self.cpu.idle.waiting.take().unwrap_or_default();
            self.cpu.idle.wake_at = None;
            self.tell(0, Happening::Waited(waited));
            return None;
        }
        let waited = self.cpu.idle.waiting.unwrap_or_default();
        let types = host.may_type() && !self.arrivals.is_replay();
        if waited.0 > FOREVER.to_cycles().0 && !types && !self.may_receive() {
            self.cpu.idle.waiting = None;
            return Some(Rest::Ended(Outcome::Halted));
        }
        self.counters.waits += 1;
        let now = self.cpu.now(0);
        let span = self.next_event().saturating_sub(now.0).min(LONGEST_WAIT);
        if self.is_waited_for(host) {
            return self.rest(Cycles(span));
        }
        self.pass(Cycles(span).to_nanos());
        None
    }

    /// Whether a frame, an answer, or what arrived in an earlier run, may come and end the guest's wait.
    fn may_receive(&self) -> bool {
        let Backends {
            networks, folders, ..
        } = &self.backends;
        let is_alone = networks.ports().is_empty() && folders.numbers().is_empty();
        let listens = !is_alone && !self.cpu.is_deaf();
        listens || self.arrivals.next_at() != u64::MAX
    }

    /// Whether the host is to wait while the guest is in WAIT: not for a guest that nothing can wake.
    fn is_waited_for(&mut self, host: &dyn Host) -> bool {
        let deaf = self.cpu.is_deaf() && !host.may_type();
        !deaf && self.waits_in_host_time(host)
    }

    /// Whether an idle guest's time passes on the host's clock. It passes at once while a disk or a serial
    /// line moves data: what that takes the host is waited for anyway, and the host would wake
    /// later than it is asked to.
    fn waits_in_host_time(&mut self, host: &dyn Host) -> bool {
        let realtime = host.clock().is_some();
        host.keeps_time() && !self.is_past() && (realtime || !self.board.transfers())
    }

    /// The guest is idle for `span`: a rest for what the host has to wait for of it. What the guest
    /// is behind the host's clock passes at once.
    fn rest(&mut self, span: Cycles) -> Option<Rest> {
        let behind = self.lag.at(Instant::now(), self.cpu.now(0).to_nanos());
        let owed = behind.min(span);
        if owed > Cycles(0) {
            self.pass(owed.to_nanos());
        }
        let left = Cycles(span.0 - owed.0);
        (left > Cycles(0)).then(|| Rest::Idle(left.to_nanos()))
    }

    /// Lets time pass for a guest that is idle.
    pub fn pass(&mut self, time: Nanos) {
        if let Some(spin) = self.cpu.idle.spinning {
            return self.count_rounds(spin, time.to_cycles().0 / spin.period);
        }
        let cycles = Cycles(time.to_cycles().0.max(1));
        self.cpu.skip(cycles);
        if let Some(waited) = &mut self.cpu.idle.waiting {
            waited.0 += cycles.0;
        }
    }

    /// Does what is due now: timer, devices, console, interrupts. Called between runs of an
    /// engine. Returns the machine's outcome if the guest asked for its end.
    pub fn serve(&mut self, host: &mut dyn Host) -> Option<Outcome> {
        loop {
            self.print(host);
            let outcome = self.serve_devices();
            // What devices have printed now, a script may answer now.
            if outcome.is_some() || !self.console.has_output() {
                return outcome;
            }
        }
    }

    /// The same without the console. To do it twice is to do it once.
    pub(super) fn serve_devices(&mut self) -> Option<Outcome> {
        if let Some(errno) = self.cpu.soft_tlb().refused() {
            self.ram.fail(HostFailure::Mapping(errno.to_string()));
        }
        if self.ram.failure().is_some() {
            return Some(Outcome::HostFailure);
        }
        let now = self.cpu.now(0);
        self.cpu.cp0.advance_timer(now);
        if self.board.deadline().is_some_and(|at| at <= now.to_nanos()) {
            self.with_board(|board, outside| board.advance(outside, now.to_nanos()));
            self.collect_output(0);
        }
        self.refresh_lines();
        match self.board.take_request() {
            Some(Request::PowerOff) => return Some(Outcome::PowerOff),
            Some(Request::Reset) => return Some(Outcome::Reset),
            None => {}
        }
        if self.cpu.cp0.interrupt_pending() {
            let pc = self.cpu.pc;
            self.raise(Exception::Interrupt, pc, false);
        }
        self.cpu.stop = 0;
        None
    }

    /// The cycle of the next thing that happens by itself. A horizon is never beyond it: engines
    /// stop when something comes nearer than theirs.
    #[must_use]
    pub fn next_event(&self) -> u64 {
        let board = self
            .board
            .deadline()
            .map_or(u64::MAX, |at| at.to_cycles().0);
        let wake = self.cpu.idle.wake_at.map_or(u64::MAX, |at| at.0);
        let arrival = self.arrivals.next_at();
        self.cpu.cp0.timer.min(board).min(wake).min(arrival)
    }

    /// Brings a machine that has been idle to the time of another that does the same things: what
    /// arrived there arrives here, at the same cycle.
    pub fn catch_up(&mut self, leader: &mut Vm) {
        self.cpu.idle.wake_at = None;
        self.ram.balloon_target = leader.ram.balloon_target;
        let mut arrivals = leader.arrivals.take().into_iter().peekable();
        loop {
            let now = self.cpu.now(0);
            while let Some(arrival) = arrivals.next_if(|arrival| arrival.at <= now) {
                self.arrive(arrival.what);
            }
            self.serve(&mut Nowhere);
            let arrives = arrivals.peek().map_or(u64::MAX, |arrival| arrival.at.0);
            let next = self.next_event().min(arrives).min(leader.cpu.now(0).0);
            if next <= now.0 {
                return;
            }
            self.cpu.skip(Cycles(next - now.0));
        }
    }

    /// Asks the engine whether the guest spins, and skips as many rounds as are sure to run before
    /// anything changes. If only an interrupt can end the loop and the host keeps time, the machine
    /// is idle as one in WAIT is.
    fn skip_rounds(
        &mut self,
        engine: &mut dyn Engine,
        host: &mut dyn Host,
        limit: u64,
    ) -> Option<Rest> {
        let before = *self.board.accesses_mut();
        // What is only tried out does not happen.
        let witness = self.witness.take();
        let spin = engine.spin(self);
        self.witness = witness;
        let round = std::mem::replace(self.board.accesses_mut(), before).since(&before);
        self.backoff.learn(spin.is_some(), self.cpu.retired());
        let spin = spin?;
        let end = self.next_event().min(spin.until.to_cycles().0).min(FAR);
        let span = end
            .saturating_sub(self.cpu.now(0).0)
            .min(limit.saturating_sub(self.cpu.retired()))
            .min(LONGEST_WAIT);
        let rounds = span / spin.period;
        if rounds > 0 && spin.until == NEVER && self.waits_in_host_time(host) {
            self.cpu.idle.spinning = Some(spin);
            let rest = self.rest(Cycles(rounds * spin.period));
            // If it goes on at once, what passes next is not time of this loop.
            self.cpu.idle.spinning = self.cpu.idle.spinning.filter(|_| rest.is_some());
            return rest;
        }
        self.board.accesses_mut().add(&round, rounds);
        self.count_rounds(spin, rounds);
        None
    }

    /// Rounds of a loop as if they had run.
    fn count_rounds(&mut self, spin: Spin, rounds: u64) {
        if rounds > 0 {
            let cycles = rounds * spin.period;
            self.cpu.left -= cycles as i64;
            self.backoff.skip(cycles);
            self.counters.spins += 1;
            self.counters.spun += cycles;
        }
    }

    /// Moves time on to the host's clock, if it is tied to that.
    fn follow_clock(&mut self, host: &mut dyn Host) {
        if let Some(clock) = host.clock() {
            let clock = clock.saturating_sub(self.standstill.total());
            let clock = Nanos(clock.as_nanos() as u64).whole_cycles();
            let behind = clock.0.saturating_sub(self.cpu.now(0).0);
            self.cpu.skip(Cycles(behind));
        }
    }

    /// Sets the horizon to the next event, or to where `most` instructions have run if that is
    /// sooner.
    fn set_horizon_in(&mut self, now: Cycles, most: u64) {
        let horizon = self.next_event().min(now.0 + self.cpu.cycles_of(most));
        self.cpu.set_horizon(Cycles(horizon.max(now.0 + 1)));
    }
}
