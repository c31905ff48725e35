// TLB refills: one word on each of 1024 pages in turn, so that every access finds its page gone
// from the TLB. In kseg0 by a handler of four loads and moves (refill.S); as a process by the kernel's.

#include "bench.h"

const char name[] = "tlbrefill";

enum { PAGES = 1024, PAGE = 4096, PAGE_WORDS = PAGE / 4, ROUNDS = 900 };

static uint32_t memory[PAGES][PAGE_WORDS] __attribute__((aligned(2 * PAGE)));

#ifdef USER

static uint32_t (*map(void))[PAGE_WORDS] { return memory; }

#else

enum { BASE = 0x00400000, CACHED_DIRTY_VALID = 3 << 3 | 1 << 2 | 1 << 1 };

// EntryLo of the pages from address 0 on, indexed by what Context holds.
uint32_t page_table[BASE / PAGE + PAGES] __attribute__((aligned(16)));

extern char refill_handler[], refill_handler_end[];

static uint32_t (*map(void))[PAGE_WORDS]
{
    for (uint32_t i = 0; i < PAGES; i++)
        page_table[BASE / PAGE + i] =
            ((uintptr_t)memory[i] & 0x1fffffff) >> 12 << 6 | CACHED_DIRTY_VALID;
    memcpy((void *)KSEG0(0), refill_handler, (size_t)(refill_handler_end - refill_handler));
    for (uintptr_t line = KSEG0(0); line < KSEG0(0x80); line += 16)
        __asm__ volatile("synci 0(%0)" : : "r"(line) : "memory");
    __asm__ volatile("sync\n mtc0 $0, $5\n mtc0 $0, $6\n mtc0 $0, $4\n mtc0 $0, $10\n ehb"
                     : : : "memory");  // PageMask, Wired, Context, EntryHi
    for (uint32_t i = 0; i < 64; i++)  // entries that match nothing
        __asm__ volatile("mtc0 %0, $0\n mtc0 %1, $10\n mtc0 $0, $2\n mtc0 $0, $3\n ehb\n tlbwi\n ehb"
                         : : "r"(i), "r"(KSEG0(i << 13)) : "memory");
    return (void *)BASE;
}

#endif

uint32_t work(void)
{
    uint32_t (*volatile at)[PAGE_WORDS] = map();
    uint32_t (*pages)[PAGE_WORDS] = at, result = 1;
    for (uint32_t round = 0; round < ROUNDS; round++)
        for (uint32_t i = 0; i < PAGES; i++) {
            uint32_t *word = &pages[i * 37 % PAGES][round % PAGE_WORDS];
            result = mix(result, *word);
            *word = result;
        }
    return result;
}
