//! GDB itself, with the tour and its symbols.

use crate::client::Debugged;
use crate::common::project;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

const TOUR: &str = "guests/prebuilt/tour.eb.elf";

/// What GDB does: the first word of a line is what it prints, in any place, after the rest was done.
const SESSION: &str = "
set pagination off
set confirm off
set width 0
tbreak fs_open
continue
printf \"opens %s\\n\", path
backtrace 2
info registers pc status epc
finish
stepi
nexti
hbreak fs_write
continue
delete
watch ticks
continue
printf \"ticks %u\\n\", ticks
continue
printf \"ticks %u\\n\", ticks
reverse-continue
reverse-continue
printf \"ticks were %u\\n\", ticks
reverse-stepi
stepi
continue
printf \"ticks %u again\\n\", ticks
delete
monitor history
rwatch idle_ticks
continue
delete
print $pc
step
step
monitor count
monitor translate 0x80100000
x/2i $pc
detach
";

/// Whether these programs are here; says so if not, and where CI is set that is a failure.
fn have(programs: &[&str]) -> bool {
    let lacks = programs.iter().find(|program| {
        let mut command = Command::new(program);
        let command = command
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().is_err()
    });
    let Some(missing) = lacks else {
        return true;
    };
    let reason = format!("{missing} is not installed");
    assert!(
        std::env::var_os("CI").is_none(),
        "cannot run, and in CI it has to: {reason}"
    );
    eprintln!("not run: {reason}");
    false
}

fn symbols(folder: &Path) -> String {
    let built = Command::new(project("guests/build.sh"))
        .args(["--symbols".as_ref(), folder.as_os_str(), "tour".as_ref()])
        .status();
    assert!(built.expect("a shell").success());
    folder.join("tour.eb.elf").display().to_string()
}

#[test]
fn gdb_debugs_the_tour() {
    if !have(&["gdb-multiarch", "clang", "ld.lld", "llvm-objcopy"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let image = symbols(folder.path());
    let mut ends = Vec::new();
    for engine in ["interp", "jit", "lockstep"] {
        let debugged = Debugged::start(TOUR, &["--gdb-wait", "--engine", engine]);
        debugged.wait();
        let script = folder.path().join("session");
        let text = format!("target remote {}\n{SESSION}", debugged.path());
        fs::write(&script, text).expect("room on the disk");
        let output = Command::new("gdb-multiarch")
            .args(["-nx", "-q", "-batch", "-x"])
            .arg(&script)
            .arg(&image)
            .output()
            .expect("it starts");
        // What `monitor` answers is among what went wrong.
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        for part in [
            "opens turns",
            "#1  ",
            "sched_init",
            "Hardware assisted breakpoint",
            "Hardware watchpoint",
            "Old value = 0",
            "New value = 1",
            "ticks 1\n",
            "ticks 2\n",
            "ticks were 0\n",
            "ticks 1 again\n",
            " KiB of pages",
            "Hardware read watchpoint",
            "instructions, ",
            "is 0x00100000, RAM",
            "detached",
        ] {
            assert!(said.contains(part), "{engine}: no {part:?} in\n{said}");
        }
        let (code, told) = debugged.end();
        assert_eq!(code, Some(0), "{told}");
        let end = told.lines().find(|line| line.contains("instructions "));
        ends.push(end.expect("a hash").to_owned());
    }
    let undisturbed = Debugged::start(TOUR, &[]);
    let (_, told) = undisturbed.end();
    assert!(
        ends.iter().all(|end| told.contains(end.as_str())),
        "{told}\n{ends:?}"
    );
}
