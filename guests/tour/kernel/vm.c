// Memory: frames that are counted and shared, and the page tables of the address spaces.
//
// A table entry is what the TLB wants to have in EntryLo, two bits up; the low two are ours.
// Frames are handed out by colour: a frame's kseg0 address and the user address that maps to it
// agree in the bits that may index a cache, so that no line is ever in the cache twice.

#include "cp0.h"
#include "kernel.h"

enum { PTE_COPY = 1 << 0, PTE_V = 1 << 3, PTE_D = 1 << 4, PTE_CACHED = 3 << 5, PTE_FRAME_SHIFT = 8 };
enum { POOL = 0x200000, FRAMES_MIN = 512, FRAMES_MAX = 4096, COLOURS = 8, TABLE_ENTRIES = 1024, TABLE_SPAN = 22 };

pte *directories[SPACES][TABLE_ENTRIES];       // refill_vector walks them
static pte empty_table[TABLE_ENTRIES];

static uint8_t users[FRAMES_MAX];      // how many page tables have the frame
static unsigned frames, free_frames;
static unsigned hint[COLOURS];         // no frame of the colour is free below this one

void vm_init(uint32_t memory)
{
    if (memory < POOL + FRAMES_MIN * PAGE)
        panic("too little memory");
    frames = (memory - POOL) / PAGE;
    if (frames > FRAMES_MAX)
        frames = FRAMES_MAX;
    for (unsigned space = 0; space < SPACES; space++)
        for (unsigned i = 0; i < TABLE_ENTRIES; i++)
            directories[space][i] = empty_table;
    for (unsigned colour = 0; colour < COLOURS; colour++)
        hint[colour] = colour;
    free_frames = frames;
}

unsigned vm_free_frames(void) { return free_frames; }

static char *frame_at(unsigned i) { return (char *)KSEG0(POOL + i * PAGE); }
static unsigned frame_number(const void *frame) { return (unsigned)((char *)frame - frame_at(0)) / PAGE; }
static char *pte_frame(pte e) { return (char *)KSEG0((e >> PTE_FRAME_SHIFT) * PAGE); }

void *frame_alloc(uintptr_t va)
{
    unsigned colour = va / PAGE % COLOURS;
    for (unsigned i = hint[colour]; i < frames; i += COLOURS)
        if (users[i] == 0) {
            hint[colour] = i + COLOURS;
            users[i] = 1;
            free_frames--;
            return hyper_zeroed(frame_at(i)) ? frame_at(i) : memset(frame_at(i), 0, PAGE);
        }
    return NULL;
}

void frame_release(void *frame)
{
    unsigned i = frame_number(frame);
    if (--users[i] != 0)
        return;
    free_frames++;
    if (i < hint[i % COLOURS])
        hint[i % COLOURS] = i;
    hyper_release(frame);
}

static pte *entry(unsigned space, uintptr_t va)
{
    return &directories[space][va >> TABLE_SPAN][va / PAGE % TABLE_ENTRIES];
}

static bool ensure_table(unsigned space, uintptr_t va)
{
    pte **table = &directories[space][va >> TABLE_SPAN];
    if (*table == empty_table) {
        pte *fresh = frame_alloc(0);
        if (!fresh)
            return false;
        *table = fresh;
    }
    return true;
}

bool vm_map(unsigned space, uintptr_t va, void *frame, enum map_flags flags)
{
    if (!ensure_table(space, va))
        return false;
    uint32_t number = ((uintptr_t)frame & 0x1fffffff) / PAGE;
    *entry(space, va) = number << PTE_FRAME_SHIFT | PTE_CACHED | PTE_V |
                        (flags == MAP_WRITE ? PTE_D : 0);
    return true;
}

bool vm_present(unsigned space, uintptr_t va) { return *entry(space, va) & PTE_V; }

// Gives `to` the pages of `from`. What could be written can now only be read, in both, until one
// of them writes. The caller sees to it that the TLB knows.
bool vm_clone(unsigned from, unsigned to)
{
    for (unsigned d = 0; d < TABLE_ENTRIES; d++) {
        pte *table = directories[from][d];
        if (table == empty_table)
            continue;
        if (!ensure_table(to, (uintptr_t)d << TABLE_SPAN))
            return false;
        for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
            if (!(table[i] & PTE_V))
                continue;
            if (table[i] & PTE_D)
                table[i] = (table[i] & ~(pte)PTE_D) | PTE_COPY;
            directories[to][d][i] = table[i];
            users[frame_number(pte_frame(table[i]))]++;
        }
    }
    return true;
}

void vm_clear(unsigned space)
{
    for (unsigned d = 0; d < TABLE_ENTRIES; d++) {
        pte *table = directories[space][d];
        if (table == empty_table)
            continue;
        for (unsigned i = 0; i < TABLE_ENTRIES; i++)
            if (table[i] & PTE_V)
                frame_release(pte_frame(table[i]));
        frame_release(table);
        directories[space][d] = empty_table;
    }
    hyper_flush();
}

// After a store to a page without the D bit: the last user of a shared page may have it, others get
// a copy. False when the page is read-only for good, or there is no memory for a copy.
bool vm_make_writable(unsigned space, uintptr_t va, bool *copied)
{
    pte *e = entry(space, va);
    *copied = false;
    if (!(*e & PTE_COPY))
        return false;
    char *shared = pte_frame(*e);
    if (users[frame_number(shared)] == 1) {
        *e = (*e & ~(pte)PTE_COPY) | PTE_D;
        return true;
    }
    char *own = frame_alloc(va);
    if (!own)
        return false;
    memcpy(own, shared, PAGE);
    frame_release(shared);
    *copied = true;
    return vm_map(space, va, own, MAP_WRITE);
}

// Lets instructions that were just written be fetched: data cache out to memory, then the lines of
// the instruction cache away. Release 1 has no SYNCI, so by CACHE; a step of 16 suits every line size.
void sync_code(void *from, size_t n)
{
    bool icache = read_config1() >> 19 & 7, dcache = read_config1() >> 10 & 7;
    char *end = (char *)from + n;
    for (char *line = from; dcache && line < end; line += 16)
        __asm__ volatile("cache 0x15, 0(%0)" : : "r"(line) : "memory");   // hit write-back invalidate, D
    __asm__ volatile("sync" : : : "memory");
    for (char *line = from; icache && line < end; line += 16)
        __asm__ volatile("cache 0x10, 0(%0)" : : "r"(line) : "memory");   // hit invalidate, I
    hazard();
}
