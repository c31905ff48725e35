//! Conversions between the formats of numbers and integers. MIPS32 Volume II, "FPU Convert".

use super::Format;
use super::cause::defer;
use super::checks::{Kind, Rounded, Ways, checked, or_interpret};
use super::{load_fpr, pattern_of, read_fpr, read_fpr_pattern, write_fpr, write_fpr_pattern};
use crate::translate::emit::{Emitter, Instruction};
use cranelift_codegen::ir::condcodes::FloatCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use mirrorball_runtime::cpu::fpu::Operation;

pub fn cvt_s_d(e: &mut Emitter<'_>, i: &Instruction) {
    let a = read_fpr(e, Format::D, i.fields.rd());
    let result = e.b.ins().fdemote(types::F32, a);
    let rounded = Rounded::new(e, Format::S, Kind::Narrowed(a), result);
    let result = checked(e, i, &[rounded], Format::S, result);
    write_fpr(e, Format::S, i.fields.sa(), result);
    defer(e, Operation::CvtSD, &[a]);
}

/// Exact, unless the operand is a NaN.
pub fn cvt_d_s(e: &mut Emitter<'_>, i: &Instruction) {
    let a = read_fpr(e, Format::S, i.fields.rd());
    let result = e.b.ins().fpromote(types::F64, a);
    let number = e.b.ins().fcmp(FloatCC::Ordered, a, a);
    let fd = i.fields.sa();
    let result = or_interpret(e, i, number, result, |e| load_fpr(e, Format::D, fd));
    write_fpr(e, Format::D, fd, result);
    defer(e, Operation::CvtDS, &[a]);
}

/// Always exact.
pub fn cvt_d_w(e: &mut Emitter<'_>, i: &Instruction) {
    let a = read_fpr_pattern(e, Format::S, i.fields.rd());
    let result = e.b.ins().fcvt_from_sint(types::F64, a);
    write_fpr(e, Format::D, i.fields.sa(), result);
    defer(e, Operation::Exact, &[]);
}

/// From an integer that has more bits than the format's numbers. A second look is content if
/// Inexact is among the Flags, or if `is_exact` says so.
fn from_integer(
    e: &mut Emitter<'_>,
    i: &Instruction,
    (from, to): (Format, Format),
    operation: Operation,
    is_exact: fn(&mut Emitter<'_>, Value, Value) -> Option<Value>,
) {
    let a = read_fpr_pattern(e, from, i.fields.rd());
    let result = e.b.ins().fcvt_from_sint(to.number(), a);
    let mut ways = Ways::new(e);
    ways.expect_common_modes(e);
    let acceptable = |e: &mut Emitter<'_>, inexact| match is_exact(e, a, result) {
        Some(exact) => e.b.ins().bor(inexact, exact),
        None => inexact,
    };
    let fd = i.fields.sa();
    let result = ways.join(e, i, result, acceptable, |e| load_fpr(e, to, fd));
    write_fpr(e, to, fd, result);
    defer(e, operation, &[a]);
}

pub fn cvt_s_w(e: &mut Emitter<'_>, i: &Instruction) {
    let formats = (Format::S, Format::S);
    from_integer(e, i, formats, Operation::CvtSW, |e, a, result| {
        let (exact, result) = (
            e.b.ins().fcvt_from_sint(types::F64, a),
            e.b.ins().fpromote(types::F64, result),
        );
        Some(e.b.ins().fcmp(FloatCC::Equal, exact, result))
    });
}

pub fn cvt_s_l(e: &mut Emitter<'_>, i: &Instruction) {
    let formats = (Format::D, Format::S);
    from_integer(e, i, formats, Operation::CvtSL, |_, _, _| None);
}

pub fn cvt_d_l(e: &mut Emitter<'_>, i: &Instruction) {
    let formats = (Format::D, Format::D);
    from_integer(e, i, formats, Operation::CvtDL, |_, _, _| None);
}

/// To an integer as wide as `to`. `round` makes an integer of the number, or leaves that to the
/// conversion, which rounds toward zero.
fn to_integer(
    e: &mut Emitter<'_>,
    i: &Instruction,
    (from, to): (Format, Format),
    operation: Operation,
    round: fn(&mut Emitter<'_>, Value) -> Value,
) {
    let a = read_fpr(e, from, i.fields.rd());
    let rounded = round(e, a);
    let magnitude = e.b.ins().fabs(rounded);
    let most = match (from, to) {
        (Format::S, Format::S) => e.b.ins().f32const(2_f32.powi(31)),
        (Format::S, Format::D) => e.b.ins().f32const(2_f32.powi(63)),
        (Format::D, Format::S) => e.b.ins().f64const(2_f64.powi(31)),
        (Format::D, Format::D) => e.b.ins().f64const(2_f64.powi(63)),
    };
    let fits = e.b.ins().fcmp(FloatCC::LessThan, magnitude, most);
    let mut ways = Ways::new(e);
    let result = e.b.ins().fcvt_to_sint_sat(to.pattern(), rounded);
    ways.expect_common_modes(e);
    ways.require(e, fits);
    let acceptable = |e: &mut Emitter<'_>, inexact| {
        let again = e.b.ins().fcvt_from_sint(from.number(), result);
        let exact = e.b.ins().fcmp(FloatCC::Equal, again, a);
        let acceptable = e.b.ins().bor(inexact, exact);
        e.b.ins().band(acceptable, fits)
    };
    let fd = i.fields.sa();
    let result = ways.join(e, i, result, acceptable, |e| {
        let value = load_fpr(e, to, fd);
        pattern_of(e, to, value)
    });
    write_fpr_pattern(e, to, fd, result);
    defer(e, operation, &[a]);
}

/// Conversions to integers. CVT comes here only while FCSR says to round to nearest.
macro_rules! to_integers {
    ($($cvt:ident $round:ident $trunc:ident $ceil:ident $floor:ident $from:ident $to:ident
       $current:ident $nearest:ident $zero:ident $up:ident $down:ident;)*) => {
        $(to_integers! { @ $cvt $from $to $current nearest; }
          to_integers! { @ $round $from $to $nearest nearest; }
          to_integers! { @ $ceil $from $to $up ceil; }
          to_integers! { @ $floor $from $to $down floor; }

        pub fn $trunc(e: &mut Emitter<'_>, i: &Instruction) {
            let formats = (Format::$from, Format::$to);
            to_integer(e, i, formats, Operation::$zero, |_, a| a);
        })*
    };
    (@ $name:ident $from:ident $to:ident $operation:ident $mode:ident;) => {
        pub fn $name(e: &mut Emitter<'_>, i: &Instruction) {
            if !e.fpu.abilities.rounds {
                e.through_interpreter(i);
                return;
            }
            let formats = (Format::$from, Format::$to);
            to_integer(e, i, formats, Operation::$operation, |e, a| e.b.ins().$mode(a));
        }
    };
}

to_integers! {
    cvt_w_s round_w_s trunc_w_s ceil_w_s floor_w_s S S
        CvtWS RoundWS TruncWS CeilWS FloorWS;
    cvt_l_s round_l_s trunc_l_s ceil_l_s floor_l_s S D
        CvtLS RoundLS TruncLS CeilLS FloorLS;
    cvt_w_d round_w_d trunc_w_d ceil_w_d floor_w_d D S
        CvtWD RoundWD TruncWD CeilWD FloorWD;
    cvt_l_d round_l_d trunc_l_d ceil_l_d floor_l_d D D
        CvtLD RoundLD TruncLD CeilLD FloorLD;
}
