// What the kernel and its programs agree on: the map of user space, the program format, the
// system calls. Also included by assembler, hence the plain defines.
#pragma once

#define SYS_EXIT  1                    // (status)
#define SYS_SPAWN 2                    // () -> pid in the parent, 0 in the copy
#define SYS_EXEC  3                    // (path, argument)
#define SYS_WAIT  4                    // (int *status) -> pid
#define SYS_YIELD 5
#define SYS_SLEEP 6                    // (ticks)
#define SYS_PID   7
#define SYS_SBRK  8                    // (bytes) -> where the heap ended before
#define SYS_OPEN  9                    // (path, create) -> descriptor
#define SYS_READ  10                   // (descriptor, buffer, n) -> bytes read
#define SYS_WRITE 11                   // (descriptor, buffer, n) -> bytes written
#define SYS_CLOSE 12
#define SYS_COUNT 13                   // (enum counter)

#define PROGRAM_MAGIC 0x72756f74       // "tour"
#define USER_BASE  0x00400000
#define BOARD_VA   0x00200000
#define STACK_TOP  0x7fff0000
#define STACK_MAX  0x00040000
#define HEAP_MAX   0x00800000

#ifndef __ASSEMBLER__

#include "types.h"

enum { OPEN_MAX = 6, NAME_MAX = 16 };
enum { KILLED = -99 };                 // the status of a process that the kernel ended

// How a program file begins. Addresses, as the linker made them (user/link.ld).
struct program {
    uint32_t magic, entry;
    uint32_t data;                     // from here on writable
    uint32_t bss, end;                 // from bss on zero, not in the file
};

// What SYS_COUNT tells of the process, or of the machine.
enum counter { COUNT_PREEMPTED, COUNT_COPIED, COUNT_FILLED, COUNT_REFILLS, COUNT_TLB_ENTRIES,
               COUNT_ASID_ROUNDS, COUNT_IDLE_TICKS, COUNT_RUNNABLE };

// The page that every process sees at BOARD_VA, read-only, through a wired TLB entry.
struct notice_board {
    volatile uint32_t ticks;
    char text[60];
};

#endif
