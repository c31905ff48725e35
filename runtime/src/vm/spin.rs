//! Loops that change nothing: the time that a guest spends in them is skipped.
//!
//! A loop that comes back to the same instruction with the same registers and has changed nothing
//! goes on like that until something outside it changes: memory, which only the CPU and events
//! change, or a device that it reads. So whole rounds of it need not run; they count as run, and
//! what is left of the time until the change runs as ever. Engines find such loops
//! ([`Engine::spin`]); here is what they ask the machine, and the skipping.

use super::Vm;
use super::host::Host;
use super::run::{Engine, LONGEST_WAIT, REALTIME_SLICE};
use crate::addr::{Pa, Va};
use crate::clock::{Cycles, Nanos};
use crate::device::Width;
use crate::mmu::Access;

/// A loop that changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spin {
    /// The instructions of a round.
    pub period: u64,
    /// Before which moment everything that it reads is as it is now, if no event comes.
    pub until: Nanos,
}

/// No device ends the loop, only an interrupt.
const NEVER: Nanos = Nanos(u64::MAX);
/// Time is not skipped beyond this cycle, which is centuries away: there is an end to numbers.
const FAR: u64 = 1 << 60;

/// When the engine is next asked whether the guest spins: soon where it did of late, as it may
/// have been interrupted in it.
pub(super) struct Patience {
    span: u64,
    /// The instructions that have run by then.
    until: u64,
}

/// The least of it.
const SHORT: u64 = 1 << 10;
/// The most of it: a look takes as long as hundreds of instructions.
const LONG: u64 = 1 << 22;

impl Default for Patience {
    fn default() -> Self {
        Self {
            span: SHORT,
            until: SHORT,
        }
    }
}

impl Patience {
    /// How many instructions run until then.
    pub(super) fn left(&self, retired: u64) -> u64 {
        self.until.saturating_sub(retired).min(self.span)
    }

    fn learn(&mut self, spins: bool, retired: u64) {
        self.span = if spins {
            SHORT
        } else {
            (self.span * 2).min(LONG)
        };
        self.until = retired + self.span;
    }
}

impl Vm {
    /// Before which moment every load of `width` from `va` gives what it gives now and changes
    /// nothing, if no event comes and nothing is stored; `None` if that cannot be said.
    pub fn steady_until(&mut self, va: Va, width: Width) -> Option<Nanos> {
        if va.0 & (width.bytes() - 1) != 0 {
            return None;
        }
        let pa = self.translate(va, Access::Read).ok()?.pa;
        if self.pmap.is_ram(pa) {
            return self.is_touched(pa).then_some(NEVER);
        }
        let now = self.cpu.now(0).to_nanos();
        self.board.steady_until(pa, width, now)
    }

    /// Whether storing `value` to `va` would change nothing. Then a device counts it as stored.
    pub fn ignores(&mut self, va: Va, width: Width, value: u32) -> bool {
        if va.0 & (width.bytes() - 1) != 0 {
            return false;
        }
        let Ok(page) = self.translate(va, Access::Write) else {
            return false;
        };
        if !self.pmap.is_ram(page.pa) {
            return self.board.ignores(page.pa, width, value);
        }
        self.is_touched(page.pa) && self.holds(page.pa, width) == value & width.mask()
    }

    /// What RAM holds at `pa`.
    fn holds(&self, pa: Pa, width: Width) -> u32 {
        let mut bytes = [0; 4];
        self.read_physical(pa, &mut bytes[..width.bytes() as usize]);
        if self.big_endian() {
            u32::from_be_bytes(bytes) >> (32 - 8 * width.bytes())
        } else {
            u32::from_le_bytes(bytes)
        }
    }

    /// Asks the engine whether the guest spins, and skips as many rounds as are sure to run before
    /// anything changes. If only an interrupt can end the loop and a person may type, the machine
    /// is idle for the time that is returned, as one in WAIT is.
    pub(super) fn skip_rounds(
        &mut self,
        engine: &mut dyn Engine,
        host: &mut dyn Host,
        limit: u64,
    ) -> Option<Nanos> {
        let before = *self.board.accesses_mut();
        let spin = engine.spin(self);
        let round = std::mem::replace(self.board.accesses_mut(), before).since(&before);
        self.patience.learn(spin.is_some(), self.cpu.retired());
        let spin = spin?;
        let longest = if host.clock().is_some() {
            REALTIME_SLICE
        } else {
            LONGEST_WAIT
        };
        let end = self.next_event().min(spin.until.to_cycles().0).min(FAR);
        let span = end
            .saturating_sub(self.cpu.now(0).0)
            .min(limit.saturating_sub(self.cpu.retired()))
            .min(longest);
        let rounds = span / spin.period;
        if rounds > 0 && spin.until == NEVER && host.may_type() {
            self.spinning = Some(spin);
            return Some(Cycles(rounds * spin.period).to_nanos());
        }
        self.board.accesses_mut().add(&round, rounds);
        self.count_rounds(spin, rounds);
        None
    }

    /// Rounds of a loop as if they had run.
    pub(super) fn count_rounds(&mut self, spin: Spin, rounds: u64) {
        if rounds > 0 {
            let cycles = rounds * spin.period;
            self.cpu.left -= cycles as i64;
            self.patience.until += cycles;
            self.counters.spins += 1;
            self.counters.spun += cycles;
        }
    }
}
