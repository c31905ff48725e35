//! What programs took with every setting, and whether they printed the same.

use std::fmt;

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;

use super::list::Program;
use super::shell::Timing;
use crate::measure::statistics::geometric_mean;
use crate::measure::{GuestResults, Measured, Results, Sample, bench};
use crate::report::Record;

/// What the programs of a list took, by name, or why one failed.
pub(super) type Pass = Vec<(&'static str, Result<Timing, String>)>;

/// What was found of programs. A program is a guest of the [`Results`], with its command for the
/// image.
#[derive(Debug, Serialize)]
pub struct ProgramResults {
    /// Times and speeds; those of the first pass, if there are two.
    #[serde(flatten)]
    pub results: Results,
    /// For each setting the program that is slowest in it, relative to the baseline.
    pub worst: Vec<Worst>,
    /// What programs took when they ran a second time in the same guest.
    pub again: Vec<Aging>,
    /// Programs that did not print the same with every setting.
    pub disagreements: Vec<Disagreement>,
    /// What mirrorball reported of its guests, in the order in which they ran.
    pub records: Vec<Record>,
    /// The first output of each program, and the setting that it ran with.
    #[serde(skip)]
    outputs: Vec<Option<Output>>,
    #[serde(skip)]
    first: Vec<Vec<Times>>,
    #[serde(skip)]
    second: Vec<Vec<Times>>,
    #[serde(skip)]
    is_again: bool,
}

/// The times of a program with one setting.
#[derive(Clone, Debug, Default)]
struct Times {
    wall: Vec<f64>,
    cpu: Vec<f64>,
}

/// The program that is slowest with a setting.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Worst {
    /// The setting.
    pub setting: String,
    /// The program.
    pub program: String,
    /// How many times as fast as the baseline it is.
    pub speed: f64,
}

/// A program that ran a second time in the same guest.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Aging {
    /// The program.
    pub program: String,
    /// The setting.
    pub setting: String,
    /// Time on the host's clock, of the first time.
    pub first: Sample,
    /// The same of the second time.
    pub second: Sample,
    /// The second time as a share of the first, by the medians.
    pub ratio: f64,
}

/// A program that printed something else than it first did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Disagreement {
    /// The program.
    pub program: String,
    /// What it first printed.
    pub expected: Output,
    /// What it printed then.
    pub found: Output,
}

/// What a program printed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Output {
    /// The setting that it ran with.
    pub setting: String,
    /// What it printed.
    pub text: String,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            program,
            expected,
            found,
        } = self;
        write!(
            f,
            "{program}: the settings do not print the same: '{}' {:?}, '{}' {:?}; one of them runs \
             the guest wrongly, and run --engine lockstep finds where",
            expected.setting, expected.text, found.setting, found.text
        )
    }
}

impl ProgramResults {
    /// Results of nothing yet.
    pub(super) fn new(mut results: Results, programs: &[&Program], again: bool) -> Self {
        results.guests = programs
            .iter()
            .map(|program| GuestResults {
                name: program.name.to_owned(),
                image: program.command.to_owned(),
                measured: Vec::new(),
            })
            .collect();
        let times = vec![vec![Times::default(); results.settings.len()]; programs.len()];
        Self {
            worst: Vec::new(),
            again: Vec::new(),
            disagreements: Vec::new(),
            records: Vec::new(),
            outputs: vec![None; programs.len()],
            first: times.clone(),
            second: times,
            is_again: again,
            results,
        }
    }

    /// Adds what a guest found with the setting of this index.
    pub(super) fn add(&mut self, setting: usize, first: Pass, second: Pass) {
        for (pass, is_second) in [(first, false), (second, true)] {
            for (name, timing) in pass {
                match timing {
                    Ok(timing) => self.add_timing(setting, name, timing, is_second),
                    Err(problem) => self.results.failures.push(problem),
                }
            }
        }
    }

    fn add_timing(&mut self, setting: usize, name: &str, timing: Timing, is_second: bool) {
        let mut guests = self.results.guests.iter();
        let Some(program) = guests.position(|guest| guest.name == name) else {
            return;
        };
        let all = if is_second {
            &mut self.second
        } else {
            &mut self.first
        };
        let times = &mut all[program][setting];
        times.wall.push(timing.wall);
        times.cpu.push(timing.cpu);
        let found = Output {
            setting: self.results.settings[setting].name.clone(),
            text: timing.output,
        };
        let expected = self.outputs[program].get_or_insert_with(|| found.clone());
        if expected.text != found.text {
            self.disagreements.push(Disagreement {
                program: name.to_owned(),
                expected: expected.clone(),
                found,
            });
        }
    }

    /// Makes results of the times. Programs that failed are left out.
    pub(super) fn finish(&mut self, baseline: usize) {
        let settings: Vec<String> = self
            .results
            .settings
            .iter()
            .map(|s| s.name.clone())
            .collect();
        let mut guests = Vec::new();
        for (program, mut guest) in self.results.guests.drain(..).enumerate() {
            let (first, second) = (&self.first[program], &self.second[program]);
            if first.iter().any(|times| times.wall.is_empty()) {
                continue;
            }
            guest.measured = settings.iter().zip(first).map(measured).collect();
            guest.compare(baseline);
            if self.is_again {
                let pairs = guest.measured.iter().zip(second);
                let aging = pairs.filter_map(|(first, second)| aging(&guest.name, first, second));
                self.again.extend(aging);
            }
            guests.push(guest);
        }
        self.results.guests = guests;
        self.results.summarize();
        self.worst = settings
            .iter()
            .enumerate()
            .filter_map(|(index, setting)| self.worst_of(index, setting))
            .collect();
    }

    fn worst_of(&self, index: usize, setting: &str) -> Option<Worst> {
        let speed = |guest: &GuestResults| guest.measured[index].speed;
        let mut guests = self.results.guests.iter().collect::<Vec<_>>();
        guests.sort_by(|a, b| speed(a).total_cmp(&speed(b)));
        guests.first().map(|guest| Worst {
            setting: setting.to_owned(),
            program: guest.name.clone(),
            speed: speed(guest),
        })
    }

    /// The results as JSON, with a line feed at its end.
    ///
    /// # Errors
    /// When a number is none that JSON knows.
    pub fn to_json(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

fn measured((setting, times): (&String, &Times)) -> Measured {
    Measured {
        setting: setting.clone(),
        wall: Sample::of(times.wall.clone()),
        cpu: Sample::of(times.cpu.clone()),
        ..Measured::default()
    }
}

fn aging(program: &str, first: &Measured, second: &Times) -> Option<Aging> {
    if second.wall.is_empty() {
        return None;
    }
    let second = Sample::of(second.wall.clone());
    Some(Aging {
        program: program.to_owned(),
        setting: first.setting.clone(),
        ratio: second.median / first.wall.median,
        first: first.wall.clone(),
        second,
    })
}

/// The results as a table, and if programs ran twice, one of how that compares.
#[must_use]
pub fn table(found: &ProgramResults) -> String {
    let results = &found.results;
    let worst = found.worst.iter().map(|worst| {
        let speed = bench::times(worst.speed);
        let row = [
            "worst",
            &worst.setting,
            &worst.program,
            "",
            "",
            "",
            "",
            &speed,
            "",
        ];
        row.map(str::to_owned)
    });
    let worst = if results.guests.len() > 1 {
        worst.collect()
    } else {
        Vec::new()
    };
    let rounds = match results.rounds {
        1 => "One guest with each setting".to_owned(),
        rounds => format!("Medians of {rounds} guests with each setting, in turn"),
    };
    let explanation = format!(
        "{rounds}; time from a command's being typed to its end.\n\
         CPU: user and system, all threads of the host's process, in hundredths of a second."
    );
    let mut text = bench::table_of(results, "Program", worst, &explanation);
    if !found.again.is_empty() {
        text.push('\n');
        text.push_str(&again(found));
    }
    text
}

/// How the second time compares with the first.
fn again(found: &ProgramResults) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.add_row(["Program", "Setting", "First", "Second", "Second/first"]);
    for aging in &found.again {
        table.add_row([
            aging.program.clone(),
            aging.setting.clone(),
            format!("{:.3} s", aging.first.median),
            format!("{:.3} s", aging.second.median),
            format!("{:.2}", aging.ratio),
        ]);
    }
    for setting in &found.results.settings {
        let of_setting = found
            .again
            .iter()
            .filter(|aging| aging.setting == setting.name);
        let ratios: Vec<f64> = of_setting.map(|aging| aging.ratio).collect();
        let mean = format!("{:.2}", geometric_mean(&ratios));
        table.add_row(["geometric mean", &setting.name, "", "", &mean]);
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if index >= 2 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    format!(
        "{}\n\nSecond: the whole list once more, in the same guest.\n",
        table.trim_fmt()
    )
}

/// The results as a plot.
#[must_use]
pub fn plot(found: &ProgramResults) -> String {
    bench::plot_of(&found.results, "programs")
}

#[cfg(test)]
mod tests;
