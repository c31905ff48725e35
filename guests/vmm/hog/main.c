// The memory hog: fills memory with pages of every sort, writes a third of them again each round,
// and checks every word.
//
// pages=N (0: all of low memory), rounds=N, seed=N, id=N. What a page holds follows from these
// and its number: one in eight is zero, two in eight do not depend on the id, so that machines
// with the same seed hold them alike, and of these one repeats within the machine too.

#include "vmm.h"

enum { ZERO, ALIKE, REPEATED, KINDS = 8 };         // the other kinds are unique to the machine

static uint32_t seed, id;

// The first word of a page that was last written in a round, and by what each next one is more.
struct pattern { uint32_t first, step; };

static struct pattern pattern(uint32_t page, uint32_t round)
{
    uint32_t kind = page % KINDS;
    if (kind == ZERO)
        return (struct pattern){ 0, 0 };
    uint32_t h = kind == ALIKE      ? hash(hash(seed, page), round)
                 : kind == REPEATED ? hash(hash(seed, 0x1000000 + page / KINDS % 4), round)
                                    : hash(hash(hash(seed, page), round), id);
    return (struct pattern){ h, hash(h, 1) | 1 };
}

static bool is_written(uint32_t page, uint32_t round) { return round == 0 || (page + round) % 3 == 0; }

static uint32_t last_written(uint32_t page, uint32_t round)
{
    while (!is_written(page, round))
        round--;
    return round;
}

static void write_page(uint32_t page, uint32_t round)
{
    struct pattern p = pattern(page, round);
    volatile uint32_t *words = free_page(page);
    for (uint32_t i = 0; i < PAGE_WORDS; i++, p.first += p.step)
        words[i] = p.first;
}

static uint32_t check_page(uint32_t page, uint32_t round)
{
    struct pattern p = pattern(page, last_written(page, round));
    volatile uint32_t *words = free_page(page);
    uint32_t sum = page;
    for (uint32_t i = 0; i < PAGE_WORDS; i++, p.first += p.step) {
        uint32_t word = words[i];
        if (word != p.first)
            fail("round %u page %u word %u: %08x, not %08x", round, page, i, word, p.first);
        sum += word;
    }
    return sum;
}

int main(uint32_t argc, char **argv, char **environment, uint32_t memory)
{
    vmm_init("hog", argc, argv, environment, memory);
    uint32_t pages = pages_wanted(768), rounds = parameter("rounds", 3), sum = 0;
    seed = parameter("seed", 1);
    id = parameter("id", 1);
    for (uint32_t round = 0; round <= rounds; round++) {
        for (uint32_t page = 0; page < pages; page++)
            if (is_written(page, round))
                write_page(page, round);
        for (uint32_t page = 0; page < pages; page++)
            sum = hash(sum, check_page(page, round));
    }
    printf("hog: %u pages, %u rounds, sum %08x\n", pages, rounds, sum);
    pass();
}
