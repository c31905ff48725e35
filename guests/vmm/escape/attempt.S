# Into an attempt by ERET, and out of it to where attempt_enter was called.

        .set    noreorder
        .set    noat

        .text
# void attempt_enter(pc, status): comes back when the exception handler goes on at attempt_leave,
# with sp as it is kept here.
        .globl  attempt_enter, attempt_leave
        .type   attempt_enter, @function
attempt_enter:
        addiu   $sp, $sp, -48
        .irp    n, 16,17,18,19,20,21,22,23
        sw      $\n, 4 * (\n - 16)($sp)
        .endr
        sw      $fp, 32($sp)
        sw      $ra, 36($sp)
        lui     $t0, %hi(attempt_stack)
        sw      $sp, %lo(attempt_stack)($t0)
        mtc0    $a0, $14
        mtc0    $a1, $12
        lui     $k0, %hi(attempt_gpr)
        addiu   $k0, $k0, %lo(attempt_gpr)
        .irp    n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,27,28,29,30,31
        lw      $\n, 4 * \n($k0)
        .endr
        lw      $26, 4 * 26($k0)
        ehb
        eret

attempt_leave:
        .irp    n, 16,17,18,19,20,21,22,23
        lw      $\n, 4 * (\n - 16)($sp)
        .endr
        lw      $fp, 32($sp)
        lw      $ra, 36($sp)
        jr      $ra
        addiu   $sp, $sp, 48
        .size   attempt_enter, . - attempt_enter
