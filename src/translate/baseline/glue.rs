//! What all code of the baseline jumps to, through pointers in the CPU.

use dynasmrt::x64::X64Relocation;
use dynasmrt::{DynasmApi, DynasmError, DynasmLabelApi, VecAssembler, dynasm};
use mirrorball_runtime::addr::PAGE_BITS;
use mirrorball_runtime::cpu::Cpu;
use mirrorball_runtime::mmu::soft::{CodeEntry, Space};
use std::mem::{offset_of, size_of};

/// A piece of that code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Glue {
    /// Looks the address in `eax` up in what the TLB maps, and goes on there.
    LookUpMapped,
    /// The same in all of the address space.
    LookUpAnywhere,
}

/// All pieces, in the order of [`Cpu::glue`].
pub const ALL: [Glue; 2] = [Glue::LookUpMapped, Glue::LookUpAnywhere];

/// Where in the CPU the pointer to a piece is.
pub(super) fn place(glue: Glue) -> i32 {
    (offset_of!(Cpu, glue) + glue as usize * size_of::<usize>()) as i32
}

/// The code of a piece.
///
/// # Errors
/// If it cannot be assembled, which would be a mistake in it.
pub fn code(glue: Glue) -> Result<Vec<u8>, DynasmError> {
    let mut ops = VecAssembler::<X64Relocation>::new(0);
    match glue {
        Glue::LookUpMapped => look_up(&mut ops, false),
        Glue::LookUpAnywhere => look_up(&mut ops, true),
    }
    ops.finalize()
}

/// As [`Emitter::look_up`](crate::translate::emit::Emitter::look_up), for an address that need not be
/// one of an instruction.
fn look_up(ops: &mut VecAssembler<X64Relocation>, anywhere: bool) {
    let (space, base) = (
        offset_of!(Cpu, space) as i32,
        offset_of!(Cpu, code_base) as i32,
    );
    let (pages, entries) = (offset_of!(Cpu, code_pages), offset_of!(Cpu, code_entries));
    let (pages, entries) = (pages as i32, entries as i32);
    let origin = offset_of!(Cpu, code_origin) as i32;
    let (pc, code) = (
        offset_of!(Cpu, pc) as i32,
        offset_of!(CodeEntry, code) as i32,
    );
    dynasm!(ops
        ; .arch x64
        ; test al, 3
        ; jnz >odd
        ; mov ecx, eax
        ; shr ecx, PAGE_BITS as i8
        ; mov rdx, [rdi + space]
    );
    if anywhere {
        let tables = offset_of!(Space, tables) as i32;
        dynasm!(ops
            ; .arch x64
            ; mov esi, eax
            ; shr esi, 30
            ; mov rdx, [rdx + rsi * 8 + tables]
            ; mov ecx, [rdx + rcx * 4]
        );
    } else {
        let table = offset_of!(Space, code) as i32;
        dynasm!(ops ; .arch x64 ; mov ecx, [rdx + rcx * 4 + table]);
    }
    dynasm!(ops
        ; .arch x64
        ; add rcx, [rdi + pages]
        ; mov edx, eax
        ; and edx, 0xffc
        ; mov edx, [rcx + rdx]
        ; mov rcx, [rdi + entries]
        ; movsxd rdx, DWORD [rcx + rdx * 8 + code]
        ; add rdx, [rdi + origin]
        ; mov esi, eax
        ; and eax, -4096
        ; mov [rdi + base], eax
        ; pop rbp
        ; jmp rdx
        ; odd:
        ; mov [rdi + pc], rax
        ; xor eax, eax
        ; pop rbp
        ; ret
    );
}

// The code above scales by these.
const _: () = assert!(size_of::<CodeEntry>() == 8);
