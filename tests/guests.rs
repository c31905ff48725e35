//! Every guest of ours, in every engine: it prints what is expected, and all engines end at the
//! same instruction with the same registers and memory.

mod common;

use common::{ENGINES, End, Kind, USUAL, WIDE, boot_on, project, run};
use libtest_mimic::{Arguments, Failed, Trial};
use mirrorball_runtime::exit::Outcome;
use std::fs;
use std::process::ExitCode;
use std::sync::{Arc, LazyLock};

/// No guest of ours but the benchmarks is anywhere near as long.
const LIMIT: u64 = 500_000_000;
/// How much of a benchmark every engine runs; to its end it runs in the JIT alone.
const SAMPLE: u64 = 8_000_000;

/// Guests that the CPU model with 64-bit registers runs as well. What they print there is the same, or
/// has the model's name in that of its file.
const ON_WIDE: [&str; 10] = [
    "isa-wide.el",
    "isa-wide.eb",
    "isa-alu.el",
    "isa-branch.eb",
    "isa-muldiv.el",
    "isa-llsc.eb",
    "isa-smc.el",
    "isa-hypercall.el",
    "tour.el",
    "tour.eb",
];

/// What the interpreter makes of a guest, computed when the first engine is held against it.
type Reference = Arc<LazyLock<End, Box<dyn FnOnce() -> End + Send>>>;

fn main() -> ExitCode {
    let mut trials = vec![Trial::test(
        "there are images in both byte orders",
        complete,
    )];
    for stem in ON_WIDE {
        trials.extend(in_engines(WIDE, stem));
    }
    for stem in images() {
        trials.extend(in_engines(USUAL, &stem));
        if is_benchmark(&stem) && stem.ends_with(".el") {
            let title = format!("{stem} to its end");
            trials.push(Trial::test(title, move || to_its_end(&stem)));
        }
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// A guest on a CPU model, in every engine.
fn in_engines(model: &'static str, stem: &str) -> Vec<Trial> {
    let name = stem.to_owned();
    let interpret: Box<dyn FnOnce() -> End + Send> =
        Box::new(move || execute(model, &name, Kind::Interpreter));
    let reference = Arc::new(LazyLock::new(interpret));
    let on = if model == USUAL {
        String::new()
    } else {
        format!(" on {model}")
    };
    let trial = |kind: Kind| {
        let (stem, reference) = (stem.to_owned(), Arc::clone(&reference));
        let title = format!("{stem}{on} in {kind}");
        Trial::test(title, move || check(model, &stem, kind, &reference))
    };
    ENGINES.into_iter().map(trial).collect()
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
        "isa-wide",
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

fn execute(model: &str, stem: &str, kind: Kind) -> End {
    let limit = if is_benchmark(stem) { SAMPLE } else { LIMIT };
    execute_for(model, stem, kind, limit)
}

fn execute_for(model: &str, stem: &str, kind: Kind, limit: u64) -> End {
    let image = fs::read(project(&format!("guests/prebuilt/{stem}.elf"))).expect("an image");
    run(kind, &mut boot_on(model, stem, &image, 0), limit)
}

/// What a guest prints on a CPU model.
fn expected(model: &str, stem: &str) -> std::io::Result<Vec<u8>> {
    let file = |name: String| project(&format!("guests/expected/{name}.txt"));
    fs::read(file(format!("{stem}.{model}"))).or_else(|_| fs::read(file(stem.to_owned())))
}

fn to_its_end(stem: &str) -> Result<(), Failed> {
    let expected = expected(USUAL, stem)?;
    is_complete(&execute_for(USUAL, stem, Kind::Jit, u64::MAX), &expected)
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

fn check(model: &str, stem: &str, kind: Kind, reference: &Reference) -> Result<(), Failed> {
    let expected = expected(model, stem)?;
    let reference = LazyLock::force(reference);
    let end = match kind {
        Kind::Interpreter => reference,
        _ => &execute(model, stem, kind),
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
