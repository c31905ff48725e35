//! The documents: what they name is there, and what they promise is kept.

use super::{Source, expect_none, files, root};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The most terms of the glossary.
const MOST_TERMS: usize = 30;

/// The folders of the project: a name that starts with one is a path.
const FOLDERS: [&str; 7] = [
    "src/",
    "runtime/",
    "tests/",
    "benches/",
    "examples/",
    "guests/",
    "docs/",
];

/// What is in a folder only after a command has run.
const FETCHED: &str = "guests/debian/cache/";

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).expect("it is there")
}

/// All documents of the project.
pub fn all() -> Vec<Source> {
    let top = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"];
    let top = top.map(|path| Source {
        path: path.to_owned(),
        text: read(path),
    });
    top.into_iter().chain(files("docs", "md")).collect()
}

fn architecture() -> String {
    read("docs/architecture.md")
}

/// What a document has in backquotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// What a document says under a heading of the second level.
fn section<'a>(text: &'a str, title: &str) -> Option<&'a str> {
    let start = text.find(&format!("\n## {title}\n"))?;
    let rest = &text[start + 1..];
    rest.split("\n## ").next()
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
    let text = architecture();
    // A folder is named as `src/isa` in backquotes.
    let named: BTreeSet<String> = quoted(&text)
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

/// The files that a document links to.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let links = text.split("](").skip(1);
    links
        .filter_map(|part| part.split([')', '#']).next())
        .filter(|file| !file.starts_with("http"))
}

/// Whether what is in backquotes is a path of the project.
fn is_path(name: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || "/._-".contains(c);
    let in_folder = FOLDERS.iter().any(|folder| name.starts_with(folder));
    name.chars().all(plain) && (in_folder || name.ends_with(".rs")) && !name.starts_with(FETCHED)
}

#[test]
fn what_the_documents_point_at_is_there() {
    let mut complaints = Vec::new();
    for Source { path, text } in all() {
        let from = root().join(&path);
        let from = from.parent().unwrap_or(Path::new(""));
        for link in links(&text).filter(|link| !from.join(link).exists()) {
            complaints.push(format!("{path} points at {link}, which is not there"));
        }
        let names = quoted(&text).filter(|name| is_path(name));
        for name in names.filter(|name| !root().join(name).exists()) {
            complaints.push(format!("{path} names {name}, which is not there"));
        }
    }
    expect_none(&complaints);
}

#[test]
fn the_glossary_is_short_and_in_order() {
    let text = architecture();
    let glossary = section(&text, "Glossary").expect("a glossary");
    let rows = glossary.lines().filter_map(|line| line.strip_prefix("| "));
    let terms: Vec<&str> = rows.filter_map(|row| row.split(" |").next()).collect();
    // The first row is the heading.
    let (_, terms) = terms.split_first().expect("terms");
    assert!((1..=MOST_TERMS).contains(&terms.len()), "{}", terms.len());
    assert!(terms.is_sorted(), "{terms:?}");
}

/// What is wrong with the proof of an idea: a list of files, each with names of tests in it.
fn without_proof(page: &Source) -> Vec<String> {
    let proof = section(&page.text, "Proof").unwrap_or_default();
    let mut complaints = Vec::new();
    let mut proves = false;
    for item in proof.split("\n- ").skip(1) {
        let mut names = quoted(item);
        let file = names.next().unwrap_or_default();
        let Ok(source) = fs::read_to_string(root().join(file)) else {
            complaints.push(format!("{}: there is no test {file}", page.path));
            continue;
        };
        proves |= file.starts_with("tests/");
        for name in names.filter(|name| !source.contains(&format!("fn {name}()"))) {
            complaints.push(format!("{}: {file} has no test {name}", page.path));
        }
    }
    if !proves {
        complaints.push(format!("{} names no file of tests", page.path));
    }
    complaints
}

#[test]
fn each_idea_is_linked_shown_and_proved() {
    let text = architecture();
    let linked: BTreeSet<&str> = links(&text).collect();
    let mut complaints = Vec::new();
    let pages = files("docs/ideas", "md");
    assert!(!pages.is_empty());
    for page in pages {
        let name = page.path.trim_start_matches("docs/");
        if !linked.contains(name) {
            complaints.push(format!("docs/architecture.md does not link {name}"));
        }
        if !page.text.contains("```text\n") {
            complaints.push(format!("{name} has no picture"));
        }
        complaints.extend(without_proof(&page));
    }
    expect_none(&complaints);
}
