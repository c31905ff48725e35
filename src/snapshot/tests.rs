mod hostile;

use std::fs;
use std::io::Write;
use std::sync::Arc;

use mirrorball_runtime::addr::{PAGE_SIZE, Pa};
use mirrorball_runtime::cpu::model::MODELS;
use mirrorball_runtime::memory::machine::MachineMemory;
use mirrorball_runtime::vm::{SavedVm, Vm, VmConfig};
use tempfile::NamedTempFile;

use super::format::{MAGIC, Trailer};
use super::{Saved, Snapshot};

/// A machine in which every page is its number, some are alike and some zero.
fn machine(pages: u64) -> Box<Vm> {
    let mut vm = Vm::new(VmConfig {
        model: &MODELS[0],
        memory: 1 << 20,
        big_endian: false,
        second_tlb: 16,
        hypercalls: true,
        rtc_base: 0,
    })
    .unwrap();
    for page in 0..pages {
        let content = [(page % 100) as u8; PAGE_SIZE as usize];
        vm.view().write_physical(Pa(page * PAGE_SIZE), &content);
    }
    vm
}

fn bytes(vm: &mut Vm) -> Vec<u8> {
    let saved = Saved {
        name: "a machine".to_owned(),
        vm: SavedVm::of(vm),
        disks: Vec::new(),
        memory: vm.view().freeze().unwrap(),
    };
    let mut bytes = Vec::new();
    saved.write(&mut bytes).unwrap();
    bytes
}

fn file(bytes: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn loaded(snapshot: &Snapshot) -> Box<Vm> {
    let memory = MachineMemory::new(snapshot.memory().bytes()).unwrap();
    snapshot.load_in(Arc::new(memory)).unwrap()
}

/// The first byte of each page.
fn firsts(vm: &Vm) -> Vec<u8> {
    let mut first = [0];
    let pages = (0..256).map(|page| {
        vm.ram.read_physical(Pa(page * PAGE_SIZE), &mut first);
        first[0]
    });
    pages.collect()
}

#[test]
fn what_is_read_is_what_was_written_and_equal_pages_are_stored_once() {
    let mut vm = machine(250);
    let file = file(&bytes(&mut vm));
    let snapshot = Snapshot::open(file.path()).unwrap();
    assert_eq!(snapshot.index().name, "a machine");
    // Pages 0, 100 and 200 are zeros.
    assert_eq!(
        (snapshot.index().used(), snapshot.index().stored()),
        (247, 99)
    );
    let mut other = loaded(&snapshot);
    assert_eq!(other.ram.page_counts().stored, 247);
    assert_eq!(firsts(&other), firsts(&vm));
    other.view().write_physical(Pa(5 * PAGE_SIZE + 1), b"x");
    let mut start = [0; 3];
    other.ram.read_physical(Pa(5 * PAGE_SIZE), &mut start);
    assert_eq!(
        start,
        [5, b'x', 5],
        "a page is whole after a part of it was written"
    );
    assert_eq!(other.ram.page_counts().private, 1);
    // A snapshot of a machine that has touched nearly nothing has all of it.
    let again = self::file(&bytes(&mut other));
    let again = Snapshot::open(again.path()).unwrap();
    assert_eq!(firsts(&loaded(&again)), firsts(&vm));
}

#[test]
fn a_file_that_is_not_whole_or_not_ours_is_refused() {
    let good = bytes(&mut machine(40));
    let refusal = |bytes: &[u8]| {
        let file = file(bytes);
        Snapshot::open(file.path()).unwrap_err().to_string()
    };
    assert!(refusal(b"").contains("is no snapshot"));
    assert!(refusal(&[0x7f; 100]).contains("is no snapshot"));
    let mut other = good.clone();
    other[MAGIC.len() - 1] += 1;
    assert!(refusal(&other).contains("another version"));
    for length in [
        MAGIC.len(),
        MAGIC.len() + 10,
        good.len() / 2,
        good.len() - 1,
    ] {
        assert!(
            refusal(&good[..length]).contains("is not whole"),
            "{length}"
        );
    }
    let longer = [&good[..], &[0]].concat();
    assert!(refusal(&longer).contains("is not whole"));
    let mut damaged = good.clone();
    let place = good.len() - Trailer::BYTES - 5;
    damaged[place] ^= 1;
    assert!(refusal(&damaged).contains("its index is damaged"));
    let none = Snapshot::open("/no/such/file".as_ref()).unwrap_err();
    assert!(
        none.to_string()
            .contains("cannot read the snapshot /no/such/file")
    );
}

#[test]
fn a_damaged_page_ends_the_machine_and_is_never_its_data() {
    let mut damaged = bytes(&mut machine(40));
    damaged[MAGIC.len() + 20] ^= 1;
    let file = file(&damaged);
    let vm = loaded(&Snapshot::open(file.path()).unwrap());
    let mut first = [1];
    vm.ram.read_physical(Pa(5 * PAGE_SIZE), &mut first);
    assert_eq!(first, [0]);
    let failure = vm.ram.failure().unwrap().to_string();
    assert!(
        failure.contains("from the snapshot: it is damaged"),
        "{failure}"
    );
    let shorter = NamedTempFile::new().unwrap();
    fs::write(shorter.path(), &damaged).unwrap();
    let vm = loaded(&Snapshot::open(shorter.path()).unwrap());
    fs::write(shorter.path(), &damaged[..30]).unwrap();
    vm.ram.read_physical(Pa(5 * PAGE_SIZE), &mut first);
    assert!(
        vm.ram.failure().is_some(),
        "a file that lost its end meanwhile"
    );
}
