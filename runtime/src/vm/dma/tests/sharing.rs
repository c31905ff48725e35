//! Machines that share the pages that devices write.

use super::*;
use crate::addr::Va;
use crate::cpu::cp0::{STATUS_ERL, STATUS_KX};
use crate::cpu::exception::Exception;
use crate::device::Width;
use crate::memory::User;
use crate::memory::machine::MachineMemory;
use crate::memory::share::Content;
use crate::vm::state;
use std::sync::Arc;

/// Where the page is in kseg0.
const DIRECT: Va = Va(0x8000_0000 | PAGE.0);
const BYTES: usize = PAGE_SIZE as usize;

fn memory(shares: bool) -> Arc<MachineMemory> {
    let memory = MachineMemory::new(4 * RAM).expect("the host has it");
    if shares {
        memory.shares().share_at_once();
    }
    Arc::new(memory)
}

fn machine_in(memory: &Arc<MachineMemory>) -> Box<Vm> {
    let mut vm = Vm::in_memory(config(), Arc::clone(memory)).expect("there is room");
    vm.cpu.cp0.status &= !STATUS_ERL;
    vm.select_space();
    vm
}

fn read_from_disk(vm: &mut Vm, bytes: &[u8]) {
    vm.view().write(PAGE, bytes).expect("it is RAM");
}

fn content(vm: &Vm) -> Content {
    let mut content = [0; BYTES];
    vm.ram.read_physical(PAGE, &mut content);
    content
}

/// What uses the frame of the page.
fn users(vm: &Vm, memory: &MachineMemory) -> Vec<User> {
    let access = vm.ram.pmap.resident(PAGE).expect("it was written");
    memory.users(access.ma.into())
}

#[test]
fn machines_that_read_the_same_have_one_frame_for_it() {
    let memory = memory(true);
    let mut machines = [(); 3].map(|()| machine_in(&memory));
    for vm in &mut machines {
        read_from_disk(vm, &[7; BYTES]);
    }
    assert_eq!(memory.frames_in_use(), 1);
    let found = machines.each_ref().map(|vm| vm.counters.shared_reads);
    assert_eq!(found, [0, 1, 1]);
    let [first, second, third] = &mut machines;

    second.store(DIRECT, Width::Word, 1, 0).expect("it is RAM");
    assert_eq!(content(second)[..8], [1, 0, 0, 0, 7, 7, 7, 7]);
    read_from_disk(third, &[8; BYTES]);
    assert_eq!((content(first), content(third)), ([7; BYTES], [8; BYTES]));
    assert_eq!(memory.frames_in_use(), 3);

    // What is read once more is shared once more, and nothing else is kept.
    read_from_disk(second, &[7; BYTES]);
    read_from_disk(third, &[7; BYTES]);
    assert_eq!(
        (memory.frames_in_use(), users(first, &memory).len()),
        (1, 3)
    );
    drop(machines);
    assert_eq!(
        (memory.frames_in_use(), memory.shares().count()),
        (0, (0, 0))
    );
}

/// The guest has written to the page, so that its software TLB leads there; then the page is read
/// from a disk, and others have it as well.
#[test]
fn no_way_leads_to_a_frame_that_others_have() {
    let memory = memory(true);
    let [mut first, mut second] = [(); 2].map(|()| machine_in(&memory));
    for vm in [&mut first, &mut second] {
        vm.store(DIRECT, Width::Word, 1, 0).expect("it is RAM");
        assert!(vm.cpu.space().probe_write(DIRECT, 4).is_some());
        read_from_disk(vm, &[7; BYTES]);
        assert!(vm.cpu.space().probe_write(DIRECT, 4).is_none());
        assert!(vm.cpu.space().probe_read(DIRECT, 4).is_none());
        assert_eq!(vm.load(DIRECT, Width::Byte, 0), Ok(7));
        assert!(vm.cpu.space().probe_write(DIRECT, 4).is_none());
    }
    assert_eq!(users(&first, &memory).len(), 2);
    first.store(DIRECT, Width::Word, 2, 0).expect("it is RAM");
    assert_eq!((content(&first)[0], content(&second)[0]), (2, 7));
}

#[test]
fn code_in_a_page_that_is_read_goes() {
    let memory = memory(true);
    let [mut first, mut second] = [(); 2].map(|()| machine_in(&memory));
    for vm in [&mut first, &mut second] {
        read_from_disk(vm, &[6; BYTES]);
        vm.view().add_code(PAGE, 8);
        read_from_disk(vm, &[7; BYTES]);
        assert_eq!(vm.counters.code_writes, 1);
    }
    assert_eq!(users(&first, &memory).len(), 2);
}

/// To take a page away from processes that have it mapped would cost more than to copy it.
#[test]
fn pages_of_processes_are_copied() {
    let memory = memory(true);
    let [mut first, mut second] = [(); 2].map(|()| machine_in(&memory));
    for vm in [&mut first, &mut second] {
        vm.ram.pmap.note_space(PAGE, false, false);
        read_from_disk(vm, &[7; BYTES]);
    }
    assert_eq!((memory.frames_in_use(), memory.shares().count().0), (2, 0));
    second.view().begin_epoch();
    first.view().begin_epoch();
    read_from_disk(&mut first, &[7; BYTES]);
    read_from_disk(&mut second, &[7; BYTES]);
    assert_eq!(memory.frames_in_use(), 1);
}

#[test]
fn parts_of_pages_are_copied_and_zeros_have_no_frame() {
    let memory = memory(true);
    let mut vm = machine_in(&memory);
    read_from_disk(&mut vm, &[0; BYTES]);
    assert_eq!(memory.frames_in_use(), 0);
    read_from_disk(&mut vm, &[7; BYTES / 2]);
    assert_eq!((memory.frames_in_use(), memory.shares().count().0), (1, 0));
    assert_eq!(content(&vm)[BYTES / 2 - 1..][..2], [7, 0]);
    read_from_disk(&mut vm, &[0; BYTES]);
    assert_eq!((memory.frames_in_use(), content(&vm)), (0, [0; BYTES]));
}

#[test]
fn a_guest_does_not_see_that_its_pages_are_shared() {
    let run = |shares: bool| {
        let memory = memory(shares);
        let mut machines = [(); 2].map(|()| machine_in(&memory));
        for vm in &mut machines {
            vm.view().watch_writes();
            for byte in [7, 0, 8] {
                read_from_disk(vm, &[byte; BYTES]);
            }
        }
        let seen = machines
            .each_mut()
            .map(|vm| (state::hash(vm), vm.ram.take_written()));
        (memory.frames_in_use(), seen)
    };
    let (frames, shared) = run(true);
    let (more, alone) = run(false);
    assert_eq!((frames, more), (1, 2));
    assert_eq!(shared, alone);
}

/// A CPU that sees memory above 4 GiB sees the same pages there, whatever becomes of them.
#[test]
fn memory_above_4_gib_is_the_same_memory() {
    let memory = memory(true);
    let wide = || VmConfig {
        model: Model::find("5KEc-experimental").expect("it is there"),
        ..config()
    };
    let far = Va::of_register(0x9800_0001_0000_0000 | PAGE.0);
    let mut machines = [(); 2].map(|()| {
        let vm = Vm::in_memory(wide(), Arc::clone(&memory));
        let mut vm = vm.expect("there is room");
        vm.cpu.cp0.status = STATUS_KX;
        vm.select_space();
        read_from_disk(&mut vm, &[7; BYTES]);
        vm
    });
    let [first, second] = &mut machines;
    assert_eq!(users(first, &memory).len(), 2);
    assert_eq!(first.load(far, Width::Word, 0), Ok(0x0707_0707));
    first.view().add_code(PAGE, 8);
    first.view().watch_writes();
    first.store(far, Width::Word, 1, 0).expect("it is RAM");
    assert_eq!((content(first)[0], content(second)[0]), (1, 7));
    assert_eq!(
        (users(first, &memory).len(), first.counters.code_writes),
        (1, 1)
    );
    assert_eq!(first.ram.take_written(), [(PAGE, 4)]);
    assert_eq!(first.load(DIRECT, Width::Word, 0), Ok(1));
    second.view().decide(PAGE, Fate::Given).expect("it is RAM");
    assert_eq!(second.load(far, Width::Word, 0), Ok(0));
    let beyond = Va(far.0 + RAM);
    assert_eq!(first.load(beyond, Width::Word, 0), Err(Exception::BusData));
    first.cpu.cp0.status = 0;
    first.select_space();
    assert_eq!(first.load(far, Width::Word, 0), Err(Exception::AddressLoad));
    assert_eq!(first.cpu.bad_address, far);
}
