//! IR and host code as text, for people: lines that say which guest instruction they are for.

use cranelift_codegen::ir::Function;
use cranelift_codegen::{Final, MachSrcLoc};
use iced_x86::{Decoder, DecoderOptions, Formatter, IntelFormatter};

/// A line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// What it says.
    pub text: String,
    /// The [`code_address`](crate::interp::block::code_address) of the guest instruction that it is for,
    /// if it is for one.
    pub pc: Option<u32>,
}

/// Lines as one text.
#[must_use]
pub fn text(lines: &[Line]) -> String {
    lines
        .iter()
        .map(|line| format!("{}\n", line.text))
        .collect()
}

/// How far Cranelift indents an instruction.
const INDENT: &str = "    ";

/// The IR of a function. Cranelift writes before an instruction what it is for, as `@` and digits.
#[must_use]
pub fn ir(function: &Function) -> Vec<Line> {
    let text = function.display().to_string();
    let line = |line: &str| {
        let marked = line.trim_start().strip_prefix('@');
        let parts = marked.and_then(|marked| marked.split_once(' '));
        let parts = parts.and_then(|(pc, text)| Some((u32::from_str_radix(pc, 16).ok()?, text)));
        match parts {
            Some((pc, text)) => Line {
                text: format!("{INDENT}{}", text.trim_start()),
                pc: Some(pc),
            },
            None if line.starts_with(INDENT) => Line {
                text: format!("{INDENT}{}", line.trim_start()),
                pc: None,
            },
            None => Line {
                text: line.to_owned(),
                pc: None,
            },
        }
    };
    text.lines().map(line).collect()
}

/// The disassembly of x86-64 code, a line an instruction, with offsets. The ranges of `places` are in
/// order.
#[must_use]
pub fn x86(bytes: &[u8], places: &[MachSrcLoc<Final>]) -> Vec<Line> {
    let mut formatter = IntelFormatter::new();
    let mut lines = Vec::new();
    for instruction in &mut Decoder::new(64, bytes, DecoderOptions::NONE) {
        let mut text = String::new();
        formatter.format(&instruction, &mut text);
        let at = instruction.ip();
        let place = places.partition_point(|place| u64::from(place.end) <= at);
        let place = places
            .get(place)
            .filter(|place| u64::from(place.start) <= at);
        let place = place.filter(|place| !place.loc.is_default());
        lines.push(Line {
            text: format!("  {at:04x}: {text}"),
            pc: place.map(|place| place.loc.bits()),
        });
    }
    lines
}

/// Text of which nothing more is known.
#[must_use]
pub fn plain(text: Option<&str>) -> Vec<Line> {
    let line = |text: &str| Line {
        text: text.to_owned(),
        pc: None,
    };
    text.unwrap_or_default().lines().map(line).collect()
}
