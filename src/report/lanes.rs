//! Turns that several take, as SVG: a lane for each from top to bottom, a box for each turn, and arrows
//! from one turn to the next.
//!
//! Texts go in and a drawing comes out; nothing here knows what takes turns. The drawing has a light and
//! a dark form: the viewer's settings choose.

use maud::{Markup, html};

use super::svg::{at, frame};

/// Turns that belong together.
#[derive(Clone, Debug, Default)]
pub struct Lanes {
    /// What is shown.
    pub title: String,
    /// What all of it comes to.
    pub summary: String,
    /// The names of the lanes.
    pub names: Vec<String>,
    /// The turns, in order.
    pub turns: Vec<Turn>,
}

/// A turn.
#[derive(Clone, Debug, Default)]
pub struct Turn {
    /// What stands at its left: the time.
    pub at: String,
    /// The text in each lane. The first that is not empty is the turn's; others are what happens meanwhile.
    pub texts: Vec<String>,
}

const STYLE: &str = "text{font:12px ui-monospace,monospace;fill:#222}\
    .title,.name{font:600 13px system-ui,sans-serif}.small{font-size:11px;fill:#666}\
    .paper{fill:#fff}.lane{stroke:#ccc;stroke-dasharray:2 4}.arrow{fill:none;stroke:#555;stroke-width:1.3}\
    .meanwhile{fill:none;stroke:#999;stroke-dasharray:4 3}.head{fill:#555}\
    .turn rect{stroke-width:1.2}.lane0 rect{fill:#e5f1f8;stroke:#0072b2}\
    .lane1 rect{fill:#fdf3dc;stroke:#b87e00}.lane2 rect{fill:#e2f4ee;stroke:#009e73}\
    @media(prefers-color-scheme:dark){text{fill:#e6e6e6}.small{fill:#a5a5a5}.paper{fill:#17191c}\
    .lane{stroke:#444}.arrow{stroke:#bbb}.head{fill:#bbb}.meanwhile{stroke:#888}\
    .lane0 rect{fill:#0f2a3a}.lane1 rect{fill:#33270a}.lane2 rect{fill:#0b2e24}}";

/// Where the lanes begin, behind what stands at their left.
const LEFT: f64 = 120.0;
/// How far they are from one another, and how wide boxes in them are.
const LANE: f64 = 330.0;
const BOX: f64 = 290.0;
/// The letters that a line of a box has room for.
const LETTERS: usize = 37;
/// The height of a line, and of what is above and below the lines of a box together.
const LINE: f64 = 15.0;
const PADDING: f64 = 12.0;
/// The space between turns, where arrows are.
const GAP: f64 = 24.0;
/// What is above the first turn: title, and names of lanes.
const TOP: f64 = 66.0;
/// What is below the last: the summary.
const BOTTOM: f64 = 34.0;

/// The drawing of all of `parts`, one above the other.
#[must_use]
pub fn svg(parts: &[Lanes]) -> String {
    let lanes = parts.iter().map(|part| part.names.len()).max();
    let width = LEFT + LANE * lanes.unwrap_or(0) as f64;
    let mut y = 0.0;
    let mut drawn = Vec::new();
    for part in parts {
        let (height, drawing) = part.draw();
        drawn.push((y, drawing));
        y += height;
    }
    let title = parts.first().map_or("", |part| &part.title);
    let body = html! {
        defs {
            marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8"
                orient="auto-start-reverse" { path class="head" d="M0 0 8 4 0 8z" {} }
        }
        rect class="paper" width="100%" height="100%" {}
        @for (y, drawing) in drawn {
            g transform=(format!("translate(0 {})", at(y))) { (drawing) }
        }
    };
    frame((width, y), title, STYLE, &body)
}

/// A turn with its lines, and where it is.
struct Placed<'a> {
    turn: &'a Turn,
    lines: Vec<Vec<String>>,
    y: f64,
    height: f64,
}

impl Placed<'_> {
    /// The lanes that have boxes: that of the turn first.
    fn lanes(&self) -> impl Iterator<Item = usize> {
        let filled = self.lines.iter().enumerate();
        filled
            .filter(|(_, lines)| !lines.is_empty())
            .map(|(lane, _)| lane)
    }

    fn draw(&self) -> Markup {
        let own = self.lanes().next();
        html! {
            text class="small" x=(at(LEFT - 10.0)) y=(at(self.y + 18.0)) text-anchor="end" { (self.turn.at) }
            @for lane in self.lanes() {
                @if let Some(own) = own.filter(|&own| own != lane) {
                    path class="meanwhile" marker-start="url(#head)" marker-end="url(#head)"
                        d=(format!("M{} {y}H{}", at(middle(own) + BOX / 2.0 + 2.0),
                                   at(middle(lane) - BOX / 2.0 - 2.0), y = at(self.y + 16.0))) {}
                }
                g class=(format!("turn lane{lane}")) {
                    rect x=(at(middle(lane) - BOX / 2.0)) y=(at(self.y)) width=(at(BOX))
                        height=(at(height(self.lines[lane].len()))) rx="5" {}
                    @for (number, line) in (1..).zip(&self.lines[lane]) {
                        text x=(at(middle(lane) - BOX / 2.0 + 9.0))
                            y=(at(self.y + PADDING / 2.0 + LINE * f64::from(number) - 3.5)) { (line) }
                    }
                }
            }
        }
    }

    /// The arrow from this turn to `next`.
    fn arrow(&self, next: &Placed) -> Markup {
        let ends = self.lanes().next().zip(next.lanes().next());
        html! {
            @if let Some((from, to)) = ends {
                path class="arrow" marker-end="url(#head)"
                    d=(format!("M{} {}L{} {}", at(middle(from)), at(self.y + height(self.lines[from].len())),
                               at(middle(to)), at(next.y))) {}
            }
        }
    }
}

impl Lanes {
    /// The height, and the drawing.
    fn draw(&self) -> (f64, Markup) {
        let placed = self.place();
        let end = placed.last().map_or(TOP, |last| last.y + last.height);
        let drawing = html! {
            text class="title" x="12" y="24" { (self.title) }
            @for (lane, name) in self.names.iter().enumerate() {
                text class="name" x=(at(middle(lane))) y="50" text-anchor="middle" { (name) }
                line class="lane" x1=(at(middle(lane))) x2=(at(middle(lane))) y1="56" y2=(at(end)) {}
            }
            text class="small" x=(at(LEFT - 10.0)) y="50" text-anchor="end" { "instructions" }
            @for pair in placed.windows(2) { (pair[0].arrow(&pair[1])) }
            @for turn in &placed { (turn.draw()) }
            text class="small" x="12" y=(at(end + 22.0)) { (self.summary) }
        };
        (end + BOTTOM, drawing)
    }

    fn place(&self) -> Vec<Placed<'_>> {
        let mut y = TOP;
        let mut placed = Vec::new();
        for turn in &self.turns {
            let lines: Vec<_> = turn.texts.iter().map(|text| wrap(text)).collect();
            let most = lines.iter().map(Vec::len).max();
            let height = height(most.unwrap_or(0));
            placed.push(Placed {
                turn,
                lines,
                y,
                height,
            });
            y += height + GAP;
        }
        placed
    }
}

/// The middle of a lane.
fn middle(lane: usize) -> f64 {
    LEFT + LANE * lane as f64 + BOX / 2.0
}

/// The height of a box with so many lines.
fn height(lines: usize) -> f64 {
    LINE * lines as f64 + PADDING
}

/// The lines of `text`, and those that are too long in several. A word that is too long has one of its own.
fn wrap(text: &str) -> Vec<String> {
    let mut wrapped = Vec::new();
    for line in text.lines() {
        let mut now = String::new();
        for word in line.split_whitespace() {
            if !now.is_empty() && now.chars().count() + 1 + word.chars().count() > LETTERS {
                wrapped.push(std::mem::take(&mut now));
            }
            if !now.is_empty() {
                now.push(' ');
            }
            now.push_str(word);
        }
        wrapped.push(now);
    }
    wrapped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lanes() -> Lanes {
        let turn = |at: &str, texts: [&str; 2]| Turn {
            at: at.into(),
            texts: texts.map(str::to_owned).into(),
        };
        Lanes {
            title: "a < b & c".into(),
            summary: "in all".into(),
            names: vec!["<one>".into(), "two".into()],
            turns: vec![
                turn("1", ["\"x\" -> y", ""]),
                turn("2", ["", "z\nw"]),
                turn("5", ["p", "meanwhile"]),
            ],
        }
    }

    #[test]
    fn each_turn_is_a_box_in_its_lane_whatever_it_says() {
        let text = svg(&[lanes(), lanes()]);
        let parsed = roxmltree::Document::parse(&text).unwrap();
        let with = |class: &str| {
            let all = parsed.descendants();
            all.filter(|node| node.attribute("class") == Some(class))
                .count()
        };
        assert_eq!([with("turn lane0"), with("turn lane1")], [4, 4]);
        assert_eq!([with("arrow"), with("meanwhile")], [4, 2]);
        let texts: Vec<_> = parsed
            .descendants()
            .filter_map(|node| node.text())
            .collect();
        for part in ["a < b & c", "<one>", "\"x\" -> y", "z", "w"] {
            assert!(texts.contains(&part), "{texts:?}");
        }
    }

    #[test]
    fn nothing_to_draw_is_a_drawing() {
        roxmltree::Document::parse(&svg(&[])).unwrap();
        roxmltree::Document::parse(&svg(&[Lanes::default()])).unwrap();
    }

    #[test]
    fn long_lines_are_wrapped_at_words() {
        let long = format!("{0} {0}\n{0}{0}", "x".repeat(20));
        let expected = ["x".repeat(20), "x".repeat(20), "x".repeat(40)];
        assert_eq!(wrap(&long), expected);
        assert_eq!(wrap(""), Vec::<String>::new());
    }
}
