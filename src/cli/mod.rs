//! The command line: one file a subcommand.
//!
//! A subcommand has arguments as clap reads them and a function that does the work. A failure is
//! a [`CliError`]; it ends up as one line on standard error and an [`Exit`] code, here and nowhere
//! else.

mod bench;
mod bisect;
mod ctl;
mod disasm;
mod disk;
mod error;
mod exit;
mod fetch;
mod inspect;
mod measure;
mod pages;
mod program;
mod qemu;
pub mod run;
mod slurm;
mod switches;
mod top;
mod trace;
mod tune;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, ErrorKind as IoErrorKind, Write as _};
use std::process::ExitCode;
use std::sync::Arc;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use signal_hook::consts::SIGXFSZ;

pub use error::CliError;
pub use exit::Exit;
pub use fetch::FetchError;

/// Runs MIPS32 guest kernels on an emulated Malta board.
#[derive(Debug, Parser)]
#[command(
    name = "mirrorball",
    version,
    max_term_width = 100,
    arg_required_else_help = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(Box<run::RunArgs>),
    Disasm(disasm::DisasmArgs),
    Inspect(inspect::InspectArgs),
    Trace(Box<trace::TraceArgs>),
    Bisect(Box<bisect::BisectArgs>),
    Bench(Box<bench::BenchArgs>),
    Tune(Box<tune::TuneArgs>),
    Fetch(fetch::FetchArgs),
    Disk(disk::DiskArgs),
    Ctl(ctl::CtlArgs),
    Top(top::TopArgs),
    Completions(pages::CompletionsArgs),
    Man(pages::ManArgs),
}

/// The stack that the program needs at the least.
const STACK: u64 = 1 << 20;

/// The whole program: reads the command line, does what it says, and says how that ended.
#[must_use]
pub fn main() -> ExitCode {
    // Without a handler the signal ends the program; with one, the write fails that is too much.
    let _ = signal_hook::flag::register(SIGXFSZ, Arc::default());
    if let Err(error) = ensure_stack() {
        complain(&error.to_string());
        return error.exit().into();
    }
    obey()
}

/// Raises the limit of the stack if it is small. The stack grows as far as the limit is by then.
fn ensure_stack() -> Result<(), CliError> {
    let limit = getrlimit(Resource::Stack);
    if limit.current.is_none_or(|most| most >= STACK) {
        return Ok(());
    }
    let raised = Rlimit {
        current: Some(STACK),
        maximum: limit.maximum.map(|most| most.max(STACK)),
    };
    setrlimit(Resource::Stack, raised).map_err(|_| CliError::Stack { needed: STACK })
}

/// Does what the command line says.
fn obey() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let cli = match parse(&arguments) {
        Ok(cli) => cli,
        Err(error) => return refuse(&error, &arguments).into(),
    };
    let ended = match cli.command {
        Command::Run(args) => args.validate().and_then(run::execute),
        Command::Disasm(args) => disasm::execute(&args),
        Command::Inspect(args) => inspect::execute(&args),
        Command::Trace(args) => trace::execute(&args),
        Command::Bisect(args) => bisect::execute(&args),
        Command::Bench(args) => bench::execute(&args),
        Command::Tune(args) => tune::execute(*args),
        Command::Fetch(args) => fetch::execute(&args),
        Command::Disk(args) => disk::execute(&args),
        Command::Ctl(args) => ctl::execute(&args),
        Command::Top(args) => top::execute(&args),
        Command::Completions(args) => pages::complete(&args),
        Command::Man(args) => pages::write(&args),
    };
    code(ended).into()
}

/// The exit code of what ended so. A failure is told.
fn code(ended: Result<Exit, CliError>) -> Exit {
    ended.unwrap_or_else(|error| {
        complain(&error.to_string());
        error.exit()
    })
}

/// Prints `message` as the one line that a failure is told by.
fn complain(message: &str) {
    // File names may hold anything, line feeds and terminal escapes included.
    let line = message.chars().fold(String::new(), |mut line, c| {
        if c.is_control() {
            let _ = write!(line, "{}", c.escape_default());
        } else {
            line.push(c);
        }
        line
    });
    say(&format!("mirrorball: {line}\n"));
}

/// Prints `text` on standard error. If that is full or closed, there is nothing left to tell it to.
fn say(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Prints `text` on standard output.
fn print(text: &str) -> Result<Exit, CliError> {
    let mut out = io::stdout().lock();
    taken(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// Whether standard output took what was printed. A reader that has seen enough is no error.
fn taken(printed: io::Result<()>) -> Result<Exit, CliError> {
    match printed {
        Err(error) if error.kind() != IoErrorKind::BrokenPipe => Err(CliError::Output(error)),
        _ => Ok(Exit::Done),
    }
}

fn parse<I>(arguments: I) -> Result<Cli, clap::Error>
where
    I: IntoIterator,
    I::Item: Into<OsString> + Clone,
{
    let matches = command().try_get_matches_from(arguments)?;
    Cli::from_arg_matches(&matches)
}

fn command() -> clap::Command {
    let codes = exit_codes();
    Cli::command()
        .after_help(format!(
            "{codes}\n\nmirrorball COMMAND --help tells more about each command."
        ))
        .mut_subcommand("run", |run| run.after_long_help(run::guide(&codes)))
}

fn exit_codes() -> String {
    let mut text = String::from("Exit codes:");
    for (exit, meaning) in Exit::ALL {
        let _ = write!(text, "\n  {:>2}  {meaning}", exit as u8);
    }
    text
}

/// Prints what there is to say instead of running a command: help in full, errors in one line.
fn refuse(error: &clap::Error, arguments: &[OsString]) -> Exit {
    if let Some(line) = qemu::explain(error, arguments) {
        complain(&line);
        return Exit::Usage;
    }
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            code(taken(error.print().and_then(|()| io::stdout().flush())))
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            Exit::Usage
        }
        _ => {
            complain(&one_line(&error.render().to_string()));
            Exit::Usage
        }
    }
}

/// The lines of clap's message that tell what is wrong, as one.
fn one_line(message: &str) -> String {
    let lines: Vec<_> = message
        .lines()
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"))
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let text = lines.join(" ");
    format!(
        "{} (--help tells more)",
        text.strip_prefix("error: ").unwrap_or(&text)
    )
}

#[cfg(test)]
mod tests;
