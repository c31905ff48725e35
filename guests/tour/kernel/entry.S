# Where the CPU comes in: TLB refill, every other exception, the way back, the switch of stacks.
#
# Only k0 and k1 may be touched before a program's registers are safe. Follows MIPS32 PRA vol. III,
# "Exception vector locations" and "TLB-based virtual address translation".

        .set    noreorder
        .set    noat

        .macro  hazard                  # see hazard() in cp0.h
        ssnop
        ssnop
        ssnop
        ehb
        .endm

# The offsets of struct frame.
        .set    FRAME, 176
        .set    F_R, 16
        .set    F_HI, 144
        .set    F_LO, 148
        .set    F_EPC, 152
        .set    F_STATUS, 156
        .set    F_CAUSE, 160
        .set    F_BADVADDR, 164

        .set    STATUS_UM, 0x10
        .set    STATUS_EXL, 0x02
        .set    MODE_BITS, 0x13         # UM, EXL, IE

        .text

# TLB refill, copied to 0x80000000: a page of a process is not in the TLB. On a miss the CPU has
# put VA[31:13] into Context[22:4], and the kernel keeps the number of the address space in
# Context[31:23] (PTEBase). So Context holds two indices side by side:
#
#     31      23 22      13 12       4 3  0
#    [  space   | VA[31:22] | VA[21:13] | 0 ]     Context >> 13: which directory entry of all
#                                                 Context[12:4]: which pair of entries in the table
#
# A table entry is EntryLo, two bits up (the low two are the kernel's own). Where there is no table,
# the directory points at a table of zeros; the TLB then gets an invalid entry, and the program
# comes back through the general vector.
        .globl  refill_vector, refill_vector_end
refill_vector:
        lui     $k1, %hi(refills)
        lw      $k0, %lo(refills)($k1)
        addiu   $k0, $k0, 1
        sw      $k0, %lo(refills)($k1)

        mfc0    $k0, $4                 # Context
        lui     $k1, %hi(directories)
        srl     $k0, $k0, 13
        sll     $k0, $k0, 2
        addu    $k1, $k1, $k0
        mfc0    $k0, $4
        lw      $k1, %lo(directories)($k1)
        srl     $k0, $k0, 1
        andi    $k0, $k0, 0xff8
        addu    $k1, $k1, $k0
        lw      $k0, 0($k1)
        lw      $k1, 4($k1)
        srl     $k0, $k0, 2
        srl     $k1, $k1, 2
        mtc0    $k0, $2                 # EntryLo0
        mtc0    $k1, $3                 # EntryLo1
        hazard
        tlbwr
        hazard
        eret
refill_vector_end:

# Every other exception and interrupt, copied to 0x80000180.
        .globl  general_vector, general_vector_end
general_vector:
        lui     $k0, %hi(exception_entry)
        addiu   $k0, $k0, %lo(exception_entry)
        jr      $k0
        nop
general_vector_end:

# Puts a frame on the kernel stack of the process (or, when the kernel itself was interrupted,
# on the stack in use), leaves exception mode, and calls exception(frame).
exception_entry:
        mfc0    $k0, $12                # Status
        andi    $k0, $k0, STATUS_UM
        beqz    $k0, 1f
        move    $k1, $sp
        lui     $k1, %hi(kernel_stack)
        lw      $k1, %lo(kernel_stack)($k1)
1:      addiu   $k1, $k1, -FRAME

        .irp    n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,28,29,30,31
        sw      $\n, (F_R + 4 * \n)($k1)
        .endr
        mfhi    $t0
        mflo    $t1
        mfc0    $t2, $14                # EPC
        mfc0    $t3, $12                # Status
        mfc0    $t4, $13                # Cause
        mfc0    $t5, $8                 # BadVAddr
        sw      $t0, F_HI($k1)
        sw      $t1, F_LO($k1)
        sw      $t2, F_EPC($k1)
        sw      $t3, F_STATUS($k1)
        sw      $t4, F_CAUSE($k1)
        sw      $t5, F_BADVADDR($k1)
        move    $sp, $k1

        # From here on an exception may nest: the kernel reads user memory, which may miss the TLB.
        ori     $t3, $t3, MODE_BITS
        xori    $t3, $t3, MODE_BITS
        mtc0    $t3, $12
        hazard

        lui     $t9, %hi(exception)
        addiu   $t9, $t9, %lo(exception)
        jalr    $t9
        move    $a0, $sp
        # falls through

# Leaves the kernel through the frame at sp. EXL goes up before EPC is written, so that nothing
# can come between; the saved Status has EXL set, and ERET takes it down.
        .globl  exception_return
exception_return:
        mfc0    $t0, $12
        ori     $t0, $t0, STATUS_EXL | 1
        xori    $t0, $t0, 1
        mtc0    $t0, $12
        hazard
        move    $k1, $sp
        lw      $t0, F_HI($k1)
        lw      $t1, F_LO($k1)
        lw      $t2, F_EPC($k1)
        lw      $t3, F_STATUS($k1)
        mthi    $t0
        mtlo    $t1
        mtc0    $t2, $14
        mtc0    $t3, $12
        .irp    n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,28,29,30,31
        lw      $\n, (F_R + 4 * \n)($k1)
        .endr
        hazard
        eret

# void switch_stacks(uintptr_t *save_sp, uintptr_t load_sp): goes on where load_sp was saved.
# A function call, so only what a callee must keep is kept.
        .globl  switch_stacks
switch_stacks:
        addiu   $sp, $sp, -48
        .irp    n, 16,17,18,19,20,21,22,23,30,31
        .if     \n < 24
        sw      $\n, (4 * (\n - 16))($sp)
        .else
        sw      $\n, (32 + 4 * (\n - 30))($sp)
        .endif
        .endr
        sw      $sp, 0($a0)
        move    $sp, $a1
        .irp    n, 16,17,18,19,20,21,22,23,30,31
        .if     \n < 24
        lw      $\n, (4 * (\n - 16))($sp)
        .else
        lw      $\n, (32 + 4 * (\n - 30))($sp)
        .endif
        .endr
        jr      $ra
        addiu   $sp, $sp, 48

        .section .bss.entry, "aw", @nobits
        .balign 4
        .globl  refills, kernel_stack
refills:        .space 4
kernel_stack:   .space 4
