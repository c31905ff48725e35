//! Against QEMU: every line of `tests/fpu-vectors/vectors.txt` happens here too.

use super::*;

const VECTORS: &str = include_str!("../../../../tests/fpu-vectors/vectors.txt");

/// One line of the file, taken apart.
struct Vector<'a> {
    op: &'a str,
    fcsr: u32,
    operands: Vec<u64>,
    /// The result; `None` if it trapped.
    result: Option<&'a str>,
    fcsr_after: u32,
}

impl<'a> Vector<'a> {
    fn parse(line: &'a str) -> Self {
        let hex = |digits| u64::from_str_radix(digits, 16).unwrap();
        let (before, after) = line.split_once(" = ").unwrap();
        let mut before = before.split(' ');
        let (result, fcsr_after) = after.split_once(' ').unwrap();
        Self {
            op: before.next().unwrap(),
            fcsr: hex(before.next().unwrap()) as u32,
            operands: before.map(hex).collect(),
            result: (result != "trap").then_some(result),
            fcsr_after: hex(fcsr_after) as u32,
        }
    }
}

fn shown<const DIGITS: usize>(outcome: Outcome<impl Into<u64>>) -> Option<String> {
    outcome
        .ok()
        .map(|result| format!("{:0DIGITS$x}", result.into()))
}

/// The conditions of C.cond, by number.
const CONDITIONS: [&str; 16] = [
    "f", "un", "eq", "ueq", "olt", "ult", "ole", "ule", "sf", "ngle", "seq", "ngl", "lt", "nge",
    "le", "ngt",
];

/// Does the operation `op` and shows its result as the file does.
fn run(op: &str, fcsr: &mut Fcsr, operands: &[u64]) -> Option<String> {
    let wide = |n: usize| operands[n];
    let word = |n: usize| operands[n] as u32;
    macro_rules! call {
        ($digits:literal $f:ident $($operand:expr),+) => { shown::<$digits>($f(fcsr, $($operand),+)) };
    }
    macro_rules! dispatch {
        (
            $([$a1:literal $b1:literal] $s1:ident $d1:ident;)+ ;
            $([$a2:literal $b2:literal] $s2:ident $d2:ident;)+ ;
            $([$a3:literal $b3:literal] $s3:ident $d3:ident;)+ ;
            $([$w_s:literal $w_d:literal $l_s:literal $l_d:literal]
                $f_w_s:ident $f_w_d:ident $f_l_s:ident $f_l_d:ident;)+ ;
            $($rest:tt)+
        ) => {
            match op {
                $($a1 => call!(8 $s1 word(0)), $b1 => call!(16 $d1 wide(0)),)+
                $($a2 => call!(8 $s2 word(0), word(1)), $b2 => call!(16 $d2 wide(0), wide(1)),)+
                $($a3 => call!(8 $s3 word(0), word(1), word(2)),
                  $b3 => call!(16 $d3 wide(0), wide(1), wide(2)),)+
                $($w_s => call!(8 $f_w_s word(0)), $w_d => call!(8 $f_w_d wide(0)),
                  $l_s => call!(16 $f_l_s word(0)), $l_d => call!(16 $f_l_d wide(0)),)+
                $($rest)+
            }
        };
    }
    dispatch! {
        ["sqrt.s" "sqrt.d"] sqrt_s sqrt_d;
        ["abs.s" "abs.d"] abs_s abs_d;
        ["neg.s" "neg.d"] neg_s neg_d;
        ["recip.s" "recip.d"] recip_s recip_d;
        ["rsqrt.s" "rsqrt.d"] rsqrt_s rsqrt_d;
        ;
        ["add.s" "add.d"] add_s add_d;
        ["sub.s" "sub.d"] sub_s sub_d;
        ["mul.s" "mul.d"] mul_s mul_d;
        ["div.s" "div.d"] div_s div_d;
        ;
        ["madd.s" "madd.d"] madd_s madd_d;
        ["msub.s" "msub.d"] msub_s msub_d;
        ["nmadd.s" "nmadd.d"] nmadd_s nmadd_d;
        ["nmsub.s" "nmsub.d"] nmsub_s nmsub_d;
        ;
        ["cvt.w.s" "cvt.w.d" "cvt.l.s" "cvt.l.d"] cvt_w_s cvt_w_d cvt_l_s cvt_l_d;
        ["round.w.s" "round.w.d" "round.l.s" "round.l.d"]
            round_w_s round_w_d round_l_s round_l_d;
        ["trunc.w.s" "trunc.w.d" "trunc.l.s" "trunc.l.d"]
            trunc_w_s trunc_w_d trunc_l_s trunc_l_d;
        ["ceil.w.s" "ceil.w.d" "ceil.l.s" "ceil.l.d"] ceil_w_s ceil_w_d ceil_l_s ceil_l_d;
        ["floor.w.s" "floor.w.d" "floor.l.s" "floor.l.d"]
            floor_w_s floor_w_d floor_l_s floor_l_d;
        ;
        "cvt.s.d" => call!(8 cvt_s_d wide(0)),
        "cvt.d.s" => call!(16 cvt_d_s word(0)),
        "cvt.s.w" => call!(8 cvt_s_w word(0)),
        "cvt.d.w" => call!(16 cvt_d_w word(0)),
        "cvt.s.l" => call!(8 cvt_s_l wide(0)),
        "cvt.d.l" => call!(16 cvt_d_l wide(0)),
        _ => run_control(op, fcsr, operands),
    }
}

/// `run`, for the compares and the control registers.
fn run_control(op: &str, fcsr: &mut Fcsr, operands: &[u64]) -> Option<String> {
    if let Some(reg) = op.strip_prefix("ctc1.") {
        let written = fcsr.write(reg.parse().unwrap(), operands[0] as u32);
        return written.ok().map(|()| "-".into());
    }
    if let Some(reg) = op.strip_prefix("cfc1.") {
        let value = fcsr.read(reg.parse().unwrap(), 0).unwrap();
        return Some(format!("{value:08x}"));
    }
    let (name, format) = op.strip_prefix("c.").unwrap().split_once('.').unwrap();
    let cond = CONDITIONS.iter().position(|cond| *cond == name).unwrap() as u8;
    let outcome = if format == "s" {
        compare_s(fcsr, cond, operands[0] as u32, operands[1] as u32)
    } else {
        compare_d(fcsr, cond, operands[0], operands[1])
    };
    let condition = outcome.ok()?;
    fcsr.set_condition(0, condition);
    Some(u8::from(condition).to_string())
}

/// What QEMU does otherwise than the manual: ABS and NEG leave FCSR alone and take NaNs for
/// numbers, Underflow's trap takes no notice of exact tiny results, and FS makes zeros of tiny results in
/// every rounding mode and raises nothing.
fn is_known_difference(vector: &Vector<'_>, fcsr: Fcsr, result: Option<&str>) -> bool {
    if vector.op.starts_with("abs") || vector.op.starts_with("neg") {
        let double = vector.op.ends_with('d');
        let nan = if double {
            vector.operands[0] << 1 > 0x7ff0_0000_0000_0000 << 1
        } else {
            vector.operands[0] << 33 > 0x7f80_0000 << 33
        };
        let cause_only = 0x0003_f000;
        return nan || result == vector.result && vector.fcsr & !cause_only == fcsr.0;
    }
    let underflow = Exceptions::UNDERFLOW;
    let qemu = Fcsr(vector.fcsr_after).cause();
    if fcsr.flushes() && fcsr.cause() == qemu | underflow | Exceptions::INEXACT {
        return !qemu.intersects(underflow);
    }
    let raises_it_alone = !qemu.intersects(underflow) && fcsr.cause() == qemu | underflow;
    result.is_none() && fcsr.enables().intersects(underflow) && raises_it_alone
}

/// Runs vectors; returns how many there were and how many were known differences.
fn replay(vectors: &str) -> (usize, usize) {
    let (mut count, mut known) = (0, 0);
    for line in vectors.lines() {
        let vector = Vector::parse(line);
        let mut fcsr = Fcsr(vector.fcsr);
        let result = run(vector.op, &mut fcsr, &vector.operands);
        count += 1;
        if result.as_deref() == vector.result && fcsr.0 == vector.fcsr_after {
            continue;
        }
        let difference = is_known_difference(&vector, fcsr, result.as_deref());
        assert!(difference, "{line}\nhere: {result:?} {:08x}", fcsr.0);
        known += 1;
    }
    (count, known)
}

#[test]
fn qemu_agrees() {
    let (count, known) = replay(VECTORS);
    assert!(count > 2000, "{count} vectors");
    assert!(known * 20 < count, "{known} known differences");
}
