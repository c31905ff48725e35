//! The frame of a translation: entry, block headers with the budget check, instruction by
//! instruction, and the one call into the interpreter.

use super::alignment::Alignments;
use super::budget::Checkpoints;
use super::flow::RegisterFlow;
use super::fpu::{Abilities, Fpu};
use super::glue::Symbol;
pub use super::instruction::Instruction;
use super::knowledge::{Knowledge, Ways};
use super::loops::Loops;
use super::nearby::Nearby;
use super::registers::{self, Registers};
use super::{Region, Translator, alu, branch, fpu, memory, muldiv, system, through};
use crate::interp::block::Source;
use crate::isa::{Insn, RegisterSet};
use cranelift_codegen::ir::{
    AbiParam, Block, InstBuilder, MemFlagsData, SigRef, Signature, SourceLoc, Type, Value, types,
};
use cranelift_codegen::isa::{CallConv, TargetFrontendConfig};
use cranelift_frontend::{FunctionBuilder, Variable};
use mirrorball_runtime::addr::Va;
use mirrorball_runtime::cpu::model::Width;
use mirrorball_runtime::cpu::{Cpu, SLOWNESS};
use mirrorball_runtime::vcpu;
use std::mem::offset_of;

/// What the translator says of a region beside its code.
pub struct Frame {
    /// Where its links lead.
    pub links: Vec<u32>,
    /// The cycles that it takes to enter it.
    pub need: u32,
    /// Whether it has loops.
    pub loops: bool,
}

/// Where control goes after the block, while its delay slot is translated.
#[derive(Clone, Copy)]
pub enum Next {
    /// To a fixed address.
    To(u32),
    /// To the first address if the value is not zero, else to the second.
    Either(Value, u32, u32),
    /// To a computed address.
    Computed(Value),
    /// Out of a mapped page, to these lower 28 bits of an address.
    Jump(u32),
}

/// The function that emits one instruction.
type EmitFn = fn(&mut Emitter<'_>, &Instruction);

mod emitters {
    pub use super::alu::*;
    pub use super::branch::*;
    pub use super::fpu::*;
    pub use super::memory::*;
    pub use super::muldiv::*;
    pub use super::system::*;
    pub use super::through::*;
}

macro_rules! table {
    ($($variant:ident $function:ident $mnemonic:literal $bits:literal $operands:tt $effects:tt
       $since:ident $unit:ident $flow:ident;)*) => {
        /// The emitters, by instruction.
        static EMITTERS: &[EmitFn] = &[$(emitters::$function,)*];
    };
}
for_each_instruction!(table);

/// The state of a translation.
pub struct Emitter<'a> {
    pub b: FunctionBuilder<'a>,
    pub region: &'a Region,
    /// The machine: the function's argument.
    pub vm: Value,
    /// The software TLB of the space that a region of a process runs in, or the window.
    table: Value,
    /// The type of whole registers.
    pub word: Type,
    pub registers: Registers,
    pub fpu: Fpu,
    /// Cycles left, those of the current block already subtracted.
    left: Variable,
    /// The headers of the region's blocks.
    headers: Vec<Block>,
    /// The registers that need no writing back on the way from the current block to each.
    keeps: Vec<RegisterSet>,
    /// Where control goes after the current block.
    pub next: Next,
    /// The guest addresses that links lead to, by the number of the cell.
    pub links: Vec<u32>,
    pub link_signature: SigRef,
    pub call_signature: SigRef,
    /// Where in the CPU the function is that interprets.
    pub interpret: usize,
    /// Whether registers are written back before whatever may leave, and not only when it does.
    /// Without loops that costs little, as each is written back once on most ways through the
    /// region, and spares the code for doing it wherever the region may be left.
    pub eager: bool,
    /// What is known of addresses and pages.
    pub known: Knowledge,
    /// What is known at the start of other blocks.
    pub ways: Ways,
    /// The block being translated.
    pub source: &'a Source,
    /// Its number.
    pub index: usize,
    /// The instruction being translated: it may access what the table says, and nothing else.
    current: Option<Instruction>,
    /// Whether IR says which instruction it is for.
    marks: bool,
    /// Whether what is being emitted rarely happens.
    pub cold: bool,
    /// Whether the current path is already closed by a jump or return.
    pub closed: bool,
}

impl<'a> Emitter<'a> {
    pub fn new(mut b: FunctionBuilder<'a>, region: &'a Region, abilities: Abilities) -> Self {
        let entry = b.create_block();
        b.append_block_params_for_function_params(entry);
        b.switch_to_block(entry);
        let vm = b.block_params(entry)[0];
        let link_signature = b.import_signature(Translator::link_signature());
        let mut call = Signature::new(CallConv::PreserveAll);
        call.params.extend([AbiParam::new(types::I64); 3]);
        let call_signature = b.import_signature(call);
        let table = if region.kernel {
            vcpu::WINDOW
        } else {
            vcpu::SPACE
        };
        let trusted = MemFlagsData::trusted();
        let table = b.ins().load(types::I64, trusted, vm, table as i32);
        let word = match region.model.width {
            Width::W32 => types::I32,
            Width::W64 => types::I64,
        };
        let registers = Registers::new(&mut b, word);
        let fpu = Fpu::new(&mut b, region, abilities);
        let known = Knowledge {
            alignments: Alignments::default(),
            nearby: Nearby::new(&mut b),
        };
        let left = b.declare_var(types::I64);
        let value = b.ins().load(
            types::I64,
            MemFlagsData::trusted(),
            vm,
            offset_of!(Cpu, left) as i32,
        );
        b.def_var(left, value);
        let headers = region.blocks.iter().map(|_| b.create_block()).collect();
        Self {
            b,
            region,
            vm,
            table,
            word,
            registers,
            fpu,
            left,
            headers,
            keeps: Vec::new(),
            next: Next::To(0),
            links: Vec::new(),
            link_signature,
            call_signature,
            interpret: if region.has_floats() {
                Symbol::InterpretWithFloats.place()
            } else {
                Symbol::Interpret.place()
            },
            eager: false,
            known,
            ways: Ways::of(&[]),
            source: &region.blocks[0],
            index: 0,
            current: None,
            marks: false,
            cold: false,
            closed: false,
        }
    }

    /// Has the IR, and so the host code, say which instruction it is for: for people.
    pub fn marking(mut self) -> Self {
        self.marks = true;
        self
    }

    /// Translates the region.
    pub fn run(mut self, config: TargetFrontendConfig) -> Frame {
        let region = self.region;
        let successors = region.successors();
        let checkpoints = Checkpoints::of(region, &successors);
        self.eager = !checkpoints.any_loop();
        self.ways = Ways::of(&successors);
        let loops = Loops::of(&successors, checkpoints.back());
        let flow = RegisterFlow::of(region, &successors, loops, self.eager);
        self.registers.preload(&mut self.b, self.vm, flow.preload);
        fpu::enter(&mut self);
        self.b.ins().jump(self.headers[0], &[]);
        for (index, source) in region.blocks.iter().enumerate() {
            self.enter(index);
            self.registers.enter(flow.entries[index]);
            self.keeps = (0..region.blocks.len())
                .map(|next| flow.keeps(index, next))
                .collect();
            fpu::enter_block(&mut self);
            self.block(source, checkpoints.need(index));
        }
        self.b.seal_all_blocks();
        self.b.finalize(config);
        Frame {
            links: self.links,
            need: checkpoints.entry(),
            loops: checkpoints.any_loop(),
        }
    }

    /// Begins block `index`.
    fn enter(&mut self, index: usize) {
        self.index = index;
        let known = if self.ways.complete(index) {
            self.begin(self.headers[index]);
            self.ways.take(index)
        } else {
            self.b.switch_to_block(self.headers[index]);
            None
        };
        if let Some(known) = known {
            self.known = known;
        } else {
            self.known.alignments = Alignments::default();
            self.known.nearby.forget();
        }
    }

    /// Translates one block: pays for it, after a look at the budget if the block `need`s one.
    fn block(&mut self, source: &'a Source, need: Option<u32>) {
        self.source = source;
        self.closed = false;
        self.next = Next::To(source.next());
        let before = self.b.use_var(self.left);
        if let Some(need) = need {
            self.check_budget(before, need);
        }
        if source.split {
            self.check_slot(before);
        }
        let after = self.b.ins().iadd_imm_s(before, -(source.cycles() as i64));
        self.b.def_var(self.left, after);
        let slots = usize::from(source.slot);
        for index in 0..source.code.len() - slots {
            self.instruction(index);
        }
        if !self.closed {
            self.go_on();
        }
    }

    /// Translates the instruction `index` of the current block.
    fn instruction(&mut self, index: usize) {
        let source = self.source;
        if let Some(instruction) = Instruction::new(source, index) {
            let outer = self.current.replace(instruction);
            self.mark();
            EMITTERS[instruction.insn as usize](self, &instruction);
            self.current = outer;
            self.mark();
            if instruction.insn.info().flow.ends() && !self.closed {
                self.go_on_anywhere(instruction.insn == Insn::Eret);
            }
        }
    }

    /// What is emitted from now on is for the current instruction, or for none.
    fn mark(&mut self) {
        if self.marks {
            let place = self.current.map(|current| SourceLoc::new(current.pc));
            self.b.set_srcloc(place.unwrap_or_default());
        }
    }

    /// Translates the delay slot of the current block's branch.
    pub fn slot(&mut self) {
        self.instruction(self.source.code.len() - 1);
    }

    /// Whether the block at `pc` is in the region.
    pub fn has(&self, pc: u32) -> bool {
        self.region.find(pc).is_some()
    }

    /// Goes on in the block at `pc` if it is in the region.
    pub fn go_inside(&mut self, pc: u32) -> bool {
        let Some(index) = self.region.onward(self.index, pc) else {
            return false;
        };
        self.ways.arrive(index, &self.known);
        let kept = self.keeps[index];
        self.registers.write_back_but(kept, &mut self.b, self.vm);
        self.b.ins().jump(self.headers[index], &[]);
        true
    }

    /// Goes on in a block that nothing more will jump to. Said so early, that spares the work of
    /// finding out which values reach it.
    pub fn begin(&mut self, block: Block) {
        self.b.seal_block(block);
        self.b.switch_to_block(block);
    }

    /// A block that is part of what is being emitted, and so as rare as that.
    pub fn block_here(&mut self) -> Block {
        if self.cold {
            self.cold_block()
        } else {
            self.b.create_block()
        }
    }

    /// A block for what rarely happens.
    pub fn cold_block(&mut self) -> Block {
        let block = self.b.create_block();
        self.b.set_cold_block(block);
        block
    }

    /// Whether the table says of the current instruction what `holds` asks. Emitters state it of all
    /// that they access, in builds with debug assertions.
    pub fn may(&self, holds: impl FnOnce(&Instruction) -> bool) -> bool {
        self.current.is_none_or(|current| holds(&current))
    }

    /// The value of a general register, of HI or of LO, with all bits that the CPU has.
    pub fn get_whole(&mut self, register: u32) -> Value {
        debug_assert!(self.may(|i| register == 0 || i.reads() >> register & 1 != 0));
        self.registers.read(&mut self.b, self.vm, register as usize)
    }

    /// The lower 32 bits of a general register, of HI or of LO.
    pub fn get(&mut self, register: u32) -> Value {
        let value = self.get_whole(register);
        if self.is_wide() {
            self.b.ins().ireduce(types::I32, value)
        } else {
            value
        }
    }

    /// Sets a general register, HI or LO, with all bits that the CPU has.
    pub fn set_whole(&mut self, register: usize, value: Value) {
        debug_assert!(self.may(|i| register == 0 || i.writes() >> register & 1 != 0));
        self.registers.write(&mut self.b, register, value);
    }

    /// Sets a general register, HI or LO, to a result of 32 bits.
    pub fn set(&mut self, register: usize, value: Value) {
        let value = if self.is_wide() {
            self.b.ins().sextend(types::I64, value)
        } else {
            value
        };
        self.set_whole(register, value);
    }

    /// Whether registers are 64 bits wide.
    pub fn is_wide(&self) -> bool {
        self.word == types::I64
    }

    /// The virtual address of code.
    pub fn address(&mut self, pc: u32) -> Value {
        if self.is_direct() {
            return self.constant(pc);
        }
        let base = self.load_cpu(types::I32, offset_of!(Cpu, code_base));
        self.b.ins().iadd_imm_s(base, i64::from(pc as i32))
    }

    /// Whether the region lies in kseg0 or kseg1.
    pub fn is_direct(&self) -> bool {
        Va(u64::from(self.region.pc())).is_direct()
    }

    /// Where a jump of a mapped page with these lower 28 bits leads.
    pub fn jump_target(&mut self, low: u32) -> Value {
        let slot = self.source.end().wrapping_sub(4);
        let slot = self.address(slot);
        let segment = self.b.ins().band_imm_s(slot, 0xf000_0000_u32 as i32 as i64);
        self.b.ins().bor_imm_s(segment, i64::from(low))
    }

    /// A 32-bit constant.
    pub fn constant(&mut self, value: u32) -> Value {
        self.b.ins().iconst(types::I32, i64::from(value))
    }

    /// A constant of 32 bits, sign-extended to a whole register.
    pub fn whole_constant(&mut self, value: u32) -> Value {
        if self.is_wide() {
            self.b.ins().iconst(types::I64, i64::from(value as i32))
        } else {
            self.constant(value)
        }
    }

    /// Stores a value into the CPU.
    pub fn store_cpu(&mut self, value: Value, offset: usize) {
        self.b
            .ins()
            .store(MemFlagsData::trusted(), value, self.vm, offset as i32);
    }

    /// Loads a value from the CPU.
    pub fn load_cpu(&mut self, ty: Type, offset: usize) -> Value {
        self.b
            .ins()
            .load(ty, MemFlagsData::trusted(), self.vm, offset as i32)
    }

    /// The window, for code that is the kernel's.
    pub fn window(&mut self) -> Value {
        debug_assert!(self.region.kernel);
        self.table
    }

    /// The software TLB of the space that the region runs in. The kernel's may change meanwhile.
    pub fn space(&mut self) -> Value {
        if self.region.kernel {
            self.load_cpu(types::I64, vcpu::SPACE)
        } else {
            self.table
        }
    }

    /// Writes registers back before something that may leave, if that is the region's way.
    pub fn write_back_early(&mut self) {
        if self.eager {
            self.registers.write_back(&mut self.b, self.vm);
            self.registers.clean();
        }
    }

    /// Stores the cycles left.
    pub fn store_left(&mut self) {
        let left = self.b.use_var(self.left);
        self.store_cpu(left, offset_of!(Cpu, left));
    }

    /// Gives back the cycle of a delay slot that does not run.
    pub fn refund_slot(&mut self) {
        let left = self.b.use_var(self.left);
        let left = self.b.ins().iadd_imm_s(left, 1);
        self.b.def_var(self.left, left);
    }

    /// The lower half of the time before an instruction.
    pub fn now(&mut self, i: &Instruction) -> Value {
        let horizon = self.load_cpu(types::I32, offset_of!(Cpu, horizon));
        let slowness = self.load_cpu(types::I32, SLOWNESS);
        let left = self.b.use_var(self.left);
        let left = self.b.ins().iadd_imm_s(left, i64::from(i.op.owed));
        let left = self.b.ins().sshr(left, slowness);
        let left = self.b.ins().ireduce(types::I32, left);
        self.b.ins().isub(horizon, left)
    }
}

/// The offset of a general register, HI or LO in the CPU.
pub fn register_offset(register: usize) -> i32 {
    registers::offset(register)
}
