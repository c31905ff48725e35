// Writing, reading and probing the TLB (MD00090, "TLB-based virtual address translation").
#pragma once

#include "cp0.h"

enum { TLB_ENTRIES = 16 };                         // of a 24K

enum { LO_G = 1, LO_V = 2, LO_D = 4, LO_CACHED = 3 << 3 };

struct tlb_entry {
    uint32_t hi, lo0, lo1, mask;
};

// The EntryLo of a page at a physical address, with V, D, G bits as given.
static inline uint32_t entry_lo(uint32_t pa, uint32_t bits)
{
    return pa >> 6 | LO_CACHED | bits;
}

static inline void tlb_load_registers(struct tlb_entry e)
{
    CP0_WRITE(10, 0, e.hi);
    CP0_WRITE(2, 0, e.lo0);
    CP0_WRITE(3, 0, e.lo1);
    CP0_WRITE(5, 0, e.mask);
}

// Leaves EntryHi (and so the ASID) as it was.
static inline void tlb_write(uint32_t index, struct tlb_entry e)
{
    uint32_t hi = CP0_READ(10, 0);
    tlb_load_registers(e);
    CP0_WRITE(0, 0, index);
    __asm__ volatile("tlbwi\n\tehb" ::: "memory");
    CP0_WRITE(10, 0, hi);
    CP0_WRITE(5, 0, 0);
}

static inline void tlb_write_random(struct tlb_entry e)
{
    uint32_t hi = CP0_READ(10, 0);
    tlb_load_registers(e);
    __asm__ volatile("tlbwr\n\tehb" ::: "memory");
    CP0_WRITE(10, 0, hi);
    CP0_WRITE(5, 0, 0);
}

static inline struct tlb_entry tlb_read(uint32_t index)
{
    uint32_t hi = CP0_READ(10, 0);
    CP0_WRITE(0, 0, index);
    __asm__ volatile("tlbr\n\tehb");
    struct tlb_entry e = { CP0_READ(10, 0), CP0_READ(2, 0), CP0_READ(3, 0), CP0_READ(5, 0) };
    CP0_WRITE(10, 0, hi);
    CP0_WRITE(5, 0, 0);
    return e;
}

// The index of the entry that matches, or a negative number.
static inline int32_t tlb_probe(uint32_t hi)
{
    uint32_t old = CP0_READ(10, 0);
    CP0_WRITE(10, 0, hi);
    __asm__ volatile("tlbp\n\tehb");
    CP0_WRITE(10, 0, old);
    return (int32_t)CP0_READ(0, 0);
}

// No entry matches anything that a program can reach through the TLB.
static inline void tlb_clear(void)
{
    for (uint32_t i = 0; i < TLB_ENTRIES; i++)
        tlb_write(i, (struct tlb_entry){ 0x80000000 + (i << 13), 0, 0, 0 });
}
