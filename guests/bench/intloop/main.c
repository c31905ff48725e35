// Integer arithmetic in registers: adds, shifts, logic, multiplications, divisions, comparisons.

#include "bench.h"

const char name[] = "intloop";

enum { ROUNDS = 150000000 };

uint32_t work(void)
{
    uint32_t a = 1, b = 0x12345678, c = 0xdeadbeef, result = 0;
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        a = a * 1664525 + 1013904223;
        b ^= b << 13, b ^= b >> 17, b ^= b << 5;
        c = (c >> 3 | c << 29) + (a & ~b);
        if ((int32_t)c < (int32_t)a)
            result += c - (uint32_t)((int32_t)b >> 7);
        if (i % 64 == 0)
            result ^= a / (b | 1) + c % i;
    }
    return result;
}
