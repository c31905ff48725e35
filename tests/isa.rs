//! The table of the instruction set against LLVM's disassembler: each line with random operands,
//! and random words for what is an instruction at all.

mod common;

use common::cannot_run;
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use mirrorball::isa::disasm::disassemble;
use mirrorball::isa::{Info, Operand, Since, TABLE, decode};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::{Command, ExitCode, Stdio};

/// Words for each line of the table.
const WORDS: usize = 24;

fn main() -> ExitCode {
    let trials = vec![
        Trial::ignorable_test("each line of the table reads as in LLVM", operands),
        Trial::ignorable_test("random words are instructions where LLVM says so", random),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// Instructions that LLVM's disassembler does not know of a MIPS32 of release 2.
const UNKNOWN_TO_LLVM: [&str; 4] = ["rdpgpr", "wrpgpr", "prefx", "hypcall"];
/// Instructions of which it knows some operands only: see [`narrow`].
const HALF_KNOWN_TO_LLVM: [&str; 4] = ["jr", "jalr", "rdhwr", "wait"];

fn operands() -> Result<Completion, Failed> {
    let mut random = Random(0x1234_5678_9abc_def1);
    let words: Vec<(&Info, u32)> = TABLE
        .iter()
        .flat_map(|info| (0..WORDS).map(move |_| info))
        .map(|info| (info, word(info, &mut random)))
        .collect();
    let (wide, narrow): (Vec<_>, Vec<_>) =
        (words.into_iter()).partition(|(info, _)| info.since == Since::M64);
    let mut complaints = String::new();
    for (cpu, words) in [("mips32r2", narrow), ("mips64r2", wide)] {
        let plain: Vec<u32> = words.iter().map(|&(_, word)| word).collect();
        match llvm(&plain, cpu) {
            Ok(llvm) => complaints += &differing(&words, llvm),
            Err(error) => return cannot_run(&error.to_string()),
        }
    }
    passed_unless(&complaints)
}

/// The words that LLVM reads otherwise.
fn differing(words: &[(&Info, u32)], llvm: Vec<Option<String>>) -> String {
    let mut complaints = String::new();
    for ((info, word), theirs) in words.iter().zip(llvm) {
        let ours = disassemble(*word, 0);
        let known = !UNKNOWN_TO_LLVM.contains(&info.mnemonic);
        match theirs {
            Some(theirs) if known && parts(&plain_spelling(&theirs)) == parts(&ours) => {}
            None if !known => {}
            theirs => {
                let _ = writeln!(complaints, "{word:08x}: {ours:40} LLVM: {theirs:?}");
            }
        }
    }
    complaints
}

/// What LLVM takes for an instruction and the table rightly does not have, by LLVM's mnemonic, and
/// what would have to be there.
const NOT_IN_THE_TABLE: [(&str, &str); 17] = [
    ("add.ps", "paired single"),
    ("sub.ps", "paired single"),
    ("mul.ps", "paired single"),
    ("cvt.ps.s", "paired single"),
    ("cvt.s.pl", "paired single"),
    ("cvt.s.pu", "paired single"),
    ("pll.ps", "paired single"),
    ("plu.ps", "paired single"),
    ("pul.ps", "paired single"),
    ("puu.ps", "paired single"),
    ("jalx", "MIPS16"),
    ("lwc2", "coprocessor 2"),
    ("ldc2", "coprocessor 2"),
    ("swc2", "coprocessor 2"),
    ("sdc2", "coprocessor 2"),
    ("sdbbp", "EJTAG"),
    ("sync", "fields that the manual wants to be 0"),
];

fn random() -> Result<Completion, Failed> {
    let mut random = Random(0xfeed_beef_0bad_cafe);
    // Opcodes with a second field in full, the others now and then.
    let words: Vec<u32> = (0..120_000)
        .map(|index| {
            let word = random.next();
            let opcode = [0x00, 0x01, 0x10, 0x11, 0x13, 0x1c, 0x1f][index % 7];
            match index % 3 {
                0 => word,
                1 => word & 0x03ff_ffff | opcode << 26,
                // Fields that are often required to be 0.
                _ => word & 0x03ff_083f | opcode << 26,
            }
        })
        .collect();
    let llvm = match llvm(&words, "mips32r2") {
        Ok(llvm) => llvm,
        Err(error) => return cannot_run(&error.to_string()),
    };
    let mut differences: BTreeMap<String, (usize, u32)> = BTreeMap::new();
    for (word, theirs) in words.into_iter().zip(llvm) {
        let ours = decode(word).filter(|insn| insn.info().since != Since::M64);
        let key = match (ours, &theirs) {
            (Some(_), Some(_)) | (None, None) => continue,
            (Some(insn), None) => {
                let name = insn.info().mnemonic;
                if UNKNOWN_TO_LLVM.contains(&name) || HALF_KNOWN_TO_LLVM.contains(&name) {
                    continue;
                }
                format!("ours: {name}")
            }
            (None, Some(theirs)) => {
                let mnemonic = theirs.split_whitespace().next().unwrap_or_default();
                if NOT_IN_THE_TABLE.iter().any(|&(name, _)| name == mnemonic) {
                    continue;
                }
                format!("LLVM's: {mnemonic}")
            }
        };
        let entry = differences.entry(key).or_insert((0, word));
        entry.0 += 1;
    }
    let mut complaints = String::new();
    for (what, (count, word)) in differences {
        let _ = writeln!(complaints, "{what}: {count} times, as {word:#010x}");
    }
    passed_unless(&complaints)
}

fn passed_unless(complaints: &str) -> Result<Completion, Failed> {
    if complaints.is_empty() {
        Ok(Completion::Completed)
    } else {
        Err(complaints.into())
    }
}

/// xorshift64*.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32
    }

    fn below(&mut self, bound: u32) -> u32 {
        self.next() % bound
    }
}

/// An encoding of an instruction with random operands that have no shorter spelling: no $zero,
/// which makes LLVM write `move` for `or`, and bit fields that lie in a word.
fn word(info: &Info, random: &mut Random) -> u32 {
    let mut word = info.value | random.next() & !info.mask;
    for shift in [21, 16, 11] {
        let field = 31 << shift;
        if info.mask & field == 0 && word & field == 0 {
            word |= (1 + random.below(31)) << shift;
        }
    }
    let position = random.below(32);
    let last = position + random.below(32 - position);
    let field = |msb: u32| word & !(0x1f << 11 | 0x1f << 6) | msb << 11 | position << 6;
    if info.takes(Operand::Extract) {
        field(last - position)
    } else if info.takes(Operand::Insert) {
        field(last)
    } else {
        narrow(info.mnemonic, word)
    }
}

/// The word with operands that LLVM knows.
fn narrow(mnemonic: &str, word: u32) -> u32 {
    let hint = word & !(0x1f << 6) | word >> 10 & 1 << 10;
    match mnemonic {
        // No hint but the hazard barrier.
        "jr" | "jalr" => hint,
        // The manual wants rd twice, and LLVM reads the other copy.
        "clz" | "clo" => word & !(0x1f << 16) | (word >> 11 & 0x1f) << 16,
        // No register but UserLocal.
        "rdhwr" => word & !(0x1f << 11) | 29 << 11,
        // No code.
        "wait" => word & 0xfe00_003f,
        _ => word,
    }
}

/// A line of LLVM's without what it writes and need not.
fn plain_spelling(line: &str) -> String {
    match line.split_whitespace().next() {
        Some("div" | "divu") => line.replace("$zero, ", ""),
        Some("mfc0" | "mtc0" | "dmfc0") => line.strip_suffix(", 0").unwrap_or(line).to_owned(),
        _ => line.to_owned(),
    }
}

/// What LLVM says of each word, big-endian, on a CPU: `None` where it says that it is no instruction.
fn llvm(words: &[u32], cpu: &str) -> io::Result<Vec<Option<String>>> {
    let missing = |error: io::Error| {
        io::Error::other(format!(
            "llvm-mc: {error}; Debian's package llvm, or llvm-14, has it"
        ))
    };
    let names = ["llvm-mc", "llvm-mc-14", "llvm-mc-15", "llvm-mc-16"];
    let found = names.into_iter().find(|name| {
        let version = Command::new(name).arg("--version").output();
        version.is_ok_and(|output| output.status.success())
    });
    let mut child = Command::new(found.unwrap_or(names[0]))
        .args(["--disassemble", "--triple=mips-linux-gnu", "-mattr=+fp64"])
        .args([&format!("-mcpu={cpu}"), "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(missing)?;
    let mut text = String::new();
    for [a, b, c, d] in words.iter().map(|word| word.to_be_bytes()) {
        let _ = writeln!(text, "{a:#x} {b:#x} {c:#x} {d:#x}");
    }
    let mut stdin = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let output = child.wait_with_output()?;
    writer.join().expect("the writer does not panic")?;

    // "<stdin>:LINE:1: warning: invalid instruction encoding"
    let complaints = String::from_utf8_lossy(&output.stderr);
    let invalid: BTreeSet<usize> = complaints
        .lines()
        .filter(|line| line.contains("invalid instruction encoding"))
        .filter_map(|line| line.split(':').nth(1)?.parse().ok())
        .collect();
    let listing = String::from_utf8_lossy(&output.stdout);
    let mut lines = listing
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('.'));
    let said = (1..=words.len())
        .map(|line| {
            let line = !invalid.contains(&line);
            line.then(|| lines.next().unwrap_or("nothing").to_owned())
        })
        .collect();
    assert_eq!(lines.next(), None, "LLVM said more than it was asked");
    Ok(said)
}

/// A line of assembler as mnemonic and operands, however registers and numbers are written.
fn parts(line: &str) -> Vec<String> {
    line.split([' ', '\t', ',', '(', ')'])
        .filter(|part| !part.is_empty())
        .map(|part| {
            register(part)
                .or_else(|| number(part))
                .unwrap_or_else(|| part.into())
        })
        .collect()
}

fn register(part: &str) -> Option<String> {
    const NAMES: [&str; 32] = [
        "zero", "at", "v0", "v1", "a0", "a1", "a2", "a3", "t0", "t1", "t2", "t3", "t4", "t5", "t6",
        "t7", "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "t8", "t9", "k0", "k1", "gp", "sp",
        "fp", "ra",
    ];
    let name = part.strip_prefix('$')?;
    let number = NAMES.iter().position(|&known| known == name)?;
    Some(format!("${number}"))
}

fn number(part: &str) -> Option<String> {
    let value = match part.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16).ok()?,
        None => part.parse().ok()?,
    };
    Some(format!("{:#x}", value as u32))
}
