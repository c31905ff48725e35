// Recursion through a stack of which only the first page exists at the start.

#include "user.h"

enum { DEPTH = 300, WORDS = 128 };

static __attribute__((noinline)) uint32_t descend(uint32_t depth)
{
    volatile uint32_t room[WORDS];
    for (uint32_t i = 0; i < WORDS; i++)
        room[i] = depth;
    uint32_t below = depth ? descend(depth - 1) : 0;
    return below + room[depth % WORDS];
}

int main(void)
{
    uint32_t filled = count(COUNT_FILLED), sum = descend(DEPTH);
    filled = count(COUNT_FILLED) - filled;
    printf("   %u calls deep, each with %u bytes: the sum on the way back is %u\n", DEPTH,
           WORDS * 4, sum);
    printf("   the stack grew by at least %u pages: %s\n", DEPTH * WORDS * 4 / 4096,
           yes(filled >= DEPTH * WORDS * 4 / 4096));
    return 0;
}
