use super::*;
use crate::image::MemorySize;
use run::{EngineKind, RunArgs, RunOptions, TraceTopic};

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
    let options = options("").unwrap();
    assert_eq!(
        (options.engine, options.cpu.name),
        (EngineKind::Jit, "24Kf")
    );
    assert_eq!(options.memory, MemorySize::default());
    assert_eq!(options.rtc, RtcStart::Fixed(1_767_225_600));
    assert_eq!((options.limit, options.hot), (None, None));
    assert!(!options.realtime && !options.stats && !options.hash);
    assert!(options.trace.is_empty() && options.script.is_none() && options.initrd.is_none());
    assert!(options.image.big_endian);
}

#[test]
fn switches_say_what_they_say() {
    let options = options(
        "--engine interp --cpu 4kc -m 64 --limit 300M --hot 50 --rtc now --stats --hash \
         --trace exceptions,tlb --trace devices --append quiet",
    )
    .unwrap();
    assert_eq!(
        (options.engine, options.cpu.name),
        (EngineKind::Interp, "4Kc")
    );
    assert_eq!(options.memory.bytes(), 64 << 20);
    assert_eq!((options.limit, options.hot), (Some(300_000_000), Some(50)));
    assert_eq!(options.rtc, RtcStart::Now);
    assert!(options.stats && options.hash);
    use TraceTopic::{Devices, Exceptions, Tlb};
    assert_eq!(options.trace, [Exceptions, Tlb, Devices]);
    assert_eq!(options.append, "quiet");
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
             [possible values: 4Kc, 24Kc, 24Kf] (--help tells more)",
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
        (
            "run x --big-endian",
            "the following required arguments were not provided: --flat <ADDRESS> \
             (--help tells more)",
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

#[test]
fn help_shows_what_the_tables_hold() {
    let help = command()
        .find_subcommand_mut("run")
        .unwrap()
        .render_long_help()
        .to_string();
    assert!(help.contains("13  lockstep found a difference"), "{help}");
    assert!(help.contains("Ctrl-A x       quit mirrorball"), "{help}");
    assert!(
        help.contains("the first 300 million instructions"),
        "{help}"
    );
}
