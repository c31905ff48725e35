//! What several VMs have on one terminal: whole lines of all, and below them the open line of the
//! VM that is typed to.
//!
//! Open lines of other VMs wait until they end, or until the VM is chosen. Where the output is no
//! terminal, every line waits for its end.

use std::fmt::Write as _;
use std::sync::Arc;

use super::line::Lines;
use crate::console::{Lane, Outlet, Waker};

/// To the start of the row, and erase it.
const CLEAR: &str = "\r\x1b[K";

#[derive(Debug)]
struct Vm {
    name: String,
    lines: Lines,
    /// Where what it prints goes.
    lane: Arc<Lane>,
}

#[derive(Debug)]
pub(super) struct Screen {
    out: Outlet,
    /// Where what the person does goes.
    own: Lane,
    /// How many columns there are, if it is a terminal.
    width: Option<fn() -> usize>,
    vms: Vec<Vm>,
    chosen: usize,
    /// Whether an open line is on the terminal.
    open: bool,
}

impl Screen {
    pub fn new(out: Outlet, width: Option<fn() -> usize>) -> Self {
        Self {
            own: out.lane(Waker::none()),
            out,
            width,
            vms: Vec::new(),
            chosen: 0,
            open: false,
        }
    }

    /// One more VM; its number, and its lane, which `waker` is for.
    pub fn add(&mut self, name: &str, waker: Waker) -> (usize, Arc<Lane>) {
        let lane = Arc::new(self.out.lane(waker));
        self.vms.push(Vm {
            name: name.chars().filter(|c| !c.is_control()).collect(),
            lines: Lines::default(),
            lane: Arc::clone(&lane),
        });
        (self.vms.len() - 1, lane)
    }

    /// The VM that is typed to.
    pub const fn chosen(&self) -> usize {
        self.chosen
    }

    /// Shows what a VM prints.
    pub fn print(&mut self, number: usize, bytes: &[u8]) {
        let Some(vm) = self.vms.get_mut(number) else {
            return;
        };
        let ended = vm.lines.feed(bytes);
        if ended.is_empty() && (number != self.chosen || self.width.is_none()) {
            return;
        }
        let mut text = String::new();
        for line in ended {
            let _ = writeln!(text, "[{}] {line}", self.vms[number].name);
        }
        let shown = self.shown(&text);
        self.vms[number].lane.print(shown.as_bytes());
    }

    /// What shows whole lines above the open one.
    fn shown(&mut self, lines: &str) -> String {
        let mut text = String::new();
        if self.open {
            text += CLEAR;
        }
        text += lines;
        let open = self.open_line();
        self.open = open.is_some();
        text += &open.unwrap_or_default();
        text
    }

    /// The open line of the VM that is typed to: on one row, so that it can be taken away again.
    fn open_line(&self) -> Option<String> {
        let vm = self.vms.get(self.chosen)?;
        let (line, cursor) = vm.lines.open();
        if line.is_empty() {
            return None;
        }
        let prefix = format!("[{}] ", vm.name);
        let room = (self.width?)().saturating_sub(prefix.chars().count() + 1);
        let room = room.max(1);
        // Of a line that is too long, the part that ends with the cursor.
        let start = cursor.saturating_sub(room);
        let shown = &line[start..line.len().min(start + room)];
        let mut text = prefix;
        text.extend(shown);
        let back = start + shown.len() - cursor;
        if back > 0 {
            let _ = write!(text, "\x1b[{back}D");
        }
        Some(text)
    }

    /// A message to the person, in lines.
    pub fn say(&mut self, lines: &str) {
        let shown = self.shown(lines);
        self.own.print(shown.as_bytes());
    }

    pub fn beep(&mut self) {
        if self.width.is_some() {
            self.own.print(b"\x07");
        }
    }

    /// Has the person type to that VM, if there is one.
    pub fn choose(&mut self, number: usize) {
        let Some(vm) = self.vms.get(number) else {
            self.say(&format!("[mirrorball] there is no VM {}\n", number + 1));
            return;
        };
        let name = vm.name.clone();
        self.chosen = number;
        self.say(&format!("[mirrorball] typing to {name}\n"));
    }

    pub fn choose_next(&mut self) {
        if !self.vms.is_empty() {
            self.choose((self.chosen + 1) % self.vms.len());
        }
    }

    /// The VM prints no more. It keeps its number.
    pub fn remove(&mut self, number: usize) {
        let Some(vm) = self.vms.get_mut(number) else {
            return;
        };
        if let Some(line) = vm.lines.end() {
            let line = format!("[{}] {line}\n", vm.name);
            let shown = self.shown(&line);
            self.vms[number].lane.print(shown.as_bytes());
        }
    }

    /// Ends all open lines.
    pub fn end(&mut self) {
        for number in 0..self.vms.len() {
            self.remove(number);
        }
    }
}
