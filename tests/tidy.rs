//! The rules of the house that a program can check. They hold for `src`, `runtime`, `tests` and
//! `benches` alike where nothing else is said.

#[path = "tidy/dependencies.rs"]
mod dependencies;
#[path = "tidy/documents.rs"]
mod documents;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Files that may hold `unsafe`, each for a reason of its own.
const UNSAFE: [&str; 20] = [
    // A storage for the library that reads qcow2 images, whose trait has unsafe functions.
    "src/disk/storage.rs",
    // The request that makes an open file a tap device.
    "src/net/tap/device.rs",
    // Translated code: the memory that it lies in, entering it, and what it calls.
    "src/cache/arena.rs",
    "src/engine/jit.rs",
    "src/translate/calls.rs",
    // The guest's memory, by the addresses that the software TLB hands out.
    "src/interp/memory.rs",
    "runtime/src/memory/backmap.rs",
    "runtime/src/memory/machine.rs",
    "runtime/src/memory/reserved/mapped.rs",
    "runtime/src/memory/reserved/heap.rs",
    "runtime/src/mmu/soft/code.rs",
    "runtime/src/mmu/soft/pool.rs",
    "runtime/src/mmu/soft/mod.rs",
    "runtime/src/memory/window.rs",
    "runtime/src/cpu/plain.rs",
    "runtime/src/vm/access.rs",
    "runtime/src/vcpu/mod.rs",
    "runtime/src/vcpu/spaces.rs",
    // Registers, by numbers that are in range by their type.
    "runtime/src/cpu/mod.rs",
    // A mapping that must be refused.
    "src/sandbox/tests.rs",
];

/// The most lines of a file.
const LONGEST: usize = 500;

/// The folders of `src` from bottom to top: a file imports from its own folder and those before.
const LAYERS: &[&[&str]] = &[
    &["isa"],
    &["interp"],
    &["translate"],
    &["cache"],
    &["engine"],
    &["trace"],
    &["image"],
    &["profile", "timeline"],
    &["sandbox"],
    &["disk"],
    &["snapshot"],
    &["record"],
    &["console"],
    &["net"],
    &["folder"],
    &["machine"],
    &["report"],
    &["control"],
    &["migration"],
    &["gdb"],
    &["state"],
    &["bisect"],
    &["fleet"],
    &["measure"],
    &["cli"],
    &["fuzz"],
];

/// The same for the runtime. CPU and MMU know each other: the CPU carries a pointer to its
/// software TLB, the MMU looks at modes and exceptions.
const RUNTIME_LAYERS: &[&[&str]] = &[
    &["account", "addr", "clock", "exit", "hypercall"],
    &["sound"],
    &["cpu"],
    &["memory"],
    &["mmu"],
    &["vcpu"],
    &["device"],
    &["board", "insight"],
    &["vm", "sched"],
    &["monitor"],
];

/// In how many files a type of a crate may have `impl` blocks of its own.
const MOST_SPREAD: usize = 3;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A source file.
#[derive(Clone)]
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
    let mut texts = all_sources();
    texts.extend(documents::all());
    texts
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

/// What is said of a setting anywhere, its entry says: neither commands nor files of machines know
/// its name. Names without a hyphen are words that are used for other things as well.
#[test]
fn a_setting_is_named_in_its_table_alone() {
    const TABLE: &str = "src/machine/settings.rs";
    let table = fs::read_to_string(root().join(TABLE)).expect("a table");
    let names = table.split("name: \"").skip(1);
    let names = names.filter_map(|part| part.split('"').next());
    let names: Vec<&str> = names.filter(|name| name.contains(['-', '.'])).collect();
    assert!(names.len() > 10, "{names:?}");
    let others = [sources("src/machine"), sources("src/cli")].concat();
    let mut complaints = Vec::new();
    for source in others.iter().filter(|source| source.path != TABLE) {
        let code = source.text.split("#[cfg(test)]\nmod tests {").next();
        let code = code.unwrap_or_default();
        let named = names
            .iter()
            .filter(|name| code.contains(&format!("\"{name}\"")));
        complaints.extend(named.map(|name| format!("{} names {name}", source.path)));
    }
    expect_none(&complaints);
}

/// What comes after parameters in angle brackets, the first of which is gone.
fn behind(parameters: &str) -> Option<&str> {
    let mut open = 1;
    let (end, _) = parameters.char_indices().find(|&(at, c)| {
        match c {
            '<' => open += 1,
            // The other half of an arrow is none.
            '>' if !parameters[..at].ends_with('-') => open -= 1,
            _ => {}
        }
        open == 0
    })?;
    Some(&parameters[end + 1..])
}

/// The type that an `impl` block which begins in this line is of, unless it is that of a trait.
fn implemented(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix("impl")?;
    let rest = match rest.strip_prefix('<') {
        Some(parameters) => behind(parameters)?,
        None => rest.strip_prefix(' ')?,
    };
    let path = rest.trim_start().split(['<', '{', ' ']).next()?;
    let name = path.rsplit("::").next()?;
    (!name.is_empty() && !has_word(rest, "for")).then_some(name)
}

/// Whether a line is where a type of this name is defined.
fn defines(line: &str, name: &str) -> bool {
    ["struct", "enum", "union"]
        .iter()
        .any(|kind| has_word(line, kind))
        && has_word(line, name)
}

/// In how many files each type of a crate has `impl` blocks. Types of the same name that files
/// have each for itself are not one.
fn spread(folder: &str) -> BTreeMap<String, usize> {
    let mut files: BTreeMap<String, (usize, bool)> = BTreeMap::new();
    for source in sources(folder) {
        let lines: Vec<String> = source.text.lines().map(code).collect();
        let names: BTreeSet<&str> = lines.iter().filter_map(|line| implemented(line)).collect();
        for name in names {
            let (others, own) = files.entry(name.to_owned()).or_default();
            match lines.iter().any(|line| defines(line, name)) {
                true => *own = true,
                false => *others += 1,
            }
        }
    }
    let count = |(name, (others, own))| (name, others + usize::from(own));
    files.into_iter().map(count).collect()
}

#[test]
fn no_type_is_spread_over_a_crate() {
    let mut complaints = Vec::new();
    for folder in ["src", "runtime/src"] {
        for (name, count) in spread(folder) {
            if count > MOST_SPREAD {
                complaints.push(format!("{name} of {folder} has impls in {count} files"));
            }
        }
    }
    expect_none(&complaints);
}
