// Sweeps over so many pages that the TLB must drop and refill entries all the time.

#include "user.h"

enum { PAGES = 160, PAGE = 4096, SWEEPS = 4 };

int main(void)
{
    uint32_t refills = count(COUNT_REFILLS), filled = count(COUNT_FILLED);
    char *heap = sbrk(PAGES * PAGE);
    bool right = true;

    for (uint32_t i = 0; i < PAGES; i++)
        *(uint32_t *)(heap + i * PAGE) = i * 2654435761u;
    filled = count(COUNT_FILLED) - filled;

    for (uint32_t sweep = 0; sweep < SWEEPS; sweep++)
        for (uint32_t i = 0; i < PAGES; i++)
            right &= *(uint32_t *)(heap + i * PAGE) == i * 2654435761u;
    refills = count(COUNT_REFILLS) - refills;

    printf("   asked for %u pages; on first touch the kernel made %u\n", PAGES, filled);
    printf("   swept over them %u times: every word as written: %s\n", SWEEPS, yes(right));
    printf("   more refills than the TLB has entries: %s\n",
           yes(refills > count(COUNT_TLB_ENTRIES)));
    printf("   the wired page is still there and says: %s\n", NOTICE_BOARD->text);
    return 0;
}
