// Code that changes: written, rewritten, moved and seen through two mappings (MD00086,
// "SYNCI", "CACHE", "JR.HB"; MD00090, "Instruction hazards").
//
// The cases named "synci", "cache", "kseg1" do what the manual asks of a program. Those named
// "coherent" leave the cache instructions out: a real core with split caches may run the old
// code, but this board has no caches to be stale, and mirrorball promises what QEMU does.
// A jump lies between the store and the changed code in every case: without one, QEMU goes on
// with the block that it has translated.

#include "check.h"
#include "console.h"
#include "tlb.h"
#include "trap.h"

enum { CODE = 0x00800000, JR_RA = 0x03e00008, JR_HB_RA = 0x03e00408, NOP = 0,
       ADDIU_V0_A0 = 0x24820000, ADDIU_V0_V0 = 0x24420000, XORI_V0_V0 = 0x38420000,
       LI_V0 = 0x24020000, ROTR_V0_1 = 0x00221042 };

static void store(uint32_t at, uint32_t word) { *(volatile uint32_t *)at = word; }
static uint32_t fetch(uint32_t at) { return *(volatile uint32_t *)at; }

static void hazard(void)                           // JR.HB back into C
{
    __asm__ volatile("sync\n.set push\n.set noreorder\n.set noat\nla $1, 1f\njr.hb $1\nnop\n1:\n.set pop" ::: "memory");
}

static void by_synci(uint32_t at)
{
    __asm__ volatile("synci 0(%0)" ::"r"(at) : "memory");
    hazard();
}

static void by_cache(uint32_t at)
{
    __asm__ volatile("cache 0x15, 0(%0)\n\tsync\n\tcache 0x10, 0(%0)" ::"r"(at) : "memory");
    hazard();
}

static void by_nothing(uint32_t at)
{
    (void)at;
    hazard();
}

typedef void sync_function(uint32_t at);

static uint32_t call(uint32_t at, uint32_t a0, uint32_t a1)
{
    return ((snippet *)(uintptr_t)at)(a0, a1, at);
}

static void put(uint32_t at, uint32_t word)
{
    store(at, word);
    by_synci(at);
}

// A function of one instruction is written again before every call.
static void rewritten(const char *name, sync_function *sync, uint32_t at)
{
    uint32_t h = 0;
    put(at, NOP);
    put(at + 4, JR_RA);
    put(at + 8, NOP);
    for (uint32_t i = 0; i < 500; i++) {
        store(at, ADDIU_V0_A0 | (i * 7 & 0x7fff));
        sync(at);
        h = mix(h, call(at, i, 0));
    }
    report(name, h);
}

// The same, but each version runs hot before it is replaced; in turn the first instruction, the
// one in the delay slot and the jump itself are the ones to change.
static void rewritten_hot(const char *name, sync_function *sync, uint32_t at)
{
    uint32_t h = 0;
    put(at, LI_V0 | 1);
    put(at + 4, ADDIU_V0_V0 | 1);
    put(at + 8, JR_RA);
    put(at + 12, NOP);
    for (uint32_t round = 0; round < 30; round++) {
        uint32_t which = at + round % 3 * 4 + (round % 3 == 2) * 4;
        store(which, (round & 1 ? ADDIU_V0_V0 : XORI_V0_V0) | (round * 31 + 1));
        sync(which);
        for (uint32_t i = 0; i < 300; i++)
            h = mix(h, call(at, i, round));
    }
    report(name, h);
}

// A loop that changes its own body, for the next round; and the instruction just ahead.
SNIPPET(own_body,
        "li $2, 0\nla $9, 2f\nlw $10, 0($9)\nmove $11, $10\n"
        "1: rotr $2, $2, 3\n2: addiu $2, $2, 1\naddiu $11, $11, 1\nsw $11, 0($9)\n"
        "synci 0($9)\nsync\nla $12, 3f\njr.hb $12\nnop\n3: addiu $4, $4, -1\nbgtz $4, 1b\nnop\n"
        "sw $10, 0($9)\nsynci 0($9)\nsync\nla $12, 4f\njr.hb $12\nnop\n4:");
SNIPPET(just_ahead,
        "li $2, 0\nla $9, 2f\nlw $10, 0($9)\nmove $11, $10\n"
        "1: addiu $11, $11, 1\nsw $11, 0($9)\nsynci 0($9)\nsync\nla $12, 2f\njr.hb $12\nrotr $2, $2, 3\n"
        "2: addiu $2, $2, 1\naddiu $4, $4, -1\nbgtz $4, 1b\nnop\n"
        "sw $10, 0($9)\nsynci 0($9)\nsync\nla $12, 4f\njr.hb $12\nnop\n4:");

static void self_changing(const char *name, snippet *code)
{
    uint32_t h = 0;
    for (uint32_t i = 0; i < 8; i++)
        h = mix(h, code(100 + i * 60, 0, 0));
    report(name, h);
}

// Data beside code: stores to the page, even to the line, of code that runs, leaving it alone.
static void data_beside_code(void)
{
    uint32_t at = KSEG0(CODE + 0x5000), h = 0;
    static const uint32_t counter[] = {            // counts in a word right behind itself
        0x8cc20018,                                // lw v0, 24(a2)
        0x00441021,                                // addu v0, v0, a0
        0xacc20018,                                // sw v0, 24(a2)
        0x00021080 | 2 << 6 | 2 << 11,             // sll v0, v0, 2
        JR_RA, NOP, 0,
    };
    for (uint32_t i = 0; i < 7; i++)
        put(at + 4 * i, counter[i]);
    for (uint32_t i = 0; i < 2000; i++)
        h = mix(h, call(at, i, 0));
    report_value("data_beside_code", h, fetch(at + 24));
}

// A page copied over another, whole functions at a time, by words, bytes and halves.
static void copied(void)
{
    uint32_t h = 0, to = KSEG0(CODE + 0x8000);
    for (uint32_t f = 0; f < 4; f++) {
        uint32_t from = KSEG0(CODE + 0x6000 + f * 0x400);
        for (uint32_t i = 0; i < 16; i++)
            put(from + 4 * i, i % 3 ? ROTR_V0_1 : ADDIU_V0_V0 | (f * 1000 + i));
        put(from, ADDIU_V0_A0 | f);
        put(from + 64, JR_RA);
        put(from + 68, NOP);
    }
    for (uint32_t i = 0; i < 300; i++) {
        uint32_t from = KSEG0(CODE + 0x6000 + h % 4 * 0x400);
        if (i % 3 == 0)
            for (uint32_t k = 0; k < 72; k += 4)
                store(to + k, fetch(from + k));
        else if (i % 3 == 1)
            for (uint32_t k = 0; k < 72; k++)
                *(volatile uint8_t *)(to + k) = *(volatile uint8_t *)(from + k);
        else
            for (uint32_t k = 0; k < 72; k += 2)
                *(volatile uint16_t *)(to + k) = *(volatile uint16_t *)(from + k);
        for (uint32_t k = 0; k < 72; k += 16)
            by_synci(to + k);
        by_synci(to + 71);
        for (uint32_t k = 0; k < 1 + i % 7; k++)
            h = mix(h, call(to, i + k, 0));
    }
    report("copied", h);
}

// Code over a page boundary; the second page alone changes.
static void over_pages(void)
{
    uint32_t at = KSEG0(CODE + 0xaff8), h = 0;
    put(at, ADDIU_V0_A0 | 1);
    put(at + 4, ROTR_V0_1);
    put(at + 12, JR_RA);
    put(at + 16, NOP);
    for (uint32_t i = 0; i < 400; i++) {
        if (i % 20 == 0)
            put(at + 8, ADDIU_V0_V0 | i);
        if (i % 50 == 49)
            put(at, ADDIU_V0_A0 | i);
        h = mix(h, call(at, i, 0));
    }
    report("over_pages", h);
}

// Written through one address, run through another.
static void aliased(const char *name, uint32_t write, uint32_t run, sync_function *sync)
{
    uint32_t h = 0;
    by_cache(run);                                 // nothing of it is left in a cache
    store(write + 4, JR_RA);
    store(write + 8, NOP);
    for (uint32_t i = 0; i < 400; i++) {
        if (i % 4 == 0)
            store(write, ADDIU_V0_A0 | (i * 3 & 0x7fff));
        sync(run);
        h = mix(h, call(run, i, 0));
    }
    report(name, h);
}

static void by_hit_invalidate(uint32_t at)         // of instructions alone: memory is up to date
{
    __asm__ volatile("cache 0x10, 0(%0)" ::"r"(at) : "memory");
    hazard();
}

static void tlb_aliases(void)
{
    tlb_clear();
    tlb_write(1, (struct tlb_entry){ 0x00400000, entry_lo(CODE + 0xc000, LO_V | LO_D | LO_G), entry_lo(CODE + 0xd000, LO_V | LO_D | LO_G), 0 });
    tlb_write(2, (struct tlb_entry){ 0x00600000, entry_lo(CODE + 0xc000, LO_V | LO_G), entry_lo(CODE + 0xd000, LO_V | LO_G), 0 });
    aliased("tlb_synci", 0x00400000, 0x00600000, by_synci);
    aliased("tlb_kseg0", KSEG0(CODE + 0xc000), 0x00400010 - 0x10, by_synci);
    aliased("kseg0_tlb", 0x00401100, KSEG0(CODE + 0xd100), by_synci);
    aliased("tlb_coherent", 0x00400200, 0x00600200, by_nothing);
    aliased("tlb_kseg1", KSEG1(CODE + 0xc300), 0x00600300, by_hit_invalidate);
}

// Execution from a page that user code writes and runs itself: a small JIT of its own.
SNIPPET(user_writer,                               // a0: where, a1: how often
        "move $28, $31\nlui $8, 0x2442\nli $2, 0\nlui $9, 0x03e0\nori $9, $9, 0x0408\n"
        "sw $9, 4($4)\nsw $0, 8($4)\n1: addu $9, $8, $5\nsw $9, 0($4)\nsynci 0($4)\nsync\n"
        "jalr.hb $4\nnop\nrotr $2, $2, 5\naddiu $5, $5, -1\nbgtz $5, 1b\nnop\nmove $31, $28");

static void user_mode(void)
{
    tlb_clear();
    user_map();
    tlb_write(1, (struct tlb_entry){ 0x00400000, entry_lo(CODE + 0xe000, LO_V | LO_D | LO_G), entry_lo(CODE + 0xf000, LO_V | LO_D | LO_G), 0 });
    uint32_t n = user_try(user_writer, 0x00400ff8, 900, 0);
    report_value("user_jit", mix(n, trap.result), trap.result);
}

// A generator: blocks of pseudo-random instructions, each run a few times, then overwritten.
static void generated(void)
{
    uint32_t at = KSEG0(CODE), seed = 0x13579bdf, h = 0;
    for (uint32_t round = 0; round < 200; round++) {
        uint32_t n = 4 + next_random(&seed) % 40, i = 0;
        store(at, ADDIU_V0_A0 | 1);
        for (i = 1; i < n; i++) {
            uint32_t r = next_random(&seed);
            store(at + 4 * i, r & 1 ? ADDIU_V0_V0 | (r >> 16) : r & 2 ? XORI_V0_V0 | (r >> 16) : ROTR_V0_1 | (r >> 8 & 0x7c0));
        }
        store(at + 4 * n, JR_RA);
        store(at + 4 * n + 4, NOP);
        for (i = 0; i <= n + 1; i++)
            __asm__ volatile("synci 0(%0)" ::"r"(at + 4 * i) : "memory");
        hazard();
        for (i = 0; i < 20; i++)
            h = mix(h, call(at, i, 0));
    }
    report("generated", h);
}

int main(void)
{
    chapter("smc");
    rewritten("synci", by_synci, KSEG0(CODE + 0x100));
    rewritten("cache", by_cache, KSEG0(CODE + 0x200));
    rewritten("kseg1", by_nothing, KSEG1(CODE + 0x300));
    rewritten("coherent", by_nothing, KSEG0(CODE + 0x400));
    rewritten_hot("synci_hot", by_synci, KSEG0(CODE + 0x500));
    rewritten_hot("cache_hot", by_cache, KSEG0(CODE + 0x600));
    rewritten_hot("kseg1_hot", by_nothing, KSEG1(CODE + 0x700));
    rewritten_hot("coherent_hot", by_nothing, KSEG0(CODE + 0x800));
    self_changing("own_body", own_body);
    self_changing("just_ahead", just_ahead);
    data_beside_code();
    copied();
    over_pages();
    aliased("kseg1_kseg0", KSEG1(CODE + 0xb000), KSEG0(CODE + 0xb000), by_hit_invalidate);
    aliased("kseg0_kseg1", KSEG0(CODE + 0xb100), KSEG1(CODE + 0xb100), by_cache);
    aliased("coherent_alias", KSEG1(CODE + 0xb200), KSEG0(CODE + 0xb200), by_nothing);
    tlb_aliases();
    user_mode();
    generated();
    report_end();
    return 0;
}
