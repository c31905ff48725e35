// What a kernel may ask of the monitor below it, if that is mirrorball: docs/hypercalls.md.
//
// On every other machine the instruction is reserved. A kernel that wants to run there, too, makes
// call HYPER_VERSION first, with its exception handler prepared to step over it.
#pragma once

#include "types.h"

enum hypercall { HYPER_VERSION, HYPER_FEATURES, HYPER_YIELD, HYPER_PAGE_RELEASE, HYPER_PAGE_ZERO,
                 HYPER_BALLOON_QUERY, HYPER_BALLOON_GIVE, HYPER_BALLOON_GIVE_LIST,
                 HYPER_BALLOON_TAKE, HYPER_CONSOLE_WRITE, HYPER_SLEEP, HYPER_BATCH };

enum hypercall_status { HYPER_DONE = 0, HYPER_NOT_SUPPORTED = -1, HYPER_BAD_ADDRESS = -2,
                        HYPER_BAD_COUNT = -3, HYPER_RUNNING = -4, HYPER_GIVEN = -5,
                        HYPER_NOT_GIVEN = -6, HYPER_NESTED = -7 };

enum { HYPER_CONSOLE_MOST = 4096, HYPER_BATCH_MOST = 256 };

// What a batch is an array of: aligned to words.
struct hyper_record {
    uint32_t number, arguments[4];
    int32_t status;
    uint32_t value;                    // written if the call was done
};

// Makes a call; `value` is what $v1 holds before and after it.
static inline int32_t hypercall(enum hypercall number, uint32_t a0, uint32_t a1, uint32_t *value)
{
    register uint32_t v0 __asm__("$2") = number;
    register uint32_t v1 __asm__("$3") = *value;
    register uint32_t first __asm__("$4") = a0;
    register uint32_t second __asm__("$5") = a1;
    // HYPCALL 0. An assembler may move what it knows into a delay slot, where this is reserved.
    __asm__ volatile(".word 0x42000028" : "+r"(v0), "+r"(v1) : "r"(first), "r"(second) : "memory");
    *value = v1;
    return (int32_t)v0;
}
