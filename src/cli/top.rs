//! `mirrorball top`: what VMs do, while they do it.

mod keys;
mod rates;
mod view;

use std::io;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use ratatui::crossterm::event;
use ratatui::{DefaultTerminal, Terminal, backend::TestBackend};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use self::keys::{State, Then};
use super::{CliError, Exit, ctl, print};
use crate::control::Client;

/// How long a key or a signal may wait.
const TICK: Duration = Duration::from_millis(100);
/// The width of the table that `--once` prints.
const WIDTH: u16 = 140;

/// Show what running VMs do, a line each
///
/// Keys: q quits, arrows choose a VM, p pauses and r resumes it, s sorts by another column,
/// h helps.
#[derive(Debug, Args)]
pub(super) struct TopArgs {
    /// The monitor's control socket
    #[arg(long, value_name = "PATH", default_value = ctl::SOCKET)]
    socket: PathBuf,
    /// Seconds between two looks, 0.1 to 3600
    #[arg(long, value_name = "S", default_value = "1", value_parser = seconds)]
    interval: Duration,
    /// Look twice, the interval apart, print one table and end; needs no terminal
    #[arg(long)]
    once: bool,
}

fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .filter(|seconds| (0.1..=3600.0).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "is no number of seconds from 0.1 to 3600".to_owned())
}

/// Shows VMs until the user has seen enough.
pub(super) fn execute(args: &TopArgs) -> Result<Exit, CliError> {
    let client = Client::new(&args.socket);
    let mut state = State::default();
    // Before the terminal changes, so that a socket that is not there is told in one line.
    state.update(client.status()?, Instant::now());
    if args.once {
        thread::sleep(args.interval);
        state.update(client.status()?, Instant::now());
        return print(&once(&state));
    }
    let mut signals =
        Signals::new([SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP]).map_err(CliError::Top)?;
    let mut screen = Screen::open().map_err(CliError::Top)?;
    watch(
        &client,
        args.interval,
        &mut state,
        &mut screen,
        &mut signals,
    )?;
    Ok(Exit::Done)
}

/// The table as text.
fn once(state: &State) -> String {
    let height = u16::try_from(state.vms().len()).map_or(u16::MAX, |vms| vms.saturating_add(5));
    let Ok(mut terminal) = Terminal::new(TestBackend::new(WIDTH, height));
    let Ok(_) = terminal.draw(|frame| view::draw(frame, state, false));
    view::text(terminal.backend().buffer())
}

/// The terminal while it shows VMs; what it was when this goes, by a panic as well.
struct Screen(DefaultTerminal);

impl Screen {
    fn open() -> io::Result<Self> {
        // Halfway in is not in.
        ratatui::try_init()
            .map(Self)
            .inspect_err(|_| ratatui::restore())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

fn watch(
    client: &Client,
    interval: Duration,
    state: &mut State,
    screen: &mut Screen,
    signals: &mut Signals,
) -> Result<(), CliError> {
    let mut next = Instant::now() + interval;
    loop {
        obey(signals, screen).map_err(CliError::Top)?;
        let drawn = screen.0.draw(|frame| view::draw(frame, state, true));
        drawn.map_err(CliError::Top)?;
        let left = next.saturating_duration_since(Instant::now());
        // A signal may interrupt the wait; that is no failure.
        if event::poll(left.min(TICK)).unwrap_or(false) {
            let event = event::read().map_err(CliError::Top)?;
            match state.take(&event) {
                Then::Quit => return Ok(()),
                Then::Act(name, action) => state.tell(client.act(&name, action).err()),
                Then::Nothing => {}
            }
        }
        if Instant::now() >= next {
            state.update(client.status()?, Instant::now());
            next = Instant::now() + interval;
        }
    }
}

/// Does what signals do, with the terminal as it was before.
fn obey(signals: &mut Signals, screen: &mut Screen) -> io::Result<()> {
    for signal in signals.pending() {
        ratatui::restore();
        // Ends the process, or stops it until SIGCONT.
        emulate_default_handler(signal)?;
        *screen = Screen(ratatui::try_init()?);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
