// The victim: computes a CRC over its memory again and again while others make noise, and checks
// that nothing of its own changes: memory, the TLB, coprocessor 0.
//
// pages=N, seed=N, rounds=N; ms=N instead of rounds goes on for so long by Count.

#include "tlb.h"
#include "vmm.h"

static uint32_t table[256];

// CRC-32 as in ISO 3309, over bytes with the low bit first.
static void make_table(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int bit = 0; bit < 8; bit++)
            c = c & 1 ? c >> 1 ^ 0xedb88320 : c >> 1;
        table[i] = c;
    }
}

static uint32_t crc_word(uint32_t crc, uint32_t word)
{
    crc ^= word;
    for (int byte = 0; byte < 4; byte++)
        crc = crc >> 8 ^ table[crc & 255];
    return crc;
}

static uint32_t crc_memory(uint32_t pages)
{
    uint32_t crc = ~0u;
    for (uint32_t page = 0; page < pages; page++)
        for (uint32_t i = 0; i < PAGE_WORDS; i++)
            crc = crc_word(crc, free_page(page)[i]);
    return ~crc;
}

static void fill(uint32_t pages, uint32_t seed)
{
    uint32_t state = hash(seed, 1) | 1;
    for (uint32_t page = 0; page < pages; page++)
        for (uint32_t i = 0; i < PAGE_WORDS; i++)
            free_page(page)[i] = next_random(&state);
}

static struct tlb_entry entry(uint32_t seed, uint32_t index)
{
    uint32_t bits = hash(seed, index);
    return (struct tlb_entry){ 0x00400000 + (index << 16) + (bits & 0xff), entry_lo(bits & 0x7fff000, LO_V),
                               entry_lo(bits & 0x3fff000, LO_V | LO_D), 0 };
}

static void fill_privileged(uint32_t seed)
{
    for (uint32_t i = 0; i < TLB_ENTRIES; i++)
        tlb_write(i, entry(seed, i));
    CP0_WRITE(4, 0, hash(seed, 99) << 23);         // Context.PTEBase
    CP0_WRITE(30, 0, hash(seed, 98));              // ErrorEPC
    CP0_WRITE(6, 0, 5);                            // Wired
    CP0_WRITE(10, 0, 0x77);                        // EntryHi.ASID
}

static void check_privileged(uint32_t seed)
{
    for (uint32_t i = 0; i < TLB_ENTRIES; i++) {
        struct tlb_entry got = tlb_read(i), right = entry(seed, i);
        if (got.hi != right.hi || got.lo0 != right.lo0 || got.lo1 != right.lo1 || got.mask != 0)
            fail("TLB entry %u: %08x %08x %08x %08x", i, got.hi, got.lo0, got.lo1, got.mask);
    }
    if (CP0_READ(4, 0) >> 23 != (hash(seed, 99) & 0x1ff) || CP0_READ(30, 0) != hash(seed, 98) ||
        CP0_READ(6, 0) != 5 || CP0_READ(10, 0) != 0x77)
        fail("coprocessor 0: Context %08x ErrorEPC %08x Wired %u EntryHi %08x", CP0_READ(4, 0),
             CP0_READ(30, 0), CP0_READ(6, 0), CP0_READ(10, 0));
}

int main(uint32_t argc, char **argv, char **environment, uint32_t memory)
{
    vmm_init("victim", argc, argv, environment, memory);
    uint32_t pages = pages_wanted(128), seed = parameter("seed", 1), rounds = parameter("rounds", 4);
    uint32_t milliseconds = parameter("ms", 0), start = CP0_READ(9, 0);
    make_table();
    fill(pages, seed);
    fill_privileged(seed);
    uint32_t crc = crc_memory(pages);
    for (uint32_t round = 1;
         milliseconds ? CP0_READ(9, 0) - start < milliseconds * COUNTS_PER_MS : round < rounds; round++) {
        uint32_t again = crc_memory(pages);
        if (again != crc)
            fail("round %u: CRC %08x, not %08x", round, again, crc);
        check_privileged(seed);
    }
    check_privileged(seed);
    printf("victim: CRC %08x\n", crc);
    pass();
}
