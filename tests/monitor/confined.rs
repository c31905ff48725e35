//! The program confines itself: what the host says of its threads.

use crate::process::{Process, client, wait_until};
use mirrorball::control::Client;
use mirrorball::control::api::Action;
use std::collections::BTreeMap;
use std::fs;
use tempfile::{TempDir, tempdir};

/// A thread, as `/proc` shows it: the lines of its status.
type Status = BTreeMap<String, String>;

/// The threads of a process, by name.
fn threads(pid: u32) -> BTreeMap<String, Status> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("it runs");
    let statuses = tasks.flatten().filter_map(|task| {
        let text = fs::read_to_string(task.path().join("status")).ok()?;
        let lines = text.lines().filter_map(|line| line.split_once(":\t"));
        let lines: Status = lines
            .map(|(key, value)| (key.into(), value.into()))
            .collect();
        Some((lines["Name"].clone(), lines))
    });
    statuses.collect()
}

struct Monitor {
    process: Process,
    client: Client,
    folder: TempDir,
}

fn start(more: &[&str]) -> (Monitor, BTreeMap<String, Status>) {
    let folder = tempdir().expect("a folder");
    let socket = folder.path().join("control");
    let control = socket.display().to_string();
    let console = folder.path().join("console").display().to_string();
    let hog = "image=guests/prebuilt/vmm-hog.el.elf,append='pages=300 rounds=100000000'";
    let vm = format!("{hog},console=socket:{console}");
    let other = format!("{hog},name=other,console=none,net=user");
    let common = ["run", "--vm", &vm, "--vm", &other, "--control", &control];
    let process = Process::start(&[&common[..], more].concat());
    let client = client(&socket);
    wait_until("both run", || {
        let vms = client.vms().expect("it answers");
        vms.iter().all(|vm| vm.instructions > 1_000_000)
    });
    let threads = threads(process.id());
    let monitor = Monitor {
        process,
        client,
        folder,
    };
    (monitor, threads)
}

#[test]
fn every_thread_is_confined() {
    let (monitor, threads) = start(&[]);
    let filters = |name: &str| {
        let found = threads.iter().find(|(thread, _)| thread.starts_with(name));
        let (_, status) = found.unwrap_or_else(|| panic!("{name} is not in {:?}", threads.keys()));
        status["Seccomp_filters"]
            .trim()
            .parse::<u32>()
            .expect("a number")
    };
    for (name, status) in &threads {
        assert_eq!(status["NoNewPrivs"], "1", "{name}");
        assert_eq!(status["Seccomp"], "2", "{name}");
        // Nothing but the right to write files of others, which only root has.
        let capabilities = u64::from_str_radix(&status["CapPrm"], 16).expect("a number");
        assert_eq!(capabilities & !(1 << 1), 0, "{name}");
    }
    let main = filters("mirrorball");
    assert!(main > 0);
    assert!(filters("network") > 0);
    for narrow in ["translate", "console socket"] {
        assert!(filters(narrow) > main, "{narrow}");
    }
    for vm in monitor.client.vms().expect("it answers") {
        monitor
            .client
            .act(&vm.name, Action::Stop)
            .expect("it stops");
    }
    monitor.process.end();
    let left: Vec<_> = fs::read_dir(monitor.folder.path())
        .expect("a folder")
        .collect();
    assert!(left.is_empty(), "the sockets are removed: {left:?}");
}

/// The rights of a process's mappings of memory that it could share, by the file that this is.
fn shared_mappings(pid: u32) -> BTreeMap<String, Vec<String>> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("it runs");
    let mut files = BTreeMap::<String, Vec<String>>::new();
    for line in maps.lines() {
        let [_, rights, _, device, inode, ..] = line.split_whitespace().collect::<Vec<_>>()[..]
        else {
            panic!("{line}");
        };
        if rights.ends_with('s') {
            let file = format!("{device} {inode}");
            files.entry(file).or_default().push(rights.into());
        }
    }
    files
}

#[test]
fn code_is_mapped_once_and_not_to_be_written() {
    let (monitor, _) = start(&[]);
    let files = shared_mappings(monitor.process.id());
    let is_code = |rights: &&Vec<String>| rights.iter().any(|rights| rights.contains('x'));
    let code: Vec<_> = files.values().filter(is_code).collect();
    assert_eq!(code, [&["r-xs"]; 2], "one for each machine: {files:?}");
}

#[test]
fn the_sandbox_can_be_left_out() {
    let (_monitor, threads) = start(&["--sandbox", "off"]);
    for (name, status) in &threads {
        assert_eq!(status["Seccomp_filters"].trim(), "0", "{name}");
    }
}
