//! What is said to images and initial RAM disks that are none, or do not fit.

use crate::common::program::{Folder, USAGE, refused};
use crate::common::project;
use std::fs::{self, File};
use std::path::PathBuf;

impl Folder {
    /// An image made from `hello`, with 32-bit values at some offsets replaced.
    fn patched(&self, name: &str, patches: &[(usize, u32)]) -> String {
        let mut bytes = hello();
        for &(offset, value) in patches {
            bytes[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
        }
        self.file(name, &bytes)
    }
}

fn hello() -> Vec<u8> {
    fs::read(project("guests/prebuilt/hello.el.elf")).expect("a prebuilt image")
}

/// Offsets in an ELF32 file: e_type and e_machine, e_entry, and the first program header.
const TYPE: usize = 16;
const ENTRY: usize = 24;
const PHOFF: usize = 28;
const P_OFFSET: usize = 4;
const P_VADDR: usize = 8;
const P_PADDR: usize = 12;
const P_FILESZ: usize = 16;
const P_MEMSZ: usize = 20;
const EXEC_MIPS: u32 = 2 | 8 << 16;

/// The offset of the first program header that is loaded.
fn load_header() -> usize {
    let bytes = hello();
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    let (start, count) = (word(PHOFF) as usize, word(44) as usize & 0xffff);
    let mut headers = (0..count).map(|index| start + index * 32);
    headers.find(|&at| word(at) == 1).expect("a segment")
}

#[test]
fn an_image_that_is_no_image_is_refused() {
    let bench = Folder::new();
    refused(
        &["run", "/no/kernel"],
        USAGE,
        &["/no/kernel", "check the path"],
    );
    let folder = bench.path("");
    refused(&["run", &folder], USAGE, &[&folder, "directory"]);
    for (name, bytes) in [
        ("empty", &b""[..]),
        ("short", b"\x7fELF"),
        ("text", b"#!/bin/sh\necho hello\n"),
        ("zeros", &[0; 4096]),
    ] {
        let file = bench.file(name, bytes);
        for verb in ["run", "disasm"] {
            refused(&[verb, &file], USAGE, &[name]);
        }
        refused(&["inspect", &file, "0x80100000"], USAGE, &[name]);
    }
    if fs::metadata("/dev/full").is_ok() {
        // A device that gives zeros for ever.
        refused(&["run", "/dev/full"], USAGE, &["/dev/full"]);
    }
}

#[test]
fn a_truncated_image_is_refused_wherever_it_was_cut() {
    let bench = Folder::new();
    let whole = hello();
    let header = load_header();
    let end = |field: usize| {
        let at = header + field;
        u32::from_le_bytes(whole[at..at + 4].try_into().expect("four bytes")) as usize
    };
    let loaded = end(P_OFFSET) + end(P_FILESZ);
    for cut in [
        1,
        4,
        15,
        16,
        20,
        51,
        52,
        header + 8,
        header + 31,
        loaded / 2,
        loaded - 1,
    ] {
        let file = bench.file("cut", &whole[..cut]);
        refused(&["run", &file], USAGE, &["cut"]);
    }
}

#[test]
fn an_image_for_another_machine_is_refused() {
    let bench = Folder::new();
    let mut wide = hello();
    wide[4] = 2;
    refused(
        &["run", &bench.file("wide", &wide)],
        USAGE,
        &["wide", "64-bit"],
    );
    let own = env!("CARGO_BIN_EXE_mirrorball");
    refused(&["run", own], USAGE, &[own]);
    let x86 = bench.patched("x86", &[(TYPE, 2 | 3 << 16)]);
    refused(&["run", &x86], USAGE, &["x86", "MIPS"]);
    for (name, kind) in [("object", 1), ("shared", 3), ("core", 4)] {
        let file = bench.patched(name, &[(TYPE, kind | 8 << 16)]);
        refused(&["run", &file], USAGE, &[name, "executable"]);
    }
    let bad_order = {
        let mut bytes = hello();
        bytes[5] = 3;
        bench.file("order", &bytes)
    };
    refused(&["run", &bad_order], USAGE, &["order"]);
}

#[test]
fn an_image_that_does_not_fit_is_refused() {
    let bench = Folder::new();
    let header = load_header();
    for (name, patches) in [
        (
            "high",
            vec![
                (header + P_VADDR, 0x9fff_0000),
                (header + P_PADDR, 0x9fff_0000),
                (ENTRY, 0x9fff_0000),
            ],
        ),
        (
            "mapped",
            vec![
                (header + P_VADDR, 0xc000_0000),
                (header + P_PADDR, 0xc000_0000),
            ],
        ),
        ("huge", vec![(header + P_MEMSZ, 0x7000_0000)]),
        ("wraps", vec![(header + P_MEMSZ, 0xffff_f000)]),
        (
            "beyond",
            vec![
                (header + P_FILESZ, 0x0fff_ffff),
                (header + P_MEMSZ, 0x0fff_ffff),
            ],
        ),
        ("behind", vec![(header + P_OFFSET, 0xffff_fff0)]),
        ("elsewhere", vec![(ENTRY, 0x8800_0000)]),
        ("odd", vec![(ENTRY, 0x8010_0002)]),
        ("nowhere", vec![(ENTRY, 0)]),
        ("headers", vec![(PHOFF, 0xffff_fff0)]),
    ] {
        let mut patches = patches;
        patches.push((TYPE, EXEC_MIPS));
        refused(&["run", &bench.patched(name, &patches)], USAGE, &[name]);
    }
    let image = bench.file("hello", &hello());
    refused(
        &["run", &image, "--memory", "1M"],
        USAGE,
        &["hello", "--memory"],
    );
}

#[test]
fn an_initrd_that_does_not_fit_is_refused() {
    let bench = Folder::new();
    let image = bench.file("hello", &hello());
    let large = PathBuf::from(bench.path("large"));
    File::create(&large)
        .and_then(|file| file.set_len(64 << 20))
        .expect("a sparse file");
    let large = large.display().to_string();
    let folder = bench.path("");
    let empty = bench.file("nothing", b"");
    refused(
        &["run", &image, "--initrd", &large, "--memory", "32M"],
        USAGE,
        &["large", "--memory"],
    );
    refused(
        &["run", &image, "--initrd", "/no/initrd"],
        USAGE,
        &["/no/initrd"],
    );
    refused(&["run", &image, "--initrd", &folder], USAGE, &["directory"]);
    refused(
        &["run", &image, "--initrd", &empty],
        USAGE,
        &["nothing", "empty"],
    );
}
