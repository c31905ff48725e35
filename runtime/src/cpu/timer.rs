//! Count and Compare: the timer in the CPU.
//!
//! Count is the cycle number plus an offset, so reading it costs nothing and it can neither drift
//! nor go backwards. MIPS32 Volume III, "Count Register" and "Compare Register".

use super::cp0::{CAUSE_DC, CAUSE_IP7, CAUSE_TI, Cp0};
use crate::clock::Cycles;

impl Cp0 {
    /// Count at time `now`.
    #[must_use]
    pub fn count(&self, now: Cycles) -> u32 {
        if self.cause & CAUSE_DC != 0 {
            return self.count_base;
        }
        self.count_base.wrapping_add(now.0 as u32)
    }

    pub(super) fn set_count(&mut self, value: u32, now: Cycles) {
        self.count_base = if self.cause & CAUSE_DC != 0 {
            value
        } else {
            value.wrapping_sub(now.0 as u32)
        };
        self.schedule_timer(now);
    }

    pub(super) fn set_compare(&mut self, value: u32, now: Cycles) {
        self.compare = value;
        self.cause &= !(CAUSE_TI | CAUSE_IP7);
        self.schedule_timer(now);
    }

    /// Replaces Cause, keeping Count's value when DC changes.
    pub(super) fn write_cause(&mut self, value: u32, now: Cycles) {
        let count = self.count(now);
        let stopped = (self.cause ^ value) & CAUSE_DC != 0;
        self.cause = value;
        if stopped {
            self.set_count(count, now);
        }
    }

    /// Works out when Count next reaches Compare, after `now`.
    pub(super) fn schedule_timer(&mut self, now: Cycles) {
        if self.cause & CAUSE_DC != 0 {
            self.timer = u64::MAX;
            return;
        }
        let steps = u64::from(self.compare.wrapping_sub(self.count(now)).wrapping_sub(1)) + 1;
        self.timer = now.0 + steps;
    }

    /// Raises the timer interrupt if it is due.
    pub fn advance_timer(&mut self, now: Cycles) {
        if now.0 >= self.timer {
            self.cause |= CAUSE_TI | CAUSE_IP7;
            self.schedule_timer(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::model::Model;

    fn cp0() -> Cp0 {
        Cp0::new(Model::find("24Kf").unwrap(), false)
    }

    #[test]
    fn compare_fires_when_count_reaches_it_and_not_before() {
        let mut cp0 = cp0();
        cp0.set_count(1000, Cycles(77));
        cp0.set_compare(1010, Cycles(77));
        assert_eq!(cp0.count(Cycles(cp0.timer)), 1010);
        assert_eq!(cp0.count(Cycles(cp0.timer - 1)), 1009);
        cp0.advance_timer(Cycles(cp0.timer - 1));
        assert_eq!(cp0.cause & CAUSE_TI, 0);
        cp0.advance_timer(Cycles(cp0.timer));
        assert_eq!(cp0.cause & (CAUSE_TI | CAUSE_IP7), CAUSE_TI | CAUSE_IP7);
        assert!(cp0.timer > 1 << 32, "the next match is a whole round away");
    }

    #[test]
    fn a_stopped_count_keeps_its_value() {
        let mut cp0 = cp0();
        cp0.write_cause(CAUSE_DC, Cycles(200));
        assert_eq!(cp0.count(Cycles(5000)), 200);
        cp0.write_cause(0, Cycles(5000));
        assert_eq!(cp0.count(Cycles(5001)), 201);
    }
}
