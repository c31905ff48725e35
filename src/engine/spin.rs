//! Finding loops that change nothing, for the VM to skip their rounds.
//!
//! The instructions from the program counter on are executed one by one, and what each would do
//! is looked at first: nothing but general registers, HI and LO may change, what is read must be
//! there to stay, and what is written must be there already. If that comes back to where it began
//! with the same registers, it does so for ever. Then all is put back as it was. Instructions are
//! allowed that such loops are made of; any other ends the search, as do TLB misses and whatever
//! depends on time.

use crate::interp::block::{Meaning, meaning, meaning_in_slot, predecode};
use crate::interp::{Op, Step, address_in};
use crate::isa::{Access, Fields, Info, Insn, Memory, Operand, Size, State, Unit};
use mirrorball_runtime::addr::Va;
use mirrorball_runtime::clock::Nanos;
use mirrorball_runtime::cpu::Cpu;
use mirrorball_runtime::device::Width;
use mirrorball_runtime::vm::{Spin, Vm};

/// The longest round that is looked for, in instructions.
const LONGEST: u64 = 64;

/// CP0 registers that do not keep still: Random and Count.
const RESTLESS: [u32; 2] = [1, 9];

/// The loop that the guest goes round in, if it does and changes nothing.
pub(super) fn find(vm: &mut Vm) -> Option<Spin> {
    if vm.cpu.stop != 0 {
        return None;
    }
    let start = Registers::of(&vm.cpu);
    let spin = go_round(vm, &start);
    start.put_back(&mut vm.cpu);
    spin
}

fn go_round(vm: &mut Vm, start: &Registers) -> Option<Spin> {
    let mut round = Spin {
        period: 0,
        until: Nanos(u64::MAX),
    };
    while round.period < LONGEST {
        step(vm, &mut round)?;
        if vm.cpu.pc == start.pc && Registers::of(&vm.cpu) == *start {
            return Some(round);
        }
    }
    None
}

/// The registers that a loop may change on its way.
#[derive(PartialEq, Eq)]
struct Registers {
    pc: u64,
    gpr: [u64; 32],
    hi: u64,
    lo: u64,
}

impl Registers {
    fn of(cpu: &Cpu) -> Self {
        let mut gpr = [0; 32];
        gpr.copy_from_slice(&cpu.gpr[..32]);
        Self {
            pc: cpu.pc,
            gpr,
            hi: cpu.hi,
            lo: cpu.lo,
        }
    }

    fn put_back(&self, cpu: &mut Cpu) {
        cpu.pc = self.pc;
        cpu.gpr[..32].copy_from_slice(&self.gpr);
        (cpu.hi, cpu.lo) = (self.hi, self.lo);
    }
}

/// Executes the instruction at the program counter, with its delay slot, as part of `round`.
fn step(vm: &mut Vm, round: &mut Spin) -> Option<()> {
    let pc = vm.cpu.pc as u32;
    let (insn, op) = instruction(vm, pc, false)?;
    let flow = insn.info().flow;
    if flow.ends() {
        return None;
    }
    // Behind the delay slot: where a branch that is not taken leads, and a link.
    let len = if flow.has_slot() { 8 } else { 4 };
    vm.cpu.pc = u64::from(pc.wrapping_add(len));
    round.period += 1;
    match execute(vm, insn, &op, round)? {
        Step::Next if flow.has_slot() => {
            let (insn, op) = instruction(vm, pc.wrapping_add(4), true)?;
            round.period += 1;
            (execute(vm, insn, &op, round)? == Step::Next).then_some(())
        }
        Step::Next | Step::Skip => Some(()),
        _ => None,
    }
}

/// The instruction at `pc`, in a delay slot or not. It owes nothing, as time stands still.
fn instruction(vm: &Vm, pc: u32, slot: bool) -> Option<(Insn, Op)> {
    let va = Va(u64::from(pc));
    let pa = vm.cpu.peek(va).filter(|_| pc & 3 == 0)?;
    if vm.cpu.stops.is_breakpoint(va) {
        return None;
    }
    if !vm.ram.is_touched(pa) {
        return None;
    }
    let word = vm.ram.word(pa);
    let meaning = if slot { meaning_in_slot } else { meaning };
    let meaning = meaning(word, vm.cpu.model, vm.cpu.space_key());
    match meaning {
        Meaning::Insn(insn) => Some((insn, predecode(word, meaning, vm.cpu.model.width, 0))),
        _ => None,
    }
}

/// Executes one instruction if it is of the kind that may run over and over.
fn execute(vm: &mut Vm, insn: Insn, op: &Op, round: &mut Spin) -> Option<Step> {
    let info = insn.info();
    if !keeps_still(info, op) {
        return None;
    }
    match info.memory() {
        Some(Memory::Load(number)) => load(vm, op, width(number.size())?, round)?,
        Some(Memory::Store(size)) => return store(vm, op, width(size)?),
        Some(_) => return None,
        None => {}
    }
    Some((op.run)(vm, op))
}

/// Whether an instruction depends on nothing but general registers, HI, LO and memory, or on a
/// register of coprocessor 0 that keeps still.
fn keeps_still(info: &Info, op: &Op) -> bool {
    match info.access(State::Cp0) {
        None => info.unit == Unit::Cpu,
        Some(Access::R) if info.takes(Operand::Selected) => {
            !RESTLESS.contains(&Fields(op.imm).rd())
        }
        Some(_) => false,
    }
}

fn width(size: Size) -> Option<Width> {
    match size {
        Size::Byte => Some(Width::Byte),
        Size::Half => Some(Width::Half),
        Size::Word => Some(Width::Word),
        Size::Double => None,
    }
}

fn address(vm: &Vm, op: &Op) -> Va {
    address_in(vm, op, vm.cpu.model.width)
}

/// Whether a load may run; `round` learns until when it loads the same.
fn load(vm: &mut Vm, op: &Op, width: Width, round: &mut Spin) -> Option<()> {
    let until = vm.steady_until(address(vm, op), width)?;
    round.until = round.until.min(until);
    Some(())
}

/// A store that changes nothing need not run.
fn store(vm: &mut Vm, op: &Op, width: Width) -> Option<Step> {
    vm.ignores(address(vm, op), width, vm.cpu.get(op.rt))
        .then_some(Step::Next)
}
