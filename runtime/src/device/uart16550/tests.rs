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
    uart.push_input(b'a');
    uart.push_input(b'b');
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
    uart.push_input(b'a');
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
    text.iter().for_each(|byte| uart.push_input(*byte));
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
    uart.push_input(b'a');
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
