//! A network port, by either set of registers and in either order of bytes.

mod wild;

use super::driver::{Interface, SETTINGS};
use super::*;
use crate::device::network::{Frame, Mac, Network, Port};
use crate::device::testing::Ram;
use crate::device::{Backends, Outside};
use std::sync::{Arc, Mutex};

const ENTRIES: u32 = 256;
/// Where the queues lie, as the legacy registers have it: the table, and both rings a page each.
const QUEUES: [u32; 2] = [0x4000, 0x8000];
const DATA: u32 = 0x1_0000;
const PORT: Port = Port {
    mac: Mac([2, 0, 0, 0, 0, 7]),
    mtu: 9000,
};

const CSUM: u64 = 1 << 0;
const GUEST_CSUM: u64 = 1 << 1;
const MTU: u64 = 1 << 3;
const MAC: u64 = 1 << 5;
const MERGE: u64 = 1 << 15;
const STATUS: u64 = 1 << 16;

/// A network that keeps what is sent to it.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<Frame>>>);

impl Network for Paper {
    fn port(&self) -> Port {
        PORT
    }

    fn send(&mut self, frame: Frame, _now: Nanos) {
        self.0.lock().expect("no test has failed").push(frame);
    }

    fn receive(&mut self, _now: Nanos) -> Option<Frame> {
        None
    }
}

struct Driver {
    function: VirtioPci<Net>,
    memory: Ram,
    backends: Backends,
    paper: Paper,
    interface: Interface,
    order: Order,
    features: u64,
    given: [u16; 2],
    taken: [u16; 2],
}

impl Driver {
    fn new(interface: Interface, big_endian: bool, features: u64) -> Self {
        let paper = Paper::default();
        let mut backends = Backends::default();
        backends.networks.connect(0, Box::new(paper.clone()));
        let legacy = interface == Interface::Legacy && big_endian;
        let mut driver = Self {
            function: VirtioPci::new(Net::new(0, PORT), big_endian, 0),
            memory: Ram::new(0x4_0000),
            backends,
            paper,
            interface,
            order: if legacy { Order::Big } else { Order::Little },
            features,
            given: [0; 2],
            taken: [0; 2],
        };
        driver.start();
        driver
    }

    fn bar(&self) -> u8 {
        match self.interface {
            Interface::Legacy => 0,
            Interface::Modern => 4,
        }
    }

    fn lend(&mut self) {
        if self.function.wants_bus() {
            let mut outside = Outside {
                memory: &mut self.memory,
                backends: &mut self.backends,
            };
            self.function.master(&mut outside, Nanos(0));
        }
    }

    fn write(&mut self, offset: u64, width: Width, value: u32) {
        let bar = self.bar();
        self.function.write_bar(bar, offset, width, value, Nanos(0));
        self.lend();
    }

    fn read(&mut self, offset: u64, width: Width) -> u32 {
        let bar = self.bar();
        self.function.read_bar(bar, offset, width, Nanos(0))
    }

    fn status(&mut self) -> u32 {
        match self.interface {
            Interface::Legacy => self.read(0x12, Width::Byte),
            Interface::Modern => self.read(0x14, Width::Byte),
        }
    }

    fn start(&mut self) {
        self.memory.at(QUEUES[0], 0x8000).fill(0);
        (self.given, self.taken) = ([0; 2], [0; 2]);
        match self.interface {
            Interface::Legacy => {
                self.write(0x12, Width::Byte, 0);
                self.write(0x12, Width::Byte, 3);
                self.write(0x04, Width::Word, self.features as u32);
                for (queue, at) in (0..).zip(QUEUES) {
                    self.write(0x0e, Width::Half, queue);
                    self.write(0x08, Width::Word, at >> 12);
                }
                self.write(0x12, Width::Byte, 7);
            }
            Interface::Modern => {
                self.write(0x14, Width::Byte, 0);
                self.write(0x14, Width::Byte, 3);
                for (half, word) in [(0, self.features as u32), (1, 1)] {
                    self.write(0x08, Width::Word, half);
                    self.write(0x0c, Width::Word, word);
                }
                self.write(0x14, Width::Byte, 11);
                for (queue, at) in (0..).zip(QUEUES) {
                    self.write(0x16, Width::Half, queue);
                    self.write(0x20, Width::Word, at);
                    self.write(0x28, Width::Word, at + 0x1000);
                    self.write(0x30, Width::Word, at + 0x2000);
                    self.write(0x1c, Width::Half, 1);
                }
                self.write(0x14, Width::Byte, 15);
            }
        }
    }

    fn notify(&mut self, queue: usize) {
        match self.interface {
            Interface::Legacy => self.write(0x10, Width::Half, queue as u32),
            Interface::Modern => self.write(0x3000 + 4 * queue as u64, Width::Half, 0),
        }
    }

    fn put(&mut self, at: u32, bytes: &[u8]) {
        let place = self.memory.at(at, bytes.len() as u32);
        place.copy_from_slice(bytes);
    }

    fn half(&mut self, at: u32) -> u16 {
        let bytes = self.memory.at(at, 2);
        self.order.get16([bytes[0], bytes[1]])
    }

    fn descriptor(
        &mut self,
        queue: usize,
        index: u16,
        at: u32,
        length: u32,
        flags: u16,
        next: u16,
    ) {
        let order = self.order;
        let mut bytes = order.put64(at.into()).to_vec();
        bytes.extend(order.put32(length));
        bytes.extend(order.put16(flags));
        bytes.extend(order.put16(next));
        self.put(QUEUES[queue] + 16 * u32::from(index), &bytes);
    }

    fn hand_out(&mut self, queue: usize, head: u16, count: u16) {
        let ring = QUEUES[queue] + 0x1000;
        let slot = ring + 4 + 2 * (u32::from(self.given[queue]) % ENTRIES);
        self.put(slot, &self.order.put16(head));
        self.given[queue] = self.given[queue].wrapping_add(count);
        self.put(ring + 2, &self.order.put16(self.given[queue]));
    }

    /// Gives the device a buffer for what comes in.
    fn offer(&mut self, index: u16, at: u32, length: u32) {
        self.descriptor(0, index, at, length, 2, 0);
        self.hand_out(0, index, 1);
        self.notify(0);
    }

    fn head_length(&self) -> usize {
        let long = self.interface == Interface::Modern || self.features & MERGE != 0;
        if long { 12 } else { 10 }
    }

    /// Sends a frame behind a head that starts with these bytes, in two pieces.
    fn send(&mut self, head: &[u8], frame: &[u8]) {
        let mut bytes = head.to_vec();
        bytes.resize(self.head_length(), 0);
        bytes.extend(frame);
        let at = DATA + 0x2_0000;
        self.put(at, &bytes);
        let (first, rest) = (20, bytes.len() as u32 - 20);
        self.descriptor(1, 0, at, first, 1, 1);
        self.descriptor(1, 1, at + first, rest, 0, 0);
        self.hand_out(1, 0, 1);
        self.notify(1);
        assert_eq!(self.given_back(1), [(0, 0)], "it is sent at once");
    }

    fn sent(&self) -> Vec<Frame> {
        std::mem::take(&mut *self.paper.0.lock().expect("no test has failed"))
    }

    fn deliver(&mut self, bytes: &[u8], checked: bool) {
        let bytes = bytes.to_vec();
        self.function.deliver(Frame { bytes, checked });
        self.lend();
    }

    fn given_back(&mut self, queue: usize) -> Vec<(u16, u32)> {
        let ring = QUEUES[queue] + 0x2000;
        let order = self.order;
        let mut chains = Vec::new();
        while self.half(ring + 2) != self.taken[queue] {
            let at = ring + 4 + 8 * (u32::from(self.taken[queue]) % ENTRIES);
            let bytes: [u8; 8] = self.memory.at(at, 8).try_into().expect("eight");
            let [a, b, c, d, rest @ ..] = bytes;
            chains.push((order.get32([a, b, c, d]) as u16, order.get32(rest)));
            self.taken[queue] = self.taken[queue].wrapping_add(1);
        }
        chains
    }
}

fn frame(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 7) as u8).collect()
}

#[test]
fn a_port_tells_what_it_is() {
    for (interface, big_endian) in SETTINGS {
        let mut driver = Driver::new(interface, big_endian, 0);
        let at = match interface {
            Interface::Legacy => 0x14,
            Interface::Modern => 0x2000,
        };
        let bytes: Vec<u8> = (0..12)
            .map(|byte| driver.read(at + byte, Width::Byte) as u8)
            .collect();
        assert_eq!(bytes[..6], PORT.mac.0);
        let half = |at: usize| driver.order.get16([bytes[at], bytes[at + 1]]);
        assert_eq!((half(6), half(10)), (1, PORT.mtu), "the link is up");
        let offered = driver.function.device().features();
        assert_eq!(offered, CSUM | GUEST_CSUM | MTU | MAC | MERGE | STATUS);
    }
}

#[test]
fn frames_are_sent_at_once() {
    for (interface, big_endian) in SETTINGS {
        for features in [0, MERGE] {
            let mut driver = Driver::new(interface, big_endian, features);
            driver.send(&[], &frame(60));
            driver.send(&[], &frame(1514));
            let sent = driver.sent();
            let bytes: Vec<_> = sent.iter().map(|sent| &sent.bytes).collect();
            assert_eq!(bytes, [&frame(60), &frame(1514)]);
            assert!(sent.iter().all(|sent| !sent.checked));
            assert_eq!(driver.function.device().traffic().sent_bytes, 1574);
            assert!(driver.function.interrupt());
            // Too short, and one that were to be taken apart.
            driver.send(&[], &frame(13));
            driver.send(&[0, 1], &frame(100));
            assert_eq!(driver.sent(), []);
            assert_eq!(driver.function.device().traffic().dropped, 2);
        }
    }
}

#[test]
fn the_device_fills_in_checksums() {
    for (interface, big_endian) in SETTINGS {
        let mut driver = Driver::new(interface, big_endian, CSUM);
        let [s, o] = [34, 6].map(|half| driver.order.put16(half));
        let head = [1, 0, 0, 0, 0, 0, s[0], s[1], o[0], o[1]];
        driver.send(&head, &frame(70));
        let [sent] = &driver.sent()[..] else {
            panic!("one frame");
        };
        assert!(sent.checked);
        let sum = |bytes: &[u8]| -> u32 {
            let pairs = bytes.chunks(2);
            pairs
                .map(|it| u32::from(it[0]) << 8 | u32::from(it[1]))
                .sum()
        };
        // The field counted with what was in it.
        let old = sum(&frame(70)[40..42]);
        assert_eq!((sum(&sent.bytes[34..]) + old) % 0xffff, 0);
        let [far, _] = [70, 0].map(|half| driver.order.put16(half));
        driver.send(&[1, 0, 0, 0, 0, 0, far[0], far[1], 0, 0], &frame(70));
        assert_eq!(driver.sent(), [], "the field is not in the frame");
    }
}

#[test]
fn a_frame_is_in_one_buffer_or_in_several() {
    for (interface, big_endian) in SETTINGS {
        let mut driver = Driver::new(interface, big_endian, 0);
        let head = driver.head_length() as u32;
        driver.deliver(&frame(100), true);
        assert_eq!(driver.given_back(0), [], "it waits for a buffer");
        driver.offer(3, DATA, head + 100);
        assert_eq!(driver.given_back(0), [(3, head + 100)]);
        assert_eq!(driver.memory.at(DATA + head, 100), frame(100));
        assert_eq!(driver.memory.at(DATA, 1), [0], "it did not ask for that");
        // One that is too long for its buffer is lost; the buffer stays.
        driver.offer(4, DATA, head + 60);
        driver.deliver(&frame(61), false);
        driver.deliver(&frame(60), false);
        assert_eq!(driver.given_back(0), [(4, head + 60)]);
        assert_eq!(driver.function.device().traffic().dropped, 1);

        let mut driver = Driver::new(interface, big_endian, MERGE | GUEST_CSUM);
        for index in 0..3 {
            driver.offer(index, DATA + 0x1000 * u32::from(index), 512);
        }
        driver.deliver(&frame(1400), true);
        assert_eq!(driver.given_back(0), [(0, 512), (1, 512), (2, 388)]);
        assert_eq!(driver.memory.at(DATA, 1), [2], "its checksums are right");
        assert_eq!(driver.half(DATA + 10), 3, "the buffers");
        let place = driver.memory.at(DATA + 0x1000, 512).to_vec();
        assert_eq!(place, frame(1400)[500..1012]);
        assert!(driver.function.interrupt());
    }
}

/// Buffers that were taken for a frame, and what waits, are state like all else.
#[test]
fn a_port_goes_on_after_saving() {
    let mut driver = Driver::new(Interface::Modern, true, MERGE);
    driver.offer(0, DATA, 512);
    driver.deliver(&frame(800), false);
    let saved = serde_json::to_string(&driver.function).expect("plain data");
    driver.function = serde_json::from_str(&saved).expect("what was saved");
    driver.offer(1, DATA + 0x1000, 512);
    assert_eq!(driver.given_back(0), [(0, 512), (1, 300)]);
    driver.deliver(&frame(800), false);
    assert!(driver.function.has_room());
    driver.start();
    driver.offer(2, DATA, 2000);
    assert_eq!(driver.given_back(0), [], "a reset forgets it");
}

#[test]
fn what_waits_is_bounded() {
    let mut driver = Driver::new(Interface::Modern, false, MERGE);
    let mut count = 0;
    while driver.function.has_room() {
        driver.deliver(&frame(60_000), false);
        count += 1;
    }
    assert_eq!(count, 5);
    let held = driver.function.device().held();
    assert!(held.bytes <= held.limit, "{held:?}");
    driver.write(0x14, Width::Byte, 0);
    assert!(!driver.function.has_room(), "no driver runs it");
    driver.deliver(&frame(60), false);
    assert_eq!(driver.function.device().held().bytes, 0);
}
