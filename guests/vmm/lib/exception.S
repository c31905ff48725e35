# The exception vectors: all registers to one frame, a C function on a stack of its own, and
# everything back. The interrupted code need have no stack.
#
# Offsets are those of struct frame in exception.h.

        .set    noreorder
        .set    noat

#define HI 128
#define LO 132
#define STATUS 136
#define CAUSE 140
#define EPC 144
#define BADVADDR 148
#define VECTOR 152

        .text
# What is copied to each vector; C adds the vector's offset to the last word.
        .globl  exception_vector
exception_vector:
        lui     $k0, %hi(entry)
        addiu   $k0, $k0, %lo(entry)
        jr      $k0
        ori     $k1, $zero, 0

entry:
        lui     $k0, %hi(exception_frame)
        addiu   $k0, $k0, %lo(exception_frame)
        .irp    n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,28,29,30,31
        sw      $\n, 4 * \n($k0)
        .endr
        sw      $k1, VECTOR($k0)
        mfhi    $t0
        mflo    $t1
        mfc0    $t2, $12
        mfc0    $t3, $13
        mfc0    $t4, $14
        mfc0    $t5, $8
        sw      $t0, HI($k0)
        sw      $t1, LO($k0)
        sw      $t2, STATUS($k0)
        sw      $t3, CAUSE($k0)
        sw      $t4, EPC($k0)
        sw      $t5, BADVADDR($k0)
        la      $sp, exception_stack + 4096 - 32
        la      $gp, _gp
        la      $t9, exception_call
        jalr    $t9
        move    $a0, $k0

        lui     $k0, %hi(exception_frame)
        addiu   $k0, $k0, %lo(exception_frame)
        lw      $t0, HI($k0)
        lw      $t1, LO($k0)
        lw      $t2, STATUS($k0)
        lw      $t3, EPC($k0)
        mthi    $t0
        mtlo    $t1
        ori     $t2, $t2, 2             # EXL until the ERET, whatever else the hook chose
        mtc0    $t2, $12
        mtc0    $t3, $14
        .irp    n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,28,29,30,31
        lw      $\n, 4 * \n($k0)
        .endr
        ehb
        eret

        .section .bss.exception, "aw", @nobits
        .balign 16
        .globl  exception_frame
exception_frame:
        .space  160
exception_stack:
        .space  4096
