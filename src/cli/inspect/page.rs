//! A block as a page: guest code, IR and host code side by side. A line that is pointed at, or chosen with the
//! keyboard, shows in all three what belongs to the same guest instruction.

use std::fmt::Write;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::Findings;
use crate::translate::Line;

const STYLE: &str = "\
:root{color-scheme:light dark;--on:#ffe08a;--heat:255,90,40}
@media(prefers-color-scheme:dark){:root{--on:#5a4a00}}
body{font:14px/1.4 system-ui,sans-serif;margin:1.5rem}
main{display:flex;gap:1.5rem;align-items:flex-start;overflow-x:auto}
h2{font-size:1rem}
pre{margin:0;font:12px/1.5 ui-monospace,monospace}
pre span{display:block;min-height:1.5em;padding:0 .4em}
pre span[tabindex]{cursor:pointer}
pre b{display:inline-block;min-width:6em;margin-right:.6em;padding:0 .3em;text-align:right;font-weight:normal}
";

/// The page that shows a block.
pub(super) fn page(findings: &Findings) -> String {
    let title = format!("The block at {}", findings.address);
    let parts = findings.made.as_ref().map(|made| &made.explained);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                title { (title) }
                style { (PreEscaped(STYLE)) (PreEscaped(together(findings.instructions))) }
            }
            body {
                h1 { (title) }
                p { (about(findings)) }
                main {
                    (column("Guest", guest(findings)))
                    @if let Some(explained) = parts {
                        (column("Cranelift IR", lines(findings, &explained.ir)))
                        (column("Host", lines(findings, &explained.listing)))
                    }
                }
            }
        }
    }
    .into_string()
}

/// Rules by which all lines of an instruction are shown with one of them.
fn together(instructions: usize) -> String {
    let mut rules = String::new();
    for number in 0..instructions {
        let of = format!("[data-i=\"{number}\"]");
        let _ = writeln!(
            rules,
            "main:has({of}:is(:hover,:focus)) {of}{{background:var(--on)}}"
        );
    }
    rules
}

fn about(findings: &Findings) -> String {
    let instructions = findings.instructions;
    let Some(made) = &findings.made else {
        return format!("{instructions} instructions, which are always interpreted.");
    };
    let mut about = format!(
        "{instructions} guest instructions, {} bytes of host code, translated in {} µs. Point at a line, or \
         choose one with the Tab key: what belongs to the same instruction shows.",
        made.explained.bytes,
        made.time.as_micros()
    );
    if let Some(heat) = &findings.heat {
        let _ = write!(
            about,
            " Before each instruction is how often it ran in the last {} of the run.",
            heat.of
        );
    }
    about
}

fn column(name: &str, lines: Markup) -> Markup {
    html! { section { h2 { (name) } pre { (lines) } } }
}

fn guest(findings: &Findings) -> Markup {
    let heat = findings.heat.as_ref();
    let most = heat.and_then(|heat| heat.counts.iter().max());
    let most = most.copied().unwrap_or(0).max(1) as f64;
    html! {
        @for (number, text) in findings.guest.lines().enumerate() {
            span data-i=(number) tabindex="0" {
                @if let Some(&count) = heat.and_then(|heat| heat.counts.get(number)) {
                    b style=(format!("background:rgba(var(--heat),{:.2})", 0.6 * count as f64 / most)) { (count) }
                }
                (text)
            }
        }
    }
}

fn lines(findings: &Findings, lines: &[Line]) -> Markup {
    let number = |line: &Line| Some(line.pc?.wrapping_sub(findings.first) / 4);
    html! {
        @for line in lines {
            @match number(line) {
                Some(number) => span data-i=(number) { (line.text) },
                None => span { (line.text) },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mirrorball_runtime::addr::Va;

    use super::super::heat::Heat;
    use super::super::{Findings, Made};
    use super::*;
    use crate::translate::Explained;

    fn line(text: &str, pc: Option<u32>) -> Line {
        let text = text.to_owned();
        Line { text, pc }
    }

    #[test]
    fn lines_belong_to_instructions_and_text_is_no_markup() {
        let findings = Findings {
            address: Va(0x8000_1000),
            first: 0x1000,
            guest: "  one <b>\n  two &\n".to_owned(),
            made: Some(Made {
                explained: Explained {
                    ir: vec![line("v1 = <iadd>", Some(0x1000)), line("jump", None)],
                    listing: vec![line("add", Some(0x1000)), line("mov", Some(0x1004))],
                    bytes: 9,
                },
                time: Duration::from_micros(5),
            }),
            instructions: 2,
            heat: Some(Heat {
                counts: vec![10, 5],
                of: 100,
            }),
        };
        let page = page(&findings);
        for part in [
            "<span data-i=\"0\" tabindex=\"0\"><b style=\"background:rgba(var(--heat),0.60)\">10</b>  one &lt;b&gt;</span>",
            "<span data-i=\"0\">v1 = &lt;iadd&gt;</span><span>jump</span>",
            "<span data-i=\"0\">add</span><span data-i=\"1\">mov</span>",
            "  two &amp;</span>",
            "main:has([data-i=\"1\"]:is(:hover,:focus)) [data-i=\"1\"]",
            "in the last 100 of the run",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(
            !page.contains("http") && !page.contains("<script"),
            "it needs nothing else"
        );
    }
}
