//! What a sweep looks at: one line for each curve.

use super::super::{Measured, Sample};
use crate::report::plot::Point;
use crate::report::{JitReport, Report};

/// Something that a run is judged by.
pub struct Metric {
    /// What it is called.
    pub name: &'static str,
    /// What it is, for people.
    pub meaning: &'static str,
    /// Its value.
    pub value: fn(&Measured) -> Point,
}

/// All of them; the first decides which setting is best.
pub static METRICS: &[Metric] = &[
    Metric {
        name: "Time, s",
        meaning: "on the host's clock, start of the process included",
        value: |measured| point(&measured.wall),
    },
    Metric {
        name: "Hit rate, %",
        meaning: "instructions that ran translated, of all",
        value: |measured| {
            reported(measured, |report, jit| {
                100.0 * jit.translated as f64 / report.instructions.max(1) as f64
            })
        },
    },
    Metric {
        name: "Evictions",
        meaning: "translations evicted, as the code cache was full",
        value: |measured| reported(measured, |_, jit| jit.evicted as f64),
    },
    Metric {
        name: "Compile time, s",
        meaning: "spent on translating, beside the guest or in its way",
        value: |measured| reported(measured, |_, jit| jit.compile_seconds),
    },
];

fn point(sample: &Sample) -> Point {
    Point {
        value: sample.median,
        least: sample.least,
        most: sample.most,
    }
}

/// What the runs reported of the JIT: with a thread that translates, no two are the same.
fn reported(measured: &Measured, value: impl Fn(&Report, &JitReport) -> f64) -> Point {
    let reports = measured.records.iter().map(|record| &record.report);
    let values = reports.filter_map(|report| Some(value(report, report.jit.as_ref()?)));
    point(&Sample::of(values.collect()))
}
