//! What the monitor tells of itself and its VMs, and what it can be asked to do.
//!
//! Counters count from the VM's start and only grow; a client that wants a rate takes the
//! difference of two looks. Sizes are in bytes.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What a VM is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum VmState {
    /// A host thread executes it.
    Running,
    /// It could run, and waits for a host thread, for memory, or until its console is read.
    Waiting,
    /// The guest waits for an interrupt.
    Idle,
    /// It was paused by command.
    Paused,
    /// It ended, or was never started.
    #[default]
    Stopped,
}

impl VmState {
    /// Its name, as in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Idle => "idle",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
        }
    }
}

/// A VM's memory: where the pages that the guest sees are, in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct MemoryStatus {
    /// What the guest was told that it has.
    pub size: u64,
    /// In frames of the VM's own.
    pub private: u64,
    /// In frames that other VMs have as well, or other pages of this one.
    pub shared: u64,
    /// Zeros, which take no frame.
    pub zero: u64,
    /// Given back by the guest.
    pub ballooned: u64,
    /// Swapped out to the host's disk.
    pub swapped: u64,
    /// How much the monitor wants the VM to have; null if it may have all.
    pub target: Option<u64>,
}

/// A VM's virtio balloon.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct BalloonStatus {
    /// How much the guest is asked to have in it, in bytes.
    pub asked: u64,
    /// What its driver tells of the guest's memory: bytes, and counts of faults and huge pages.
    pub guest: BTreeMap<String, u64>,
}

/// What a VM takes of the host's memory for one purpose, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct HostMemory {
    /// In use, about.
    pub bytes: u64,
    /// The most that it may be.
    pub limit: u64,
}

/// A VM's translated code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct CodeCacheStatus {
    /// Bytes in use.
    pub bytes: u64,
    /// Bytes that it may use.
    pub limit: u64,
    /// Regions translated.
    pub translations: u64,
    /// Translations evicted to make room.
    pub evicted: u64,
}

/// A VM.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct VmStatus {
    /// Its name; no two VMs of a monitor have the same.
    pub name: String,
    /// What it is doing.
    pub state: VmState,
    /// How it ended, if it did.
    pub outcome: Option<String>,
    /// Its share of the host's time, in proportion to those of the other VMs.
    pub share: u32,
    /// The part of one host thread that it had in the monitor's last interval: 1 is all of it.
    pub cpu_share: f64,
    /// Seconds that host threads executed it.
    pub cpu_seconds: f64,
    /// Guest instructions run.
    pub instructions: u64,
    /// Millions of guest instructions per second of host time, in the monitor's last interval.
    pub mips: f64,
    /// Seconds of the guest's own time.
    pub guest_seconds: f64,
    /// Where its memory is.
    pub memory: MemoryStatus,
    /// Its virtio balloon; null if it has none.
    pub balloon: Option<BalloonStatus>,
    /// What it takes of the host's memory beside its guest's, by kind.
    pub host_memory: BTreeMap<String, HostMemory>,
    /// Returns from the engine to the monitor, by reason.
    pub exits: BTreeMap<String, u64>,
    /// Exceptions that the guest took, by kind.
    pub exceptions: BTreeMap<String, u64>,
    /// TLB refill exceptions.
    pub tlb_refills: u64,
    /// Accesses that the software TLB could not answer.
    pub soft_tlb_misses: u64,
    /// Pages that devices wrote, disks above all, and that share the memory of a page which was the
    /// same already.
    pub shared_reads: u64,
    /// Accesses to device registers.
    pub device_accesses: u64,
    /// Its translated code; null if its engine translates nothing.
    pub code_cache: Option<CodeCacheStatus>,
    /// What executes it: jit, interp or lockstep.
    pub engine: String,
    /// Where its console is: a path, or the terminal.
    pub console: String,
}

/// The host's memory as the monitor gives it to VMs, in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct MachineMemory {
    /// The most that all VMs together may have.
    pub limit: u64,
    /// In use.
    pub used: u64,
    /// Left.
    pub free: u64,
    /// What VMs would have in addition, did they share nothing.
    pub shared_saved: u64,
    /// Swapped out to the host's disk.
    pub swap_used: u64,
    /// The most that may be swapped out.
    pub swap_limit: u64,
}

/// The monitor and its VMs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct MonitorStatus {
    /// mirrorball's version.
    pub version: String,
    /// Seconds since the monitor started.
    pub uptime_seconds: f64,
    /// Host threads that execute VMs.
    pub host_threads: u32,
    /// The host's memory.
    pub machine_memory: MachineMemory,
    /// Times that a host thread went from one VM to another.
    pub switches: u64,
    /// The VMs, in the order in which they were defined.
    pub vms: Vec<VmStatus>,
}

/// An address space of a guest: what the monitor can tell of a process without asking the guest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct Process {
    /// The address-space identifier.
    pub asid: u16,
    /// Where its page table is, if the monitor knows.
    pub table: Option<u32>,
    /// Its part of the VM's instructions in the monitor's last interval: 1 is all of them.
    pub cpu_share: f64,
    /// Instructions run in it.
    pub instructions: u64,
    /// Pages of it that the monitor has seen in use.
    pub pages: u64,
    /// What it may be, for a person.
    pub name_hint: Option<String>,
}

/// What can be asked of a VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start a VM that is stopped, from its image.
    Start,
    /// Stop the guest's time.
    Pause,
    /// Let it go on.
    Resume,
    /// Start again from the image, whatever the VM is doing.
    Reset,
    /// End the VM.
    Stop,
    /// Change its share of the host's time.
    Share(u32),
    /// Change how much memory it is to have, in bytes.
    MemoryTarget(u64),
    /// Ask its guest to shut down: a machine that its guest resets then is off.
    ShutDown(ShutDownKey),
    /// Do something to it as at a machine of metal.
    Press(Press),
}

/// What an operator does to a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Press {
    /// The power key of the keyboard.
    Power,
    /// Control, Alt and Delete on the keyboard.
    CtrlAltDel,
    /// A break on the serial line, which starts Linux's magic SysRq.
    Break,
}

/// The key by which a guest is asked to shut down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ShutDownKey {
    /// Control, Alt and Delete: an init process hears of it, and shuts down in order.
    #[default]
    CtrlAltDel,
    /// The power key: systemd-logind hears of it, where it runs.
    Power,
}

/// A request to ask a guest to shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ShutDownRequest {
    /// The key that is pressed for it.
    #[serde(default)]
    pub key: ShutDownKey,
}

/// A request to press something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PressRequest {
    /// What is pressed.
    pub press: Press,
}

/// What a VM is to do: the body of a request to change its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum StateAction {
    /// Start a VM that is stopped, from its image.
    Start,
    /// Stop the guest's time.
    Pause,
    /// Let it go on.
    Resume,
    /// Start again from the image, whatever the VM is doing.
    Reset,
    /// End the VM.
    Stop,
}

impl From<StateAction> for Action {
    fn from(action: StateAction) -> Self {
        match action {
            StateAction::Start => Self::Start,
            StateAction::Pause => Self::Pause,
            StateAction::Resume => Self::Resume,
            StateAction::Reset => Self::Reset,
            StateAction::Stop => Self::Stop,
        }
    }
}

/// A request to change a VM's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct StateRequest {
    /// What the VM is to do.
    pub action: StateAction,
}

/// A request to change a VM's share of the host's time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ShareRequest {
    /// The share, in proportion to those of the other VMs.
    pub share: u32,
}

/// A request to change how much memory a VM is to have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MemoryTargetRequest {
    /// How much, in bytes.
    pub bytes: u64,
}

/// A request to debug a VM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DebugRequest {
    /// How much of the VM's past to keep in the host's memory, in bytes, so that it can go back; 0 keeps
    /// none.
    pub history: u64,
}

/// Why something could not be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct Failure {
    /// Why, in one line.
    pub error: String,
}

/// Why the monitor does not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum ControlError {
    #[error("there is no VM {0:?}")]
    NoSuchVm(String),
    #[error("{name} is {}: {problem}", state.name())]
    State {
        name: String,
        state: VmState,
        problem: String,
    },
    #[error("{0}")]
    Value(String),
    #[error("{0}")]
    Unsupported(String),
    #[error("{0}")]
    Host(String),
}

/// VMs that can be looked at and told what to do.
///
/// The control socket calls this from threads of its own, several at once. A call comes back soon:
/// with the end of the slice that the VM runs, at the latest.
pub trait Machines: Send + Sync {
    /// The monitor and all its VMs.
    fn status(&self) -> MonitorStatus;

    /// The VM of that name.
    fn vm(&self, name: &str) -> Option<VmStatus> {
        self.status().vms.into_iter().find(|vm| vm.name == name)
    }

    /// The address spaces that a VM's guest uses.
    ///
    /// # Errors
    /// When there is no such VM, or its processes cannot be known.
    fn processes(&self, name: &str) -> Result<Vec<Process>, ControlError>;

    /// Does something with a VM; answers with the VM when that has happened.
    ///
    /// # Errors
    /// When there is no such VM, it is in no state for this, or a value is out of range.
    fn act(&self, name: &str, action: Action) -> Result<VmStatus, ControlError>;

    /// A debugger for a VM, about `history` bytes of whose past are kept from now on.
    ///
    /// # Errors
    /// When there is no such VM, it has a debugger, or it has ended.
    fn debug(&self, name: &str, history: u64) -> Result<Box<dyn Talks>, ControlError>;

    /// A VM as it is now, to be written while it runs on.
    ///
    /// # Errors
    /// When there is no such VM, or it cannot be saved.
    fn save(&self, name: &str) -> Result<Box<dyn Saves>, ControlError>;

    /// A VM that is to go on under another monitor.
    ///
    /// # Errors
    /// When there is no such VM, or it cannot.
    fn leave(&self, name: &str) -> Result<Box<dyn Talks>, ControlError> {
        let what = "this monitor's VMs cannot go on under another";
        Err(ControlError::Unsupported(format!("{name}: {what}")))
    }

    /// The console of a VM, for one more client.
    ///
    /// # Errors
    /// When there is no such VM.
    fn attach(&self, name: &str) -> Result<Box<dyn Talks>, ControlError>;
}

/// Something large that is written piece by piece.
pub trait Saves {
    /// Writes all of it.
    ///
    /// # Errors
    /// When it cannot be had, or `out` takes no more.
    fn write(&self, out: &mut dyn Write) -> io::Result<()>;
}

/// What a connection is for once it speaks another protocol.
pub trait Talks: Send {
    /// Speaks it on `stream`, until the other side leaves, or has another thread do so.
    fn talk(self: Box<Self>, stream: UnixStream);
}
