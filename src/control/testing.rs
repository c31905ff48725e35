//! Machines that only seem to run, for tests of what looks at them.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::api::{
    Action, BalloonStatus, CodeCacheStatus, ControlError, HostMemory, MachineMemory, Machines,
    MemoryStatus, MonitorStatus, Process, Saves, Talks, VmState, VmStatus,
};

const MIB: u64 = 1 << 20;

/// A monitor with two VMs, `web` that runs and `db` that is stopped.
pub(crate) fn status() -> MonitorStatus {
    MonitorStatus {
        version: "0.1.0".to_owned(),
        uptime_seconds: 12.5,
        host_threads: 2,
        machine_memory: MachineMemory {
            limit: 256 * MIB,
            used: 96 * MIB,
            free: 160 * MIB,
            shared_saved: 24 * MIB,
            swap_used: 4 * MIB,
            swap_limit: 64 * MIB,
        },
        switches: 1234,
        vms: vec![web(), db()],
    }
}

fn web() -> VmStatus {
    VmStatus {
        name: "web".to_owned(),
        state: VmState::Running,
        outcome: None,
        share: 100,
        cpu_share: 0.75,
        cpu_seconds: 9.0,
        instructions: 3_000_000_000,
        mips: 400.0,
        guest_seconds: 15.0,
        memory: MemoryStatus {
            size: 64 * MIB,
            private: 32 * MIB,
            shared: 8 * MIB,
            zero: 16 * MIB,
            ballooned: 6 * MIB,
            swapped: 2 * MIB,
            target: Some(48 * MIB),
        },
        balloon: Some(BalloonStatus {
            asked: 8 * MIB,
            guest: [("free".to_owned(), 5 * MIB), ("minor_faults".to_owned(), 7)].into(),
        }),
        host_memory: [
            (
                "tables".to_owned(),
                HostMemory {
                    bytes: MIB,
                    limit: 32 * MIB,
                },
            ),
            (
                "code".to_owned(),
                HostMemory {
                    bytes: 3 * MIB,
                    limit: 16 * MIB,
                },
            ),
        ]
        .into(),
        exits: [("horizon".to_owned(), 900), ("wait".to_owned(), 100)].into(),
        exceptions: [("Sys".to_owned(), 5000)].into(),
        tlb_refills: 7000,
        soft_tlb_misses: 8000,
        shared_reads: 256,
        device_accesses: 600,
        code_cache: Some(CodeCacheStatus {
            bytes: 3 * MIB,
            limit: 16 * MIB,
            translations: 1500,
            evicted: 10,
        }),
        engine: "jit".to_owned(),
        console: "web.sock".to_owned(),
    }
}

fn db() -> VmStatus {
    VmStatus {
        name: "db".to_owned(),
        outcome: Some("powered off".to_owned()),
        share: 50,
        engine: "interp".to_owned(),
        console: "terminal".to_owned(),
        ..VmStatus::default()
    }
}

/// Machines that are what they were told to be.
pub(crate) struct Fake(Mutex<MonitorStatus>);

impl Fake {
    /// The engine of a VM whose guest does not hear that it is to shut down.
    pub const DEAF: &str = "deaf";

    pub fn new(status: MonitorStatus) -> Self {
        Self(Mutex::new(status))
    }

    pub fn change(&self) -> MutexGuard<'_, MonitorStatus> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A protocol in which what is said comes back.
struct Echo;

impl Talks for Echo {
    fn talk(self: Box<Self>, mut stream: UnixStream) {
        let Ok(mut other) = stream.try_clone() else {
            return;
        };
        let _ = stream.set_read_timeout(None);
        let _ = io::copy(&mut stream, &mut other);
    }
}

/// So many bytes, in pieces.
struct Large(u64);

impl Saves for Large {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut left = self.0;
        while left > 0 {
            let piece = left.min(1 << 20);
            out.write_all(&vec![b'x'; piece as usize])?;
            left -= piece;
        }
        Ok(())
    }
}

impl Machines for Fake {
    fn status(&self) -> MonitorStatus {
        self.change().clone()
    }

    fn processes(&self, name: &str) -> Result<Vec<Process>, ControlError> {
        self.vm(name)
            .ok_or_else(|| ControlError::NoSuchVm(name.to_owned()))?;
        Ok(vec![Process {
            asid: 7,
            table: Some(0x8012_3000),
            cpu_share: 0.5,
            instructions: 1_000_000,
            pages: 40,
            name_hint: Some("init".to_owned()),
        }])
    }

    fn save(&self, name: &str) -> Result<Box<dyn Saves>, ControlError> {
        let vm = self.vm(name);
        let vm = vm.ok_or_else(|| ControlError::NoSuchVm(name.to_owned()))?;
        Ok(Box::new(Large(vm.memory.private)))
    }

    fn attach(&self, name: &str) -> Result<Box<dyn Talks>, ControlError> {
        self.debug(name, 0)
    }

    fn debug(&self, name: &str, _history: u64) -> Result<Box<dyn Talks>, ControlError> {
        let vm = self.vm(name);
        vm.ok_or_else(|| ControlError::NoSuchVm(name.to_owned()))?;
        Ok(Box::new(Echo))
    }

    fn act(&self, name: &str, action: Action) -> Result<VmStatus, ControlError> {
        let mut status = self.change();
        let vm = status.vms.iter_mut().find(|vm| vm.name == name);
        let vm = vm.ok_or_else(|| ControlError::NoSuchVm(name.to_owned()))?;
        match (action, vm.state) {
            (Action::Share(0), _) => {
                return Err(ControlError::Value("a share is 1 or more".to_owned()));
            }
            (Action::Share(share), _) => vm.share = share,
            (Action::MemoryTarget(bytes), _) => vm.memory.target = Some(bytes),
            (Action::ShutDown(_), VmState::Running) if vm.engine == Self::DEAF => {}
            (Action::ShutDown(_), VmState::Running) => {
                vm.state = VmState::Stopped;
                vm.outcome = Some("powered off".to_owned());
            }
            (Action::Press(_), VmState::Running) => {}
            (Action::Start, VmState::Stopped) | (Action::Reset, _) => vm.state = VmState::Running,
            (Action::Stop, _) => vm.state = VmState::Stopped,
            (Action::Pause, VmState::Running) => vm.state = VmState::Paused,
            (Action::Resume, VmState::Paused) => vm.state = VmState::Running,
            (_, state) => {
                return Err(ControlError::State {
                    name: name.to_owned(),
                    state,
                    problem: "this does not fit".to_owned(),
                });
            }
        }
        Ok(vm.clone())
    }
}
