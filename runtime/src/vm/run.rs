//! The loop that runs a machine: events, interrupts, engine, idleness.

use super::host::{Host, Input, Nowhere};
use super::{Spin, Vm};
use crate::board::Request;
use crate::clock::{Cycles, INSTRUCTIONS_PER_SECOND, Nanos};
use crate::cpu::exception::Exception;
use crate::exit::{Exit, Outcome};
use std::time::{Duration, Instant};

/// What executes guest instructions.
pub trait Engine {
    /// Runs the machine's CPU from an instruction boundary until `cpu.left` is used up, or
    /// something asks for attention (`cpu.stop`, which the engine clears), or WAIT. Comes back at
    /// an instruction boundary, never between a branch and its delay slot.
    fn run(&mut self, vm: &mut Vm) -> Exit;

    /// Whether the guest, at its program counter, goes round in a loop that changes nothing. Leaves
    /// the machine as it is, but for counting one round's accesses to devices. An engine that does
    /// not look runs every round.
    fn spin(&mut self, _vm: &mut Vm) -> Option<Spin> {
        None
    }
}

/// The longest run of cycles between two looks at the console.
pub(super) const SLICE: u64 = 1 << 20;
/// The same when virtual time is tied to the host's clock: a millisecond.
pub(super) const REALTIME_SLICE: u64 = INSTRUCTIONS_PER_SECOND / 1000;
/// The longest span that is waited for at once.
pub(super) const LONGEST_WAIT: u64 = INSTRUCTIONS_PER_SECOND;
/// A guest that waited for so long without being woken waits for nothing.
const FOREVER: Nanos = Nanos(300 * Nanos::SECOND.0);

impl Vm {
    /// Runs the machine until its end, or until `limit` instructions have run.
    pub fn run(&mut self, engine: &mut dyn Engine, host: &mut dyn Host, limit: u64) -> Outcome {
        loop {
            if let Some(outcome) = self.listen(host).or_else(|| self.serve(host)) {
                return outcome;
            }
            let (now, retired) = (self.cpu.now(0), self.cpu.retired());
            if retired >= limit {
                return Outcome::Limit;
            }
            let slice = if host.clock().is_some() {
                REALTIME_SLICE
            } else {
                self.patience.slice()
            };
            let horizon = self.next_event().min(now.0 + slice.min(limit - retired));
            self.cpu.set_horizon(Cycles(horizon.max(now.0 + 1)));
            let exit = engine.run(self);
            self.counters.exits[exit as usize] += 1;
            match exit {
                Exit::Horizon => self.skip_rounds(engine, host, limit),
                Exit::Stop => {}
                Exit::Difference => return Outcome::Difference,
                Exit::Wait => {
                    if let Some(outcome) = self.sleep(host) {
                        return outcome;
                    }
                }
            }
        }
    }

    /// Takes what was typed, and the host's time if virtual time is tied to it.
    fn listen(&mut self, host: &mut dyn Host) -> Option<Outcome> {
        match host.input() {
            Input::Bytes(bytes) => self.type_bytes(&bytes),
            Input::Quit => return Some(Outcome::Quit),
        }
        self.follow_clock(host);
        None
    }

    /// Lets time pass, event by event, until an interrupt ends the guest's WAIT.
    fn sleep(&mut self, host: &mut dyn Host) -> Option<Outcome> {
        let mut waited = 0;
        while !self.wakes() {
            if waited > FOREVER.to_cycles().0 && !host.may_type() {
                return Some(Outcome::Halted);
            }
            waited += self.wait(host);
            if let Some(outcome) = self.listen(host).or_else(|| self.serve(host)) {
                return Some(outcome);
            }
        }
        None
    }

    /// Does what is due now: timer, devices, console, interrupts. Called between runs of an
    /// engine. Returns the machine's outcome if the guest asked for its end.
    pub fn serve(&mut self, host: &mut dyn Host) -> Option<Outcome> {
        if !self.output.is_empty() {
            let output = std::mem::take(&mut self.output);
            let answer = host.output(&output);
            self.type_bytes(&answer);
        }
        let now = self.cpu.now(0);
        self.cpu.cp0.advance_timer(now);
        if self.board.deadline().is_some_and(|at| at <= now.to_nanos()) {
            self.board.advance(now.to_nanos());
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

    /// The cycle of the next thing that happens by itself.
    pub(super) fn next_event(&self) -> u64 {
        let board = self
            .board
            .deadline()
            .map_or(u64::MAX, |at| at.to_cycles().0);
        self.cpu.cp0.timer.min(board)
    }

    /// Lets time pass until the next event, or as far as the host lets it. Returns the cycles.
    fn wait(&mut self, host: &mut dyn Host) -> u64 {
        self.counters.waits += 1;
        let now = self.cpu.now(0);
        let span = self.next_event().saturating_sub(now.0).min(LONGEST_WAIT);
        let start = Instant::now();
        let passed = host
            .idle(Cycles(span).to_nanos())
            .to_cycles()
            .0
            .clamp(1, span.max(1));
        self.counters.slept += start.elapsed();
        self.skip(Cycles(passed));
        passed
    }

    /// Brings a machine that has been idle, or was just made, to the time of another that does the
    /// same things: what was typed there is typed here, at the same cycle.
    pub fn catch_up(&mut self, leader: &Vm) {
        loop {
            let now = self.cpu.now(0);
            while let Some(&(at, byte)) = leader.typed.get(self.typed.len())
                && at <= now
            {
                self.type_bytes(&[byte]);
            }
            self.serve(&mut Nowhere);
            let typed = leader
                .typed
                .get(self.typed.len())
                .map_or(u64::MAX, |&(at, _)| at.0);
            let next = self.next_event().min(typed).min(leader.cpu.now(0).0);
            if next <= now.0 {
                return;
            }
            self.skip(Cycles(next - now.0));
        }
    }

    /// Moves time on without running instructions.
    pub fn skip(&mut self, span: Cycles) {
        self.cpu.left -= span.0 as i64;
        self.cpu.skipped += span.0;
    }

    /// Ties virtual time to the host's clock, if the host has one.
    fn follow_clock(&mut self, host: &mut dyn Host) {
        let Some(clock) = host.clock() else { return };
        let clock = Nanos(clock.as_nanos() as u64);
        let now = self.cpu.now(0).to_nanos();
        if clock > now {
            self.skip(Nanos(clock.0 - now.0).to_cycles());
        } else if now.0 - clock.0 > 1_000_000 {
            let ahead = Duration::from_nanos(now.0 - clock.0);
            std::thread::sleep(ahead);
            self.counters.slept += ahead;
        }
    }
}
