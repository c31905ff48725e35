//! `mirrorball trace`, `bisect` and `inspect --at`: what the tour does at some instruction, as text and as
//! exit codes.

mod common;

use common::program::{USAGE, mirrorball, refused};

fn trace(arguments: &[&str]) -> String {
    let output = mirrorball(&[&["trace"], arguments].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
    assert_eq!(said, "");
    String::from_utf8(output.stdout).expect("text")
}

/// Says that `text` has all of `parts`, in this order.
#[track_caller]
fn has_in_order(text: &str, parts: &[&str]) {
    let mut rest = text;
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else {
            panic!("no {part:?} in its place in\n{text}");
        };
        rest = after;
    }
}

#[test]
fn a_system_call_goes_by_the_guest_s_vector_and_comes_back() {
    let text = trace(&["--flow", "syscall"]);
    has_in_order(
        &text,
        &[
            "System call 1, after ",
            "Process",
            "Operating system",
            "Monitor",
            "1. 0x",
            " syscall\n",
            "v0 ",
            "2. Exception: system call\n",
            "EPC 0x",
            "vector 0x80000180\n",
            "3. 0x80000180 to 0x",
            "instructions",
            "mfc0 EPC",
            "done by the monitor:\n",
            "eret",
            "4. 0x",
            " eret\n",
            "5. EXL cleared: user mode\n",
            "6. 0x",
            " goes on\n",
            "In all: ",
        ],
    );
    // It goes on behind the call.
    let address = |start: &str| {
        let (_, after) = text.split_once(start).expect("a step");
        u32::from_str_radix(&after[..8], 16).expect("an address")
    };
    assert_eq!(address("6. 0x"), address("1. 0x") + 4);
    assert!(text.lines().all(|line| line.chars().count() <= 120));
}

#[test]
fn a_miss_of_a_page_that_is_there_takes_one_refill() {
    let text = trace(&["--flow", "tlb"]);
    has_in_order(
        &text,
        &[
            "TLB miss 1, after ",
            "Software TLB: no entry",
            "Guest's TLB: none in either level.",
            "Exception: TLB refill",
            "vector 0x80000000\n",
            "0x80000000 to 0x80000060",
            "25 instructions",
            "tlbwr",
            "Guest's TLB: 0x00400000",
            "eret",
            "once more",
            "Guest's TLB: hit",
            "; 1 exception\n",
        ],
    );
}

#[test]
fn a_miss_of_a_page_that_is_not_there_takes_a_page_fault_as_well() {
    let text = trace(&["--flow", "tlb", "--skip", "20", "--second-tlb", "0"]);
    has_in_order(
        &text,
        &[
            "TLB miss 21, after ",
            "stores to 0x",
            "Exception: TLB refill, store",
            "tlbwr",
            "nothing is entered",
            "once more",
            "Exception: TLB invalid, store",
            "vector 0x80000180",
            "once more",
            "; 3 exceptions\n",
        ],
    );
}

#[test]
fn what_is_shown_is_the_same_each_time_and_can_be_picked() {
    let three = trace(&["--flow", "tlb", "--skip", "4", "--count", "3"]);
    assert_eq!(
        three,
        trace(&["--flow", "tlb", "--skip", "4", "--count", "3"])
    );
    // A sequence may hold more than one miss; each has its number.
    let numbers = three.split("TLB miss ").skip(1).map(|text| {
        let (number, _) = text.split_once(',').expect("a title");
        number.parse::<u64>().expect("a number")
    });
    let each: Vec<String> = numbers
        .map(|number| trace(&["--flow", "tlb", "--skip", &(number - 1).to_string()]))
        .collect();
    assert_eq!(three, each.join("\n"));
    let first = trace(&["--flow", "syscall"]);
    let (_, pc) = first.split_once("1. ").expect("a first step");
    assert_eq!(trace(&["--flow", "syscall", "--at", &pc[..10]]), first);
}

#[test]
fn a_guest_without_such_events_is_told_of() {
    let hello = "guests/prebuilt/hello.el.elf";
    let output = mirrorball(&["trace", hello, "--flow", "syscall"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.stdout, b"");
    assert!(said.contains("after 0 of them"), "{said}");
    let output = mirrorball(&["trace", "--flow", "tlb", "--limit", "1000"]);
    assert_eq!(output.status.code(), Some(11), "as run does");
    refused(&["trace"], USAGE, &["--flow"]);
    refused(&["trace", "--flow", "page"], USAGE, &["syscall, tlb"]);
    refused(
        &["trace", "/no/kernel", "--flow", "tlb"],
        USAGE,
        &["/no/kernel"],
    );
}

/// The instructions after which the tour's machine first differs from one with a second-level TLB.
#[test]
fn the_first_miss_that_a_second_level_tlb_spares_is_found_and_shown() {
    let output = mirrorball(&["bisect", "--a", "second-tlb=0", "--b", "second-tlb=1024"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(13), "{text}");
    let parts = [
        "alike after ",
        "user mode",
        "\n=> 0x",
        "machine a took an exception: TlbRefill",
        "goes on at 0x80000000\n",
        "  pc  ",
        "80000000",
        "  entryhi",
    ];
    has_in_order(&text, &parts);
    let words: Vec<&str> = text.split_whitespace().collect();
    let count: u64 = words[2].parse().expect("a count");
    assert_eq!(words[6], (count + 1).to_string(), "{text}");
    let pc = words[words.iter().position(|&word| word == "=>").unwrap() + 1];
    // The same machine at the same moment, without the other one.
    let at = count.to_string();
    let shown = mirrorball(&["inspect", "--at", &at, "--second-tlb", "0", pc]);
    assert_eq!(
        shown.status.code(),
        Some(2),
        "an address is behind an image"
    );
    let shown = mirrorball(&["inspect", "--at", &at, "--second-tlb", "1024"]);
    let shown = String::from_utf8_lossy(&shown.stdout);
    let first = format!("after {count} instructions and ");
    has_in_order(
        &shown,
        &[
            &first,
            "user mode",
            "$sp",
            "entryhi",
            &format!("=> {pc}"),
            "Guest",
            "Cranelift IR",
        ],
    );
}

#[test]
fn runs_that_do_the_same_have_no_difference() {
    let arguments = [
        "bisect",
        "--a",
        "engine=interp",
        "--b",
        "engine=jit",
        "--every",
        "1M",
    ];
    let output = mirrorball(&arguments);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}");
    has_in_order(&text, &["no difference in ", " instructions: powered off"]);
    let output = mirrorball(&[&arguments[..], &["--limit", "2M", "--log"]].concat());
    let (text, log) = (output.stdout, String::from_utf8_lossy(&output.stderr));
    has_in_order(
        &String::from_utf8_lossy(&text),
        &["no difference in 2000000 instr", "(3 probes)"],
    );
    assert_eq!(log.lines().count(), 3, "{log}");
}

#[test]
fn what_cannot_be_compared_or_shown_says_why() {
    refused(&["bisect", "--a", "engine=jit"], USAGE, &["--b"]);
    refused(&["bisect", "--b", "engin=jit"], USAGE, &["engin", "engine"]);
    refused(
        &["bisect", "--b", "memory=64M"],
        USAGE,
        &["256M and 64M", "--a and --b"],
    );
    refused(
        &["bisect", "--b", "realtime=on"],
        USAGE,
        &["machine b cannot go back"],
    );
    refused(
        &["inspect", "--at", "1G"],
        USAGE,
        &["powered off", "before 1000000000"],
    );
    let image = "guests/prebuilt/hello.el.elf";
    let arguments = ["inspect", image, "0x80100000", "--memory", "64M"];
    refused(&arguments, USAGE, &["memory", "--at COUNT"]);
}
