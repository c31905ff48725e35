//! Several machines as people ask for them: by a machine file, by `--vm`, by `--count`.

mod common;

use common::program::{HOST, USAGE, command, mirrorball, refused};
use common::project;
use mirrorball::image::elf;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Output;

const HELLO: &str = "guests/prebuilt/hello.el.elf";

struct Folder(tempfile::TempDir);

impl Folder {
    /// A folder with an image in it.
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().expect("a folder"));
        let hello = fs::read(project(HELLO)).expect("a prebuilt image");
        folder.file("hello", &hello);
        folder
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn file(&self, name: &str, bytes: &[u8]) -> String {
        fs::write(self.0.path().join(name), bytes).expect("room on the disk");
        self.path(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.path().join(name)).expect("it was written")
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\r', "")
}

fn expected(guest: &str) -> String {
    let path = project("guests/expected").join(format!("{guest}.txt"));
    text(&fs::read(path).expect("what it prints"))
}

/// The words of the table's line for the machine `name`.
fn line(output: &Output, name: &str) -> Vec<String> {
    let said = text(&output.stderr);
    let mut lines = said
        .lines()
        .filter(|line| line.starts_with(&format!("{name} ")));
    let line = lines.next_back().unwrap_or_else(|| panic!("{said}"));
    line.split_whitespace().map(str::to_owned).collect()
}

/// Instructions and state of a machine that runs alone.
fn alone(arguments: &[&str]) -> (String, String) {
    let output = mirrorball(&[&["run", "--hash"], arguments].concat());
    assert_eq!(output.status.code(), Some(0));
    let said = text(&output.stderr);
    let words: Vec<&str> = said.split_whitespace().collect();
    let [_, instructions, _, state] = words[..] else {
        panic!("{said}");
    };
    (instructions.to_owned(), state.to_owned())
}

/// Firmware in a file: its words are in the order of a big-endian machine.
#[test]
fn firmware_starts_from_its_file_and_goes_on_from_a_snapshot() {
    let folder = Folder::new();
    for order in ["el", "eb"] {
        let image = fs::read(project(&format!("guests/prebuilt/flash.{order}.elf")));
        let image = elf::parse("flash", &image.expect("an image")).expect("a program");
        let mut bytes = image.segments[0].bytes.clone();
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        if order == "el" {
            bytes
                .as_chunks_mut::<4>()
                .0
                .iter_mut()
                .for_each(|word| word.reverse());
        }
        let bios = folder.file("firmware", &bytes);
        let switches = ["run", "--bios", &bios, "--memory", "16M", "--hash"];
        let switches: Vec<&str> = match order {
            "el" => switches.to_vec(),
            _ => [&switches[..], &["--big-endian"]].concat(),
        };
        let whole = mirrorball(&switches);
        assert_eq!(whole.status.code(), Some(0), "{}", text(&whole.stderr));
        let expected = expected(&format!("flash.{order}"));
        assert_eq!(text(&whole.stdout), expected);
        let snapshot = folder.path("snapshot");
        let part = [
            "--limit",
            "150000",
            "--engine",
            "interp",
            "--snapshot",
            &snapshot,
        ];
        let first = mirrorball(&[&switches[..], &part].concat());
        let second = mirrorball(&["run", "--restore", &snapshot, "--hash"]);
        assert_eq!(text(&first.stdout) + &text(&second.stdout), expected);
        assert!(!first.stdout.is_empty() && !second.stdout.is_empty());
        assert_eq!(second.stderr, whole.stderr, "instructions and state");
    }
}

const DISK_GUEST: &str = "guests/prebuilt/vmm-disk.el.elf";

/// The guest reads and writes its disk, and its state at the end depends on what it read.
#[test]
fn a_disk_is_the_same_whatever_holds_it() {
    let folder = Folder::new();
    let raw = folder.file("a.img", &[0xa5; 0x4_0000]);
    let top = folder.path("b.qcow2");
    let made = mirrorball(&["disk", "create", &top, "--backing", &raw]);
    assert_eq!(made.status.code(), Some(0), "{}", text(&made.stderr));
    let with = |disk: &str| alone(&[DISK_GUEST, "--disk", disk]);
    let snapshot = with(&format!("{raw},snapshot"));
    let kept = fs::read(&raw).expect("it is there");
    assert!(kept.iter().all(|&byte| byte == 0xa5));
    assert_eq!(with(&top), snapshot);
    let kept = fs::read(&raw).expect("it is there");
    assert!(kept.iter().all(|&byte| byte == 0xa5));
    // What a guest has discarded reads as the image likes.
    assert_eq!(with(&raw).0, snapshot.0);
    let written = fs::read(&raw).expect("it is there");
    assert!(written.iter().any(|&byte| byte != 0xa5));
    assert_ne!(with(&format!("{raw},readonly")), snapshot);
}

#[test]
fn machines_share_a_disk_that_none_writes() {
    let folder = Folder::new();
    let raw = folder.file("a.img", &[0xa5; 0x4_0000]);
    let run = |disk: &str| ["run", DISK_GUEST, "--count", "2", "--disk", disk].map(str::to_owned);
    let words = run(&format!("{raw},snapshot"));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let output = mirrorball(&words);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout).matches("disk: PASS").count(), 2);
    let words = run(&raw);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    refused(&words, USAGE, &[&raw, "is a disk that is written, but"]);
}

#[test]
fn a_file_of_machines_runs_each_as_if_it_were_alone() {
    let folder = Folder::new();
    let report = folder.path("report.json");
    let file = folder.file(
        "machines.toml",
        br#"
        [monitor]
        host-threads = 1

        [[vm]]
        name = "first"
        image = "hello"
        console = "file:first.log"

        [[vm]]
        name = "copy"
        count = 2
        engine = "interp"
        console = "file:copy-{n}.log"

        [[vm]]
        memory = 16
        console = "none"
        "#,
    );
    let arguments = [
        "run", &file, "--memory", "64M", "--hash", "--report", &report,
    ];
    let output = mirrorball(&arguments);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "");
    assert_eq!(
        text(folder.read("first.log").as_bytes()),
        expected("hello.el")
    );
    for copy in ["copy-1.log", "copy-2.log"] {
        assert_eq!(text(folder.read(copy).as_bytes()), expected("tour.el"));
    }

    let records: Value = serde_json::from_str(&folder.read("report.json")).expect("JSON");
    let records = records.as_array().expect("a list");
    let hello = folder.path("hello");
    for (index, name, single) in [
        (0, "first", vec![hello.as_str(), "--memory", "64M"]),
        (1, "copy-1", vec!["--memory", "64M"]),
        (2, "copy-2", vec!["--memory", "64M"]),
        (3, "tour", vec!["--memory", "16M"]),
    ] {
        let (instructions, state) = alone(&single);
        assert_eq!(
            line(&output, name),
            [name, "powered", "off", &instructions, &state]
        );
        let said = text(&output.stderr);
        let hash = format!("{name}: instructions {instructions} state {state}\n");
        assert!(said.contains(&hash), "{said}");
        assert_eq!(records[index]["name"], name);
        assert_eq!(records[index]["state"], state);
        assert_eq!(records[index]["instructions"].to_string(), instructions);
        assert_eq!(records[index]["outcome"], "power-off");
    }
}

#[test]
fn words_of_the_command_line_are_machines_too() {
    let folder = Folder::new();
    let hello = folder.path("hello");
    let output = mirrorball(&[
        "run",
        "--vm",
        &format!("name=one,image={hello},append='a,b',memory=32M"),
        "--vm",
        "name=two,engine=interp,limit=1k,console=none",
        "--stats",
    ]);
    assert_eq!(output.status.code(), Some(11), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), expected("hello.el"));
    assert_eq!(line(&output, "one")[1..3], ["powered", "off"]);
    assert_eq!(line(&output, "two")[1..4], ["limit", "reached", "1000"]);
    let said = text(&output.stderr);
    assert_eq!(said.matches("\nExceptions\n").count(), 2, "{said}");
    assert!(said.contains("one\n") && said.contains("two\n"), "{said}");
}

#[test]
fn copies_type_what_their_own_scripts_say() {
    let folder = Folder::new();
    folder.file("1.txt", b"wait \"never\"\n");
    folder.file("2.txt", b"send \"x\"\n");
    let output = mirrorball(&[
        "run",
        HELLO,
        "--count",
        "2",
        "--script",
        &folder.path("{n}.txt"),
    ]);
    assert_eq!(output.status.code(), Some(14), "{}", text(&output.stderr));
    assert_eq!(
        line(&output, "hello.el.elf-1")[1..5],
        ["powered", "off,", "script", "unfinished"]
    );
    assert_eq!(line(&output, "hello.el.elf-2")[1..3], ["powered", "off"]);
    // They share the terminal, so each line says whose it is.
    for name in ["hello.el.elf-1", "hello.el.elf-2"] {
        let mark = format!("[{name}] ");
        let said = text(&output.stdout);
        let own: String = said
            .split_inclusive('\n')
            .filter_map(|line| line.strip_prefix(&mark))
            .collect();
        assert_eq!(own, expected("hello.el"));
    }
}

#[test]
fn a_machine_that_fails_leaves_the_others_running() {
    let folder = Folder::new();
    // No folder, but a file.
    let cache = folder.path("hello");
    let output = mirrorball(&[
        "run",
        "--vm",
        &format!("name=bad,console=none,code-cache={cache}"),
        "--vm",
        &format!("name=good,image={HELLO}"),
    ]);
    assert_eq!(output.status.code(), Some(HOST));
    assert_eq!(text(&output.stdout), expected("hello.el"));
    assert_eq!(line(&output, "bad"), ["bad", "failed"]);
    assert_eq!(line(&output, "good")[1..3], ["powered", "off"]);
    let said = text(&output.stderr);
    assert!(said.starts_with("mirrorball: bad: "), "{said}");
}

#[test]
fn one_machine_is_told_of_as_ever() {
    let folder = Folder::new();
    let report = folder.path("report.json");
    let output = mirrorball(&["run", HELLO, "--report", &report]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stderr), "");
    let record: Value = serde_json::from_str(&folder.read("report.json")).expect("JSON");
    assert_eq!(record["outcome"], "power-off");
    assert_eq!(record.get("name"), None);
    let output = mirrorball(&["run", HELLO, "--console", "none"]);
    assert_eq!(
        (text(&output.stdout), text(&output.stderr)),
        Default::default()
    );
}

/// A machine that is the only one of its monitor keeps translations for the next run, too.
#[test]
fn a_single_copy_has_a_code_cache() {
    let folder = Folder::new();
    let (image, kept) = ("guests/prebuilt/bench-mfc0.k.el.elf", folder.path("kept"));
    let report = folder.path("report.json");
    let run = || {
        let output = mirrorball(&[
            "run",
            image,
            "--count",
            "1",
            "--code-cache",
            &kept,
            "--report",
            &report,
        ]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let record: Value = serde_json::from_str(&folder.read("report.json")).expect("JSON");
        let counted = |name: &str| record[0]["jit"][name].as_u64();
        (counted("translations"), counted("shared"))
    };
    let (made, found) = run();
    assert!(made > Some(0) && found == Some(0), "{made:?} {found:?}");
    let (made, found) = run();
    assert!(made == Some(0) && found > Some(0), "{made:?} {found:?}");
}

/// The example of the documentation, with the files that it names.
#[test]
fn the_documented_file_passes_the_check() {
    let folder = Folder::new();
    fs::rename(folder.path("hello"), folder.path("vmlinux")).expect("the same folder");
    folder.file("initrd.gz", &[0x1f, 0x8b, 8, 0]);
    folder.file("worker.txt", b"wait \"# \"\nquit\n");
    let page = fs::read_to_string(project("docs/machine-file.md")).expect("it is there");
    let example = page.split("```toml\n").nth(1).expect("an example");
    let example = example.split("```").next().expect("its end");
    let file = folder.file("machines.toml", example.as_bytes());
    let output = mirrorball(&["run", "--check", &file, "--report", &folder.path("r.json")]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let shown = text(&output.stdout);
    let names: Vec<&str> = shown
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(
        names,
        [
            "web", "worker-1", "worker-2", "worker-3", "worker-4", "tour"
        ]
    );
    let nothing = ["worker-1.log", "r.json", "control.sock"];
    for name in nothing {
        assert!(!Path::new(&folder.path(name)).exists(), "{name}");
    }
}

#[test]
fn mistakes_are_one_line_and_nothing_runs() {
    let folder = Folder::new();
    for (name, text, parts) in [
        (
            "key.toml",
            "[[vm]]\n\n  nmae = \"x\"\n",
            ["key.toml:3:3: ", "did you mean name?"],
        ),
        (
            "value.toml",
            "[[vm]]\nimage = \"hello\"\nmemory = \"1T\"",
            ["value.toml:3:10: ", "give 1M to 2G"],
        ),
        (
            "there.toml",
            "[[vm]]\nimage = \"helo\"",
            ["there.toml:2:9: ", "helo: no such file; check the path"],
        ),
        (
            "small.toml",
            "[[vm]]\nimage = \"hello\"\nname = \"x\"\nmemory = 1",
            ["small.toml:3:8: ", "give more --memory"],
        ),
        (
            "twice.toml",
            "[[vm]]\nname = \"a\"\n[[vm]]\nname = \"a\"",
            ["twice.toml:4:8: ", "(line 2)"],
        ),
        ("none.toml", "# nothing\n", ["none.toml:2:1: ", "[[vm]]"]),
        ("torn.toml", "[[vm]\n", ["torn.toml:1:", "torn.toml"]),
    ] {
        let file = folder.file(name, text.as_bytes());
        refused(&["run", &file], USAGE, &parts);
        refused(&["run", "--check", "--machines", &file], USAGE, &parts);
    }
    refused(
        &["run", "/no/m.toml"],
        USAGE,
        &["/no/m.toml", "check the path"],
    );
    refused(&["run", "--vm", "shar=2"], USAGE, &["did you mean share?"]);
    refused(
        &["run", "--vm", "append=a,b"],
        USAGE,
        &["unknown key b", "in quotes"],
    );
    refused(
        &["run", "--vm", "append='a"],
        USAGE,
        &["a quote is not closed"],
    );
    refused(
        &["run", HELLO, "--vm", "name=a"],
        USAGE,
        &["cannot be used with"],
    );
    refused(
        &["bench", "-s", "jit --count 2"],
        USAGE,
        &["several machines"],
    );
}

/// Paths in a file start from its folder, wherever the program is started.
#[test]
fn a_file_is_understood_from_anywhere() {
    let folder = Folder::new();
    folder.file("m.toml", b"[[vm]]\nimage = \"hello\"\n");
    let output = command(&["run", "--check", "m.toml"])
        .current_dir(folder.0.path())
        .output()
        .expect("the program starts");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let output = command(&["run", "--check", &folder.path("m.toml")])
        .current_dir("/")
        .output()
        .expect("the program starts");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

/// The guest reaches the gateway of a network of its own, in every engine and whatever the process leaves
/// itself, and what went over the wire is in a file.
#[test]
fn a_machine_has_a_network() {
    let guest = project("guests/prebuilt/vmm-net.el.elf");
    let guest = guest.to_str().expect("a path");
    let folder = Folder::new();
    let pcap = folder.path("a.pcap");
    for engine in ["jit", "interp", "lockstep"] {
        let net = format!("user,pcap={pcap}");
        let output = mirrorball(&["run", guest, "--engine", engine, "--net", &net, "--stats"]);
        let said = text(&output.stdout);
        let (found, rest) = (
            "net: the gateway is 52:55:a:0:2:2",
            "net: 16 answers\nnet: PASS",
        );
        assert!(said.contains(found) && said.contains(rest), "{said}");
        let told = text(&output.stderr);
        assert!(!told.contains("warning"), "{told}");
        let row = |name: &str| told.lines().any(|line| line.contains(name));
        assert!(row("network, frames in") && row("net0"), "{told}");
        let captured = fs::metadata(&pcap).expect("it was written").len();
        assert!(captured > 17 * 2 * 60, "{captured}");
    }
    let output = mirrorball(&[
        "run",
        "--check",
        "--count",
        "2",
        guest,
        "--net",
        "subnet=lan",
    ]);
    assert_eq!(text(&output.stdout).matches("subnet=lan").count(), 2);
}
