//! A machine whose disk is slow keeps no thread.

use super::*;
use crate::device::disk::{Bus, Command, Disk, Job, Reply};

/// A disk whose jobs end when this is set.
struct Held(Arc<AtomicBool>);

impl Disk for Held {
    fn sectors(&self) -> u64 {
        8
    }

    fn read_only(&self) -> bool {
        false
    }

    fn serial(&self) -> &str {
        ""
    }

    fn start(&mut self, _job: Job, _command: Command) {}

    fn ended(&mut self, _job: Job) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn finish(&mut self, _job: Job) -> Reply {
        assert!(self.0.load(Ordering::Relaxed), "the thread would wait");
        Ok(Vec::new())
    }
}

/// Status and command of the first drive on the first IDE channel, in kseg1.
const STATUS: Va = Va(0xb800_01f7);
const FLUSH: u32 = 0xe7;
const BUSY: u32 = 0x80;
const READY: u32 = 0x50;

/// The first machine flushes its disk; its only thread runs the other one, which ends the job.
#[test]
fn a_slow_disk_keeps_no_other_machine_waiting() {
    let memory = MachineMemory::new(2 * RAM).unwrap();
    let ended = Arc::new(AtomicBool::new(false));
    let done = Arc::clone(&ended);
    let monitor = monitor(&[100, 100], RAM, memory, move |number, vm, call| {
        let over = match (number, call) {
            (0, 1) => {
                let disk = Box::new(Held(Arc::clone(&done)));
                vm.connect_disk(0, Bus::Ide, disk).unwrap();
                vm.store(STATUS, Width::Byte, FLUSH, 0).unwrap();
                let status = vm.load(STATUS, Width::Byte, 0).unwrap();
                assert_eq!(status & BUSY, BUSY);
                let due = vm.board.deadline().unwrap().to_cycles();
                pass_time(vm, due.0);
                return Exit::Stop;
            }
            (0, _) => {
                assert!(done.load(Ordering::Relaxed), "the disk was waited for");
                assert_eq!(vm.load(STATUS, Width::Byte, 0).unwrap(), READY);
                true
            }
            _ => {
                done.store(call > 20, Ordering::Relaxed);
                call > 20
            }
        };
        vm.cpu.left = 0;
        if over { Exit::Difference } else { Exit::Stop }
    });
    monitor.run();
    assert!(ended.load(Ordering::Relaxed));
    let ended = lock(&monitor.fleet().ended);
    let outcomes: Vec<_> = ended.iter().map(|end| end.1).collect();
    assert_eq!(outcomes, [Some(Outcome::Difference); 2]);
}
