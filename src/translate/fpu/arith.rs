//! Arithmetic. MIPS32 Volume II, "FPU Arithmetic".

use super::Format;
use super::cause::defer;
use super::checks::{Kind, Rounded, checked, or_interpret};
use super::{load_fpr, read_fpr, write_fpr};
use crate::translate::emit::{Emitter, Instruction};
use cranelift_codegen::ir::condcodes::FloatCC;
use cranelift_codegen::ir::{InstBuilder, Value};
use mirrorball_runtime::cpu::fpu::Operation;

fn add(e: &mut Emitter<'_>, format: Format, a: Value, b: Value) -> Rounded {
    let result = e.b.ins().fadd(a, b);
    Rounded::new(e, format, Kind::Sum(a, b), result)
}

fn sub(e: &mut Emitter<'_>, format: Format, a: Value, b: Value) -> Rounded {
    let result = e.b.ins().fsub(a, b);
    let opposite = e.b.ins().fneg(b);
    Rounded::new(e, format, Kind::Sum(a, opposite), result)
}

fn mul(e: &mut Emitter<'_>, format: Format, a: Value, b: Value) -> Rounded {
    let result = e.b.ins().fmul(a, b);
    Rounded::new(e, format, Kind::Product(a, b), result)
}

fn div(e: &mut Emitter<'_>, format: Format, a: Value, b: Value) -> Rounded {
    let result = e.b.ins().fdiv(a, b);
    Rounded::new(e, format, Kind::Quotient(a, b), result)
}

fn sqrt(e: &mut Emitter<'_>, format: Format, a: Value) -> Rounded {
    let result = e.b.ins().sqrt(a);
    Rounded::new(e, format, Kind::Root(a), result)
}

/// Ends an operation that is one rounding.
fn finish(
    e: &mut Emitter<'_>,
    i: &Instruction,
    rounded: Rounded,
    operation: Operation,
    operands: &[Value],
) {
    let format = rounded.format;
    let result = checked(e, i, &[rounded], format, rounded.result);
    write_fpr(e, format, i.fields.sa(), result);
    defer(e, operation, operands);
}

/// Operations on two registers.
macro_rules! binary {
    ($($name:ident $compute:ident $format:ident $operation:ident;)*) => {
        $(pub fn $name(e: &mut Emitter<'_>, i: &Instruction) {
            let format = Format::$format;
            let (a, b) = (read_fpr(e, format, i.fields.rd()), read_fpr(e, format, i.fields.rt()));
            let rounded = $compute(e, format, a, b);
            finish(e, i, rounded, Operation::$operation, &[a, b]);
        })*
    };
}

binary! {
    add_s add S AddS;
    sub_s sub S SubS;
    mul_s mul S MulS;
    div_s div S DivS;
    add_d add D AddD;
    sub_d sub D SubD;
    mul_d mul D MulD;
    div_d div D DivD;
}

/// Operations on one register.
macro_rules! unary {
    ($($root:ident $recip:ident $format:ident $constant:ident $sqrt:ident $div:ident;)*) => {
        $(pub fn $root(e: &mut Emitter<'_>, i: &Instruction) {
            let a = read_fpr(e, Format::$format, i.fields.rd());
            let rounded = sqrt(e, Format::$format, a);
            finish(e, i, rounded, Operation::$sqrt, &[a]);
        }

        pub fn $recip(e: &mut Emitter<'_>, i: &Instruction) {
            let one = e.b.ins().$constant(1.0);
            let a = read_fpr(e, Format::$format, i.fields.rd());
            let rounded = div(e, Format::$format, one, a);
            finish(e, i, rounded, Operation::$div, &[one, a]);
        })*
    };
}

unary! {
    sqrt_s recip_s S f32const SqrtS DivS;
    sqrt_d recip_d D f64const SqrtD DivD;
}

/// fs × ft, and then fr added or subtracted, each rounded; the result may be negated.
fn multiply_add(
    e: &mut Emitter<'_>,
    i: &Instruction,
    format: Format,
    then: fn(&mut Emitter<'_>, Format, Value, Value) -> Rounded,
    negated: bool,
    operation: Operation,
) {
    let [r, s, t] = [i.fields.rs(), i.fields.rd(), i.fields.rt()].map(|n| read_fpr(e, format, n));
    let product = mul(e, format, s, t);
    let sum = then(e, format, product.result, r);
    let result = if negated {
        e.b.ins().fneg(sum.result)
    } else {
        sum.result
    };
    let result = checked(e, i, &[product, sum], format, result);
    write_fpr(e, format, i.fields.sa(), result);
    defer(e, operation, &[r, s, t]);
}

/// Multiply-adds.
macro_rules! multiply_adds {
    ($($name:ident $format:ident $then:ident $negated:literal $operation:ident;)*) => {
        $(pub fn $name(e: &mut Emitter<'_>, i: &Instruction) {
            multiply_add(e, i, Format::$format, $then, $negated, Operation::$operation);
        })*
    };
}

multiply_adds! {
    madd_s S add false MaddS;
    msub_s S sub false MsubS;
    nmadd_s S add true MaddS;
    nmsub_s S sub true MsubS;
    madd_d D add false MaddD;
    msub_d D sub false MsubD;
    nmadd_d D add true MaddD;
    nmsub_d D sub true MsubD;
}

/// A number with another sign: exact, but a NaN is invalid.
fn signed(
    e: &mut Emitter<'_>,
    i: &Instruction,
    format: Format,
    change: fn(&mut Emitter<'_>, Value) -> Value,
    operation: Operation,
) {
    let a = read_fpr(e, format, i.fields.rd());
    let result = change(e, a);
    let number = e.b.ins().fcmp(FloatCC::Ordered, a, a);
    let fd = i.fields.sa();
    let result = or_interpret(e, i, number, result, |e| load_fpr(e, format, fd));
    write_fpr(e, format, fd, result);
    defer(e, operation, &[a]);
}

/// Signs.
macro_rules! signs {
    ($($name:ident $format:ident $change:ident $operation:ident;)*) => {
        $(pub fn $name(e: &mut Emitter<'_>, i: &Instruction) {
            let change = |e: &mut Emitter<'_>, a| e.b.ins().$change(a);
            signed(e, i, Format::$format, change, Operation::$operation);
        })*
    };
}

signs! {
    abs_s S fabs AbsS;
    abs_d D fabs AbsD;
    neg_s S fneg NegS;
    neg_d D fneg NegD;
}
