//! Where a setting was written, for messages.

use std::fmt;
use std::sync::Arc;

/// Where a setting was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// In a switch of the program's, which its value's own message is enough to find.
    #[default]
    Switch,
    /// In the text of a `--vm`.
    Short(Arc<str>),
    /// In a machine file.
    File {
        /// Its path, as the user gave it.
        file: Arc<str>,
        /// The line, from 1.
        line: usize,
        /// The character of the line, from 1.
        column: usize,
    },
}

impl Place {
    /// The place of the byte at `offset` of `text`, which `file` holds.
    #[must_use]
    pub fn in_file(file: &Arc<str>, text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self::File {
            file: Arc::clone(file),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

/// What a message starts with.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch => Ok(()),
            Self::Short(text) => write!(f, "--vm '{text}': "),
            Self::File { file, line, column } => write!(f, "{file}:{line}:{column}: "),
        }
    }
}

/// A value and where it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Where it was written.
    pub place: Place,
}

impl<T> At<T> {
    /// A value from a switch of the program's.
    pub const fn switch(value: T) -> Self {
        Self {
            value,
            place: Place::Switch,
        }
    }

    /// What `change` makes of the value, said at the same place.
    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> At<U> {
        At {
            value: change(self.value),
            place: self.place,
        }
    }
}

/// The value, if one was said.
pub fn said<T: Clone>(setting: &Option<At<T>>) -> Option<T> {
    setting.as_ref().map(|said| said.value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_characters_from_one() {
        let text = "a\n\u{e9}\u{e9} b\n";
        for (offset, shown) in [
            (0, "f:1:1: "),
            (2, "f:2:1: "),
            (7, "f:2:4: "),
            (9, "f:3:1: "),
        ] {
            assert_eq!(Place::in_file(&"f".into(), text, offset).to_string(), shown);
        }
        assert_eq!(Place::in_file(&"f".into(), "", 7).to_string(), "f:1:1: ");
    }
}
