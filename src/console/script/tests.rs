use super::*;

fn run(script: &str, output: &str) -> (ScriptRunner, Vec<String>) {
    let (mut runner, first) = ScriptRunner::start(Script::parse("s", script).unwrap());
    let mut typed: Vec<_> = first.into_iter().collect();
    typed.extend(output.bytes().filter_map(|byte| runner.output(byte)));
    (
        runner,
        typed
            .into_iter()
            .map(|strokes| strokes.into_iter().map(Stroke::byte).collect())
            .map(|bytes| String::from_utf8(bytes).unwrap())
            .collect(),
    )
}

fn strokes(text: &[u8]) -> Vec<Stroke> {
    Stroke::typed(text).collect()
}

fn error(script: &str) -> String {
    Script::parse("s.txt", script).unwrap_err().to_string()
}

const SESSION: &str = r#"
# A session.
wait "~ # "
send "uname"   # two sends are typed at once
send " -a\n"

wait "~ # "
quit
"#;

#[test]
fn a_session_answers_each_prompt_once() {
    let (runner, typed) = run(SESSION, "boot\n~ # uname -a\n");
    assert_eq!(typed, ["uname -a\n"]);
    assert!(!runner.quits());
    let (runner, typed) = run(SESSION, "boot\n~ # uname -a\nLinux\n~ # more ~ # ");
    assert_eq!(typed, ["uname -a\n"]);
    assert!(runner.quits());
    assert_eq!(runner.unfinished(), None);
}

#[test]
fn the_answer_comes_with_the_last_byte_of_the_text() {
    let (mut runner, _) = ScriptRunner::start(Script::parse("s", SESSION).unwrap());
    assert!(b"~ #".iter().all(|&byte| runner.output(byte).is_none()));
    assert_eq!(
        runner.output(b' ').as_deref(),
        Some(&*strokes(b"uname -a\n"))
    );
}

#[test]
fn a_text_is_found_behind_a_false_start_of_itself() {
    let (runner, _) = run("wait \"aab\"", "aaab");
    assert_eq!(runner.unfinished(), None);
    let (runner, _) = run("wait \"abac\"", "ababac");
    assert_eq!(runner.unfinished(), None);
}

#[test]
fn output_counts_for_one_wait_only() {
    let (runner, _) = run("wait \"aa\"\nwait \"aa\"", "aaa");
    assert!(runner.unfinished().is_some());
    let (runner, _) = run("wait \"aa\"\nwait \"aa\"", "aaaa");
    assert_eq!(runner.unfinished(), None);
}

#[test]
fn a_script_may_type_before_it_waits() {
    let (runner, typed) = run("send \"a\"\nsend \"b\"", "");
    assert_eq!(typed, ["ab"]);
    assert_eq!(runner.unfinished(), None);
    assert!(!runner.quits());
}

#[test]
fn an_unfinished_script_tells_its_line() {
    let (runner, _) = run(SESSION, "~ # uname -a\nLinux\n~ #");
    assert_eq!(
        runner.unfinished().unwrap().to_string(),
        "s line 7: the machine stopped before the guest printed \"~ # \""
    );
}

#[test]
fn escapes_stand_for_bytes() {
    let (_, first) =
        ScriptRunner::start(Script::parse("s", r#"send "\n\r\t\x03\xfF\\\"é # ""#).unwrap());
    assert_eq!(first.unwrap(), strokes(b"\n\r\t\x03\xff\\\"\xc3\xa9 # "));
}

#[test]
fn each_bad_line_has_its_message() {
    for (line, message) in [
        (
            "expect \"x\"",
            "unknown step \"expect\"; write wait \"TEXT\", send \"TEXT\", break or quit",
        ),
        ("wait x", "the text is not in quotes; write it as \"TEXT\""),
        ("send", "the text is not in quotes; write it as \"TEXT\""),
        ("send \"x", "the text has no closing quote"),
        ("send \"x\\", "the text has no closing quote"),
        ("send \"x\\\"", "the text has no closing quote"),
        (
            "send \"x\" \"y\"",
            "\"\\\"y\\\"\" follows the step; one step a line",
        ),
        ("quit now", "\"now\" follows the step; one step a line"),
        (
            "send \"\\q\"",
            "unknown escape \\q; there are \\n \\r \\t \\x.. \\\\ and \\\"",
        ),
        (
            "send \"\\x4\"",
            "unknown escape \\x4\"; there are \\n \\r \\t \\x.. \\\\ and \\\"",
        ),
        (
            "send \"\\x+4\"",
            "unknown escape \\x+4; there are \\n \\r \\t \\x.. \\\\ and \\\"",
        ),
        ("wait \"\"", "the text is empty"),
        (
            "quit\nsend \"x\"",
            "nothing comes after quit; remove the step or the quit",
        ),
    ] {
        let number = 1 + line.lines().count();
        assert_eq!(
            error(&format!("# first\n{line}")),
            format!("s.txt line {number}: {message}")
        );
    }
}

#[test]
fn bad_files_have_their_line() {
    use std::io::Write;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"send \"\xff\"\n").unwrap();
    let path = file.path().display().to_string();
    assert_eq!(
        Script::open(file.path()).unwrap_err().to_string(),
        format!("{path}: is not UTF-8 text; write other bytes as \\x..")
    );
    assert_eq!(
        Script::open(Path::new("/no/script"))
            .unwrap_err()
            .to_string(),
        "/no/script: no such file; check the path"
    );
}

#[test]
fn a_break_has_its_place_among_what_is_typed() {
    let script = Script::parse("s", "send \"a\"\nbreak # SysRq\nsend \"h\"\nquit").unwrap();
    let (runner, typed) = ScriptRunner::start(script);
    let [a, h] = [b'a', b'h'].map(Stroke::Byte);
    assert_eq!(typed.unwrap(), [a, Stroke::Break, h]);
    assert!(runner.quits());
    assert!(error("break \"x\"").contains("follows the step"));
}
