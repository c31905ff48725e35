//! Whether what the host has computed is what the guest gets, and the ways there.
//!
//! A result is ordinary if its exponent shows that rounding was all that happened to it. One that
//! is not, or a FCSR that asks for more, leads to the second look: is it certainly exact, or is
//! Inexact among the Flags by now? If that does not help either, the interpreter does it all.

use super::Format;
use super::cause::ordinary_exponents;
use super::cause::{fcsr, limit};
use super::{load_fpr, pattern_of};
use crate::translate::emit::{Emitter, Instruction};
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, Value, types};
use mirrorball_runtime::cpu::fpu::Fcsr;

/// How a result came about.
#[derive(Clone, Copy)]
pub enum Kind {
    /// `a` + `b`.
    Sum(Value, Value),
    /// `a` × `b`.
    Product(Value, Value),
    /// `a` ÷ `b`.
    Quotient(Value, Value),
    /// √`a`.
    Root(Value),
    /// `a`, of format D, as S.
    Narrowed(Value),
}

/// A result of the host's, rounded once.
#[derive(Clone, Copy)]
pub struct Rounded {
    pub format: Format,
    pub kind: Kind,
    pub result: Value,
    /// The exponent field less 2.
    exponent: Value,
}

/// Below this value of the exponent field, less 2, what a fused multiply-add leaves over of a
/// double may have vanished itself.
const SAFE: i64 = 110;

impl Rounded {
    pub fn new(e: &mut Emitter<'_>, format: Format, kind: Kind, result: Value) -> Self {
        let exponent = exponent(e, format, result);
        Self {
            format,
            kind,
            result,
            exponent,
        }
    }

    /// Whether the result needs no second look.
    fn is_ordinary(&self, e: &mut Emitter<'_>) -> Value {
        let limit = limit(e, self.format);
        e.b.ins()
            .icmp(IntCC::UnsignedLessThan, self.exponent, limit)
    }

    /// The second look. `inexact` is whether Inexact is among the Flags.
    fn is_acceptable(&self, e: &mut Emitter<'_>, inexact: Value) -> Value {
        let limit = ordinary_exponents(self.format);
        let ordinary =
            e.b.ins()
                .icmp_imm_s(IntCC::UnsignedLessThan, self.exponent, limit);
        let rounding = match self.is_exact(e) {
            Some(exact) => e.b.ins().bor(inexact, exact),
            None => inexact,
        };
        let ordinary = e.b.ins().band(ordinary, rounding);
        let zero = self.is_exact_zero(e);
        e.b.ins().bor(ordinary, zero)
    }

    /// Whether the result is a zero that nothing was rounded to.
    fn is_exact_zero(&self, e: &mut Emitter<'_>) -> Value {
        let zero = is_zero(e, self.format, self.result);
        match self.kind {
            // Sums that are too small for normal numbers are exact, and a root is none.
            Kind::Sum(..) | Kind::Root(_) => zero,
            Kind::Product(a, b) => {
                let (a, b) = (is_zero(e, self.format, a), is_zero(e, self.format, b));
                let factor = e.b.ins().bor(a, b);
                e.b.ins().band(zero, factor)
            }
            Kind::Quotient(a, _) => {
                let dividend = is_zero(e, self.format, a);
                e.b.ins().band(zero, dividend)
            }
            Kind::Narrowed(a) => is_zero(e, Format::D, a),
        }
    }

    /// Whether an ordinary result is exact, if that can be told.
    fn is_exact(&self, e: &mut Emitter<'_>) -> Option<Value> {
        match (self.format, self.kind) {
            (_, Kind::Sum(a, b)) => {
                let error = sum_error(e, a, b, self.result);
                Some(is_zero(e, self.format, error))
            }
            (_, Kind::Narrowed(a)) => {
                let result = e.b.ins().fpromote(types::F64, self.result);
                Some(e.b.ins().fcmp(FloatCC::Equal, result, a))
            }
            (Format::S, kind) => Some(self.is_exact_single(e, kind)),
            (Format::D, _) if !e.fpu.abilities.fused => None,
            (Format::D, kind) => Some(self.is_exact_double(e, kind)),
        }
    }

    /// A double holds any product of two singles.
    fn is_exact_single(&self, e: &mut Emitter<'_>, kind: Kind) -> Value {
        let wide = |e: &mut Emitter<'_>, value| e.b.ins().fpromote(types::F64, value);
        let result = wide(e, self.result);
        let (a, b, product) = match kind {
            Kind::Product(a, b) => (wide(e, a), wide(e, b), result),
            Kind::Quotient(a, b) => (result, wide(e, b), wide(e, a)),
            Kind::Root(a) | Kind::Sum(a, _) | Kind::Narrowed(a) => (result, result, wide(e, a)),
        };
        let exact = e.b.ins().fmul(a, b);
        e.b.ins().fcmp(FloatCC::Equal, exact, product)
    }

    /// What is left over of a product, a dividend or a radicand is a double, if it is not too
    /// small.
    fn is_exact_double(&self, e: &mut Emitter<'_>, kind: Kind) -> Value {
        let (a, b, whole) = match kind {
            Kind::Product(a, b) => (a, b, self.result),
            Kind::Quotient(a, b) => (self.result, b, a),
            Kind::Root(a) | Kind::Sum(a, _) | Kind::Narrowed(a) => (self.result, self.result, a),
        };
        let negative = e.b.ins().fneg(whole);
        let rest = e.b.ins().fma(a, b, negative);
        let none = is_zero(e, Format::D, rest);
        let exponent = exponent(e, Format::D, whole);
        let limit = ordinary_exponents(Format::D) - SAFE;
        let above = e.b.ins().iadd_imm_s(exponent, -SAFE);
        let safe = e.b.ins().icmp_imm_s(IntCC::UnsignedLessThan, above, limit);
        e.b.ins().band(none, safe)
    }
}

/// The exponent field of a number, less 2.
fn exponent(e: &mut Emitter<'_>, format: Format, value: Value) -> Value {
    let (width, fraction) = match format {
        Format::S => (32, 23),
        Format::D => (64, 52),
    };
    let pattern = pattern_of(e, format, value);
    let magnitude = e.b.ins().iadd(pattern, pattern);
    debug_assert!(fraction < width);
    let field = e.b.ins().ushr_imm_s(magnitude, fraction + 1);
    e.b.ins().iadd_imm_s(field, -2)
}

pub fn is_zero(e: &mut Emitter<'_>, format: Format, value: Value) -> Value {
    let zero = match format {
        Format::S => e.b.ins().f32const(0.0),
        Format::D => e.b.ins().f64const(0.0),
    };
    e.b.ins().fcmp(FloatCC::Equal, value, zero)
}

/// The rounding error of a sum (Knuth's TwoSum); a NaN if a step of it overflows.
fn sum_error(e: &mut Emitter<'_>, a: Value, b: Value, sum: Value) -> Value {
    let b_part = e.b.ins().fsub(sum, a);
    let a_part = e.b.ins().fsub(sum, b_part);
    let a_rest = e.b.ins().fsub(a, a_part);
    let b_rest = e.b.ins().fsub(b, b_part);
    e.b.ins().fadd(a_rest, b_rest)
}

/// The ways that lead to an instruction's result. The current one is the common one.
pub struct Ways {
    second_look: Option<Block>,
    slow: Block,
    done: Block,
}

impl Ways {
    pub fn new(e: &mut Emitter<'_>) -> Self {
        Self {
            second_look: None,
            slow: e.cold_block(),
            done: e.b.create_block(),
        }
    }

    /// Goes on only if `condition` holds; else it needs a second look.
    pub fn expect(&mut self, e: &mut Emitter<'_>, condition: Value) {
        let second_look = self.second_look.unwrap_or_else(|| e.cold_block());
        self.second_look = Some(second_look);
        let on = e.b.create_block();
        e.b.ins().brif(condition, on, &[], second_look, &[]);
        e.begin(on);
    }

    /// Goes on only if FCSR asks for nothing more than the common case.
    pub fn expect_common_modes(&mut self, e: &mut Emitter<'_>) {
        let limit = limit(e, Format::D);
        self.expect(e, limit);
    }

    /// Goes on only if `condition` holds; else the interpreter does it.
    pub fn require(&self, e: &mut Emitter<'_>, condition: Value) {
        let on = e.b.create_block();
        e.b.ins().brif(condition, on, &[], self.slow, &[]);
        e.begin(on);
    }

    /// Ends the common way with `result`, the second look with the same if `acceptable` says so
    /// (it is told whether Inexact is among the Flags), and has the interpreter do the rest, after
    /// which `reload` finds the result. Returns it.
    pub fn join(
        self,
        e: &mut Emitter<'_>,
        i: &Instruction,
        result: Value,
        acceptable: impl FnOnce(&mut Emitter<'_>, Value) -> Value,
        reload: impl FnOnce(&mut Emitter<'_>) -> Value,
    ) -> Value {
        let ty = e.b.func.dfg.value_type(result);
        e.b.append_block_param(self.done, ty);
        let arguments = [BlockArg::Value(result)];
        e.b.ins().jump(self.done, &arguments);
        if let Some(second_look) = self.second_look {
            e.begin(second_look);
            let fcsr = fcsr(e);
            let modes = e.b.ins().band_imm_s(fcsr, i64::from(Fcsr::MODES));
            let plain = e.b.ins().icmp_imm_s(IntCC::Equal, modes, 0);
            let flag = e.b.ins().band_imm_s(fcsr, i64::from(Fcsr::FLAG_INEXACT));
            let inexact = e.b.ins().icmp_imm_s(IntCC::NotEqual, flag, 0);
            let acceptable = acceptable(e, inexact);
            let acceptable = e.b.ins().band(acceptable, plain);
            e.b.ins()
                .brif(acceptable, self.done, &arguments, self.slow, &[]);
        }
        e.begin(self.slow);
        e.interpret(i);
        let value = reload(e);
        e.b.ins().jump(self.done, &[BlockArg::Value(value)]);
        e.begin(self.done);
        e.b.block_params(self.done)[0]
    }

    /// The same where nothing needs a second look.
    pub fn join_required(
        self,
        e: &mut Emitter<'_>,
        i: &Instruction,
        result: Value,
        reload: impl FnOnce(&mut Emitter<'_>) -> Value,
    ) -> Value {
        self.join(e, i, result, |_, inexact| inexact, reload)
    }
}

/// Goes on with `result` if `condition` holds; else the interpreter does it, after which `reload`
/// finds the result. Returns it.
pub fn or_interpret(
    e: &mut Emitter<'_>,
    i: &Instruction,
    condition: Value,
    result: Value,
    reload: impl FnOnce(&mut Emitter<'_>) -> Value,
) -> Value {
    let ways = Ways::new(e);
    ways.require(e, condition);
    ways.join_required(e, i, result, reload)
}

/// Has all of `steps` be ordinary, or acceptable on a second look, or else interpreted. The
/// instruction's result is `result`.
pub fn checked(
    e: &mut Emitter<'_>,
    i: &Instruction,
    steps: &[Rounded],
    format: Format,
    result: Value,
) -> Value {
    let mut ways = Ways::new(e);
    for step in steps {
        let ordinary = step.is_ordinary(e);
        ways.expect(e, ordinary);
    }
    let acceptable = |e: &mut Emitter<'_>, inexact| {
        let first = steps[0].is_acceptable(e, inexact);
        steps[1..].iter().fold(first, |all, step| {
            let this = step.is_acceptable(e, inexact);
            e.b.ins().band(all, this)
        })
    };
    ways.join(e, i, result, acceptable, |e| {
        load_fpr(e, format, i.fields.sa())
    })
}
