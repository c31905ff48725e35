//! Settings: an engine and switches of `run`, or QEMU and switches of its own.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// What runs a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Runner {
    /// mirrorball, with this engine.
    Engine(String),
    /// QEMU, for comparison.
    Qemu,
}

/// A way to run a guest, with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// What people call it.
    pub name: String,
    /// What runs the guest.
    pub runner: Runner,
    /// More switches for it.
    pub flags: Vec<String>,
}

/// Why a text is no setting.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum SettingError {
    #[error("setting {0:?} has a quote that is not closed")]
    Quote(String),
    #[error(
        "setting {setting:?} names no engine; write [NAME=]ENGINE [SWITCHES] with jit, interp, \
         lockstep or qemu, such as 'jit --region 1'"
    )]
    Engine { setting: String },
    #[error("two settings are called {0:?}; name one of them, as in 'NAME=jit'")]
    Twice(String),
}

impl Setting {
    /// mirrorball with `engine` and `flags`.
    #[must_use]
    pub fn engine(engine: &str, flags: Vec<String>) -> Self {
        Self {
            name: [&[engine.to_owned()][..], &flags].concat().join(" "),
            runner: Runner::Engine(engine.to_owned()),
            flags,
        }
    }

    /// QEMU as it comes.
    #[must_use]
    pub fn qemu() -> Self {
        Self {
            name: "qemu".to_owned(),
            runner: Runner::Qemu,
            flags: Vec::new(),
        }
    }

    /// Refuses settings that one could not tell apart.
    ///
    /// # Errors
    /// When two have the same name.
    pub fn distinct(settings: &[Self]) -> Result<(), SettingError> {
        for (index, setting) in settings.iter().enumerate() {
            if settings[..index].iter().any(|s| s.name == setting.name) {
                return Err(SettingError::Twice(setting.name.clone()));
            }
        }
        Ok(())
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl FromStr for Setting {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        let (name, rest) = match text.split_once('=') {
            // Not the = of a switch.
            Some((name, rest)) if !name.contains('-') && !name.trim().is_empty() => {
                (Some(name.trim()), rest)
            }
            _ => (None, text),
        };
        let words = shlex::split(rest).ok_or_else(|| SettingError::Quote(text.to_owned()))?;
        let mut words = words.into_iter().peekable();
        // Switches alone are switches of the engine that `run` takes, too.
        let first = match words.peek() {
            Some(word) if word.starts_with('-') => Some("jit".to_owned()),
            _ => words.next(),
        };
        let runner = match first.as_deref() {
            Some("qemu") => Runner::Qemu,
            Some(engine @ ("jit" | "interp" | "lockstep")) => Runner::Engine(engine.to_owned()),
            _ => {
                return Err(SettingError::Engine {
                    setting: text.to_owned(),
                });
            }
        };
        let trimmed = rest.split_whitespace().collect::<Vec<_>>().join(" ");
        Ok(Self {
            name: name.map_or(trimmed, str::to_owned),
            runner,
            flags: words.collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_a_name_an_engine_and_switches() {
        let setting: Setting = "jit  --region 1".parse().unwrap();
        assert_eq!(
            setting,
            Setting::engine("jit", vec!["--region".into(), "1".into()])
        );
        let setting: Setting = "block by block=jit --region=1".parse().unwrap();
        assert_eq!(setting.name, "block by block");
        assert_eq!(setting.flags, ["--region=1"]);
        let setting: Setting = "--hot 7".parse().unwrap();
        assert_eq!(setting.name, "--hot 7");
        assert_eq!(setting.runner, Runner::Engine("jit".into()));
        let setting: Setting = "qemu -accel 'tcg,thread=single'".parse().unwrap();
        assert_eq!(setting.runner, Runner::Qemu);
        assert_eq!(setting.flags, ["-accel", "tcg,thread=single"]);
        assert_eq!("qemu".parse(), Ok(Setting::qemu()));
    }

    #[test]
    fn what_is_no_setting_says_so() {
        for text in ["", "fast", "x=", "jit --x 'y"] {
            assert!(text.parse::<Setting>().is_err(), "{text}");
        }
        let jit = Setting::engine("jit", Vec::new());
        assert_eq!(
            Setting::distinct(&[jit.clone(), Setting::qemu(), jit]),
            Err(SettingError::Twice("jit".into()))
        );
    }
}
