//! Guests side by side: results as a table for people and as a plot.

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};

use super::{GuestResults, Measured, Results, Sample};
use crate::report::plot::{Bars, Point};

/// The results as a table.
#[must_use]
pub fn table(results: &Results) -> String {
    let rounds = match results.rounds {
        1 => "One run each".to_owned(),
        rounds => format!("Medians of {rounds} runs in turn"),
    };
    let explanation =
        format!("{rounds}, start of the process included. CPU: user and system, all threads.");
    table_of(results, "Guest", Vec::new(), &explanation)
}

/// The results as a table of what is in its first column, with `more` rows at its end, and what is
/// to be said of how they were measured.
pub(super) fn table_of(
    results: &Results,
    column: &str,
    more: Vec<[String; 9]>,
    explanation: &str,
) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.add_row([
        column, "Setting", "Time", "Range", "Spread", "CPU", "MIPS", "Speed", "By CPU",
    ]);
    for guest in &results.guests {
        for (index, measured) in guest.measured.iter().enumerate() {
            let name = if index == 0 { guest.name.as_str() } else { "" };
            table.add_row(row(name, measured));
        }
    }
    if results.guests.len() > 1 {
        for (index, setting) in results.settings.iter().enumerate() {
            let name = if index == 0 { "geometric mean" } else { "" };
            let (speed, cpu_speed) = (times(setting.speed), times(setting.cpu_speed));
            table.add_row([name, &setting.name, "", "", "", "", "", &speed, &cpu_speed]);
        }
    }
    for row in more {
        table.add_row(row);
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if index >= 2 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    format!(
        "{}\n\n{explanation}\n{}\n",
        table.trim_fmt(),
        comparison(results)
    )
}

fn row(guest: &str, measured: &Measured) -> [String; 9] {
    let Sample { least, most, .. } = measured.wall;
    [
        guest.to_owned(),
        measured.setting.clone(),
        format!("{:.3} s", measured.wall.median),
        format!("{least:.3}-{most:.3}"),
        format!("{:.1} %", 100.0 * measured.wall.spread()),
        format!("{:.3} s", measured.cpu.median),
        measured
            .mips()
            .map_or_else(String::new, |mips| format!("{mips:.0}")),
        times(measured.speed),
        times(measured.cpu_speed),
    ]
}

pub(super) fn times(ratio: f64) -> String {
    format!("{ratio:.2}x")
}

fn comparison(results: &Results) -> String {
    let mut text = format!(
        "Speed: how many times as fast as {}, by the medians of time and of CPU.\n\
         Host: {}, {} threads. mirrorball {}",
        results.baseline, results.host, results.host_threads, results.mirrorball
    );
    if let Some(qemu) = &results.qemu {
        text.push_str(", ");
        text.push_str(qemu);
    }
    text
}

/// The results as a plot: of one guest the times, of several how fast the settings are.
#[must_use]
pub fn plot(results: &Results) -> String {
    plot_of(results, "guests")
}

/// The results as a plot of several of these `things`, or of one.
pub(super) fn plot_of(results: &Results, things: &str) -> String {
    let single = results.guests.len() == 1;
    let (axis, reference) = if single {
        ("seconds, less is better".to_owned(), None)
    } else {
        let axis = format!("times as fast as {}, more is better", results.baseline);
        (axis, Some(1.0))
    };
    let title = match results.guests.as_slice() {
        [guest] => guest.name.clone(),
        guests => format!("{} {things}", guests.len()),
    };
    let groups = results.guests.iter().map(|guest| {
        let base = guest
            .measured
            .iter()
            .find(|m| m.setting == results.baseline);
        let base = base.map_or(1.0, |measured| measured.wall.median);
        (guest.name.clone(), bars(guest, (!single).then_some(base)))
    });
    let mut groups: Vec<_> = groups.collect();
    if !single {
        let means = results.settings.iter().map(|s| Point::exact(s.speed));
        groups.push(("geometric mean".to_owned(), means.collect()));
    }
    let plot = Bars {
        title: format!("{title}, median of {} runs", results.rounds),
        axis,
        series: results.settings.iter().map(|s| s.name.clone()).collect(),
        groups,
        reference,
    };
    plot.svg()
}

/// A guest's times, or its speeds if there is a time to compare with.
fn bars(guest: &GuestResults, base: Option<f64>) -> Vec<Point> {
    let bar = |measured: &Measured| {
        let Sample {
            median,
            least,
            most,
            ..
        } = measured.wall;
        match base {
            None => Point {
                value: median,
                least,
                most,
            },
            Some(base) => Point {
                value: base / median,
                least: base / most,
                most: base / least,
            },
        }
    };
    guest.measured.iter().map(bar).collect()
}
