//! What DMA does to pages.

use super::*;
use crate::cpu::model::Model;
use crate::vm::{Vm, VmConfig};

mod sharing;

const PAGE: Pa = Pa(0x4000);
const RAM: u64 = 1 << 20;

fn config() -> VmConfig {
    VmConfig {
        model: Model::find("24Kf").expect("it is there"),
        memory: RAM,
        big_endian: false,
        second_tlb: 0,
        hypercalls: true,
        rtc_base: 0,
    }
}

fn machine() -> Box<Vm> {
    Vm::new(config()).expect("there is memory for it")
}

/// The pages that are in frames, and those in the balloon.
fn counts(vm: &Vm) -> (u64, u64) {
    let counts = vm.ram.page_counts();
    (counts.resident(), counts.ballooned)
}

#[test]
fn a_page_without_use_has_no_frame() {
    let mut vm = machine();
    let mut word = [0; 4];
    vm.view().write(PAGE, b"full").expect("it is RAM");
    assert_eq!(counts(&vm), (1, 0));
    vm.view().decide(PAGE, Fate::Given).expect("it is RAM");
    assert_eq!((counts(&vm), vm.ram.pages_given()), ((0, 1), 1));
    vm.view().read(PAGE, &mut word).expect("it is RAM");
    assert_eq!(word, [0; 4]);
    vm.view().write(PAGE, b"used").expect("it is RAM");
    vm.view().decide(PAGE, Fate::Wanted).expect("it is RAM");
    vm.view().read(PAGE, &mut word).expect("it is RAM");
    assert_eq!(&word, b"used");
    assert_eq!((counts(&vm), vm.ram.pages_given()), ((1, 0), 0));
    vm.view().decide(PAGE, Fate::Free).expect("it is RAM");
    assert_eq!(counts(&vm), (0, 0));
    let outside = vm.view().decide(Pa(1 << 20), Fate::Given);
    assert_eq!(outside, Err(NoMemory(Pa(1 << 20))));
}
