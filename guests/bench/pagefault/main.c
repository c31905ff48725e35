// Page faults: a process asks for memory and touches it, over and over; its copies write to pages
// that they share. Every page is made, found or copied by the kernel on the first touch.

#include "bench.h"

const char name[] = "pagefault";

enum { ROUNDS = 80, PAGES = 256, PAGE = 4096, SHARED = 128 };

static uint32_t shared[SHARED][PAGE / 4];

static uint32_t touch(uint32_t round)
{
    uint32_t result = round;
    uint8_t *heap = sbrk(PAGES * PAGE);
    for (uint32_t i = 0; i < PAGES; i++)               // made
        *(uint32_t *)(heap + i * PAGE) = mix(result, i);
    for (uint32_t i = 0; i < SHARED; i++)              // copied
        result = mix(result, shared[i][round]++);
    for (uint32_t i = 0; i < PAGES; i++)
        result = mix(result, *(uint32_t *)(heap + i * PAGE));
    return result;
}

uint32_t work(void)
{
    uint32_t result = 0;
    for (uint32_t i = 0; i < SHARED; i++)
        for (uint32_t j = 0; j < ROUNDS; j++)
            shared[i][j] = i * j;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        if (spawn() == 0)
            exit((int)touch(round));
        int status = 0;
        wait(&status);
        result = mix(result, (uint32_t)status);
        shared[round % SHARED][round] = result;        // the copies are gone: mine again
    }
    return result;
}
