// What every chapter of the ISA guests shares: operand values, hashing, one line a case.
//
// A case prints its name and a hash over all result words. Small cases also print values, so
// that a difference can be read without a debugger.
#pragma once

#include "types.h"

// Edge values first, then pseudo-random ones from a fixed seed.
enum { VALUES = 64 };
extern uint32_t values[VALUES];

// Memory for tests at fixed addresses, below the image and above the boot arguments, so that no
// address that a test prints or hashes depends on how the image was laid out.
#define SCRATCH_PA 0x00040000u
#define SCRATCH ((volatile uint32_t *)KSEG0(SCRATCH_PA))

void chapter(const char *name);                    // console, values, vectors, a heading
void report(const char *name, uint32_t hash);      // "name hash"
void report_value(const char *name, uint32_t hash, uint32_t value);
void report_end(void);                             // the last line: how many cases there were

uint32_t next_random(uint32_t *state);             // xorshift32; the state must not be 0

// Folds one word into a hash: shifts, adds and exclusive ors only, so that a fault in another
// instruction does not spoil every line.
static inline uint32_t mix(uint32_t h, uint32_t word)
{
    h += word;
    h += h << 10;
    return h ^ h >> 6;
}

static inline uint32_t mix64(uint32_t h, uint64_t v)
{
    return mix(mix(h, (uint32_t)v), (uint32_t)(v >> 32));
}

static inline uint32_t mix_block(uint32_t h, const volatile uint32_t *p, uint32_t n)
{
    while (n--)
        h = mix(h, *p++);
    return h;
}

// An assembler function NAME(a0, a1, a2) with a body that is taken as it stands.
#define SNIPPET(name, body)                                                                    \
    uint32_t name(uint32_t a0, uint32_t a1, uint32_t a2);                                      \
    __asm__(".pushsection .text." #name ", \"ax\", @progbits\n"                                \
            ".set push\n.set noreorder\n.set noat\n.set hardfloat\n"                           \
            ".balign 16\n.globl " #name "\n.type " #name ", @function\n" #name ":\n" body      \
            "\njr $31\nnop\n.set pop\n.popsection\n")

typedef uint32_t snippet(uint32_t a0, uint32_t a1, uint32_t a2);

#define ADDRESS(x) ((uint32_t)(uintptr_t)(x))
