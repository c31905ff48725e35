//! What machines are made of.

use crate::cpu::model::Model;

/// What a machine is made of.
#[derive(Clone, Debug)]
pub struct VmConfig {
    /// The CPU model.
    pub model: &'static Model,
    /// Bytes of RAM.
    pub memory: u64,
    /// The byte order of CPU and memory.
    pub big_endian: bool,
    /// Entries of the machine's second-level TLB; 0 for the bare CPU. It spares the guest refills,
    /// and so decides on its instruction count.
    pub second_tlb: usize,
    /// Whether the guest may make hypercalls. If not, HYPCALL is a reserved instruction.
    pub hypercalls: bool,
    /// What the real-time clock shows at the start, in seconds since 1970.
    pub rtc_base: u64,
}
