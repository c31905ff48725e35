//! A machine that is saved while it runs on: both go on as if nothing had happened.

use crate::common::program::{Folder, mirrorball};
use crate::process::{Process, client, said, wait_until};
use mirrorball::control::api::Action;
use std::path::Path;
use std::time::Duration;

const GUEST: &str = "image=guests/prebuilt/vmm-victim.el.elf,memory=8M,append='rounds=200'";

/// The instruction counts and states that a run tells of.
fn ends(said: &str) -> Vec<&str> {
    let ends = said
        .lines()
        .filter_map(|line| line.split_once("powered off"));
    ends.map(|(_, end)| end.trim()).collect()
}

#[test]
fn a_machine_is_saved_while_it_runs_and_both_end_alike() {
    let folder = Folder::new();
    let socket = folder.path("control");
    let vms = ["a", "b"].map(|name| format!("name={name},{GUEST},console=none"));
    let process = Process::start(&[
        "run",
        "--control",
        &socket,
        "--hash",
        "--vm",
        &vms[0],
        "--vm",
        &vms[1],
    ]);
    let client = client(Path::new(&socket));
    let started = || {
        client
            .vms()
            .is_ok_and(|vms| vms.iter().all(|vm| vm.instructions > 0))
    };
    wait_until("they run", started);
    for name in ["a", "b"] {
        client.act(name, Action::Pause).expect("it runs");
    }
    let mut files = Vec::new();
    for number in 0..2 {
        let file = folder.path(&format!("{number}.snapshot"));
        let output = mirrorball(&["ctl", "--socket", &socket, "snapshot", "a", &file]);
        assert!(output.status.success(), "{}", said(&output));
        files.push(file);
        client.act("a", Action::Resume).expect("it is paused");
        std::thread::sleep(Duration::from_millis(10));
        client.act("a", Action::Pause).expect("it runs");
    }
    for name in ["a", "b"] {
        client.act(name, Action::Resume).expect("it is paused");
    }
    let none = mirrorball(&["ctl", "--socket", &socket, "snapshot", "c", &files[0]]);
    assert_eq!(none.status.code(), Some(2), "{}", said(&none));
    drop(client);
    let output = said(&process.end());
    let undisturbed = ends(&output);
    assert!(
        undisturbed.len() == 2 && undisturbed[0] == undisturbed[1],
        "{output}"
    );
    for file in &files {
        let run = [
            "run",
            "--restore",
            file,
            "--count",
            "2",
            "--console",
            "none",
        ];
        let output = said(&mirrorball(&[&run[..], &["--hash"]].concat()));
        assert_eq!(ends(&output), [undisturbed[0]; 2], "{output}");
    }
}
