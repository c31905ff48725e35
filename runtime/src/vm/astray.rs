//! Accesses of translated code that went another way than it was made for: for the engine, which
//! can make it better.

use super::Vm;
use rustc_hash::FxHashMap;

/// The way that an access went.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Way {
    /// To a page that the software TLB of the space knows.
    Space,
    /// To a device.
    Device,
}

/// To make code anew takes as long as it goes astray so often.
const OFTEN: u16 = 4096;
/// When more instructions than this have gone astray, counting starts anew.
const MOST: usize = 1 << 14;

/// The instructions that went astray.
#[derive(Default, Debug)]
pub(super) struct Astray {
    /// How often each went the way that it went last.
    sites: FxHashMap<u32, (Way, u16)>,
    /// Those that did often, until the engine asks.
    often: Vec<(u32, Way)>,
}

impl Astray {
    fn note(&mut self, pc: u32, way: Way) {
        if self.sites.len() >= MOST {
            self.sites.clear();
        }
        let site = self.sites.entry(pc).or_insert((way, 0));
        *site = if site.0 == way {
            (way, site.1.saturating_add(1))
        } else {
            (way, 1)
        };
        if site.1 == OFTEN {
            self.often.push((pc, way));
        }
    }

    /// The instructions that went astray often, and those that will soon have.
    fn take(&mut self) -> Vec<(u32, Way)> {
        let mut taken = std::mem::take(&mut self.often);
        if !taken.is_empty() {
            let soon = |site: &(&u32, &mut (Way, u16))| (OFTEN / 8..OFTEN).contains(&site.1.1);
            for (&pc, site) in self.sites.iter_mut().filter(soon) {
                taken.push((pc, site.0));
                site.1 = OFTEN;
            }
        }
        taken
    }
}

impl Vm {
    /// Notes that the access of the instruction at `pc` went this way, which its code was not made
    /// for.
    pub fn note_astray(&mut self, pc: u32, way: Way) {
        self.astray.note(pc, way);
    }

    /// Whether [`Vm::take_astray`] has something.
    #[inline]
    #[must_use]
    pub fn has_astray(&self) -> bool {
        !self.astray.often.is_empty()
    }

    /// The instructions that went astray often since the last call.
    pub fn take_astray(&mut self) -> Vec<(u32, Way)> {
        self.astray.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_that_went_astray_often_is_told_once_with_those_on_the_way_there() {
        let mut astray = Astray::default();
        for _ in 1..OFTEN {
            astray.note(0x100, Way::Space);
        }
        assert!(astray.take().is_empty());
        astray.note(0x100, Way::Device);
        for _ in 0..OFTEN / 2 {
            astray.note(0x200, Way::Space);
        }
        astray.note(0x300, Way::Space);
        for _ in 1..OFTEN {
            astray.note(0x100, Way::Device);
        }
        assert_eq!(astray.take(), [(0x100, Way::Device), (0x200, Way::Space)]);
        for _ in 0..OFTEN {
            astray.note(0x100, Way::Device);
            astray.note(0x200, Way::Space);
        }
        assert!(astray.take().is_empty());
    }
}
