//! Loads and stores: the inline probe of the software TLB.

use super::{Baseline, Instruction, asm};
use crate::isa::{Memory, Number, Size, Unit};
use dynasmrt::{DynasmApi, DynasmLabelApi, dynasm};
use mirrorball_runtime::addr::PAGE_BITS;
use mirrorball_runtime::mmu::soft::Space;
use mirrorball_runtime::vcpu;
use std::mem::offset_of;

/// Translates a load or store of a general register. Says whether it was one that is known here.
pub(super) fn access(b: &mut Baseline<'_>, i: &Instruction) -> bool {
    let info = i.insn.info();
    let Some(memory) = info.memory().filter(|_| info.unit == Unit::Cpu) else {
        return false;
    };
    let (missed, back) = (b.label(), b.label());
    match memory {
        Memory::Load(number) => {
            probe(b, i, memory, missed);
            load(b, i, number);
        }
        Memory::Store(size) => {
            probe(b, i, memory, missed);
            store(b, i, size);
        }
        _ => return false,
    }
    asm!(b; =>back);
    b.miss(i, missed, back);
    true
}

/// Puts the host's address of the bytes into `rcx`, or goes to `missed`.
fn probe(b: &mut Baseline<'_>, i: &Instruction, memory: Memory, missed: dynasmrt::DynamicLabel) {
    let (rs, space) = (i.rs(), vcpu::SPACE as i32);
    let table = if memory.writes() {
        offset_of!(Space, write)
    } else {
        offset_of!(Space, read)
    } as i32;
    asm!(b; mov eax, [rdi + rs]; mov rdx, [rdi + space]);
    if i.op.imm != 0 {
        asm!(b; add eax, i.op.imm as i32);
    }
    asm!(b;
        mov ecx, eax;
        shr ecx, PAGE_BITS as i8;
        mov rcx, [rdx + rcx * 8 + table];
        test rcx, rcx;
        jz =>missed
    );
    if memory.bytes() > 1 {
        asm!(b; test al, memory.bytes() as i8 - 1; jnz =>missed);
    }
    asm!(b; add rcx, rax);
}

fn load(b: &mut Baseline<'_>, i: &Instruction, number: Number) {
    let (big, written) = (b.setting.big_endian, i.written());
    match number {
        Number::I8 => asm!(b; movsx eax, BYTE [rcx]),
        Number::U8 => asm!(b; movzx eax, BYTE [rcx]),
        Number::I16 | Number::U16 => {
            asm!(b; movzx eax, WORD [rcx]);
            if big {
                asm!(b; rol ax, 8);
            }
            if number.is_signed() {
                asm!(b; movsx eax, ax);
            }
        }
        _ => {
            asm!(b; mov eax, [rcx]);
            if big {
                asm!(b; bswap eax);
            }
        }
    }
    asm!(b; mov [rdi + written], eax);
}

fn store(b: &mut Baseline<'_>, i: &Instruction, size: Size) {
    let (big, rt) = (b.setting.big_endian, i.rt());
    asm!(b; mov eax, [rdi + rt]);
    match size {
        Size::Byte => asm!(b; mov [rcx], al),
        Size::Half => {
            if big {
                asm!(b; rol ax, 8);
            }
            asm!(b; mov [rcx], ax);
        }
        _ => {
            if big {
                asm!(b; bswap eax);
            }
            asm!(b; mov [rcx], eax);
        }
    }
}
