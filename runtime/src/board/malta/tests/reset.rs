//! What a reset does, and a guest that asks for one.

use super::*;

#[test]
fn the_guest_can_switch_off_and_reset() {
    let mut guest = Guest::new(false);
    guest.set_config(10, 3, 0x40, 0x1001);
    guest.set_config(10, 3, 0x80, 1);
    guest.store(IO + 0x1004, Width::Half, 0x2000);
    assert_eq!(guest.board.take_request(), Some(Request::PowerOff));
    assert_eq!(guest.board.take_request(), None);
    guest.sw(0x1f00_0500, 0x42);
    assert_eq!(guest.board.take_request(), Some(Request::Reset));
}

#[test]
fn a_reset_leaves_what_the_boot_code_leaves() {
    let mut guest = Guest::new(false);
    guest.start_pic();
    guest.outb(0x3f9, 2);
    guest.sw(SERIAL2 + 8, 2);
    guest.set_config(10, 3, 0x80, 1);
    guest.sw(GT + 0x68, 0xa0);
    guest.board.console().push_input(Stroke::Byte(b'x'));
    guest.board.reset();
    assert_eq!(guest.board.lines(), 0);
    assert_eq!(guest.lw(GT + 0x68), 0xdf);
    assert_eq!(guest.config(10, 3, 0x80), 0);
    assert_eq!(guest.inb(0x4d1), 0x0c, "PCI interrupts are level-triggered");
    assert_eq!(guest.board.console().input_pending(), 1);
}

#[test]
fn a_board_with_flash_memory_is_reset_as_the_hardware() {
    let mut guest = Guest::new(false);
    assert!(!guest.board.has_flash());
    guest.sw(FLASH, 0x98);
    assert_eq!((guest.lw(FLASH + 0x40), guest.lw(FLASH)), (0, 0));
    guest.board.fit_flash();
    for _ in 0..2 {
        let reset = 0x1400_0000;
        assert_eq!(guest.lw(reset + 0x68), 0xa0, "the bridge is where it was");
        assert_eq!(guest.lw(reset + 0x48), 0x80);
        assert_eq!(guest.lw(GT + 0x68), 0, "and not where it goes");
        guest.sw(reset + 0x68, 0xdf);
        assert_eq!(guest.lw(GT + 0x68), 0xdf);
        let hides = |guest: &Guest| [0, 0x3f_fffc].map(|at| guest.board.hides(Pa(FLASH + at)));
        assert_eq!(hides(&guest), [false; 2]);
        guest.sw(FLASH + 0x55 * 4, 0x98);
        assert_eq!(hides(&guest), [true; 2]);
        assert!(!guest.board.hides(Pa(BOOT_ROM)), "it takes no commands");
        assert_eq!(guest.lw(FLASH + 0x40), u32::from(b'Q'));
        guest.board.reset();
    }
}
