//! What a measurement found, and whether all settings ended alike.

use std::fmt;

use serde::Serialize;

use super::statistics::{Sample, geometric_mean};
use crate::report::{Ending, Record};

/// What a measurement found. Times are in seconds.
#[derive(Debug, Serialize)]
pub struct Results {
    /// The version of mirrorball.
    pub mirrorball: &'static str,
    /// The version of QEMU, if it was measured.
    pub qemu: Option<String>,
    /// The host's CPU.
    pub host: String,
    /// How many threads the host runs at once.
    pub host_threads: usize,
    /// How often each guest ran with each setting.
    pub rounds: usize,
    /// The setting that speeds are relative to.
    pub baseline: String,
    /// The settings.
    pub settings: Vec<SettingInfo>,
    /// The guests, each with all settings.
    pub guests: Vec<GuestResults>,
    /// Runs that ended differently from the guest's first.
    pub differences: Vec<Difference>,
    /// Why guests are missing, one line each.
    pub failures: Vec<String>,
}

/// A setting.
#[derive(Debug, Serialize)]
pub struct SettingInfo {
    /// What people call it.
    pub name: String,
    /// What runs the guest, and its switches.
    pub command: Vec<String>,
    /// The geometric mean of the guests' speeds.
    pub speed: f64,
    /// The same of their speeds by CPU time.
    pub cpu_speed: f64,
}

/// A guest with all settings.
#[derive(Debug, Serialize)]
pub struct GuestResults {
    /// What people call it.
    pub name: String,
    /// Its image.
    pub image: String,
    /// What was measured, in the order of the settings.
    pub measured: Vec<Measured>,
}

/// A guest with one setting.
#[derive(Debug, Default, Serialize)]
pub struct Measured {
    /// The setting.
    pub setting: String,
    /// Time on the host's clock, from the start of the process to its end.
    pub wall: Sample,
    /// Time of the CPU, of all threads, in user mode and in the kernel.
    pub cpu: Sample,
    /// How many times as fast as the baseline, by the medians on the host's clock.
    pub speed: f64,
    /// The same by CPU time.
    pub cpu_speed: f64,
    /// What the last run reported, unless it was QEMU's.
    pub record: Option<Record>,
    /// What all of them did.
    #[serde(skip)]
    pub records: Vec<Record>,
}

/// The fewest runs that tell a difference from chance.
const TELLING: usize = 3;

impl Measured {
    /// Whether this was surely faster than `other`: each run took less time, and less of the CPU, than
    /// each of the other's.
    #[must_use]
    pub fn beats(&self, other: &Self) -> bool {
        let enough = self.wall.all.len().min(other.wall.all.len()) >= TELLING;
        let less = |a: &Sample, b: &Sample| a.most < b.least;
        enough && less(&self.wall, &other.wall) && less(&self.cpu, &other.cpu)
    }
}

/// A run that ended differently from the guest's first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The guest.
    pub guest: String,
    /// How its first run ended.
    pub expected: End,
    /// How this one did.
    pub found: End,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct End {
    /// The setting that it ran with.
    pub setting: String,
    /// Why the machine stopped.
    pub outcome: Ending,
    /// How many instructions it ran.
    pub instructions: u64,
    /// The hash of what it left behind.
    pub state: String,
}

impl End {
    pub(super) fn new(setting: &str, record: &Record) -> Self {
        Self {
            setting: setting.to_owned(),
            outcome: record.outcome,
            instructions: record.report.instructions,
            state: record.state.clone(),
        }
    }

    /// Whether the machine of both was in the same state at its end.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        let all = |end: &Self| (end.outcome, end.instructions, end.state.clone());
        all(self) == all(other)
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            setting,
            instructions,
            state,
            ..
        } = self;
        write!(
            f,
            "'{setting}' after {instructions} instructions with state {state}"
        )
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: the settings ended differently, so that their times do not compare: {}, {}; a switch that changes the machine or its time does that, and \
             anything else is a mistake that run --engine lockstep finds",
            self.guest, self.expected, self.found
        )
    }
}

impl GuestResults {
    /// Sets the speeds of all settings, relative to the one with this index.
    pub(super) fn compare(&mut self, baseline: usize) {
        let Some(base) = self.measured.get(baseline) else {
            return;
        };
        let (wall, cpu) = (base.wall.median, base.cpu.median);
        for measured in &mut self.measured {
            measured.speed = wall / measured.wall.median;
            measured.cpu_speed = cpu / measured.cpu.median;
        }
    }
}

impl Measured {
    /// Millions of guest instructions in a second on the host's clock, if they were counted.
    #[must_use]
    pub fn mips(&self) -> Option<f64> {
        let instructions = self.record.as_ref()?.report.instructions;
        Some(instructions as f64 / 1e6 / self.wall.median)
    }
}

impl Results {
    /// Sets the means of the settings' speeds.
    pub(super) fn summarize(&mut self) {
        for (index, setting) in self.settings.iter_mut().enumerate() {
            let mean = |speed: fn(&Measured) -> f64| {
                let speeds = self.guests.iter().filter_map(|g| g.measured.get(index));
                geometric_mean(&speeds.map(speed).collect::<Vec<_>>())
            };
            setting.speed = mean(|measured| measured.speed);
            setting.cpu_speed = mean(|measured| measured.cpu_speed);
        }
    }

    /// The results as JSON, with a line feed at its end.
    ///
    /// # Errors
    /// When a number is none that JSON knows.
    pub fn to_json(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(seconds: f64) -> Measured {
        Measured {
            wall: Sample::of(vec![seconds]),
            cpu: Sample::of(vec![2.0 * seconds]),
            ..Measured::default()
        }
    }

    #[test]
    fn noise_beats_nothing() {
        let measured = |wall: &[f64], cpu: &[f64]| Measured {
            wall: Sample::of(wall.to_vec()),
            cpu: Sample::of(cpu.to_vec()),
            ..Measured::default()
        };
        let slow = measured(&[2.0, 2.1, 2.2], &[1.5, 1.6, 1.7]);
        assert!(measured(&[1.0, 1.1, 1.2], &[0.9, 1.0, 1.0]).beats(&slow));
        assert!(!measured(&[1.0, 1.1, 2.05], &[0.9, 1.0, 1.0]).beats(&slow));
        assert!(
            !measured(&[1.0, 1.1, 1.2], &[1.5, 1.6, 1.7]).beats(&slow),
            "of equal CPU time"
        );
        assert!(!measured(&[1.0, 1.1], &[0.9, 1.0]).beats(&slow), "too few");
    }

    #[test]
    fn speeds_are_relative_to_the_baseline() {
        let mut guest = GuestResults {
            name: "g".into(),
            image: "g".into(),
            measured: vec![measured(3.0), measured(1.5)],
        };
        guest.compare(0);
        assert_eq!(
            (guest.measured[0].speed, guest.measured[1].speed),
            (1.0, 2.0)
        );
        assert_eq!(guest.measured[1].cpu_speed, 2.0);
        guest.compare(1);
        assert_eq!(
            (guest.measured[0].speed, guest.measured[1].speed),
            (0.5, 1.0)
        );
    }

    #[test]
    fn a_difference_names_both_ends() {
        let end = |setting: &str, instructions| End {
            setting: setting.into(),
            outcome: Ending::PowerOff,
            instructions,
            state: "ab".into(),
        };
        assert!(end("a", 1).is_like(&end("b", 1)) && !end("a", 1).is_like(&end("a", 2)));
        let text = Difference {
            guest: "g".into(),
            expected: end("jit", 1),
            found: end("interp", 2),
        }
        .to_string();
        assert!(
            text.starts_with("g: the settings ended differently"),
            "{text}"
        );
        let ends = "'jit' after 1 instructions with state ab, 'interp' after 2 instructions";
        assert!(text.contains(ends), "{text}");
    }
}
