//! Loads and stores: the inline probe of the software TLB.

use super::{Baseline, Instruction, asm};
use crate::isa::Insn;
use dynasmrt::{DynasmApi, DynasmLabelApi, dynasm};
use mirrorball_runtime::addr::PAGE_BITS;
use mirrorball_runtime::mmu::soft::Space;
use mirrorball_runtime::vcpu;
use std::mem::offset_of;

impl Baseline<'_> {
    /// Translates a load or store of a general register. Says whether it was one that is known here.
    pub(super) fn access(&mut self, i: &Instruction) -> bool {
        use Insn::{Lb, Lbu, Lh, Lhu, Lw, Sb, Sh, Sw};
        let (size, store) = match i.insn {
            Lb | Lbu => (1, false),
            Lh | Lhu => (2, false),
            Lw => (4, false),
            Sb => (1, true),
            Sh => (2, true),
            Sw => (4, true),
            _ => return false,
        };
        let (missed, back) = (self.label(), self.label());
        self.probe(i, size, store, missed);
        if store {
            self.store(i);
        } else {
            self.load(i);
        }
        asm!(self; =>back);
        self.miss(i, missed, back);
        true
    }

    /// Puts the host's address of `size` aligned bytes into `rcx`, or goes to `missed`.
    fn probe(&mut self, i: &Instruction, size: i8, store: bool, missed: dynasmrt::DynamicLabel) {
        let (rs, space) = (i.rs(), vcpu::SPACE as i32);
        let table = if store {
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
        if size > 1 {
            asm!(self; test al, size - 1; jnz =>missed);
        }
        asm!(self; add rcx, rax);
    }

    fn load(&mut self, i: &Instruction) {
        let (big, written) = (self.setting.big_endian, i.written());
        match i.insn {
            Insn::Lb => asm!(self; movsx eax, BYTE [rcx]),
            Insn::Lbu => asm!(self; movzx eax, BYTE [rcx]),
            Insn::Lh | Insn::Lhu => {
                asm!(self; movzx eax, WORD [rcx]);
                if big {
                    asm!(self; rol ax, 8);
                }
                if i.insn == Insn::Lh {
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

    fn store(&mut self, i: &Instruction) {
        let (big, rt) = (self.setting.big_endian, i.rt());
        asm!(self; mov eax, [rdi + rt]);
        match i.insn {
            Insn::Sb => asm!(self; mov [rcx], al),
            Insn::Sh => {
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
