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
    rdpgpr wrpgpr tlbp eret wait cache rdhwr
    // FPU control, moves and indexed memory accesses.
    movf movt cfc1 ctc1 lwxc1 ldxc1 luxc1 swxc1 sdxc1 suxc1
    // FPU single precision.
    add_s sub_s mul_s div_s sqrt_s abs_s neg_s
    round_l_s trunc_l_s ceil_l_s floor_l_s round_w_s trunc_w_s ceil_w_s floor_w_s
    movf_s movt_s movz_s movn_s recip_s rsqrt_s cvt_d_s cvt_w_s cvt_l_s c_s
    madd_s msub_s nmadd_s nmsub_s
    // FPU double precision.
    add_d sub_d mul_d div_d sqrt_d abs_d neg_d
    round_l_d trunc_l_d ceil_l_d floor_l_d round_w_d trunc_w_d ceil_w_d floor_w_d
    movf_d movt_d movz_d movn_d recip_d rsqrt_d cvt_s_d cvt_w_d cvt_l_d c_d
    madd_d msub_d nmadd_d nmsub_d
    // FPU integers.
    cvt_s_w cvt_d_w cvt_s_l cvt_d_l
}
