use super::*;

fn put(pic: &mut I8259Pair, offset: u64, value: u32) {
    pic.write(offset, Width::Byte, value, Nanos(0));
}

fn get(pic: &mut I8259Pair, offset: u64) -> u32 {
    pic.read(offset, Width::Byte, Nanos(0))
}

/// Vectors 0x20 and 0x28, everything unmasked.
fn pair() -> I8259Pair {
    let mut pic = I8259Pair::new();
    for (offset, value) in [
        (0, 0x11),
        (1, 0x20),
        (1, 4),
        (1, 1),
        (2, 0x11),
        (3, 0x28),
        (3, 2),
        (3, 1),
    ] {
        put(&mut pic, offset, value);
    }
    pic
}

#[test]
fn an_edge_is_served_once() {
    let mut pic = pair();
    pic.set_line(4, true);
    assert!(pic.interrupt());
    assert_eq!(pic.acknowledge(), 0x24);
    assert!(!pic.interrupt());
    put(&mut pic, 0, 0x64);
    assert!(
        !pic.interrupt(),
        "the line is still high, but there was no new edge"
    );
    pic.set_line(4, false);
    pic.set_line(4, true);
    assert!(pic.interrupt());
}

#[test]
fn a_level_is_served_until_it_goes() {
    let mut pic = pair();
    put(&mut pic, 5, 0x04);
    assert_eq!(get(&mut pic, 5), 0x04);
    pic.set_line(10, true);
    assert_eq!(pic.acknowledge(), 0x2a);
    put(&mut pic, 2, 0x62);
    put(&mut pic, 0, 0x62);
    assert!(pic.interrupt(), "still asked for");
    pic.set_line(10, false);
    assert!(!pic.interrupt());
}

#[test]
fn masks_hold_back_and_let_go() {
    let mut pic = pair();
    put(&mut pic, 1, 0xff);
    pic.set_line(3, true);
    assert!(!pic.interrupt());
    assert_eq!(get(&mut pic, 1), 0xff);
    put(&mut pic, 1, 0xf7);
    assert!(pic.interrupt());
}

#[test]
fn the_second_controller_goes_through_the_cascade() {
    let mut pic = pair();
    pic.set_line(8, true);
    put(&mut pic, 1, 0xff);
    assert!(!pic.interrupt());
    put(&mut pic, 1, 0xfb);
    assert_eq!(pic.acknowledge(), 0x28);
    put(&mut pic, 0, 0x0b);
    put(&mut pic, 2, 0x0b);
    assert_eq!((get(&mut pic, 0), get(&mut pic, 2)), (0x04, 0x01));
    pic.set_line(14, true);
    assert!(!pic.interrupt(), "less important than what is being served");
    put(&mut pic, 2, 0x60);
    put(&mut pic, 0, 0x62);
    assert!(pic.interrupt());
    assert_eq!(pic.acknowledge(), 0x2e);
}

#[test]
fn priority_and_nesting() {
    let mut pic = pair();
    pic.set_line(5, true);
    assert_eq!(pic.acknowledge(), 0x25);
    pic.set_line(6, true);
    assert!(!pic.interrupt());
    pic.set_line(1, true);
    assert_eq!(pic.acknowledge(), 0x21);
    put(&mut pic, 0, 0x20);
    put(&mut pic, 0, 0x0b);
    assert_eq!(get(&mut pic, 0), 0x20, "the end was the inner one's");
    put(&mut pic, 0, 0x20);
    assert_eq!(pic.acknowledge(), 0x26);
}

#[test]
fn nothing_asked() {
    let mut pic = pair();
    assert_eq!(pic.acknowledge(), 0x27);
    put(&mut pic, 0, 0x0b);
    assert_eq!(
        get(&mut pic, 0),
        0,
        "a spurious interrupt is not in service"
    );
    put(&mut pic, 5, 0x04);
    pic.set_line(10, true);
    pic.first.irr |= 4;
    pic.second.irr = 0;
    assert_eq!(pic.acknowledge(), 0x2f);
}

#[test]
fn rotation_puts_the_served_input_last() {
    let mut pic = pair();
    pic.set_line(3, true);
    assert_eq!(pic.acknowledge(), 0x23);
    put(&mut pic, 0, 0xa0);
    pic.set_line(3, false);
    pic.set_line(3, true);
    pic.set_line(6, true);
    assert_eq!(pic.acknowledge(), 0x26);
    put(&mut pic, 0, 0xc7);
    put(&mut pic, 0, 0x66);
    assert_eq!(pic.acknowledge(), 0x23);
}

#[test]
fn special_mask_lets_less_important_inputs_in() {
    let mut pic = pair();
    pic.set_line(1, true);
    pic.acknowledge();
    pic.set_line(5, true);
    assert!(!pic.interrupt());
    put(&mut pic, 1, 0x02);
    put(&mut pic, 0, 0x68);
    assert_eq!(pic.acknowledge(), 0x25);
}

#[test]
fn polling_acknowledges() {
    let mut pic = pair();
    put(&mut pic, 0, 0x0c);
    assert_eq!(get(&mut pic, 0), 0);
    pic.set_line(7, true);
    put(&mut pic, 0, 0x0c);
    assert_eq!(get(&mut pic, 0), 0x87);
    put(&mut pic, 0, 0x0b);
    assert_eq!(get(&mut pic, 0), 0x80);
}

#[test]
fn automatic_end_of_interrupt() {
    let mut pic = I8259Pair::new();
    for (offset, value) in [(0, 0x11), (1, 0x20), (1, 4), (1, 3)] {
        put(&mut pic, offset, value);
    }
    pic.set_line(0, true);
    assert_eq!(pic.acknowledge(), 0x20);
    put(&mut pic, 0, 0x0b);
    assert_eq!(get(&mut pic, 0), 0);
}
