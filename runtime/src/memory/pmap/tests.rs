use super::*;

fn pmap(bytes: u64) -> Pmap {
    Pmap::new(VmId(1), bytes, None)
}

#[test]
fn ram_beyond_256_mib_lies_from_90000000_up() {
    let machine = MachineMemory::new(1 << 20).unwrap();
    let mut pmap = pmap(LOW_LIMIT + PAGE_SIZE);
    assert!(pmap.is_ram(Pa(LOW_LIMIT - 1)));
    assert!(!pmap.is_ram(Pa(LOW_LIMIT)));
    assert!(pmap.is_ram(Pa(HIGH_BASE)));
    assert!(!pmap.is_ram(Pa(HIGH_BASE + PAGE_SIZE)));
    assert_eq!(pmap.ram_from(Pa(LOW_LIMIT - 3 * PAGE_SIZE)), 3);
    assert_eq!(
        (pmap.ram_from(Pa(HIGH_BASE)), pmap.ram_from(Pa(LOW_LIMIT))),
        (1, 0)
    );
    assert!(!pmap.is_ram(Pa(u64::MAX)));
    let high = pmap.write(Pa(HIGH_BASE + 4), &machine).unwrap().unwrap().ma;
    let low = pmap.write(Pa(8), &machine).unwrap().unwrap().ma;
    assert_eq!((high.page_offset(), low.page_offset()), (4, 8));
    assert_ne!(high.page(), low.page());
    let again = pmap.write(Pa(HIGH_BASE), &machine).unwrap().unwrap();
    assert_eq!(again.ma, high.page());
    let touched: Vec<_> = pmap.touched().map(|(pa, _)| pa).collect();
    assert_eq!(touched, [Pa(0), Pa(HIGH_BASE)]);
}

#[test]
fn code_is_known_to_the_word() {
    let mut pmap = pmap(2 * PAGE_SIZE);
    assert!(pmap.add_code(Pa(0xff8), 8));
    assert!(!pmap.add_code(Pa(0x10), 4), "the page had code already");
    assert!(pmap.has_code(Pa(0xffc), 1) && pmap.has_code(Pa(0), PAGE_SIZE));
    assert!(!pmap.has_code(Pa(0x14), 4) && !pmap.has_code(Pa(0xff7), 1));
    assert!(pmap.is_code(Pa(0x500)) && !pmap.is_code(Pa(PAGE_SIZE)));
    pmap.remove_code(Pa(0x123));
    assert!(!pmap.is_code(Pa(0)) && !pmap.has_code(Pa(0x10), 4));
}

#[test]
fn what_was_only_read_takes_no_frame() {
    let machine = MachineMemory::new(PAGE_SIZE).unwrap();
    let mut pmap = pmap(2 * PAGE_SIZE);
    let read = pmap.read(Pa(0x10), &machine).unwrap().unwrap();
    assert_eq!((read.ma, read.writable), (Ma(0x10), false));
    assert_eq!(machine.frames_in_use(), 0);
    let written = pmap.write(Pa(0x10), &machine).unwrap().unwrap();
    assert_eq!(written.left, Some(Frame::ZERO), "spaces lead there still");
    assert_eq!(machine.frames_in_use(), 1);
    pmap.clear(&machine);
    assert_eq!(
        (machine.frames_in_use(), pmap.counts()),
        (0, PageCounts::default())
    );
}
