//! Arithmetic, logic, shifts, products and what traps on a comparison.

use super::{Baseline, Instruction, asm};
use crate::isa::Insn;
use dynasmrt::{DynasmApi, DynasmLabelApi, dynasm};
use mirrorball_runtime::cpu::Cpu;
use std::mem::offset_of;

impl Baseline<'_> {
    /// Translates an instruction on general registers, HI and LO. Says whether it was one that is
    /// known here.
    pub(super) fn alu(&mut self, i: &Instruction) -> bool {
        self.three_registers(i)
            || self.with_immediate(i)
            || self.shift(i)
            || self.compare(i)
            || self.accumulate(i)
            || self.other(i)
    }

    /// Puts what is in `eax` into the register that the instruction writes.
    fn set(&mut self, i: &Instruction) -> bool {
        let written = i.written();
        asm!(self; mov [rdi + written], eax);
        true
    }

    fn three_registers(&mut self, i: &Instruction) -> bool {
        let (rs, rt) = (i.rs(), i.rt());
        match i.insn {
            Insn::Addu => asm!(self; mov eax, [rdi + rs]; add eax, [rdi + rt]),
            Insn::Subu => asm!(self; mov eax, [rdi + rs]; sub eax, [rdi + rt]),
            Insn::And => asm!(self; mov eax, [rdi + rs]; and eax, [rdi + rt]),
            Insn::Or => asm!(self; mov eax, [rdi + rs]; or eax, [rdi + rt]),
            Insn::Xor => asm!(self; mov eax, [rdi + rs]; xor eax, [rdi + rt]),
            Insn::Nor => asm!(self; mov eax, [rdi + rs]; or eax, [rdi + rt]; not eax),
            Insn::Mul => asm!(self; mov eax, [rdi + rs]; imul eax, [rdi + rt]),
            _ => return false,
        }
        self.set(i)
    }

    fn with_immediate(&mut self, i: &Instruction) -> bool {
        let (rs, imm) = (i.rs(), i.op.imm as i32);
        match i.insn {
            Insn::Addiu => asm!(self; mov eax, [rdi + rs]; add eax, imm),
            Insn::Andi => asm!(self; mov eax, [rdi + rs]; and eax, imm),
            Insn::Ori => asm!(self; mov eax, [rdi + rs]; or eax, imm),
            Insn::Xori => asm!(self; mov eax, [rdi + rs]; xor eax, imm),
            Insn::Lui => asm!(self; mov eax, imm << 16),
            _ => return false,
        }
        self.set(i)
    }

    fn shift(&mut self, i: &Instruction) -> bool {
        let (rs, rt, sa) = (i.rs(), i.rt(), i.fields.sa() as i8);
        match i.insn {
            Insn::Sll => asm!(self; mov eax, [rdi + rt]; shl eax, sa),
            Insn::Srl => asm!(self; mov eax, [rdi + rt]; shr eax, sa),
            Insn::Sra => asm!(self; mov eax, [rdi + rt]; sar eax, sa),
            Insn::Rotr => asm!(self; mov eax, [rdi + rt]; ror eax, sa),
            Insn::Sllv => asm!(self; mov ecx, [rdi + rs]; mov eax, [rdi + rt]; shl eax, cl),
            Insn::Srlv => asm!(self; mov ecx, [rdi + rs]; mov eax, [rdi + rt]; shr eax, cl),
            Insn::Srav => asm!(self; mov ecx, [rdi + rs]; mov eax, [rdi + rt]; sar eax, cl),
            Insn::Rotrv => asm!(self; mov ecx, [rdi + rs]; mov eax, [rdi + rt]; ror eax, cl),
            Insn::Seb => asm!(self; movsx eax, BYTE [rdi + rt]),
            Insn::Seh => asm!(self; movsx eax, WORD [rdi + rt]),
            Insn::Wsbh => asm!(self; mov eax, [rdi + rt]; bswap eax; ror eax, 16),
            _ => return false,
        }
        self.set(i)
    }

    fn compare(&mut self, i: &Instruction) -> bool {
        let (rs, rt, imm) = (i.rs(), i.rt(), i.op.imm as i32);
        match i.insn {
            Insn::Slt | Insn::Sltu => {
                asm!(self; xor eax, eax; mov ecx, [rdi + rs]; cmp ecx, [rdi + rt]);
            }
            Insn::Slti | Insn::Sltiu => asm!(self; xor eax, eax; cmp DWORD [rdi + rs], imm),
            _ => return false,
        }
        if matches!(i.insn, Insn::Slt | Insn::Slti) {
            asm!(self; setl al);
        } else {
            asm!(self; setb al);
        }
        self.set(i)
    }

    /// Products and moves of HI and LO.
    fn accumulate(&mut self, i: &Instruction) -> bool {
        let (rs, rt, written) = (i.rs(), i.rt(), i.written());
        let (hi, lo) = (offset_of!(Cpu, hi) as i32, offset_of!(Cpu, lo) as i32);
        match i.insn {
            Insn::Mfhi => asm!(self; mov eax, [rdi + hi]; mov [rdi + written], eax),
            Insn::Mflo => asm!(self; mov eax, [rdi + lo]; mov [rdi + written], eax),
            Insn::Mthi => asm!(self; mov eax, [rdi + rs]; mov [rdi + hi], eax),
            Insn::Mtlo => asm!(self; mov eax, [rdi + rs]; mov [rdi + lo], eax),
            Insn::Mult | Insn::Multu => {
                asm!(self; mov eax, [rdi + rs]);
                if i.insn == Insn::Mult {
                    asm!(self; imul DWORD [rdi + rt]);
                } else {
                    asm!(self; mul DWORD [rdi + rt]);
                }
                asm!(self; mov [rdi + lo], eax; mov [rdi + hi], edx);
            }
            _ => return false,
        }
        true
    }

    fn other(&mut self, i: &Instruction) -> bool {
        let (rs, rt, written) = (i.rs(), i.rt(), i.written());
        match i.insn {
            Insn::Movz | Insn::Movn => {
                asm!(self;
                    mov eax, [rdi + written];
                    mov ecx, [rdi + rt];
                    test ecx, ecx
                );
                if i.insn == Insn::Movz {
                    asm!(self; cmovz eax, [rdi + rs]);
                } else {
                    asm!(self; cmovnz eax, [rdi + rs]);
                }
                self.set(i)
            }
            Insn::Ext => {
                let (position, top) = (i.fields.sa() as i8, i.fields.rd());
                let mask = (u32::MAX >> (31 - top)) as i32;
                asm!(self; mov eax, [rdi + rs]; shr eax, position; and eax, mask);
                self.set(i)
            }
            Insn::Teq | Insn::Tne => {
                let (traps, back) = (self.label(), self.label());
                asm!(self; mov eax, [rdi + rs]; cmp eax, [rdi + rt]);
                if i.insn == Insn::Teq {
                    asm!(self; je =>traps);
                } else {
                    asm!(self; jne =>traps);
                }
                asm!(self; =>back);
                self.miss(i, traps, back);
                true
            }
            Insn::Pref | Insn::Sync => true,
            _ => false,
        }
    }
}
