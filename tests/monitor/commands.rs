//! What the control socket answers has happened, wherever the machine was in the queue.

use crate::process::{Process, client};
use mirrorball::control::VmState;
use mirrorball::control::api::Action;
use std::thread;
use std::time::Duration;

fn busy(name: &str, share: u32) -> String {
    format!(
        "name={name},share={share},image=guests/prebuilt/vmm-victim.el.elf,memory=8M,\
         append='rounds=100000000',console=none"
    )
}

#[test]
fn a_command_has_happened_when_it_is_answered() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("control");
    let path = socket.display().to_string();
    let (small, large) = (busy("small", 1), busy("large", 10_000));
    let process = Process::start(&[
        "run",
        "--control",
        &path,
        "--host-threads",
        "1",
        "--vm",
        &small,
        "--vm",
        &large,
    ]);
    let client = client(&socket);
    let act = |name: &str, action| client.act(name, action).expect("it is done");
    for name in ["small", "large"] {
        for _ in 0..10 {
            let paused = act(name, Action::Pause);
            assert_eq!(paused.state, VmState::Paused, "{name}");
            thread::sleep(Duration::from_millis(20));
            let later = client.vm(name).expect("it is there");
            assert_eq!(later.instructions, paused.instructions, "{name}");
            assert_ne!(act(name, Action::Resume).state, VmState::Paused);
        }
    }
    assert_eq!(act("small", Action::Reset).instructions, 0);
    assert_eq!(act("small", Action::Stop).state, VmState::Stopped);
    assert_ne!(act("small", Action::Start).state, VmState::Stopped);
    for name in ["small", "large"] {
        let stopped = act(name, Action::Stop);
        assert_eq!(stopped.outcome.as_deref(), Some("quit"), "{name}");
    }
    let output = process.end();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}
