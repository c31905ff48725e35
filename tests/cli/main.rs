//! The program as people meet it: what it says to bad input, in one line, and how it ends.

#[path = "../common/mod.rs"]
mod common;
mod failing;
mod images;
mod slurm;

use common::program::{Folder, HOST, USAGE, command, mirrorball, refused};
use common::project;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime};

#[test]
fn values_that_mean_nothing_are_refused() {
    for memory in [
        "0",
        "1T",
        "x",
        "",
        "-1",
        "1.5G",
        "99999999999999999999",
        "4097b",
    ] {
        let argument = format!("--memory={memory}");
        refused(&["run", &argument], USAGE, &["--memory", memory]);
    }
    for limit in ["0", "x", "", "-5", "1T", "99999999999G"] {
        let argument = format!("--limit={limit}");
        refused(&["run", &argument], USAGE, &["--limit", "such as"]);
    }
    refused(&["run", "--cpu", "R4000"], USAGE, &["R4000", "24Kf"]);
    refused(
        &["run", "--engine", "qemu"],
        USAGE,
        &["qemu", "interp", "jit", "lockstep"],
    );
    refused(&["run", "--trace", "all"], USAGE, &["all", "exceptions"]);
    refused(&["run", "--hot", "0"], USAGE, &["--hot"]);
    refused(&["run", "--rtc", "today"], USAGE, &["today", "YYYY"]);
    refused(&["run", "--flat", "0x80100000"], USAGE, &["--help"]);
    refused(&["run", "--no-such-switch"], USAGE, &["--no-such-switch"]);
    refused(&["run", "a", "b"], USAGE, &["'b'"]);
    refused(&["fly"], USAGE, &["fly"]);
    refused(
        &["run", "--engine", "lockstep", "--realtime"],
        USAGE,
        &["leave out --realtime"],
    );
}

/// clap takes `-hda` for a wish for help.
#[test]
fn switches_of_qemu_are_refused_with_advice() {
    refused(
        &["run", "-hda", "disk.img"],
        USAGE,
        &["-hda", "--disk FILE"],
    );
    refused(&["-hda", "disk.img"], USAGE, &["-hda", "--disk FILE"]);
    refused(
        &["-kernel", "vmlinux", "-nographic"],
        USAGE,
        &["-kernel", "mirrorball run FILE"],
    );
    refused(
        &["run", "vmlinux", "-append", "console=ttyS0"],
        USAGE,
        &["-append", "write mirrorball run --append TEXT"],
    );
    refused(
        &["run", "vmlinux", "-monitor", "stdio"],
        USAGE,
        &["-monitor", "--control SOCKET"],
    );
    let help = mirrorball(&["run", "-h"]);
    assert_eq!(help.status.code(), Some(0));
}

#[test]
fn a_script_that_cannot_be_read_is_refused() {
    let bench = Folder::new();
    refused(&["run", "--script", "/no/script"], USAGE, &["/no/script"]);
    refused(&["run", "--script", "/"], USAGE, &["directory"]);
    for (name, text) in [
        ("verb", &b"expect \"x\"\n"[..]),
        ("quote", b"wait \"x\n"),
        ("escape", b"send \"\\q\"\n"),
        ("bytes", b"\xff\xfe\n"),
    ] {
        let script = bench.file(name, text);
        refused(&["run", "--script", &script], USAGE, &[name]);
    }
    let secret = bench.file("secret", b"quit\n");
    fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o000))
        .expect("ours");
    // Root reads everything.
    if File::open(&secret).is_err() {
        refused(&["run", "--script", &secret], HOST, &["secret"]);
    }
}

#[test]
fn what_is_inspected_has_to_be_there() {
    let image = project("guests/prebuilt/hello.el.elf")
        .display()
        .to_string();
    for address in ["0x80000000", "0x80100002", "0xfffffffc"] {
        refused(
            &["inspect", &image, address],
            USAGE,
            &[address, "no code", "it lies at"],
        );
    }
    refused(&["inspect", &image, "main"], USAGE, &["main", "0x80100000"]);
    let shown = mirrorball(&["inspect", &image, "0x80100000"]);
    assert_eq!(shown.status.code(), Some(0));
    let text = String::from_utf8(shown.stdout).expect("UTF-8");
    for part in [
        "80100000: ",
        "function u0:0",
        "0000: ",
        "bytes of host code",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

/// The lines of a page that belong to an instruction: in guest code, and in IR and host code.
fn belonging(page: &str, number: usize) -> (usize, usize) {
    let all = page.matches(&format!("<span data-i=\"{number}\"")).count();
    let guest = page
        .matches(&format!("<span data-i=\"{number}\" tabindex"))
        .count();
    (guest, all - guest)
}

#[test]
fn a_block_is_a_page_whose_lines_belong_together() {
    let folder = Folder::new();
    // lw $t0, 0($a0); addu $t1, $t0, $a1; mult $t1, $a2; sw $t1, 4($a0); jr $ra; xor $v0, $t0, $t1
    let code = [
        0x8c88_0000_u32,
        0x0105_4821,
        0x0126_0018,
        0xac89_0004,
        0x03e0_0008,
        0x0109_1026,
    ];
    let image = folder.file("code", &code.map(u32::to_le_bytes).concat());
    let page = folder.path("page.html");
    let inspect = ["inspect", &image, "--flat", "0x80100000", "0x80100000"];
    let shown = |more: &[&str]| {
        let arguments = [&inspect[..], &["--html", &page], more].concat();
        let output = mirrorball(&arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{said}");
        std::fs::read_to_string(&page).expect("a page")
    };
    let here = shown(&[]);
    let there = shown(&["--target", "aarch64"]);
    for number in 0..code.len() {
        let (guest, others) = belonging(&here, number);
        assert!(guest == 1 && others >= 2, "{number}: {others}: {here}");
        assert_eq!(belonging(&there, number).0, 1);
        assert!(belonging(&there, number).1 >= 1, "{there}");
    }
    assert_eq!(belonging(&here, code.len()), (0, 0));
    let count = ["inspect", "--at", "1M", "--html", &page];
    assert!(mirrorball(&count).status.success());
    let counted = std::fs::read_to_string(&page).expect("a page");
    assert!(
        counted.contains("in the last 100000 of the run"),
        "{counted}"
    );
    refused(
        &[&inspect[..], &["--html", &image]].concat(),
        USAGE,
        &["the page", "the kernel"],
    );
}

#[test]
fn a_block_is_shown_for_other_hosts_from_the_same_ir() {
    let image = "guests/prebuilt/hello.el.elf";
    let shown = |target: &[&str]| {
        let output = mirrorball(&[&["inspect", image, "0x80100000"], target].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{target:?}: {said}");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    // Columns, as standard output is no terminal.
    let ir = |text: &str| {
        let loads = text.lines().filter(|line| line.contains("= load.i64"));
        loads.count()
    };
    let here = shown(&[]);
    assert!(ir(&here) > 0 && here.contains("mov rbp,rsp"), "{here}");
    for (target, instruction) in [
        ("x86_64", "mov rbp,rsp"),
        ("aarch64", "stp fp, lr, [sp, #-16]!"),
        ("aarch64-unknown-linux-gnu", "stp fp, lr, [sp, #-16]!"),
        ("riscv64", "sd ra,8(sp)"),
    ] {
        let there = shown(&["--target", target]);
        assert!(there.contains(instruction), "{target}: {there}");
        assert_eq!(ir(&there), ir(&here), "{target}: {there}");
    }
}

#[test]
fn a_host_without_a_back_end_is_refused_with_those_that_have_one() {
    for target in ["z80", "mipsel-unknown-linux-gnu", "arm64e-"] {
        refused(
            &[
                "inspect",
                "guests/prebuilt/hello.el.elf",
                "0x80100000",
                "--target",
                target,
            ],
            USAGE,
            &[target, "--target", "x86_64, aarch64, riscv64"],
        );
    }
}

/// For what `perf record` runs, Cranelift names the code that it makes, in the folder of perf's maps.
#[test]
fn perf_can_record_a_run() {
    let mut child = command(&["run", "--console", "none"])
        .env("PERF_BUILDID_DIR", "anything")
        .spawn()
        .expect("the program starts");
    let map = format!("/tmp/perf-{}.map", child.id());
    assert!(child.wait().expect("it ends").success());
    let names = fs::read_to_string(&map).expect("a map");
    assert!(!names.is_empty());
    fs::remove_file(map).expect("it is there");
}

#[test]
fn perf_finds_names_of_translated_code_if_it_is_asked_for() {
    let names = |switches: &[&str]| {
        let usual = ["run", "--hot", "100", "--jit-threads", "0"];
        let start = SystemTime::now();
        let mut child = command(&[&usual, switches].concat())
            .stdout(Stdio::null())
            .spawn()
            .expect("the program starts");
        let map = PathBuf::from(format!("/tmp/perf-{}.map", child.id()));
        assert!(child.wait().expect("it ends").success());
        // A process with this number may have left a map long ago.
        let written = fs::metadata(&map).and_then(|of| of.modified()).ok()?;
        let text = fs::read_to_string(&map).expect("it is there");
        fs::remove_file(&map).expect("it is there");
        (written >= start).then_some(text)
    };
    assert_eq!(names(&[]), None);
    let text = names(&["--perf-map"]).expect("a map");
    for part in ["glue:look_up", "block:0x8", "region:0x8", "physical:"] {
        assert!(text.contains(part), "no {part} in {text}");
    }
    for line in text.lines() {
        let [address, bytes, _] = line.splitn(3, ' ').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        assert!(u64::from_str_radix(address, 16).is_ok(), "{line}");
        assert!(u64::from_str_radix(bytes, 16).is_ok(), "{line}");
    }
}

#[test]
fn the_tour_runs_to_its_end_in_every_engine() {
    let expected = fs::read(project("guests/expected/tour.el.txt")).expect("what it prints");
    for engine in ["interp", "jit", "lockstep"] {
        let output = mirrorball(&["run", "--engine", engine, "--stats", "--hash"]);
        let said = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(0), "{engine}: {said}");
        let seen = String::from_utf8_lossy(&output.stdout).replace('\r', "");
        assert_eq!(
            seen,
            String::from_utf8_lossy(&expected).replace('\r', ""),
            "{engine}"
        );
        for part in [
            "MIPS",
            "TLB refills",
            "ttyS0",
            "Hypercalls",
            "instructions 3489171 ",
        ] {
            assert!(said.contains(part), "{engine}: no {part:?} in {said}");
        }
        assert_eq!(said.contains("Translation"), engine != "interp");
        assert_eq!(
            said.contains("comparisons of the CPUs"),
            engine == "lockstep"
        );
    }
}

#[test]
fn a_trace_has_a_line_for_each_event() {
    let output = mirrorball(&[
        "run",
        "--trace",
        "exceptions,tlb,blocks,devices,hypercalls",
        "--hot",
        "50",
    ]);
    assert_eq!(output.status.code(), Some(0));
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    for part in [
        "exceptions: Syscall at 0x",
        "tlb: refill for a store at 0x",
        "tlb: write ",
        "blocks: block 0x80100000 at 0x00100000: 1 instructions",
        "blocks: translated 0x",
        "devices: read 0x1be00cfc Word -> ",
        "devices: write 0x180003f8 Byte <- ",
        "hypercalls: 0: Version: done, value 0x10000",
    ] {
        assert!(said.contains(part), "no {part:?}");
    }
    let topics = [
        "exceptions: ",
        "tlb: ",
        "blocks: ",
        "devices: ",
        "hypercalls: ",
    ];
    for line in said.lines() {
        assert!(topics.iter().any(|topic| line.starts_with(topic)), "{line}");
    }
}

#[test]
fn every_way_to_end_has_its_code() {
    let bench = Folder::new();
    let flat = |name: &str, words: &[u32]| {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        bench.file(name, &bytes)
    };
    let run = |file: &str, more: &[&str]| {
        let mut arguments = vec!["run", file, "--flat", "0x80100000"];
        arguments.extend(more);
        let output = mirrorball(&arguments);
        let (said, code) = (
            String::from_utf8_lossy(&output.stderr),
            output.status.code(),
        );
        let told = format!("of its time; exit code {}\n", code.unwrap_or_default());
        assert!(said.contains(&told), "{said}");
        let first = said.lines().next().unwrap_or_default();
        assert!(first.starts_with("mirrorball: the ") && first.contains(" instructions and "));
        code
    };
    let wait = flat("wait", &[0x4200_0020, 0x1000_fffe, 0]);
    assert_eq!(run(&wait, &[]), Some(12));
    let spin = flat("spin", &[0x1000_ffff, 0]);
    assert_eq!(run(&spin, &["--limit", "1M"]), Some(11));
    // The board's reset register: 0x42 to 0xbf000500.
    let reset = flat(
        "reset",
        &[0x3c08_bf00, 0x2409_0042, 0xad09_0500, 0x1000_ffff, 0],
    );
    assert_eq!(run(&reset, &["--limit", "1M"]), Some(10));
    let script = bench.file("script", b"wait \"never\"\n");
    assert_eq!(
        run(&spin, &["--limit", "1M", "--script", &script]),
        Some(14)
    );
    let quits = bench.file("quits", b"quit\n");
    assert_eq!(run(&spin, &["--script", &quits]), Some(0));
}

#[test]
fn output_that_is_not_taken_ends_the_run() {
    let full = || File::options().write(true).open("/dev/full");
    if full().is_ok() {
        for arguments in [
            &["run"][..],
            &["--help"],
            &["run", "-h"],
            &["--version"],
            &["disasm", "guests/prebuilt/hello.el.elf"],
            &["inspect", "guests/prebuilt/hello.el.elf", "0x80100000"],
        ] {
            let output = command(arguments)
                .current_dir(project("."))
                .stdout(full().expect("it is there"))
                .output()
                .expect("the program starts");
            let said = String::from_utf8(output.stderr).expect("UTF-8");
            assert_eq!(output.status.code(), Some(HOST), "{arguments:?}: {said}");
            assert_eq!(said.matches('\n').count(), 1, "{said}");
            assert!(said.contains("standard output"), "{said}");
        }
    }
    // A reader that leaves is not an error.
    let mut child = command(&["run"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let mut said = String::new();
    child
        .stderr
        .take()
        .expect("a pipe")
        .read_to_string(&mut said)
        .expect("UTF-8");
    assert_eq!(child.wait().expect("it ends").code(), Some(0), "{said}");
    assert_eq!(said, "");
}

#[test]
fn a_pipe_may_type_and_its_end_does_not_end_the_guest() {
    // A guest that echoes what is typed until a full stop, and then powers off the hard way.
    let echo = [
        0x3c08_b800_u32, // lui t0, 0xb800
        0x9109_03fd,     // lbu t1, 0x3fd(t0): line status
        0x312a_0001,     // andi t2, t1, 1
        0x1140_fffd,     // beqz t2, the read
        0x0000_0000,
        0x910b_03f8, // lbu t3, 0x3f8(t0)
        0xa10b_03f8, // sb t3, 0x3f8(t0)
        0x240c_002e, // li t4, '.'
        0x156c_fff8, // bne t3, t4, the read
        0x0000_0000,
        0x3c08_bf00,
        0x2409_0042,
        0xad09_0500, // reset
        0x1000_ffff,
        0x0000_0000,
    ];
    let bench = Folder::new();
    let bytes: Vec<u8> = echo.iter().flat_map(|word| word.to_le_bytes()).collect();
    let file = bench.file("echo", &bytes);
    let start = Instant::now();
    let mut child = command(&["run", &file, "--flat", "0x80100000"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(b"hello, guest.").expect("it listens");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.stdout, b"hello, guest.");
    assert_eq!(output.status.code(), Some(10));
    assert!(start.elapsed() < Duration::from_secs(20));
}
