// Exceptions, handed to a C function with all registers of what they interrupted.
#pragma once

#include "cp0.h"
#include "types.h"

// Laid out for exception.S. What the hook changes is what the guest goes on with; k0 and k1 are
// lost.
struct frame {
    uint32_t gpr[32];
    uint32_t hi, lo, status, cause, epc, badvaddr;
    uint32_t vector;                               // its offset: 0, 0x80, 0x100, 0x180, 0x200
};

static inline uint32_t exception_code(const struct frame *f) { return f->cause >> 2 & 31; }

// Fills the vectors in low memory. Nothing nests: the hook runs with interrupts off.
void exceptions_install(void (*hook)(struct frame *));

// For a hook: says what came, as a failure.
__attribute__((noreturn)) void exception_unexpected(const struct frame *f);

// A timer interrupt every `period` steps of Count.
void timer_start(uint32_t period);
// For a hook: the periods that have ended since the last call; sets Compare to the next end.
uint32_t timer_acknowledge(void);
void timer_stop(void);

static inline uint32_t count(void) { return CP0_READ(9, 0); }
