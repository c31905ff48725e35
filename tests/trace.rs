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

/// The words in each column of what `trace` prints of one event.
fn columns(text: &str) -> [String; 3] {
    let part = |line: &str, from: usize, to: usize| {
        let letters = line.chars().skip(from).take(to - from);
        letters.collect::<String>()
    };
    let rows = text
        .lines()
        .skip(3)
        .filter(|line| !line.starts_with("In all"));
    let rows: Vec<&str> = rows.collect();
    [(0, 28), (28, 64), (64, 200)].map(|(from, to)| {
        let parts = rows.iter().map(|line| part(line, from, to));
        words(&parts.collect::<Vec<_>>().join(" "))
    })
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The names of the lanes of a picture, and the words in each.
fn lanes(svg: &str) -> (Vec<String>, [String; 3]) {
    let picture = roxmltree::Document::parse(svg).expect("XML");
    let of = |class: &str| {
        let all = picture.descendants();
        let texts = all.filter(|node| node.attribute("class") == Some(class));
        let texts = texts.flat_map(|node| node.descendants().filter(|node| node.is_text()));
        let texts = texts.filter_map(|node| node.text());
        texts.map(str::to_owned).collect::<Vec<_>>()
    };
    let lane = |lane: usize| words(&of(&format!("turn lane{lane}")).join(" "));
    (of("name"), [0, 1, 2].map(lane))
}

#[test]
fn a_picture_has_the_steps_of_the_text() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("flow.svg");
    let file = file.to_str().expect("UTF-8");
    for (arguments, third, parts) in [
        (
            &["--flow", "syscall"][..],
            "Monitor",
            ["syscall", "mfc0 EPC", "goes on"],
        ),
        (
            &["--flow", "syscall", "--bare"],
            "Hardware",
            ["syscall", "eret", "goes on"],
        ),
        (
            &["--flow", "tlb"],
            "Monitor",
            [
                "VPN 0x400 -> PFN 0x",
                "VPN 0x400 -> machine frame 0x",
                "once more",
            ],
        ),
        (
            &["--flow", "tlb", "--bare"],
            "Hardware",
            ["VPN 0x400 -> PFN 0x", "TLB: 0x00400000", "once more"],
        ),
    ] {
        let text = trace(&[arguments, &["--svg", file]].concat());
        let svg = std::fs::read_to_string(file).expect("a picture");
        let (names, steps) = lanes(&svg);
        assert_eq!(names, ["Process", "Operating system", third], "{svg}");
        assert_eq!(steps, columns(&text), "{text}");
        for part in parts {
            assert!(
                steps.iter().any(|lane| lane.contains(part)),
                "{part} in {steps:?}"
            );
        }
        assert!(!(third == "Hardware" && (text.contains("onitor") || text.contains("oftware"))));
        assert!(!svg.contains("href"), "{svg}");
    }
    let kernel = folder.path().join("kernel");
    std::fs::copy("guests/prebuilt/hello.el.elf", &kernel).expect("a copy");
    let kernel = kernel.to_str().expect("UTF-8");
    let over = ["trace", kernel, "--flow", "tlb", "--svg", kernel];
    refused(&over, USAGE, &[kernel, "the picture", "the kernel"]);
}

#[test]
fn one_process_can_be_followed() {
    let all = trace(&["--flow", "syscall", "--count", "40"]);
    let titles = |text: &str| {
        let titles = text.lines().filter(|line| line.starts_with("System call "));
        titles.map(str::to_owned).collect::<Vec<_>>()
    };
    let asid = |title: &str| {
        title
            .rsplit_once("ASID ")
            .expect("an ASID")
            .1
            .split(',')
            .next()
            .map(str::to_owned)
    };
    let every = titles(&all);
    let first = asid(&every[0]).expect("an ASID");
    let other = every
        .iter()
        .filter_map(|title| asid(title))
        .find(|asid| *asid != first);
    let other = other.expect("the tour has more than one process");
    for asked in [first, other] {
        let text = trace(&["--flow", "syscall", "--count", "2", "--process", &asked]);
        let shown = titles(&text);
        assert_eq!(shown.len(), 2);
        assert!(
            shown
                .iter()
                .all(|title| asid(title).as_ref() == Some(&asked)),
            "{shown:?}"
        );
        let behind = |title: &str| title.split_once(", ").map(|(_, after)| after.to_owned());
        let same = every
            .iter()
            .filter(|title| asid(title).as_ref() == Some(&asked));
        let same: Vec<_> = same.take(2).map(|title| behind(title)).collect();
        assert_eq!(
            shown.iter().map(|title| behind(title)).collect::<Vec<_>>(),
            same
        );
    }
    let output = mirrorball(&["trace", "--flow", "syscall", "--process", "sh"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("after 0 of them"),
        "the tour's have no names: {said}"
    );
    refused(
        &["trace", "--flow", "tlb", "--process", "256"],
        USAGE,
        &["256", "0 to 255"],
    );
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
