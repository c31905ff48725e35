// Code that keeps rewriting itself: a compiler of tiny functions that writes one, calls it a few
// times, writes the next over it; and a function one of whose instructions changes.

#include "bench.h"

const char name[] = "smc";

enum { ROUNDS = 70000, LENGTH = 24, CALLS = 8 };

// A page to itself, so that only what is meant to change is changed.
static uint32_t code[1024] __attribute__((aligned(4096)));

// The manual's way (vol. II, "SYNCI"): write back and invalidate every line, SYNC, then a jump
// that clears the hazard: call() below uses JALR.HB. 16 divides every core's line.
static void sync_code(uint32_t *from, size_t words)
{
    for (uintptr_t line = (uintptr_t)from & ~15u; line < (uintptr_t)(from + words); line += 16)
        __asm__ volatile("synci 0(%0)" : : "r"(line) : "memory");
    __asm__ volatile("sync" : : : "memory");
}

static uint32_t call(uint32_t *f, uint32_t a, uint32_t b)
{
    register uint32_t a0 __asm__("$4") = a;
    register uint32_t a1 __asm__("$5") = b;
    register uint32_t v0 __asm__("$2");
    __asm__ volatile(".set push\n .set noreorder\n jalr.hb $31, %1\n nop\n .set pop"
                     : "=r"(v0), "+r"(f), "+r"(a0), "+r"(a1) : : "$31", "memory");
    return v0;
}

enum { A0 = 4, A1 = 5, V0 = 2 };

static uint32_t three(uint32_t function, uint32_t rd, uint32_t rs, uint32_t rt)
{
    return rs << 21 | rt << 16 | rd << 11 | function;
}

// One of: addu, subu, xor, nor on a0 and a1; addiu with a number from r.
static uint32_t random_instruction(struct random *r)
{
    static const uint8_t functions[4] = { 0x21, 0x23, 0x26, 0x27 };
    uint32_t v = next(r), to = v & 16 ? A0 : A1;
    if ((v & 7) == 0)
        return 0x24000000 | to << 21 | to << 16 | v >> 16;
    return three(functions[v >> 6 & 3], to, v & 32 ? A0 : A1, v & 64 ? A0 : A1);
}

static void compile(struct random *r, uint32_t length)
{
    uint32_t *p = code;
    while (length--)
        *p++ = random_instruction(r);
    *p++ = 0x03e00008;                                 // jr ra
    *p++ = three(0x21, V0, A0, A1);                    // addu v0, a0, a1, in its slot
    sync_code(code, (size_t)(p - code));
}

uint32_t work(void)
{
    struct random r = { 1 };
    uint32_t result = 1;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        if (round % 4 == 0) {
            compile(&r, LENGTH);
        } else {
            uint32_t *patch = &code[next(&r) % LENGTH];
            *patch = random_instruction(&r);
            sync_code(patch, 1);
        }
        for (uint32_t i = 0; i < CALLS; i++)
            result = mix(result, call(code, result, i));
    }
    return result;
}
