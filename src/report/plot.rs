//! Plots as SVG: bars for things side by side, curves for one thing as it changes.
//!
//! An SVG carries its values twice: as shapes, and as titles that browsers show when one points at
//! a shape. Numbers go in and text comes out; nothing here knows what is measured.

use maud::{Markup, html};

use super::svg::{at, frame};

/// Colours that people tell apart whatever their eyes are like (Okabe and Ito).
pub const COLOURS: [&str; 7] = [
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#999999",
];

/// The colour of the series with this index.
#[must_use]
pub fn colour(index: usize) -> &'static str {
    COLOURS[index % COLOURS.len()]
}

const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#333}.title{font-weight:600}\
                     .small{font-size:11px;fill:#666}.grid{stroke:#ddd}.axis{stroke:#666}\
                     .whisker{stroke:#333;stroke-width:1.5}";

/// A measured value and the range that it was seen in.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// The value.
    pub value: f64,
    /// The least of the range.
    pub least: f64,
    /// The most of it.
    pub most: f64,
}

impl Point {
    /// A value that is known exactly.
    #[must_use]
    pub fn exact(value: f64) -> Self {
        Self {
            value,
            least: value,
            most: value,
        }
    }
}

/// Groups of bars that lie on their sides.
#[derive(Clone, Debug, Default)]
pub struct Bars {
    /// What is shown.
    pub title: String,
    /// What the numbers are.
    pub axis: String,
    /// The names of the bars of each group.
    pub series: Vec<String>,
    /// The groups: a name and its bars.
    pub groups: Vec<(String, Vec<Point>)>,
    /// A value to compare with, drawn as a line.
    pub reference: Option<f64>,
}

/// A curve over named points, which stand at equal distances.
#[derive(Clone, Debug, Default)]
pub struct Curve {
    /// What is shown.
    pub title: String,
    /// The colour of the line.
    pub colour: &'static str,
    /// The points: a name and a value.
    pub points: Vec<(String, Point)>,
    /// The index of the point to be marked.
    pub marked: Option<usize>,
}

/// A number with about three digits that matter.
#[must_use]
pub fn short(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        0.000_01..0.001 => format!("{value:.5}"),
        0.001..0.1 => format!("{value:.4}"),
        0.1..1.0 => format!("{value:.3}"),
        1.0..10.0 => format!("{value:.2}"),
        10.0..100.0 => format!("{value:.1}"),
        100.0..100_000.0 => format!("{value:.0}"),
        100_000.0..1e9 => format!("{:.1} M", value / 1e6),
        _ => format!("{value:.2e}"),
    }
}

/// Round values from 0 to `most` or a bit beyond, a handful.
fn ticks(most: f64) -> Vec<f64> {
    if !(most.is_finite() && most > 0.0) {
        return vec![0.0, 1.0];
    }
    let rough = most / 4.0;
    let magnitude = 10f64.powf(rough.log10().floor());
    let factors = [1.0, 2.0, 2.5, 5.0, 10.0];
    let factor = factors.into_iter().find(|f| f * magnitude >= rough * 0.999);
    let step = factor.unwrap_or(10.0) * magnitude;
    let count = (most / step * 0.999).ceil() as usize;
    (0..=count).map(|index| index as f64 * step).collect()
}

/// The label of a tick: as short as it can be.
fn tick(value: f64) -> String {
    let text = format!("{value:.6}");
    let text = text.trim_end_matches('0').trim_end_matches('.').to_owned();
    if value >= 100_000.0 {
        short(value)
    } else {
        text
    }
}

fn plot(size: (f64, f64), title: &str, body: &Markup) -> String {
    let body = html! {
        rect width="100%" height="100%" fill="#fff" {}
        (body)
    };
    frame(size, title, STYLE, &body)
}

/// The width that `text` takes, roughly: the viewer's fonts are not known here.
fn width(text: &str) -> f64 {
    text.chars().count() as f64 * 7.0
}

impl Bars {
    /// The plot.
    #[must_use]
    pub fn svg(&self) -> String {
        const BAR: f64 = 16.0;
        const GAP: f64 = 10.0;
        const WIDTH: f64 = 860.0;
        let names = self.groups.iter().map(|(name, _)| width(name));
        let left = 16.0 + names.fold(40.0, f64::max);
        let right = WIDTH - 70.0;
        let points = || self.groups.iter().flat_map(|(_, bars)| bars);
        let most = points()
            .map(|p| p.most)
            .chain(self.reference)
            .fold(0.0, f64::max);
        let ticks = ticks(most);
        let end = ticks.last().copied().unwrap_or(1.0);
        let x = |value: f64| left + value / end * (right - left);
        let (legend, entries) = self.legend(left, WIDTH);
        let top = 44.0 + 18.0 * legend as f64;
        let group = GAP + BAR * self.series.len() as f64;
        let bottom = top + group * self.groups.len() as f64 + GAP;
        let body = html! {
            text class="title" x="12" y="22" { (self.title) }
            (entries)
            @for &value in &ticks {
                line class="grid" x1=(at(x(value))) x2=(at(x(value))) y1=(at(top)) y2=(at(bottom)) {}
                text class="small" x=(at(x(value))) y=(at(bottom + 16.0)) text-anchor="middle" { (tick(value)) }
            }
            text class="small" x=(at(f64::midpoint(left, right))) y=(at(bottom + 34.0)) text-anchor="middle" { (self.axis) }
            @for (index, (name, bars)) in self.groups.iter().enumerate() {
                @let y = top + GAP + group * index as f64;
                text x=(at(left - 8.0)) y=(at(y + (group - GAP) / 2.0 + 4.0)) text-anchor="end" { (name) }
                @for (index, bar) in bars.iter().enumerate() {
                    (self.bar(index, name, bar, y + BAR * index as f64, &x))
                }
            }
            @if let Some(value) = self.reference {
                line class="axis" x1=(at(x(value))) x2=(at(x(value))) y1=(at(top)) y2=(at(bottom)) stroke-dasharray="4 3" {}
            }
            line class="axis" x1=(at(left)) x2=(at(left)) y1=(at(top)) y2=(at(bottom)) {}
        };
        plot((WIDTH, bottom + 46.0), &self.title, &body)
    }

    fn bar(
        &self,
        index: usize,
        group: &str,
        bar: &Point,
        y: f64,
        x: &dyn Fn(f64) -> f64,
    ) -> Markup {
        let series = self.series.get(index).map_or("", String::as_str);
        let middle = y + 7.0;
        html! {
            rect x=(at(x(0.0))) y=(at(y)) width=(at(x(bar.value) - x(0.0))) height="14" fill=(colour(index)) {
                title { (group) ", " (series) ": " (short(bar.value)) " (" (short(bar.least)) " to " (short(bar.most)) ")" }
            }
            @if bar.most > bar.least {
                line class="whisker" x1=(at(x(bar.least))) x2=(at(x(bar.most))) y1=(at(middle)) y2=(at(middle)) {}
            }
            text class="small" x=(at(x(bar.value.max(bar.most)) + 5.0)) y=(at(y + 11.0)) { (short(bar.value)) }
        }
    }

    /// The series and their colours: the number of lines, and the drawing.
    fn legend(&self, left: f64, width_of_all: f64) -> (usize, Markup) {
        let (mut x, mut line) = (left, 0usize);
        let mut places = Vec::new();
        for name in &self.series {
            let needs = 34.0 + width(name);
            if x + needs > width_of_all && x > left {
                (x, line) = (left, line + 1);
            }
            places.push((x, 40.0 + 18.0 * line as f64));
            x += needs;
        }
        let drawing = html! {
            @for (index, (name, (x, y))) in self.series.iter().zip(places).enumerate() {
                rect x=(at(x)) y=(at(y - 10.0)) width="12" height="12" fill=(colour(index)) {}
                text x=(at(x + 17.0)) y=(at(y)) { (name) }
            }
        };
        (line + 1, drawing)
    }
}

impl Curve {
    /// The plot.
    #[must_use]
    pub fn svg(&self) -> String {
        const WIDTH: f64 = 340.0;
        const HEIGHT: f64 = 210.0;
        const TOP: f64 = 38.0;
        const BOTTOM: f64 = HEIGHT - 34.0;
        let most = self.points.iter().map(|(_, p)| p.most).fold(0.0, f64::max);
        let ticks = ticks(most);
        let end = ticks.last().copied().unwrap_or(1.0);
        let left = 20.0 + ticks.iter().map(|&v| width(&tick(v))).fold(16.0, f64::max);
        let step = (WIDTH - 30.0 - left) / self.points.len().saturating_sub(1).max(1) as f64;
        let x = |index: usize| left + step * index as f64;
        let y = |value: f64| BOTTOM - value / end * (BOTTOM - TOP);
        // Every label, or as many as there is room for.
        let widest = self
            .points
            .iter()
            .map(|(name, _)| width(name))
            .fold(0.0, f64::max);
        let every = ((widest + 6.0) / step.max(1.0)).ceil().max(1.0) as usize;
        let line = |value: fn(&Point) -> f64| {
            let place = |(index, (_, point)): (usize, &(String, Point))| {
                format!("{},{}", at(x(index)), at(y(value(point))))
            };
            self.points
                .iter()
                .enumerate()
                .map(place)
                .collect::<Vec<_>>()
        };
        let mut band = line(|point| point.most);
        band.extend(line(|point| point.least).into_iter().rev());
        let body = html! {
            text class="title" x="12" y="20" { (self.title) }
            @for &value in &ticks {
                line class="grid" x1=(at(left)) x2=(at(WIDTH - 20.0)) y1=(at(y(value))) y2=(at(y(value))) {}
                text class="small" x=(at(left - 6.0)) y=(at(y(value) + 4.0)) text-anchor="end" { (tick(value)) }
            }
            polygon points=(band.join(" ")) fill=(self.colour) fill-opacity="0.15" {}
            polyline points=(line(|point| point.value).join(" ")) fill="none" stroke=(self.colour) stroke-width="2" {}
            @for (index, (name, point)) in self.points.iter().enumerate() {
                @let marked = self.marked == Some(index);
                circle cx=(at(x(index))) cy=(at(y(point.value))) r=(if marked { "6" } else { "3.5" })
                    fill=(if marked { "#fff" } else { self.colour }) stroke=(self.colour) stroke-width="2" {
                    title { (name) ": " (short(point.value)) " (" (short(point.least)) " to " (short(point.most)) ")" }
                }
                @if index % every == 0 {
                    text class="small" x=(at(x(index))) y=(at(BOTTOM + 18.0)) text-anchor="middle" { (name) }
                }
            }
        };
        plot((WIDTH, HEIGHT), &self.title, &body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_reach_beyond() {
        assert_eq!(ticks(1.0), [0.0, 0.25, 0.5, 0.75, 1.0]);
        assert_eq!(ticks(7.0), [0.0, 2.0, 4.0, 6.0, 8.0]);
        assert_eq!(ticks(0.0), [0.0, 1.0]);
        assert_eq!(ticks(f64::INFINITY), [0.0, 1.0]);
        assert_eq!([tick(0.25), tick(8.0), tick(0.0)], ["0.25", "8", "0"]);
    }

    #[test]
    fn numbers_are_short() {
        let shown = [0.0, 0.01234, 0.5, 1.234, 56.78, 1234.5, 2_500_000.0].map(short);
        assert_eq!(
            shown,
            ["0", "0.0123", "0.500", "1.23", "56.8", "1234", "2.5 M"]
        );
    }

    #[test]
    fn a_plot_holds_its_names_and_values_whatever_they_are() {
        let bars = Bars {
            title: "a < b & c".into(),
            axis: "s".into(),
            series: vec!["<jit>".into(), "interp".into()],
            groups: vec![("g".into(), vec![Point::exact(1.5), Point::exact(30.0)])],
            reference: Some(1.0),
        };
        let curve = Curve {
            title: "t".into(),
            colour: colour(8),
            points: vec![
                ("1".into(), Point::exact(0.0)),
                ("2".into(), Point::exact(2.0)),
            ],
            marked: Some(1),
        };
        for (text, titles) in [(bars.svg(), 2), (curve.svg(), 2)] {
            let parsed = roxmltree::Document::parse(&text).unwrap();
            let found = parsed.descendants().filter(|n| n.has_tag_name("title"));
            assert_eq!(found.count(), titles);
        }
        let svg = bars.svg();
        let parsed = roxmltree::Document::parse(&svg).unwrap();
        let texts: Vec<_> = parsed.descendants().filter_map(|n| n.text()).collect();
        assert!(
            texts.contains(&"a < b & c") && texts.contains(&"<jit>"),
            "{texts:?}"
        );
    }
}
