//! The disk.

use super::driver::{SECTORS, SETTINGS, image, sector};
use super::*;
use crate::device::Outside;
use crate::device::disk::{Command, Disk, Job, Reply, Shape};
use std::collections::BTreeMap;

const READ: u32 = 0;
const WRITE: u32 = 1;
const FLUSH: u32 = 4;
const GET_ID: u32 = 8;
const DISCARD: u32 = 11;
const WRITE_ZEROES: u32 = 13;
const OK: u8 = 0;
const FAILED: u8 = 1;
const UNSUPPORTED: u8 = 2;

/// A disk that does a job when it is waited for, the last one first where it can.
struct Lazy<D> {
    disk: D,
    waiting: BTreeMap<Job, Command>,
}

impl<D: Disk> Lazy<D> {
    fn new(disk: D) -> Self {
        Self {
            disk,
            waiting: BTreeMap::new(),
        }
    }
}

impl<D: Disk> Disk for Lazy<D> {
    fn sectors(&self) -> u64 {
        self.disk.sectors()
    }

    fn read_only(&self) -> bool {
        self.disk.read_only()
    }

    fn serial(&self) -> &str {
        self.disk.serial()
    }

    fn start(&mut self, job: Job, command: Command) {
        self.waiting.insert(job, command);
    }

    fn ended(&mut self, _job: Job) -> bool {
        false
    }

    fn finish(&mut self, job: Job) -> Reply {
        while let Some((other, command)) = self.waiting.pop_last() {
            self.disk.start(other, command);
        }
        self.disk.finish(job)
    }
}

#[test]
fn sectors_are_read_and_written() {
    for (interface, big_endian) in SETTINGS {
        let mut driver = Driver::started(interface, big_endian);
        assert_eq!(driver.read_disk(5), sector(5));
        let data: Vec<u8> = (0..1024).map(|at| (at * 5) as u8).collect();
        assert_eq!(driver.ask(WRITE, 62, &data, 0).0, OK);
        assert_eq!(driver.ask(FLUSH, 0, &[], 0).0, OK);
        assert_eq!(driver.ask(READ, 61, &[], 1536).1[512..], data);
    }
}

#[test]
fn a_table_of_descriptors_is_as_good() {
    for (interface, big_endian) in SETTINGS {
        let mut driver = Driver::started(interface, big_endian);
        driver.nested_request(READ, 9, 1024);
        driver.notify();
        driver.wait();
        let expected = [sector(9), sector(10)].concat();
        assert_eq!(driver.answer(0, 1024), (OK, expected));
    }
}

#[test]
fn what_cannot_be_done_fails() {
    let mut driver = Driver::started(Interface::Modern, false);
    let data = [1; 512];
    assert_eq!(driver.ask(READ, SECTORS, &[], 512).0, FAILED);
    assert_eq!(driver.ask(READ, SECTORS - 1, &[], 1024).0, FAILED);
    assert_eq!(driver.ask(READ, u64::MAX, &[], 512).0, FAILED);
    assert_eq!(driver.ask(READ, 0, &[], 100).0, FAILED);
    assert_eq!(driver.ask(WRITE, SECTORS, &data, 0).0, FAILED);
    assert_eq!(driver.ask(WRITE, 0, &data[1..], 0).0, FAILED);
    for kind in [DISCARD, WRITE_ZEROES] {
        let range = driver.range(SECTORS, 1, 0);
        assert_eq!(driver.ask(kind, 0, &range, 0).0, FAILED);
        assert_eq!(driver.ask(kind, 0, &range[1..], 0).0, FAILED);
        let range = driver.range(0, 1, 2);
        assert_eq!(driver.ask(kind, 0, &range, 0).0, UNSUPPORTED);
    }
    assert_eq!(driver.ask(77, 0, &[], 0).0, UNSUPPORTED);
    assert_eq!(driver.read_disk(0), sector(0), "nothing was changed");
}

#[test]
fn sectors_are_discarded_and_zeroed() {
    for (kind, flags) in [(DISCARD, 0), (WRITE_ZEROES, 1)] {
        for (interface, big_endian) in SETTINGS {
            let mut driver = Driver::started(interface, big_endian);
            let range = driver.range(3, 2, flags);
            assert_eq!(driver.ask(kind, 0, &range, 0).0, OK);
            let expected = [sector(2), vec![0; 1024], sector(5)].concat();
            assert_eq!(driver.ask(READ, 2, &[], 2048).1, expected);
        }
    }
}

#[test]
fn a_disk_has_a_serial_number() {
    let mut driver = Driver::started(Interface::Legacy, true);
    let (status, serial) = driver.ask(GET_ID, 0, &[], 20);
    assert_eq!((status, &serial[..9]), (OK, &b"serial-1\0"[..]));
}

#[test]
fn a_protected_disk_says_so_and_stays_as_it_is() {
    let disk = Box::new(image().protected());
    let mut driver = Driver::with(disk, Interface::Modern, false);
    let offered = driver.offered();
    assert_eq!(offered >> 5 & 1, 1);
    assert_eq!(offered >> 13 & 3, 0, "neither discarding nor zeroing");
    driver.start();
    assert_eq!(driver.ask(WRITE, 0, &[1; 512], 0).0, FAILED);
    for kind in [DISCARD, WRITE_ZEROES] {
        let range = driver.range(0, 1, 0);
        assert_eq!(driver.ask(kind, 0, &range, 0).0, FAILED);
    }
    assert_eq!(driver.read_disk(0), sector(0));
}

#[test]
fn the_configuration_space_is_in_the_driver_s_order() {
    let mut modern = Driver::new(Interface::Modern, true);
    assert_eq!(modern.read(0x2000, Width::Word), SECTORS as u32);
    assert_eq!(modern.read(0x200c, Width::Word), 254, "pieces");
    assert_eq!(modern.read(0x2014, Width::Word), 512, "block size");
    assert_eq!(modern.read(0x2038, Width::Byte), 1, "zeroing may free");
    let mut legacy = Driver::new(Interface::Legacy, true);
    assert_eq!(
        legacy.read(0x14, Width::Word),
        0,
        "the upper half comes first"
    );
    assert_eq!(legacy.read(0x1b, Width::Byte), SECTORS as u32);
    let mut legacy = Driver::new(Interface::Legacy, false);
    assert_eq!(legacy.read(0x14, Width::Word), SECTORS as u32);
}

#[test]
fn requests_that_end_together_interrupt_once() {
    let mut driver = Driver::started(Interface::Modern, false);
    for number in 0..8 {
        driver.request(number, READ, number.into(), &[], 512);
    }
    driver.notify();
    driver.wait();
    assert_eq!(driver.given_back().len(), 8);
    assert_eq!(driver.interrupt_cause(), 1);
    assert_eq!(driver.function.deadline(), None, "that was all");
    for number in 0..8 {
        assert_eq!(driver.answer(number, 512), (OK, sector(number.into())));
    }
}

#[test]
fn a_driver_that_wants_no_interrupt_gets_none() {
    let mut driver = Driver::started(Interface::Legacy, true);
    driver.set_available_flags(1);
    driver.request(0, READ, 0, &[], 512);
    driver.notify();
    driver.wait();
    assert_eq!(driver.given_back().len(), 1);
    assert!(!driver.function.interrupt());
}

#[test]
fn each_side_hears_of_the_entry_that_it_wants() {
    for (interface, big_endian) in SETTINGS {
        let mut driver = Driver::new(interface, big_endian);
        driver.start_with_events();
        driver.set_event(2);
        let mut interrupts = Vec::new();
        for number in 0..4 {
            driver.request(number, READ, 0, &[], 512);
            driver.notify();
            assert_eq!(driver.event(), number + 1, "the next one");
            driver.wait();
            interrupts.push(driver.interrupt_cause());
        }
        assert_eq!(interrupts, [0, 0, 1, 0]);
    }
}

/// What a request gives, and when, does not depend on when the host does what in which order.
#[test]
fn a_slow_host_changes_nothing() {
    let run = |disk: Box<dyn Disk>| {
        let mut driver = Driver::with(disk, Interface::Modern, false);
        driver.start();
        driver.request(0, WRITE, 4, &[7; 1024], 0);
        driver.request(1, READ, 3, &[], 1024);
        driver.request(2, WRITE, 3, &[9; 512], 0);
        driver.request(3, READ, 3, &[], 1536);
        driver.notify();
        let mut seen = Vec::new();
        while driver.function.deadline().is_some() {
            driver.wait();
            seen.push((driver.now, driver.given_back()));
        }
        (seen, driver.memory.0)
    };
    let (seen, memory) = run(Box::new(image()));
    assert_eq!(seen.iter().map(|(_, back)| back.len()).sum::<usize>(), 4);
    let slow = run(Box::new(Lazy::new(image())));
    assert_eq!(slow.0, seen);
    assert!(slow.1 == memory, "the memory is the same");
}

#[test]
fn the_machine_waits_for_a_slow_host() {
    let lazy = Box::new(Lazy::new(image()));
    let mut driver = Driver::with(lazy, Interface::Modern, false);
    driver.start();
    driver.request(0, READ, 1, &[], 512);
    driver.notify();
    let due = driver.function.deadline().expect("it takes time");
    let disks = &mut driver.backends.disks;
    assert!(!driver.function.is_held(disks, Nanos(due.0 - 1)));
    assert!(driver.function.is_held(disks, due));
    driver.wait();
    assert_eq!(driver.answer(0, 512), (OK, sector(1)));
}

#[test]
fn a_reset_forgets_requests_but_not_their_order() {
    let lazy = Box::new(Lazy::new(image()));
    let mut driver = Driver::with(lazy, Interface::Modern, false);
    driver.start();
    driver.request(0, WRITE, 1, &[7; 512], 0);
    driver.notify();
    driver.start();
    driver.request(0, READ, 1, &[], 512);
    driver.notify();
    while driver.function.deadline().is_some() {
        driver.wait();
    }
    assert_eq!(driver.given_back().len(), 1);
    assert_eq!(driver.answer(0, 512), (OK, vec![7; 512]));
}

/// A machine that was saved with requests on their way has other images when it goes on.
#[test]
fn unfinished_jobs_start_anew() {
    let mut driver = Driver::started(Interface::Legacy, true);
    driver.request(0, WRITE, 8, &[5; 512], 0);
    driver.request(1, READ, 60, &[], 1024);
    driver.notify();
    let saved = serde_json::to_string(&driver.function).expect("plain data");
    driver.function = serde_json::from_str(&saved).expect("what was saved");
    driver.backends = crate::device::Backends::default();
    driver
        .backends
        .disks
        .connect(0, Box::new(Lazy::new(image())));
    let mut outside = Outside {
        memory: &mut driver.memory,
        backends: &mut driver.backends,
    };
    driver.function.reconnect(0, &mut outside);
    while driver.function.deadline().is_some() {
        driver.wait();
    }
    assert_eq!(driver.answer(0, 0).0, OK);
    let expected = [sector(60), sector(61)].concat();
    assert_eq!(driver.answer(1, 1024), (OK, expected));
    driver.given_back();
    driver.interrupt_cause();
    assert_eq!(driver.read_disk(8), [5; 512]);
}

/// A disk that counts what it is asked to change.
struct Counted<D>(D, std::sync::Arc<std::sync::atomic::AtomicU32>);

impl<D: Disk> Disk for Counted<D> {
    fn sectors(&self) -> u64 {
        self.0.sectors()
    }

    fn read_only(&self) -> bool {
        self.0.read_only()
    }

    fn serial(&self) -> &str {
        self.0.serial()
    }

    fn start(&mut self, job: Job, command: Command) {
        self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.0.start(job, command);
    }

    fn ended(&mut self, job: Job) -> bool {
        self.0.ended(job)
    }

    fn finish(&mut self, job: Job) -> Reply {
        self.0.finish(job)
    }
}

#[test]
fn a_twin_answers_from_the_record() {
    let jobs = std::sync::Arc::default();
    let disk = Counted(image(), std::sync::Arc::clone(&jobs));
    let mut leader = Driver::with(Box::new(disk), Interface::Modern, false);
    let mut follower = Driver::new(Interface::Modern, false);
    follower.backends.disks = leader.backends.disks.twin();
    for driver in [&mut leader, &mut follower] {
        driver.start();
        assert_eq!(driver.ask(WRITE, 2, &[3; 512], 0).0, OK);
        assert_eq!(driver.read_disk(2), vec![3; 512]);
        assert_eq!(driver.ask(READ, SECTORS, &[], 512).0, FAILED);
    }
    assert!(leader.memory.0 == follower.memory.0);
    assert_eq!(jobs.load(std::sync::atomic::Ordering::Relaxed), 2);
    let shape = Shape::of(&image());
    assert_eq!(follower.function.device().shape(), &shape);
}
