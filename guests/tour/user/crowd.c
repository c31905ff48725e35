// Processes that each keep their own number at the same address while they take turns.

#include "user.h"

enum { CROWD = 4, ROUNDS = 30 };

static volatile uint32_t mine[1024] __attribute__((aligned(4096)));

static int member(uint32_t number)
{
    for (uint32_t round = 0; round < ROUNDS; round++) {
        mine[0] = number + round;
        yield();
        if (mine[0] != number + round)
            return 1;
    }
    return 0;
}

int main(void)
{
    uint32_t rounds = count(COUNT_ASID_ROUNDS);
    for (uint32_t i = 1; i <= CROWD; i++)
        if (spawn() == 0)
            exit(member(i * 1000));
    int wrong = 0, status;
    while (wait(&status) > 0)
        wrong += status != 0;

    printf("   %u processes wrote to 0x%08x and yielded, %u times each\n", CROWD,
           (uint32_t)mine, ROUNDS);
    printf("   each found its own number again: %s\n", yes(wrong == 0));
    printf("   the kernel ran out of ASIDs and dealt them again: %s\n",
           yes(count(COUNT_ASID_ROUNDS) > rounds));
    return 0;
}
