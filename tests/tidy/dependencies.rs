//! What others wrote and this is built of: where it is from, and on which terms.

use super::{expect_none, root};
use serde_json::Value;
use std::process::Command;

/// Where crates may be from. Git repositories and other registries are nowhere here: what is built is
/// what `Cargo.lock` names, by its checksum.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Licences that ask for their text and no more.
const PERMISSIVE: [&str; 11] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Crates on other terms, which were looked at: a file of theirs that is changed has to be given away on
/// the same terms. None is changed here.
const ACCEPTED: [(&str, &str); 7] = [
    // Assembles the baseline tier's code.
    ("dynasm", "MPL-2.0"),
    ("dynasmrt", "MPL-2.0"),
    // Draws flame graphs.
    ("inferno", "CDDL-1.0"),
    // Look at pages, in tests alone.
    ("cssparser", "MPL-2.0"),
    ("cssparser-macros", "MPL-2.0"),
    ("dtoa-short", "MPL-2.0"),
    ("selectors", "MPL-2.0"),
];

/// Whether one may use what is offered on these terms: of parts joined by AND all must be fine, of
/// alternatives one.
fn is_permissive(licence: &str) -> bool {
    licence.split(" AND ").all(|part| {
        let part = part.trim_matches(['(', ')']).replace('/', " OR ");
        let mut choices = part.split(" OR ").map(str::trim);
        choices.any(|choice| PERMISSIVE.contains(&choice))
    })
}

/// The crates that the program and its tests are built of on the hosts that there are.
fn crates() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--offline"])
        .arg("--filter-platform=x86_64-unknown-linux-gnu")
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let mut metadata: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    match metadata["packages"].take() {
        Value::Array(crates) => crates,
        other => panic!("{other} are no crates"),
    }
}

fn text<'a>(of: &'a Value, key: &str) -> &'a str {
    of[key].as_str().unwrap_or_default()
}

#[test]
fn what_is_built_of_others_is_from_one_place_and_on_terms_that_were_looked_at() {
    let crates = crates();
    assert!(crates.len() > 200, "{} crates", crates.len());
    let mut complaints = Vec::new();
    for it in &crates {
        let (name, licence, source) = (text(it, "name"), text(it, "license"), text(it, "source"));
        if !is_permissive(licence) && !ACCEPTED.contains(&(name, licence)) {
            complaints.push(format!("{name} has the licence {licence:?}"));
        }
        // This project's own are in its folders.
        if source != REGISTRY && !name.starts_with("mirrorball") {
            complaints.push(format!("{name} is from {source:?}"));
        }
    }
    for (name, licence) in ACCEPTED {
        let is_there = |it: &Value| text(it, "name") == name && text(it, "license") == licence;
        if !crates.iter().any(is_there) {
            complaints.push(format!("{name} need not be accepted any more"));
        }
    }
    expect_none(&complaints);
}

#[test]
fn terms_are_understood() {
    for licence in [
        "MIT",
        "GPL-3.0 OR MIT",
        "Unlicense/MIT",
        "(MIT OR Apache-2.0) AND Unicode-3.0",
    ] {
        assert!(is_permissive(licence), "{licence}");
    }
    for licence in [
        "",
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "(GPL-2.0 OR GPL-3.0) AND MIT",
    ] {
        assert!(!is_permissive(licence), "{licence}");
    }
}
