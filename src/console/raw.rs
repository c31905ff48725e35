//! Raw mode of the host's terminal, undone on every way out.
//!
//! The way out may be a return, a panic on any thread or a signal; so what has to be undone is
//! kept in one place for the process, and what comes first undoes it.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::{panic, thread};

use mirrorball_runtime::device::virtio::WindowSize;
use rustix::termios::{self, OptionalActions, OutputModes, Termios};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGWINCH};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use super::Waker;

/// What is done at the first signal that asks the program to end.
static ENDING: Mutex<Option<Waker>> = Mutex::new(None);
/// That signal, or 0.
static ENDED_BY: AtomicI32 = AtomicI32::new(0);

/// What is done when the window of the raw terminal has another size.
static RESIZED: Mutex<Option<Waker>> = Mutex::new(None);
/// The size of that window, as columns and rows; nothing if it is not known.
static SIZE: Mutex<Option<WindowSize>> = Mutex::new(None);

/// The size of the window of the raw terminal.
pub(super) fn window_size() -> Option<WindowSize> {
    *SIZE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has `waker` called when that is another.
pub(super) fn when_resized(waker: Waker) {
    *RESIZED.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker);
}

/// Looks how large the window of `terminal` is.
fn measure(terminal: impl AsFd) {
    let size = termios::tcgetwinsize(terminal).ok();
    let size = size.filter(|size| size.ws_col > 0 && size.ws_row > 0);
    *SIZE.lock().unwrap_or_else(PoisonError::into_inner) = size.map(|size| WindowSize {
        columns: size.ws_col,
        rows: size.ws_row,
    });
}

/// Has SIGINT, SIGTERM and SIGHUP end the program in an orderly way: the first of them is noted, and
/// `waker` is called. A second one ends it at once.
///
/// # Errors
/// When the host has no thread that waits for signals.
pub fn end_orderly(waker: Waker) -> io::Result<()> {
    *ENDING.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker);
    watch_signals()
}

/// The signal that has asked the program to end, if one has.
#[must_use]
pub fn ended_by() -> Option<i32> {
    let signal = ENDED_BY.load(Ordering::Relaxed);
    (signal != 0).then_some(signal)
}

/// Whether this signal is one that asks for an orderly end, which is under way then.
fn begins_end(signal: i32) -> bool {
    if !matches!(signal, SIGINT | SIGTERM | SIGHUP) {
        return false;
    }
    let waker = ENDING.lock().unwrap_or_else(PoisonError::into_inner).take();
    if waker.is_some() {
        ENDED_BY.store(signal, Ordering::Relaxed);
    }
    waker.inspect(Waker::wake).is_some()
}

struct Saved {
    terminal: OwnedFd,
    cooked: Termios,
    raw: Termios,
}

static SAVED: Mutex<Option<Saved>> = Mutex::new(None);

/// The terminal is in raw mode for as long as this lives.
#[derive(Debug)]
pub(super) struct RawMode(());

impl RawMode {
    /// Puts `terminal` into raw mode. One terminal of a process can be in it at a time.
    pub fn enter(terminal: OwnedFd) -> io::Result<Self> {
        let cooked = termios::tcgetattr(&terminal)?;
        let mut raw = cooked.clone();
        raw.make_raw();
        // A lone line feed, from a bare-metal guest or from a message of ours, starts a new line.
        raw.output_modes |= cooked.output_modes & OutputModes::OPOST;
        watch()?;
        measure(&terminal);
        termios::tcsetattr(&terminal, OptionalActions::Now, &raw)?;
        *saved() = Some(Saved {
            terminal,
            cooked,
            raw,
        });
        Ok(Self(()))
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        restore();
        *saved() = None;
    }
}

fn saved() -> MutexGuard<'static, Option<Saved>> {
    SAVED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Back to what the terminal was. If that fails there is no one left to tell.
fn restore() {
    if let Some(saved) = &*saved() {
        let _ = termios::tcsetattr(&saved.terminal, OptionalActions::Now, &saved.cooked);
    }
}

/// Into raw mode once more, after the process was stopped.
fn resume() {
    if let Some(saved) = &*saved() {
        let _ = termios::tcsetattr(&saved.terminal, OptionalActions::Now, &saved.raw);
    }
}

/// Sees to it that panics and signals restore the terminal before they do what they do.
fn watch() -> io::Result<()> {
    static PANICS: Once = Once::new();
    PANICS.call_once(|| {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            restore();
            report(info);
        }));
    });
    watch_signals()
}

/// Sees to signals, on a thread for all of them.
fn watch_signals() -> io::Result<()> {
    static SIGNALS: Mutex<bool> = Mutex::new(false);
    let mut watching = SIGNALS.lock().unwrap_or_else(PoisonError::into_inner);
    if !*watching {
        let signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH])?;
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || obey(signals))?;
        *watching = true;
    }
    Ok(())
}

fn obey(mut signals: Signals) {
    for signal in signals.forever() {
        if signal == SIGCONT {
            resume();
        } else if signal == SIGWINCH {
            saved().iter().for_each(|saved| measure(&saved.terminal));
            let resized = RESIZED.lock().unwrap_or_else(PoisonError::into_inner);
            resized.iter().for_each(Waker::wake);
        } else if !begins_end(signal) {
            restore();
            // Ends the process, or stops it until SIGCONT.
            let _ = emulate_default_handler(signal);
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    use rustix::termios::LocalModes;

    use super::*;

    fn pseudo_terminal() -> (OwnedFd, OwnedFd) {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
        let master = openpt(flags).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let slave = std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(name)
            .unwrap();
        (master, slave.into())
    }

    /// One test, since a process has one raw terminal.
    #[test]
    fn raw_mode_is_undone_on_drop_and_panic() {
        let (_master, slave) = pseudo_terminal();
        let is_raw = || {
            let now = termios::tcgetattr(&slave).unwrap();
            assert!(
                now.output_modes.contains(OutputModes::OPOST),
                "lines start at the left"
            );
            !now.local_modes
                .intersects(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
        };
        assert!(!is_raw());
        let raw = RawMode::enter(slave.try_clone().unwrap()).unwrap();
        assert!(is_raw());
        drop(raw);
        assert!(!is_raw());

        let _raw = RawMode::enter(slave.try_clone().unwrap()).unwrap();
        assert!(is_raw());
        thread::spawn(|| panic!("expected by the test"))
            .join()
            .unwrap_err();
        assert!(!is_raw(), "a panic on another thread");
        resume();
        assert!(is_raw(), "after a stop");
    }

    #[test]
    fn what_is_no_terminal_is_refused() {
        let file = tempfile::tempfile().unwrap();
        assert!(RawMode::enter(file.into()).is_err());
    }
}
