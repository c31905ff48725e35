//! Sites: the instructions of translated code that access memory, and what each is expected to
//! find.
//!
//! Code of the kernel expects its window, as nearly all of it only ever sees kseg0. Of a site that
//! finds memory elsewhere again and again, or a device, this is noted, and its region is made anew.
//! That is so in kseg0 and kseg1; code at mapped addresses, a module of the kernel, say, or that of
//! a process, expects any memory.

use mirrorball_runtime::addr::Va;
use mirrorball_runtime::vm::Vm;
use std::collections::BTreeMap;

/// What a site expects. What it does not expect costs it a call of the interpreter each time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Expectation {
    /// A page in its place of the window.
    Window,
    /// Such a page, or else one that the software TLB of the space knows.
    Either,
    /// A page that the software TLB knows.
    Space,
    /// No memory: every access is the monitor's.
    Device,
}

impl Expectation {
    /// What code at `pc` expects as long as nothing else is known of a site. Where machines share
    /// pages, these are in the place of one of them at most.
    #[must_use]
    pub fn of(vm: &Vm, kernel: bool, pc: u32) -> Self {
        let several = vm.ram.machine_memory().is_for_several();
        match (kernel, several || !Va(u64::from(pc)).is_direct()) {
            (true, false) => Self::Window,
            (true, true) => Self::Either,
            (false, _) => Self::Space,
        }
    }

    /// From its number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        [Self::Window, Self::Either, Self::Space, Self::Device]
            .into_iter()
            .find(|&expectation| expectation as u8 == number)
    }
}

/// Sites of which something is known, by the address of the instruction.
pub type Sites = BTreeMap<u32, Expectation>;

/// The most sites that are remembered: a guest that has more of them is after something else.
const MOST: usize = 1 << 16;

/// Adds what else is known; forgets all when that becomes too much.
pub fn merge<'a>(sites: &mut Sites, more: impl IntoIterator<Item = (&'a u32, &'a Expectation)>) {
    if sites.len() >= MOST {
        sites.clear();
    }
    for (&pc, &expectation) in more {
        let known = sites.entry(pc).or_insert(expectation);
        *known = expectation.max(*known);
    }
}

/// A site of which something is known, in one word: instructions lie at multiples of four.
#[must_use]
pub fn pack((pc, expectation): (u32, Expectation)) -> u32 {
    pc & !3 | expectation as u32
}

/// What [`pack`] made, if it did.
#[must_use]
pub fn unpack(word: u32) -> Option<(u32, Expectation)> {
    Some((word & !3, Expectation::from_number(word as u8 & 3)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_expectation_is_right() {
        let mut sites = Sites::from([(4, Expectation::Space), (8, Expectation::Device)]);
        let more = [
            (4, Expectation::Device),
            (8, Expectation::Space),
            (12, Expectation::Space),
        ];
        merge(&mut sites, &Sites::from(more));
        let all = [
            (4, Expectation::Device),
            (8, Expectation::Device),
            (12, Expectation::Space),
        ];
        assert_eq!(sites, Sites::from(all));
    }

    #[test]
    fn a_site_survives_packing() {
        for number in 0..4 {
            let site = (0x8010_0ff4, Expectation::from_number(number).unwrap());
            assert_eq!(pack(site), 0x8010_0ff4 + u32::from(number));
            assert_eq!(unpack(pack(site)), Some(site));
        }
    }
}
