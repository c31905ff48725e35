//! `mirrorball bench`: what it measures, how it shows it, and what it refuses.

mod common;

use common::program::{USAGE, command, is_refusal, mirrorball, refused};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Output;

/// Settings ended differently.
const DIFFERENCE: i32 = 13;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn file(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).expect("room on the disk");
        self.path(name)
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.text(name)).expect("JSON")
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("it was written")
    }
}

/// What a measurement printed, if it went well.
#[track_caller]
fn table(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// The words of the first line of `table` that has `setting` as a word of its own.
fn line<'a>(table: &'a str, setting: &str) -> Vec<&'a str> {
    let mut lines = table
        .lines()
        .map(|l| l.split_whitespace().collect::<Vec<_>>());
    lines
        .find(|words| words.contains(&setting))
        .expect("there is such a line")
}

#[test]
fn a_run_hands_its_result_over() {
    let folder = Folder::new();
    let report = folder.path("report.json");
    let output = mirrorball(&["run", "--hash", "--report", &report]);
    assert_eq!(output.status.code(), Some(0));
    let record = folder.json("report.json");
    let hash = format!(
        "instructions {} state {}\n",
        record["instructions"],
        record["state"].as_str().expect("a text")
    );
    assert_eq!(String::from_utf8_lossy(&output.stderr), hash);
    assert_eq!(record["outcome"], "power-off");
    assert!(record["jit"]["translations"].as_u64() > Some(0));
    assert!(record["unfinished"].is_null());
    let script = folder.file("never", "wait \"never\"\n");
    let output = mirrorball(&["run", "--script", &script, "--report", &report]);
    assert_eq!(output.status.code(), Some(14));
    let record = folder.json("report.json");
    let unfinished = record["unfinished"].as_str().expect("a text");
    assert!(unfinished.contains("line 1"), "{unfinished}");
}

#[test]
fn a_report_that_cannot_be_written_is_refused_before_the_guest_runs() {
    for arguments in [
        ["run", "--report", "/no/report"],
        ["bench", "--json", "/no/report"],
        ["bench", "--svg", "/no/report"],
        ["tune", "--html", "/no/report"],
    ] {
        refused(&arguments, USAGE, &["/no/report", "folder does not exist"]);
    }
    refused(&["run", "--report", "/"], USAGE, &["/: is a directory"]);
}

#[test]
fn regions_of_one_block_are_blocks() {
    let folder = Folder::new();
    let report = folder.path("report.json");
    let each = |region: &str| {
        let arguments = [
            "run",
            "--jit-threads",
            "0",
            "--hot",
            "50",
            "--report",
            &report,
        ];
        let output = mirrorball(&[&arguments[..], &["--region", region]].concat());
        assert_eq!(output.status.code(), Some(0));
        let jit = &folder.json("report.json")["jit"];
        let number = |name: &str| jit[name].as_f64().expect("a number");
        number("instructions") / number("translations")
    };
    assert!(each("400") > each("1"));
    refused(&["run", "--region", "0"], USAGE, &["--region"]);
}

#[test]
fn guests_are_measured_side_by_side() {
    let folder = Folder::new();
    let (json, svg) = (folder.path("b.json"), folder.path("b.svg"));
    let output = mirrorball(&[
        "bench", "hello", "tour", "--rounds", "2", "--json", &json, "--svg", &svg,
    ]);
    let table = table(&output);
    for part in ["hello.el", "tour", "geometric mean", "Medians of 2 runs"] {
        assert!(table.contains(part), "no {part} in {table}");
    }
    assert!(
        line(&table, "jit").ends_with(&["1.00x", "1.00x"]),
        "{table}"
    );

    let results = folder.json("b.json");
    assert_eq!(results["baseline"], "jit");
    let guests = results["guests"].as_array().expect("a list");
    assert_eq!(guests.len(), 2);
    for guest in guests {
        let [jit, interp] = [&guest["measured"][0], &guest["measured"][1]];
        assert_eq!(jit["record"]["state"], interp["record"]["state"]);
        assert_eq!(jit["speed"], 1.0);
        let time = |measured: &Value, name: &str| measured["wall"][name].as_f64().expect("a time");
        for measured in [jit, interp] {
            assert_eq!(measured["wall"]["all"].as_array().map(Vec::len), Some(2));
            assert!(time(measured, "least") <= time(measured, "median"));
            assert!(time(measured, "median") <= time(measured, "most"));
            assert!(measured["cpu"]["median"].as_f64() > Some(0.0));
        }
        let speed = time(jit, "median") / time(interp, "median");
        assert!((interp["speed"].as_f64().expect("a number") - speed).abs() < 1e-9);
    }
    assert_eq!(
        guests[1]["measured"][1]["record"]["instructions"],
        3_489_171
    );

    let svg = folder.text("b.svg");
    let svg = roxmltree::Document::parse(&svg).expect("XML");
    assert_eq!(
        svg.root_element().tag_name().namespace(),
        Some("http://www.w3.org/2000/svg")
    );
    let texts: Vec<_> = svg.descendants().filter_map(|node| node.text()).collect();
    for name in ["hello.el", "tour", "jit", "interp", "geometric mean"] {
        assert!(texts.contains(&name), "{texts:?}");
    }
}

#[test]
fn a_setting_has_a_name_and_switches_of_run() {
    let output = mirrorball(&[
        "bench",
        "hello",
        "--rounds",
        "1",
        "-s",
        "blocks=jit --region 1 --jit-threads 0",
        "-s",
        "interp --memory 64M",
        "--cpu",
        "24Kc",
        "--memory",
        "64M",
    ]);
    // The second one gives a switch that all of them have.
    is_refusal(
        &output,
        &["bench"],
        USAGE,
        &[
            "'interp --memory 64M'",
            "--memory <SIZE>",
            "cannot be used multiple times",
        ],
    );
    let folder = Folder::new();
    let json = folder.path("b.json");
    let output = mirrorball(&[
        "bench",
        "hello",
        "--rounds",
        "1",
        "-s",
        "blocks=jit --region 1 --jit-threads 0",
        "-s",
        "--hot 7",
        "--cpu",
        "24Kc",
        "--memory",
        "64M",
        "--json",
        &json,
    ]);
    assert!(table(&output).contains("blocks"));
    let settings = &folder.json("b.json")["settings"];
    let command = |index: usize| settings[index]["command"].to_string();
    assert_eq!(
        command(0),
        r#"["--engine","jit","--region","1","--jit-threads","0"]"#
    );
    assert_eq!(command(1), r#"["--engine","jit","--hot","7"]"#);
}

#[test]
fn settings_that_end_differently_are_not_compared_in_silence() {
    let folder = Folder::new();
    let json = folder.path("b.json");
    let output = mirrorball(&[
        "bench",
        "tour",
        "--rounds",
        "2",
        "-s",
        "jit",
        "-s",
        "short=interp --limit 1000",
        "--json",
        &json,
    ]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(DIFFERENCE), "{said}");
    let last = said.lines().last().expect("a line");
    for part in [
        "tour: ",
        "'jit' after 3489171 ",
        "'short' after 1000 ",
        "lockstep",
    ] {
        assert!(last.contains(part), "no {part:?} in {last}");
    }
    assert!(String::from_utf8_lossy(&output.stdout).contains("short"));
    let differences = &folder.json("b.json")["differences"];
    assert_eq!(differences.as_array().map(Vec::len), Some(2), "one a round");
    assert_eq!(differences[0]["found"]["outcome"], "limit");
}

#[test]
fn bad_input_is_refused_in_one_line() {
    let bench = |more: &[&'static str]| [&["bench"], more].concat();
    for (arguments, parts) in [
        (&["nothing"][..], &["nothing", "no such guest", "tour"][..]),
        (&["/no/guest"], &["/no/guest", "no such guest"]),
        (&["src"], &["src", ".elf"]),
        (&["README.md"], &["README.md"]),
        (&["-s", "fast"], &["fast", "jit --region 1"]),
        (&["-s", "jit --hot 0"], &["'jit --hot 0'", "--hot"]),
        (&["-s", "jit --cold"], &["'jit --cold'", "--cold"]),
        (
            &["-s", "jit kernel.elf"],
            &["guests stand outside of settings"],
        ),
        (&["-s", "jit 'x"], &["quote"]),
        (&["-s", "jit", "-s", "jit"], &["jit", "NAME=jit"]),
        (&["--rounds", "0"], &["--rounds"]),
        (&["--memory", "1T"], &["--memory"]),
        (
            &["tour", "--initrd", "/no/rd"],
            &["/no/rd", "check the path"],
        ),
        (&["--script", "/no/script"], &["/no/script"]),
        (&["--qemu", "--limit", "1M"], &["qemu", "leave out --limit"]),
    ] {
        refused(&bench(arguments), USAGE, parts);
    }
}

#[test]
fn a_guest_that_fails_is_named() {
    let folder = Folder::new();
    let script = folder.file("never", "wait \"never\"\n");
    for setting in ["jit", "qemu"] {
        refused(
            &["bench", "hello", "-s", setting, "--script", &script],
            1,
            &["hello.el in ", setting, "line 1", "\"never\""],
        );
    }
    refused(
        &["bench", "hello", "-s", "qemu -no-such-switch"],
        1,
        &["hello.el in ", "exit code 1", "no-such-switch"],
    );
}

#[test]
fn a_guest_that_fails_does_not_take_the_others_along() {
    let folder = Folder::new();
    let json = folder.path("b.json");
    let script = folder.file("greeting", "wait \"hello from mirrorball\"\n");
    let output = mirrorball(&[
        "bench", "tour", "hello.e?", "-s", "jit", "--rounds", "2", "--script", &script, "--json",
        &json,
    ]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("mirrorball: tour in 'jit': "), "{said}");
    let table = String::from_utf8_lossy(&output.stdout);
    assert!(
        table.contains("hello.eb") && !table.contains("tour"),
        "{table}"
    );
    let results = folder.json("b.json");
    assert_eq!(results["guests"].as_array().map(Vec::len), Some(2));
    assert_eq!(results["failures"].as_array().map(Vec::len), Some(1));
}

#[test]
fn without_qemu_there_is_a_way_to_get_it() {
    let empty = tempfile::tempdir().expect("a folder");
    for (guest, program) in [
        ("hello.el", "qemu-system-mipsel"),
        ("hello.eb", "qemu-system-mips "),
    ] {
        let arguments = ["bench", guest, "--qemu"];
        let output = command(&arguments).env("PATH", empty.path()).output();
        is_refusal(
            &output.expect("the program starts"),
            &arguments,
            1,
            &[program, "install Debian's package qemu-system-mips"],
        );
    }
}

#[test]
fn qemu_is_what_speeds_are_relative_to() {
    let folder = Folder::new();
    let json = folder.path("b.json");
    let output = mirrorball(&[
        "bench", "hello.e?", "--qemu", "-s", "jit", "--rounds", "1", "--json", &json,
    ]);
    let table = table(&output);
    assert!(table.contains("QEMU emulator version"), "{table}");
    assert_eq!(
        *line(&table, "qemu").last().expect("a word"),
        "1.00x",
        "{table}"
    );
    let results = folder.json("b.json");
    assert_eq!(results["baseline"], "qemu");
    for guest in results["guests"].as_array().expect("a list") {
        assert!(guest["measured"][1]["record"].is_null());
        assert!(guest["measured"][0]["speed"].as_f64() > Some(0.0));
    }
}

#[test]
fn a_session_is_measured_to_what_it_last_waits_for() {
    let folder = Folder::new();
    let json = folder.path("b.json");
    let script = folder.file("half", "wait \"1. Page tables\"\n");
    let output = mirrorball(&[
        "bench", "tour", "-s", "jit", "-s", "interp", "--qemu", "--rounds", "1", "--script",
        &script, "--json", &json,
    ]);
    table(&output);
    let results = folder.json("b.json");
    let record = &results["guests"][0]["measured"][0]["record"];
    assert_eq!(record["outcome"], "quit");
    assert!(
        record["instructions"].as_u64() < Some(2_000_000),
        "{record}"
    );
    assert!(Path::new(&script).exists());
    assert_eq!(folder.text("half"), "wait \"1. Page tables\"\n");
}
