//! Host code as text, for people.

use iced_x86::{Decoder, DecoderOptions, Formatter, IntelFormatter};
use std::fmt::Write;

/// The disassembly of x86-64 code, a line an instruction, with offsets.
#[must_use]
pub fn x86(bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut formatter = IntelFormatter::new();
    for instruction in &mut Decoder::new(64, bytes, DecoderOptions::NONE) {
        let mut line = String::new();
        formatter.format(&instruction, &mut line);
        let _ = writeln!(text, "  {:04x}: {line}", instruction.ip());
    }
    text
}
