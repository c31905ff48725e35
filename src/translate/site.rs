//! Sites: the instructions of translated code that access memory, and what each is expected to
//! find.
//!
//! Code of the kernel expects its window, as nearly all of it only ever sees kseg0. A site that
//! finds memory elsewhere again and again, or a device, is said so of, and its region is made anew.

/// What a site expects. What it does not expect costs it a call of the interpreter each time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Expectation {
    /// A page in its place of the window.
    Window = 1,
    /// A page that the software TLB of the space knows.
    Space = 2,
    /// No memory: every access is the monitor's.
    Device = 3,
}

impl Expectation {
    /// What a site expects of which nothing is known.
    #[must_use]
    pub fn of_mode(kernel: bool) -> Self {
        if kernel { Self::Window } else { Self::Space }
    }

    /// From its number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        [Self::Window, Self::Space, Self::Device]
            .into_iter()
            .find(|&expectation| expectation as u8 == number)
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
    fn a_site_survives_packing() {
        for expectation in [Expectation::Window, Expectation::Space, Expectation::Device] {
            let site = (0x8010_0ff4, expectation);
            assert_eq!(unpack(pack(site)), Some(site));
        }
        assert_eq!(unpack(0x8010_0ff4), None);
    }
}
