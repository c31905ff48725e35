mod balloon;
mod bench;
mod console;
mod disk;
mod driver;
mod folder;
mod net;
mod rng;
mod wild;

use super::*;
use crate::device::pci::{PciFunction, Space};
use crate::device::{Device, Width};
use driver::{Driver, Interface};

const DEVICE_BAR: u8 = 4;

#[test]
fn capabilities_lead_to_the_registers() {
    let driver = Driver::new(Interface::Modern, false);
    let config = driver.function.config();
    let mut found = Vec::new();
    let mut at = config.read(0x34, Width::Byte) as u8;
    while at != 0 {
        let read = |offset, width| config.read(at + offset, width);
        assert_eq!(read(0, Width::Byte), 9, "vendor specific");
        found.push((
            read(2, Width::Byte),
            read(3, Width::Byte),
            read(4, Width::Byte),
            read(8, Width::Word),
        ));
        at = read(1, Width::Byte) as u8;
    }
    assert_eq!(
        found,
        [
            (16, 1, 4, 0),
            (16, 3, 4, 0x1000),
            (16, 4, 4, 0x2000),
            (20, 2, 4, 0x3000),
            (20, 5, 0, 0),
        ]
    );
}

#[test]
fn ranges_have_their_sizes() {
    let mut driver = Driver::new(Interface::Modern, false);
    let config = driver.function.config_mut();
    for (register, mask) in [(0x10, 0xffff_ff81), (0x20, 0xffff_c004), (0x24, !0)] {
        config.write(register, Width::Word, !0);
        assert_eq!(config.read(register, Width::Word), mask);
    }
    config.write(0x20, Width::Word, 0x1000_0000);
    config.write(0x24, Width::Word, 0);
    config.write(0x04, Width::Half, 2);
    let hit = config.decode(Space::Memory, 0x1000_2004);
    assert!(hit.is_some_and(|hit| (hit.bar, hit.offset) == (4, 0x2004)));
}

/// The window in the configuration space reads and writes registers.
#[test]
fn registers_are_reached_through_the_configuration_space() {
    let mut driver = Driver::new(Interface::Modern, false);
    let window = 0x40 + 3 * 16 + 20;
    let function = &mut driver.function;
    let mut set = |register, width, value| {
        function.write_config(window + register, width, value, Nanos(0));
    };
    set(4, Width::Byte, DEVICE_BAR.into());
    set(8, Width::Word, 0x14);
    set(12, Width::Word, 1);
    set(16, Width::Byte, 3);
    assert_eq!(function.read_bar(4, 0x14, Width::Byte, Nanos(0)), 3);
    function.write_bar(4, 0x14, Width::Byte, 7, Nanos(0));
    let data = function.read_config(window + 16, Width::Byte, Nanos(0));
    assert_eq!(data, 7);
}

#[test]
fn features_are_agreed_on_once() {
    let mut driver = Driver::new(Interface::Modern, false);
    let offered = driver.offered();
    assert_eq!(offered >> 32, 1, "version 1");
    driver.write(0x14, Width::Byte, 3);
    driver.accept(1 << 32 | 1 << 60);
    driver.write(0x14, Width::Byte, 11);
    assert_eq!(driver.read(0x14, Width::Byte), 3, "one is not offered");
    driver.accept(offered & !(1 << 32));
    driver.write(0x14, Width::Byte, 11);
    assert_eq!(driver.read(0x14, Width::Byte), 3, "not version 1");
    driver.accept(1 << 32);
    driver.write(0x14, Width::Byte, 11);
    assert_eq!(driver.read(0x14, Width::Byte), 11);
    driver.accept(offered);
    driver.write(0x08, Width::Word, 0);
    assert_eq!(driver.read(0x0c, Width::Word), 0, "it was too late");
    driver.write(0x14, Width::Byte, 0);
    assert_eq!(driver.read(0x14, Width::Byte), 0);
}

#[test]
fn a_queue_in_use_keeps_its_place() {
    let mut driver = Driver::started(Interface::Modern, false);
    let place = driver.read(0x20, Width::Word);
    driver.write(0x20, Width::Word, 0x1234);
    driver.write(0x18, Width::Half, 2);
    assert_eq!(driver.read(0x20, Width::Word), place);
    assert_eq!(driver.read(0x18, Width::Half), u32::from(driver::ENTRIES));
    assert_eq!(driver.read(0x12, Width::Half), 1, "one queue");
    driver.write(0x16, Width::Half, 1);
    assert_eq!(driver.read(0x18, Width::Half), 0, "there is no second one");
}

/// What a driver can get wrong with its rings.
#[test]
fn a_broken_queue_needs_a_reset() {
    type Mistake = fn(&mut Driver);
    let mistakes: [(&str, Mistake); 8] = [
        ("a loop", |driver| {
            driver.descriptor(0, 0x100, 16, 1, 1);
            driver.descriptor(1, 0x100, 16, 1, 0);
        }),
        ("a number beyond the table", |driver| {
            driver.descriptor(0, 0x100, 16, 1, driver::ENTRIES);
        }),
        ("a buffer outside memory", |driver| {
            driver.descriptor(0, 0xffff_ff00, 16, 0, 0);
        }),
        ("no place for the status", |driver| {
            driver.descriptor(0, 0x100, 16, 0, 0);
        }),
        ("a buffer to read behind one to write", |driver| {
            driver.descriptor(0, 0x100, 16, 3, 1);
            driver.descriptor(1, 0x100, 16, 0, 0);
        }),
        ("a table of part of an entry", |driver| {
            driver.descriptor(0, 0x100, 17, 4, 0);
        }),
        ("a table in a table", |driver| {
            driver.descriptor(0, driver::TABLE, 64, 4, 0);
        }),
        ("more than there are", |driver| driver.hand_out(7, 300)),
    ];
    for (name, make) in mistakes {
        for (interface, big_endian) in driver::SETTINGS {
            let mut driver = Driver::started(interface, big_endian);
            make(&mut driver);
            driver.hand_out(0, 1);
            let before = driver.memory.0.clone();
            driver.notify();
            assert_eq!(driver.status() & 0x40, 0x40, "{name}");
            assert!(driver.function.interrupt(), "{name}");
            assert_eq!(driver.memory.0, before, "{name}");
            assert!(!driver.function.wants_bus());
            driver.start();
            assert_eq!(driver.read_disk(1), driver::sector(1), "after a reset");
        }
    }
}

#[test]
fn a_queue_of_a_wrong_size_is_refused() {
    for size in [0, 3, 512] {
        let mut driver = Driver::new(Interface::Modern, false);
        driver.write(0x18, Width::Half, size);
        driver.write(0x1c, Width::Half, 1);
        assert_eq!(driver.read(0x14, Width::Byte), 0x40);
    }
}
