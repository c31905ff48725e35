//! An idle guest waits as long as the host says, but for nothing that is on its way to it.

mod common;

use common::asm::*;
use common::program::{Folder, mirrorball};
use common::{Kind, program};
use mirrorball_runtime::clock::Nanos;
use mirrorball_runtime::device::stroke::Stroke;
use mirrorball_runtime::exit::Outcome;
use mirrorball_runtime::vm::Vm;
use mirrorball_runtime::vm::host::{Host, Input};
use std::thread;
use std::time::{Duration, Instant};

/// A terminal at which the user watches for a while and then leaves.
#[derive(Default)]
struct Watched {
    waits: Vec<Nanos>,
}

impl Host for Watched {
    fn output(&mut self, _: &[u8]) -> Vec<Stroke> {
        Vec::new()
    }

    fn input(&mut self, _: usize) -> Input {
        if self.waits.len() < 3 {
            Input::Typed(Vec::new())
        } else {
            Input::Quit
        }
    }

    fn idle(&mut self, span: Nanos) -> Nanos {
        self.waits.push(span);
        span
    }

    fn may_type(&self) -> bool {
        true
    }
}

/// The guest time that passes without the host's waiting, when `typed` has been typed.
fn not_waited_for(typed: &[u8]) -> u64 {
    let mut vm = program(&[WAIT, beq(ZERO, ZERO, -2), NOP]);
    vm.type_bytes(typed);
    let (mut engine, mut host) = (Kind::Jit.engine(), Watched::default());
    let outcome = vm.run(&mut engine, &mut host, u64::MAX);
    assert_eq!(outcome, Outcome::Quit);
    assert_eq!(host.waits.len(), 3);
    let waited: u64 = host.waits.iter().map(|span| span.0).sum();
    vm.cpu.now(0).to_nanos().0 - waited
}

#[test]
fn the_host_does_not_wait_for_bytes_that_travel_over_the_serial_line() {
    assert!(not_waited_for(b"") < 10_000);
    // Ten bits at 38,400 baud: the guest takes no more than the first byte.
    assert!(not_waited_for(b"uname -a\n") >= 260_416);
}

const COMPARE: u32 = 11;
const STATUS: u32 = 12;

/// A guest that is idle for spans of `cycles`, each ended by the timer.
fn idler(cycles: u32) -> Box<Vm> {
    let [status_high, status] = li(T1, 0x8000);
    let [step_high, step] = li(T2, cycles);
    program(&[
        status_high,
        status,
        mtc0(T1, STATUS),
        step_high,
        step,
        // The loop.
        mfc0(T0, COUNT),
        addu(T0, T0, T2),
        mtc0(T0, COMPARE),
        WAIT,
        beq(ZERO, ZERO, -5),
        NOP,
    ])
}

/// A host that nothing types on and that wakes a millisecond later than it should.
struct Late {
    idle: u32,
    quits: u32,
}

impl Host for Late {
    fn output(&mut self, _: &[u8]) -> Vec<Stroke> {
        Vec::new()
    }

    fn input(&mut self, _: usize) -> Input {
        if self.idle < self.quits {
            Input::Typed(Vec::new())
        } else {
            Input::Quit
        }
    }

    fn idle(&mut self, span: Nanos) -> Nanos {
        self.idle += 1;
        thread::sleep(Duration::from_nanos(span.0) + Duration::from_millis(1));
        span
    }

    fn keeps_time(&self) -> bool {
        true
    }
}

#[test]
fn an_idle_guest_s_clock_keeps_up_with_the_host_s() {
    let mut vm = idler(200_000);
    let (mut engine, mut host) = (Kind::Jit.engine(), Late { idle: 0, quits: 50 });
    let start = Instant::now();
    assert_eq!(vm.run(&mut engine, &mut host, u64::MAX), Outcome::Quit);
    let took = start.elapsed();
    let passed = Duration::from_nanos(vm.cpu.now(0).to_nanos().0);
    assert!(took >= Duration::from_millis(50), "it waits: {took:?}");
    assert!(
        took < passed + Duration::from_millis(20),
        "{took:?} for {passed:?}"
    );
}

/// A host whose clock guest time is tied to.
struct Clock(Instant);

impl Host for Clock {
    fn output(&mut self, _: &[u8]) -> Vec<Stroke> {
        Vec::new()
    }

    fn idle(&mut self, span: Nanos) -> Nanos {
        thread::sleep(Duration::from_nanos(span.0));
        span
    }

    fn clock(&self) -> Option<Duration> {
        Some(self.0.elapsed())
    }

    fn keeps_time(&self) -> bool {
        true
    }
}

/// Runs so many instructions of `vm` in time that is the host's. Returns how much passed for the
/// host and the guest.
fn in_host_time(vm: &mut Vm, kind: Kind, limit: u64) -> (Duration, Duration) {
    let mut host = Clock(Instant::now());
    let outcome = vm.run(&mut kind.engine(), &mut host, limit);
    assert_eq!(outcome, Outcome::Limit, "{kind}");
    let passed = Duration::from_nanos(vm.cpu.now(0).to_nanos().0);
    (host.0.elapsed(), passed)
}

#[test]
fn a_guest_whose_time_is_the_host_s_runs_as_fast_as_it_can() {
    let code = [addiu(T0, T0, 1), xor(T1, T1, T0), beq(ZERO, ZERO, -3), NOP];
    let (took, passed) = in_host_time(&mut program(&code), Kind::Jit, 300_000_000);
    assert!(
        took < Duration::from_millis(2500),
        "at 100 MIPS it takes 3 s: {took:?}"
    );
    let off = took.saturating_sub(passed);
    assert!(
        passed <= took && off < Duration::from_millis(500),
        "{took:?} {passed:?}"
    );
}

#[test]
fn time_that_is_the_host_s_goes_on_in_waits_and_never_back() {
    let (took, passed) = in_host_time(&mut idler(100_000), Kind::Jit, 1000);
    assert!(passed > Duration::from_millis(100), "{passed:?}");
    assert!(took > Duration::from_millis(100), "{took:?}");
    // What is left in $v0 is whether Count was ever less than before.
    let slt = |rd: u32, rs: u32, rt: u32| rs << 21 | rt << 16 | rd << 11 | 0x2a;
    let subu = |rd: u32, rs: u32, rt: u32| rs << 21 | rt << 16 | rd << 11 | 0x23;
    let or = |rd: u32, rs: u32, rt: u32| rs << 21 | rt << 16 | rd << 11 | 0x25;
    let code = [
        mfc0(T0, COUNT),
        subu(T2, T0, T1),
        slt(T2, T2, ZERO),
        or(V0, V0, T2),
        beq(ZERO, ZERO, -5),
        addu(T1, T0, ZERO),
    ];
    for kind in [Kind::Interpreter, Kind::Jit, Kind::EagerJit] {
        let mut vm = program(&code);
        in_host_time(&mut vm, kind, 20_000_000);
        assert_eq!(vm.cpu.gpr[V0 as usize], 0, "{kind}");
    }
}

#[test]
fn a_machine_that_is_reset_may_start_anew() {
    // It prints an x and resets its machine.
    let words = [
        0x3c08_b800_u32, // lui t0, 0xb800
        0x2409_0078,     // li t1, 'x'
        0xa109_03f8,     // sb t1, 0x3f8(t0)
        0x3c08_bf00,
        0x2409_0042,
        0xad09_0500, // reset
        0x1000_ffff,
        0x0000_0000,
    ];
    let bench = Folder::new();
    let bytes: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
    let file = bench.file("resets", &bytes);
    let script = bench.file("thrice", b"wait \"x\"\nwait \"x\"\nwait \"x\"\nquit\n");
    let run = |more: &[&str]| {
        let usual = ["run", &file, "--flat", "0x80100000", "--script", &script];
        mirrorball(&[&usual, more].concat()).status.code()
    };
    for monitor in [&[][..], &["--host-threads", "1"]] {
        assert_eq!(run(monitor), Some(14));
        assert_eq!(
            run(&[&["--on-reset", "restart"], monitor].concat()),
            Some(0)
        );
    }
}

#[test]
fn an_idle_guest_waits_in_the_host_s_time_unless_the_run_is_to_end_soon() {
    // A guest that sets the timer, to so much in units of 0.66 ms, waits for it and resets its
    // machine.
    let sleeper = |time: u32| {
        [
            0x3c08_0000 | time, // lui t0, time
            0x4088_5800,        // mtc0 t0, Compare
            0x3408_8000,        // ori t0, zero, IM7
            0x4088_6000,        // mtc0 t0, Status
            0x4200_0020,        // wait
            0x3c08_bf00,
            0x2409_0042,
            0xad09_0500, // reset
            0x1000_ffff,
            0x0000_0000,
        ]
    };
    let bench = Folder::new();
    let script = bench.file("script", b"wait \"x\"\n");
    let takes = |time: u32, more: &[&str]| {
        let words = sleeper(time).into_iter();
        let bytes: Vec<u8> = words.flat_map(u32::to_le_bytes).collect();
        let file = bench.file("sleeper", &bytes);
        let arguments = [&["run", &file, "--flat", "0x80100000"], more].concat();
        let start = Instant::now();
        let code = mirrorball(&arguments).status.code();
        assert!(matches!(code, Some(10 | 14)), "{more:?}: {code:?}");
        start.elapsed()
    };
    for waits in [
        &[][..],
        &["--console", "none"],
        &["--host-threads", "1"],
        &["--realtime"],
    ] {
        assert!(
            takes(0x2fa, waits) >= Duration::from_millis(499),
            "{waits:?}"
        );
    }
    for hurries in [
        &["--limit", "1G"][..],
        &["--script", &script],
        &["--fast-forward"],
    ] {
        assert!(
            takes(0x7735, hurries) < Duration::from_secs(15),
            "{hurries:?}"
        );
    }
}
