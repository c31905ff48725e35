//! What reaches a machine from outside, at moments that nothing in it decides, is recorded; a machine
//! that it reaches again at the same cycles does the same.

mod common;

use common::asm::*;
use common::program::{Folder, USAGE, mirrorball, refused};
use common::{ENGINES, Kind, program, project};
use mirrorball_runtime::clock::{Cycles, Nanos};
use mirrorball_runtime::device::stroke::Stroke;
use mirrorball_runtime::exit::Outcome;
use mirrorball_runtime::vm::arrivals::{Arrival, Arrived, Recorder};
use mirrorball_runtime::vm::host::{Host, Input, Nowhere};
use mirrorball_runtime::vm::{Vm, state};
use std::fs;
use std::sync::{Arc, Mutex};

const COMPARE: u32 = 11;
const STATUS: u32 = 12;
/// The serial port's registers: the byte that came, and whether one did.
const UART: u32 = 0xb800_03f8;
const LINE_STATUS: i32 = 5;

/// A guest that adds up what is typed. Between two looks it waits for the timer, or does not.
fn listener(waits: bool) -> Box<Vm> {
    let [status_high, status] = li(T1, 0x8000);
    let [uart_high, uart] = li(S1, UART);
    let pause = match waits {
        true => [mfc0(T0, COUNT), addu(T0, T0, T2), mtc0(T0, COMPARE), WAIT],
        false => [NOP; 4],
    };
    let start = [
        status_high,
        status,
        mtc0(T1, STATUS),
        uart_high,
        uart,
        addiu(T2, ZERO, 9000),
    ];
    let look = [
        lbu(T0, LINE_STATUS, S1),
        andi(T0, T0, 1),
        beq(T0, ZERO, -7),
        NOP,
        lbu(T0, 0, S1),
        addu(S0, S0, T0),
        beq(ZERO, ZERO, -11),
        addu(S0, S0, S0),
    ];
    program(&[&start[..], &pause, &look].concat())
}

/// Bytes are typed now and then, and time passes as it likes.
struct Hand {
    rng: fastrand::Rng,
    /// How often it is still looked at, and in how many of these looks something is typed once.
    looks: u32,
    odds: u32,
}

impl Hand {
    /// Mostly a byte that is typed, now and then one of a stream or a break.
    fn stroke(&mut self) -> Stroke {
        let byte = self.rng.alphanumeric() as u8;
        match self.rng.u8(..8) {
            0 => Stroke::Break,
            1 => Stroke::Piped(byte),
            _ => Stroke::Byte(byte),
        }
    }
}

impl Host for Hand {
    fn output(&mut self, _: &[u8]) -> Vec<Stroke> {
        Vec::new()
    }

    fn input(&mut self, _: usize) -> Input {
        self.looks -= 1;
        match self.rng.u32(..self.odds) {
            _ if self.looks == 0 => Input::Quit,
            0 => Input::Typed(vec![self.stroke()]),
            _ => Input::Typed(Vec::new()),
        }
    }

    fn idle(&mut self, span: Nanos) -> Nanos {
        Nanos(self.rng.u64(..=span.0))
    }

    fn may_type(&self) -> bool {
        true
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Arrival>>>);

impl Log {
    fn take(&self) -> Vec<Arrival> {
        self.0.lock().expect("no panic").clone()
    }
}

impl Recorder for Log {
    fn arrived(&mut self, arrival: &Arrival) {
        self.0.lock().expect("no panic").push(arrival.clone());
    }
}

/// A run with a hand at the console, and what it typed.
fn recorded(waits: bool, seed: u64) -> (u64, Vec<Arrival>) {
    let mut vm = listener(waits);
    let log = Log::default();
    vm.record(Box::new(log.clone()));
    let rng = fastrand::Rng::with_seed(seed);
    // Between two looks a guest that does not wait runs a million instructions.
    let (looks, odds) = if waits { (400, 8) } else { (60, 2) };
    let mut hand = Hand { rng, looks, odds };
    let outcome = vm.run(&mut Kind::Jit.engine(), &mut hand, u64::MAX);
    assert_eq!(outcome, Outcome::Quit);
    vm.arrive(Arrived::End(outcome));
    (state::hash(&vm), log.take())
}

#[test]
fn what_arrived_arrives_again_at_the_same_instruction_in_every_engine() {
    for (seed, kind) in (0..).zip(ENGINES) {
        for waits in [true, false] {
            let (end, arrivals) = recorded(waits, seed);
            assert!(arrivals.len() > 20, "{} arrivals", arrivals.len());
            let mut vm = listener(waits);
            vm.replay(Box::new(arrivals.into_iter()));
            let outcome = vm.run(&mut kind.engine(), &mut Nowhere, u64::MAX);
            assert_eq!(
                (outcome, state::hash(&vm)),
                (Outcome::Quit, end),
                "{kind} {waits}"
            );
        }
    }
}

#[test]
fn a_replay_that_departs_says_where() {
    let (_, mut arrivals) = recorded(true, 1);
    // As if the machine had been elsewhere when this came.
    arrivals[7].at = Cycles(arrivals[5].at.0 - 1);
    let missed = arrivals[7].at;
    let mut vm = listener(true);
    vm.replay(Box::new(arrivals.into_iter()));
    let outcome = vm.run(&mut Kind::Jit.engine(), &mut Nowhere, u64::MAX);
    assert_eq!(outcome, Outcome::Difference);
    assert_eq!(vm.missed().map(|(at, _)| at), Some(missed));
}

/// The instruction count and state that a run told of.
fn end(arguments: &[&str], code: i32) -> String {
    let output = mirrorball(&[&["run", "--hash", "--console", "none"], arguments].concat());
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    let end = said.lines().find(|line| line.starts_with("instructions "));
    end.expect("its end").to_owned()
}

#[test]
fn a_record_is_replayed_to_its_end_or_to_where_it_is_cut_off() {
    let folder = Folder::new();
    let record = folder.path("record");
    let whole = end(&["--record", &record], 0);
    for engine in ["jit", "interp", "lockstep"] {
        let replayed = end(&["--replay", &record, "--engine", engine], 0);
        assert_eq!(replayed, whole, "{engine}");
    }
    let cut = end(&["--limit", "2000000", "--record", &record], 11);
    assert_eq!(end(&["--replay", &record], 11), cut);
    let bytes = fs::read(&record).expect("a record");
    let short = folder.file("short", &bytes[..bytes.len() - 1]);
    assert_eq!(
        end(&["--replay", &short], 11),
        cut,
        "the end of the run was recorded twice"
    );
    let shorter = folder.file("shorter", &bytes[..100]);
    refused(
        &["run", "--replay", &shorter],
        USAGE,
        &[&shorter, "ends before the machine runs"],
    );
}

#[test]
fn a_record_of_another_run_is_told_from_this_one() {
    /// The bytes in front of an entry: how many it has, and their hash.
    const HEAD: usize = 12;
    let folder = Folder::new();
    let record = folder.path("record");
    end(&["--record", &record], 0);
    let mut bytes = fs::read(&record).expect("a record");
    // The last entry has the state's hash at its end, and begins where a number says so.
    let says = |&length: &usize| {
        let head = bytes.len() - length - HEAD;
        bytes[head..].starts_with(&(length as u32).to_le_bytes())
    };
    let length = (10..40).find(says).expect("an entry");
    let start = bytes.len() - length;
    bytes[start + length - 3] ^= 1;
    let hash = xxhash_rust::xxh3::xxh3_64(&bytes[start..]);
    bytes[start - 8..start].copy_from_slice(&hash.to_le_bytes());
    let other = folder.file("other", &bytes);
    let output = mirrorball(&["run", "--replay", &other, "--console", "none"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(13), "{said}");
    assert!(said.contains("departs from the record"), "{said}");
}

#[test]
fn a_damaged_record_is_refused() {
    let folder = Folder::new();
    let record = folder.path("record");
    end(&["--record", &record], 0);
    let mut bytes = fs::read(&record).expect("a record");
    *bytes.last_mut().expect("bytes") ^= 1;
    let other = folder.file("other", &bytes);
    let arguments = ["run", "--replay", &other];
    refused(&arguments, USAGE, &[&other, "is damaged at byte"]);
}

#[test]
fn records_are_for_one_machine_in_its_own_time() {
    let folder = Folder::new();
    let record = folder.path("record");
    refused(
        &["run", "--count", "2", "--record", &record],
        USAGE,
        &["one machine"],
    );
    refused(
        &["run", "--realtime", "--record", &record],
        USAGE,
        &["--realtime"],
    );
    let image = project("guests/prebuilt/tour.el.elf");
    let image = image.to_str().expect("UTF-8");
    refused(&["run", "--replay", image], USAGE, &[image, "is no record"]);
    end(&["--record", &record], 0);
    for (switch, value) in [("--memory", "64M"), ("--restore", image)] {
        refused(
            &["run", "--replay", &record, switch, value],
            USAGE,
            &[&switch[2..]],
        );
    }
}
