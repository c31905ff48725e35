//! What the guest's source of random numbers starts from.

use std::fmt::Write as _;

/// The bytes that the boot code gives a kernel as `rngseed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(pub [u8; 32]);

impl Default for Seed {
    /// The same for every run, so that runs are the same.
    fn default() -> Self {
        Self(*b"mirrorball: the same seed always")
    }
}

impl Seed {
    /// Reads 64 hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.len() == 64 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        let mut bytes = [0; 32];
        for (index, byte) in bytes.iter_mut().enumerate().filter(|_| digits) {
            *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
        }
        digits.then_some(Self(bytes))
    }

    /// As a kernel reads it.
    pub(super) fn digits(self) -> String {
        self.0.iter().fold(String::new(), |mut text, byte| {
            // Writing to a string does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_64_digits_and_the_default_one_is_the_same_always() {
        let text = "00ff".repeat(16);
        assert_eq!(Seed::parse(&text).unwrap().digits(), text);
        assert!(Seed::default().digits().starts_with("6d6972726f72"));
        for wrong in [
            "",
            "00",
            &"0g".repeat(32),
            &"00".repeat(33),
            &"é".repeat(32),
        ] {
            assert_eq!(Seed::parse(wrong), None, "{wrong}");
        }
    }
}
