//! Accesses of translated code that missed the scheme it was made for, by instruction: for the
//! engine, which can make the code anew.

use rustc_hash::FxHashMap;

/// The way that an access went.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Way {
    /// To a page that the software TLB of the space knows.
    Space,
    /// To a device.
    Device,
}

/// To make code anew costs as much as so many misses.
const OFTEN: u16 = 4096;
/// When more instructions than this have missed, counting starts anew.
const MOST: usize = 1 << 14;

/// The instructions whose accesses miss.
#[derive(Default, Debug)]
pub struct SchemeMisses {
    /// How often each went the way that it went last.
    sites: FxHashMap<u32, (Way, u16)>,
    /// Those that did often, until the engine asks.
    often: Vec<(u32, Way)>,
}

impl SchemeMisses {
    /// Notes that the access of the instruction at `pc` went this way, which its code was not made
    /// for.
    pub fn note(&mut self, pc: u32, way: Way) {
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

    /// Whether [`SchemeMisses::take`] has something.
    #[inline]
    #[must_use]
    pub fn any(&self) -> bool {
        !self.often.is_empty()
    }

    /// The instructions that missed often since the last call, and those that soon will have.
    pub fn take(&mut self) -> Vec<(u32, Way)> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_that_misses_often_is_told_once_with_those_on_the_way_there() {
        let mut misses = SchemeMisses::default();
        for _ in 1..OFTEN {
            misses.note(0x100, Way::Space);
        }
        assert!(misses.take().is_empty());
        misses.note(0x100, Way::Device);
        for _ in 0..OFTEN / 2 {
            misses.note(0x200, Way::Space);
        }
        misses.note(0x300, Way::Space);
        for _ in 1..OFTEN {
            misses.note(0x100, Way::Device);
        }
        assert_eq!(misses.take(), [(0x100, Way::Device), (0x200, Way::Space)]);
        for _ in 0..OFTEN {
            misses.note(0x100, Way::Device);
            misses.note(0x200, Way::Space);
        }
        assert!(misses.take().is_empty());
    }
}
