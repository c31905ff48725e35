use super::*;

fn command(kbc: &mut I8042, value: u32) {
    kbc.write(4, Width::Byte, value, Nanos(0));
}

fn data(kbc: &mut I8042, value: u32) {
    kbc.write(0, Width::Byte, value, Nanos(0));
}

/// A controller that has passed its self-test.
fn tested() -> I8042 {
    let mut kbc = I8042::new();
    command(&mut kbc, 0xaa);
    drain(&mut kbc);
    kbc
}

/// All that there is to read, each with the status before it.
fn drain(kbc: &mut I8042) -> Vec<(u32, u32)> {
    let mut found = Vec::new();
    loop {
        let status = kbc.read(4, Width::Byte, Nanos(0));
        if status & 1 == 0 {
            return found;
        }
        found.push((status, kbc.read(0, Width::Byte, Nanos(0))));
    }
}

#[test]
fn the_controller_is_probed() {
    let mut kbc = I8042::new();
    assert_eq!(kbc.read(4, Width::Byte, Nanos(0)), 0x18);
    command(&mut kbc, 0xaa);
    assert_eq!(drain(&mut kbc), [(0x1d, 0x55)]);
    assert_eq!(kbc.read(4, Width::Byte, Nanos(0)), 0x1c);
    command(&mut kbc, 0x60);
    data(&mut kbc, 0x12);
    command(&mut kbc, 0x20);
    assert_eq!(drain(&mut kbc), [(0x1d, 0x12)]);
    command(&mut kbc, 0xd3);
    data(&mut kbc, 0xa5);
    assert!(kbc.mouse_interrupt());
    assert_eq!(drain(&mut kbc), [(0x3d, 0xa5)]);
    for (value, byte) in [(0xa7, 0x32), (0xa8, 0x12)] {
        command(&mut kbc, value);
        command(&mut kbc, 0x20);
        assert_eq!(drain(&mut kbc), [(0x1d, byte)]);
    }
}

#[test]
fn the_keyboard_answers() {
    let mut kbc = tested();
    command(&mut kbc, 0x60);
    data(&mut kbc, 0x47);
    data(&mut kbc, 0xff);
    assert!(kbc.interrupt());
    assert_eq!(drain(&mut kbc), [(0x1d, 0xfa), (0x1d, 0xaa)]);
    assert!(!kbc.interrupt());
    data(&mut kbc, 0xf2);
    assert_eq!(drain(&mut kbc), [(0x1d, 0xfa), (0x1d, 0xab), (0x1d, 0x41)]);
    data(&mut kbc, 0xed);
    data(&mut kbc, 0xff);
    assert_eq!(
        drain(&mut kbc),
        [(0x1d, 0xfa); 2],
        "0xff was the state of the lights"
    );
    data(&mut kbc, 0xea);
    assert_eq!(drain(&mut kbc), [(0x1d, 0xfe)]);
}

#[test]
fn what_the_keyboard_says_is_translated_on_demand() {
    let mut kbc = tested();
    for (translate, set, id) in [(0x00, 0x02, 0x83), (0x40, 0x41, 0x41)] {
        command(&mut kbc, 0x60);
        data(&mut kbc, translate);
        data(&mut kbc, 0xf0);
        data(&mut kbc, 0);
        assert_eq!(drain(&mut kbc)[1..], [(0x1d, 0xfa), (0x1d, set)]);
        data(&mut kbc, 0xf2);
        assert_eq!(drain(&mut kbc)[1..], [(0x1d, 0xab), (0x1d, id)]);
    }
}

#[test]
fn the_scan_code_set_is_kept_until_a_reset() {
    let mut kbc = tested();
    for (write, set) in [(&[0xf0, 3][..], 3), (&[0xf0, 4], 3), (&[0xf6], 2)] {
        for byte in write {
            data(&mut kbc, *byte);
        }
        drain(&mut kbc);
        data(&mut kbc, 0xf0);
        drain(&mut kbc);
        data(&mut kbc, 0);
        assert_eq!(drain(&mut kbc), [(0x1d, 0xfa), (0x1d, set)]);
    }
}

/// What the mouse says to `bytes`.
fn mouse(kbc: &mut I8042, bytes: &[u32]) -> Vec<u32> {
    let mut said = Vec::new();
    for byte in bytes {
        command(kbc, 0xd4);
        data(kbc, *byte);
        said.extend(drain(kbc).into_iter().map(|(_, byte)| byte));
    }
    said
}

#[test]
fn a_driver_knocks_for_wheel_and_buttons() {
    let mut kbc = tested();
    for (rates, id) in [([200, 100, 80], 3), ([200, 200, 80], 4)] {
        assert_eq!(mouse(&mut kbc, &[0xff]), [0xfa, 0xaa, 0]);
        assert_eq!(mouse(&mut kbc, &[0xeb]), [0xfa, 0x08, 0, 0]);
        for rate in rates {
            assert_eq!(mouse(&mut kbc, &[0xf3, rate]), [0xfa, 0xfa]);
        }
        assert_eq!(mouse(&mut kbc, &[0xf2]), [0xfa, id]);
        assert_eq!(mouse(&mut kbc, &[0xeb]), [0xfa, 0x08, 0, 0, 0]);
    }
}

#[test]
fn the_mouse_tells_its_state() {
    let mut kbc = tested();
    assert_eq!(mouse(&mut kbc, &[0xe9]), [0xfa, 0, 2, 100]);
    mouse(&mut kbc, &[0xe8, 3, 0xf3, 60, 0xe7, 0xf4]);
    assert_eq!(mouse(&mut kbc, &[0xe9]), [0xfa, 0x30, 3, 60]);
    assert_eq!(mouse(&mut kbc, &[0xee, 0xe9, 0xec]), [0xfa, 0xe9, 0xfa]);
    mouse(&mut kbc, &[0xf6]);
    assert_eq!(mouse(&mut kbc, &[0xe9]), [0xfa, 0, 2, 100]);
    assert!(mouse(&mut kbc, &[0x42]).is_empty());
}

#[test]
fn a_new_command_ends_the_answer_before() {
    let mut kbc = tested();
    data(&mut kbc, 0xf2);
    data(&mut kbc, 0xff);
    assert_eq!(drain(&mut kbc), [(0x1d, 0xfa), (0x1d, 0xfa), (0x1d, 0xaa)]);
}

#[test]
fn the_mouse_answers() {
    let mut kbc = tested();
    command(&mut kbc, 0xd4);
    data(&mut kbc, 0xff);
    assert_eq!(drain(&mut kbc), [(0x3d, 0xfa), (0x3d, 0xaa), (0x3d, 0)]);
    command(&mut kbc, 0xd4);
    data(&mut kbc, 0xe9);
    assert_eq!(
        drain(&mut kbc),
        [(0x3d, 0xfa), (0x3d, 0), (0x3d, 2), (0x3d, 100)]
    );
}

#[test]
fn a_disabled_device_keeps_its_answer() {
    let mut kbc = tested();
    data(&mut kbc, 0xee);
    command(&mut kbc, 0xad);
    assert_eq!(drain(&mut kbc).len(), 1, "the one that was in the buffer");
    data(&mut kbc, 0xf4);
    assert_eq!(
        drain(&mut kbc).len(),
        1,
        "a write to the keyboard enables it"
    );
}

#[test]
fn the_reset_line_can_be_pulsed() {
    let mut kbc = tested();
    command(&mut kbc, 0xff);
    assert_eq!(kbc.take_request(), None);
    command(&mut kbc, 0xfe);
    assert_eq!(kbc.take_request(), Some(Request::Reset));
    assert_eq!(kbc.take_request(), None);
}

/// What the keyboard says when a button is pressed.
fn pressed(kbc: &mut I8042, button: Button) -> Vec<u32> {
    kbc.press(button);
    assert!(kbc.interrupt());
    drain(kbc).into_iter().map(|(_, byte)| byte).collect()
}

#[test]
fn buttons_are_keys_in_the_set_that_the_driver_wants() {
    let mut kbc = tested();
    assert_eq!(
        pressed(&mut kbc, Button::Power),
        [0xe0, 0x37, 0xe0, 0xf0, 0x37]
    );
    let all = [
        0x14, 0x11, 0xe0, 0x71, 0xe0, 0xf0, 0x71, 0xf0, 0x11, 0xf0, 0x14,
    ];
    assert_eq!(pressed(&mut kbc, Button::CtrlAltDel), all);
    command(&mut kbc, 0x60);
    data(&mut kbc, 0x41);
    assert_eq!(
        pressed(&mut kbc, Button::CtrlAltDel),
        [0x1d, 0x38, 0xe0, 0x53, 0xe0, 0xd3, 0xb8, 0x9d]
    );
    assert_eq!(pressed(&mut kbc, Button::Power), [0xe0, 0x5e, 0xe0, 0xde]);
}

#[test]
fn a_keyboard_keeps_a_few_whole_keys_and_says_nothing_when_it_is_off() {
    let mut kbc = tested();
    (0..5).for_each(|_| kbc.press(Button::CtrlAltDel));
    assert_eq!(drain(&mut kbc).len(), 11);
    data(&mut kbc, 0xf5);
    drain(&mut kbc);
    kbc.press(Button::Power);
    assert_eq!(drain(&mut kbc), []);
    data(&mut kbc, 0xf4);
    drain(&mut kbc);
    kbc.press(Button::Power);
    assert_eq!(drain(&mut kbc).len(), 5);
}
