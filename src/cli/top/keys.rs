//! What `top` knows and what keys do to it; it neither asks nor draws.

use std::cmp::Ordering;
use std::time::{Duration, Instant};

use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::rates::Rates;
use crate::control::{Action, ClientError, MonitorStatus, VmStatus};

/// What lines are sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Sort {
    /// The monitor's order.
    #[default]
    Defined,
    Name,
    Cpu,
    Exits,
    Memory,
}

impl Sort {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Defined => "as defined",
            Self::Name => "name",
            Self::Cpu => "CPU",
            Self::Exits => "exits",
            Self::Memory => "memory",
        }
    }

    const fn next(self) -> Self {
        match self {
            Self::Defined => Self::Name,
            Self::Name => Self::Cpu,
            Self::Cpu => Self::Exits,
            Self::Exits => Self::Memory,
            Self::Memory => Self::Defined,
        }
    }

    fn compare(self, a: &Line, b: &Line) -> Ordering {
        match self {
            Self::Defined => Ordering::Equal,
            Self::Name => a.vm.name.cmp(&b.vm.name),
            // The largest first.
            Self::Cpu => b.rates.cpu.total_cmp(&a.rates.cpu),
            Self::Exits => b.rates.all_exits().total_cmp(&a.rates.all_exits()),
            Self::Memory => resident(&b.vm).cmp(&resident(&a.vm)),
        }
    }
}

fn resident(vm: &VmStatus) -> u64 {
    vm.memory.private + vm.memory.shared
}

/// A VM and what it does.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Line {
    pub vm: VmStatus,
    pub rates: Rates,
}

/// What has to be done for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Then {
    Nothing,
    Quit,
    Act(String, Action),
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// The monitor at the last look, without its VMs.
    pub monitor: MonitorStatus,
    /// Switches a second.
    pub switches: f64,
    lines: Vec<Line>,
    looked: Option<Instant>,
    /// The chosen VM's name: it stays chosen wherever it is sorted to.
    chosen: Option<String>,
    pub sort: Sort,
    pub help: bool,
    /// Why the last action was not done.
    pub message: Option<String>,
}

impl State {
    /// Takes a new look.
    pub fn update(&mut self, mut status: MonitorStatus, at: Instant) {
        let vms = std::mem::take(&mut status.vms);
        let time = self.looked.map(|before| at - before);
        self.switches = time.map_or(0.0, |time| {
            let switches = status.switches.saturating_sub(self.monitor.switches);
            switches as f64 / time.as_secs_f64().max(f64::MIN_POSITIVE)
        });
        self.lines = vms.into_iter().map(|vm| self.line(vm, time)).collect();
        self.monitor = status;
        self.looked = Some(at);
        if self.at().is_none() {
            self.chosen = self.vms().first().map(|line| line.vm.name.clone());
        }
    }

    fn line(&self, vm: VmStatus, time: Option<Duration>) -> Line {
        let before = self.lines.iter().find(|line| line.vm.name == vm.name);
        let rates = match (before, time) {
            (Some(before), Some(time)) => Rates::between(&before.vm, &vm, time),
            // Of a first look there is only what the monitor measured.
            _ => Rates {
                cpu: vm.cpu_share,
                mips: vm.mips,
                ..Rates::default()
            },
        };
        Line { vm, rates }
    }

    /// The VMs in the order in which they are shown.
    pub fn vms(&self) -> Vec<&Line> {
        let mut lines: Vec<_> = self.lines.iter().collect();
        lines.sort_by(|a, b| self.sort.compare(a, b));
        lines
    }

    /// Which line is chosen.
    pub fn at(&self) -> Option<usize> {
        let chosen = self.chosen.as_ref()?;
        self.vms().iter().position(|line| line.vm.name == *chosen)
    }

    /// Takes note of how an action went.
    pub fn tell(&mut self, error: Option<ClientError>) {
        self.message = error.map(|error| error.to_string());
    }

    pub fn take(&mut self, event: &Event) -> Then {
        let Event::Key(key) = event else {
            return Then::Nothing;
        };
        if key.kind == KeyEventKind::Release {
            return Then::Nothing;
        }
        self.message = None;
        if self.help {
            self.help = false;
            return if quits(key) {
                Then::Quit
            } else {
                Then::Nothing
            };
        }
        match key.code {
            _ if quits(key) => return Then::Quit,
            KeyCode::Up | KeyCode::Char('k') => self.go(-1),
            KeyCode::Down | KeyCode::Char('j') => self.go(1),
            KeyCode::Char('p') => return self.act(Action::Pause),
            KeyCode::Char('r') => return self.act(Action::Resume),
            KeyCode::Char('s') => self.sort = self.sort.next(),
            KeyCode::Char('h' | '?') => self.help = true,
            _ => {}
        }
        Then::Nothing
    }

    fn go(&mut self, by: isize) {
        let vms = self.vms();
        let at = self.at().unwrap_or(0).saturating_add_signed(by);
        let line = vms.get(at.min(vms.len().saturating_sub(1)));
        self.chosen = line.map(|line| line.vm.name.clone());
    }

    fn act(&self, action: Action) -> Then {
        match &self.chosen {
            Some(name) => Then::Act(name.clone(), action),
            None => Then::Nothing,
        }
    }
}

/// In raw mode Ctrl-C is a key.
fn quits(key: &KeyEvent) -> bool {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Char('q') | KeyCode::Esc => true,
        KeyCode::Char('c') => control,
        _ => false,
    }
}
