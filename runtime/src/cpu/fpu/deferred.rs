//! Operations whose exceptions are still to be noted in FCSR.
//!
//! Translated code computes results by itself and only makes sure that no operation needs more
//! than that: nothing traps, and Flags will not change. Cause, which the next operation replaces
//! anyway, it leaves open: it notes which operation was the last, and on what. Where Cause is
//! wanted after all, the operation is done once more, here.
//!
//! Outside translated code nothing is ever deferred: see
//! [`Cpu::materialize_cause`](crate::cpu::Cpu::materialize_cause).

use super::*;

/// The last operation, if FCSR's Cause does not tell yet what it raised.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Deferred {
    /// Which it was.
    pub operation: Operation,
    /// On what: patterns, in the order of the assembler, in the lower half if they are narrow.
    pub operands: [u64; 3],
}

macro_rules! operations {
    ($($variant:ident $function:ident $operand:ident $($index:literal)+;)*) => {
        /// An operation that can be deferred.
        #[repr(u32)]
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        #[allow(missing_docs, reason = "the instructions have the same names")]
        pub enum Operation {
            /// Nothing is deferred.
            #[default]
            None = 0,
            /// Something that raised nothing.
            Exact,
            $($variant,)*
        }

        impl Deferred {
            /// Does the operation again, for what it raises. It did not trap the first time, and
            /// FCSR's modes have not changed since.
            #[cold]
            fn materialize(&self, fcsr: &mut Fcsr) {
                match self.operation {
                    Operation::None => {}
                    Operation::Exact => {
                        let _ = fcsr.commit((), Exceptions::NONE);
                    }
                    $(Operation::$variant => {
                        let _ = $function(fcsr, $(self.operands[$index] as $operand),+);
                    })*
                }
            }
        }
    };
}

operations! {
    AddS add_s u32 0 1;
    SubS sub_s u32 0 1;
    MulS mul_s u32 0 1;
    DivS div_s u32 0 1;
    SqrtS sqrt_s u32 0;
    AbsS abs_s u32 0;
    NegS neg_s u32 0;
    MaddS madd_s u32 0 1 2;
    MsubS msub_s u32 0 1 2;
    CvtSD cvt_s_d u64 0;
    CvtSW cvt_s_w u32 0;
    CvtSL cvt_s_l u64 0;
    CvtWS cvt_w_s u32 0;
    CvtLS cvt_l_s u32 0;
    RoundWS round_w_s u32 0;
    TruncWS trunc_w_s u32 0;
    CeilWS ceil_w_s u32 0;
    FloorWS floor_w_s u32 0;
    RoundLS round_l_s u32 0;
    TruncLS trunc_l_s u32 0;
    CeilLS ceil_l_s u32 0;
    FloorLS floor_l_s u32 0;
    AddD add_d u64 0 1;
    SubD sub_d u64 0 1;
    MulD mul_d u64 0 1;
    DivD div_d u64 0 1;
    SqrtD sqrt_d u64 0;
    AbsD abs_d u64 0;
    NegD neg_d u64 0;
    MaddD madd_d u64 0 1 2;
    MsubD msub_d u64 0 1 2;
    CvtDS cvt_d_s u32 0;
    CvtDL cvt_d_l u64 0;
    CvtWD cvt_w_d u64 0;
    CvtLD cvt_l_d u64 0;
    RoundWD round_w_d u64 0;
    TruncWD trunc_w_d u64 0;
    CeilWD ceil_w_d u64 0;
    FloorWD floor_w_d u64 0;
    RoundLD round_l_d u64 0;
    TruncLD trunc_l_d u64 0;
    CeilLD ceil_l_d u64 0;
    FloorLD floor_l_d u64 0;
}

impl Deferred {
    /// Brings Cause up to date: nothing is deferred any more.
    #[inline]
    pub(in super::super) fn settle(&mut self, fcsr: &mut Fcsr) {
        if self.operation != Operation::None {
            self.materialize(fcsr);
            self.operation = Operation::None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::Cpu;
    use crate::cpu::model::MODELS;

    #[test]
    fn the_last_operation_decides_on_cause() {
        let mut cpu = Cpu::new(&MODELS[0], false);
        // Inexact is already among the Flags.
        cpu.fcsr = Fcsr(0x4);
        let third = |operation| Deferred {
            operation,
            operands: [1.0_f64.to_bits(), 3.0_f64.to_bits(), 0],
        };
        cpu.deferred = third(Operation::DivD);
        cpu.materialize_cause();
        assert_eq!(
            (cpu.fcsr.0, cpu.deferred.operation),
            (0x1004, Operation::None)
        );
        cpu.deferred = third(Operation::AddD);
        cpu.materialize_cause();
        assert_eq!(cpu.fcsr.0, 0x4);
        cpu.fcsr = Fcsr(0x1004);
        cpu.materialize_cause();
        assert_eq!(cpu.fcsr.0, 0x1004);
        cpu.deferred = third(Operation::Exact);
        cpu.materialize_cause();
        assert_eq!(cpu.fcsr.0, 0x4);
    }
}
