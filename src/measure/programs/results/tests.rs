use super::*;
use crate::measure::SettingInfo;
use crate::measure::programs::list;

fn info(name: &str) -> SettingInfo {
    SettingInfo {
        name: name.into(),
        command: Vec::new(),
        speed: 0.0,
        cpu_speed: 0.0,
    }
}

/// Results of `bc` and `awk` with two settings, of which `qemu` is the baseline.
fn blank(again: bool) -> ProgramResults {
    let results = Results {
        mirrorball: "1",
        qemu: None,
        host: "a host".into(),
        host_threads: 2,
        rounds: 1,
        baseline: "qemu".into(),
        settings: vec![info("jit"), info("qemu")],
        guests: Vec::new(),
        differences: Vec::new(),
        failures: Vec::new(),
    };
    let programs = list::select(&["bc".into(), "awk".into()]).unwrap();
    ProgramResults::new(results, &programs, again)
}

/// A pass of `awk` and `bc` that took so many seconds and printed this.
fn pass(awk: (f64, &str), bc: (f64, &str)) -> Pass {
    let timing = |(wall, output): (f64, &str)| {
        Ok(Timing {
            wall,
            cpu: 2.0 * wall,
            output: output.into(),
        })
    };
    vec![("awk", timing(awk)), ("bc", timing(bc))]
}

#[test]
fn speeds_and_the_worst_are_relative_to_the_baseline() {
    let mut found = blank(false);
    found.add(0, pass((2.0, "a"), (1.0, "b")), Pass::new());
    found.add(1, pass((4.0, "a"), (0.5, "b")), Pass::new());
    found.finish(1);
    assert!(found.disagreements.is_empty() && found.again.is_empty());
    let speeds: Vec<f64> = found
        .results
        .guests
        .iter()
        .map(|g| g.measured[0].speed)
        .collect();
    assert_eq!(speeds, [2.0, 0.5]);
    assert!((found.results.settings[0].speed - 1.0).abs() < 1e-12);
    assert_eq!(
        found.worst[0],
        Worst {
            setting: "jit".into(),
            program: "bc".into(),
            speed: 0.5
        }
    );
    let table = table(&found);
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines: Vec<String> = table.lines().map(words).collect();
    assert_eq!(
        lines[0],
        "Program Setting Time Range Spread CPU MIPS Speed By CPU"
    );
    assert!(lines.contains(&"worst jit bc 0.50x".to_owned()), "{table}");
    assert!(
        lines[1].starts_with("awk jit 2.000 s 2.000-2.000"),
        "{table}"
    );
    assert!(!table.contains("Second/first"), "{table}");
    let svg = plot(&found);
    assert!(svg.contains("2 programs") && svg.contains("bc"), "{svg}");
}

#[test]
fn outputs_that_are_not_the_same_are_told() {
    let mut found = blank(false);
    found.add(0, pass((1.0, "7\n"), (1.0, "b")), Pass::new());
    found.add(1, pass((1.0, "8\n"), (1.0, "b")), Pass::new());
    found.finish(1);
    assert_eq!(found.disagreements.len(), 1);
    let text = found.disagreements[0].to_string();
    let start = "awk: the settings do not print the same: 'jit' \"7\\n\", 'qemu' \"8\\n\"; ";
    assert!(text.starts_with(start), "{text}");
    // A second time that differs from the first is a mistake as well.
    let mut found = blank(true);
    let second = pass((1.0, "7"), (1.0, "c"));
    found.add(0, pass((1.0, "7"), (1.0, "b")), second);
    assert_eq!(found.disagreements[0].program, "bc");
}

#[test]
fn a_second_time_is_compared_with_the_first() {
    let mut found = blank(true);
    for setting in [0, 1] {
        let first = pass((2.0, "a"), (1.0, "b"));
        found.add(setting, first, pass((3.0, "a"), (0.5, "b")));
    }
    found.finish(1);
    let ratios: Vec<f64> = found.again.iter().map(|aging| aging.ratio).collect();
    assert_eq!(ratios, [1.5, 1.5, 0.5, 0.5]);
    assert_eq!(found.results.guests[0].measured[0].wall.median, 2.0);
    let table = table(&found);
    assert!(
        table.contains("Second/first") && table.contains("0.87"),
        "{table}"
    );
    let json: serde_json::Value = serde_json::from_str(&found.to_json().unwrap()).unwrap();
    assert_eq!(json["again"][0]["program"], "awk");
    assert_eq!(json["guests"][1]["measured"][1]["wall"]["median"], 1.0);
    assert_eq!(json["baseline"], "qemu");
}

#[test]
fn a_program_that_failed_is_left_out_and_told() {
    let mut found = blank(false);
    found.add(0, pass((1.0, "a"), (1.0, "b")), Pass::new());
    let failed = vec![
        pass((1.0, "a"), (1.0, "b")).remove(0),
        ("bc", Err("bc in 'qemu': no".into())),
    ];
    found.add(1, failed, Pass::new());
    found.finish(1);
    let names: Vec<_> = found
        .results
        .guests
        .iter()
        .map(|g| g.name.as_str())
        .collect();
    assert_eq!(names, ["awk"]);
    assert_eq!(found.results.failures, ["bc in 'qemu': no"]);
}
