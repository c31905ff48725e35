# Where the CPU starts after a reset: the first word of the boot ROM. Moves the GT-64120's registers to
# where the rest expects them, opens its windows to PCI, and makes a C environment.
#
# Follows the GT-64120 data sheet, "CPU interface address decoding" (ISD, PCI I/O and memory 0), and
# MIPS32 PRA vol. III, "Status register": BEV stays, so that exceptions go to the boot ROM.

        .set    noreorder

        .macro  gt base, register, value    # registers are little-endian
        li      $t0, \base + \register
#ifdef __MIPSEB__
        li      $t1, (\value & 0xff) << 24 | (\value & 0xff00) << 8
#else
        li      $t1, \value
#endif
        sw      $t1, 0($t0)
        .endm

        .section .text.start, "ax"
        .globl  _start
        .type   _start, @function
_start:
        b       begin
        nop
        .org    0x10
        .word   0                       # the board puts its revision here
        .org    0x380                   # the vector of all exceptions but TLB refills
exception:
        b       exception
        nop
begin:
        li      $t0, 1 << 22
        mtc0    $t0, $12                # Status: kernel mode, BEV; ERL, EXL and IE off
        ehb

        gt      0xb4000000, 0x068, 0x0df    # ISD: from here on they are at 0x1be00000
        gt      0xbbe00000, 0x048, 0x0c0    # PCI I/O from 0x18000000 on,
        gt      0xbbe00000, 0x050, 0x040    # 32 MiB
        gt      0xbbe00000, 0x058, 0x080    # PCI memory from 0x10000000 on
        gt      0xbbe00000, 0x060, 0x03f

        la      $sp, stack_top - 32     # room for the four arguments' home, as o32 wants it
        move    $fp, $zero
        la      $gp, _gp
        la      $t0, bss_start
        la      $t1, bss_end
1:      beq     $t0, $t1, 2f
        nop
        sw      $zero, 0($t0)
        b       1b
        addiu   $t0, $t0, 4
2:
        la      $t9, main
        jalr    $t9
        nop
        la      $t9, poweroff
        jalr    $t9
        nop
3:      b       3b                      # not reached on a board that can be switched off
        nop
        .size   _start, . - _start
