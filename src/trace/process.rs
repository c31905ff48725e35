//! Which process is meant.

use std::str::FromStr;

use mirrorball_runtime::insight::TaskName;
use thiserror::Error;

/// A process, as people name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProcessAsked {
    /// By its name, as a Linux kernel has it.
    Name(String),
    /// By its address-space id.
    Asid(u8),
}

/// A text that names no process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "a process is the name that Linux gives it, of 15 characters at most, or an address-space id from 0 to 255, such as 3 or 0x3"
)]
pub struct NotAProcess;

/// The most bytes of a name that Linux keeps.
const LONGEST: usize = 15;

impl FromStr for ProcessAsked {
    type Err = NotAProcess;

    fn from_str(text: &str) -> Result<Self, NotAProcess> {
        let number = match text.strip_prefix("0x") {
            Some(digits) => u32::from_str_radix(digits, 16),
            None => text.parse(),
        };
        match number {
            Ok(number) => number.try_into().map(Self::Asid).map_err(|_| NotAProcess),
            Err(_) if (1..=LONGEST).contains(&text.len()) => Ok(Self::Name(text.to_owned())),
            Err(_) => Err(NotAProcess),
        }
    }
}

impl ProcessAsked {
    /// Whether this is the process with that address-space id and that name.
    #[must_use]
    pub fn is(&self, asid: u8, task: Option<TaskName>) -> bool {
        match self {
            Self::Name(name) => task.is_some_and(|task| task.text() == *name),
            Self::Asid(asked) => *asked == asid,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_a_name_or_a_number() {
        let name = |text: &str| Ok(ProcessAsked::Name(text.to_owned()));
        assert_eq!("sh".parse(), name("sh"));
        assert_eq!("0xsh".parse(), name("0xsh"));
        assert_eq!("12".parse(), Ok(ProcessAsked::Asid(12)));
        assert_eq!("0xff".parse(), Ok(ProcessAsked::Asid(255)));
        for wrong in ["", "256", "0x100", "sixteen-characts"] {
            assert_eq!(wrong.parse::<ProcessAsked>(), Err(NotAProcess), "{wrong}");
        }
    }

    #[test]
    fn a_process_without_a_name_has_no_name_that_is_asked_for() {
        assert!(ProcessAsked::Asid(3).is(3, None));
        assert!(!ProcessAsked::Asid(3).is(4, None));
        assert!(!ProcessAsked::Name("sh".into()).is(3, None));
    }
}
