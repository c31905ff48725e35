// Exceptions as results: run a piece of code, see which exception ended it.
//
// trap_try calls a snippet with every register set to a known pattern. If the snippet returns,
// it gives 0; if an exception is taken, the handler records it in `trap` and trap_try gives the
// number of exceptions. Follows MD00090, "Exception vector locations" and "Exception
// processing".
#pragma once

#include "check.h"

// Laid out for trap.S.
struct trap {
    uint32_t count;         // exceptions since trap_try began
    uint32_t vector;        // where the last one entered: the vector's address
    uint32_t cause, epc, badvaddr, entryhi, context, status;
    uint32_t result;        // what the snippet returned
    uint32_t hi, lo;
    uint32_t enter;         // Status bits to enter a snippet with; user_try sets UM
    uint32_t gpr[32];       // of the interrupted code; k0 and k1 are lost
    uint32_t stack;         // trap_try's own
    uint32_t resume_status;
    // Called in the handler, unless null: true goes on at trap.epc with trap.gpr and
    // trap.status, false ends trap_try.
    bool (*hook)(struct trap *);
};
extern struct trap trap;

void trap_install(uint32_t base);                  // the vectors of an exception base
uint32_t trap_try(snippet *code, uint32_t a0, uint32_t a1, uint32_t a2);

// The same in user mode: the low 2 MiB of memory, and so the image, are mapped at 0 by TLB
// entry 0, and the snippet is entered at its physical address. A snippet that returns does so
// by a system call, which is not counted.
uint32_t user_try(snippet *code, uint32_t a0, uint32_t a1, uint32_t a2);
void user_map(void);

static inline uint32_t trap_code(void) { return trap.cause >> 2 & 31; }
uint32_t trap_registers(void);                     // a hash of the interrupted registers

// One line about what the last try of `code` did.
void trap_show(const char *name, snippet *code);
