//! What guests with a virtio balloon are asked for.

use super::*;
use crate::addr::Pa;

const PAGES: u64 = RAM / PAGE_SIZE;

fn asked(vm: &Vm) -> u64 {
    vm.board
        .balloon()
        .map_or(0, |it| it.device().asked().into())
}

/// A guest with a balloon that fills its memory once and gives what it is asked for, the last pages
/// first.
fn obedient(number: usize, vm: &mut Vm, call: u64) -> Exit {
    if call == 1 {
        vm.board.fit_balloon();
    }
    if call <= PAGES - vm.ram.pages_given() {
        let page = Pa((call - 1) * PAGE_SIZE);
        // No two pages are the same, so that none are shared.
        let content = [number as u64 + 1, call].map(u64::to_le_bytes);
        vm.view().write_physical(page, content.as_flattened());
    }
    let (given, asked) = (vm.ram.pages_given(), asked(vm));
    for page in PAGES - asked.max(given)..PAGES - given {
        vm.view().give_page(Pa(page * PAGE_SIZE));
    }
    for page in PAGES - given.max(asked)..PAGES - asked {
        vm.view().take_page(Pa(page * PAGE_SIZE));
    }
    pass_time(vm, 32);
    Exit::Stop
}

#[test]
fn a_target_goes_into_the_balloon_and_comes_back() {
    let memory = MachineMemory::new(RAM).unwrap();
    let monitor = monitor(&[100], RAM, memory, obedient);
    let steps = || (0..400).for_each(|_| assert!(monitor.step(0)));
    steps();
    let facts = || monitor.look(0, |vm| (asked(vm), vm.ram.page_counts().resident()));
    assert_eq!(
        facts(),
        Some((0, PAGES)),
        "there is as much as was promised"
    );
    monitor
        .command(0, Command::Target(Some(PAGES / 2)))
        .unwrap();
    steps();
    assert_eq!(facts(), Some((PAGES / 2, PAGES / 2)));
    monitor.command(0, Command::Target(None)).unwrap();
    steps();
    assert_eq!(facts().map(|it| it.0), Some(0));
    assert_eq!(monitor.look(0, |vm| vm.ram.pages_given()), Some(0));
}

#[test]
fn guests_give_pages_when_more_was_promised_than_there_is() {
    let memory = MachineMemory::new(RAM + RAM / 2).unwrap();
    let most = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&most);
    let monitor = monitor(&[100, 100], RAM, memory, move |number, vm, call| {
        seen.fetch_max(vm.ram.pages_given(), Ordering::Relaxed);
        obedient(number, vm, call)
    });
    // If the host keeps one of them waiting, the other has the next turns.
    let given = (0..1_000_000).any(|_| {
        assert!(monitor.step(0));
        most.load(Ordering::Relaxed) > PAGES / 16
    });
    assert!(given);
    assert!(lock(&monitor.fleet().ended).is_empty(), "none starves");
}
