//! CPU models as data: what identification and configuration registers say.
//!
//! The values are those that QEMU gives for the same model, less what is not implemented here
//! (MIPS16, watch registers, performance counters, EJTAG), so that a kernel takes the same path.

use super::cp0::{STATUS_KX, STATUS_PX, STATUS_SX, STATUS_UX};

/// How wide general registers and virtual addresses are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Width {
    /// 32 bits: MIPS32.
    W32,
    /// 64 bits: MIPS64. Results of 32 bits are sign-extended into the registers.
    W64,
}

/// What a CPU model is.
#[derive(Debug)]
pub struct Model {
    /// The name on the command line.
    pub name: &'static str,
    /// How wide its registers are.
    pub width: Width,
    /// PRId.
    pub prid: u32,
    /// Config (the BE bit is set by the image's byte order).
    pub config0: u32,
    /// Config1: caches, TLB size, FPU.
    pub config1: u32,
    /// Config2.
    pub config2: u32,
    /// Config3.
    pub config3: u32,
    /// The number of TLB entries.
    pub tlb_entries: usize,
    /// The architecture release: 1 or 2.
    pub release: u8,
    /// The bits of Status that software can write.
    pub status_mask: u32,
    /// FIR, or 0 without an FPU.
    pub fir: u32,
    /// What RDHWR $1 says: the SYNCI step in bytes.
    pub synci_step: u32,
    /// What RDHWR $3 says: CPU cycles for one step of Count.
    pub count_resolution: u32,
}

/// Config: another Config register follows (M), TLB MMU, kseg0 cacheable.
const CONFIG0: u32 = 0x8000_0082;
/// Config1: M, 16 TLB entries, both caches 64 sets of 16-byte lines in two ways.
const CONFIG1: u32 = 0x9e19_0c80;
const CONFIG2: u32 = 0x8000_0000;
/// Config.AT: MIPS64 with access to all segments.
const CONFIG0_MIPS64: u32 = 2 << 13;
/// CU0, BEV, SR, NMI, IM, UM, ERL, EXL, IE. Reverse-endian (RE) is not implemented.
const STATUS_4K: u32 = 0x1078_ff17;

/// Every model that `--cpu` knows.
pub static MODELS: [Model; 4] = [
    Model {
        name: "4Kc",
        width: Width::W32,
        prid: 0x0001_8000,
        config0: CONFIG0,
        config1: CONFIG1,
        config2: CONFIG2,
        config3: 0,
        tlb_entries: 16,
        release: 1,
        status_mask: STATUS_4K,
        fir: 0,
        synci_step: 32,
        count_resolution: 2,
    },
    Model {
        name: "24Kc",
        width: Width::W32,
        prid: 0x0001_9300,
        config0: CONFIG0 | 1 << 10,
        config1: CONFIG1,
        config2: CONFIG2,
        config3: 0,
        tlb_entries: 16,
        release: 2,
        status_mask: STATUS_4K | 1 << 3,
        fir: 0,
        synci_step: 32,
        count_resolution: 2,
    },
    Model {
        name: "24Kf",
        width: Width::W32,
        prid: 0x0001_9300,
        config0: CONFIG0 | 1 << 10,
        config1: CONFIG1 | 1,
        config2: CONFIG2,
        config3: 0,
        tlb_entries: 16,
        release: 2,
        status_mask: STATUS_4K | 1 << 3 | 1 << 29 | 1 << 26,
        fir: 0x0073_9300,
        synci_step: 32,
        count_resolution: 2,
    },
    Model {
        name: "5KEc-experimental",
        width: Width::W64,
        prid: 0x0001_8900,
        config0: CONFIG0 | CONFIG0_MIPS64 | 1 << 10,
        config1: 0xbe61_3080,
        config2: CONFIG2,
        config3: 0,
        tlb_entries: 32,
        release: 2,
        status_mask: STATUS_4K | 1 << 3 | STATUS_KX | STATUS_SX | STATUS_UX | STATUS_PX,
        fir: 0,
        synci_step: 32,
        count_resolution: 2,
    },
];

impl Model {
    /// The model of this name, in any case of letters.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Model> {
        MODELS
            .iter()
            .find(|model| model.name.eq_ignore_ascii_case(name))
    }

    /// Whether registers are 64 bits wide.
    #[must_use]
    pub const fn is_wide(&self) -> bool {
        matches!(self.width, Width::W64)
    }

    /// Whether there is an FPU.
    #[must_use]
    pub const fn has_fpu(&self) -> bool {
        self.fir != 0
    }
}
