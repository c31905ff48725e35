//! Instructions that translated code hands to the interpreter: all that is privileged, rare, or
//! exact beyond what the host computes by itself.

use super::emit::{Emitter, Instruction};

macro_rules! through {
    ($($name:ident)*) => {
        $(pub fn $name(e: &mut Emitter<'_>, i: &Instruction) {
            e.through_interpreter(i);
        })*
    };
}

through! {
    // Memory.
    synci
    // Traps.
    syscall break_
    // The system.
    rdpgpr wrpgpr tlbp eret wait hypcall rdhwr
    // FPU control, and what rounds twice.
    cfc1 ctc1 rsqrt_s rsqrt_d
}
