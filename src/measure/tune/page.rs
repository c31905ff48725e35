//! A sweep as a page for a browser: all in one file, nothing fetched, no scripts.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::super::{Measured, Results};
use super::{Dimension, METRICS, Sweep};
use crate::report::plot::{Curve, colour, short};

/// What there is to show.
pub struct Page<'a> {
    /// The sweep.
    pub sweep: &'a Sweep,
    /// What came of it: one guest.
    pub results: &'a Results,
    /// The command line that runs the guest with the best setting.
    pub best_command: &'a str,
}

const STYLE: &str = include_str!("page.css");

impl Page<'_> {
    /// The page.
    #[must_use]
    pub fn html(&self) -> String {
        let title = format!("Tuning: {}", self.guest());
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width";
                    title { (title) }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    header {
                        h1 { (title) }
                        p { (self.results.settings.len()) " settings, each the median of " (self.results.rounds)
                            " runs in turn, on " (self.results.host) " (" (self.results.host_threads)
                            " threads), mirrorball " (self.results.mirrorball) "." }
                    }
                    (self.verdict())
                    (self.grid())
                    @for (index, dimension) in self.sweep.dimensions.iter().enumerate() {
                        (self.curves(index, dimension))
                    }
                    (self.all())
                }
            }
        };
        page.into_string()
    }

    fn guest(&self) -> &str {
        self.results.guests.first().map_or("", |guest| &guest.name)
    }

    fn measured(&self) -> &[Measured] {
        let guest = self.results.guests.first();
        guest.map_or(&[], |guest| &guest.measured)
    }

    fn best(&self) -> usize {
        Sweep::best(self.results)
    }

    fn verdict(&self) -> Markup {
        html! {
            section.verdict {
                h2 { "Best setting" }
                pre { code { (self.best_command) } }
                p { (verdict(self.results)) }
                @for difference in &self.results.differences {
                    p.wrong { (difference) }
                }
            }
        }
    }

    /// Two dimensions together, as a map of times.
    fn grid(&self) -> Markup {
        let Some([a, b]) = self.sweep.grid else {
            return html! {};
        };
        let (rows, columns) = (&self.sweep.dimensions[a], &self.sweep.dimensions[b]);
        let index = |i, j| self.sweep.index(&[(a, i), (b, j)]);
        let cells = (0..rows.values.len())
            .flat_map(|i| (0..columns.values.len()).map(move |j| (i, j)))
            .filter_map(|(i, j)| self.measured().get(index(i, j)))
            .map(|measured| measured.wall.median.ln());
        let (least, most) = cells.fold((f64::MAX, f64::MIN), |(least, most), value| {
            (least.min(value), most.max(value))
        });
        html! {
            section {
                h2 { "--" (rows.switch) " and --" (columns.switch) " together" }
                p { "Median time in seconds: the darker, the faster. A frame marks the best setting of all, \
                     italics the default." }
                table.map {
                    thead {
                        tr { th {} @for value in &columns.values { th scope="col" { (value) } }
                             th.axis { "--" (columns.switch) } }
                    }
                    tbody {
                        @for (i, value) in rows.values.iter().enumerate() {
                            tr {
                                th scope="row" { (value) }
                                @for j in 0..columns.values.len() {
                                    @if let Some(measured) = self.measured().get(index(i, j)) {
                                        (self.cell(measured, index(i, j), least, most))
                                    }
                                }
                            }
                        }
                        tr { th.axis { "--" (rows.switch) } }
                    }
                }
            }
        }
    }

    fn cell(&self, measured: &Measured, index: usize, least: f64, most: f64) -> Markup {
        let slow = (measured.wall.median.ln() - least) / (most - least).max(1e-9);
        let shade = 0.06 + 0.84 * (1.0 - slow);
        let class = match index {
            _ if index == self.best() => "best",
            0 => "default",
            _ => "",
        };
        let text = if shade > 0.5 { "#fff" } else { "#222" };
        html! {
            td class=(class) style=(format!("background:rgba(0,82,130,{shade:.2});color:{text}"))
                title=(format!("{}: {:.4} s, {:.4} to {:.4}", measured.setting, measured.wall.median,
                               measured.wall.least, measured.wall.most)) {
                (short(measured.wall.median))
            }
        }
    }

    /// A dimension by itself, as a curve for each metric.
    fn curves(&self, index: usize, dimension: &Dimension) -> Markup {
        let settings: Vec<usize> = (0..dimension.values.len())
            .map(|value| self.sweep.index(&[(index, value)]))
            .collect();
        html! {
            section {
                h2 { "--" (dimension.switch) }
                p { @if !dimension.meaning.is_empty() { (capital(dimension.meaning)) ". " }
                    @if let Some(default) = &dimension.default { "The default is " (default) ", marked by a ring." } }
                div.curves {
                    @for (number, metric) in METRICS.iter().enumerate() {
                        (PreEscaped(Curve {
                            title: metric.name.to_owned(),
                            colour: colour(number),
                            points: dimension.values.iter().zip(&settings)
                                .filter_map(|(value, &setting)| {
                                    Some((value.clone(), (metric.value)(self.measured().get(setting)?)))
                                })
                                .collect(),
                            marked: dimension.default_index(),
                        }.svg()))
                    }
                }
            }
        }
    }

    /// Everything that was measured, the best first.
    fn all(&self) -> Markup {
        let mut order: Vec<(usize, &Measured)> = self.measured().iter().enumerate().collect();
        order.sort_by(|(_, a), (_, b)| a.wall.median.total_cmp(&b.wall.median));
        html! {
            section {
                h2 { "All settings" }
                p { "Medians of all runs; the bands of the curves are from the least to the most." }
                dl { @for metric in METRICS { dt { (metric.name) } dd { (metric.meaning) } } }
                table.all {
                    thead {
                        tr {
                            th { "Setting" }
                            @for metric in METRICS { th { (metric.name) } }
                            th { "Spread" } th { "CPU time, s" } th { "Against the default" }
                        }
                    }
                    tbody {
                        @for (index, measured) in order {
                            tr class=(if index == 0 { "default" } else { "" }) {
                                td { code { (measured.setting) } }
                                @for metric in METRICS { td { (short((metric.value)(measured).value)) } }
                                td { (format!("{:.1} %", 100.0 * measured.wall.spread())) }
                                td { (short(measured.cpu.median)) }
                                td { (format!("{:.2}x", measured.speed)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Whether the best setting is worth it, in words.
#[must_use]
pub fn verdict(results: &Results) -> String {
    let measured = results.guests.first().map(|guest| &guest.measured[..]);
    let (Some([default, ..]), Some(all)) = (measured, measured) else {
        return String::new();
    };
    let best = &all[Sweep::best(results)];
    let times = format!(
        "{} s against {} s with the default",
        short(best.wall.median),
        short(default.wall.median)
    );
    if best.setting == default.setting {
        "Nothing is surely faster than the default: no setting took less time, and less of the CPU, \
         in each of three runs or more. More --rounds may tell."
            .to_owned()
    } else {
        format!("{:.2} times as fast as the default: {times}.", best.speed)
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}
