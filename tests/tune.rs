//! `mirrorball tune`: the page it writes, the setting it names, and what it refuses.

mod common;

use common::program::{USAGE, mirrorball, refused};
use scraper::{Html, Selector};
use serde_json::Value;
use std::fs;

struct Tuned {
    page: Html,
    text: String,
    results: Value,
    /// The command line that it names.
    best: String,
}

/// Sweeps over `hello`.
fn tune(arguments: &[&str]) -> Tuned {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (html, json) = (path("t.html"), path("t.json"));
    let fixed = [
        "tune", "hello", "--rounds", "1", "--html", &html, "--json", &json,
    ];
    let output = mirrorball(&[&fixed, arguments].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let printed = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(printed.contains(&html), "{printed}");
    let text = fs::read_to_string(&html).expect("a page");
    let results = fs::read_to_string(&json).expect("results");
    Tuned {
        page: Html::parse_document(&text),
        text,
        results: serde_json::from_str(&results).expect("JSON"),
        best: printed.lines().next().unwrap_or_default().to_owned(),
    }
}

impl Tuned {
    fn texts(&self, selector: &str) -> Vec<String> {
        let selector = Selector::parse(selector).expect("a selector");
        let found = self.page.select(&selector);
        found.map(|element| element.text().collect()).collect()
    }
}

#[test]
fn a_sweep_is_a_page_and_names_no_winner_by_chance() {
    let tuned = tune(&["--vary", "hot=10,1000", "--vary", "region=1,200"]);
    assert_eq!(tuned.page.errors, Vec::<String>::new());
    assert_eq!(tuned.texts("h1"), ["Tuning: hello.el"]);
    let settings = ["default", "--hot 10", "--region 1", "--hot 10 --region 1"];
    let measured = tuned.results["guests"][0]["measured"].as_array();
    let names = measured
        .expect("a list")
        .iter()
        .map(|m| m["setting"].as_str());
    assert_eq!(names.flatten().collect::<Vec<_>>(), settings);

    // Two dimensions with a curve each for time, hit rate, evictions and compile time.
    assert_eq!(tuned.texts(".curves svg").len(), 8);
    let titles = tuned.texts(".curves svg text.title");
    assert_eq!(
        titles[..4],
        ["Time, s", "Hit rate, %", "Evictions", "Compile time, s"]
    );
    assert_eq!(tuned.texts("table.map td").len(), 4);
    let marked = tuned.texts("table.map td.best, table.map td.default");
    assert_eq!(marked.len(), 1, "one run a setting tells nothing");
    assert_eq!(tuned.best, "mirrorball run guests/prebuilt/hello.el.elf");
    let mut rows = tuned.texts("table.all tbody tr code");
    rows.sort();
    let mut expected = settings.map(str::to_owned).to_vec();
    expected.sort();
    assert_eq!(rows, expected);

    assert_eq!(
        tuned.texts(".verdict pre code"),
        std::slice::from_ref(&tuned.best)
    );
}

#[test]
fn a_page_needs_nothing_but_itself() {
    let tuned = tune(&["--vary", "jit-threads"]);
    assert_eq!(tuned.texts("table.map").len(), 0, "one dimension is no map");
    assert_eq!(tuned.texts("script, link, img, iframe").len(), 0);
    let without_names = tuned
        .text
        .replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
    for outside in ["http:", "https:", "url(", "@import", "src="] {
        assert!(!without_names.contains(outside), "{outside}");
    }
}

#[test]
fn without_words_all_that_is_known_is_varied() {
    let tuned = tune(&["--grid", "jit-threads,region"]);
    let headings = tuned.texts("h2");
    for switch in ["--hot", "--region", "--jit-threads"] {
        assert!(headings.contains(&switch.to_owned()), "{headings:?}");
    }
    assert!(headings.contains(&"--jit-threads and --region together".to_owned()));
    assert!(
        tuned.results["differences"]
            .as_array()
            .is_some_and(Vec::is_empty)
    );
}

#[test]
fn any_switch_can_be_varied_and_one_that_changes_the_machine_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let html = folder.path().join("t.html").display().to_string();
    let arguments = [
        "--vary",
        "memory=64M,128M",
        "--rounds",
        "1",
        "--html",
        &html,
    ];
    let output = mirrorball(&[&["tune", "hello"], &arguments[..]].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(13), "{said}");
    assert!(said.contains("'--memory 64M' after "), "{said}");
    let page = fs::read_to_string(&html).expect("a page all the same");
    assert!(page.contains("the settings ended differently"));
}

#[test]
fn bad_input_is_refused_in_one_line() {
    for (arguments, parts) in [
        (&["nothing"][..], &["nothing", "no such guest"][..]),
        (&["hello.*"], &["hello.*", "more than one guest"]),
        (&["--vary", "cpu"], &["--vary cpu", "which values"]),
        (&["--vary", "hot="], &["hot=", "SWITCH=VALUE"]),
        (&["--vary", "hot", "--vary", "hot=1"], &["hot", "twice"]),
        (&["--vary", "hot=1,x"], &["'--hot x'", "invalid value"]),
        (&["--vary", "speed=1"], &["--speed"]),
        (&["--grid", "hot"], &["--grid", "hot, region, jit-threads"]),
        (
            &["--vary", "hot", "--grid", "hot,region"],
            &["--grid", "which are hot"],
        ),
        (&["--rounds", "0"], &["--rounds"]),
    ] {
        let html = ["--html", "/dev/null"];
        refused(&[&["tune"], arguments, &html].concat(), USAGE, parts);
    }
}
