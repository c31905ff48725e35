//! Guests that do anything at all.

use super::*;

/// Whatever a guest does, the board does not panic and does not get stuck.
#[test]
fn nonsense_is_harmless() {
    let mut guest = Guest::new(false);
    guest.fit_virtio();
    guest.board.chips.flash.fit();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let windows = [
        (IO, 0x600),
        (IO, 0x100),
        (IO + 0x1000, 0x800),
        (IO + 0xcf0, 0x10),
        (GT, 0x1000),
        (GT + 0xc00, 0x100),
        (0x1f00_0000, 0x1000),
        (FLASH, 0x10),
        (BOOT_ROM, 0x20),
        (0x1200_0000, 0x20),
        (0x1300_0000, 0x3_8000),
        (0x1000_0000, 0x1000_0000),
        (0, 1 << 40),
    ];
    for step in 0..1_000_000_u64 {
        if step % 4096 == 0 {
            // So that wild window registers do not end the test early.
            guest.board.chips.gt.reset();
            guest.board.chips.gt.boot_state();
            guest.place_functions();
        }
        let (base, length) = windows[random() as usize % windows.len()];
        let pa = Pa(base + random() % length);
        let width = [Width::Byte, Width::Half, Width::Word][(random() % 3) as usize];
        let value = random() as u32 >> (random() % 32);
        if random() % 2 == 0 {
            let value = guest.board.read(pa, width, guest.now);
            assert!(value.is_ok_and(|value| value & !width.mask() == 0) || value.is_err());
        } else {
            let _ = guest.try_store(pa, width, value);
        }
        match random() % 64 {
            0 => guest.board.console().push_input(Stroke::Byte(value as u8)),
            1 => guest.now = guest.now.plus(Nanos(random() >> (24 + random() % 40))),
            16 if guest.board.has_room(0) => guest.deliver(random() as usize % 5, 60),
            2..16 => guest.now = guest.now.plus(Nanos(random() % 1000)),
            _ => {}
        }
        if guest.board.deadline().is_some_and(|due| due <= guest.now) {
            guest.advance();
            assert!(
                guest.board.deadline().is_none_or(|due| due > guest.now),
                "stuck"
            );
        }
        if step % 1000 == 0 {
            assert_eq!(guest.board.unsound(), None);
            guest.board.console().take_output();
            guest.board.take_request();
        }
    }
    for (name, reads, writes) in guest.board.accesses() {
        let reached = reads > 0 && writes > 0;
        assert_eq!(reached, name != "folder0", "{name}");
    }
}

#[test]
fn the_end_of_time_is_survived() {
    let mut guest = Guest::new(false);
    guest.outb(0x70, 0x0b);
    guest.outb(0x71, 0x72);
    for (port, value) in [(0x43, 0x34), (0x40, 2), (0x40, 0), (0x3f9, 0x0f)] {
        guest.outb(port, value);
    }
    guest.board.console().push_input(Stroke::Byte(b'x'));
    for now in [1 << 62, u64::MAX - 1, u64::MAX] {
        guest.now = Nanos(now);
        guest.advance();
        guest.inb(0x71);
        guest.inb(0x40);
    }
    assert!(guest.board.deadline().is_none_or(|due| due > guest.now));
}
