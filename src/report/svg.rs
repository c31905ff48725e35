//! What drawings of all kinds have in common.

use maud::{Markup, PreEscaped, html};

/// A drawing of that width and height, which needs nothing but itself.
pub(super) fn frame(
    (width, height): (f64, f64),
    title: &str,
    style: &str,
    body: &Markup,
) -> String {
    let drawing = html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox=(format!("0 0 {width:.0} {height:.0}"))
            width=(format!("{width:.0}")) height=(format!("{height:.0}")) role="img" aria-label=(title) {
            style { (PreEscaped(style)) }
            (body)
        }
    };
    drawing.into_string()
}

/// A coordinate.
pub(super) fn at(value: f64) -> String {
    format!("{value:.1}")
}
