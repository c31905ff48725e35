# The general vector, copied to 0x80000180: keeps what a C function may change, calls
# timer_interrupt, goes back. Nothing else than the timer gets here.

        .set    noreorder
        .set    noat
        .text
        .globl  general_vector, general_vector_end
general_vector:
        lui     $k0, %hi(interrupt)
        addiu   $k0, $k0, %lo(interrupt)
        jr      $k0
        nop
general_vector_end:

interrupt:
        addiu   $sp, $sp, -144
        .irp    n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,24,25
        sw      $\n, (16 + 4 * \n)($sp)
        .endr
        mfhi    $k0
        mflo    $k1
        sw      $k0, 120($sp)
        sw      $k1, 124($sp)
        sw      $ra, 128($sp)
        jal     timer_interrupt
        nop
        lw      $k0, 120($sp)
        lw      $k1, 124($sp)
        lw      $ra, 128($sp)
        mthi    $k0
        mtlo    $k1
        .irp    n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,24,25
        lw      $\n, (16 + 4 * \n)($sp)
        .endr
        addiu   $sp, $sp, 144
        eret
