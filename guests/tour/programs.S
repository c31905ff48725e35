# The programs, as files: user/NAME.c, built and flattened by guests/build.sh.

#define TEXT(x) #x
#define PROGRAM(name)                           \
        .section .rodata.programs, "a";         \
        .word   1f, 2f, 3f;                     \
        .section .rodata.programs.files, "a";   \
        .balign 16;                             \
1:      .ascii  "bin/";                         \
        .asciz  #name;                          \
        .balign 16;                             \
2:      .incbin TEXT(name.bin);                 \
3:

        .section .rodata.programs, "a"
        .balign 4
        .globl  programs
programs:
        PROGRAM(init)
        PROGRAM(sweep)
        PROGRAM(crowd)
        PROGRAM(twins)
        PROGRAM(pingpong)
        PROGRAM(deep)
        PROGRAM(rogue)
        PROGRAM(scribe)
        PROGRAM(sleeper)
        .section .rodata.programs, "a"
        .word   0
