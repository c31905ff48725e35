// Accesses to every address that there is: through kseg1, through the TLB, at the ends of
// segments (MD00090, "Virtual memory"; MIPS Malta User's Manual, "Memory map").

#include "escape.h"

#include "tlb.h"

PROBE(load_byte, "lbu $2, 0($4)");
PROBE(load_half, "lhu $2, 0($4)");
PROBE(load_word, "lw $2, 0($4)");
PROBE(load_left, "lwl $2, 0($4)");
PROBE(load_right, "lwr $2, 0($4)");
PROBE(load_linked, "ll $2, 0($4)");
PROBE(load_double, "ldc1 $f2, 0($4)");
PROBE(store_byte, "sb $5, 0($4)");
PROBE(store_half, "sh $5, 0($4)");
PROBE(store_word, "sw $5, 0($4)");
PROBE(store_left, "swl $5, 0($4)");
PROBE(store_right, "swr $5, 0($4)");
PROBE(store_conditional, "ll $2, 0($6)\nsc $5, 0($4)");
PROBE(store_double, "sdc1 $f2, 0($4)");
PROBE(slot_load, "b 1f\nlw $2, 0($4)\n1: nop");
PROBE(prefetch, "pref 0, 0($4)\npref 30, 0($4)");
PROBE(synchronise, "synci 0($4)");

static uint32_t *const loads[] = { load_byte, load_half, load_word, load_left, load_right,
                                   load_linked, load_double, slot_load, prefetch, synchronise };
static uint32_t *const stores[] = { store_byte, store_half, store_word, store_left, store_right,
                                    store_conditional, store_double };

static uint32_t access(uint32_t *probe, uint32_t va)
{
    attempt_gpr[4] = va;
    attempt_gpr[5] = any();
    return attempt(ADDRESS(probe));
}

// Ports, bridge and board registers have a stage of their own, which knows what resets the board.
static bool may_store(uint64_t pa)
{
    return pa >= memory_bytes() && !(pa >= 0x18000000 && pa < 0x18020000) &&
           !(pa >= 0x1be00000 && pa < 0x1be01000) && !(pa >= 0x1f000000 && pa < 0x1f100000);
}

static void all_widths(uint32_t va, uint64_t pa)
{
    for (unsigned i = 0; i < 3; i++)
        access(loads[i], va & ~((1u << i) - 1));
    if (may_store(pa))
        for (unsigned i = 0; i < 3; i++)
            access(stores[i], va & ~((1u << i) - 1));
}

void sweep_kseg1(void)
{
    for (uint32_t pa = 0; pa < 0x20000000; pa += 0x40000) {
        uint32_t at = pa + (any() & 0x3fffc);
        all_widths(KSEG1(at), at);
    }
}

enum { HOLE = 0x00400000, INDEX = 3, PFN_BITS = 24 };

// One page of physical memory at HOLE. Where it is our own memory it must be the same as in kseg0.
static void map_and_try(uint32_t lo)
{
    uint64_t pa = (uint64_t)(lo >> 6 & 0xffffff) << 12;
    tlb_write(INDEX, (struct tlb_entry){ HOLE, lo, lo, 0 });
    uint64_t real = (uint64_t)(tlb_read(INDEX).lo0 >> 6) << 12;
    uint32_t offset = any() & 0xffc;
    all_widths(HOLE + offset, real < pa ? real : pa);
    if (real + PAGE <= memory_bytes() && (lo & LO_V) &&
        access(load_word, HOLE + offset) == BP &&
        attempt_end.gpr[2] != *(volatile uint32_t *)KSEG0(real + offset))
        fail("tlb: %x is not %x in kseg0: %08x", HOLE + offset, (uint32_t)real + offset, attempt_end.gpr[2]);
}

void sweep_tlb(void)
{
    tlb_clear();
    for (unsigned bit = 0; bit < PFN_BITS; bit++) {
        uint32_t one = 1u << bit << 6;
        for (uint32_t flags = 0; flags < 64; flags += 7) {
            map_and_try(one | flags);
            map_and_try((~one & 0x3fffffc0) | flags);
            map_and_try((one - 64) | flags);
        }
    }
    for (unsigned i = 0; i < 1000; i++)
        map_and_try(any());
    tlb_clear();
}

void boundaries(void)
{
    uint32_t end = KSEG0(memory_bytes());
    const uint32_t edges[] = { 0, 0x80000000, 0xa0000000, 0xc0000000, 0xe0000000, end,
                               KSEG1(memory_bytes()), 0xff200000, 0xff300000, 0x20000000 };
    for (unsigned mode = 0; mode < 3; mode++)
        for (unsigned i = 0; i < sizeof edges / sizeof *edges; i++)
            for (uint32_t va = edges[i] - 9; va != edges[i] + 9; va++) {
                uint32_t pa = va & 0x1fffffff;
                bool own = va >= 0x80000000 && va < 0xc0000000 && pa < 0x100000;
                attempt_status = mode == 1 ? STATUS_CU1 : mode == 2 ? STATUS_CU1 | STATUS_FR : 0;
                attempt_gpr[6] = DATA;
                for (unsigned k = 0; k < sizeof loads / sizeof *loads; k++)
                    access(loads[k], va);
                for (unsigned k = 0; !own && k < sizeof stores / sizeof *stores; k++)
                    access(stores[k], va);
            }
}
