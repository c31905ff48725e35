//! Too little of everything: memory, swap, disk. The user is told, nothing hangs, and what needs
//! nothing goes on.

use crate::common::program::{HOST, USAGE, command, refused};
use crate::crowd::{PLENTY, Setting, Watchdog, alone, machine, monitor, nothing_is_left, run};
use crate::process::{Process, said};
use mirrorball_runtime::exit::Outcome;
use std::fs;
use std::process::Stdio;

const HOG: &str = "guests/prebuilt/vmm-hog.el.elf";

#[test]
fn a_machine_that_finds_the_swap_file_full_waits_and_the_others_end() {
    let _watchdog = Watchdog::new(100, || "machines with a full swap file".into());
    let victim = machine(
        "vmm-victim",
        "name=victim,memory=8M,share=10000,append='pages=256'",
    );
    let hog = machine(
        "vmm-hog",
        "name=hog,memory=16M,share=1,append='pages=0 rounds=1'",
    );
    let wanted = alone(&victim);
    for threads in [1, 2] {
        let setting = Setting {
            threads,
            slice: 1 << 12,
            share_pages: 0,
            frames: 1500,
            swap: 64,
        };
        let (ends, monitor) = run(vec![victim.clone(), hog.clone()], setting);
        assert_eq!(ends[0].passed(), &wanted);
        assert_eq!(ends[1].outcome, Some(Outcome::Starved));
        let notices = monitor.fleet().notices();
        // The victim pauses as well if the hog was so fast as to have all.
        let (ends, pauses): (Vec<_>, Vec<_>) = notices
            .iter()
            .partition(|notice| notice.contains(" ends: "));
        assert_eq!(ends.len(), 1, "{notices:?}");
        assert!(ends[0].starts_with("hog"), "{notices:?}");
        // The hog once beside the other, and once more when that has made room by its end.
        assert!((1..=3).contains(&pauses.len()), "{notices:?}");
        assert!(pauses[0].starts_with("hog: pauses: ") || pauses.len() > 1);
        for notice in pauses {
            let full = "the swap file is full (64 pages)";
            assert!(notice.contains(full), "{notice}");
        }
    }
}

/// When a machine gives memory back, it goes on as if nothing had been.
#[test]
fn a_machine_that_waits_for_memory_goes_on_when_there_is_some() {
    let _watchdog = Watchdog::new(100, || "a machine that waits for memory".into());
    let hog = |name: &str| {
        let settings = format!("name={name},memory=8M,append='pages=700 rounds=20'");
        machine("vmm-hog", &settings)
    };
    let wanted = alone(&hog("hog"));
    let setting = Setting {
        threads: 2,
        slice: 1 << 12,
        share_pages: 0,
        frames: 1000,
        swap: 16,
    };
    let (first, second) = (hog("a"), hog("b"));
    let mut second = second;
    // It ends where it holds most, and makes room by that.
    second.limit = Some(wanted.instructions / 2);
    let monitor = monitor(vec![first, second], setting);
    monitor.run();
    nothing_is_left(&monitor);
    let ends = monitor.fleet().ends();
    let starved = ends
        .iter()
        .flatten()
        .filter(|end| end.outcome == Some(Outcome::Starved));
    assert!(starved.count() <= 1);
    for end in ends.iter().flatten() {
        if end.outcome == Some(Outcome::PowerOff) {
            assert_eq!(end.passed(), &wanted);
        }
    }
}

#[test]
fn a_full_swap_file_is_told_and_the_exit_code_says_so() {
    let victim = "name=victim,image=guests/prebuilt/vmm-victim.el.elf,memory=4M,share=10000,\
                  console=none,append='pages=64'";
    let hog = format!("name=hog,image={HOG},memory=16M,share=1,append='pages=0',console=none");
    let output = Process::start(&[
        "run",
        "--vm",
        victim,
        "--vm",
        &hog,
        "--machine-memory",
        "6M",
        "--swap",
        "1M",
        "--share-pages",
        "off",
    ])
    .end();
    let said = said(&output);
    assert_eq!(output.status.code(), Some(HOST), "{said}");
    assert!(
        said.contains("hog: pauses: machine memory is used up"),
        "{said}"
    );
    assert!(said.contains("the swap file is full (256 pages)"), "{said}");
    assert!(said.matches("pauses").count() <= 3, "{said}");
    assert!(said.contains("victim  powered off"), "{said}");
    assert!(said.contains("out of memory"), "{said}");
}

#[test]
fn a_swap_folder_that_is_not_there_is_told() {
    let arguments = ["run", HOG, "--count", "2", "--swap", "1M:/no/such/folder"];
    refused(&arguments, USAGE, &["/no/such/folder"]);
}

/// On a file system of one megabyte, in a mount namespace of its own.
#[test]
fn a_full_disk_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().display().to_string();
    let mut possible = std::process::Command::new("unshare");
    possible.args([
        "-m", "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", &folder,
    ]);
    let possible = possible.stderr(Stdio::null()).status();
    if !possible.is_ok_and(|status| status.success()) {
        assert!(
            std::env::var_os("CI").is_none(),
            "no mount namespaces, and in CI there have to be"
        );
        eprintln!("not tested: a full disk; this user may not make mount namespaces");
        return;
    }
    let program = command(&[]);
    let program = program.get_program().display().to_string();
    let hog = format!("name=hog,image={HOG},memory=16M,append='pages=0',console=none");
    let script = format!(
        "mount -t tmpfs -o size=1m tmpfs {folder} && exec {program} run --vm \"{hog}\" \
         --vm limit=1k,console=none,memory=4M --machine-memory 6M --swap 64M:{folder}"
    );
    let mut unshare = std::process::Command::new("unshare");
    unshare.args(["-m", "timeout", "60", "sh", "-c", &script]);
    let output = unshare
        .current_dir(crate::common::project(""))
        .output()
        .expect("it is there");
    let said = said(&output);
    assert_eq!(output.status.code(), Some(HOST), "{said}");
    let parts = [
        "hog: pauses: ",
        "the swap file cannot be written: ",
        "No space left",
    ];
    for part in parts {
        assert!(said.contains(part), "{said} has no {part}");
    }
}

/// What is loaded can be more than machine memory has room for: it goes to the swap file, or the
/// machine does not start. None starts with a part of it.
#[test]
fn what_is_loaded_is_there_or_told() {
    let _watchdog = Watchdog::new(60, || "machines with large initial RAM disks".into());
    let folder = tempfile::tempdir().expect("a folder");
    let mut rng = fastrand::Rng::with_seed(5);
    let specs: Vec<_> = (0..3)
        .map(|number| {
            let path = folder.path().join(number.to_string());
            let mut bytes = vec![0; 8 << 20];
            rng.fill(&mut bytes);
            fs::write(&path, bytes).expect("room on the disk");
            let path = path.display();
            machine(
                "hello",
                &format!("name=vm-{number},memory=32M,initrd={path}"),
            )
        })
        .collect();
    let wanted: Vec<_> = specs.iter().map(alone).collect();
    let setting = Setting {
        frames: 700,
        swap: 1 << 14,
        ..PLENTY
    };
    let (ends, _) = run(specs.clone(), setting);
    assert_eq!(ends, wanted);

    let monitor = monitor(specs, Setting { swap: 0, ..setting });
    monitor.run();
    nothing_is_left(&monitor);
    assert_eq!(monitor.fleet().ends(), vec![Vec::new(); 3]);
    let notices = monitor.fleet().notices();
    assert_eq!(notices.len(), 3);
    for notice in notices {
        assert!(notice.contains("there is no room to load it"), "{notice}");
    }
}
