//! One terminal for the consoles of several VMs.
//!
//! Lines of output carry their VM's name; what is typed goes to one VM at a time, which Ctrl-A n
//! and Ctrl-A 1 .. 9 choose. Programs that draw on the whole screen need a console of their own:
//! a socket.

mod line;
mod screen;

use std::io::{self, IsTerminal, Read, Write};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use rustix::termios;

use self::screen::Screen;
use super::escape::{Command, Escape, SHARED_HELP, Typed, read_keys};
use super::raw::RawMode;
use super::terminal::raw_stdin;
use super::{Console, Input, Source, Waker};

/// Pieces of input that may wait for one VM. More are lost, with a beep: a person who types must be
/// able to go on to another VM.
const ROOM: usize = 4096;

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
    typists: Vec<Typist>,
    /// Whether the end of the input was seen.
    ended: bool,
}

#[derive(Debug)]
struct Typist {
    sender: SyncSender<Input>,
    waker: Waker,
}

impl SharedTerminal {
    /// Takes standard input and output. Ctrl-A x calls `quit` and types [`Input::Quit`] to all
    /// VMs: `quit` is for those that are paused or listen elsewhere.
    ///
    /// # Errors
    /// When the terminal cannot be put into raw mode or no thread can be started.
    pub fn open(quit: Waker) -> io::Result<Self> {
        let raw = raw_stdin()?;
        let width: Option<fn() -> usize> = io::stdout().is_terminal().then_some(stdout_width);
        let screen = Screen::new(Box::new(io::stdout()), width);
        let desk = Arc::new(Desk::new(screen, quit));
        let escape = raw.is_some().then(Escape::default);
        let keyboard = desk.clone();
        thread::Builder::new()
            .name("console".to_owned())
            .spawn(move || keyboard.read(io::stdin().lock(), escape))?;
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
        let (sender, source) = Source::channel(ROOM);
        let mut state = self.lock();
        let number = state.screen.add(name);
        let typist = Typist { sender, waker };
        if state.ended {
            typist.send(Input::End);
        }
        state.typists.push(typist);
        Console {
            out: Box::new(Sink {
                desk: self.clone(),
                number,
            }),
            source: Some(source),
        }
    }

    /// Hands on what is typed until there is no more.
    fn read(&self, from: impl Read, escape: Option<Escape>) {
        read_keys(from, escape, |typed| {
            self.lock().take(typed, &self.quit);
            true
        });
        let mut state = self.lock();
        state.ended = true;
        state.tell_all(&Input::End);
    }
}

impl State {
    fn take(&mut self, typed: Typed, quit: &Waker) {
        match typed {
            Typed::Bytes(bytes) => self.type_to_chosen(bytes),
            Typed::Command(Command::Quit) => {
                self.tell_all(&Input::Quit);
                quit.wake();
            }
            Typed::Command(Command::Help) => self.screen.say(SHARED_HELP),
            Typed::Command(Command::Next) => self.screen.choose_next(),
            Typed::Command(Command::Choose(number)) => self.screen.choose(number),
        }
    }

    fn type_to_chosen(&mut self, bytes: Vec<u8>) {
        let Some(typist) = self.typists.get(self.screen.chosen()) else {
            return;
        };
        if !typist.send(Input::Bytes(bytes)) {
            self.screen.beep();
        }
    }

    fn tell_all(&self, input: &Input) {
        for typist in &self.typists {
            typist.send(input.clone());
        }
    }
}

impl Typist {
    /// Says whether there was room.
    fn send(&self, input: Input) -> bool {
        let sent = self.sender.try_send(input);
        self.waker.wake();
        !matches!(sent, Err(TrySendError::Full(_)))
    }
}

/// Where one VM's output goes.
#[derive(Debug)]
struct Sink {
    desk: Arc<Desk>,
    number: usize,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.desk.lock().screen.print(self.number, bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.desk.lock().screen.remove(self.number);
    }
}

#[cfg(test)]
mod tests;
