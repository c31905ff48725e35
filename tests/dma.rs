//! DMA end to end: guests drive the test device, a disk and a network port, in every engine. They check
//! what the CPU sees of what was written, data and code that has run.

mod common;

use common::asm::{NOP, WAIT, ZERO, beq};
use common::{ENGINES, End, Kind, boot, loaded, place, project, run};
use mirrorball_runtime::addr::Va;
use mirrorball_runtime::board::malta::{Malta, MaltaConfig};
use mirrorball_runtime::clock::Nanos;
use mirrorball_runtime::device::disk::{Bus, Command, Disk, Job, MemoryDisk, Reply};
use mirrorball_runtime::device::folder::Folder;
use mirrorball_runtime::device::network::{Frame, Mac, Network, Port};
use mirrorball_runtime::device::stroke::Stroke;
use mirrorball_runtime::device::virtio::WindowSize;
use mirrorball_runtime::exit::Outcome;
use mirrorball_runtime::vm::arrivals::Arrived;
use mirrorball_runtime::vm::host::{Host, Input};
use mirrorball_runtime::vm::{SavedVm, Vm};
use std::collections::VecDeque;
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

const LIMIT: u64 = 100_000_000;
const PRINTED: &str = "dma: 32 copies of data, 32 of code\r\ndma: PASS\r\n";

/// The guest on a board with the device.
fn execute(stem: &str, kind: Kind) -> End {
    let image = fs::read(project(&format!("guests/prebuilt/{stem}.elf"))).expect("an image");
    let mut vm = boot(stem, &image);
    vm.board = Malta::new(&MaltaConfig {
        big_endian: vm.ram.big_endian(),
        rtc_base: vm.config().rtc_base,
        ram_bytes: vm.config().memory,
        test_device: true,
    });
    run(kind, &mut vm, LIMIT)
}

fn is_the_same_in_all_engines(stem: &str) {
    let reference = execute(stem, Kind::Interpreter);
    assert_eq!(String::from_utf8_lossy(&reference.output), PRINTED);
    assert_eq!(reference.outcome, Outcome::PowerOff);
    for kind in ENGINES {
        assert_eq!(execute(stem, kind), reference, "{stem} in {kind}");
    }
}

#[test]
fn a_little_endian_guest_sees_what_dma_wrote() {
    is_the_same_in_all_engines("vmm-dma.el");
}

#[test]
fn a_big_endian_guest_sees_what_dma_wrote() {
    is_the_same_in_all_engines("vmm-dma.eb");
}

const SERIAL: &str = "serial-1";
/// Where no guest has anything.
const IDLE: u32 = 0x8070_0000;

/// A disk that takes its time: a job has ended when that was asked several times. It counts the
/// jobs. Clones of it are the same disk.
#[derive(Clone)]
struct Slow {
    disk: Arc<Mutex<MemoryDisk>>,
    asked: Arc<AtomicU64>,
    jobs: Arc<AtomicU64>,
}

/// How often a slow disk is asked in vain.
const IN_VAIN: u64 = 3;

impl Slow {
    fn new() -> Self {
        Self {
            disk: Arc::new(Mutex::new(scratch())),
            asked: Arc::default(),
            jobs: Arc::default(),
        }
    }

    fn disk(&self) -> MutexGuard<'_, MemoryDisk> {
        self.disk.lock().expect("no test has failed")
    }
}

impl Disk for Slow {
    fn sectors(&self) -> u64 {
        self.disk().sectors()
    }

    fn read_only(&self) -> bool {
        false
    }

    fn serial(&self) -> &str {
        SERIAL
    }

    fn start(&mut self, job: Job, command: Command) {
        self.jobs.fetch_add(1, Ordering::Relaxed);
        self.disk().start(job, command);
    }

    fn ended(&mut self, _job: Job) -> bool {
        self.asked.fetch_add(1, Ordering::Relaxed) % IN_VAIN == IN_VAIN - 1
    }

    fn finish(&mut self, job: Job) -> Reply {
        self.disk().finish(job)
    }
}

fn scratch() -> MemoryDisk {
    MemoryDisk::new(vec![0xa5; 0x4_0000], SERIAL)
}

/// The guest that checks a disk, on a machine with this one.
fn with_disk(stem: &str, disk: Box<dyn Disk>) -> Box<Vm> {
    let image = fs::read(project(&format!("guests/prebuilt/{stem}.elf"))).expect("an image");
    let mut vm = boot(stem, &image);
    vm.connect_disk(0, Bus::Virtio, disk)
        .expect("there is a place");
    vm
}

fn a_disk_is_the_same_in_all_engines(stem: &str) {
    let reference = run(
        Kind::Interpreter,
        &mut with_disk(stem, Box::new(scratch())),
        LIMIT,
    );
    let output = String::from_utf8_lossy(&reference.output);
    assert!(output.contains("512 sectors, serial-1"), "{output}");
    assert!(output.ends_with("disk: PASS\r\n"), "{output}");
    assert_eq!(reference.outcome, Outcome::PowerOff);
    let mut counts = Vec::new();
    for kind in ENGINES {
        let disk = Slow::new();
        let mut vm = with_disk(stem, Box::new(disk.clone()));
        assert_eq!(run(kind, &mut vm, LIMIT), reference, "{stem} in {kind}");
        counts.push(disk.jobs.load(Ordering::Relaxed));
    }
    let jobs = counts[0];
    assert!(
        jobs > 100 && counts.iter().all(|&count| count == jobs),
        "{counts:?}"
    );
}

#[test]
fn a_little_endian_guest_drives_a_disk() {
    a_disk_is_the_same_in_all_engines("vmm-disk.el");
}

#[test]
fn a_big_endian_guest_drives_a_disk() {
    a_disk_is_the_same_in_all_engines("vmm-disk.eb");
}

/// A terminal at which something may be typed, until an idle guest waits in the host's time.
#[derive(Default)]
struct Watched {
    waited: Option<Nanos>,
}

impl Host for Watched {
    fn output(&mut self, _: &[u8]) -> Vec<Stroke> {
        Vec::new()
    }

    fn input(&mut self, _: usize) -> Input {
        match self.waited {
            None => Input::Typed(Vec::new()),
            Some(_) => Input::Quit,
        }
    }

    fn idle(&mut self, span: Nanos) -> Nanos {
        self.waited = Some(span);
        span
    }

    fn may_type(&self) -> bool {
        true
    }
}

#[test]
fn an_idle_guest_does_not_wait_in_host_time_for_a_disk() {
    let mut vm = with_disk("vmm-disk.el", Box::new(scratch()));
    let mut counts = (1..).map(|n| n * 9973);
    while !vm.board.transfers() {
        let count = counts.next().expect("there is no end of them");
        assert_eq!(run(Kind::Jit, &mut vm, count).outcome, Outcome::Limit);
    }
    let due = vm.board.deadline().expect("something is on its way");
    // From here on it is idle, in a place of its own.
    place(&mut vm, IDLE, &[WAIT, beq(ZERO, ZERO, -2), NOP]);
    vm.cpu.pc = Va(IDLE.into()).0;
    let (mut engine, mut host) = (Kind::Jit.engine(), Watched::default());
    let outcome = vm.run(&mut engine, &mut host, LIMIT);
    assert_eq!(outcome, Outcome::Quit);
    let waited = host.waited.expect("it waits for what may be typed");
    let began = Nanos(vm.cpu.now(0).to_nanos().0 - waited.0);
    assert!(began >= due, "{began:?} is before {due:?}");
}

/// A machine that is saved again and again, also with requests on their way, ends as one that never
/// was. Its disk goes on as well.
#[test]
fn a_machine_with_a_disk_can_be_saved() {
    let reference = run(
        Kind::Jit,
        &mut with_disk("vmm-disk.el", Box::new(scratch())),
        LIMIT,
    );
    let disk = Slow::new();
    let mut vm = with_disk("vmm-disk.el", Box::new(disk.clone()));
    let mut output = Vec::new();
    let mut waited = 0;
    for count in (1..).map(|n| n * 9973) {
        let end = run(Kind::Jit, &mut vm, count);
        output.extend_from_slice(&end.output);
        if end.outcome != Outcome::Limit {
            assert_eq!(
                (end.instructions, end.state),
                (reference.instructions, reference.state)
            );
            break;
        }
        waited += u64::from(vm.board.deadline().is_some());
        let memory = vm.view().freeze().expect("the first");
        vm = loaded(SavedVm::of(&vm), memory);
        vm.connect_disk(0, Bus::Virtio, Box::new(disk.clone()))
            .expect("it is the same");
    }
    assert_eq!(output, reference.output);
    assert!(waited > 10, "only {waited} times with a request on its way");
}

#[test]
fn another_disk_does_not_fit() {
    let mut vm = with_disk("vmm-disk.el", Box::new(scratch()));
    let larger = MemoryDisk::new(vec![0; 0x8_0000], SERIAL);
    let error = vm
        .connect_disk(0, Bus::Virtio, Box::new(larger))
        .expect_err("another size");
    assert_eq!(
        error.to_string(),
        "the board has no place for disk 0 on this bus, of this size and with this serial number"
    );
    assert!(
        vm.connect_disk(4, Bus::Virtio, Box::new(scratch()))
            .is_err(),
        "four slots"
    );
}

/// A network that is one machine, which answers ARP and ICMP echoes: when it was asked in vain so often.
#[derive(Clone, Default)]
struct Gateway {
    answers: Arc<Mutex<VecDeque<(u32, Frame)>>>,
    late: u32,
}

impl Gateway {
    fn answers(&self) -> MutexGuard<'_, VecDeque<(u32, Frame)>> {
        self.answers.lock().expect("no test has failed")
    }
}

const GATEWAY: [u8; 6] = [2, 0, 0, 0, 0, 9];
const PORT: Port = Port {
    mac: Mac([2, 0, 0, 0, 0, 7]),
    mtu: 1500,
};

impl Network for Gateway {
    fn port(&self) -> Port {
        PORT
    }

    fn send(&mut self, mut frame: Frame, _now: Nanos) {
        let bytes = &mut frame.bytes;
        assert_eq!(bytes[6..12], PORT.mac.0);
        bytes.copy_within(6..12, 0);
        bytes[6..12].copy_from_slice(&GATEWAY);
        match bytes[12..14] {
            [8, 6] => {
                bytes[21] = 2;
                bytes[22..28].copy_from_slice(&GATEWAY);
            }
            // The type is the first byte behind both headers.
            _ => bytes[34] = 0,
        }
        self.answers().push_back((self.late, frame));
    }

    fn receive(&mut self, _now: Nanos) -> Option<Frame> {
        let mut answers = self.answers();
        if let Some((left @ 1.., _)) = answers.front_mut() {
            *left -= 1;
            return None;
        }
        Some(answers.pop_front()?.1)
    }
}

/// The guest that uses a network port, on a machine with this one.
fn with_network(stem: &str, network: &Gateway) -> Box<Vm> {
    let image = fs::read(project(&format!("guests/prebuilt/{stem}.elf"))).expect("an image");
    let mut vm = boot(stem, &image);
    vm.connect_network(0, Box::new(network.clone()))
        .expect("there is a place");
    vm
}

const ANSWERED: &str = "net: the gateway is 2:0:0:0:0:9\r\nnet: 16 answers\r\nnet: PASS\r\n";

#[test]
fn a_guest_talks_to_a_network_in_all_engines() {
    for stem in ["vmm-net.el", "vmm-net.eb"] {
        let new = || with_network(stem, &Gateway::default());
        let reference = run(Kind::Interpreter, &mut new(), LIMIT);
        assert_eq!(String::from_utf8_lossy(&reference.output), ANSWERED);
        assert_eq!(reference.outcome, Outcome::PowerOff);
        for kind in ENGINES {
            assert_eq!(run(kind, &mut new(), LIMIT), reference, "{stem} in {kind}");
        }
    }
}

/// A guest that waits for nothing but a frame waits as long as it takes.
#[test]
fn a_guest_that_waits_for_a_frame_is_not_at_its_end() {
    let late = Gateway {
        late: 400,
        ..Gateway::default()
    };
    let end = run(Kind::Jit, &mut with_network("vmm-net.el", &late), LIMIT);
    assert_eq!(end.outcome, Outcome::PowerOff);
    assert_eq!(String::from_utf8_lossy(&end.output), ANSWERED);
}

/// As [`a_machine_with_a_disk_can_be_saved`]; what is on its way to the guest waits in the network.
#[test]
fn a_machine_with_a_network_can_be_saved() {
    let reference = run(
        Kind::Jit,
        &mut with_network("vmm-net.el", &Gateway::default()),
        LIMIT,
    );
    let network = Gateway::default();
    let mut vm = with_network("vmm-net.el", &network);
    let mut output = Vec::new();
    for count in (1..).map(|n| n * 9973) {
        let end = run(Kind::Jit, &mut vm, count);
        output.extend_from_slice(&end.output);
        if end.outcome != Outcome::Limit {
            break;
        }
        let memory = vm.view().freeze().expect("the first");
        vm = loaded(SavedVm::of(&vm), memory);
        vm.connect_network(0, Box::new(network.clone()))
            .expect("it is the same");
    }
    assert_eq!(output, reference.output);
    let traffic = vm.board.traffic().expect("it has a port");
    assert_eq!((traffic.sent, traffic.received), (17, 17));
    let error = vm.connect_network(4, Box::new(network)).expect_err("four");
    assert!(error.to_string().contains("network port 4"), "{error}");
}

/// A folder that answers nothing.
struct Silent;

impl Folder for Silent {
    fn tag(&self) -> &str {
        "silent"
    }

    fn start(&mut self, _: u64, _: Vec<u8>) {}

    fn answer(&mut self) -> Option<(u64, Vec<u8>)> {
        None
    }
}

/// What devices hear from outside reaches a twin, and what was saved.
#[test]
fn what_comes_to_devices_reaches_those_that_follow() {
    let image = fs::read(project("guests/prebuilt/vmm-dma.el.elf")).expect("an image");
    let mut vm = boot("vmm-dma.el", &image);
    vm.board.fit_console();
    vm.board.fit_balloon();
    vm.board.fit_entropy(7);
    vm.connect_folder(0, Box::new(Silent)).expect("a place");
    let error = vm.connect_folder(4, Box::new(Silent)).expect_err("four");
    assert!(error.to_string().contains("folder 4"), "{error}");
    let mut twin = vm.twin().expect("there is memory");
    let size = WindowSize {
        columns: 100,
        rows: 30,
    };
    vm.arrive(Arrived::Resized(size));
    vm.ask_for_pages(12);
    vm.arrive(Arrived::Answer {
        folder: 0,
        job: 0,
        answer: vec![0; 7],
    });
    twin.catch_up(&mut vm);
    let memory = vm.view().freeze().expect("the first");
    let saved = loaded(SavedVm::of(&vm), memory);
    for follower in [twin, saved] {
        assert_eq!(follower.board.window_size(), Some(size));
        let asked = follower.board.balloon().map(|it| it.device().asked());
        assert_eq!(asked, Some(12));
    }
}
