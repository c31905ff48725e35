//! Debian's boot, saved at random counts of instructions: the machine that is loaded goes on as if
//! nothing had happened.

use super::debian;
use crate::common::{cannot_run, saved_counts};
use libtest_mimic::{Completion, Failed};
use std::process::Output;

/// A count that the shell, which waits by then, has come to.
const END: u64 = 5_300_000_000;

/// Runs to a count, and says what was printed and in which state that ended.
fn until(count: u64, arguments: &[&str]) -> Result<Result<(Vec<u8>, String), Failed>, String> {
    let count = count.to_string();
    let arguments = [&["--until", &count], arguments].concat();
    Ok(ended(debian("jit", &arguments)?))
}

fn ended(output: Output) -> Result<(Vec<u8>, String), Failed> {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    match output.status.code() {
        Some(0) => Ok((
            output.stdout,
            said.lines().last().unwrap_or_default().into(),
        )),
        code => Err(format!("{code:?}: {said}").into()),
    }
}

pub(super) fn goes_on_from_any_count() -> Result<Completion, Failed> {
    let (printed, state) = match until(END, &[]) {
        Ok(whole) => whole?,
        Err(reason) => return cannot_run(&reason),
    };
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("snapshot").display().to_string();
    for count in saved_counts(0, END) {
        let (before, _) = until(count, &["--snapshot", &file])??;
        let arguments = ["run", "--hash", "--restore", &file, "--until"];
        let mut rest = super::mirrorball();
        let rest = rest.args(arguments).arg(END.to_string()).output()?;
        let (after, ended) = ended(rest)?;
        super::check(ended == state, || {
            format!("at {count}: {ended}, not {state}")
        })?;
        super::check([before, after].concat() == printed, || {
            format!("at {count} the outputs differ")
        })?;
    }
    Ok(Completion::Completed)
}
