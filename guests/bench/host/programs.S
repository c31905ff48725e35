# The workload as a file of the tour's kernel: built and flattened by guests/build.sh.

        .section .rodata.programs, "a"
        .balign 4
        .globl  programs
programs:
        .word   name, start, end
        .word   0
name:   .asciz  "bin/work"
        .balign 16
start:  .incbin "program.bin"
end:
