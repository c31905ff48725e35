use super::*;

fn put(pit: &mut I8254, offset: u64, value: u32, now: u64) {
    pit.write(offset, Width::Byte, value, Nanos(now));
}

fn get(pit: &mut I8254, offset: u64, now: u64) -> u32 {
    pit.read(offset, Width::Byte, Nanos(now))
}

/// The edges of counter 0 up to `end`.
fn edges(pit: &mut I8254, end: u64) -> Vec<u64> {
    let mut found = Vec::new();
    while let Some(due) = pit.deadline().filter(|due| due.0 <= end) {
        pit.advance(due);
        assert!(pit.deadline().is_none_or(|next| next > due));
        if pit.take_pulses() == 1 {
            found.push(due.0);
        }
    }
    found
}

#[test]
fn a_rate_generator_ticks_at_its_rate() {
    let mut pit = I8254::new();
    put(&mut pit, 3, 0x34, 0);
    put(&mut pit, 0, 0xa5, 0);
    assert_eq!(pit.deadline(), None, "half a count is none");
    put(&mut pit, 0, 0x12, 0);
    let found = edges(&mut pit, 1_000_000_000);
    assert_eq!(found.len(), 249, "4773 ticks are 4.0002 ms");
    assert_eq!(found[0], span(0x12a5));
    assert_eq!(found[248], span(0x12a5 * 249), "without drift");
}

#[test]
fn a_one_shot_fires_once() {
    let mut pit = I8254::new();
    put(&mut pit, 3, 0x30, 5);
    put(&mut pit, 0, 0, 5);
    put(&mut pit, 0, 0, 5);
    assert_eq!(edges(&mut pit, u64::MAX), [5 + span(0x1_0000)]);
    assert_eq!(pit.deadline(), None);
}

#[test]
fn counting_down_can_be_read_and_latched() {
    let mut pit = I8254::new();
    put(&mut pit, 3, 0x34, 0);
    put(&mut pit, 0, 0x00, 0);
    put(&mut pit, 0, 0x10, 0);
    let later = span(0x123);
    put(&mut pit, 3, 0x00, later);
    let (low, high) = (get(&mut pit, 0, later * 2), get(&mut pit, 0, later * 3));
    assert_eq!(
        high << 8 | low,
        0x1000 - 0x123,
        "what was latched, not what is"
    );
    let now = span(0x200);
    let (low, high) = (get(&mut pit, 0, now), get(&mut pit, 0, now));
    assert_eq!(high << 8 | low, 0x1000 - 0x200);
    put(&mut pit, 3, 0xe2, now);
    assert_eq!(get(&mut pit, 0, now), 0xb4);
}

#[test]
fn a_square_wave_is_high_half_the_time() {
    let mut pit = I8254::new();
    put(&mut pit, 4, 1, 0);
    put(&mut pit, 3, 0xb6, 0);
    put(&mut pit, 2, 100, 0);
    put(&mut pit, 2, 0, 0);
    let output = |pit: &mut I8254, tick| get(pit, 4, span(tick)) >> 5 & 1;
    assert_eq!(output(&mut pit, 49), 1);
    assert_eq!(output(&mut pit, 50), 0);
    assert_eq!(output(&mut pit, 99), 0);
    assert_eq!(output(&mut pit, 100), 1);
}

#[test]
fn the_gate_holds_counter_2() {
    let mut pit = I8254::new();
    put(&mut pit, 3, 0xb0, 0);
    put(&mut pit, 2, 0xe8, 0);
    put(&mut pit, 2, 0x03, 0);
    let late = span(5000);
    assert_eq!(get(&mut pit, 4, late) & 0x20, 0, "the gate is closed");
    put(&mut pit, 4, 1, late);
    assert_eq!(get(&mut pit, 4, late + span(999)) & 0x21, 0x01);
    assert_eq!(get(&mut pit, 4, late + span(1000)) & 0x21, 0x21);
}

#[test]
fn a_gate_triggers_a_one_shot() {
    let mut pit = I8254::new();
    put(&mut pit, 3, 0x92, 0);
    put(&mut pit, 2, 50, 0);
    assert_eq!(get(&mut pit, 4, span(500)) & 0x20, 0x20);
    put(&mut pit, 4, 1, span(500));
    assert_eq!(get(&mut pit, 4, span(500) + span(49)) & 0x20, 0);
    assert_eq!(get(&mut pit, 4, span(500) + span(50)) & 0x20, 0x20);
}

#[test]
fn bcd_counts_in_tens() {
    let mut pit = I8254::new();
    put(&mut pit, 3, 0x35, 0);
    put(&mut pit, 0, 0x00, 0);
    put(&mut pit, 0, 0x10, 0);
    let now = span(1);
    let (low, high) = (get(&mut pit, 0, now), get(&mut pit, 0, now));
    assert_eq!(high << 8 | low, 0x0999);
    assert_eq!(edges(&mut pit, span(1000)), [span(1000)]);
}

#[test]
fn a_wild_rate_is_bounded() {
    let mut pit = I8254::new();
    put(&mut pit, 3, 0x14, 0);
    put(&mut pit, 0, 1, 0);
    assert!(edges(&mut pit, 10_000_000).len() <= 500);
}
