//! Ways out of translated code, and from one piece of it to the next.
//!
//! A direct exit jumps through a link: a cell behind the translation's own code that holds the
//! target's code, or that of the stub which goes back to the dispatcher. Making and undoing a link
//! is one store, and nothing in the code says where it lies. Other exits look the target up in the
//! code table of the current space. What is found nowhere goes back to the dispatcher.

use super::emit::{Emitter, Next};
use crate::interp::block::linkable;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    BlockArg, ExternalName, GlobalValueData, InstBuilder, MemFlagsData, UserExternalName, Value,
    types,
};
use mirrorball_runtime::addr::{PAGE_BITS, Va};
use mirrorball_runtime::cpu::Cpu;
use mirrorball_runtime::mmu::soft::{CODE_GROUP, CODE_GROUPS, CodeEntry, Space, is_direct};
use std::mem::{offset_of, size_of};

/// A cell, as code and cache lay it out: what a direct exit jumps through.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cell {
    /// The code that the exit goes on to.
    pub code: u64,
    /// What the dispatcher is told when that is the stub.
    pub note: u64,
}

/// The part of the address space that a program counter is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// Most likely kseg0 or kseg1.
    Direct,
    /// What the TLB maps.
    Mapped,
    /// Nobody knows.
    Anywhere,
}

impl Emitter<'_> {
    /// Ends the current path: control goes where the block says.
    pub fn go_on(&mut self) {
        self.store_cause();
        match self.next {
            Next::To(pc) => self.go_to(pc),
            Next::Computed(pc) => {
                if self.source.returns() {
                    self.return_inside(pc);
                }
                self.registers.write_back(&mut self.b, self.vm);
                self.store_left();
                let scope = self.scope();
                self.look_up(pc, scope);
            }
            Next::Either(condition, yes, no) => {
                let (taken, fallen) = (self.b.create_block(), self.b.create_block());
                // The way out of a loop is not the loop.
                match (self.header(yes), self.header(no)) {
                    (None, Some(_)) => self.b.set_cold_block(taken),
                    (Some(_), None) => self.b.set_cold_block(fallen),
                    _ => {}
                }
                self.b.ins().brif(condition, taken, &[], fallen, &[]);
                self.begin(taken);
                self.go_to(yes);
                self.begin(fallen);
                self.go_to(no);
            }
        }
        self.closed = true;
    }

    /// Goes on in the region if `pc` is where a function of it was called. Elsewhere the path goes
    /// on here.
    fn return_inside(&mut self, pc: Value) {
        for site in self.region.return_sites() {
            let Some(header) = self.header(site) else {
                continue;
            };
            let on = self.b.create_block();
            let here = self.b.ins().icmp_imm_u(IntCC::Equal, pc, i64::from(site));
            self.b.ins().brif(here, header, &[], on, &[]);
            self.begin(on);
        }
    }

    /// Ends the current path after an instruction that may have changed mode or address space:
    /// nothing is known of the target but its address.
    pub fn go_on_anywhere(&mut self, computed: bool) {
        self.store_cause();
        let pc = match self.next {
            Next::To(pc) if !computed => self.constant(pc),
            _ => self.load_cpu(types::I32, offset_of!(Cpu, pc)),
        };
        self.registers.write_back(&mut self.b, self.vm);
        self.store_left();
        self.look_up(pc, Scope::Anywhere);
        self.closed = true;
    }

    /// Jumps to `pc`: inside the region, through a link, or by looking it up.
    pub fn go_to(&mut self, pc: u32) {
        if let Some(header) = self.header(pc) {
            self.b.ins().jump(header, &[]);
            return;
        }
        self.registers.write_back(&mut self.b, self.vm);
        self.store_left();
        if linkable(self.source.pc, pc) {
            self.follow_link(pc);
        } else {
            let pc = self.constant(pc);
            self.look_up(pc, Scope::Anywhere);
        }
    }

    /// Jumps to what the link for `pc` holds, with the address of the cell: the stub needs it.
    fn follow_link(&mut self, pc: u32) {
        let known = self.links.iter().position(|&link| link == pc);
        let number = known.unwrap_or(self.links.len());
        if known.is_none() {
            self.links.push(pc);
        }
        let name = UserExternalName::new(0, 0);
        let name = self.b.func.declare_imported_user_function(name);
        let cell = self.b.create_global_value(GlobalValueData::Symbol {
            name: ExternalName::user(name),
            offset: ((number * size_of::<Cell>()) as i64).into(),
            colocated: true,
            tls: false,
        });
        let cell = self.b.ins().symbol_value(types::I64, cell);
        let code = self.b.ins().load(
            types::I64,
            MemFlagsData::trusted(),
            cell,
            offset_of!(Cell, code) as i32,
        );
        self.b
            .ins()
            .return_call_indirect(self.link_signature, code, &[self.vm, cell]);
    }

    /// The code table that has `pc`, as far as `scope` says which. What is not found there is
    /// looked for by the dispatcher.
    fn code_table(&mut self, pc: Value, scope: Scope) -> Value {
        let trusted = MemFlagsData::trusted();
        let space = self.load_cpu(types::I64, offset_of!(Cpu, space));
        let tables = offset_of!(Space, tables);
        match scope {
            Scope::Mapped => self
                .b
                .ins()
                .iadd_imm_s(space, offset_of!(Space, code) as i64),
            Scope::Direct => self
                .b
                .ins()
                .load(types::I64, trusted, space, (tables + 16) as i32),
            Scope::Anywhere => {
                let segment = self.b.ins().ushr_imm_s(pc, 30);
                let segment = self.b.ins().uextend(types::I64, segment);
                let offset = self.b.ins().ishl_imm_s(segment, 3);
                let place = self.b.ins().iadd(space, offset);
                self.b.ins().load(types::I64, trusted, place, tables as i32)
            }
        }
    }

    /// Where a computed jump of this region most likely goes.
    pub fn scope(&self) -> Scope {
        match (self.region.kernel, is_direct(Va(u64::from(self.source.pc)))) {
            (true, true) => Scope::Direct,
            (true, false) => Scope::Anywhere,
            (false, _) => Scope::Mapped,
        }
    }

    /// Looks `pc` up in a code table of the space that is current now.
    pub fn look_up(&mut self, pc: Value, scope: Scope) {
        let trusted = MemFlagsData::trusted();
        let table = self.code_table(pc, scope);
        let group = self.b.ins().ushr_imm_s(pc, i64::from(PAGE_BITS));
        let group = self.b.ins().band_imm_s(group, CODE_GROUPS as i64 - 1);
        let group = self.b.ins().ishl_imm_s(
            group,
            i64::from((CODE_GROUP * size_of::<CodeEntry>()).ilog2()),
        );
        let entry_bits = size_of::<CodeEntry>().ilog2();
        let within = self.b.ins().ishl_imm_s(pc, i64::from(entry_bits - 2));
        let mask = (CODE_GROUP - 1) << entry_bits;
        let within = self.b.ins().band_imm_s(within, mask as i64);
        let index = self.b.ins().bor(group, within);
        let index = self.b.ins().uextend(types::I64, index);
        let entry = self.b.ins().iadd(table, index);
        let tag = self.b.ins().load(
            types::I32,
            trusted,
            entry,
            offset_of!(CodeEntry, tag) as i32,
        );
        let code = self.b.ins().load(
            types::I64,
            trusted,
            entry,
            offset_of!(CodeEntry, entry) as i32,
        );
        let wanted = self.b.ins().bxor_imm_s(pc, 1);
        let (here, known, unknown) = (
            self.b.create_block(),
            self.b.create_block(),
            self.cold_block(),
        );
        self.b.append_block_param(unknown, types::I32);
        let same = self.b.ins().icmp(IntCC::Equal, tag, wanted);
        self.b
            .ins()
            .brif(same, here, &[], unknown, &[BlockArg::Value(pc)]);
        self.begin(here);
        self.b
            .ins()
            .brif(code, known, &[], unknown, &[BlockArg::Value(pc)]);
        self.begin(known);
        self.b
            .ins()
            .return_call_indirect(self.code_signature, code, &[self.vm]);
        self.begin(unknown);
        let pc = self.b.block_params(unknown)[0];
        let pc = self.b.ins().uextend(types::I64, pc);
        self.store_cpu(pc, offset_of!(Cpu, pc));
        self.leave();
    }

    /// Goes back to the dispatcher, to go on at `pc`. Registers are already written back.
    pub fn leave_at(&mut self, pc: u32) {
        let pc = self.b.ins().iconst(types::I64, i64::from(pc));
        self.store_cpu(pc, offset_of!(Cpu, pc));
        self.leave();
    }

    /// Goes back to the dispatcher, which finds the address to go on at in the CPU.
    pub fn leave(&mut self) {
        let nothing = self.b.ins().iconst(types::I64, 0);
        self.b.ins().return_(&[nothing]);
    }
}
