use super::*;

fn get(gt: &mut Gt64120, offset: u64) -> u32 {
    gt.read(offset, Width::Word, Nanos(0))
}

fn put(gt: &mut Gt64120, offset: u64, value: u32) {
    gt.write(offset, Width::Word, value, Nanos(0));
}

#[test]
fn the_boot_code_opens_the_windows() {
    let mut gt = Gt64120::new(false);
    assert_eq!(gt.register_window().base, 0x1400_0000);
    gt.boot_state();
    assert_eq!(gt.register_window().base, 0x1be0_0000);
    assert_eq!(
        gt.io_window(),
        Window {
            base: 0x1800_0000,
            length: 0x20_0000
        }
    );
    let [first, second] = gt.memory_windows();
    assert_eq!(
        first,
        Window {
            base: 0x1000_0000,
            length: 0x800_0000
        }
    );
    assert_eq!(
        second,
        Window {
            base: 0x1820_0000,
            length: 0x3c0_0000
        }
    );
    for (offset, value) in [(0x48, 0xc0), (0xf0, 0xc0), (0xf8, 0x80), (0x100, 0xc1)] {
        assert_eq!(get(&mut gt, offset), value);
    }
    put(&mut gt, 0xf0, 0);
    assert_eq!(get(&mut gt, 0xf0), 0);
    assert_eq!(
        get(&mut gt, 0x48),
        0xc0,
        "the remap does not move the window"
    );
}

#[test]
fn registers_keep_only_what_they_have() {
    let mut gt = Gt64120::new(false);
    put(&mut gt, 0xc00, !0);
    assert_eq!(get(&mut gt, 0xc00), 0x0401_fc0f);
    put(&mut gt, 0x850, 0);
    assert_eq!(get(&mut gt, 0x850), !0);
    put(&mut gt, 0xcf8, !0);
    assert_eq!(get(&mut gt, 0xcf8), 0x80ff_fffc);
}

#[test]
fn an_abort_stays_until_it_is_cleared() {
    let mut gt = Gt64120::new(false);
    gt.master_abort();
    assert_eq!(get(&mut gt, 0xc18), 1 << 18);
    put(&mut gt, 0xc18, !0);
    assert_eq!(get(&mut gt, 0xc18), 1 << 18, "ones leave it");
    put(&mut gt, 0xc18, 0xfff3_ffff);
    assert_eq!(get(&mut gt, 0xc18), 0);
}

#[test]
fn the_configuration_address_splits_into_its_fields() {
    let mut gt = Gt64120::new(false);
    assert_eq!(gt.config_target(), None);
    put(&mut gt, 0xcf8, 0x8000_5320);
    let target = gt.config_target().expect("enabled");
    assert_eq!(
        (target.bus, target.slot, target.function, target.register),
        (0, 10, 3, 0x20)
    );
}

#[test]
fn the_wrong_byte_order_shows() {
    let mut gt = Gt64120::new(false);
    put(&mut gt, 0, 0);
    assert_eq!(get(&mut gt, 0x48), 0x8000_0000);
    assert_eq!(gt.read(0x4b, Width::Byte, Nanos(0)), 0x80);
    assert_eq!(gt.read(0x4a, Width::Half, Nanos(0)), 0x8000);
    put(&mut gt, 0, 0x0010_0000);
    assert_eq!(get(&mut gt, 0x48), 0x80);
}

#[test]
fn a_big_endian_board_swaps_configuration_data_but_its_own() {
    let gt = Gt64120::new(true);
    assert!(!gt.swaps_registers());
    assert!(!gt.swaps_config(0));
    assert!(gt.swaps_config(10));
    assert!(!Gt64120::new(false).swaps_config(10));
}
