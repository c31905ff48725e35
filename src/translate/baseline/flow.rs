//! Branches with their delay slots, and ways out of the block.

use super::super::glue::Symbol;
use super::{Baseline, Instruction, Next, asm};
use crate::interp::block::linkable;
use crate::isa::{Flow, Immediate, Insn};
use dynasmrt::{DynasmApi, DynasmLabelApi, dynasm};
use mirrorball_runtime::cpu::Cpu;
use std::mem::offset_of;

impl Baseline<'_> {
    /// Translates a branch or jump and its delay slot.
    pub(super) fn branch(&mut self, i: &Instruction) {
        let info = i.insn.info();
        match info.immediate() {
            Immediate::Branch => return self.conditional(i),
            Immediate::Jump if self.is_direct() => {
                self.next = Next::To(i.fields.jump_target(i.pc));
            }
            Immediate::Jump => self.next = Next::Jump(i.fields.jump_target(0)),
            _ => {
                let rs = i.rs();
                asm!(self; mov r12d, [rdi + rs]);
                self.next = Next::Computed;
            }
        }
        if info.links() {
            self.link(i.written());
        }
        self.slot();
        if !self.closed {
            self.go_on();
        }
    }

    /// Puts the return address into a register.
    fn link(&mut self, register: i32) {
        self.address(self.source.next());
        asm!(self; mov [rdi + register], eax);
    }

    fn conditional(&mut self, i: &Instruction) {
        let info = i.insn.info();
        let (target, next) = (i.fields.branch_target(i.pc), self.source.next());
        self.condition(i);
        if info.links() {
            self.link(i.written());
        }
        if info.flow == Flow::Likely {
            let (taken, left) = (self.label(), offset_of!(Cpu, left) as i32);
            asm!(self;
                test r12d, r12d;
                jnz =>taken;
                add QWORD [rdi + left], 1
            );
            self.go_to(next);
            asm!(self; =>taken);
            self.next = Next::To(target);
        } else {
            self.next = Next::Either(target, next);
        }
        self.slot();
        if !self.closed {
            self.go_on();
        }
    }

    /// Puts into `r12` whether a branch is taken.
    fn condition(&mut self, i: &Instruction) {
        use Insn::{
            Bc1f, Bc1fl, Bc1t, Bc1tl, Beq, Beql, Bgez, Bgezal, Bgezall, Bgezl, Bgtz, Bgtzl, Blez,
            Blezl, Bltz, Bltzal, Bltzall, Bltzl, Bne, Bnel,
        };
        let (rs, rt) = (i.rs(), i.rt());
        asm!(self; xor r12d, r12d);
        match i.insn {
            Beq | Beql | Bne | Bnel => {
                asm!(self; mov eax, [rdi + rs]; cmp eax, [rdi + rt]);
            }
            Bc1f | Bc1fl | Bc1t | Bc1tl => {
                let (fcsr, bit) = (offset_of!(Cpu, fcsr) as i32, i.fields.cc());
                let mask = mirrorball_runtime::cpu::fpu::Fcsr::condition_bit(bit as u8) as i32;
                asm!(self; test DWORD [rdi + fcsr], mask);
            }
            _ => asm!(self; cmp DWORD [rdi + rs], 0),
        }
        match i.insn {
            Beq | Beql | Bc1f | Bc1fl => asm!(self; sete r12b),
            Bne | Bnel | Bc1t | Bc1tl => asm!(self; setne r12b),
            Blez | Blezl => asm!(self; setle r12b),
            Bgtz | Bgtzl => asm!(self; setg r12b),
            Bltz | Bltzl | Bltzal | Bltzall => asm!(self; setl r12b),
            Bgez | Bgezl | Bgezal | Bgezall => asm!(self; setge r12b),
            _ => unreachable!("only branches are conditional"),
        }
    }

    /// Puts the virtual address of a place into `eax`.
    pub(super) fn address(&mut self, place: u32) {
        if self.is_direct() {
            asm!(self; mov eax, place as i32);
        } else {
            let base = offset_of!(Cpu, code_base) as i32;
            asm!(self; mov eax, [rdi + base]);
            if place != 0 {
                asm!(self; add eax, place as i32);
            }
        }
    }

    /// Puts the address that a jump out of a mapped page leads to into `eax`.
    fn jump_address(&mut self, low: u32) {
        self.address(self.source.end().wrapping_sub(4));
        asm!(self; and eax, 0xf000_0000_u32 as i32; or eax, low as i32);
    }

    /// Stores the address where control goes into the CPU, for an instruction that ends the block.
    pub(super) fn store_next(&mut self, next: Next) {
        match next {
            Next::To(place) => self.address(place),
            Next::Jump(low) => self.jump_address(low),
            Next::Computed => asm!(self; mov eax, r12d),
            Next::Either(yes, no) => {
                let (other, done) = (self.label(), self.label());
                asm!(self; test r12d, r12d; jz =>other);
                self.address(yes);
                asm!(self; jmp =>done; =>other);
                self.address(no);
                asm!(self; =>done);
            }
            Next::Anywhere => return,
        }
        let pc = offset_of!(Cpu, pc) as i32;
        asm!(self; mov [rdi + pc], rax);
    }

    /// Ends the block: control goes where it says.
    pub(super) fn go_on(&mut self) {
        self.closed = true;
        let pc = offset_of!(Cpu, pc) as i32;
        match self.next {
            Next::To(place) => self.go_to(place),
            Next::Either(yes, no) => {
                let other = self.label();
                asm!(self; test r12d, r12d; jz =>other);
                self.go_to(yes);
                asm!(self; =>other);
                self.go_to(no);
            }
            Next::Jump(low) => {
                self.jump_address(low);
                self.look_up();
            }
            Next::Computed => {
                asm!(self; mov eax, r12d);
                self.look_up();
            }
            Next::Anywhere => {
                asm!(self; mov eax, [rdi + pc]);
                self.look_up();
            }
        }
    }

    /// Jumps to a place: to the start of the block, through a link, or by looking it up.
    fn go_to(&mut self, place: u32) {
        if place == self.source.pc {
            let start = self.start;
            asm!(self; jmp =>start);
        } else if linkable(self.source.pc, place) {
            let known = self.links.iter().find(|link| link.0 == place);
            let cell = known.map(|link| link.1).unwrap_or_else(|| {
                let label = self.ops.new_dynamic_label();
                self.links.push((place, label));
                label
            });
            asm!(self;
                lea rsi, [=>cell];
                mov rax, [rsi];
                pop rbp;
                jmp rax
            );
        } else {
            self.address(place);
            self.look_up();
        }
    }

    /// Looks the address in `eax` up in the current space and goes on there.
    fn look_up(&mut self) {
        let look_up = Symbol::LookUp.place() as i32;
        asm!(self; mov esi, eax; pop rbp; jmp QWORD [rdi + look_up]);
    }
}
