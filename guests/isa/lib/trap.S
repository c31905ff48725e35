# The exception handler and the way into and out of a piece of code under test.
#
# Offsets are those of struct trap in trap.h.

        .set    noreorder
        .set    noat

#define COUNT 0
#define VECTOR 4
#define CAUSE 8
#define EPC 12
#define BADVADDR 16
#define ENTRYHI 20
#define CONTEXT 24
#define STATUS 28
#define RESULT 32
#define HI 36
#define LO 40
#define ENTER 44
#define GPR 48
#define STACK 176
#define RESUME_STATUS 180
#define HOOK 184

        .macro  base register
        lui     \register, %hi(trap)
        addiu   \register, \register, %lo(trap)
        .endm

        .section .text.trap, "ax"

# What is copied to each vector; C patches the two constants of k1 with the vector's address.
        .globl  trap_vector, trap_vector_end
trap_vector:
        lui     $k1, 0
        ori     $k1, $k1, 0
        lui     $k0, %hi(trap_entry)
        addiu   $k0, $k0, %lo(trap_entry)
        jr      $k0
        nop
trap_vector_end:

trap_entry:                             # k1: the vector
        base    $k0
        .irp    n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,28,29,30,31
        sw      $\n, GPR + 4 * \n($k0)
        .endr
        mfhi    $t0
        mflo    $t1
        sw      $t0, HI($k0)
        sw      $t1, LO($k0)
        sw      $k1, VECTOR($k0)
        mfc0    $t0, $13
        mfc0    $t1, $14
        mfc0    $t2, $8
        mfc0    $t3, $10
        mfc0    $t4, $4
        mfc0    $t5, $12
        sw      $t0, CAUSE($k0)
        sw      $t1, EPC($k0)
        sw      $t2, BADVADDR($k0)
        sw      $t3, ENTRYHI($k0)
        sw      $t4, CONTEXT($k0)
        sw      $t5, STATUS($k0)
        lw      $t0, COUNT($k0)
        lw      $t1, HOOK($k0)
        addiu   $t0, $t0, 1
        beqz    $t1, leave
        sw      $t0, COUNT($k0)

        la      $sp, trap_stack + 1024 - 16
        jalr    $t1
        move    $a0, $k0
        base    $k0
        beqz    $v0, leave
        nop

        lw      $t0, EPC($k0)           # go on where the hook says
        lw      $t1, STATUS($k0)
        lw      $t2, HI($k0)
        lw      $t3, LO($k0)
        mtc0    $t0, $14
        mtc0    $t1, $12
        mthi    $t2
        mtlo    $t3
        .irp    n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,28,29,30,31
        lw      $\n, GPR + 4 * \n($k0)
        .endr
        ehb
        eret

leave:                                  # out of the code under test
        la      $t0, resume
        lw      $t1, RESUME_STATUS($k0)
        mtc0    $t0, $14
        ori     $t1, $t1, 2             # EXL, until the ERET; ERL and user mode end here
        mtc0    $t1, $12
        ehb
        eret

# uint32_t trap_try(code, a0, a1, a2)
        .globl  trap_try
        .type   trap_try, @function
trap_try:
        addiu   $sp, $sp, -56
        .irp    n, 16,17,18,19,20,21,22,23
        sw      $\n, 16 + 4 * (\n - 16)($sp)
        .endr
        sw      $fp, 48($sp)
        sw      $ra, 52($sp)
        base    $t0
        mfc0    $t1, $12
        sw      $sp, STACK($t0)
        sw      $zero, COUNT($t0)
        sw      $zero, RESULT($t0)
        sw      $t1, RESUME_STATUS($t0)

        move    $k0, $a0
        lw      $k1, ENTER($t0)
        move    $a0, $a1
        move    $a1, $a2
        move    $a2, $a3
        .irp    n, 1,2,3,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,30
        lui     $\n, 0x101 * \n
        ori     $\n, $\n, 0x101 * \n
        .endr
        mthi    $t0
        mtlo    $t1
        bnez    $k1, enter_by_eret
        nop
        jalr    $k0
        nop
        base    $t0
        sw      $v0, RESULT($t0)
resume:
        base    $t0
        lw      $sp, STACK($t0)
        .irp    n, 16,17,18,19,20,21,22,23
        lw      $\n, 16 + 4 * (\n - 16)($sp)
        .endr
        lw      $fp, 48($sp)
        lw      $ra, 52($sp)
        lw      $v0, COUNT($t0)
        jr      $ra
        addiu   $sp, $sp, 56

enter_by_eret:                          # to the code's physical address, with other Status bits
        ext     $k0, $k0, 0, 29
        mtc0    $k0, $14
        mfc0    $k0, $12
        or      $k0, $k0, $k1
        ori     $k0, $k0, 2
        mtc0    $k0, $12
        la      $k1, user_exit
        ext     $ra, $k1, 0, 29
        ehb
        eret
        .size   trap_try, . - trap_try

        .globl  user_exit
user_exit:
        syscall 0xfffff
        nop

        .section .bss.trap, "aw", @nobits
        .balign 16
        .globl  trap
trap:   .space  192
trap_stack:
        .space  1024
