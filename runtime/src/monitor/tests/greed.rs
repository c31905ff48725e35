//! Machines that hold more than others would leave them, where nothing can be swapped out.

use super::*;

const PAGES: u64 = RAM / PAGE_SIZE;

/// Fills its memory and then is busy for ever.
fn hoard(number: usize, vm: &mut Vm, call: u64) -> Exit {
    if call < PAGES / 16 {
        return fill(number, vm, call - 1, PAGES);
    }
    pass_time(vm, 32);
    Exit::Stop
}

#[test]
fn a_target_that_cannot_be_met_is_told_once_and_asked_for_no_more() {
    let memory = MachineMemory::new(2 * RAM).unwrap();
    let monitor = monitor(&[100], RAM, memory, hoard);
    let steps = |count| (0..count).for_each(|_| assert!(monitor.step(0)));
    let told = || lock(&monitor.fleet().notices).len();
    steps(100);
    for times in [1, 2] {
        monitor.command(0, Command::Target(Some(64))).unwrap();
        steps(100);
        assert_eq!(told(), times, "{:?}", lock(&monitor.fleet().notices));
    }
    let notice = lock(&monitor.fleet().notices)[0].clone();
    assert!(notice.contains("more than its target"), "{notice}");
    assert!(notice.contains("--swap"), "{notice}");
}

#[test]
fn a_machine_of_a_small_share_gives_way_to_one_of_a_large_share() {
    let memory = MachineMemory::new(RAM + 32 * PAGE_SIZE).unwrap();
    let monitor = monitor(&[1, LARGEST_SHARE], RAM, memory, |number, vm, call| {
        match (number, call) {
            (0, _) => hoard(number, vm, call),
            // Until the other has nearly all.
            (_, ..200) => {
                pass_time(vm, 32);
                std::thread::sleep(Duration::from_millis(1));
                Exit::Stop
            }
            _ => fill(number, vm, call - 200, PAGES),
        }
    });
    monitor.run();
    let ended = lock(&monitor.fleet().ended).clone();
    assert_eq!((ended[0].0, ended[0].1), (0, Some(Outcome::Starved)));
    assert_eq!(ended[1].0, 1);
    assert_ne!(ended[1].1, Some(Outcome::Starved));
}
