//! How a run ended and what happened in it, as JSON for programs: what `run --report` writes.

use mirrorball_runtime::exit::Outcome;
use serde::{Deserialize, Serialize};

use super::Report;

/// A finished run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Why the machine stopped.
    pub outcome: Ending,
    /// What the script still waited for, if it was not finished.
    pub unfinished: Option<String>,
    /// A hash of registers and memory at the end, in 16 hexadecimal digits: a JSON number would
    /// not hold all of it.
    pub state: String,
    /// The counters of all parts, at the same level.
    #[serde(flatten)]
    pub report: Report,
}

/// A finished run of one of several machines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NamedRecord {
    /// The machine's name.
    pub name: String,
    /// What it came to, at the same level.
    #[serde(flatten)]
    pub record: Record,
}

impl NamedRecord {
    /// The records as a list in JSON, with a line feed at its end.
    ///
    /// # Errors
    /// When a number is none that JSON knows.
    pub fn list_to_json(records: &[Self]) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(records)? + "\n")
    }
}

/// Why a machine stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// The guest switched its machine off.
    PowerOff,
    /// The guest reset its machine.
    Reset,
    /// The instruction limit was reached.
    Limit,
    /// The guest waited for an interrupt that nothing could bring.
    Halted,
    /// The script or the person at the console quit.
    Quit,
    /// Lockstep execution found a difference.
    Difference,
    /// There was no machine memory for it to go on.
    Starved,
    /// The host failed to give what it needed.
    HostFailure,
    /// It came to the instruction count of `--until`.
    Reached,
    /// It goes on under another monitor.
    Moved,
}

impl From<Outcome> for Ending {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::PowerOff => Self::PowerOff,
            Outcome::Reset => Self::Reset,
            Outcome::Limit => Self::Limit,
            Outcome::Halted => Self::Halted,
            Outcome::Quit => Self::Quit,
            Outcome::Difference => Self::Difference,
            Outcome::Starved => Self::Starved,
            Outcome::HostFailure => Self::HostFailure,
            Outcome::Reached => Self::Reached,
            Outcome::Moved => Self::Moved,
        }
    }
}

impl Record {
    /// The record as JSON, with a line feed at its end.
    ///
    /// # Errors
    /// When a number is none that JSON knows.
    pub fn to_json(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_survives_being_written_and_read() {
        let record = Record {
            outcome: Ending::PowerOff,
            unfinished: None,
            state: "00ff00ff00ff00ff".into(),
            report: Report {
                instructions: u64::MAX,
                exits: vec![crate::report::Count {
                    name: "horizon".into(),
                    count: 3,
                }],
                ..Report::default()
            },
        };
        let json = record.to_json().unwrap();
        assert!(json.contains("\"outcome\": \"power-off\""), "{json}");
        assert!(json.contains("\n  \"instructions\": 18446744073709551615"));
        assert_eq!(serde_json::from_str::<Record>(&json).unwrap(), record);
    }
}
