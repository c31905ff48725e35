//! The keys that the terminal keeps for itself: Ctrl-A and one more.

const CTRL_A: u8 = 0x01;

/// What the escapes are, for a person.
pub const HELP: &str = "\
Ctrl-A x       quit mirrorball
Ctrl-A h       print this help
Ctrl-A Ctrl-A  send Ctrl-A to the guest
";

/// What a person asks mirrorball for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// End the machine.
    Quit,
    /// Print [`HELP`].
    Help,
}

/// What one more typed byte means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// The guest gets it.
    Byte(u8),
    /// It ends an escape.
    Command(Command),
}

/// Whether a Ctrl-A is waiting for its second key.
#[derive(Clone, Debug, Default)]
pub struct Escape {
    pending: bool,
}

impl Escape {
    /// What `byte` means after the ones before it; nothing yet if it starts an escape.
    pub fn feed(&mut self, byte: u8) -> Option<Key> {
        if !self.pending {
            self.pending = byte == CTRL_A;
            return (!self.pending).then_some(Key::Byte(byte));
        }
        self.pending = false;
        Some(match byte {
            CTRL_A => Key::Byte(CTRL_A),
            b'x' | b'X' => Key::Command(Command::Quit),
            // Whoever mistypes an escape wants to know which there are.
            _ => Key::Command(Command::Help),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(typed: &[u8]) -> Vec<Key> {
        let mut escape = Escape::default();
        typed.iter().filter_map(|&byte| escape.feed(byte)).collect()
    }

    #[test]
    fn other_bytes_go_to_the_guest() {
        assert_eq!(
            keys(b"x\x03\xff"),
            [Key::Byte(b'x'), Key::Byte(3), Key::Byte(0xff)]
        );
    }

    #[test]
    fn escapes_are_commands() {
        use Command::{Help, Quit};
        for (typed, command) in [(b'x', Quit), (b'X', Quit), (b'h', Help), (b'?', Help)] {
            assert_eq!(
                keys(&[b'a', 1, typed]),
                [Key::Byte(b'a'), Key::Command(command)]
            );
        }
    }

    #[test]
    fn the_second_ctrl_a_goes_to_the_guest_and_starts_nothing() {
        assert_eq!(keys(b"\x01\x01x\x01"), [Key::Byte(1), Key::Byte(b'x')]);
    }
}
