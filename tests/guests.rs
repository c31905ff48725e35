//! Every guest of ours, in every engine: it prints what is expected, and all engines end at the
//! same instruction with the same registers and memory.

mod common;

use common::{ENGINES, End, Kind, boot, project, run};
use libtest_mimic::{Arguments, Failed, Trial};
use mirrorball_runtime::exit::Outcome;
use std::fs;
use std::process::ExitCode;
use std::sync::{Arc, LazyLock};

/// No guest of ours but the benchmarks is anywhere near as long.
const LIMIT: u64 = 500_000_000;
/// How much of a benchmark every engine runs; to its end it runs in the JIT alone.
const SAMPLE: u64 = 8_000_000;

/// What the interpreter makes of a guest, computed when the first engine is held against it.
type Reference = Arc<LazyLock<End, Box<dyn FnOnce() -> End + Send>>>;

fn main() -> ExitCode {
    let mut trials = vec![Trial::test(
        "there are images in both byte orders",
        complete,
    )];
    for stem in images() {
        let name = stem.clone();
        let interpret: Box<dyn FnOnce() -> End + Send> =
            Box::new(move || execute(&name, Kind::Interpreter));
        let reference = Arc::new(LazyLock::new(interpret));
        for kind in ENGINES {
            let (stem, reference) = (stem.clone(), Arc::clone(&reference));
            let title = format!("{stem} in {kind}");
            trials.push(Trial::test(title, move || check(&stem, kind, &reference)));
        }
        if is_benchmark(&stem) && stem.ends_with(".el") {
            let title = format!("{stem} to its end");
            trials.push(Trial::test(title, move || to_its_end(&stem)));
        }
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// The prebuilt images, as NAME.el and NAME.eb.
fn images() -> Vec<String> {
    let entries = fs::read_dir(project("guests/prebuilt")).expect("the images are committed");
    let names = entries.map(|entry| entry.expect("a readable folder").file_name());
    let mut stems: Vec<_> = names
        .filter_map(|name| Some(name.to_str()?.strip_suffix(".elf")?.to_owned()))
        .collect();
    stems.sort();
    stems
}

fn complete() -> Result<(), Failed> {
    let images = images();
    let wanted = [
        "flash",
        "hello",
        "tour",
        "isa-alu",
        "isa-fpu",
        "isa-smc",
        "isa-tlb",
        "vmm-disk",
        "vmm-dma",
        "vmm-escape",
        "vmm-hog",
        "vmm-idle",
        "vmm-noisy",
        "vmm-share",
        "vmm-victim",
    ];
    for wanted in wanted {
        for order in ["el", "eb"] {
            let stem = format!("{wanted}.{order}");
            if !images.contains(&stem) {
                return Err(format!("guests/prebuilt/{stem}.elf is missing").into());
            }
        }
    }
    Ok(())
}

fn is_benchmark(stem: &str) -> bool {
    stem.starts_with("bench-")
}

fn execute(stem: &str, kind: Kind) -> End {
    let limit = if is_benchmark(stem) { SAMPLE } else { LIMIT };
    execute_for(stem, kind, limit)
}

fn execute_for(stem: &str, kind: Kind, limit: u64) -> End {
    let image = fs::read(project(&format!("guests/prebuilt/{stem}.elf"))).expect("an image");
    run(kind, &mut boot(stem, &image), limit)
}

fn to_its_end(stem: &str) -> Result<(), Failed> {
    let expected = fs::read(project(&format!("guests/expected/{stem}.txt")))?;
    is_complete(&execute_for(stem, Kind::Jit, u64::MAX), &expected)
}

/// Whether a guest printed all that is expected of it and switched its machine off.
fn is_complete(end: &End, expected: &[u8]) -> Result<(), Failed> {
    if end.outcome != Outcome::PowerOff {
        return Err(format!("it ended with {:?}", end.outcome).into());
    }
    if end.output != expected {
        return Err(first_difference(&end.output, expected).into());
    }
    Ok(())
}

fn check(stem: &str, kind: Kind, reference: &Reference) -> Result<(), Failed> {
    let expected = fs::read(project(&format!("guests/expected/{stem}.txt")))?;
    let reference = LazyLock::force(reference);
    let end = match kind {
        Kind::Interpreter => reference,
        _ => &execute(stem, kind),
    };
    if !(is_benchmark(stem) && end.outcome == Outcome::Limit) {
        is_complete(end, &expected)?;
    }
    let (a, b) = (
        (end.instructions, end.state),
        (reference.instructions, reference.state),
    );
    if a != b {
        return Err(format!("instructions and state are {a:x?}, in the interpreter {b:x?}").into());
    }
    Ok(())
}

fn first_difference(output: &[u8], expected: &[u8]) -> String {
    let (output, expected) = (
        String::from_utf8_lossy(output),
        String::from_utf8_lossy(expected),
    );
    let mut lines = output.lines().zip(expected.lines());
    lines.find(|(a, b)| a != b).map_or_else(
        || "the output is longer or shorter than expected".into(),
        |(a, b)| format!("it printed\n  {a}\nexpected was\n  {b}"),
    )
}
