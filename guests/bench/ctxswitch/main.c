// Context switches: four processes that yield to one another, each with memory of its own.

#include "bench.h"

const char name[] = "ctxswitch";

enum { CHILDREN = 3, ROUNDS = 40000, PAGES = 8, WORDS = 1024 };

static uint32_t memory[PAGES][WORDS];

// Touches a few pages between any two switches, so that every process wants entries of the TLB.
static uint32_t run_one(uint32_t seed)
{
    struct random r = { seed };
    uint32_t result = seed;
    for (int i = 0; i < ROUNDS; i++) {
        uint32_t *word = &memory[i % PAGES][next(&r) % WORDS];
        *word += result;
        result = mix(result, *word);
        yield();
    }
    return result;
}

uint32_t work(void)
{
    for (uint32_t i = 0; i < CHILDREN; i++)
        if (spawn() == 0)
            exit((int)run_one(i + 2));
    uint32_t result = run_one(1);
    for (int i = 0; i < CHILDREN; i++) {
        int status = 0;
        wait(&status);
        result += (uint32_t)status;    // whoever comes first
    }
    return result;
}
