//! Host code as text, for people.

use iced_x86::{Decoder, DecoderOptions, Formatter, IntelFormatter};
use std::fmt::Write;

/// The disassembly of host code, a line an instruction, with offsets.
#[must_use]
pub fn listing(bytes: &[u8]) -> String {
    let mut text = String::new();
    if !cfg!(target_arch = "x86_64") {
        for (index, chunk) in bytes.chunks(16).enumerate() {
            let _ = writeln!(text, "  {:04x}: {chunk:02x?}", index * 16);
        }
        return text;
    }
    let mut formatter = IntelFormatter::new();
    for instruction in &mut Decoder::new(64, bytes, DecoderOptions::NONE) {
        let mut line = String::new();
        formatter.format(&instruction, &mut line);
        let _ = writeln!(text, "  {:04x}: {line}", instruction.ip());
    }
    text
}
