use super::*;

const T: Nanos = Nanos(1000);

fn port() -> Uart16550 {
    Uart16550::new(115_200)
}

fn get(uart: &mut Uart16550, offset: u64) -> u32 {
    uart.read(offset, Width::Byte, T)
}

fn put(uart: &mut Uart16550, offset: u64, value: u32) {
    uart.write(offset, Width::Byte, value, T);
}

/// Lets every queued byte arrive that finds room.
fn settle(uart: &mut Uart16550) {
    while let Some(due) = uart.deadline() {
        uart.advance(due);
        assert!(uart.deadline().is_none_or(|next| next > due));
    }
}

#[test]
fn a_16550a_is_recognised() {
    let mut uart = port();
    put(&mut uart, 7, 0x5a);
    assert_eq!(get(&mut uart, 7), 0x5a);
    put(&mut uart, 2, 0);
    assert_eq!(get(&mut uart, 2), 0x01);
    put(&mut uart, 2, 1);
    assert_eq!(get(&mut uart, 2), 0xc1);
    put(&mut uart, 2, 0x21);
    assert_eq!(get(&mut uart, 2), 0xc1, "no 64-byte FIFO as a 16750 has");
    put(&mut uart, 3, 0x80);
    put(&mut uart, 1, 0x12);
    put(&mut uart, 0, 0x34);
    assert_eq!((get(&mut uart, 0), get(&mut uart, 1)), (0x34, 0x12));
    put(&mut uart, 3, 0x03);
    put(&mut uart, 1, 0xff);
    assert_eq!(get(&mut uart, 1), 0x0f);
}

#[test]
fn loopback_turns_the_modem_lines_around() {
    let mut uart = port();
    assert_eq!(get(&mut uart, 6), 0xb0);
    put(&mut uart, 4, 0x1a);
    assert_eq!(get(&mut uart, 6) & 0xf0, 0x90);
    put(&mut uart, 4, 0x15);
    assert_eq!(get(&mut uart, 6) & 0xf0, 0x60);
    assert_eq!(get(&mut uart, 6), 0x60, "deltas are gone once read");
    put(&mut uart, 4, 0x11);
    assert_eq!(get(&mut uart, 6), 0x24, "the end of a ring is noted");
}

#[test]
fn loopback_fills_the_fifo_and_then_overruns() {
    let mut uart = port();
    put(&mut uart, 2, 0xc1);
    put(&mut uart, 4, 0x10);
    put(&mut uart, 1, 0x05);
    for byte in 0..13 {
        put(&mut uart, 0, byte);
        assert_eq!(get(&mut uart, 2), 0xc1);
    }
    put(&mut uart, 0, 13);
    assert_eq!(get(&mut uart, 2), 0xc4, "the trigger level is 14");
    put(&mut uart, 0, 14);
    put(&mut uart, 0, 15);
    assert_eq!(get(&mut uart, 5), 0x61);
    put(&mut uart, 0, 16);
    assert_eq!(get(&mut uart, 2), 0xc6, "line status goes first");
    assert_eq!(get(&mut uart, 5), 0x63);
    assert_eq!(get(&mut uart, 5), 0x61, "reading LSR clears the overrun");
    for byte in 0..16 {
        assert_eq!(get(&mut uart, 0), byte);
    }
    assert_eq!(get(&mut uart, 5), 0x60);
    assert!(uart.take_output().is_empty(), "nothing left the port");
}

#[test]
fn the_empty_transmitter_interrupts_once() {
    let mut uart = port();
    put(&mut uart, 2, 1);
    assert!(!uart.interrupt());
    put(&mut uart, 1, 2);
    assert!(uart.interrupt());
    assert_eq!(get(&mut uart, 2), 0xc2);
    assert!(!uart.interrupt(), "reading IIR clears it");
    put(&mut uart, 0, u32::from(b'x'));
    assert!(uart.interrupt());
    put(&mut uart, 1, 0);
    assert!(!uart.interrupt());
    put(&mut uart, 1, 2);
    assert!(uart.interrupt(), "enabling it again raises it again");
    assert_eq!(uart.take_output(), b"x");
}

#[test]
fn input_is_paced_at_the_programmed_rate() {
    let mut uart = port();
    put(&mut uart, 3, 0x80);
    put(&mut uart, 0, 3);
    put(&mut uart, 3, 0x03);
    put(&mut uart, 2, 0x01);
    put(&mut uart, 1, 1);
    uart.push_input(Stroke::Byte(b'a'));
    uart.push_input(Stroke::Byte(b'b'));
    let first = uart.deadline().expect("a byte is on its way");
    assert_eq!(first.0 - T.0, 260_416, "ten bits at 38400 baud");
    uart.advance(first);
    assert!(uart.interrupt());
    let second = uart.deadline().expect("and another");
    assert_eq!(second.0 - first.0, 260_416);
    assert_eq!(uart.read(0, Width::Byte, first), u32::from(b'a'));
    assert!(!uart.interrupt());
    uart.advance(second);
    assert_eq!(uart.read(0, Width::Byte, second), u32::from(b'b'));
    assert_eq!(uart.deadline(), None);
}

#[test]
fn a_short_stay_below_the_trigger_level_times_out() {
    let mut uart = port();
    put(&mut uart, 2, 0x81);
    put(&mut uart, 1, 1);
    uart.push_input(Stroke::Byte(b'a'));
    let arrival = uart.deadline().expect("arrival");
    uart.advance(arrival);
    assert!(!uart.interrupt(), "one byte, trigger level eight");
    let timeout = uart.deadline().expect("timeout");
    uart.advance(timeout);
    assert_eq!(uart.read(2, Width::Byte, timeout), 0xcc);
    assert_eq!(uart.read(0, Width::Byte, timeout), u32::from(b'a'));
    assert!(!uart.interrupt());
}

#[test]
fn typed_input_waits_for_room() {
    let mut uart = port();
    put(&mut uart, 2, 0x01);
    let text: Vec<u8> = (0..100).collect();
    Stroke::typed(&text).for_each(|stroke| uart.push_input(stroke));
    settle(&mut uart);
    assert_eq!(uart.input_pending(), 84);
    let mut got = Vec::new();
    while uart.lsr() & LSR_DATA != 0 {
        let now = uart.seen;
        got.push(uart.read(0, Width::Byte, now) as u8);
        settle(&mut uart);
    }
    assert_eq!(got, text);
    assert!(!uart.overrun);
}

#[test]
fn a_divisor_of_zero_still_receives() {
    let mut uart = port();
    put(&mut uart, 3, 0x83);
    put(&mut uart, 0, 0);
    put(&mut uart, 1, 0);
    put(&mut uart, 3, 0x03);
    uart.push_input(Stroke::Byte(b'a'));
    settle(&mut uart);
    assert_eq!(get(&mut uart, 0), u32::from(b'a'));
}

#[test]
fn a_port_that_nothing_is_attached_to_keeps_little() {
    let mut uart = port();
    for byte in 0..100_000 {
        put(&mut uart, 0, byte);
    }
    assert_eq!(uart.take_output().len(), OUTPUT_MOST);
    assert_eq!(get(&mut uart, 5) & 0x60, 0x60, "it has sent it all");
}

/// All that arrives while the guest reads what there is.
fn read_all(uart: &mut Uart16550) -> Vec<u8> {
    let mut got = Vec::new();
    settle(uart);
    while uart.lsr() & LSR_DATA != 0 {
        let now = uart.seen;
        got.push(uart.read(0, Width::Byte, now) as u8);
        settle(uart);
    }
    got
}

/// Sets up the port as Linux does when a process opens it: empties the receiver, reads what may be
/// left, and does so again before it enables interrupts.
fn open(uart: &mut Uart16550) {
    for (offset, value) in [(2, 1), (2, 7), (2, 0)] {
        let now = uart.seen;
        uart.write(offset, Width::Byte, value, now);
    }
    for pause in [0, 1_000_000, 5_000_000] {
        let now = uart.seen.plus(Nanos(pause));
        for offset in [5, 0, 2, 6] {
            uart.read(offset, Width::Byte, now);
        }
    }
    let now = uart.seen;
    uart.write(2, Width::Byte, 0x81, now);
    uart.write(1, Width::Byte, u32::from(IER_RX), now);
}

#[test]
fn a_stream_arrives_whole_although_the_receiver_is_emptied() {
    let text = b"uname -a\npoweroff -f\n";
    for fifo in [0, 1] {
        let mut uart = port();
        put(&mut uart, 2, fifo);
        Stroke::piped(text).for_each(|stroke| uart.push_input(stroke));
        settle(&mut uart);
        open(&mut uart);
        let soon = uart.seen.plus(Nanos(1_100_000));
        assert!(
            uart.deadline().is_some_and(|at| at <= soon),
            "it is released"
        );
        assert_eq!(read_all(&mut uart), text);
    }
}

#[test]
fn what_a_person_types_before_the_port_is_opened_is_lost() {
    let mut uart = port();
    Stroke::typed(b"xy").for_each(|stroke| uart.push_input(stroke));
    settle(&mut uart);
    open(&mut uart);
    assert_eq!(read_all(&mut uart), b"");
}

#[test]
fn a_guest_that_polls_gets_a_stream_after_a_moment() {
    let mut uart = port();
    Stroke::piped(b"ab").for_each(|stroke| uart.push_input(stroke));
    settle(&mut uart);
    let cleared = uart.seen;
    uart.write(2, Width::Byte, 3, cleared);
    assert_eq!(uart.deadline(), Some(cleared.plus(HOLD)));
    assert_eq!(read_all(&mut uart), b"ab");
}

#[test]
fn a_stream_can_go_to_another_console() {
    let mut uart = port();
    put(&mut uart, 2, 1);
    for stroke in [Stroke::Piped(b'a'), Stroke::Byte(b'b'), Stroke::Break] {
        uart.push_input(stroke);
    }
    settle(&mut uart);
    Stroke::piped(b"cd").for_each(|stroke| uart.push_input(stroke));
    assert_eq!(uart.take_piped(), b"acd");
    assert_eq!(read_all(&mut uart), b"b\0");
}

#[test]
fn a_break_is_a_zero_and_a_line_status() {
    let mut uart = port();
    put(&mut uart, 2, 0x01);
    put(&mut uart, 1, u32::from(IER_LINE | IER_RX));
    for stroke in [Stroke::Byte(b'a'), Stroke::Break, Stroke::Byte(b'h')] {
        uart.push_input(stroke);
    }
    settle(&mut uart);
    let now = uart.seen;
    let mut get = |offset| uart.read(offset, Width::Byte, now);
    assert_eq!(get(5), 0xe1, "an error is in the FIFO, not at its head");
    assert_eq!((get(2), get(0)), (0xc4, u32::from(b'a')));
    assert_eq!(get(2), 0xc6, "line status goes first");
    assert_eq!(get(5), 0xf1);
    assert_eq!(get(5), 0x61, "reading LSR clears it");
    assert_eq!((get(2), get(0)), (0xc4, 0));
    assert_eq!((get(5), get(0)), (0x61, u32::from(b'h')));
    assert_eq!(get(5), 0x60);
}
