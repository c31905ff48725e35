// The page-sharing pair: the same image in two machines, with id=1 and id=2. Both hold the same
// pages and only read them for a while; then each writes its own words into all of them, and
// must see its own and nobody else's.
//
// pages=N, reads=N (how often everything is read first), writes=N (rounds of writing), seed=N.
// A round writes one word in eight.

#include "vmm.h"

enum { STRIPES = 8 };

static uint32_t pages, id, seed;

static uint32_t common(uint32_t page, uint32_t i) { return (hash(seed, page) | 1) * (i + 1); }

static uint32_t own(uint32_t page, uint32_t i, uint32_t round)
{
    return id << 28 | (round & 0xff) << 20 | ((page * PAGE_WORDS + i) & 0xfffff);
}

// What a word holds after a round; round 0 is before all writing.
static uint32_t wanted(uint32_t page, uint32_t i, uint32_t round)
{
    uint32_t back = (round - i) % STRIPES;         // rounds since the word's stripe was written
    return back < round ? own(page, i, round - back) : common(page, i);
}

static uint32_t check(uint32_t round)
{
    uint32_t sum = 0;
    for (uint32_t page = 0; page < pages; page++) {
        volatile uint32_t *words = free_page(page);
        for (uint32_t i = 0; i < PAGE_WORDS; i++) {
            uint32_t word = words[i], right = wanted(page, i, round);
            if (word != right)
                fail("id %u round %u page %u word %u: %08x, not %08x", id, round, page, i, word, right);
            sum += word;
        }
        sum = sum << 1 | sum >> 31;
    }
    return sum;
}

static void write_stripe(uint32_t round)
{
    for (uint32_t page = 0; page < pages; page++) {
        volatile uint32_t *words = free_page(page);
        for (uint32_t i = round % STRIPES; i < PAGE_WORDS; i += STRIPES)
            words[i] = own(page, i, round);
    }
}

int main(uint32_t argc, char **argv, char **environment, uint32_t memory)
{
    vmm_init("share", argc, argv, environment, memory);
    pages = pages_wanted(128);
    id = parameter("id", 1);
    seed = parameter("seed", 1);
    for (uint32_t page = 0; page < pages; page++)
        for (uint32_t i = 0; i < PAGE_WORDS; i++)
            free_page(page)[i] = common(page, i);

    uint32_t sum = 0, reads = parameter("reads", 3), writes = parameter("writes", 9);
    for (uint32_t i = 0; i < reads; i++)
        sum = check(0);
    printf("share: %u pages alike, sum %08x\n", pages, sum);
    for (uint32_t round = 1; round <= writes; round++) {
        write_stripe(round);
        sum = check(round);
    }
    printf("share: id %u wrote %u rounds, sum %08x\n", id, writes, sum);
    pass();
}
