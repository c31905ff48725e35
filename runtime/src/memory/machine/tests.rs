use super::*;
use crate::addr::Pa;

fn user(vm: u16, page: u64) -> User {
    User {
        vm: VmId(vm),
        pa: Pa(page * PAGE_SIZE),
    }
}

#[test]
fn a_frame_is_zero_whatever_had_it_before() {
    let memory = MachineMemory::new(4 * PAGE_SIZE).unwrap();
    let first = memory.allocate(user(1, 7), None).unwrap();
    assert_ne!(first, Frame::ZERO);
    assert_eq!(memory.users(first), [user(1, 7)]);
    memory.write(first.ma(), b"secret");
    memory.free(first);
    assert!(memory.users(first).is_empty());
    assert_eq!(memory.frames_in_use(), 0);
    let second = memory.allocate(user(2, 9), None).unwrap();
    assert_eq!(second, first, "it is used again");
    assert!(memory.frame(second).iter().all(|&byte| byte == 0));
}

#[test]
fn a_page_at_home_finds_the_frame_zeroed_there_unless_another_has_it() {
    let memory = MachineMemory::new(4 * PAGE_SIZE).unwrap();
    let home = memory.take_home(4 * PAGE_SIZE).unwrap();
    assert!(memory.take_home(PAGE_SIZE).is_none(), "it was for one VM");
    let window = memory.window(Some(&home)).as_ptr().cast::<u8>();
    let place = |page| home.frame(page);
    assert_eq!(
        memory.host(place(1).ma()),
        window.wrapping_add(size_of::<Window>() + PAGE_SIZE as usize)
    );
    let at_home = || memory.allocate(user(1, 1), Some(place(1))).unwrap();
    assert_eq!(at_home(), place(1));
    memory.write(place(1).ma(), b"secret");
    let elsewhere = at_home();
    assert_ne!(elsewhere, place(1));
    memory.free(place(1));
    assert_eq!(at_home(), place(1));
    assert!(memory.frame(place(1)).iter().all(|&byte| byte == 0));
    memory.free(place(1));
    memory.free(elsewhere);
    memory.give_home(home);
    assert!(memory.take_home(4 * PAGE_SIZE).is_some());
    assert_eq!(memory.frames_in_use(), 0);
}

#[test]
#[cfg_attr(miri, ignore = "it takes minutes")]
fn many_freed_frames_go_back_to_the_host_and_come_zero_again() {
    let memory = MachineMemory::new(4096 * PAGE_SIZE).unwrap();
    let frames: Vec<_> = (0..4000)
        .map(|page| memory.allocate(user(1, page), None).unwrap())
        .collect();
    for frame in &frames {
        memory.write(frame.ma(), b"x");
    }
    frames.iter().for_each(|&frame| memory.free(frame));
    assert_eq!((memory.frames_in_use(), memory.most_in_use()), (0, 4000));
    for page in 0..4000 {
        let frame = memory.allocate(user(1, page), None).unwrap();
        assert!(memory.frame(frame).iter().all(|&byte| byte == 0));
    }
}

#[test]
#[cfg_attr(miri, ignore = "it takes a minute")]
fn beyond_the_limit_memory_is_short_and_then_there_is_an_end() {
    let memory = MachineMemory::new(100 * PAGE_SIZE).unwrap();
    let mut frames: Vec<_> = (0..100)
        .map(|page| memory.allocate(user(1, page), None).unwrap())
        .collect();
    assert!(!memory.is_short());
    frames.push(memory.allocate(user(1, 100), None).unwrap());
    assert!(memory.is_short());
    assert_eq!((memory.missing(0), memory.missing(10)), (1, 11));
    frames.extend(std::iter::from_fn(|| memory.allocate(user(1, 0), None)));
    assert_eq!(frames.len() as u64, 100 + BEYOND);
    frames.drain(..).for_each(|frame| memory.free(frame));
    assert!(!memory.is_short());
}
