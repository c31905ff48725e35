//! Random FPU programs: translated code, which computes on the host's floating point, leaves the
//! registers, FCSR and memory that the interpreter leaves, after each block and in the end.
//!
//! `FLOAT_SEED=N` starts with another program, `FLOAT_SECONDS=N` goes on for so long.

mod common;

use common::asm::*;
use common::{CODE, Kind, place, program, run};
use fastrand::Rng;
use mirrorball::isa::{Flow, Info, Operand, TABLE, Unit};
use mirrorball_runtime::addr::Pa;
use mirrorball_runtime::cpu::cp0::{STATUS_CU1, STATUS_FR};
use mirrorball_runtime::cpu::fpu::Fcsr;
use mirrorball_runtime::vm::Vm;
use std::time::{Duration, Instant};

/// How many programs there are if nothing else is asked for.
const PROGRAMS: u64 = 800;
/// How often a program goes through its loop.
const ROUNDS: u32 = 40;
/// Where the numbers lie that programs load, and what they store.
const NUMBERS: u32 = CODE + 0x1_0000;
const RESULTS: u32 = CODE + 0x2_0000;

const K0: u32 = 26;
const S2: u32 = 18;
const S3: u32 = 19;
/// General registers that programs compute with.
const GENERAL: std::ops::Range<u32> = 8..16;

/// Raises nothing, so that Cause does not tell any more what the instruction before it raised.
const NEG_S_F20: u32 = cop1(16, 0, 20) | 20 << 6 | 7;

/// Numbers that are special, or near something that is: each with all its neighbours.
const DOUBLES: [f64; 18] = [
    0.0,
    f64::MIN_POSITIVE,
    f64::MAX,
    f64::INFINITY,
    f32::MIN_POSITIVE as f64,
    f32::MAX as f64,
    1.401298464324817e-45, // the smallest single
    1.0,
    3.0,
    0.5,
    2147483648.0,
    4294967296.0,
    4503599627370496.0,
    9007199254740992.0,
    9223372036854775808.0,
    // Roots and products of these are about the smallest normal numbers.
    1.4916681462400413e-154,
    1.0842021724855044e-19,
    1e-290,
];

/// What most numbers of a program are like.
enum Taste {
    /// Anything.
    All,
    /// Near these.
    Near([f64; 3]),
    /// With so few bits that results are often exact.
    Sparse,
    /// About as large as the roots of the smallest normal numbers.
    Small,
}

impl Taste {
    fn new(rng: &mut Rng) -> Self {
        match rng.u32(..5) {
            0 | 1 => Self::All,
            2 => Self::Near(std::array::from_fn(|_| DOUBLES[rng.usize(..DOUBLES.len())])),
            3 => Self::Sparse,
            _ => Self::Small,
        }
    }

    fn double(&self, rng: &mut Rng, last: u64) -> u64 {
        let sign = rng.u64(..2) << 63;
        if rng.u32(..4) == 0 {
            return double(rng, last);
        }
        match self {
            Self::All => double(rng, last),
            Self::Near(bases) => {
                let base = bases[rng.usize(..3)].to_bits();
                sign ^ base.wrapping_add(rng.u64(..5)).wrapping_sub(2)
            }
            Self::Sparse => sign | rng.u64(1000..1050) << 52 | rng.u64(..8) << 49,
            Self::Small => sign | rng.u64(508..520) << 52 | rng.u64(..1 << 52),
        }
    }

    fn single(&self, rng: &mut Rng, last: u32) -> u32 {
        let sign = rng.u32(..2) << 31;
        if rng.u32(..4) == 0 {
            return single(rng, last);
        }
        match self {
            Self::All => single(rng, last),
            Self::Near(bases) => {
                let base = (bases[rng.usize(..3)] as f32).to_bits();
                sign ^ base.wrapping_add(rng.u32(..5)).wrapping_sub(2)
            }
            Self::Sparse => sign | rng.u32(110..150) << 23 | rng.u32(..8) << 20,
            Self::Small => sign | rng.u32(60..70) << 23 | rng.u32(..1 << 23),
        }
    }
}

/// The pattern of a double, mostly one that operations do something interesting with.
fn double(rng: &mut Rng, last: u64) -> u64 {
    let sign = rng.u64(..2) << 63;
    let magnitude = match rng.u32(..16) {
        0..=3 => {
            let near = DOUBLES[rng.usize(..DOUBLES.len())].to_bits();
            let far = [0, 0, 1, 2, 3, 1 << 29, 1 << 52][rng.usize(..7)];
            if rng.bool() {
                near.wrapping_add(far)
            } else {
                near.saturating_sub(far)
            }
        }
        // NaNs of both kinds.
        4 => 0x7ff << 52 | 1 << rng.u32(..52) | rng.u64(..4),
        5 => rng.u64(..) >> (12 + rng.u32(..52)),
        6 => f64::from(rng.u32(..) >> rng.u32(..32)).to_bits(),
        7 => (f64::from(rng.u32(..) >> rng.u32(..32)) + 0.5).to_bits(),
        // Close to the one before, so that differences cancel.
        8 => last.wrapping_add(rng.u64(..8)) ^ 1 << 63,
        // Few bits, so that results are often exact.
        9..=10 => rng.u64(1000..1050) << 52 | rng.u64(..16) << 48,
        11 => rng.u64(..2047) << 52 | rng.u64(..16) << rng.u32(..49),
        12 => rng.u64(..),
        _ => rng.u64(1000..1050) << 52 | rng.u64(..1 << 52),
    };
    magnitude ^ sign
}

/// The pattern of a single.
fn single(rng: &mut Rng, last: u32) -> u32 {
    let sign = rng.u32(..2) << 31;
    let magnitude = match rng.u32(..16) {
        0..=3 => {
            let near = (DOUBLES[rng.usize(..DOUBLES.len())] as f32).to_bits();
            near.saturating_add(rng.u32(..3)).saturating_sub(1)
        }
        4 => 0xff << 23 | 1 << rng.u32(..23) | rng.u32(..4),
        5 => rng.u32(..) >> (9 + rng.u32(..23)),
        6 => ((rng.u32(..) >> rng.u32(..32)) as f32).to_bits(),
        7 => ((rng.u32(..) >> rng.u32(8..32)) as f32 + 0.5).to_bits(),
        8 => last.wrapping_add(rng.u32(..8)) ^ 1 << 31,
        9..=10 => rng.u32(110..150) << 23 | rng.u32(..16) << 19,
        11 => rng.u32(..255) << 23 | rng.u32(..16) << rng.u32(..20),
        12 => rng.u32(..),
        13 => rng.u32(..) >> rng.u32(..32),
        _ => rng.u32(110..150) << 23 | rng.u32(..1 << 23),
    };
    magnitude ^ sign
}

/// What the programs load: doubles, and pairs of singles.
fn numbers(rng: &mut Rng) -> Vec<u32> {
    let taste = Taste::new(rng);
    let doubles = rng.u32(1..4);
    let mut last = 0;
    let mut pattern = || {
        last = if rng.u32(..4) < doubles {
            taste.double(rng, last)
        } else {
            let low = taste.single(rng, last as u32);
            u64::from(taste.single(rng, low)) << 32 | u64::from(low)
        };
        [last as u32, (last >> 32) as u32]
    };
    (0..4 * ROUNDS).flat_map(|_| pattern()).collect()
}

/// A value of FCSR: often the usual ones.
fn fcsr(rng: &mut Rng) -> u32 {
    let modes = match rng.u32(..8) {
        0..=2 => 0x4,
        3..=4 => 0,
        5 => rng.u32(..4),
        6 => 0x4 | rng.u32(..32) << 7,
        _ => rng.u32(..4) | (rng.u32(..) & rng.u32(..) & 0x1f) << 7,
    };
    let flush = u32::from(rng.u32(..4) == 0) << 24;
    let others = if rng.u32(..4) == 0 {
        rng.u32(..) & 0xfe80_007c
    } else {
        0
    };
    modes | flush | others
}

/// Whether programs take an instruction from the table as it comes.
fn is_plain(info: &Info) -> bool {
    let address = info.takes(Operand::Offset) || info.takes(Operand::Indexed);
    let control = info.takes(Operand::Control);
    info.unit.is_fpu() && info.flow == Flow::Next && !address && !control
}

/// A FPU register: few of them, so that they meet again, and mostly even.
fn register(rng: &mut Rng) -> u32 {
    rng.u32(..6) * 2 + u32::from(rng.u32(..12) == 0)
}

fn general(rng: &mut Rng) -> u32 {
    rng.u32(GENERAL)
}

/// An instruction with operands at random.
fn plain(rng: &mut Rng, fr: bool, allowed: &[&Info]) -> u32 {
    let info = loop {
        let info = allowed[rng.usize(..allowed.len())];
        if fr || info.unit != Unit::Fpu64 || rng.u32(..64) == 0 {
            break info;
        }
    };
    let mut word = info.value | rng.u32(..) & !info.mask;
    for operand in info.operands {
        let (shift, register) = match operand {
            Operand::Fpr(_, field, _) => (field.shift(), register(rng)),
            Operand::Gpr(_, field) => (field.shift(), general(rng)),
            _ => continue,
        };
        word = word & !(31 << shift) | register << shift;
    }
    word
}

const fn cop1(op: u32, rt: u32, fs: u32) -> u32 {
    0x11 << 26 | op << 21 | rt << 16 | fs << 11
}

/// A load or store of an FPU register.
fn access(opcode: u32, base: u32, register: u32, offset: u32) -> u32 {
    opcode << 26 | base << 21 | register << 16 | offset
}

/// An indexed load or store.
fn indexed(op: u32, base: u32, index: u32, fs: u32, fd: u32) -> u32 {
    0x13 << 26 | base << 21 | index << 16 | fs << 11 | fd << 6 | op
}

/// Something other than a plain instruction.
fn other(rng: &mut Rng) -> Vec<u32> {
    let (f, offset) = (register(rng), rng.u32(..4) * 8);
    let (bits, t) = (fcsr(rng), general(rng));
    match rng.u32(..12) {
        0 => vec![access(0x31, S0, f, offset), access(0x39, S2, f, offset)],
        1 => vec![access(0x35, S0, f, offset), access(0x3d, S2, f, offset)],
        2 => vec![indexed(0, S0, S3, 0, f), indexed(8, S2, S3, f, 0)],
        3 => vec![indexed(1, S0, S3, 0, f), indexed(9, S2, S3, f, 0)],
        4 => vec![indexed(5, S0, S3, 0, f), indexed(13, S2, S3, f, 0)],
        5 | 6 => vec![cop1(2, t, 31), sw(t, 64, S2)],
        7 => {
            let [high, low] = li(t, bits);
            vec![high, low, cop1(6, t, 31)]
        }
        8 => vec![lw(t, offset as i32, S0)],
        // Branches on conditions, plain and likely, over what comes next.
        _ => vec![
            cop1(8, rng.u32(..32), 0) | rng.u32(1..4),
            addiu(t, t, rng.i32(..9)),
        ],
    }
}

/// A loop over the numbers.
fn code(rng: &mut Rng, fr: bool, allowed: &[&Info]) -> Vec<u32> {
    let mut code = Vec::new();
    code.extend(li(S0, NUMBERS));
    code.extend(li(S2, RESULTS));
    code.extend([addiu(S1, ZERO, ROUNDS as i32), addiu(S3, ZERO, 8)]);
    let head = code.len() as i32;
    // Often every round starts with the same FCSR, and mostly with no Flags in it.
    if rng.bool() {
        let bits = if rng.bool() { 0 } else { fcsr(rng) };
        code.extend(li(GENERAL.start, bits));
        code.push(cop1(6, GENERAL.start, 31));
    }
    for slot in 0..4 {
        code.push(access(0x35, S0, register(rng) & !1, slot * 8));
    }
    let length = if rng.u32(..4) == 0 { 2..6 } else { 4..40 };
    let hidden = rng.bool();
    for _ in 0..rng.u32(length) {
        match rng.u32(..6) {
            0 => code.extend(other(rng)),
            _ => code.push(plain(rng, fr, allowed)),
        }
        if hidden {
            code.push(NEG_S_F20);
        }
    }
    // Where the last branches may lead to.
    code.extend([NOP; 3]);
    code.push(access(0x3d, S2, register(rng) & !1, 32));
    code.extend([
        addiu(S0, S0, 32),
        addiu(S2, S2, 72),
        addiu(S1, S1, -1),
        bne(S1, ZERO, head - code.len() as i32 - 4),
        plain(rng, fr, allowed),
    ]);
    code.extend([beq(ZERO, ZERO, -1), NOP]);
    code
}

/// A machine that is about to run the program that `seed` stands for.
fn machine(seed: u64) -> (Box<Vm>, u64) {
    let mut rng = Rng::with_seed(seed);
    let fr = rng.u32(..3) == 0;
    let allowed: Vec<&Info> = TABLE.iter().filter(|info| is_plain(info)).collect();
    // Few kinds of instructions, so that they are often neighbours; or all of them.
    let most = rng.usize(1..6);
    let few: Vec<&Info> = (0..most)
        .map(|_| allowed[rng.usize(..allowed.len())])
        .collect();
    let allowed = if rng.u32(..4) != 0 { few } else { allowed };
    let code = code(&mut rng, fr, &allowed);
    let mut vm = program(&code);
    place(&mut vm, NUMBERS, &numbers(&mut rng));
    // Whatever traps is skipped.
    let handler = [mfc0(K0, EPC), addiu(K0, K0, 4), mtc0(K0, EPC), ERET];
    vm.view()
        .write_physical(Pa(0x180), &handler.map(u32::to_le_bytes).concat());
    vm.cpu.cp0.status |= STATUS_CU1;
    if fr {
        vm.cpu.cp0.status |= STATUS_FR;
    }
    for register in &mut vm.cpu.fpr {
        *register = double(&mut rng, 0);
    }
    vm.cpu.fpr[20] = 0;
    vm.cpu.fcsr = Fcsr(fcsr(&mut rng));
    vm.select_space();
    (vm, u64::from(ROUNDS) * code.len() as u64)
}

/// Runs a program; lockstep panics with what differs.
fn check(seed: u64) {
    let run = |kind| {
        let (mut vm, limit) = machine(seed);
        run(kind, &mut vm, limit)
    };
    match seed % 3 {
        0 => drop(run(Kind::Lockstep)),
        1 => drop(run(Kind::Strides(113))),
        _ => assert_eq!(run(Kind::EagerJit), run(Kind::Interpreter)),
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn random_fpu_programs_end_alike_in_both_engines() {
    let start = Instant::now();
    let first = setting("FLOAT_SEED").unwrap_or(0);
    let time = setting("FLOAT_SECONDS").map(Duration::from_secs);
    for seed in first.. {
        if time.map_or(seed >= first + PROGRAMS, |time| start.elapsed() > time) {
            println!("{} programs, {:.1?}", seed - first, start.elapsed());
            break;
        }
        println!("FLOAT_SEED={seed}");
        check(seed);
    }
}

/// Operations on `$f0` and `$f2` whose flags are easily missed, in doubles and in singles.
#[test]
fn flags_at_the_edges_are_not_missed() {
    const MUL: u32 = 2;
    const DIV: u32 = 3;
    const CVT_S: u32 = 32;
    let (least, small) = (f64::MIN_POSITIVE, 1.4916681462400413e-154);
    let below_1 = 1.0 - f64::EPSILON / 2.0;
    let doubles = [
        // Rounded to the smallest normal number, but tiny.
        (MUL, least, below_1),
        (DIV, least, 1.0 + f64::EPSILON),
        // What the result lacks is too small for a double itself.
        (MUL, small * 1.9, small * 1.1),
        (MUL, small * 1.7, small * 1.3),
        (DIV, least * 3.0, 1.1),
        // Zeros that something was rounded to.
        (MUL, 1e-200, 1e-200),
        (DIV, 1e-200, 1e200),
        (CVT_S, 1e-60, 0.0),
        // The same in single precision.
        (CVT_S, f64::from(f32::MIN_POSITIVE) * (1.0 - 1e-9), 0.0),
        (CVT_S, 0.1, 0.0),
        (CVT_S, 1e39, 0.0),
    ];
    for (op, a, b) in doubles {
        for (kind, flags) in [
            (Kind::Lockstep, 0),
            (Kind::Strides(50), 0),
            // With Inexact already there, others are to come.
            (Kind::Lockstep, 4),
        ] {
            let code = [
                addiu(S1, ZERO, 20),
                addiu(T0, ZERO, flags),
                cop1(6, T0, 31),
                cop1(17, if op == CVT_S { 0 } else { 2 }, 0) | 4 << 6 | op,
                NEG_S_F20,
                addiu(S1, S1, -1),
                bne(S1, ZERO, -5),
                NOP,
            ];
            let mut vm = program(&code);
            vm.cpu.cp0.status |= STATUS_CU1;
            (vm.cpu.fpr[0], vm.cpu.fpr[2]) = (a.to_bits(), b.to_bits());
            vm.select_space();
            run(kind, &mut vm, 100);
            assert!(vm.cpu.fcsr.0 & Fcsr::FLAG_INEXACT != 0, "{op} {a:e} {b:e}");
        }
    }
}
