//! What came of a search, as text.

use std::fmt::Write;

use super::search::{Found, Parting, Step};
use crate::report::outcome_name;

/// The text for what was found by so many comparisons.
#[must_use]
pub fn render(found: &Found, probes: usize) -> String {
    match found {
        Found::Alike(count, ended) => {
            let end = ended.map_or("where the search ends", outcome_name);
            format!("no difference in {count} instructions: {end} ({probes} probes)\n")
        }
        Found::Unsteady(low, high) => format!(
            "a difference between instruction {low} and {high} did not come again: what makes it is \
             not the guest's input alone ({probes} probes)\n\
             --a jit-threads=0 and --b jit-threads=0 have translations come at the same instruction\n"
        ),
        Found::Parting(parting) => part(parting, probes),
    }
}

fn part(parting: &Parting, probes: usize) -> String {
    let mut text = match parting.alike {
        Some(count) => format!(
            "alike after {count} instructions, different after {} ({probes} probes)\n",
            count + 1
        ),
        None => "different from the start on\n".to_owned(),
    };
    let _ = write!(text, "{}:\n{}", parting.task, parting.code);
    for (name, step) in ["a", "b"].iter().zip(&parting.steps) {
        text.push_str(&step.render(name));
    }
    if !parting.difference.is_empty() {
        text.push_str(&parting.difference.render(["a", "b"]));
    }
    if parting.alike.is_none() {
        text.push_str("--by registers searches for the first instruction that makes use of this\n");
    }
    text
}

impl Step {
    /// A line, if there is more to say than that it ran the next instruction.
    fn render(&self, name: &str) -> String {
        let exception = self.exception.as_ref().map(|what| {
            let pc = self.pc;
            format!("machine {name} took an exception: {what}, and goes on at {pc:#010x}\n")
        });
        let ended = self.ended.map(|outcome| {
            let how = outcome_name(outcome);
            format!("machine {name} has ended: {how}\n")
        });
        exception.unwrap_or_default() + &ended.unwrap_or_default()
    }
}
