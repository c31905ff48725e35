//! What GDB asks for, done to the machine. How far the machine runs is decided in one place:
//! [`Debuggee::go_on`].

use std::convert::Infallible;
use std::sync::Arc;

use gdbstub::common::Signal;
use gdbstub::stub::SingleThreadStopReason;
use gdbstub::target::ext::base::BaseOps;
use gdbstub::target::ext::base::reverse_exec::{
    ReplayLogPosition, ReverseCont, ReverseContOps, ReverseStep, ReverseStepOps,
};
use gdbstub::target::ext::base::single_register_access::{
    SingleRegisterAccess, SingleRegisterAccessOps,
};
use gdbstub::target::ext::base::singlethread::{
    SingleThreadBase, SingleThreadRangeStepping, SingleThreadRangeSteppingOps, SingleThreadResume,
    SingleThreadResumeOps, SingleThreadSingleStep, SingleThreadSingleStepOps,
};
use gdbstub::target::ext::breakpoints::{
    self, Breakpoints, BreakpointsOps, HwBreakpoint, HwBreakpointOps, HwWatchpoint,
    HwWatchpointOps, SwBreakpoint, SwBreakpointOps,
};
use gdbstub::target::ext::monitor_cmd::{ConsoleOutput, MonitorCmd, MonitorCmdOps};
use gdbstub::target::ext::target_description_xml_override::{
    TargetDescriptionXmlOverride, TargetDescriptionXmlOverrideOps,
};
use gdbstub::target::{Target, TargetError, TargetResult};
use mirrorball_runtime::addr::Va;
use mirrorball_runtime::vcpu::{Goal, StopCause, WatchKind, Watchpoint};
use mirrorball_runtime::vm::{Back, Vm, debug};

use super::monitor;
use super::registers::{Image, Mips32, Number, description};
use super::subject::{Desk, Ending, Subject, Wishes};

/// There is no such machine now.
const NO_MACHINE: u8 = 3;
/// There is no RAM at the address, or it is not mapped.
const NO_MEMORY: u8 = 14;
/// The value cannot be written.
const FIXED: u8 = 22;

/// The most breakpoints, and the most watchpoints: each access to a page that is watched is compared
/// with all of these.
const MOST: usize = 1000;
/// The most bytes that a watchpoint is for.
const WIDEST: u32 = 1 << 16;

/// Why a machine stopped, as GDB is told.
pub(super) type Reason = SingleThreadStopReason<u32>;

/// The machine has nowhere to go back to.
const BEGIN: Reason = Reason::ReplayLog {
    tid: None,
    pos: ReplayLogPosition::Begin,
};

/// The machine, as GDB sees it.
pub(super) struct Debuggee {
    subject: Arc<dyn Subject>,
    desk: Arc<Desk>,
    software: Vec<u32>,
    hardware: Vec<u32>,
    description: String,
    /// Why it did not go back when it was told to, until the debugger knows.
    refusal: Option<String>,
}

impl Debuggee {
    /// A machine, which stands still from now on. `None` if there is no VM now.
    pub fn attach(subject: Arc<dyn Subject>, desk: Arc<Desk>) -> Option<Self> {
        desk.wish(|wishes| wishes.waits = true);
        if !subject.attend(&mut |_| ()) {
            return None;
        }
        subject.halt();
        Some(Self {
            subject,
            desk,
            software: Vec::new(),
            hardware: Vec::new(),
            description: description(),
            refusal: None,
        })
    }

    /// Ends the machine.
    pub fn kill(&self) {
        self.subject.end();
    }

    /// Has the machine stand still.
    pub fn halt(&self) {
        self.desk.wish(|wishes| wishes.waits = true);
        self.subject.halt();
    }

    /// Does something to the VM, if there is one.
    fn attend<T>(&self, mut work: impl FnMut(&mut Vm) -> T) -> Option<T> {
        let mut done = None;
        self.subject.attend(&mut |vm| done = Some(work(vm)));
        done
    }

    fn at_machine<T>(&self, work: impl FnMut(&mut Vm) -> T) -> TargetResult<T, Self> {
        self.attend(work).ok_or(TargetError::Errno(NO_MACHINE))
    }

    /// Lets the machine go on, as far as `goal` says.
    fn go_on(&self, goal: impl Fn(&Vm) -> Goal) {
        self.desk.wish(|wishes| wishes.waits = false);
        self.attend(|vm| vm.go_on(goal(vm)));
        self.subject.go_on();
    }

    /// Lets the machine go back, if it can.
    fn go_back(&mut self, back: Back) {
        if self.attend(|vm| vm.go_back(back)) == Some(true) {
            self.desk.wish(|wishes| wishes.waits = false);
            self.subject.go_on();
            return;
        }
        let why = self.subject.stays();
        let forgets =
            "nothing of its past is kept; --gdb-history or ctl gdb --history does".to_owned();
        self.refusal = why.or_else(|| self.desk.forgets().then_some(forgets));
        self.refusal
            .get_or_insert("there is no machine now".to_owned());
    }

    /// Why the machine did not go back when it was told to, once, and what that is to the debugger.
    pub fn take_refusal(&mut self) -> Option<(String, Reason)> {
        let why = self.refusal.take()?;
        Some((format!("The guest cannot go back: {why}.\n"), BEGIN))
    }

    /// Why the machine, which was to go on, stands still, if it does.
    pub fn stopped(&self) -> Option<Reason> {
        if let Some(ending) = self.desk.ending() {
            return Some(match ending {
                Ending::Exit(code) => Reason::Exited(code),
                Ending::Crash => Reason::Terminated(Signal::SIGABRT),
            });
        }
        let (cause, pc) = self.attend(|vm| Some((vm.stop_cause()?, vm.cpu.pc as u32)))??;
        self.desk.wish(|wishes| wishes.waits = true);
        Some(match cause {
            StopCause::Breakpoint if self.software.contains(&pc) => Reason::SwBreak(()),
            StopCause::Breakpoint if self.hardware.contains(&pc) => Reason::HwBreak(()),
            // It is in the delay slot of the branch here.
            StopCause::Breakpoint => Reason::Signal(Signal::SIGTRAP),
            StopCause::Watchpoint(kind, va) => Reason::Watch {
                tid: (),
                kind: match kind {
                    WatchKind::Read => breakpoints::WatchKind::Read,
                    WatchKind::Write => breakpoints::WatchKind::Write,
                    WatchKind::Access => breakpoints::WatchKind::ReadWrite,
                },
                addr: va.0 as u32,
            },
            StopCause::Goal => Reason::DoneStep,
            StopCause::Begin => BEGIN,
        })
    }

    /// The breakpoints of one kind.
    fn of_kind(&mut self, software: bool) -> &mut Vec<u32> {
        if software {
            &mut self.software
        } else {
            &mut self.hardware
        }
    }

    /// Both kinds are the same: no word of the guest's memory is changed.
    fn set_breakpoint(&mut self, address: u32, software: bool) -> bool {
        let set = self.of_kind(software);
        if set.contains(&address) {
            return true;
        }
        if address & 3 != 0 || set.len() >= MOST {
            return false;
        }
        set.push(address);
        let va = Va(address.into());
        self.desk.wish(|wishes| wishes.breakpoints.push(va));
        self.attend(|vm| vm.cpu.stops.set_breakpoint(va));
        true
    }

    fn clear_breakpoint(&mut self, address: u32, software: bool) {
        let set = self.of_kind(software);
        if let Some(at) = set.iter().position(|&set| set == address) {
            set.swap_remove(at);
            let va = Va(address.into());
            self.desk
                .wish(|wishes| remove(&mut wishes.breakpoints, &va));
            self.attend(|vm| vm.cpu.stops.clear_breakpoint(va));
        }
    }
}

impl Drop for Debuggee {
    /// The debugger is gone: the machine goes on, and stops no more.
    fn drop(&mut self) {
        self.desk.wish(|wishes| *wishes = Wishes::default());
        self.attend(|vm| vm.cpu.stops.clear());
        self.go_on(|_| Goal::None);
    }
}

/// Takes one `item` out of `list`, if it is there.
fn remove<T: PartialEq>(list: &mut Vec<T>, item: &T) -> bool {
    let found = list.iter().position(|other| other == item);
    found.map(|at| list.swap_remove(at)).is_some()
}

fn watchpoint(address: u32, bytes: u32, kind: breakpoints::WatchKind) -> Watchpoint {
    Watchpoint {
        start: Va(address.into()),
        bytes,
        kind: match kind {
            breakpoints::WatchKind::Read => WatchKind::Read,
            breakpoints::WatchKind::Write => WatchKind::Write,
            breakpoints::WatchKind::ReadWrite => WatchKind::Access,
        },
    }
}

impl Target for Debuggee {
    type Arch = Mips32;
    type Error = Infallible;

    fn base_ops(&mut self) -> BaseOps<'_, Mips32, Infallible> {
        BaseOps::SingleThread(self)
    }

    fn guard_rail_implicit_sw_breakpoints(&self) -> bool {
        true
    }

    fn support_breakpoints(&mut self) -> Option<BreakpointsOps<'_, Self>> {
        Some(self)
    }

    fn support_monitor_cmd(&mut self) -> Option<MonitorCmdOps<'_, Self>> {
        Some(self)
    }

    fn support_target_description_xml_override(
        &mut self,
    ) -> Option<TargetDescriptionXmlOverrideOps<'_, Self>> {
        Some(self)
    }
}

impl SingleThreadBase for Debuggee {
    fn read_registers(&mut self, image: &mut Image) -> TargetResult<(), Self> {
        *image = self.at_machine(|vm| Image::of(vm))?;
        Ok(())
    }

    fn write_registers(&mut self, image: &Image) -> TargetResult<(), Self> {
        let done = self.at_machine(|vm| image.write(vm))?;
        done.then_some(()).ok_or(TargetError::Errno(FIXED))
    }

    fn support_single_register_access(&mut self) -> Option<SingleRegisterAccessOps<'_, (), Self>> {
        Some(self)
    }

    fn read_addrs(&mut self, start: u32, data: &mut [u8]) -> TargetResult<usize, Self> {
        match self.at_machine(|vm| debug::read(vm, Va(start.into()), data))? {
            0 if !data.is_empty() => Err(TargetError::Errno(NO_MEMORY)),
            count => Ok(count),
        }
    }

    fn write_addrs(&mut self, start: u32, data: &[u8]) -> TargetResult<(), Self> {
        let done = self.at_machine(|vm| debug::write(vm, Va(start.into()), data))?;
        done.then_some(()).ok_or(TargetError::Errno(NO_MEMORY))
    }

    fn support_resume(&mut self) -> Option<SingleThreadResumeOps<'_, Self>> {
        Some(self)
    }
}

impl SingleRegisterAccess<()> for Debuggee {
    fn read_register(
        &mut self,
        (): (),
        number: Number,
        buffer: &mut [u8],
    ) -> TargetResult<usize, Self> {
        let bytes = self.at_machine(|vm| number.read(vm))?;
        let room = buffer.get_mut(..bytes.len()).ok_or(TargetError::NonFatal)?;
        room.copy_from_slice(&bytes);
        Ok(bytes.len())
    }

    fn write_register(&mut self, (): (), number: Number, value: &[u8]) -> TargetResult<(), Self> {
        let done = self.at_machine(|vm| number.write(vm, value))?;
        done.then_some(()).ok_or(TargetError::Errno(FIXED))
    }
}

impl SingleThreadResume for Debuggee {
    /// A guest takes no signals.
    fn resume(&mut self, _signal: Option<Signal>) -> Result<(), Infallible> {
        self.go_on(|_| Goal::None);
        Ok(())
    }

    fn support_single_step(&mut self) -> Option<SingleThreadSingleStepOps<'_, Self>> {
        Some(self)
    }

    fn support_reverse_step(&mut self) -> Option<ReverseStepOps<'_, (), Self>> {
        Some(self)
    }

    fn support_reverse_cont(&mut self) -> Option<ReverseContOps<'_, (), Self>> {
        Some(self)
    }

    fn support_range_step(&mut self) -> Option<SingleThreadRangeSteppingOps<'_, Self>> {
        Some(self)
    }
}

impl SingleThreadSingleStep for Debuggee {
    fn step(&mut self, _signal: Option<Signal>) -> Result<(), Infallible> {
        self.go_on(|vm| Goal::Count(vm.cpu.retired() + 1));
        Ok(())
    }
}

impl ReverseStep<()> for Debuggee {
    fn reverse_step(&mut self, (): ()) -> Result<(), Infallible> {
        self.go_back(Back::Step);
        Ok(())
    }
}

impl ReverseCont<()> for Debuggee {
    fn reverse_cont(&mut self) -> Result<(), Infallible> {
        self.go_back(Back::Continue);
        Ok(())
    }
}

impl SingleThreadRangeStepping for Debuggee {
    fn resume_range_step(&mut self, start: u32, end: u32) -> Result<(), Infallible> {
        self.go_on(|vm| Goal::Outside {
            start: Va(start.into()),
            end: Va(end.into()),
            from: vm.cpu.retired(),
        });
        Ok(())
    }
}

impl Breakpoints for Debuggee {
    fn support_sw_breakpoint(&mut self) -> Option<SwBreakpointOps<'_, Self>> {
        Some(self)
    }

    fn support_hw_breakpoint(&mut self) -> Option<HwBreakpointOps<'_, Self>> {
        Some(self)
    }

    fn support_hw_watchpoint(&mut self) -> Option<HwWatchpointOps<'_, Self>> {
        Some(self)
    }
}

impl SwBreakpoint for Debuggee {
    fn add_sw_breakpoint(&mut self, address: u32, _kind: usize) -> TargetResult<bool, Self> {
        Ok(self.set_breakpoint(address, true))
    }

    fn remove_sw_breakpoint(&mut self, address: u32, _kind: usize) -> TargetResult<bool, Self> {
        self.clear_breakpoint(address, true);
        Ok(true)
    }
}

impl HwBreakpoint for Debuggee {
    fn add_hw_breakpoint(&mut self, address: u32, _kind: usize) -> TargetResult<bool, Self> {
        Ok(self.set_breakpoint(address, false))
    }

    fn remove_hw_breakpoint(&mut self, address: u32, _kind: usize) -> TargetResult<bool, Self> {
        self.clear_breakpoint(address, false);
        Ok(true)
    }
}

impl HwWatchpoint for Debuggee {
    fn add_hw_watchpoint(
        &mut self,
        address: u32,
        bytes: u32,
        kind: breakpoints::WatchKind,
    ) -> TargetResult<bool, Self> {
        let watchpoint = watchpoint(address, bytes, kind);
        let fits = (1..=WIDEST).contains(&bytes) && address.checked_add(bytes - 1).is_some();
        if !fits || self.desk.wish(|wishes| wishes.watchpoints.len()) >= MOST {
            return Ok(false);
        }
        if self
            .desk
            .wish(|wishes| wishes.watchpoints.contains(&watchpoint))
        {
            return Ok(true);
        }
        self.desk.wish(|wishes| wishes.watchpoints.push(watchpoint));
        self.at_machine(|vm| vm.cpu.stops.set_watchpoint(watchpoint))?;
        Ok(true)
    }

    fn remove_hw_watchpoint(
        &mut self,
        address: u32,
        bytes: u32,
        kind: breakpoints::WatchKind,
    ) -> TargetResult<bool, Self> {
        let watchpoint = watchpoint(address, bytes, kind);
        if self
            .desk
            .wish(|wishes| remove(&mut wishes.watchpoints, &watchpoint))
        {
            self.at_machine(|vm| vm.cpu.stops.clear_watchpoint(watchpoint))?;
        }
        Ok(true)
    }
}

impl MonitorCmd for Debuggee {
    fn handle_monitor_cmd(
        &mut self,
        command: &[u8],
        mut out: ConsoleOutput<'_>,
    ) -> Result<(), Infallible> {
        let command = String::from_utf8_lossy(command);
        let answer = self.attend(|vm| monitor::answer(vm, &command));
        let answer = answer.unwrap_or_else(|| "there is no machine now\n".to_owned());
        out.write_raw(answer.as_bytes());
        Ok(())
    }
}

impl TargetDescriptionXmlOverride for Debuggee {
    fn target_description_xml(
        &self,
        annex: &[u8],
        offset: u64,
        length: usize,
        buffer: &mut [u8],
    ) -> TargetResult<usize, Self> {
        if annex != b"target.xml" {
            return Err(TargetError::NonFatal);
        }
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = self.description.as_bytes().get(start..).unwrap_or_default();
        let count = rest.len().min(length).min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}
