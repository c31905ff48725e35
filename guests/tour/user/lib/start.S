# The head of a program file (struct program), where a program starts, and how it calls the kernel:
# number in v0, arguments in a0-a2, result in v0.

#include "tour.h"

        .set    noreorder
        .section .text.program_header, "ax"
        .word   PROGRAM_MAGIC, program_start, data_start, bss_start, program_end

        .globl  program_start
program_start:                          # a0 is exec's argument, sp the kernel's choice
        addiu   $sp, $sp, -16
        la      $t9, main
        jalr    $t9
        nop
        la      $t9, exit               # which also writes out what is buffered
        jalr    $t9
        move    $a0, $v0

        .macro  call name, number
        .globl  \name
        .type   \name, @function
\name:  li      $v0, \number
        syscall
        jr      $ra
        nop
        .endm

        .text
        call    sys_exit, SYS_EXIT
        call    sys_spawn, SYS_SPAWN
        call    exec, SYS_EXEC
        call    wait, SYS_WAIT
        call    yield, SYS_YIELD
        call    sleep, SYS_SLEEP
        call    getpid, SYS_PID
        call    sbrk, SYS_SBRK
        call    open, SYS_OPEN
        call    read, SYS_READ
        call    write, SYS_WRITE
        call    close, SYS_CLOSE
        call    count, SYS_COUNT
