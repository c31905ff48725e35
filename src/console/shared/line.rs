//! One VM's output as lines of plain text.
//!
//! What a guest does to its own line (backspace, carriage return, erasing, moving the cursor, as
//! shells do for editing) is done to that line; everything else that a terminal would obey is
//! dropped, so that no VM can disturb the lines of another or the person's terminal.

use std::fmt;

use vte::{Params, Parser, Perform};

/// The most characters of a line; longer ones are broken.
const LONGEST: usize = 4096;
const TAB: usize = 8;

/// The line that a VM prints, and those that it has ended.
#[derive(Debug, Default)]
pub(super) struct Line {
    text: Vec<char>,
    /// Where the next character goes; never behind the text's end.
    cursor: usize,
    ended: Vec<String>,
}

/// Makes lines of bytes.
#[derive(Default)]
pub(in crate::console) struct Lines {
    parser: Parser,
    line: Line,
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.line.fmt(f)
    }
}

impl Lines {
    /// Takes more output; answers with the lines that it ended.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<String> {
        self.parser.advance(&mut self.line, bytes);
        std::mem::take(&mut self.line.ended)
    }

    /// The line that has not ended, and where its cursor is.
    pub fn open(&self) -> (&[char], usize) {
        (&self.line.text, self.line.cursor)
    }

    /// Ends the open line, if there is anything on it.
    pub fn end(&mut self) -> Option<String> {
        if self.line.text.is_empty() {
            return None;
        }
        self.line.end();
        self.line.ended.pop()
    }
}

impl Line {
    fn end(&mut self) {
        let text: String = self.text.drain(..).collect();
        self.ended.push(text.trim_end().to_owned());
        self.cursor = 0;
    }

    fn put(&mut self, c: char) {
        if self.cursor >= LONGEST {
            self.end();
        }
        match self.text.get_mut(self.cursor) {
            Some(there) => *there = c,
            None => self.text.push(c),
        }
        self.cursor += 1;
    }

    /// Moves the cursor, over blanks if there is no text.
    fn go_to(&mut self, column: usize) {
        let column = column.min(LONGEST - 1);
        if self.text.len() < column {
            self.text.resize(column, ' ');
        }
        self.cursor = column;
    }

    /// Erases up to the end (0), from the start (1) or all (2).
    fn erase(&mut self, what: usize) {
        match what {
            0 => self.text.truncate(self.cursor),
            1 => self.text[..self.cursor].fill(' '),
            _ => {
                self.text.truncate(self.cursor);
                self.text.fill(' ');
            }
        }
    }

    fn delete(&mut self, count: usize) {
        let end = self.text.len().min(self.cursor.saturating_add(count));
        self.text.drain(self.cursor..end);
    }

    fn insert(&mut self, count: usize) {
        let room = LONGEST.saturating_sub(self.text.len());
        let blanks = std::iter::repeat_n(' ', count.min(room));
        self.text.splice(self.cursor..self.cursor, blanks);
    }
}

impl Perform for Line {
    fn print(&mut self, c: char) {
        if !c.is_control() {
            self.put(c);
        }
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\n' => self.end(),
            b'\r' => self.cursor = 0,
            8 => self.cursor = self.cursor.saturating_sub(1),
            b'\t' => self.go_to((self.cursor / TAB + 1) * TAB),
            _ => {}
        }
    }

    fn csi_dispatch(&mut self, params: &Params, private: &[u8], _ignore: bool, action: char) {
        if !private.is_empty() {
            return;
        }
        let given = params.iter().next().and_then(|param| param.first());
        let given = usize::from(given.copied().unwrap_or(0));
        let count = given.max(1);
        match action {
            'K' | 'J' => self.erase(given),
            'C' => self.go_to(self.cursor.saturating_add(count)),
            'D' => self.cursor = self.cursor.saturating_sub(count),
            'G' => self.go_to(count - 1),
            // To a line and column; there is one line.
            'H' | 'f' => self.cursor = 0,
            'P' => self.delete(count),
            '@' => self.insert(count),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed(bytes: &[u8]) -> (Vec<String>, String, usize) {
        let mut lines = Lines::default();
        let mut ended = lines.feed(bytes);
        let mut in_pieces = Lines::default();
        let pieces = bytes.iter().flat_map(|&byte| in_pieces.feed(&[byte]));
        assert_eq!(pieces.collect::<Vec<_>>(), ended, "byte by byte");
        let (open, cursor) = lines.open();
        let open = open.iter().collect();
        ended.shrink_to_fit();
        (ended, open, cursor)
    }

    #[test]
    fn lines_end_where_the_guest_ends_them() {
        let (ended, open, cursor) = fed(b"one\r\ntwo\n\n# ");
        assert_eq!(ended, ["one", "two", ""]);
        assert_eq!((open.as_str(), cursor), ("# ", 2));
    }

    #[test]
    fn a_guest_edits_its_own_line() {
        for (typed, line, at) in [
            (&b"10%\r100%"[..], "100%", 4),
            (b"abc\x08\x08X", "aXc", 2),
            (b"abc\x08 \x08", "ab ", 2),
            (b"abc\x1b[2D\x1b[K", "a", 1),
            (b"abc\r\x1b[J# ", "# ", 2),
            (b"abc\x1b[1D\x1b[@X", "abXc", 3),
            (b"abc\r\x1b[P", "bc", 0),
            (b"a\tb", "a       b", 9),
            (b"a\x1b[5Gb", "a   b", 5),
        ] {
            assert_eq!(fed(typed), (vec![], line.to_owned(), at), "{typed:?}");
        }
    }

    #[test]
    fn what_would_touch_the_terminal_is_dropped() {
        for noise in [
            &b"\x1b[2J"[..],
            b"\x1b[31;1m",
            b"\x1b[?1049h",
            b"\x1b[5A",
            b"\x1b]0;title\x07",
            b"\x1bP1$q\"p\x1b\\",
            b"\x1bc",
            b"\x07\x0e\x00\x7f",
            b"\x1b[6n",
            "\u{9b}".as_bytes(),
        ] {
            let (_, open, _) = fed(&[b"a", noise, b"b"].concat());
            assert!(!open.chars().any(char::is_control), "{noise:?}: {open:?}");
            assert!(open.ends_with('b'), "{noise:?}: {open:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_as_such() {
        assert_eq!(fed("ä\n".as_bytes()).0, ["ä"]);
        assert_eq!(fed(b"\xffx\n").0, ["\u{fffd}x"]);
    }

    #[test]
    fn a_line_has_an_end_whatever_is_printed() {
        let mut lines = Lines::default();
        let ended = lines.feed(&[b'x'; 10_000]);
        assert!(ended.iter().all(|line| line.len() == LONGEST) && ended.len() == 2);
        for noise in ["\x1b[99999C", "\x1b[99999@", "\x1b[99999G", "\x1b]", "y"] {
            for _ in 0..100 {
                lines.feed(noise.as_bytes());
            }
            assert!(lines.open().0.len() <= LONGEST, "{noise:?}");
        }
    }
}
