// The TLB and the ASIDs.
//
// The TLB is a cache of page table entries that software fills: refill_vector (entry.S) writes at
// random, above the wired entries; this file makes entries go away when a page table changed.
// Follows MIPS32 PRA vol. III, "TLB-based virtual address translation".

#include "cp0.h"
#include "kernel.h"

// So few that the tour sees them run out; the CPU has 256. Number 0 is never dealt.
enum { ASIDS = 8, SPACE_SHIFT = 23, PAIR = 0x1fff };
enum { LO_G = 1 << 0, LO_V = 1 << 1, LO_CACHED = 3 << 3, LO_FRAME_SHIFT = 6 };

uint32_t asid_rounds = 1;
static uint32_t asid_next = 1;

unsigned tlb_entries(void) { return ((read_config1() >> 25) & 0x3f) + 1; }

static void write_indexed(unsigned index, uint32_t hi, uint32_t lo0, uint32_t lo1)
{
    write_index(index);
    write_entryhi(hi);
    write_entrylo0(lo0);
    write_entrylo1(lo1);
    hazard();
    __asm__ volatile("tlbwi" : : : "memory");
    hazard();
}

// An entry that matches nothing: kseg0 addresses do not go through the TLB. Each is different,
// because two entries must never match the same address.
static void write_unused(unsigned index)
{
    write_indexed(index, 0x80000000u + index * (PAIR + 1), 0, 0);
}

static void forget_all(unsigned from)
{
    for (unsigned i = from; i < tlb_entries(); i++)
        write_unused(i);
}

void tlb_init(void)
{
    write_pagemask(0);                 // pages of 4 KiB
    write_wired(0);
    forget_all(0);
}

// Maps one read-only page in every address space, out of reach of the refill handler's random writes.
void tlb_wire(unsigned entry, uintptr_t va, void *frame)
{
    uint32_t number = ((uintptr_t)frame & 0x1fffffff) / PAGE;
    write_indexed(entry, va & ~(uintptr_t)PAIR,
                  number << LO_FRAME_SHIFT | LO_CACHED | LO_V | LO_G, LO_G);
    write_wired(entry + 1);
    hazard();
}

// Drops the entry for `va` in the current address space: its page table entry has changed.
void tlb_forget(uintptr_t va)
{
    uint32_t asid = read_entryhi() & 0xff;
    write_entryhi((va & ~(uintptr_t)PAIR) | asid);
    hazard();
    __asm__ volatile("tlbp");
    hazard();
    int32_t index = (int32_t)read_index();
    if (index >= 0)                    // the top bit says: not found
        write_unused((unsigned)index);
    write_entryhi(asid);
    hazard();
}

// Makes an address space the current one. Entries of different ASIDs live in the TLB side by side.
// When the ASIDs are all dealt, every process loses its own and the TLB is emptied; then they are dealt again.
void asid_use(struct asid *asid, unsigned space)
{
    if (asid->generation != asid_rounds) {
        if (asid_next == ASIDS) {
            asid_rounds++;
            asid_next = 1;
            forget_all(1);             // all but the wired one
        }
        asid->number = asid_next++;
        asid->generation = asid_rounds;
    }
    write_entryhi(asid->number);
    write_context(space << SPACE_SHIFT);
    hazard();
}
