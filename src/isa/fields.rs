//! The fields of an instruction word.

/// An instruction word, to be read by fields.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fields(pub u32);

impl Fields {
    /// rs, or the FPU's fr.
    #[must_use]
    pub const fn rs(self) -> u32 {
        self.0 >> 21 & 31
    }

    /// rt, or the FPU's ft.
    #[must_use]
    pub const fn rt(self) -> u32 {
        self.0 >> 16 & 31
    }

    /// rd, or the FPU's fs.
    #[must_use]
    pub const fn rd(self) -> u32 {
        self.0 >> 11 & 31
    }

    /// The shift amount, or the FPU's fd.
    #[must_use]
    pub const fn sa(self) -> u32 {
        self.0 >> 6 & 31
    }

    /// The immediate, sign-extended.
    #[must_use]
    pub const fn simm(self) -> u32 {
        self.0 as i16 as u32
    }

    /// The immediate, zero-extended.
    #[must_use]
    pub const fn uimm(self) -> u32 {
        self.0 & 0xffff
    }

    /// The target of a branch at `pc`.
    #[must_use]
    pub const fn branch_target(self, pc: u32) -> u32 {
        pc.wrapping_add(4).wrapping_add(self.simm() << 2)
    }

    /// The target of a jump at `pc`.
    #[must_use]
    pub const fn jump_target(self, pc: u32) -> u32 {
        pc.wrapping_add(4) & 0xf000_0000 | self.0 << 2 & 0x0fff_ffff
    }

    /// The FPU condition code of a branch or move.
    #[must_use]
    pub const fn cc(self) -> u32 {
        self.0 >> 18 & 7
    }

    /// The FPU condition code that a comparison writes.
    #[must_use]
    pub const fn compare_cc(self) -> u32 {
        self.0 >> 8 & 7
    }

    /// The condition of a comparison.
    #[must_use]
    pub const fn condition(self) -> u32 {
        self.0 & 15
    }

    /// The code of HYPCALL.
    #[must_use]
    pub const fn hypercode(self) -> u32 {
        self.0 >> 11 & 0x3ff
    }

    /// The select field of MFC0 and MTC0.
    #[must_use]
    pub const fn select(self) -> u32 {
        self.0 & 7
    }
}
