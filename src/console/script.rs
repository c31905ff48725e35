//! Scripted console sessions: wait for this output, then type that.
//!
//! ```text
//! # Comments and empty lines are skipped.
//! wait "~ # "
//! send "uname -a\n"
//! wait "~ # "
//! quit
//! ```
//!
//! `wait` looks for its text in what the guest prints after the step before; `send` types; `break`
//! sends a break on the serial line; `quit` ends the machine. In quotes, `\n`, `\r`, `\t`, `\\`, `\"` and `\x` with two hexadecimal digits
//! stand for the bytes that they stand for in Rust.
//!
//! A script is driven by the guest's output alone, never by the host's clock, so that a session
//! is the same to the instruction each time.

use std::fmt;
use std::path::Path;

use mirrorball_runtime::device::stroke::Stroke;
use thiserror::Error;

use crate::image::{FileError, file};

/// Why a script cannot be used.
#[derive(Debug, Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum ScriptError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{script}: is not UTF-8 text; write other bytes as \\x..")]
    NotText { script: String },
    #[error("{script} line {line}: {problem}")]
    Line {
        script: String,
        line: usize,
        problem: Problem,
    },
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum Problem {
    #[error("unknown step {0:?}; write wait \"TEXT\", send \"TEXT\", break or quit")]
    Step(String),
    #[error("the text is not in quotes; write it as \"TEXT\"")]
    NoQuote,
    #[error("the text has no closing quote")]
    Unclosed,
    #[error("{0:?} follows the step; one step a line")]
    Trailing(String),
    #[error("unknown escape \\{0}; there are \\n \\r \\t \\x.. \\\\ and \\\"")]
    Escape(String),
    #[error("the text is empty")]
    NoText,
    #[error("nothing comes after quit; remove the step or the quit")]
    AfterQuit,
}

/// A parsed session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    name: String,
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    line: usize,
    action: Action,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Action {
    Wait(Vec<u8>),
    Send(Vec<u8>),
    Break,
    Quit,
}

impl Script {
    /// Reads the script at `path`.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or a line of it is no step.
    pub fn open(path: &Path) -> Result<Self, ScriptError> {
        let script = path.display().to_string();
        match String::from_utf8(file::read(path)?) {
            Ok(text) => Self::parse(&script, &text),
            Err(_) => Err(ScriptError::NotText { script }),
        }
    }

    /// Whether its last step waits for the guest.
    #[must_use]
    pub fn ends_waiting(&self) -> bool {
        let last = self.steps.last();
        last.is_some_and(|step| matches!(step.action, Action::Wait(_)))
    }

    /// Reads the script `text`, which messages call `name`.
    ///
    /// # Errors
    ///
    /// When a line is no step.
    pub fn parse(name: &str, text: &str) -> Result<Self, ScriptError> {
        let mut steps: Vec<Step> = Vec::new();
        for (line, text) in (1..).zip(text.lines()) {
            let failed = |problem| ScriptError::Line {
                script: name.to_owned(),
                line,
                problem,
            };
            let Some(action) = parse_line(text.trim()).map_err(failed)? else {
                continue;
            };
            if steps.last().is_some_and(|last| last.action == Action::Quit) {
                return Err(failed(Problem::AfterQuit));
            }
            steps.push(Step { line, action });
        }
        Ok(Self {
            name: name.to_owned(),
            steps,
        })
    }
}

fn parse_line(line: &str) -> Result<Option<Action>, Problem> {
    let end = line
        .find(|c: char| c.is_whitespace() || c == '"')
        .unwrap_or(line.len());
    let (word, rest) = line.split_at(end);
    let (action, rest) = match word {
        _ if line.is_empty() || line.starts_with('#') => return Ok(None),
        "wait" => quoted(rest).map(|(text, rest)| (Action::Wait(text), rest))?,
        "send" => quoted(rest).map(|(text, rest)| (Action::Send(text), rest))?,
        "break" => (Action::Break, rest),
        "quit" => (Action::Quit, rest),
        other => return Err(Problem::Step(other.to_owned())),
    };
    match rest.trim_start() {
        "" => Ok(Some(action)),
        rest if rest.starts_with('#') => Ok(Some(action)),
        rest => Err(Problem::Trailing(rest.to_owned())),
    }
}

/// The bytes that the quoted text at the start of `from` stands for, and what follows it.
fn quoted(from: &str) -> Result<(Vec<u8>, &str), Problem> {
    let mut rest = from
        .trim_start()
        .strip_prefix('"')
        .ok_or(Problem::NoQuote)?;
    let mut bytes = Vec::new();
    loop {
        let stop = rest.find(['"', '\\']).ok_or(Problem::Unclosed)?;
        bytes.extend_from_slice(&rest.as_bytes()[..stop]);
        let special = &rest[stop..];
        rest = &special[1..];
        if special.starts_with('"') {
            return if bytes.is_empty() {
                Err(Problem::NoText)
            } else {
                Ok((bytes, rest))
            };
        }
        let (byte, after) = escaped(rest)?;
        bytes.push(byte);
        rest = after;
    }
}

/// The byte that the escape at the start of `from`, behind its backslash, stands for.
fn escaped(from: &str) -> Result<(u8, &str), Problem> {
    let mut chars = from.chars();
    let byte = match chars.next().ok_or(Problem::Unclosed)? {
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        '\\' => b'\\',
        '"' => b'"',
        'x' => {
            let digits: String = chars.by_ref().take(2).collect();
            let value = u8::from_str_radix(&digits, 16).ok();
            value
                .filter(|_| digits.len() == 2 && !digits.starts_with('+'))
                .ok_or_else(|| Problem::Escape(format!("x{digits}")))?
        }
        other => return Err(Problem::Escape(other.to_string())),
    };
    Ok((byte, chars.as_str()))
}

/// A script and how far it has come.
#[derive(Clone, Debug)]
pub struct ScriptRunner {
    script: Script,
    /// The step that the runner stands at: a wait, a quit or the end.
    next: usize,
    /// The end of what the guest printed since the runner came to this step.
    recent: Vec<u8>,
}

impl ScriptRunner {
    /// A runner at the script's start, and what is to be typed before the guest prints anything.
    #[must_use]
    pub fn start(script: Script) -> (Self, Option<Vec<Stroke>>) {
        let mut runner = Self {
            script,
            next: 0,
            recent: Vec::new(),
        };
        let typed = runner.type_on();
        (runner, typed)
    }

    /// Takes note of a `byte` that the guest printed; answers with what is to be typed if that
    /// ended a wait.
    pub fn output(&mut self, byte: u8) -> Option<Vec<Stroke>> {
        let Some(Action::Wait(text)) = self.action() else {
            return None;
        };
        // Only the end matters, and a text never needs more than its own length of it.
        let surplus = (self.recent.len() + 1).saturating_sub(text.len());
        let ends = self.recent[surplus..].iter().chain([&byte]).eq(text);
        if surplus > 0 {
            self.recent.drain(..surplus);
        }
        self.recent.push(byte);
        if !ends {
            return None;
        }
        self.recent.clear();
        self.next += 1;
        self.type_on()
    }

    /// Whether the script has come to its `quit`.
    #[must_use]
    pub fn quits(&self) -> bool {
        self.action() == Some(&Action::Quit)
    }

    /// The wait that has not ended, if there is one: its message is for the end of the run.
    #[must_use]
    pub fn unfinished(&self) -> Option<Unfinished> {
        let step = self.script.steps.get(self.next)?;
        let Action::Wait(text) = &step.action else {
            return None;
        };
        Some(Unfinished {
            script: self.script.name.clone(),
            line: step.line,
            text: String::from_utf8_lossy(text).into_owned(),
        })
    }

    fn action(&self) -> Option<&Action> {
        self.script.steps.get(self.next).map(|step| &step.action)
    }

    /// Goes on to the next step that types nothing; answers with what those on the way type.
    fn type_on(&mut self) -> Option<Vec<Stroke>> {
        let mut typed = Vec::new();
        loop {
            match self.action() {
                Some(Action::Send(text)) => typed.extend(Stroke::typed(text)),
                Some(Action::Break) => typed.push(Stroke::Break),
                _ => break,
            }
            self.next += 1;
        }
        (!typed.is_empty()).then_some(typed)
    }
}

/// A wait that the guest's output did not end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    script: String,
    line: usize,
    text: String,
}

impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { script, line, text } = self;
        write!(
            f,
            "{script} line {line}: the machine stopped before the guest printed {text:?}"
        )
    }
}

#[cfg(test)]
mod tests;
