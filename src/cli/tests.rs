use super::*;
use crate::console::Pace;
use crate::image::MemorySize;
use crate::machine::table::{Action, Table, Taker};
use crate::machine::{ConsoleSpec, EngineKind, MachineSpec, RtcStart, Settings};
use run::{Guests, Reports, RunArgs, RunOptions, TraceTopic};

fn parsed(line: &str) -> Result<Command, String> {
    let words = std::iter::once("mirrorball").chain(line.split_whitespace());
    parse(words)
        .map(|cli| cli.command)
        .map_err(|error| one_line(&error.render().to_string()))
}

fn run_args(line: &str) -> RunArgs {
    match parsed(line) {
        Ok(Command::Run(args)) => *args,
        other => panic!("{other:?}"),
    }
}

fn image() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), crate::image::testing::Elf::new(true).bytes()).unwrap();
    file
}

/// The options for `run` with a good image and the switches `line`.
fn options(line: &str) -> Result<RunOptions, CliError> {
    let image = image();
    run_args(&format!("run {} {line}", image.path().display())).validate()
}

/// The one machine of a run, and what is told of it.
fn one(options: RunOptions) -> (MachineSpec, Reports) {
    match options.guests {
        Guests::One(machine) => (*machine, options.reports),
        Guests::Many(..) => panic!("one machine was asked for"),
    }
}

fn usage_error(line: &str) -> String {
    let error = options(line).unwrap_err();
    assert_eq!(error.exit(), Exit::Usage);
    error.to_string()
}

#[test]
fn the_command_line_is_sound() {
    command().debug_assert();
}

#[test]
fn a_run_has_defaults_that_repeat() {
    let (machine, reports) = one(options("").unwrap());
    assert_eq!(
        (machine.engine, machine.cpu.name),
        (EngineKind::Jit, "24Kf")
    );
    assert_eq!(machine.memory, MemorySize::default());
    assert_eq!(machine.rtc, RtcStart::Fixed(1_767_225_600));
    assert_eq!((machine.limit, machine.hot), (None, None));
    assert!(machine.pace == Pace::Waiting && !reports.stats && !reports.hash);
    assert!(reports.trace.is_empty() && machine.script.is_none() && machine.initrd.is_none());
    assert!(machine.image.big_endian && machine.background && machine.hypercalls);
    assert_eq!(machine.console, ConsoleSpec::Terminal);
    assert_eq!((machine.share, machine.second_tlb), (100, 1024));
    assert_eq!(machine.cache, crate::cache::code::CacheConfig::default());
}

#[test]
fn switches_say_what_they_say() {
    let (machine, reports) = one(options(
        "--engine interp --cpu 4kc -m 64 --limit 300M --hot 50 --rtc now --stats --hash \
         --trace exceptions,tlb --trace devices --append quiet --console file:/tmp/{n}",
    )
    .unwrap());
    assert_eq!(
        (machine.engine, machine.cpu.name),
        (EngineKind::Interp, "4Kc")
    );
    assert_eq!(machine.memory.bytes(), 64 << 20);
    assert_eq!((machine.limit, machine.hot), (Some(300_000_000), Some(50)));
    assert_eq!(machine.rtc, RtcStart::Now);
    assert!(reports.stats && reports.hash);
    use TraceTopic::{Devices, Exceptions, Tlb};
    assert_eq!(reports.trace, [Exceptions, Tlb, Devices]);
    assert_eq!(machine.append, "quiet");
    assert_eq!(
        machine.console.shown(),
        "file:/tmp/{n}",
        "of one there are no copies"
    );
}

#[test]
fn bad_values_have_one_line() {
    for (line, message) in [
        (
            "run --engine fast",
            "invalid value 'fast' for '--engine <ENGINE>' \
             [possible values: interp, jit, lockstep] (--help tells more)",
        ),
        (
            "run --cpu r4000",
            "invalid value 'r4000' for '--cpu <MODEL>' \
             [possible values: 4Kc, 24Kc, 24Kf, 5KEc-experimental] (--help tells more)",
        ),
        (
            "run --memory 0",
            "invalid value '0' for '--memory <SIZE>': \
             0 is less than a Malta board can have; give 1M to 2G (--help tells more)",
        ),
        (
            "run --memory 1T",
            "invalid value '1T' for '--memory <SIZE>': \
             1T is more than a Malta board can have; give 1M to 2G (--help tells more)",
        ),
        (
            "run --limit 0",
            "invalid value '0' for '--limit <N>': a count is a whole number from 1 up \
             with k, M or G (thousands), such as 300M (--help tells more)",
        ),
        (
            "run x --flat here",
            "invalid value 'here' for '--flat <ADDRESS>': an address is 0x and up to 8 \
             hexadecimal digits, such as 0x80100000 (--help tells more)",
        ),
        (
            "run --rtc yesterday",
            "invalid value 'yesterday' for '--rtc <DATE>': a date is YYYY-MM-DDTHH:MM:SS \
             from 1970 to 2099, such as 2026-01-01T00:00:00, or now (--help tells more)",
        ),
    ] {
        assert_eq!(parsed(line).unwrap_err(), message);
    }
    for line in [
        "run --hot 0",
        "run --trace all",
        "run a b",
        "boot",
        "disasm",
        "fetch",
        "run --x",
    ] {
        let error = parsed(line).unwrap_err();
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn bad_files_are_bad_usage() {
    assert_eq!(
        usage_error("--initrd /no/rd"),
        "/no/rd: no such file; check the path"
    );
    assert_eq!(
        usage_error("--initrd /"),
        "/: is a directory; name a file in it"
    );
    assert_eq!(
        usage_error("--script /no/s"),
        "/no/s: no such file; check the path"
    );
    assert_eq!(
        usage_error("--engine lockstep --realtime"),
        "--engine lockstep compares engines in virtual time; leave out --realtime"
    );
    let error = run_args("run /no/kernel").validate().unwrap_err();
    assert_eq!(
        error.to_string(),
        "/no/kernel: no such file; check the path"
    );
    assert_eq!(error.exit(), Exit::Usage);
}

#[test]
fn what_does_not_fit_is_seen_before_the_machine_starts() {
    let error = run::execute(options("--memory 1M").unwrap()).unwrap_err();
    assert_eq!(error.exit(), Exit::Usage);
    let line = error.to_string();
    assert!(
        line.ends_with("; give more --memory or link it lower"),
        "{line}"
    );
}

/// The monitor and the machines of `run` with the arguments `line`.
fn many(line: &str) -> Result<(crate::machine::MonitorSpec, Vec<MachineSpec>), CliError> {
    match run_args(line).validate()?.guests {
        Guests::One(_) => panic!("several machines were asked for"),
        Guests::Many(monitor, machines) => Ok((monitor, machines)),
    }
}

#[test]
fn what_a_machine_does_not_say_the_switches_say() {
    let (monitor, machines) = many(
        "run --vm name=a,memory=32M --vm name=b,engine=jit,share=7 --engine interp -m 16M --hot 9",
    )
    .unwrap();
    let of = |machine: &MachineSpec| (machine.engine, machine.memory.bytes() >> 20, machine.share);
    assert_eq!(of(&machines[0]), (EngineKind::Interp, 32, 100));
    assert_eq!(of(&machines[1]), (EngineKind::Jit, 16, 7));
    assert!(machines.iter().all(|machine| machine.hot == Some(9)));
    assert_eq!(monitor.machine_memory, 48 << 20);
    assert!(monitor.share_pages && (1..=2).contains(&monitor.host_threads));
    assert_eq!(
        (monitor.swap, monitor.control, monitor.jit_threads),
        (None, None, 1)
    );
}

#[test]
fn copies_have_numbers_and_one_image() {
    let image = image();
    let line = format!(
        "run {} --count 3 --append=host={{n}} --console file:/tmp/c{{n}} --share-pages off",
        image.path().display()
    );
    let (monitor, machines) = many(&line).unwrap();
    let [first, second, third] = machines.as_slice() else {
        panic!("{machines:?}");
    };
    assert!(first.name.ends_with("-1") && third.name.ends_with("-3"));
    assert_eq!(second.append, "host=2");
    assert_eq!(third.console.shown(), "file:/tmp/c3");
    assert!(std::sync::Arc::ptr_eq(&first.image, &third.image));
    assert!(!monitor.share_pages);
}

#[test]
fn the_monitor_has_switches() {
    let (monitor, machines) = many(
        "run --host-threads 7 --machine-memory 1G --swap 2G:/ --control /tmp/ctl --share-pages on",
    )
    .unwrap();
    assert_eq!(machines.len(), 1);
    assert_eq!(machines[0].name, "tour");
    assert_eq!((monitor.host_threads, monitor.machine_memory), (7, 1 << 30));
    let swap = monitor.swap.unwrap();
    assert_eq!((swap.size, swap.folder.to_str()), (2 << 30, Some("/")));
    assert_eq!(monitor.control.unwrap().to_str(), Some("/tmp/ctl"));
    assert!(monitor.share_pages);
}

#[test]
fn machines_that_contradict_each_other_are_refused() {
    for (line, message) in [
        (
            "run --vm name=a --vm name=a",
            "--vm 'name=a': \"a\" is the name of another machine as well; \
             give each a name of its own",
        ),
        (
            "run --count 2 --console file:/tmp/c",
            "file:/tmp/c is the console of tour-1 as well; name another one, or put {n} in it",
        ),
        (
            "run --vm initrd=x",
            "--vm 'initrd=x': an initrd needs a kernel; name an image",
        ),
        (
            "run --vm engine=lockstep --realtime",
            "--vm 'engine=lockstep': --engine lockstep compares engines in virtual time; \
             leave out --realtime",
        ),
        (
            "run --vm flat=0x80100000",
            "--vm 'flat=0x80100000': flat is for an image; name one",
        ),
        (
            "run --vm image=x,big-endian",
            "--vm 'image=x,big-endian': big-endian is for flat binaries, of which flat says the \
             address, and for firmware without a kernel; leave it out",
        ),
        (
            "run --bios /no/u-boot.bin",
            "/no/u-boot.bin: no such file; check the path",
        ),
        (
            "run --vm image=/no/kernel",
            "--vm 'image=/no/kernel': /no/kernel: no such file; check the path",
        ),
        (
            "run --vm console=file:/no/c",
            "--vm 'console=file:/no/c': /no: is no folder; make it or name another one",
        ),
        (
            "run --swap 1G:/no/swap",
            "/no/swap: is no folder; make it or name another one",
        ),
        (
            "run a.toml --count 2",
            "a.toml: no such file; check the path",
        ),
        (
            "run --initrd x",
            "the following required arguments were not provided: <IMAGE> (--help tells more)",
        ),
    ] {
        let error = run_args(line).validate().unwrap_err();
        assert_eq!(error.to_string(), message);
        assert_eq!(error.exit(), Exit::Usage);
    }
    for line in [
        "run a --vm name=a",
        "run a --machines m.toml",
        "run --vm name=a --count 2",
        "run --machines m.toml --count 2",
        "run --count 0",
        "run --host-threads 0",
        "run --swap lots",
        "run --swap 1G:",
        "run --share-pages maybe",
        "run --console tty",
    ] {
        let error = parsed(line).unwrap_err();
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn help_shows_what_the_tables_hold() {
    let help = command()
        .find_subcommand_mut("run")
        .unwrap()
        .render_long_help()
        .to_string();
    for entry in Settings::ROWS.iter().map(|row| &row.entry) {
        if entry.takers.contains(&Taker::Run) && entry.action == Action::Value {
            let name = format!("--{} <{}>", entry.name, entry.value_name);
            let default = entry.default.split(' ').next().unwrap_or_default();
            assert!(help.contains(&name) && help.contains(default), "{name}");
        }
    }
    assert!(help.contains("[values: 0 to 4096]"), "{help}");
    assert!(help.contains("13  lockstep found a difference"), "{help}");
    assert!(help.contains("Ctrl-A x       quit mirrorball"), "{help}");
    assert!(
        help.contains("the first 300 million instructions"),
        "{help}"
    );
}
