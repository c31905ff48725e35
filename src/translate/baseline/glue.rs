//! What all code of the baseline jumps to, through pointers in the CPU.

use dynasmrt::x64::X64Relocation;
use dynasmrt::{DynasmApi, DynasmError, DynasmLabelApi, VecAssembler, dynasm};
use mirrorball_runtime::addr::PAGE_BITS;
use mirrorball_runtime::cpu::Cpu;
use mirrorball_runtime::mmu::soft::Space;
use mirrorball_runtime::vcpu;
use std::mem::{offset_of, size_of};

/// A piece of that code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Glue {
    /// Looks the address in `eax` up in the current space, and goes on there.
    LookUp,
}

/// All pieces, in the order of [`Cpu::glue`].
pub const ALL: [Glue; 1] = [Glue::LookUp];

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
        Glue::LookUp => look_up(&mut ops),
    }
    ops.finalize()
}

/// As [`Emitter::look_up`](crate::translate::emit::Emitter::look_up), for an address that need not be
/// one of an instruction.
fn look_up(ops: &mut VecAssembler<X64Relocation>) {
    let (space, base) = (vcpu::SPACE as i32, offset_of!(Cpu, code_base) as i32);
    let (pages, origin) = (offset_of!(Cpu, code_pages), offset_of!(Cpu, code_origin));
    let (pages, origin) = (pages as i32, origin as i32);
    let (pc, slots) = (offset_of!(Cpu, pc) as i32, offset_of!(Space, code) as i32);
    dynasm!(ops
        ; .arch x64
        ; test al, 3
        ; jnz >odd
        ; mov ecx, eax
        ; shr ecx, PAGE_BITS as i8
        ; mov rdx, [rdi + space]
        ; mov ecx, [rdx + rcx * 4 + slots]
        ; add rcx, [rdi + pages]
        ; mov edx, eax
        ; and edx, 0xffc
        ; movsxd rdx, DWORD [rcx + rdx]
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
