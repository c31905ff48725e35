//! One terminal for the consoles of several VMs.
//!
//! Lines of output carry their VM's name; what is typed goes to one VM at a time, which Ctrl-A n
//! and Ctrl-A 1 .. 9 choose. Programs that draw on the whole screen need a console of their own:
//! a socket.

mod line;
mod screen;

use std::io::{self, IsTerminal, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use mirrorball_runtime::device::stroke::Stroke;
use rustix::termios;

pub(super) use self::line::Lines;
use self::screen::Screen;
use super::escape::{Command, Escape, SHARED_HELP, Typed, read_keys};
use super::place::stdout;
use super::raw::RawMode;
use super::terminal::raw_stdin;
use super::{Console, Keys, Lane, Outlet, Printer, Source, Waker};

use crate::sandbox::{Duty, narrow};

/// Bytes of input that may wait for one VM. More are lost, with a beep: a person who types must be
/// able to go on to another VM.
const ROOM: usize = 16 << 10;

/// The process's terminal, shared by VMs; it is restored when this goes.
#[derive(Debug)]
pub struct SharedTerminal {
    desk: Arc<Desk>,
    _raw: Option<RawMode>,
}

/// What the VMs and the keyboard share.
#[derive(Debug)]
struct Desk {
    state: Mutex<State>,
    /// Called for Ctrl-A x.
    quit: Waker,
}

#[derive(Debug)]
struct State {
    screen: Screen,
    /// By the VMs' numbers, as the screen has them.
    typists: Vec<Keys>,
    /// Whether the end of the input was seen.
    ended: bool,
}

impl SharedTerminal {
    /// Takes standard input and output. Ctrl-A x calls `quit` and tells all VMs that the person
    /// wants to leave: `quit` is for those that are paused or listen elsewhere.
    ///
    /// # Errors
    /// When the terminal cannot be put into raw mode or no thread can be started.
    pub fn open(quit: Waker) -> io::Result<Self> {
        let raw = raw_stdin()?;
        let width: Option<fn() -> usize> = io::stdout().is_terminal().then_some(stdout_width);
        let screen = Screen::new(Outlet::new(stdout()?)?, width);
        let desk = Arc::new(Desk::new(screen, quit));
        let escape = raw.is_some().then(Escape::default);
        let keyboard = desk.clone();
        thread::Builder::new()
            .name("console".to_owned())
            .spawn(move || {
                narrow(Duty::Serve);
                keyboard.read(io::stdin().lock(), escape);
            })?;
        Ok(Self { desk, _raw: raw })
    }

    /// A console for one more VM. The first one is typed to at the start.
    #[must_use]
    pub fn console(&self, name: &str, waker: Waker) -> Console {
        self.desk.console(name, waker)
    }
}

impl Drop for SharedTerminal {
    fn drop(&mut self) {
        self.desk.lock().screen.end();
    }
}

/// How many columns standard output has.
fn stdout_width() -> usize {
    let size = termios::tcgetwinsize(io::stdout());
    size.map_or(80, |size| size.ws_col.into())
}

impl Desk {
    fn new(screen: Screen, quit: Waker) -> Self {
        let state = State {
            screen,
            typists: Vec::new(),
            ended: false,
        };
        Self {
            state: Mutex::new(state),
            quit,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn console(self: &Arc<Self>, name: &str, waker: Waker) -> Console {
        let (keys, source) = Source::new(ROOM, waker.clone());
        let mut state = self.lock();
        let (number, lane) = state.screen.add(name, waker);
        if state.ended {
            keys.end();
        }
        state.typists.push(keys);
        Console {
            out: Box::new(Sink {
                desk: self.clone(),
                number,
                lane,
            }),
            source: Some(source),
        }
    }

    /// Hands on what is typed until there is no more.
    fn read(&self, from: impl Read, escape: Option<Escape>) {
        read_keys(from, escape, |typed| {
            self.lock().take(&typed, &self.quit);
            true
        });
        let mut state = self.lock();
        state.ended = true;
        state.typists.iter().for_each(Keys::end);
    }
}

impl State {
    fn take(&mut self, typed: &Typed, quit: &Waker) {
        match typed {
            Typed::Strokes(strokes) => self.type_to_chosen(strokes),
            Typed::Command(Command::Quit) => {
                self.typists.iter().for_each(Keys::quit);
                quit.wake();
            }
            Typed::Command(Command::Help | Command::Detach) => self.screen.say(SHARED_HELP),
            Typed::Command(Command::Next) => self.screen.choose_next(),
            Typed::Command(Command::Choose(number)) => self.screen.choose(*number),
        }
    }

    fn type_to_chosen(&mut self, strokes: &[Stroke]) {
        let Some(typist) = self.typists.get(self.screen.chosen()) else {
            return;
        };
        if typist.offer(strokes) < strokes.len() {
            self.screen.beep();
        }
    }
}

/// Where one VM's output goes.
#[derive(Debug)]
struct Sink {
    desk: Arc<Desk>,
    number: usize,
    lane: Arc<Lane>,
}

impl Printer for Sink {
    fn print(&mut self, bytes: &[u8]) {
        self.desk.lock().screen.print(self.number, bytes);
    }

    fn lane(&self) -> Option<&Lane> {
        Some(&self.lane)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.desk.lock().screen.remove(self.number);
    }
}

#[cfg(test)]
mod tests;
