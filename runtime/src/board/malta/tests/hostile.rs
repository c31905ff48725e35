//! A board whose saved state was written to do harm.

use super::saved::Step;
use super::*;
use crate::device::stroke::Stroke;
use serde_json::{Value, json};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// How many boards are tried, unless `HOSTILE_CASES` says so.
const CASES: u64 = 1_500;
/// Numbers that are at the end of something.
const EDGES: [u64; 20] = [
    0,
    1,
    2,
    5,
    7,
    8,
    16,
    63,
    127,
    128,
    255,
    256,
    0x1000,
    0xffff,
    0x1_0000,
    0xffff_ffff,
    1 << 40,
    1 << 59,
    1 << 62,
    u64::MAX,
];

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() >> 16) as usize % end.max(1)
    }
}

/// Some value inside of `value`, or that itself.
fn somewhere<'a>(mut value: &'a mut Value, random: &mut Random) -> &'a mut Value {
    loop {
        let inside = match value {
            Value::Array(list) => list.len(),
            Value::Object(map) => map.len(),
            _ => 0,
        };
        if inside == 0 || random.below(16) == 0 {
            return value;
        }
        let at = random.below(inside);
        value = match value {
            Value::Array(list) => &mut list[at],
            Value::Object(map) => map.values_mut().nth(at).expect("it is one of them"),
            _ => unreachable!("nothing is inside of it"),
        };
    }
}

fn spoil_list(list: &mut Vec<Value>, random: &mut Random) {
    match random.below(4) {
        0 => list.clear(),
        1 => list.truncate(list.len() / 2),
        2 => list.extend(list.last().cloned()),
        _ => {
            let more = [20, 300, 5_000][random.below(3)];
            if let Some(last) = list
                .last()
                .cloned()
                .filter(|it| !it.is_object() || more < 5_000)
            {
                list.extend(vec![last; more]);
            }
        }
    }
}

/// Changes something in a saved board.
fn spoil(saved: &mut Value, random: &mut Random) {
    let other = somewhere(saved, random).clone();
    let place = somewhere(saved, random);
    match place {
        Value::Number(number) => {
            let value = number.as_u64().unwrap_or(0);
            let value = match random.below(6) {
                0 => value.wrapping_add(1),
                1 => value.wrapping_sub(1),
                2 => random.next() >> random.below(64),
                _ => EDGES[random.below(EDGES.len())],
            };
            *place = value.into();
        }
        Value::Bool(value) => *place = (!*value).into(),
        Value::Array(list) if random.below(2) == 0 => spoil_list(list, random),
        _ if random.below(2) == 0 => *place = Value::Null,
        _ => *place = other,
    }
}

/// A list of buffers, as a driver hands them out.
fn chain(head: u16) -> Value {
    json!({
        "head": head,
        "readable": [{"address": 0x800, "length": 16}, {"address": 0x8000, "length": 512}],
        "writable": [{"address": 0x9000, "length": 2048}, {"address": 0xa000, "length": 1}],
    })
}

/// What is on its way in the devices, which takes a driver each to bring about.
fn begin_requests(saved: &mut Value) {
    let chips = &mut saved["chips"];
    for (name, queues) in [
        ("disk0", 1),
        ("disk1", 1),
        ("net0", 2),
        ("net1", 2),
        ("rng", 1),
        ("balloon", 4),
        ("console", 2),
        ("folder1", 1),
    ] {
        let transport = &mut chips[name]["transport"];
        transport["status"] = 15.into();
        transport["accepted"] = (1_u64 << 32 | 1 << 29 | 1 << 28 | 0x8022).into();
        for at in 0..queues {
            let queue = &mut transport["queues"][at];
            queue["enabled"] = true.into();
            queue["size"] = 8.into();
            queue["descriptors"] = (0x1000 + 0x1000 * at).into();
            queue["available"] = (0x1400 + 0x1000 * at).into();
            queue["used"] = (0x1800 + 0x1000 * at).into();
        }
    }
    let runs = json!({"Runs": {"job": 3, "touches": {"first": 1, "end": 2, "changes": true}}});
    let ended = json!({"Ended": {"status": "Ok", "data": [1, 2, 3]}});
    let disk = &mut chips["disk0"]["transport"]["device"];
    disk["next_job"] = 5.into();
    disk["pending"] = json!([
        {"chain": chain(1), "due": 50_000, "bytes": 512, "progress": runs},
        {"chain": chain(2), "due": 60_000, "bytes": 512, "progress": ended},
    ]);
    let net = &mut chips["net0"]["transport"]["device"];
    net["waiting"] = json!([{"bytes": [7, 7, 7, 7], "checked": true}]);
    net["taken"] = json!([chain(3)]);
    let folder = &mut chips["folder1"]["transport"]["device"];
    folder["next_job"] = 7.into();
    folder["pending"] = json!({"4": {"chain": chain(0), "tag": [1, 0]}});
    folder["answers"] = json!([[chain(1), [1, 2, 3]]]);
    chips["balloon"]["transport"]["device"]["held"] = json!([chain(5), 70_000]);
    chips["console"]["transport"]["device"]["typed"] = json!([65, 66]);
    let piece = json!({"Program": {"offset": 4, "bytes": [1, 2]}});
    chips["flash"]["expected"] = json!({"Buffer": {"left": 3, "pieces": [piece]}});
    chips["copier"]["job"] = json!({"source": 0, "destination": 64, "length": 32, "due": 80_000});
}

/// A guest whose devices are all at work.
fn busy() -> Guest {
    let mut guest = Guest::new(false);
    guest.board.fit_entropy(1);
    guest.board.fit_balloon();
    guest.board.fit_console();
    assert!(guest.board.fit_folder(1, "tag"));
    connect(&mut guest);
    guest.board.chips.flash.fit();
    guest.start_pic();
    guest.place_functions();
    // The first IDE disk gives data, the second one takes some.
    for (port, value) in [(0x172, 2), (0x176, 0x40), (0x177, 0x20)] {
        guest.outb(port, value);
    }
    guest.wait();
    for (port, value) in [(0x172, 2), (0x176, 0x50), (0x177, 0x30)] {
        guest.outb(port, value);
    }
    for (port, value) in [
        (0x3f9, 0x0f),
        (0x43, 0x34),
        (0x40, 0),
        (0x40, 9),
        (0x64, 0xaa),
    ] {
        guest.outb(port, value);
    }
    Stroke::typed(b"typed").for_each(|stroke| guest.board.console().push_input(stroke));
    let mut saved = serde_json::to_value(&guest.board).expect("a board is data");
    begin_requests(&mut saved);
    guest.board = serde_json::from_value(saved).expect("it is one");
    guest
}

/// Puts disks and ports behind the devices, as far as they are such as the board has.
fn connect(guest: &mut Guest) {
    for (number, bus) in [Bus::Virtio, Bus::Virtio, Bus::Ide, Bus::Ide]
        .into_iter()
        .enumerate()
    {
        let disk = Box::new(MemoryDisk::new(vec![number as u8; 0x4000], "serial"));
        if guest.board.fit_disk(number, bus, &*disk) {
            guest.backends.disks.connect(number, disk);
            let mut outside = Outside {
                memory: &mut guest.memory,
                backends: &mut guest.backends,
            };
            guest.board.reconnect(number, &mut outside);
        }
    }
    for number in 0..2 {
        let mac = Mac([2, 0, 0, 0, 0, number as u8]);
        guest.board.fit_port(number, Port { mac, mtu: 1500 });
    }
    guest.board.fit_folder(1, "tag");
}

/// The guest does everything that a guest can do, and what is due happens.
fn use_devices(guest: &mut Guest, random: &mut Random) {
    guest.advance();
    for _ in 0..120 {
        guest.step(Step::new(&mut random.0));
        if random.below(8) == 0 {
            guest.now = guest
                .now
                .plus(Nanos(random.next() >> (20 + random.below(40))));
            guest.advance();
        }
    }
    guest.board.reset();
    guest.place_functions();
    guest.advance();
}

/// Whether a spoilt board was loaded. Then its guest did no harm to it.
fn survives(saved: Value, original: &Guest, random: &mut Random) -> bool {
    let Ok(board) = serde_json::from_value::<Malta>(saved) else {
        return false;
    };
    if board.unsound().is_some() {
        return false;
    }
    let mut guest = Guest {
        board,
        memory: Ram(original.memory.0.clone()),
        backends: Backends::default(),
        now: original.now,
    };
    let start = Instant::now();
    connect(&mut guest);
    use_devices(&mut guest, random);
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "it takes too long"
    );
    assert_eq!(guest.board.unsound(), None, "what was sound stays so");
    true
}

#[test]
fn no_saved_board_does_harm() {
    let cases = std::env::var("HOSTILE_CASES").map_or(CASES, |it| it.parse().expect("a number"));
    let seed = std::env::var("HOSTILE_SEED").map_or(1, |it| it.parse().expect("a number"));
    let mut original = busy();
    assert_eq!(original.board.unsound(), None);
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    original
        .memory
        .0
        .iter_mut()
        .for_each(|byte| *byte = random.next() as u8 & 0x1f);
    let saved = serde_json::to_value(&original.board).expect("a board is data");
    let mut loaded = 0;
    for case in 0..cases {
        let mut random = Random((seed << 32 | case).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let mut other = saved.clone();
        for _ in 0..1 + random.below(4) {
            spoil(&mut other, &mut random);
        }
        let run = AssertUnwindSafe(|| survives(other, &original, &mut random));
        let survived = catch_unwind(run);
        loaded += u64::from(survived.unwrap_or_else(|_| panic!("case {case} of seed {seed}")));
    }
    let some = cases / 20..cases - cases / 20;
    assert!(some.contains(&loaded), "{loaded} were loaded");
}
