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
    swl swr ll sc synci
    // Traps.
    syscall break_
    // The system.
    mfc0 mtc0 rdpgpr wrpgpr di ei tlbr tlbwi tlbwr tlbp eret wait cache rdhwr
    // FPU control, and what rounds twice.
    cfc1 ctc1 rsqrt_s rsqrt_d
}
