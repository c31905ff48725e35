//! `mirrorball ctl`: asks a running monitor, or has it do something.

mod debugger;
mod migrate;
mod shutdown;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;

use super::{CliError, Exit, complain, print};
use crate::console;
use crate::console::attach::Left;
use crate::control::api::{
    Action, BalloonStatus, MemoryStatus, Press, Process, ShutDownKey, VmStatus,
};
use crate::control::{Client, ClientError};
use crate::machine::values;
use crate::report::OutFile;

/// Where a monitor's control socket is by default: in the working directory.
pub(super) const SOCKET: &str = "mirrorball.sock";

/// Look at running VMs, or have something done with them
///
/// Asks the monitor that listens on the control socket.
#[derive(Debug, Args)]
pub(super) struct CtlArgs {
    /// The monitor's control socket
    #[arg(long, value_name = "PATH", default_value = SOCKET, global = true)]
    socket: PathBuf,
    /// Print the answer as JSON, as it is sent
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    question: Question,
}

#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
enum Question {
    /// All VMs, a line each
    List,
    /// All that is known of a VM
    Show {
        /// Its name
        vm: String,
    },
    /// Start a VM that is stopped, from its image
    Start {
        /// Its name
        vm: String,
    },
    /// Stop the guest's time
    Pause {
        /// Its name
        vm: String,
    },
    /// Let the guest's time go on
    Resume {
        /// Its name
        vm: String,
    },
    /// Start a VM again from its image
    Reset {
        /// Its name
        vm: String,
    },
    /// End a VM
    Stop {
        /// Its name
        vm: String,
    },
    /// Ask a VM's guest to shut down, and wait until it has; end the VM if it does not
    ///
    /// Presses Control, Alt and Delete, of which the guest's init process hears: systemd, SysV init
    /// and BusyBox stop services and unmount disks, and then reset the machine, which is off by that.
    /// Ends with exit code 0 when the guest has shut down, and 15 when it had to be stopped.
    Shutdown {
        /// Its name
        vm: String,
        /// How many seconds the guest has for it
        #[arg(long, value_name = "SECONDS", default_value_t = 90)]
        timeout: u32,
        /// The key to press
        #[arg(long, value_enum, default_value_t)]
        key: ShutDownKey,
    },
    /// Show a VM's console at this terminal, and type on it, as `mirrorball run` does for one VM
    ///
    /// Ctrl-A d detaches, and the VM runs on; Ctrl-A h prints the other keys.
    Attach {
        /// Its name
        vm: String,
    },
    /// Press a key of a VM's keyboard, or send a break on its serial line
    Press {
        /// Its name
        vm: String,
        /// What to press
        #[arg(value_enum)]
        what: Press,
    },
    /// Change a VM's share of the host's time
    Share {
        /// Its name
        vm: String,
        /// The share, in proportion to those of the other VMs
        #[arg(value_parser = clap::value_parser!(u32).range(1..))]
        n: u32,
    },
    /// Change how much memory a VM is to have
    Memory {
        /// Its name
        vm: String,
        /// How much: a number with b, K, M or G
        #[arg(value_parser = values::size)]
        size: u64,
    },
    /// Write a VM as it is now to FILE, while it runs on: `mirrorball run --restore FILE` goes on
    /// from there
    Snapshot {
        /// Its name
        vm: String,
        /// The file
        file: PathBuf,
    },
    /// Have a VM go on under another monitor while it runs: no byte that is typed is lost, and it stands
    /// still for some milliseconds. docs/migration.md tells more
    ///
    /// Example: `mirrorball run --incoming there.in --control there.sock` waits, on this host or behind a
    /// socket that `ssh -L` forwards, and `mirrorball ctl migrate web --to there.in` moves web.
    Migrate(migrate::MigrateArgs),
    /// Wait for GDB at PLACE, for a VM that runs: it stands still when GDB connects, and goes on when
    /// GDB lets it or leaves. Other VMs run on. docs/debugging.md tells more
    Gdb(debugger::GdbArgs),
    /// The address spaces that a VM's guest uses: its processes, as far as can be seen
    Ps {
        /// Its name
        vm: String,
    },
    /// All counters, in the text format of Prometheus
    Metrics,
}

/// Asks and prints the answer.
pub(super) fn execute(args: &CtlArgs) -> Result<Exit, CliError> {
    let client = Client::new(&args.socket);
    let json = args.json;
    let act = |vm: &String, action| answer(json, client.act(vm, action), |vm| line(&[vm]));
    let text = match &args.question {
        Question::List => answer(json, client.vms(), |vms| {
            line(&vms.iter().collect::<Vec<_>>())
        }),
        Question::Show { vm } => answer(json, client.vm(vm), show),
        Question::Start { vm } => act(vm, Action::Start),
        Question::Pause { vm } => act(vm, Action::Pause),
        Question::Resume { vm } => act(vm, Action::Resume),
        Question::Reset { vm } => act(vm, Action::Reset),
        Question::Stop { vm } => act(vm, Action::Stop),
        Question::Shutdown { vm, timeout, key } => {
            let time = Duration::from_secs((*timeout).into());
            return shutdown::execute(&client, vm, *key, time);
        }
        Question::Attach { vm } => return attach(&client, vm),
        Question::Press { vm, what } => act(vm, Action::Press(*what)),
        Question::Share { vm, n } => act(vm, Action::Share(*n)),
        Question::Memory { vm, size } => act(vm, Action::MemoryTarget(*size)),
        Question::Snapshot { vm, file } => save(&client, vm, file),
        Question::Migrate(args) => migrate::execute(&client, json, args),
        Question::Gdb(args) => return debugger::execute(&client, args),
        Question::Ps { vm } => answer(json, client.processes(vm), |list| processes(list)),
        Question::Metrics if json => answer(json, client.status(), |_| String::new()),
        Question::Metrics => client.metrics().map_err(CliError::from),
    };
    print(&text?)
}

/// Shows the console of a VM.
fn attach(client: &Client, vm: &str) -> Result<Exit, CliError> {
    let stream = client.attach(vm)?;
    complain(&format!("at the console of {vm}; Ctrl-A d detaches"));
    match console::attach::attach(stream).map_err(CliError::Attach)? {
        Left::Detached => complain(&format!("detached; {vm} runs on")),
        Left::Ended => complain(&format!("the console of {vm} has ended")),
    }
    Ok(Exit::Done)
}

/// Writes a VM to a file, which is whole then or not there.
fn save(client: &Client, vm: &str, file: &Path) -> Result<String, CliError> {
    let file = OutFile::open(file.to_owned())?;
    let mut failure = None;
    let filled = file.fill(|out| {
        client.save(vm, out).map_err(|error| {
            failure = Some(error);
            io::ErrorKind::Other.into()
        })
    });
    match failure {
        Some(error) => Err(error.into()),
        None => Ok(filled.map(|()| String::new())?),
    }
}

/// The answer as JSON or as `table` shows it.
fn answer<T: Serialize>(
    json: bool,
    answer: Result<T, ClientError>,
    table: impl Fn(&T) -> String,
) -> Result<String, CliError> {
    let answer = answer?;
    Ok(if json {
        format!("{}\n", serde_json::to_string_pretty(&answer)?)
    } else {
        table(&answer)
    })
}

/// A table with a head and without lines; columns from `numbers` on are numbers.
fn table(head: &[&str], numbers: std::ops::Range<usize>) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header(head);
    for index in 0..head.len() {
        if let Some(column) = table.column_mut(index) {
            column.set_padding((0, 2));
            if numbers.contains(&index) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
    }
    table
}

/// VMs, one line each.
fn line(vms: &[&VmStatus]) -> String {
    let head = [
        "NAME", "STATE", "SHARE", "CPU", "MIPS", "MEMORY", "TARGET", "ENGINE", "CONSOLE",
    ];
    let mut table = table(&head, 2..7);
    for vm in vms {
        table.add_row([
            plain(&vm.name),
            state(vm),
            vm.share.to_string(),
            percent(vm.cpu_share),
            format!("{:.1}", vm.mips),
            bytes(vm.memory.private + vm.memory.shared),
            vm.memory.target.map_or_else(|| "-".to_owned(), bytes),
            plain(&vm.engine),
            plain(&vm.console),
        ]);
    }
    format!("{}\n", table.trim_fmt())
}

fn state(vm: &VmStatus) -> String {
    match &vm.outcome {
        Some(outcome) => format!("{} ({})", vm.state.name(), plain(outcome)),
        None => vm.state.name().to_owned(),
    }
}

/// All that is known of a VM, a line each.
fn show(vm: &VmStatus) -> String {
    let mut rows = vec![
        ("name".to_owned(), plain(&vm.name)),
        ("state".to_owned(), state(vm)),
        ("engine".to_owned(), plain(&vm.engine)),
        ("console".to_owned(), plain(&vm.console)),
        ("share".to_owned(), vm.share.to_string()),
        ("CPU".to_owned(), percent(vm.cpu_share)),
        ("CPU time".to_owned(), format!("{:.3} s", vm.cpu_seconds)),
        (
            "guest time".to_owned(),
            format!("{:.3} s", vm.guest_seconds),
        ),
        ("instructions".to_owned(), vm.instructions.to_string()),
        ("speed".to_owned(), format!("{:.1} MIPS", vm.mips)),
    ];
    rows.extend(memory(&vm.memory));
    rows.extend(vm.balloon.iter().flat_map(balloon));
    for (name, count) in [
        ("TLB refills", vm.tlb_refills),
        ("software-TLB misses", vm.soft_tlb_misses),
        ("pages from disks that were there already", vm.shared_reads),
        ("device accesses", vm.device_accesses),
    ] {
        rows.push((name.to_owned(), count.to_string()));
    }
    if let Some(code) = &vm.code_cache {
        let used = format!("{} of {}", bytes(code.bytes), bytes(code.limit));
        rows.push(("code cache".to_owned(), used));
        rows.push(("translations".to_owned(), code.translations.to_string()));
        rows.push(("evicted".to_owned(), code.evicted.to_string()));
    }
    for (what, counts) in [("exit", &vm.exits), ("exception", &vm.exceptions)] {
        for (name, count) in counts {
            rows.push((format!("{what} {}", plain(name)), count.to_string()));
        }
    }
    let mut table = Table::new();
    table.load_style(NOTHING);
    for (name, value) in rows {
        table.add_row([name, value]);
    }
    if let Some(column) = table.column_mut(0) {
        column.set_padding((0, 2));
    }
    format!("{}\n", table.trim_fmt())
}

fn memory(memory: &MemoryStatus) -> Vec<(String, String)> {
    let mut rows = vec![("memory".to_owned(), bytes(memory.size))];
    if let Some(target) = memory.target {
        rows.push(("memory target".to_owned(), bytes(target)));
    }
    for (kind, size) in [
        ("private", memory.private),
        ("shared", memory.shared),
        ("zero", memory.zero),
        ("ballooned", memory.ballooned),
        ("swapped", memory.swapped),
    ] {
        rows.push((format!("memory {kind}"), bytes(size)));
    }
    rows
}

fn balloon(balloon: &BalloonStatus) -> Vec<(String, String)> {
    let mut rows = vec![("balloon asked".to_owned(), bytes(balloon.asked))];
    for (name, &value) in &balloon.guest {
        let is_count = name.ends_with("faults") || name.starts_with("huge_pages");
        let value = if is_count {
            value.to_string()
        } else {
            bytes(value)
        };
        rows.push((format!("guest {}", plain(name).replace('_', " ")), value));
    }
    rows
}

fn processes(processes: &[Process]) -> String {
    let head = ["ASID", "TABLE", "CPU", "INSTRUCTIONS", "PAGES", "MAY BE"];
    let mut table = table(&head, 0..5);
    for process in processes {
        let table_at = process.table.map(|at| format!("{at:#010x}"));
        table.add_row([
            process.asid.to_string(),
            table_at.unwrap_or_else(|| "-".to_owned()),
            percent(process.cpu_share),
            process.instructions.to_string(),
            process.pages.to_string(),
            plain(process.name_hint.as_deref().unwrap_or("-")),
        ]);
    }
    format!("{}\n", table.trim_fmt())
}

/// What the monitor sent as text that no terminal obeys.
fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}

fn percent(part: f64) -> String {
    format!("{:.1}%", 100.0 * part)
}

/// A size, in the largest unit that leaves three digits or so.
pub(super) fn bytes(size: u64) -> String {
    match size {
        0..10_240 => format!("{size}b"),
        10_240..10_485_760 => format!("{}K", size >> 10),
        10_485_760..10_737_418_240 => format!("{}M", size >> 20),
        _ => format!("{}G", size >> 30),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::control::VmState;
    use crate::control::testing::{self, Fake};
    use crate::control::{Claimed, Server};

    #[test]
    fn tables_have_a_line_for_each() {
        let status = testing::status();
        let text = line(&status.vms.iter().collect::<Vec<_>>());
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        for part in ["web", "running", "75.0%", "400.0", "40M", "48M", "jit"] {
            assert!(lines[1].contains(part), "{text}");
        }
        assert!(lines[2].contains("stopped (powered off)"), "{text}");
    }

    #[test]
    fn show_tells_all() {
        let text = show(&testing::status().vms[0]);
        for part in ["3072K of 16M", "exit horizon", "exception Sys", "ballooned"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn what_the_monitor_sends_moves_no_cursor() {
        let mut vm = testing::status().vms[0].clone();
        vm.console = "\x1b[2J".to_owned();
        assert!(!show(&vm).contains('\x1b') && !line(&[&vm]).contains('\x1b'));
    }

    #[test]
    fn questions_reach_the_monitor() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("s");
        let fake = Arc::new(Fake::new(testing::status()));
        let _server = Server::start(Claimed::new(&socket).unwrap(), fake.clone()).unwrap();
        let ask = |question| {
            execute(&CtlArgs {
                socket: socket.clone(),
                json: false,
                question,
            })
        };
        let vm = || "web".to_owned();
        assert!(ask(Question::Share { vm: vm(), n: 9 }).is_ok());
        assert!(ask(Question::Pause { vm: vm() }).is_ok());
        assert!(ask(Question::Ps { vm: vm() }).is_ok());
        let web = fake.change().vms[0].clone();
        assert_eq!((web.share, web.state.name()), (9, "paused"));
        let shutdown = |timeout| Question::Shutdown {
            vm: vm(),
            timeout,
            key: ShutDownKey::CtrlAltDel,
        };
        assert!(
            ask(shutdown(1)).is_err(),
            "one that is paused hears nothing"
        );
        assert!(ask(Question::Resume { vm: vm() }).is_ok());
        let press = |what| Question::Press { vm: vm(), what };
        assert!(ask(press(Press::Break)).is_ok());
        fake.change().vms[0].engine = Fake::DEAF.to_owned();
        assert_eq!(ask(shutdown(0)).unwrap(), Exit::Forced);
        fake.change().vms[0].state = VmState::Running;
        fake.change().vms[0].engine = "jit".to_owned();
        assert_eq!(ask(shutdown(1)).unwrap(), Exit::Done);
        fake.change().vms[0].state = VmState::Paused;
        let error = ask(Question::Pause { vm: vm() }).unwrap_err();
        assert_eq!(error.exit(), Exit::Usage);
        assert!(error.to_string().contains("web is paused"), "{error}");
    }
}
