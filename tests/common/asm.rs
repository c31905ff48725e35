//! As much of an assembler as the tests need: one function an instruction, registers as numbers,
//! branches by the number of instructions to skip.

pub const ZERO: u32 = 0;
pub const V0: u32 = 2;
pub const V1: u32 = 3;
pub const A0: u32 = 4;
pub const A1: u32 = 5;
pub const T0: u32 = 8;
pub const T1: u32 = 9;
pub const T2: u32 = 10;
pub const S0: u32 = 16;
pub const S1: u32 = 17;
pub const K0: u32 = 26;
pub const RA: u32 = 31;

pub const NOP: u32 = 0;
pub const WAIT: u32 = 0x4200_0020;
pub const TLBWI: u32 = 0x4200_0002;
pub const TLBWR: u32 = 0x4200_0006;
pub const SYSCALL: u32 = 0x0000_000c;
pub const ERET: u32 = 0x4200_0018;
pub const HYPCALL: u32 = 0x4200_0028;

/// CP0 registers.
pub const INDEX: u32 = 0;
pub const ENTRY_LO0: u32 = 2;
pub const ENTRY_LO1: u32 = 3;
pub const COUNT: u32 = 9;
pub const ENTRY_HI: u32 = 10;
pub const EPC: u32 = 14;

const fn immediate(opcode: u32, rs: u32, rt: u32, value: i32) -> u32 {
    opcode << 26 | rs << 21 | rt << 16 | value as u32 & 0xffff
}

pub const fn addiu(rt: u32, rs: u32, value: i32) -> u32 {
    immediate(0x09, rs, rt, value)
}

pub const fn ori(rt: u32, rs: u32, value: u32) -> u32 {
    immediate(0x0d, rs, rt, value as i32)
}

pub const fn andi(rt: u32, rs: u32, value: u32) -> u32 {
    0x3000_0000 | rs << 21 | rt << 16 | value & 0xffff
}

pub const fn lui(rt: u32, value: u32) -> u32 {
    immediate(0x0f, 0, rt, value as i32)
}

/// Loads a constant: always two instructions.
pub const fn li(rt: u32, value: u32) -> [u32; 2] {
    [lui(rt, value >> 16), ori(rt, rt, value & 0xffff)]
}

pub const fn lw(rt: u32, offset: i32, base: u32) -> u32 {
    immediate(0x23, base, rt, offset)
}

pub const fn lbu(rt: u32, offset: i32, base: u32) -> u32 {
    0x9000_0000 | base << 21 | rt << 16 | offset as u32 & 0xffff
}

pub const fn sb(rt: u32, offset: i32, base: u32) -> u32 {
    immediate(0x28, base, rt, offset)
}

pub const fn sw(rt: u32, offset: i32, base: u32) -> u32 {
    immediate(0x2b, base, rt, offset)
}

pub const fn beq(rs: u32, rt: u32, skip: i32) -> u32 {
    immediate(0x04, rs, rt, skip)
}

pub const fn bne(rs: u32, rt: u32, skip: i32) -> u32 {
    immediate(0x05, rs, rt, skip)
}

pub const fn addu(rd: u32, rs: u32, rt: u32) -> u32 {
    rs << 21 | rt << 16 | rd << 11 | 0x21
}

pub const fn xor(rd: u32, rs: u32, rt: u32) -> u32 {
    rs << 21 | rt << 16 | rd << 11 | 0x26
}

pub const fn jr(rs: u32) -> u32 {
    rs << 21 | 0x08
}

pub const fn jalr(rs: u32) -> u32 {
    rs << 21 | RA << 11 | 0x09
}

pub const fn jal(target: u32) -> u32 {
    0x03 << 26 | target >> 2 & 0x03ff_ffff
}

pub const fn mfc0(rt: u32, register: u32) -> u32 {
    0x10 << 26 | rt << 16 | register << 11
}

pub const fn mtc0(rt: u32, register: u32) -> u32 {
    0x10 << 26 | 0x04 << 21 | rt << 16 | register << 11
}
