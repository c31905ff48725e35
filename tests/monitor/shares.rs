//! Machines have the host's time in proportion to their shares, and a person decides about that
//! while they run.

use crate::process::{Process, client, seconds, wait_until};
use mirrorball::control::api::Action;
use mirrorball::control::{Client, VmState};

/// What each machine has had of the next seconds of CPU, as a part of all. Others on the host may
/// make that longer, but not another.
fn parts(client: &Client) -> Vec<f64> {
    let now = || seconds(&client.vms().expect("it answers"));
    let before = now();
    let mut had = Vec::new();
    wait_until("they have had their time", || {
        had = now().iter().zip(&before).map(|(a, b)| a - b).collect();
        had.iter().sum::<f64>() > SECONDS
    });
    let all: f64 = had.iter().sum();
    had.iter().map(|had| had / all).collect()
}

#[track_caller]
fn are(parts: &[f64], shares: [u32; 3]) {
    let all: u32 = shares.iter().sum();
    for (&part, share) in parts.iter().zip(shares) {
        let wanted = f64::from(share) / f64::from(all);
        let off = (part - wanted).abs();
        assert!(off <= 0.05 * wanted, "{parts:?} for {shares:?}");
    }
}

/// How much is looked at: a slice is a few thousandths of that.
const SECONDS: f64 = 2.5;

#[test]
fn time_goes_by_shares_that_change_while_machines_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("control");
    let path = socket.display().to_string();
    let image = "guests/prebuilt/vmm-victim.el.elf";
    let vm = |name: &str, share: u32| {
        format!(
            "name={name},share={share},image={image},memory=8M,append='rounds=100000000',console=none"
        )
    };
    let (a, b, c) = (vm("a", 100), vm("b", 200), vm("c", 400));
    let arguments = [
        "run",
        "--control",
        &path,
        "--host-threads",
        "1",
        "--jit-threads",
        "0",
        "--vm",
        &a,
        "--vm",
        &b,
        "--vm",
        &c,
    ];
    let process = Process::start(&arguments);
    let client = client(&socket);
    let act = |name: &str, action| client.act(name, action).expect("it is done");
    let state = |name: &str| client.vm(name).expect("it is there").state;
    // Until all are made, and their code is translated.
    parts(&client);
    are(&parts(&client), [1, 2, 4]);

    act("a", Action::Share(800));
    are(&parts(&client), [8, 2, 4]);

    act("a", Action::Pause);
    wait_until("a is paused", || state("a") == VmState::Paused);
    are(&parts(&client), [0, 2, 4]);
    // What it did not want it does not get later.
    act("a", Action::Resume);
    are(&parts(&client), [8, 2, 4]);

    let before = client.vm("b").expect("it is there").instructions;
    act("b", Action::Reset);
    wait_until("b starts again", || {
        client.vm("b").expect("it is there").instructions < before
    });
    act("a", Action::Stop);
    wait_until("a has ended", || state("a") == VmState::Stopped);
    act("a", Action::Start);
    wait_until("a runs again", || state("a") != VmState::Stopped);
    for name in ["a", "b", "c"] {
        act(name, Action::Stop);
    }
    let output = process.end();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(!socket.exists(), "it is gone with the monitor");
}
