// Copying and setting memory: words, bytes, words from unaligned addresses, overlapping moves.

#include "bench.h"

const char name[] = "memcpy";

enum { SIZE = 32768, ROUNDS = 3600 };

static uint32_t from[SIZE / 4 + 4], to[SIZE / 4 + 4];

typedef struct __attribute__((packed)) { uint32_t word; } unaligned;   // LWL/LWR, SWL/SWR

static void copy_unaligned(void *d, const void *s, size_t n)
{
    unaligned *t = d;
    const unaligned *f = s;
    for (; n >= 4; n -= 4)
        *t++ = *f++;
}

static void copy_unrolled(uint32_t *d, const uint32_t *s, size_t n)
{
    for (; n >= 32; n -= 32, d += 8, s += 8) {
        uint32_t a = s[0], b = s[1], c = s[2], e = s[3], f = s[4], g = s[5], h = s[6], i = s[7];
        d[0] = a, d[1] = b, d[2] = c, d[3] = e, d[4] = f, d[5] = g, d[6] = h, d[7] = i;
    }
}

uint32_t work(void)
{
    struct random r = { 1 };
    uint8_t *f = (uint8_t *)from, *t = (uint8_t *)to;
    uint32_t result = 0;
    for (int i = 0; i < SIZE / 4; i++)
        from[i] = next(&r);
    for (int round = 0; round < ROUNDS; round++) {
        memcpy(to, from, SIZE);
        copy_unrolled(from, to, SIZE);
        memcpy(t + 1, f, SIZE / 4);                    // bytes
        copy_unaligned(t + 2, f + 1, SIZE / 2);
        memmove(t + 5, t + 2, SIZE / 4);               // bytes, downwards
        memset(to + round % 64, round, 4096);
        result = mix(result, to[next(&r) % (SIZE / 4)]);
        from[next(&r) % (SIZE / 4)] = result;
    }
    return result;
}
