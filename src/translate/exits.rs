//! Ways out of translated code, and from one piece of it to the next.
//!
//! A direct exit jumps through a link: a cell behind the translation's own code that holds the
//! target's code, or that of the stub which goes back to the dispatcher. Making and undoing a link
//! is one store, and nothing in the code says where it lies. Other exits look the target up in the
//! code table of the current space. What is found nowhere goes back to the dispatcher.

use super::emit::{Emitter, Next};
use super::fpu;
use super::glue;
use super::memory;
use crate::interp::block::linkable;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    ExternalName, GlobalValueData, InstBuilder, MemFlagsData, UserExternalName, Value, types,
};
use mirrorball_runtime::cpu::Cpu;
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

/// What translated code returns instead of a [`Cell::note`] when the block at the program counter is
/// to be interpreted this time, although there is code for it. No link has such a note, as no
/// translation has number 0.
pub const INTERPRET: u64 = 1 << 32;

impl Emitter<'_> {
    /// Leaves before the current block unless there are `need` cycles.
    pub fn check_budget(&mut self, left: Value, need: u32) {
        let (body, broke) = (self.b.create_block(), self.cold_block());
        let covered =
            self.b
                .ins()
                .icmp_imm_s(IntCC::SignedGreaterThanOrEqual, left, i64::from(need));
        self.b.ins().brif(covered, body, &[], broke, &[]);
        self.begin(broke);
        self.registers.write_back(&mut self.b, self.vm);
        self.store_cpu(left, offset_of!(Cpu, left));
        self.leave_at(self.source.pc);
        self.begin(body);
    }

    /// Has the interpreter run the current block, which is a branch, unless its delay slot on the
    /// next page is what it was.
    pub fn check_slot(&mut self, left: Value) {
        let (other, body) = (self.cold_block(), self.b.create_block());
        let slot = self.address(self.source.end().wrapping_sub(4));
        let access = memory::Access {
            va: slot,
            size: 1,
            write: false,
        };
        let place = memory::ask_space(self, access, other);
        let word = memory::load_at(self, place, types::I32);
        let (expected, _) = self.source.code[1];
        let same = self
            .b
            .ins()
            .icmp_imm_u(IntCC::Equal, word, i64::from(expected));
        self.b.ins().brif(same, body, &[], other, &[]);
        self.begin(other);
        self.registers.write_back(&mut self.b, self.vm);
        self.store_cpu(left, offset_of!(Cpu, left));
        self.leave_to_interpreter(self.source.pc);
        self.begin(body);
    }

    /// Ends the current path: control goes where the block says.
    pub fn go_on(&mut self) {
        fpu::store_cause(self);
        self.write_back_early();
        match self.next {
            Next::To(pc) => self.go_to(pc),
            Next::Jump(low) => self.go_to_jump(low),
            Next::Computed(pc) => {
                if self.source.returns() {
                    self.return_inside(pc);
                }
                self.check_alignment(pc);
                self.registers.write_back(&mut self.b, self.vm);
                self.store_left();
                self.look_up(pc);
            }
            Next::Either(condition, yes, no) => {
                let (taken, fallen) = (self.b.create_block(), self.b.create_block());
                // The way out of a loop is not the loop.
                match (self.has(yes), self.has(no)) {
                    (false, true) => self.b.set_cold_block(taken),
                    (true, false) => self.b.set_cold_block(fallen),
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
            if !self.has(site) {
                continue;
            }
            let (inside, on) = (self.b.create_block(), self.b.create_block());
            let address = self.address(site);
            let here = self.b.ins().icmp(IntCC::Equal, pc, address);
            self.b.ins().brif(here, inside, &[], on, &[]);
            self.begin(inside);
            self.go_inside(site);
            self.begin(on);
        }
    }

    /// Ends the current path after an instruction that may have changed mode or address space:
    /// nothing is known of the target but its address.
    pub fn go_on_anywhere(&mut self, computed: bool) {
        fpu::store_cause(self);
        let pc = match self.next {
            Next::To(pc) if !computed => self.address(pc),
            _ => {
                let pc = self.load_cpu(types::I32, offset_of!(Cpu, pc));
                self.check_alignment(pc);
                pc
            }
        };
        self.registers.write_back(&mut self.b, self.vm);
        self.store_left();
        self.look_up(pc);
        self.closed = true;
    }

    /// Jumps to `pc`: inside the region, through a link, or by looking it up.
    pub fn go_to(&mut self, pc: u32) {
        if self.go_inside(pc) {
            return;
        }
        self.registers.write_back(&mut self.b, self.vm);
        self.store_left();
        if linkable(self.source.pc, pc) {
            self.follow_link(pc);
        } else {
            let pc = self.address(pc);
            self.look_up(pc);
        }
    }

    /// Jumps to these lower 28 bits of an address: inside the page, if it leads there as it did when
    /// the region was found.
    fn go_to_jump(&mut self, low: u32) {
        let pc = self.jump_target(low);
        if let Some(inside) = self.source.jump {
            let here = self.address(inside);
            let same = self.b.ins().icmp(IntCC::Equal, pc, here);
            let (stays, leaves) = (self.b.create_block(), self.cold_block());
            self.b.ins().brif(same, stays, &[], leaves, &[]);
            self.begin(stays);
            self.go_to(inside);
            self.begin(leaves);
        }
        self.registers.write_back(&mut self.b, self.vm);
        self.store_left();
        self.look_up(pc);
    }

    /// Goes back to the dispatcher if the address `pc` of code, where control goes on, is none.
    fn check_alignment(&mut self, pc: Value) {
        let low = self.b.ins().band_imm_s(pc, 3);
        let (odd, even) = (self.cold_block(), self.b.create_block());
        self.b.ins().brif(low, odd, &[], even, &[]);
        self.begin(odd);
        self.registers.write_back(&mut self.b, self.vm);
        self.store_left();
        let pc = self.b.ins().uextend(types::I64, pc);
        self.store_cpu(pc, offset_of!(Cpu, pc));
        self.leave();
        self.begin(even);
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

    /// Looks the aligned address `pc` up in the space that is current now, and goes on there.
    pub fn look_up(&mut self, pc: Value) {
        glue::look_up(&mut self.b, self.link_signature, self.vm, pc);
    }

    /// Goes back to the dispatcher, to go on at `pc`. Registers are already written back.
    pub fn leave_at(&mut self, pc: u32) {
        self.leave_with(pc, 0);
    }

    /// As [`Emitter::leave_at`], for the block at `pc` to be interpreted this time.
    pub fn leave_to_interpreter(&mut self, pc: u32) {
        self.leave_with(pc, INTERPRET);
    }

    fn leave_with(&mut self, pc: u32, note: u64) {
        let pc = self.address(pc);
        let pc = self.b.ins().uextend(types::I64, pc);
        self.store_cpu(pc, offset_of!(Cpu, pc));
        let note = self.b.ins().iconst(types::I64, note as i64);
        self.b.ins().return_(&[note]);
    }

    /// Goes back to the dispatcher, which finds the address to go on at in the CPU.
    pub fn leave(&mut self) {
        let nothing = self.b.ins().iconst(types::I64, 0);
        self.b.ins().return_(&[nothing]);
    }
}
