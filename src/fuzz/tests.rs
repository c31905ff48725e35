//! Each target with damaged samples, for seconds. `FUZZ_CASES` and `FUZZ_TARGET` say how many of which,
//! `FUZZ_SEED` where to begin.

use std::env;
use std::panic::catch_unwind;
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::*;
use crate::image::testing::Elf;
use crate::migration::Frame;

/// How many samples each target gets.
const CASES: u64 = 150;
/// No sample takes longer, on a busy host.
const LONGEST: Duration = Duration::from_secs(30);
/// The most bytes of a sample.
const MOST: usize = 32 << 10;

const MACHINES: &str = r#"
[monitor]
host-threads = 2
[[vm]]
name = "a"
image = "vmlinux"
memory = "64M"
disk = ["a.img,snapshot=on"]
net = ["user,hostfwd=tcp::2222-:22"]
"#;
const SCRIPT: &str = "# first\nwait login:\ntype root\\n\nwait # \nquit\n\0login: # ";
const REQUEST: &str =
    "PUT /vms/web/share HTTP/1.1\r\nHost: a\r\nContent-Length: 13\r\n\r\n{\"share\": 200}";
const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
const PACKETS: &str = "qSupported:swbreak+\n?\ng\nm80001000,40\nM80080000,2:0102\nZ0,80001000,4\n\
    Z2,80080000,4\nc\ns\nbs\nbc\nP2=00000000\nqXfer:features:read:target.xml:0,100\nqRcmd,68656c70\nD";

fn number(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |it| it.parse().expect("a number"))
}

/// Messages of 9P: version, attach, walk, open, read.
fn messages() -> Vec<u8> {
    let name = |text: &str| [&(text.len() as u16).to_le_bytes()[..], text.as_bytes()].concat();
    let word = |word: u32| word.to_le_bytes().to_vec();
    let bodies = [
        (100, [word(65536), name("9P2000.L")].concat()),
        (
            104,
            [word(1), word(!0), name("root"), name(""), word(0)].concat(),
        ),
        (110, [word(1), word(2), vec![1, 0], name("file")].concat()),
        (12, [word(2), word(0)].concat()),
        (116, [word(2), vec![0; 8], word(1000)].concat()),
        (
            14,
            [word(1), name("new"), word(0o102), word(0o644), word(0)].concat(),
        ),
        (120, word(2)),
    ];
    let mut bytes = vec![0];
    for (kind, body) in bodies {
        let length = 7 + body.len() as u32;
        bytes.extend((length as u16).to_le_bytes());
        bytes.extend([&word(length)[..], &[kind, 1, 0], &body].concat());
    }
    bytes
}

/// A machine that comes in three parts.
fn incoming() -> Vec<u8> {
    let mut bytes = Vec::new();
    let parts = file::SMALL.chunks(file::SMALL.len() / 3 + 1);
    let frames = parts.map(|part| Frame::Part(part.to_vec()));
    for frame in frames.chain([Frame::Whole]) {
        frame.write(&mut bytes).expect("room");
    }
    bytes
}

/// A register of version 1 of a virtio device, and what a driver writes there.
const REGISTERS: [(u16, u32); 7] = [
    (0x14, 15),
    (0x16, 0),
    (0x18, 8),
    (0x20, 0x8_0000),
    (0x28, 0x8_0100),
    (0x30, 0x8_0200),
    (0x1c, 1),
];

/// Steps that set up a queue of each virtio device.
fn queues() -> Vec<u8> {
    let devices = (0..5_u16).flat_map(|device| REGISTERS.map(|it| (device, it)));
    let steps = devices.flat_map(|(device, (register, value))| {
        let mut step = [5, 8, 0, 0, 0, 0, 0, 0];
        step[2..4].copy_from_slice(&(device * 0x1000 + register / 4).to_le_bytes());
        step[4..].copy_from_slice(&value.to_le_bytes());
        step
    });
    steps.collect()
}

/// A program that sets up queues, and then takes steps of all kinds.
fn program() -> Vec<u8> {
    let mut bytes = queues();
    let start = bytes.len();
    bytes.resize(start + 2048, 0);
    Rng::with_seed(5).fill(&mut bytes[start..]);
    bytes
}

/// Samples of what a target takes.
fn samples(target: &str) -> Vec<Vec<u8>> {
    match target {
        "image" => vec![Elf::new(false).bytes(), Elf::new(true).bytes()],
        "machines" => vec![MACHINES.into(), "name=a,image=b,memory=64M".into()],
        "script" => vec![SCRIPT.into()],
        "snapshot" => vec![crate::snapshot::index_of(&file::SMALL)],
        "record" => crate::record::samples(),
        "request" => vec![REQUEST.into(), ANSWER.into()],
        "incoming" => vec![incoming()],
        "debugger" => vec![PACKETS.into()],
        "program" => vec![program()],
        "messages" => vec![messages()],
        _ => vec![vec![0; 64]],
    }
}

/// A number that is at the end of something.
fn edge(rng: &mut Rng) -> u8 {
    let edges = [0, 1, 7, 8, 0x7f, 0x80, 0xfe, 0xff];
    edges[rng.usize(..edges.len())]
}

fn damage(bytes: &mut Vec<u8>, other: &[u8], rng: &mut Rng) {
    let at = rng.usize(..=bytes.len());
    let end = rng.usize(at..=bytes.len().min(at + 16));
    match rng.u8(..7) {
        0 if at < bytes.len() => bytes[at] ^= 1 << rng.u8(..8),
        1 if at < bytes.len() => bytes[at] = edge(rng),
        2 if at < bytes.len() => bytes[at] = rng.u8(..),
        3 => bytes.truncate(at),
        4 => {
            bytes.drain(at..end);
        }
        5 => {
            let from = rng.usize(..=other.len());
            let until = rng.usize(from..=other.len().min(from + 64));
            bytes.splice(at..at, other[from..until].iter().copied());
        }
        _ => {
            let piece = bytes[at..end].to_vec();
            bytes.splice(at..at, piece.repeat(rng.usize(..20)));
        }
    }
    bytes.truncate(MOST);
}

fn sample(samples: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
    let other = &samples[rng.usize(..samples.len())];
    let mut bytes = samples[rng.usize(..samples.len())].clone();
    for _ in 0..rng.usize(..8) {
        damage(&mut bytes, other, rng);
    }
    bytes
}

#[test]
fn targets_take_anything() {
    let (cases, seed) = (number("FUZZ_CASES", CASES), number("FUZZ_SEED", 1));
    let wanted = env::var("FUZZ_TARGET").ok();
    let wanted = |target: &&Target| wanted.as_ref().is_none_or(|name| name == target.name);
    for target in TARGETS.iter().filter(wanted) {
        let samples = samples(target.name);
        for case in 0..cases {
            let bytes = sample(&samples, &mut Rng::with_seed(seed << 40 | case));
            let start = Instant::now();
            let done = catch_unwind(|| (target.run)(&bytes));
            assert!(done.is_ok(), "{}: case {case} of seed {seed}", target.name);
            let took = start.elapsed();
            assert!(
                took < LONGEST,
                "{}: case {case} of seed {seed}: {took:?}",
                target.name
            );
        }
    }
}

#[test]
fn a_program_reaches_devices() {
    let vm = guest::after(&queues()).expect("there is a host for it");
    for name in ["console", "balloon", "disk0", "disk1", "rng", "pci-config"] {
        let row = vm.board.accesses().find(|row| row.0 == name);
        let is_written = row.is_some_and(|(_, _, writes)| writes > 0);
        assert!(is_written, "{name}: {row:?}");
    }
}
