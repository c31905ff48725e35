// Operand values, the generator behind them, and the lines that a chapter prints.

#include "check.h"

#include "console.h"
#include "trap.h"

uint32_t values[VALUES] = {
    0, 1, 2, 3, 0xffffffff, 0xfffffffe, 0x7fffffff, 0x80000000, 0x80000001, 0x7ffffffe,
    0x55555555, 0xaaaaaaaa, 0x0000ffff, 0xffff0000, 0x00008000, 0x00007fff, 0xffff8000,
    0xffff7fff, 0x80, 0xff, 0x7f, 0xffffff80, 0x12345678, 0x89abcdef, 31, 32, 33,
    0x00ff00ff, 0x40000000, 0xc0000000, 0x00010000, 0xfffffff0,
};

static unsigned cases;

uint32_t next_random(uint32_t *state)
{
    uint32_t x = *state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}

void chapter(const char *name)
{
    uint32_t seed = 0x2545f491;
    for (unsigned i = VALUES / 2; i < VALUES; i++)
        values[i] = next_random(&seed);
    console_init();
    trap_install(0x80000000);
    printf("isa %s\n", name);
}

static uint32_t finish(uint32_t h)
{
    h += h << 3;
    h ^= h >> 11;
    return h + (h << 15);
}

void report(const char *name, uint32_t hash)
{
    cases++;
    printf("%-20s %08x\n", name, finish(hash));
}

void report_value(const char *name, uint32_t hash, uint32_t value)
{
    cases++;
    printf("%-20s %08x  %08x\n", name, finish(hash), value);
}

void report_end(void)
{
    printf("end, %u hashes\n", cases);
}
