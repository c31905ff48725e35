//! A VM in one word of the command line: `name=web,image=vmlinux,memory=256M`.
//!
//! The keys are those of a machine file. Values are quoted as in a shell: a comma in single or
//! double quotes, or behind a backslash, is part of the value. Spaces are nothing special.

use std::ffi::OsStr;
use std::path::Path;
use std::str::Chars;

use super::error::{Hint, Problem, SpecError};
use super::form::{Given, Kind};
use super::place::Place;
use super::settings::Settings;
use super::table::{Row, Table};

/// Reads the `text` of a `--vm`.
///
/// # Errors
///
/// When its quotes, its keys or their values are wrong.
pub fn parse(text: &str) -> Result<Settings, SpecError> {
    let place = Place::Short(text.into());
    let mut settings = Settings {
        place: place.clone(),
        ..Settings::default()
    };
    let given = Given {
        text: OsStr::new(text),
        place: &place,
        folder: Path::new(""),
    };
    read(&mut settings, &given, None).map_err(|problem| problem.at(&place))?;
    Ok(settings)
}

/// Has `settings` be what a text says. If there is a `first` key, a value that stands alone at the
/// start is meant for it.
pub(super) fn read<S: Table>(
    settings: &mut S,
    given: &Given<'_>,
    first: Option<&str>,
) -> Result<(), Problem> {
    let text = given.text.to_str().ok_or(Problem::NotText)?;
    let mut seen: Vec<&str> = Vec::new();
    for mut part in split(text)? {
        if let Some(key) = first.filter(|_| seen.is_empty() && part.value.is_none()) {
            part.value = Some(std::mem::replace(&mut part.key, key.to_owned()));
        }
        let row = row::<S>(&part, seen.is_empty())?;
        let name = row.entry.name;
        if seen.contains(&name) && !row.entry.is_list() {
            return Err(Problem::Twice(name.to_owned()));
        }
        seen.push(name);
        let text = match &part.value {
            Some(value) => value,
            None if row.entry.kind == Kind::Flag => "on",
            None => return Err(Problem::NoValue(name.to_owned())),
        };
        row.put(settings, &given.with(OsStr::new(text)))?;
    }
    Ok(())
}

/// The row of `part`'s key. A user who forgets to quote a comma finds the rest of the value taken for a
/// key.
fn row<S: Table>(part: &Part, first: bool) -> Result<&'static Row<S>, Problem> {
    S::row(part.key.trim()).map_err(|problem| match problem {
        Problem::Key {
            key,
            hint: Hint::All(_),
        } if !first => Problem::Key {
            key,
            hint: Hint::Quote,
        },
        other => other,
    })
}

/// What stands between two commas.
#[derive(Debug, Default, PartialEq, Eq)]
struct Part {
    key: String,
    /// What stands behind the equals sign, if there is one.
    value: Option<String>,
}

impl Part {
    fn push(&mut self, c: char) {
        self.value.as_mut().unwrap_or(&mut self.key).push(c);
    }

    fn finish(self) -> Result<Self, Problem> {
        if self.key.trim().is_empty() {
            Err(Problem::Empty)
        } else {
            Ok(self)
        }
    }
}

/// Takes `text` apart at its commas, and the quotes off.
fn split(text: &str) -> Result<Vec<Part>, Problem> {
    let mut parts = Vec::new();
    let mut part = Part::default();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            ',' => parts.push(std::mem::take(&mut part).finish()?),
            '=' if part.value.is_none() => part.value = Some(String::new()),
            '\'' | '"' => quoted(c, &mut chars, &mut part)?,
            '\\' => part.push(chars.next().ok_or(Problem::Backslash)?),
            c => part.push(c),
        }
    }
    parts.push(part.finish()?);
    Ok(parts)
}

/// Adds what stands up to the next `quote` to `part`. In double quotes a backslash quotes them and
/// itself, in single quotes nothing.
fn quoted(quote: char, chars: &mut Chars<'_>, part: &mut Part) -> Result<(), Problem> {
    loop {
        match chars.next().ok_or(Problem::Unclosed)? {
            c if c == quote => return Ok(()),
            '\\' if quote == '"' => match chars.next().ok_or(Problem::Unclosed)? {
                c @ ('"' | '\\') => part.push(c),
                c => {
                    part.push('\\');
                    part.push(c);
                }
            },
            c => part.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::{ConsoleSpec, said};

    fn error(text: &str) -> String {
        let line = parse(text).unwrap_err().to_string();
        let start = format!("--vm '{text}': ");
        line.strip_prefix(&start).expect(&line).to_owned()
    }

    #[test]
    fn commas_part_and_quotes_keep_them() {
        for (text, value) in [
            ("append=a b=c d", "a b=c d"),
            ("append='a,b'", "a,b"),
            ("append=a','b", "a,b"),
            ("append=\"a,\\\"b\\\"\\\\ \\n\"", "a,\"b\"\\ \\n"),
            ("append='\\'", "\\"),
            ("append=a\\,b\\'c\\\\", "a,b'c\\"),
            ("append=", ""),
            ("append=''", ""),
            ("append='='", "="),
        ] {
            let settings = parse(&format!("{text},share=2")).unwrap();
            assert_eq!(said(&settings.append).as_deref(), Some(value), "{text}");
            assert_eq!(said(&settings.share), Some(2));
        }
    }

    #[test]
    fn a_whole_machine_fits_in_a_word() {
        let settings = parse(
            "name=web, image=vmlinux,initrd=initrd.gz,memory=64M,share=2,realtime,\
             hypercalls=off,append=console=ttyS0 rdinit=/bin/sh,console=socket:/tmp/x",
        )
        .unwrap();
        assert_eq!(settings.name.unwrap().value, "web");
        assert_eq!(settings.image.unwrap().value, Path::new("vmlinux"));
        assert_eq!(settings.memory.unwrap().value.bytes(), 64 << 20);
        assert!(settings.realtime.unwrap().value);
        assert_eq!(said(&settings.hypercalls), Some(false));
        assert_eq!(
            settings.append.unwrap().value,
            "console=ttyS0 rdinit=/bin/sh"
        );
        assert_eq!(
            settings.console.unwrap().value,
            ConsoleSpec::Socket("/tmp/x".into())
        );
    }

    #[test]
    fn each_mistake_has_its_line() {
        for (text, line) in [
            ("nam=x", "unknown key nam; did you mean name?"),
            (
                "append=a,ro",
                "unknown key ro; if the comma before it is part of a value, put the value in quotes",
            ),
            ("image", "image has no value; write image=VALUE"),
            ("share=1,share=2", "share is given twice; remove one"),
            (
                "share=0",
                "share = \"0\": give a whole number from 1 to 10000",
            ),
            (
                "memory=1T",
                "memory = \"1T\": 1T is more than a Malta board can have; give 1M to 2G",
            ),
            (
                "engine=jti",
                "engine = \"jti\": there are interp, jit and lockstep; did you mean jit?",
            ),
            ("realtime=maybe", "realtime = \"maybe\": give on or off"),
            ("image=", "image = \"\": give a path"),
            (
                "append='a,b",
                "a quote is not closed; close it, or write \\' or \\\" for the character itself",
            ),
            (
                "append=\\",
                "ends in a backslash; write \\\\ for the character itself",
            ),
        ] {
            assert_eq!(error(text), line);
        }
        for text in ["", ",", "share=2,", ",share=2", "share=2,,hot=3", "=2"] {
            assert!(error(text).starts_with("a comma has nothing"), "{text}");
        }
        assert!(error("xyz=1").starts_with("unknown key xyz; there are name, image, "));
    }
}
