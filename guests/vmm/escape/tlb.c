// TLB entries that no kernel writes: page masks without a meaning, duplicates, indices beyond the
// end (MD00090, "TLBWI", "Machine check exception", "PageMask register").

#include "escape.h"

#include "tlb.h"

PROBE(write_indexed, "mtc0 $4, $10\nmtc0 $5, $2\nmtc0 $6, $3\nmtc0 $7, $5\nmtc0 $8, $0\nehb\n"
                     "tlbwi\nehb");
PROBE(write_random, "mtc0 $4, $10\nmtc0 $5, $2\nmtc0 $6, $3\nmtc0 $7, $5\nmtc0 $8, $6\nehb\n"
                    "tlbwr\nehb");
PROBE(read_entry, "mtc0 $8, $0\nehb\ntlbr\nehb\nmfc0 $4, $10\nmfc0 $5, $2\nmfc0 $6, $3\nmfc0 $7, $5");
PROBE(probe_entry, "mtc0 $4, $10\nehb\ntlbp\nehb\nmfc0 $8, $0");
PROBE(touch, "lw $2, 0($4)\nlw $2, 0($9)");

// Frames that are ours to read, or nobody's; nothing is stored through them.
static void write_entry(uint32_t *how, uint32_t hi, uint32_t mask, uint32_t index)
{
    attempt_gpr[4] = hi;
    attempt_gpr[5] = any() & ~(uint32_t)LO_D;
    attempt_gpr[6] = any() & ~(uint32_t)LO_D;
    attempt_gpr[7] = mask;
    attempt_gpr[8] = index;
    attempt(ADDRESS(how));
}

static void touch_around(uint32_t hi, uint32_t mask)
{
    attempt_gpr[4] = hi & 0x7ffffffc;
    attempt_gpr[9] = (hi | (any() & mask)) & 0x7ffffffc;
    attempt(ADDRESS(touch));
}

static void page_masks(void)
{
    for (unsigned i = 0; i < 400; i++) {
        uint32_t mask = i < 32 ? 1u << i : i < 64 ? ~0u << (i - 32) : any(), hi = any();
        write_entry(i & 1 ? write_random : write_indexed, hi, mask, any() & 15);
        touch_around(hi, mask);
    }
    tlb_clear();
}

static void duplicates(void)
{
    for (unsigned i = 0; i < 200; i++) {
        uint32_t hi = 0x00400000 + (any() & 0x6000), mask = any() & 0x1fffe000 & any() & any();
        write_entry(write_indexed, hi, mask, i % TLB_ENTRIES);
        touch_around(hi, mask);
        attempt_gpr[4] = hi;
        attempt(ADDRESS(probe_entry));
    }
    tlb_clear();
}

// An index beyond the end names some entry or none.
static void indices(void)
{
    for (unsigned i = 0; i < 128; i++) {
        uint32_t index = i < 64 ? i : i < 96 ? 1u << (i - 64) : any();
        write_entry(write_indexed, 0x01000000 + (i << 13), 0, index);
        attempt_gpr[8] = index;
        attempt(ADDRESS(read_entry));
        write_entry(write_random, 0x02000000 + (i << 13), 0, index);   // the index in Wired
    }
    tlb_clear();
}

// A stage ends with a TLB that works.
static void check_tlb(void)
{
    uint32_t lo = entry_lo(DATA_PA, LO_V | LO_D | LO_G);
    *(volatile uint32_t *)KSEG0(DATA_PA) = 0x600d600d;
    tlb_write(2, (struct tlb_entry){ 0x00400000, lo, lo, 0 });
    if (*(volatile uint32_t *)0x00400000 != 0x600d600d)
        fail("wild-tlb: a plain entry does not work any more");
    tlb_clear();
}

void wild_tlb(void)
{
    tlb_clear();
    page_masks();
    duplicates();
    indices();
    check_tlb();
    CP0_WRITE(10, 0, 0);
}
