# Where a guest starts: the loader jumps here, in kseg0, with the boot arguments in a0-a3
# (argc, argv, envp, size of memory). Makes a C environment, calls main(a0..a3), powers off.
#
# Follows MIPS32 PRA vol. III, "Status register": after reset BEV and ERL are set; here they are
# cleared, so that the vectors are in memory (0x80000000 and up) and kuseg is mapped.

        .set    noreorder
        .section .text.start, "ax"
        .globl  _start
        .type   _start, @function
_start:
        mtc0    $zero, $12              # Status: kernel mode, BEV, ERL, EXL and IE off
        ehb
        mtc0    $zero, $13              # Cause: no software interrupt, IV off
        ehb

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
