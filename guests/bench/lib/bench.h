// What a workload and the rest of its guest know of one another. A workload does the same work
// every time, and its result is a number that depends on all of it.
#pragma once

#include "console.h"
#include "libc.h"
#include "types.h"

#ifdef USER
#include "user.h"
#endif

extern const char name[];
uint32_t work(void);

// Pseudo-random numbers: the same ones every time.
struct random { uint32_t state; };

static inline uint32_t next(struct random *r)
{
    r->state ^= r->state << 13;
    r->state ^= r->state >> 17;
    r->state ^= r->state << 5;
    return r->state;
}

// Takes a word into a running result.
static inline uint32_t mix(uint32_t result, uint32_t word)
{
    return (result << 7 | result >> 25) * 0x9e3779b1u ^ word;
}
