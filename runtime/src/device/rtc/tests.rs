use super::*;

/// 2026-11-22 16:29:47 UTC, a Sunday.
const BASE: u64 = 1_795_364_987;

fn get(rtc: &mut Rtc, index: u32, now: u64) -> u32 {
    rtc.write(0, Width::Byte, index, Nanos(now));
    rtc.read(1, Width::Byte, Nanos(now))
}

fn put(rtc: &mut Rtc, index: u32, value: u32, now: u64) {
    rtc.write(0, Width::Byte, index, Nanos(now));
    rtc.write(1, Width::Byte, value, Nanos(now));
}

fn time(rtc: &mut Rtc, now: u64) -> [u32; 8] {
    [0x32, 9, 8, 7, 6, 4, 2, 0].map(|index| get(rtc, index, now))
}

#[test]
fn the_date_is_what_was_configured() {
    let mut rtc = Rtc::new(BASE);
    assert_eq!(
        time(&mut rtc, 0),
        [0x20, 0x26, 0x11, 0x22, 1, 0x16, 0x29, 0x47]
    );
    assert_eq!(
        get(&mut rtc, 0, FIRST_UPDATE),
        0x48,
        "the first update comes early"
    );
    put(&mut rtc, 0x0b, 0x06, 0);
    assert_eq!(time(&mut rtc, 0), [20, 26, 11, 22, 1, 16, 29, 47]);
    put(&mut rtc, 0x0b, 0x04, 0);
    assert_eq!(get(&mut rtc, 4, 0), 0x84, "four in the afternoon");
}

#[test]
fn dates_go_both_ways() {
    for days in (0..2_932_896).step_by(13) {
        let (year, month, day) = date_from_days(days);
        assert_eq!(days_from_date(year, month, day), days);
    }
    assert_eq!(date_from_days(0), (1970, 1, 1));
    assert_eq!(date_from_days(11_016), (2000, 2, 29));
}

#[test]
fn updates_announce_themselves_a_second_apart() {
    let mut rtc = Rtc::new(BASE);
    let uip = |rtc: &mut Rtc, now| get(rtc, 0x0a, now) & 0x80;
    assert_eq!(uip(&mut rtc, 0), 0);
    let first = FIRST_UPDATE;
    for update in [first, first + SECOND] {
        assert_eq!(uip(&mut rtc, update - UPDATE_AHEAD - 1), 0);
        assert_eq!(uip(&mut rtc, update - UPDATE_AHEAD), 0x80);
        assert_eq!(uip(&mut rtc, update - 1), 0x80);
        assert_eq!(uip(&mut rtc, update), 0);
    }
}

#[test]
fn what_it_calls_steady_does_not_change() {
    let mut rtc = Rtc::new(BASE);
    rtc.write(0, Width::Byte, 0x0a, Nanos(0));
    assert_eq!(rtc.steady_until(1, Nanos(0)), None, "it was not read");
    let mut now = 0;
    for index in [0x0a, 0, 0x0a, 0x0a, 2, 0x40, 0x0a] {
        let value = get(&mut rtc, index, now);
        assert!(rtc.ignores(0, index) && !rtc.ignores(0, 0x0c));
        let until = rtc.steady_until(1, Nanos(now)).expect("steady").0;
        assert!(until > now && until <= now + SECOND);
        for later in [now + 1, now + (until - now) / 2, until - 1] {
            assert_eq!(rtc.read(1, Width::Byte, Nanos(later)), value);
        }
        if matches!(index, 0 | 0x0a) {
            assert_ne!(rtc.read(1, Width::Byte, Nanos(until)), value);
        }
        now = until;
    }
    rtc.write(0, Width::Byte, 0x0c, Nanos(now));
    assert_eq!(rtc.steady_until(1, Nanos(now)), None, "reading clears it");
}

#[test]
fn the_first_look_decides_when_updates_come() {
    for look in [0, 1, SECOND - FIRST_UPDATE, SECOND - 1, 10_993_340_880] {
        let mut rtc = Rtc::new(BASE);
        put(&mut rtc, 0x0b, 0x06, look);
        let passed = |rtc: &mut Rtc, now| u64::from(get(rtc, 0, now) + 60 - 47) % 60;
        let uip = |rtc: &mut Rtc, now| get(rtc, 0x0a, now) & 0x80;
        let first = passed(&mut rtc, look);
        assert!(first.abs_diff(look / SECOND) <= 1, "looked at {look}");
        assert_eq!(uip(&mut rtc, look), 0);
        let update = look + FIRST_UPDATE;
        assert_ne!(uip(&mut rtc, update - 1), 0);
        assert_eq!(passed(&mut rtc, update - 1), first);
        assert_eq!(passed(&mut rtc, update), first + 1);
        assert_ne!(uip(&mut rtc, update + SECOND - 1), 0);
    }
}

#[test]
fn setting_the_time_stops_it_meanwhile() {
    let mut rtc = Rtc::new(BASE);
    put(&mut rtc, 0x0b, 0x82, 0);
    for (index, value) in [
        (0, 0x59),
        (2, 0x59),
        (4, 0x23),
        (7, 0x31),
        (8, 0x12),
        (9, 0x99),
        (0x32, 0x19),
    ] {
        put(&mut rtc, index, value, 0);
    }
    assert_eq!(get(&mut rtc, 0, 5 * SECOND), 0x59);
    assert_eq!(get(&mut rtc, 0x0a, FIRST_UPDATE - 1) & 0x80, 0);
    put(&mut rtc, 0x0b, 0x02, 5 * SECOND);
    assert_eq!(
        time(&mut rtc, 5 * SECOND),
        [0x19, 0x99, 0x12, 0x31, 6, 0x23, 0x59, 0x59]
    );
    assert_eq!(
        time(&mut rtc, 6 * SECOND),
        [0x20, 0x00, 0x01, 0x01, 7, 0, 0, 0]
    );
}

#[test]
fn a_reset_divider_gives_half_a_second() {
    let mut rtc = Rtc::new(BASE);
    put(&mut rtc, 0x0a, 0x76, 0);
    put(&mut rtc, 0, 0x10, 0);
    put(&mut rtc, 0x0a, 0x26, 3_333_333_333);
    assert_eq!(get(&mut rtc, 0, 3_833_333_332), 0x10);
    assert_eq!(get(&mut rtc, 0, 3_833_333_333), 0x11);
}

#[test]
fn periodic_interrupts_wait_for_register_c() {
    let mut rtc = Rtc::new(BASE);
    put(&mut rtc, 0x0b, 0x42, 0);
    assert_eq!(rtc.deadline(), Some(Nanos(976_562)), "rate 6 is 1024 Hz");
    rtc.advance(Nanos(976_562));
    assert!(rtc.interrupt());
    assert_eq!(rtc.deadline(), None, "no storm while it is not read");
    assert_eq!(get(&mut rtc, 0x0c, 976_562), 0xc0);
    assert!(!rtc.interrupt());
    assert_eq!(rtc.deadline(), Some(Nanos(2 * 976_562)));
}

#[test]
fn the_update_interrupt_comes_every_second() {
    let mut rtc = Rtc::new(BASE);
    put(&mut rtc, 0x0b, 0x12, 0);
    for second in 0..3 {
        let due = rtc.deadline().expect("an update");
        assert_eq!(due.0, FIRST_UPDATE + second * SECOND);
        rtc.advance(due);
        assert!(rtc.interrupt());
        assert_eq!(get(&mut rtc, 0x0c, due.0) & 0xb0, 0x90);
    }
}

#[test]
fn the_alarm_goes_off_at_its_time() {
    let mut rtc = Rtc::new(BASE);
    for (index, value) in [(1, 0x10), (3, 0x30), (5, 0xff)] {
        put(&mut rtc, index, value, 0);
    }
    put(&mut rtc, 0x0b, 0x22, 0);
    let due = rtc.deadline().expect("an alarm");
    assert_eq!(time(&mut rtc, due.0)[5..], [0x16, 0x30, 0x10]);
    assert_eq!(due.0 % SECOND, FIRST_UPDATE);
    rtc.advance(due);
    assert!(rtc.interrupt());
    put(&mut rtc, 1, 0x99, due.0);
    get(&mut rtc, 0x0c, due.0);
    assert_eq!(rtc.deadline(), None, "second 99 never comes");
}

#[test]
fn memory_outlives_a_reset() {
    let mut rtc = Rtc::new(BASE);
    put(&mut rtc, 0x40, 0xa5, 0);
    put(&mut rtc, 0x0b, 0x72, 0);
    rtc.reset();
    assert_eq!(get(&mut rtc, 0x40, 0), 0xa5);
    assert_eq!(get(&mut rtc, 0x0b, 0), 0x02);
    assert_eq!(get(&mut rtc, 0x0d, 0), 0x80);
}
