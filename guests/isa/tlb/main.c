// The TLB: its instructions, its exceptions, and programs that live on it (MD00090, "TLB-based
// virtual address translation", "TLB refill", "TLB invalid", "TLB modified" exceptions).
//
// Which entry TLBWR replaces is the processor's business, so nothing here depends on it. No two
// entries ever match one address.

#include "check.h"
#include "console.h"
#include "tlb.h"
#include "trap.h"

SNIPPET(load, "addiu $24, $24, 1\nlw $2, 0($4)");
SNIPPET(store, "addiu $24, $24, 1\nsw $5, 0($4)\nmove $2, $5");
SNIPPET(load_slot, "addiu $24, $24, 1\nb 1f\nlw $2, 0($4)\n1:");
SNIPPET(store_slot, "addiu $24, $24, 1\nbnel $4, $0, 1f\nsw $5, 0($4)\n1: move $2, $5");
SNIPPET(fetch, "jr $4\naddiu $24, $24, 1");
SNIPPET(load_half, "lhu $2, 0($4)");
SNIPPET(load_left, "lwl $2, 0($4)");
SNIPPET(store_right, "swr $5, 0($4)");

static void show(const char *name, snippet *code, uint32_t address)
{
    trap_try(code, address, 0x600d, 0);
    trap_show(name, code);
}

static void show_user(const char *name, snippet *code, uint32_t address)
{
    user_try(code, address, 0x600d, 0);
    trap_show(name, code);
}

static void put(uint32_t at, uint32_t word)
{
    *(volatile uint32_t *)at = word;
    __asm__ volatile("synci 0(%0)\n\tsync" ::"r"(at) : "memory");
}

enum { JR_RA = 0x03e00008, NOP = 0, LI_V0 = 0x24020000, ADDIU_V0_A0 = 0x24820000, B_2 = 0x10000002 };

// A function at a physical address: gives its first argument plus n.
static void put_function(uint32_t pa, uint32_t n)
{
    put(KSEG0(pa), ADDIU_V0_A0 | n);
    put(KSEG0(pa + 4), JR_RA);
    put(KSEG0(pa + 8), NOP);
}

static uint32_t word_at(uint32_t address) { return *(volatile uint32_t *)address; }
static void set_word(uint32_t address, uint32_t v) { *(volatile uint32_t *)address = v; }

enum { PAGES = 0x00800000, VDG = LO_V | LO_D | LO_G, VD = LO_V | LO_D };

static void refills(void)
{
    static const uint32_t address[] = { 0, 0x1000, 0x2ffc, 0x00400120, 0x7fffeff8, 0x7ffffffc,
                                        0xc0000000, 0xdffff004, 0xe0001234, 0xfffffff0 };
    tlb_clear();
    CP0_WRITE(4, 0, 0xab800000);                   // Context.PTEBase
    CP0_WRITE(10, 0, 0x5a);                        // ASID
    for (unsigned i = 0; i < sizeof address / sizeof *address; i++) {
        show("refill load", load, address[i]);
        show("refill store", store, address[i]);
        show("refill fetch", fetch, address[i]);
    }
    show("refill load slot", load_slot, 0x12345678);
    show("refill store slot", store_slot, 0x12345678);
    show("refill lwl", load_left, 0x12345679);
    show("refill swr", store_right, 0x1234567a);
    show("misaligned first", load_half, 0x12345679);
    show("misaligned kseg2", load, 0xc0000002);
    CP0_WRITE(4, 0, 0x54000000);
    show("other pte base", load, 0x12345678);
    CP0_WRITE(10, 0, 0);
}

static void invalid_and_modified(void)
{
    tlb_clear();
    CP0_WRITE(10, 0, 0);
    set_word(KSEG0(PAGES), 0x11111111);
    set_word(KSEG0(PAGES + 0x1000), 0x22222222);
    tlb_write(3, (struct tlb_entry){ 0x00400000, entry_lo(PAGES, LO_V | LO_G), entry_lo(PAGES + 0x1000, LO_D | LO_G), 0 });
    show("even valid", load, 0x00400000);
    show("even clean store", store, 0x00400008);
    show("even clean slot", store_slot, 0x00400008);
    show("even clean swr", store_right, 0x00400009);
    show("odd invalid load", load, 0x00401000);
    show("odd invalid store", store, 0x00401000);
    show("odd invalid fetch", fetch, 0x00401000);
    show("odd invalid slot", load_slot, 0x00401004);
    show("next page", load, 0x00402000);
    tlb_write(4, (struct tlb_entry){ 0xc0000000, entry_lo(PAGES, LO_G), entry_lo(PAGES + 0x1000, VDG), 0 });
    show("kseg2 invalid", load, 0xc0000000);
    show("kseg2 valid", load, 0xc0001000);
    show("kseg2 store", store, 0xc0001000);
    report("stored", mix_block(0, (volatile uint32_t *)KSEG0(PAGES + 0x1000), 4));

    user_map();                                    // entry 0
    show_user("user clean store", store, 0x00400008);
    show_user("user clean load", load, 0x00400000);
    show_user("user invalid", load, 0x00401ffc);
    show_user("user refill", load, 0x00402000);
    show_user("user refill slot", store_slot, 0x7fff8000);
    show_user("user kseg2", load, 0xc0001000);
    show_user("user kseg0", store, 0x80400000);
    show_user("user fetch refill", fetch, 0x00600000);
    show_user("user fetch invalid", fetch, 0x00401000);
}

// A branch as the last word of a page, its slot on the next one.
static void slot_on_next_page(void)
{
    tlb_clear();
    put(KSEG0(PAGES + 0xffc), B_2);
    put(KSEG0(PAGES + 0x1000), LI_V0 | 7);
    put(KSEG0(PAGES + 0x1004), NOP);
    put(KSEG0(PAGES + 0x1008), JR_RA);
    put(KSEG0(PAGES + 0x100c), NOP);
    // Odd page then nothing: refill. Even page then an invalid odd one: invalid.
    tlb_write(2, (struct tlb_entry){ 0x00400000, 0, entry_lo(PAGES, VDG), 0 });
    tlb_write(3, (struct tlb_entry){ 0x00500000, entry_lo(PAGES, VDG), LO_G, 0 });
    // With G in one half only the entry is not global, and has ASID 0 here.
    show("slot refill", fetch, 0x00401ffc);
    show("slot invalid", fetch, 0x00500ffc);
    tlb_write(3, (struct tlb_entry){ 0x00500000, entry_lo(PAGES, VDG), entry_lo(PAGES + 0x1000, VDG), 0 });
    show("slot mapped", fetch, 0x00500ffc);
    tlb_write(3, (struct tlb_entry){ 0x00500000, entry_lo(PAGES, VDG), entry_lo(PAGES + 0x3000, VDG), 0 });
    put(KSEG0(PAGES + 0x3000), LI_V0 | 9);
    put(KSEG0(PAGES + 0x3004), NOP);
    put(KSEG0(PAGES + 0x3008), JR_RA);
    put(KSEG0(PAGES + 0x300c), NOP);
    show("slot remapped", fetch, 0x00500ffc);

    // Straight-line code that runs off its page.
    put(KSEG0(PAGES + 0xffc), LI_V0 | 3);
    show("run off, refill", fetch, 0x00401ffc);
    show("run off, mapped", fetch, 0x00500ffc);
}

// J takes the upper bits of the address of its delay slot.
static void jump_regions(void)
{
    tlb_clear();
    put(KSEG0(PAGES + 0xff8), 0x08000000 | 0x00300000 >> 2);          // j 0x.0300000
    put(KSEG0(PAGES + 0xffc), NOP);
    put(KSEG0(PAGES + 0x1000), NOP);
    put_function(PAGES + 0x2000, 2);
    put_function(PAGES + 0x3000, 3);
    tlb_write(1, (struct tlb_entry){ 0x0fffe000, LO_G, entry_lo(PAGES, VDG), 0 });
    tlb_write(2, (struct tlb_entry){ 0x10000000, entry_lo(PAGES + 0x1000, VDG), LO_G, 0 });
    tlb_write(3, (struct tlb_entry){ 0x00300000, entry_lo(PAGES + 0x2000, VDG), LO_G, 0 });
    tlb_write(4, (struct tlb_entry){ 0x10300000, entry_lo(PAGES + 0x3000, VDG), LO_G, 0 });
    show("j below the edge", fetch, 0x0ffffff8);
    put(KSEG0(PAGES + 0xffc), 0x08000000 | 0x00300000 >> 2);
    show("j at the edge", fetch, 0x0ffffffc);
}

static void asids(void)
{
    tlb_clear();
    for (uint32_t i = 0; i < 8; i++)
        set_word(KSEG0(PAGES + (i << 12)), 0x1000 + i);
    tlb_write(1, (struct tlb_entry){ 0x00400001, entry_lo(PAGES, VD), entry_lo(PAGES + 0x1000, VD), 0 });
    tlb_write(2, (struct tlb_entry){ 0x00400002, entry_lo(PAGES + 0x2000, VD), entry_lo(PAGES + 0x3000, VD), 0 });
    tlb_write(3, (struct tlb_entry){ 0x00500003, entry_lo(PAGES + 0x4000, VDG), entry_lo(PAGES + 0x5000, VDG), 0 });
    tlb_write(4, (struct tlb_entry){ 0x00600001, entry_lo(PAGES + 0x6000, VDG), entry_lo(PAGES + 0x7000, VD), 0 });
    for (uint32_t asid = 0; asid < 4; asid++) {
        CP0_WRITE(10, 0, asid);
        printf("asid %u\n", asid);
        show("own even", load, 0x00400000);
        show("own odd", load, 0x00401000);
        show("global", load, 0x00500000);
        show("half global", load, 0x00600000);
    }
    CP0_WRITE(10, 0, 0);
    printf("probe %d %d %d %d %d\n", tlb_probe(0x00400001), tlb_probe(0x00400002) ,
           tlb_probe(0x00401001), tlb_probe(0x00500077), tlb_probe(0x00600001));
    printf("probe none %d %d %d\n", tlb_probe(0x00400003) < 0, tlb_probe(0x00600002) < 0,
           tlb_probe(0x00700000) < 0);

    // One address, two address spaces, switched all the time; data and code.
    put_function(PAGES + 0x10, 100);
    put_function(PAGES + 0x2010, 200);
    uint32_t h = 0;
    for (unsigned i = 0; i < 600; i++) {
        CP0_WRITE(10, 0, i % 3 == 0 ? 2 : 1);
        h = mix(h, word_at(0x00400000));
        h = mix(h, ((snippet *)0x00400010)(i, 0, 0));
        set_word(0x00401000, h);
        h = mix(h, word_at(KSEG0(PAGES + 0x3000)));
        h = mix(h, word_at(0x00500000 + (i & 1) * 0x1000));
    }
    CP0_WRITE(10, 0, 0);
    report("asid_switches", h);
}

// Every page size, both halves: the first and last words, and what lies behind the pair.
static void page_sizes(void)
{
    for (uint32_t size = 0x1000; size <= 0x10000000; size *= 4) {
        tlb_clear();
        uint32_t even = size <= 0x01000000 ? 0x01000000 : 0;
        uint32_t odd = size <= 0x01000000 ? 0x03000000 : size == 0x04000000 ? 0x04000000 : 0;
        uint32_t va = 0x20000000, h = 0;
        tlb_write(7, (struct tlb_entry){ va, entry_lo(even, VDG), entry_lo(odd, VDG), (size - 1) * 2 & 0x1fffe000 });
        for (uint32_t at = 0; at < 5; at++) {
            uint32_t offset = at == 0 ? 0x50000 % size : at == 1 ? 0x50004 % size : at == 2 ? size / 2 : at == 3 ? size / 4 + 8 : size - 4;
            uint32_t in_even = even + offset, in_odd = odd + offset;
            if (in_even < 0x08000000 && in_even >= 0x40000) {
                set_word(va + offset, size + at);
                h = mix(h, word_at(KSEG0(in_even)));
            }
            if (in_odd < 0x08000000 && in_odd >= 0x40000) {
                set_word(KSEG0(in_odd), size * 3 + at);
                h = mix(h, word_at(va + size + offset));
            }
        }
        h = mix(h, trap_try(load, va + 2 * size, 0, 0));
        h = mix(h, trap.badvaddr);
        h = mix(h, trap_try(load, va - 4, 0, 0));
        h = mix(h, (uint32_t)tlb_probe(va + size * 2 - 0x2000));
        struct tlb_entry e = tlb_read(7);
        h = mix(h, e.mask);
        report_value("page_size", h, e.mask);
    }
}

// What is written is what is read, for the bits that are defined.
static void read_back(void)
{
    uint32_t h = 0, seed = 77;
    for (unsigned round = 0; round < 20; round++) {
        for (uint32_t i = 0; i < TLB_ENTRIES; i++) {
            uint32_t r = next_random(&seed), s = next_random(&seed);
            tlb_write(i, (struct tlb_entry){ 0x40000000 | i << 20 | (r & 0xe0ff), r >> 6 & 0x000ffff7, s >> 6 & 0x000ffff7, 0 });
        }
        for (uint32_t i = 0; i < TLB_ENTRIES; i++) {
            struct tlb_entry e = tlb_read(TLB_ENTRIES - 1 - i);
            h = mix(mix(mix(mix(h, e.hi), e.lo0), e.lo1), e.mask);
        }
    }
    report("read_back", h);
    tlb_write(5, (struct tlb_entry){ 0x40012077, entry_lo(PAGES, VDG), entry_lo(PAGES, VDG), 0 });
    struct tlb_entry e = tlb_read(5);
    printf("entry  hi %08x lo %08x %08x mask %08x\n", e.hi, e.lo0, e.lo1, e.mask);
    tlb_write(5, (struct tlb_entry){ 0x40012077, entry_lo(PAGES, VDG), entry_lo(PAGES, VD), 0 });
    e = tlb_read(5);                               // G only when both halves had it
    printf("half G hi %08x lo %08x %08x mask %08x\n", e.hi, e.lo0, e.lo1, e.mask);
    tlb_clear();
}

static void wired(void)
{
    for (uint32_t bound = 0; bound < TLB_ENTRIES; bound++) {
        tlb_clear();
        CP0_WRITE(6, 0, bound);
        uint32_t out = 0, random_out = 0;
        for (uint32_t i = 0; i < 60; i++) {
            uint32_t hi = 0x40000000 + (i << 13);
            tlb_write_random((struct tlb_entry){ hi, LO_G, LO_G, 0 });
            int32_t at = tlb_probe(hi);
            out += at < (int32_t)bound || at >= TLB_ENTRIES;
            uint32_t random = CP0_READ(1, 0);
            random_out += random < bound || random >= TLB_ENTRIES;
        }
        uint32_t kept = 0;
        for (uint32_t i = 0; i < bound; i++)
            kept += tlb_read(i).hi == 0x80000000 + (i << 13);
        printf("wired %u: out of bounds %u %u, kept %u\n", CP0_READ(6, 0), out, random_out, kept);
    }
    CP0_WRITE(6, 0, 0);
    tlb_clear();
}

// ERL makes kuseg a window on the physical addresses, whatever the TLB says.
SNIPPET(load_erl,
        "mfc0 $8, $12\nori $9, $8, 4\nmtc0 $9, $12\nehb\nlw $2, 0($4)\nsw $5, 4($4)\n"
        "mtc0 $8, $12\nehb\n");

static void error_level(void)
{
    tlb_clear();
    set_word(KSEG0(0x40000), 0x0e0e0e0e);
    set_word(KSEG0(PAGES), 0x0f0f0f0f);
    tlb_write(1, (struct tlb_entry){ 0x00040000, entry_lo(PAGES, VDG), LO_G, 0 });
    show("mapped", load, 0x00040000);
    show("erl", load_erl, 0x00040000);
    show("mapped again", load, 0x00040000);
    printf("erl stored %08x\n", word_at(KSEG1(0x40004)));
    uint32_t h = 0;
    for (unsigned i = 0; i < 300; i++) {
        h = mix(h, i & 1 ? load(0x00040000, 0, 0) : load_erl(0x00040000, i, 0));
        h = mix(h, word_at(KSEG1(0x40004)));
    }
    report("erl_switches", h);
}

// A small operating system: pages come in on demand, clean; the first store makes them dirty.
enum { SPACE = 0x00400000, SPACE_PAGES = 64 };
static uint32_t page_dirty[SPACE_PAGES / 32];
static uint32_t hook_errors;

static bool page_in(struct trap *t)
{
    if (trap_code() == SYS)                        // a user's way out
        return false;
    uint32_t hi = CP0_READ(10, 0), bad = t->badvaddr;
    uint32_t page = (bad - SPACE) >> 12 & ~1u;
    if (trap_code() < MOD || trap_code() > TLBS || bad - SPACE >= SPACE_PAGES << 12) {
        hook_errors++;
        return false;
    }
    uint32_t odd = (bad - SPACE) >> 12;
    if (trap_code() == MOD)
        page_dirty[odd / 32] |= 1u << odd % 32;
    uint32_t lo[2];
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t p = page + i, frame = (p * 5 + 3) % SPACE_PAGES;
        uint32_t dirty = page_dirty[p / 32] >> p % 32 & 1;
        lo[i] = entry_lo(PAGES + (frame << 12), LO_V | (dirty ? LO_D : 0));
    }
    struct tlb_entry e = { (bad & ~0x1fffu) | (hi & 0xff), lo[0], lo[1], 0 };
    int32_t at = tlb_probe(e.hi);
    if (at < 0)
        tlb_write_random(e);
    else
        tlb_write((uint32_t)at, e);
    return true;
}

SNIPPET(walk,                                      // a0: start, a1: end, a2: stride
        "move $8, $4\nli $2, 0\n1: lw $9, 0($8)\naddu $2, $2, $9\nrotr $2, $2, 1\n"
        "addu $8, $8, $6\nsltu $9, $8, $5\nbnez $9, 1b\nnop");
SNIPPET(walk_and_write,
        "move $8, $4\nli $2, 0\n1: lw $9, 0($8)\naddu $2, $2, $9\nandi $10, $9, 0xc\n"
        "addu $8, $8, $6\nbnez $10, 2f\nsltu $11, $8, $5\nsubu $12, $8, $6\nsw $2, 4($12)\n"
        "2: bnez $11, 1b\nrotr $2, $2, 1\n");
SNIPPET(walk_unaligned,
        "move $8, $4\nli $2, 0\n1: lwl $9, 2($8)\nlwr $9, 1($8)\nxor $2, $2, $9\nswl $2, 6($8)\n"
        "addu $8, $8, $6\nsltu $9, $8, $5\nbnez $9, 1b\nrotr $2, $2, 1");

typedef uint32_t try_function(snippet *code, uint32_t a0, uint32_t a1, uint32_t a2);

static void demand(const char *name, snippet *code, try_function *try)
{
    uint32_t h = 0;
    tlb_clear();                                   // a dirty entry would hide a first store
    user_map();
    CP0_WRITE(6, 0, 1);
    for (uint32_t i = 0; i < SPACE_PAGES / 32; i++)
        page_dirty[i] = 0;
    for (uint32_t i = 0; i < SPACE_PAGES << 10; i++)
        set_word(KSEG0(PAGES + i * 4), i * 0x9e3779b1);
    trap.hook = page_in;
    for (uint32_t stride = 0x7f4; stride < 0x5000; stride += 0x3fc) {
        try(code, SPACE + stride % 0x800, SPACE + (SPACE_PAGES << 12) - 8, stride);
        h = mix(h, trap.result);
    }
    trap.hook = NULL;
    h = mix_block(h, (volatile uint32_t *)KSEG0(PAGES), SPACE_PAGES << 10);
    h = mix_block(h, page_dirty, SPACE_PAGES / 32);
    report_value(name, h, hook_errors);
}

// Code that is paged in on demand: functions on all pages call each other in a chain.
static void demand_code(void)
{
    for (uint32_t p = 0; p < SPACE_PAGES; p++) {
        uint32_t frame = (p * 5 + 3) % SPACE_PAGES, at = KSEG0(PAGES + (frame << 12) + 0x20 * p);
        uint32_t next = (p * 11 + 7) % SPACE_PAGES, next_va = SPACE + (next << 12) + 0x20 * next;
        put(at, 0x24840000 | p * 3);                               // addiu a0, a0, 3p
        put(at + 4, 0x24a5ffff);                                   // addiu a1, a1, -1
        put(at + 8, 0x10a00003);                                   // beqz a1, +3
        put(at + 12, 0x00241021);                                  // addu v0, at, a0
        put(at + 16, 0x08000000 | (next_va >> 2 & 0x03ffffff));    // j next
        put(at + 20, 0x00042042);                                  // srl a0, a0, 1
        put(at + 24, JR_RA);
        put(at + 28, NOP);
    }
    uint32_t h = 0;
    trap.hook = page_in;
    for (uint32_t i = 0; i < 40; i++) {
        (i & 1 ? user_try : trap_try)((snippet *)(SPACE), i * 1000, 30 + i, 0);
        h = mix(h, trap.result);
    }
    trap.hook = NULL;
    report_value("demand_code", h, hook_errors);
}

// The same address leads elsewhere after each write of the entry; data and code, again hot.
static void remapping(void)
{
    tlb_clear();
    for (uint32_t i = 0; i < 4; i++) {
        put_function(PAGES + (i << 12), 10 * i + 1);
        set_word(KSEG0(PAGES + (i << 12) + 0x100), 0x01010101 * i);
    }
    uint32_t h = 0;
    for (uint32_t i = 0; i < 800; i++) {
        if (i % 5 == 0)
            tlb_write(2, (struct tlb_entry){ 0x00400000, entry_lo(PAGES + (i / 5 % 4 << 12), VDG), entry_lo(PAGES + (i / 7 % 4 << 12), VDG), 0 });
        h = mix(h, ((snippet *)0x00400000)(i, 0, 0));
        h = mix(h, ((snippet *)0x00401000)(i, 0, 0));
        h = mix(h, word_at(0x00400100));
        h = mix(h, word_at(0x00401100));
    }
    report("remapping", h);

    // Taken away, and given back: the exception comes although the page was in use.
    uint32_t faults = 0;
    for (uint32_t i = 0; i < 400; i++) {
        uint32_t bits = i % 4 == 0 ? LO_G : i % 4 == 1 ? LO_G | LO_V : VDG;
        tlb_write(2, (struct tlb_entry){ 0x00400000, entry_lo(PAGES, bits), LO_G, 0 });
        faults += trap_try(store, 0x00400200, i, 0) << 16;
        h = mix(h, trap.count ? trap_code() : 0);
        faults += trap_try(load, 0x00400200, 0, 0);
        h = mix(h, trap.count ? trap_code() : trap.result);
        h = mix(h, trap_try(fetch, 0x00400000, 0, 0));
    }
    report_value("revoked", h, faults);
}

int main(void)
{
    chapter("tlb");
    CP0_WRITE(6, 0, 0);
    refills();
    invalid_and_modified();
    slot_on_next_page();
    jump_regions();
    asids();
    page_sizes();
    read_back();
    wired();
    error_level();

    demand("demand_read", walk, trap_try);
    demand("demand_write", walk_and_write, trap_try);
    demand("demand_unaligned", walk_unaligned, trap_try);
    demand("user_read", walk, user_try);
    demand("user_write", walk_and_write, user_try);
    demand_code();
    CP0_WRITE(6, 0, 0);
    remapping();
    report_end();
    return 0;
}
