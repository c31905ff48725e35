//! Loads and stores: the inline probe of the software TLB.

use super::{Baseline, Instruction, asm};
use crate::isa::{Memory, Number, Size, Unit};
use dynasmrt::{DynasmApi, DynasmLabelApi, dynasm};
use mirrorball_runtime::addr::PAGE_BITS;
use mirrorball_runtime::mmu::soft::Space;
use mirrorball_runtime::vcpu;
use std::mem::offset_of;

impl Baseline<'_> {
    /// Translates a load or store of a general register. Says whether it was one that is known here.
    pub(super) fn access(&mut self, i: &Instruction) -> bool {
        let info = i.insn.info();
        let Some(memory) = info.memory().filter(|_| info.unit == Unit::Cpu) else {
            return false;
        };
        let (missed, back) = (self.label(), self.label());
        match memory {
            Memory::Load(number) => {
                self.probe(i, memory, missed);
                self.load(i, number);
            }
            Memory::Store(size) => {
                self.probe(i, memory, missed);
                self.store(i, size);
            }
            _ => return false,
        }
        asm!(self; =>back);
        self.miss(i, missed, back);
        true
    }

    /// Puts the host's address of the bytes into `rcx`, or goes to `missed`.
    fn probe(&mut self, i: &Instruction, memory: Memory, missed: dynasmrt::DynamicLabel) {
        let (rs, space) = (i.rs(), vcpu::SPACE as i32);
        let table = if memory.writes() {
            offset_of!(Space, write)
        } else {
            offset_of!(Space, read)
        } as i32;
        asm!(self; mov eax, [rdi + rs]; mov rdx, [rdi + space]);
        if i.op.imm != 0 {
            asm!(self; add eax, i.op.imm as i32);
        }
        asm!(self;
            mov ecx, eax;
            shr ecx, PAGE_BITS as i8;
            mov rcx, [rdx + rcx * 8 + table];
            test rcx, rcx;
            jz =>missed
        );
        if memory.bytes() > 1 {
            asm!(self; test al, memory.bytes() as i8 - 1; jnz =>missed);
        }
        asm!(self; add rcx, rax);
    }

    fn load(&mut self, i: &Instruction, number: Number) {
        let (big, written) = (self.setting.big_endian, i.written());
        match number {
            Number::I8 => asm!(self; movsx eax, BYTE [rcx]),
            Number::U8 => asm!(self; movzx eax, BYTE [rcx]),
            Number::I16 | Number::U16 => {
                asm!(self; movzx eax, WORD [rcx]);
                if big {
                    asm!(self; rol ax, 8);
                }
                if number.is_signed() {
                    asm!(self; movsx eax, ax);
                }
            }
            _ => {
                asm!(self; mov eax, [rcx]);
                if big {
                    asm!(self; bswap eax);
                }
            }
        }
        asm!(self; mov [rdi + written], eax);
    }

    fn store(&mut self, i: &Instruction, size: Size) {
        let (big, rt) = (self.setting.big_endian, i.rt());
        asm!(self; mov eax, [rdi + rt]);
        match size {
            Size::Byte => asm!(self; mov [rcx], al),
            Size::Half => {
                if big {
                    asm!(self; rol ax, 8);
                }
                asm!(self; mov [rcx], ax);
            }
            _ => {
                if big {
                    asm!(self; bswap eax);
                }
                asm!(self; mov [rcx], eax);
            }
        }
    }
}
