//! The rules of the house that a program can check. They hold for `src`, `runtime`, `tests` and
//! `benches` alike where nothing else is said.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Files that may hold `unsafe`, each for a reason of its own.
const UNSAFE: [&str; 14] = [
    // Translated code: the memory that it lies in, entering it, and what it calls.
    "src/cache/arena.rs",
    "src/engine/jit.rs",
    "src/translate/calls.rs",
    // The guest's memory, by the addresses that the software TLB hands out.
    "src/interp/memory.rs",
    "runtime/src/memory/backmap.rs",
    "runtime/src/memory/machine.rs",
    "runtime/src/mmu/soft/code.rs",
    "runtime/src/mmu/soft/pool.rs",
    "runtime/src/mmu/soft/mod.rs",
    "runtime/src/mmu/soft/window.rs",
    "runtime/src/cpu/plain.rs",
    "runtime/src/vm/access.rs",
    "runtime/src/vm/mod.rs",
    // Registers, by numbers that are in range by their type.
    "runtime/src/cpu/mod.rs",
];

/// The most lines of a file.
const LONGEST: usize = 600;

/// The folders of `src` from bottom to top: a file imports from its own folder and those before.
const LAYERS: &[&[&str]] = &[
    &["isa"],
    &["interp"],
    &["translate"],
    &["cache"],
    &["engine"],
    &["trace"],
    &["image"],
    &["console"],
    &["machine"],
    &["report"],
    &["control"],
    &["fleet"],
    &["measure"],
    &["cli"],
];

/// The same for the runtime. CPU and MMU know each other: the CPU carries a pointer to its
/// software TLB, the MMU looks at modes and exceptions.
const RUNTIME_LAYERS: &[&[&str]] = &[
    &["addr", "clock", "exit", "hypercall"],
    &["cpu", "mmu"],
    &["memory"],
    &["device"],
    &["board"],
    &["vm", "sched"],
    &["monitor"],
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A source file.
struct Source {
    /// Its path from the project's root.
    path: String,
    text: String,
}

/// The Rust sources in a folder and below.
fn sources(folder: &str) -> Vec<Source> {
    files(folder, "rs")
}

/// What people read: the sources and the documents.
fn texts() -> Vec<Source> {
    let readme = Source {
        path: "README.md".to_owned(),
        text: fs::read_to_string(root().join("README.md")).expect("a README"),
    };
    let documents = files("docs", "md").into_iter().chain([readme]);
    all_sources().into_iter().chain(documents).collect()
}

/// The files in a folder and below whose names end like this.
fn files(folder: &str, extension: &str) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == extension) {
                let name = path.strip_prefix(root()).unwrap_or(&path);
                sources.push(Source {
                    path: name.display().to_string(),
                    text: fs::read_to_string(&path).expect("a source is text"),
                });
            }
        }
    }
    sources
}

fn all_sources() -> Vec<Source> {
    ["src", "runtime", "tests", "benches"]
        .into_iter()
        .flat_map(sources)
        .collect()
}

/// Fails with all complaints at once.
fn expect_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

/// The line without comment and text in quotes: what the compiler sees of it, roughly.
fn code(line: &str) -> String {
    let line = line.split("//").next().unwrap_or_default();
    line.split('"').step_by(2).collect()
}

fn has_word(line: &str, wanted: &str) -> bool {
    line.split(|c: char| !c.is_alphanumeric() && c != '_')
        .any(|word| word == wanted)
}

#[test]
fn files_are_read_in_one_sitting() {
    let long: Vec<_> = all_sources()
        .iter()
        .map(|source| (&source.path, source.text.lines().count()))
        .filter(|&(_, lines)| lines > LONGEST)
        .map(|(path, lines)| format!("{path} has {lines} lines, more than {LONGEST}"))
        .collect();
    expect_none(&long);
}

/// Words for persons, of which there are few here, that stand for things.
#[test]
fn things_are_not_spoken_of_as_persons() {
    // In two parts, so that this file does not hold them.
    let words = [
        ("whoe", "ver"),
        ("no", "body"),
        ("some", "body"),
        ("any", "body"),
        ("some", "one"),
    ];
    let words = words.map(|(start, end)| format!("{start}{end}"));
    let persons = ["people", "person", "user"];
    let mut complaints = Vec::new();
    for source in texts() {
        for (number, line) in (1..).zip(source.text.lines()) {
            let line = line.to_lowercase();
            let parts: Vec<&str> = line
                .split(|c: char| !c.is_alphanumeric())
                .filter(|part| !part.is_empty())
                .collect();
            let person = |at: usize| at > 0 && persons.contains(&parts[at - 1]);
            let wrong = |(at, part): (usize, &&str)| {
                words.iter().any(|word| word == part)
                    || part.strip_prefix('w') == Some("ho") && !person(at)
            };
            if parts.iter().enumerate().any(wrong) {
                complaints.push(format!("{}:{number}: {line}", source.path));
            }
        }
    }
    expect_none(&complaints);
}

#[test]
fn nothing_is_left_to_do() {
    // In two parts, so that this file does not hold them.
    let words = [
        ("TO", "DO"),
        ("FIX", "ME"),
        ("to", "do!"),
        ("unimpl", "emented!"),
        ("#[ig", "nore"),
        ("dbg", "!("),
    ];
    let mut complaints = Vec::new();
    for source in all_sources() {
        for (a, b) in words {
            let word = format!("{a}{b}");
            if source.text.contains(&word) {
                complaints.push(format!("{} has {word}", source.path));
            }
        }
    }
    expect_none(&complaints);
}

#[test]
fn unsafe_code_is_where_it_may_be_and_says_why() {
    let mut complaints = Vec::new();
    let mut seen = BTreeSet::new();
    for source in all_sources() {
        let lines: Vec<&str> = source.text.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            let line = code(line);
            if !has_word(&line, "unsafe") {
                continue;
            }
            seen.insert(source.path.clone());
            if !UNSAFE.contains(&source.path.as_str()) {
                complaints.push(format!("{}:{} has unsafe code", source.path, index + 1));
            }
            // Types and names of unsafe functions promise nothing; these do.
            let promises = ["unsafe {", "unsafe impl", "#[unsafe("];
            let mut before = lines[..index].iter().rev().take(8);
            if promises.iter().any(|promise| line.contains(promise))
                && !before.any(|line| line.contains("// SAFETY:"))
            {
                complaints.push(format!("{}:{} has no SAFETY", source.path, index + 1));
            }
        }
    }
    for path in UNSAFE {
        if !seen.contains(path) {
            complaints.push(format!("{path} has no unsafe code, and may have some"));
        }
    }
    expect_none(&complaints);
}

#[test]
fn the_runtime_knows_no_engine() {
    let manifest = fs::read_to_string(root().join("runtime/Cargo.toml")).expect("a manifest");
    let mut complaints = Vec::new();
    for word in ["cranelift", "mirrorball =", "mirrorball."] {
        if manifest.contains(word) {
            complaints.push(format!("runtime/Cargo.toml names {word}"));
        }
    }
    for source in sources("runtime") {
        for line in source.text.lines().map(code) {
            if line.contains("cranelift") || line.contains("mirrorball::") {
                complaints.push(format!("{}: {line}", source.path));
            }
        }
    }
    expect_none(&complaints);
}

#[test]
fn the_code_generator_is_named_where_code_is_made_and_kept() {
    let complaints: Vec<_> = all_sources()
        .iter()
        .filter(|source| !source.path.starts_with("src/translate/"))
        .filter(|source| !source.path.starts_with("src/cache/"))
        .filter(|source| {
            source
                .text
                .lines()
                .any(|line| code(line).contains("cranelift"))
        })
        .map(|source| format!("{} names Cranelift's crates", source.path))
        .collect();
    expect_none(&complaints);
}

/// Files with what is for one host architecture alone: what another one needs is to be seen from
/// docs/architecture.md.
#[test]
fn what_is_for_one_host_alone_is_described() {
    let text = fs::read_to_string(root().join("docs/architecture.md")).expect("it is there");
    let section = text.split("## ").find(|part| {
        part.lines()
            .next()
            .is_some_and(|title| title == "Another host architecture")
    });
    let section = section.expect("a section on it");
    let marks = [
        "naked_asm",
        "dynasm",
        "target_arch",
        "X86_64",
        "X86CallPCRel4",
        "iced_x86",
        "has_sse41",
    ];
    let mut complaints = Vec::new();
    for source in sources("src").iter().chain(&sources("runtime")) {
        let lines = source.text.lines();
        // Names of features are in quotes.
        let lines = lines.map(|line| line.split("//").next().unwrap_or_default());
        let marked = lines.flat_map(|line| marks.iter().filter(|mark| has_word(line, mark)));
        // The baseline is described as a whole.
        let baseline = "src/translate/baseline/";
        let described = match source.path.starts_with(baseline) {
            true => section.contains(baseline),
            false => section.contains(&source.path),
        };
        for mark in marked.collect::<BTreeSet<_>>() {
            if !described {
                complaints.push(format!("{} has {mark}, and is not told of", source.path));
            }
        }
    }
    expect_none(&complaints);
}

/// What a source imports from its crate: the names behind `crate::`.
fn imports(source: &Source) -> BTreeSet<String> {
    let lines = source.text.lines().map(code);
    lines
        .flat_map(|line| {
            let parts = line.split("crate::").skip(1);
            let name = |part: &str| {
                let end = part.find(|c: char| !c.is_alphanumeric() && c != '_');
                part[..end.unwrap_or(part.len())].to_owned()
            };
            parts.map(name).collect::<Vec<_>>()
        })
        .collect()
}

/// What goes the wrong way in a crate.
fn upward_imports(folder: &str, layers: &[&[&str]]) -> Vec<String> {
    let height = |module: &str| layers.iter().position(|layer| layer.contains(&module));
    let mut complaints = Vec::new();
    for source in sources(folder) {
        let path = &source.path[folder.len() + 1..];
        let module = path.split(['/', '.']).next().unwrap_or_default();
        if matches!(module, "lib" | "main") {
            continue;
        }
        let Some(own) = height(module) else {
            complaints.push(format!("{folder}/{module} has no place among the layers"));
            continue;
        };
        for name in imports(&source) {
            if height(&name).is_some_and(|other| other > own) {
                complaints.push(format!("{} imports from {name}, above it", source.path));
            }
        }
    }
    complaints
}

#[test]
fn imports_go_one_way() {
    expect_none(&upward_imports("src", LAYERS));
    expect_none(&upward_imports("runtime/src", RUNTIME_LAYERS));
}

/// The names of a crate's modules: its folders, and the files beside them.
fn modules(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(root().join(folder)).expect("sources");
    entries
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .map(|entry| format!("{folder}/{}", entry.file_name().to_string_lossy()))
        .collect()
}

#[test]
fn the_architecture_is_described_as_it_is() {
    let text = fs::read_to_string(root().join("docs/architecture.md")).expect("it is there");
    // A folder is named as `src/isa` in backquotes.
    let named: BTreeSet<String> = text
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|name| name.starts_with("src/") || name.starts_with("runtime/src/"))
        .filter(|name| *name != "src/")
        .filter(|name| !name.ends_with(".rs"))
        .map(|name| name.trim_end_matches('/').to_owned())
        .collect();
    let mut there = modules("src");
    there.extend(modules("runtime/src"));
    let complaints: Vec<_> = there
        .difference(&named)
        .map(|name| format!("docs/architecture.md does not name {name}"))
        .chain(
            named
                .difference(&there)
                .map(|name| format!("there is no {name}")),
        )
        .collect();
    expect_none(&complaints);
}

#[test]
fn what_the_documents_point_at_is_there() {
    let mut complaints = Vec::new();
    for document in ["README.md", "docs/architecture.md"] {
        let text = fs::read_to_string(root().join(document)).expect("it is there");
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|part| part.split(')').next())
        {
            let file = link.split('#').next().unwrap_or_default();
            let from = Path::new(document).parent().unwrap_or(Path::new(""));
            if !file.starts_with("http") && !root().join(from).join(file).exists() {
                complaints.push(format!("{document} points at {file}, which is not there"));
            }
        }
        for name in text
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|name| name.ends_with(".rs"))
        {
            if !root().join(name).exists() {
                complaints.push(format!("{document} names {name}, which is not there"));
            }
        }
    }
    expect_none(&complaints);
}
