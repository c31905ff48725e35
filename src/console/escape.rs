//! The keys that the terminal keeps for itself: Ctrl-A and one more.

use std::io::{ErrorKind, Read};

use mirrorball_runtime::device::stroke::Stroke;

const CTRL_A: u8 = 0x01;

/// What the escapes are, for a person.
pub const HELP: &str = "\
Ctrl-A x       quit mirrorball
Ctrl-A b       send a break, which starts Linux's magic SysRq
Ctrl-A h       print this help
Ctrl-A Ctrl-A  send Ctrl-A to the guest
";

/// What they are at the console of a VM in another process.
pub const ATTACHED_HELP: &str = "\
Ctrl-A d       detach: the VM runs on
Ctrl-A x       the same
Ctrl-A b       send a break, which starts Linux's magic SysRq
Ctrl-A h       print this help
Ctrl-A Ctrl-A  send Ctrl-A to the guest
";

/// What they are where several VMs share the terminal.
pub const SHARED_HELP: &str = "\
Ctrl-A n       type to the next VM
Ctrl-A 1 .. 9  type to the first VM .. the ninth
Ctrl-A x       quit all VMs and mirrorball
Ctrl-A b       send a break, which starts Linux's magic SysRq
Ctrl-A h       print this help
Ctrl-A Ctrl-A  send Ctrl-A to the guest
";

/// What a person asks mirrorball for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// End the machine.
    Quit,
    /// Leave the machine, which runs on, if it runs in another process.
    Detach,
    /// Print [`HELP`].
    Help,
    /// Type to the next VM from now on.
    Next,
    /// Type to this VM from now on; the first is 0.
    Choose(usize),
}

/// What one more typed byte means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// The guest gets it.
    Stroke(Stroke),
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
            return (!self.pending).then_some(Key::Stroke(Stroke::Byte(byte)));
        }
        self.pending = false;
        Some(match byte {
            CTRL_A => Key::Stroke(Stroke::Byte(CTRL_A)),
            b'b' | b'B' => Key::Stroke(Stroke::Break),
            b'x' | b'X' => Key::Command(Command::Quit),
            b'd' | b'D' => Key::Command(Command::Detach),
            b'n' | b'N' => Key::Command(Command::Next),
            b'1'..=b'9' => Key::Command(Command::Choose((byte - b'1').into())),
            // A user who mistypes an escape wants to know which there are.
            _ => Key::Command(Command::Help),
        })
    }
}

/// What was typed, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Typed {
    Strokes(Vec<Stroke>),
    Command(Command),
}

/// Hands on what comes `from` there until it ends, or `take` wants no more and says so by
/// `false`; says whether it ended. Without an `escape` it is a stream that is to arrive whole.
pub(super) fn read_keys(
    mut from: impl Read,
    mut escape: Option<Escape>,
    mut take: impl FnMut(Typed) -> bool,
) -> bool {
    let mut buffer = [0; 4096];
    loop {
        let typed = match from.read(&mut buffer) {
            Ok(0) => return true,
            Ok(count) => &buffer[..count],
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => return true,
        };
        let typed = match &mut escape {
            Some(escape) => unescape(typed, escape),
            None => vec![Typed::Strokes(Stroke::piped(typed).collect())],
        };
        for typed in typed {
            if !take(typed) {
                return false;
            }
        }
    }
}

fn unescape(bytes: &[u8], escape: &mut Escape) -> Vec<Typed> {
    let mut typed = Vec::new();
    for key in bytes.iter().filter_map(|&byte| escape.feed(byte)) {
        match (key, typed.last_mut()) {
            (Key::Stroke(stroke), Some(Typed::Strokes(strokes))) => strokes.push(stroke),
            (Key::Stroke(stroke), _) => typed.push(Typed::Strokes(vec![stroke])),
            (Key::Command(command), _) => typed.push(Typed::Command(command)),
        }
    }
    typed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(typed: &[u8]) -> Vec<Key> {
        let mut escape = Escape::default();
        typed.iter().filter_map(|&byte| escape.feed(byte)).collect()
    }

    const fn byte(byte: u8) -> Key {
        Key::Stroke(Stroke::Byte(byte))
    }

    #[test]
    fn a_break_has_its_place_among_what_is_typed() {
        let mut escape = Escape::default();
        let all = unescape(b"a\x01bh\x01xc", &mut escape);
        let [a, h, c] = *b"ahc";
        let before = vec![Stroke::Byte(a), Stroke::Break, Stroke::Byte(h)];
        let after = vec![Stroke::Byte(c)];
        let quit = Typed::Command(Command::Quit);
        assert_eq!(all, [Typed::Strokes(before), quit, Typed::Strokes(after)]);
    }

    #[test]
    fn other_bytes_go_to_the_guest() {
        assert_eq!(keys(b"x\x03\xff"), [byte(b'x'), byte(3), byte(0xff)]);
    }

    #[test]
    fn escapes_are_commands() {
        use Command::{Choose, Detach, Help, Next, Quit};
        for (typed, command) in [
            (b'x', Quit),
            (b'X', Quit),
            (b'h', Help),
            (b'?', Help),
            (b'0', Help),
            (b'd', Detach),
            (b'n', Next),
            (b'1', Choose(0)),
            (b'9', Choose(8)),
        ] {
            assert_eq!(keys(&[b'a', 1, typed]), [byte(b'a'), Key::Command(command)]);
        }
    }

    #[test]
    fn the_second_ctrl_a_goes_to_the_guest_and_starts_nothing() {
        assert_eq!(keys(b"\x01\x01x\x01"), [byte(1), byte(b'x')]);
    }
}
