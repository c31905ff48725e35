//! What a sweep looks at: one line for each curve.

use super::super::Measured;
use crate::report::JitReport;
use crate::report::plot::Point;

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
        meaning: "on the host's clock, start of the process included; the band is the range",
        value: |measured| Point {
            value: measured.wall.median,
            least: measured.wall.least,
            most: measured.wall.most,
        },
    },
    Metric {
        name: "Hit rate, %",
        meaning: "instructions that ran translated, of all",
        value: |measured| {
            let record = measured.record.as_ref();
            let all = record.map_or(0, |record| record.report.instructions);
            jit(measured, |jit| {
                100.0 * jit.translated as f64 / all.max(1) as f64
            })
        },
    },
    Metric {
        name: "Evictions",
        meaning: "times that the code cache was emptied, as it was full",
        value: |measured| jit(measured, |jit| jit.flushes as f64),
    },
    Metric {
        name: "Compile time, s",
        meaning: "spent on translating, beside the guest or in its way",
        value: |measured| jit(measured, |jit| jit.compile_seconds),
    },
];

/// A value that the JIT reported in the last run.
fn jit(measured: &Measured, value: impl FnOnce(&JitReport) -> f64) -> Point {
    let record = measured.record.as_ref();
    let report = record.and_then(|record| record.report.jit.as_ref());
    Point::exact(report.map_or(0.0, value))
}
