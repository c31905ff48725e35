// Jumps to where there is no code, by every instruction that jumps, in kernel and user mode; and
// code that changes itself where pages end (MD00090, "Address error exception", "Bus error").
//
// The ROM is left out: what it holds starts the board anew on some machines.

#include "escape.h"

#include "tlb.h"

PROBE(jump, "jr $4\nnop");
PROBE(jump_link, "jalr $31, $4\nnop");
PROBE(jump_hazard, "jr.hb $4\nnop");
PROBE(jump_slot, "jr $4\nlw $2, 0($5)");
PROBE(return_to, "mtc0 $4, $14\nmfc0 $2, $12\nori $2, $2, 2\nmtc0 $2, $12\nehb\neret");
PROBE(return_error, "mtc0 $4, $30\nmfc0 $2, $12\nori $2, $2, 4\nmtc0 $2, $12\nehb\neret");

static uint32_t *const ways[] = { jump, jump_link, jump_hazard, jump_slot, return_to, return_error };

static void everywhere(uint32_t *way, bool user)
{
    uint32_t end = memory_bytes();
    const uint32_t targets[] = {
        0, 4, 0x1000, 0x7ffffffc, 0x80000001, DATA | 2, DATA | 3, 0xc0000000, 0xdffffffc, 0xe0000000,
        0xfffffffc, KSEG0(end - 4), KSEG0(end - 8), KSEG0(end), KSEG1(end - 4), KSEG1(end),
        KSEG1(0x18000000), KSEG1(0x180003f8), KSEG1(0x1be00000), KSEG1(0x1f000400),
        KSEG1(0x10000000), KSEG1(0x17fffffc), KSEG0(0x18000000), KSEG0(0x1c000000), 0xff300000,
    };
    for (unsigned i = 0; i < sizeof targets / sizeof *targets; i++) {
        attempt_registers(DATA);
        attempt_gpr[4] = targets[i];
        attempt_gpr[5] = any();
        attempt_status = user ? STATUS_UM : 0;
        attempt(user ? ADDRESS(way) & 0x1fffffff : ADDRESS(way));
    }
}

// The first 2 MiB of memory at their physical addresses, read-only.
static void map_image(void)
{
    tlb_write(0, (struct tlb_entry){ 0, entry_lo(0, LO_V | LO_G), entry_lo(0x100000, LO_V | LO_G), 0x1fe000 });
}

enum { B_MINUS_1 = 0x1000ffff, B_PLUS_2 = 0x10000002, NOP = 0 };

// The last words of memory: code that runs off the end, a branch whose slot is beyond it.
static void run_off_the_end(void)
{
    uint32_t end = memory_bytes();
    for (uint32_t pa = end - 64; pa < end; pa += 4)
        put_code(pa, NOP);
    attempt(KSEG0(end - 64));
    put_code(end - 4, B_PLUS_2);
    attempt(KSEG0(end - 64));
    put_code(end - 4, B_MINUS_1);
    attempt(KSEG0(end - 4));
    put_code(end - 4, BREAK_WORD);
}

void jumps(void)
{
    tlb_clear();
    map_image();
    for (unsigned i = 0; i < sizeof ways / sizeof *ways; i++) {
        everywhere(ways[i], false);
        everywhere(ways[i], true);
    }
    attempt_status = 0;
    run_off_the_end();
    tlb_clear();
}

// Instructions as words: stores of v1 relative to a0, and what they may write.
#define SW_V1(offset) (0xac830000u | (offset))
#define LI_V0(n) (0x24020000u | (n))
enum { SYNCI_A0 = 0x049f0000 };

// Code that ends 8 bytes before a page does stores into the first word of the next page and runs
// into it, with and without SYNCI; a0 leads to that word.
static uint32_t write_ahead(uint32_t at, uint32_t store_to, bool synchronised, uint32_t n)
{
    put_code(at - 12, SW_V1(0));
    put_code(at - 8, synchronised ? SYNCI_A0 : NOP);
    put_code(at - 4, B_PLUS_2 - 2);                // to the slot and what follows it
    put_code(at, LI_V0(1));
    put_code(at + 4, NOP);
    put_code(at + 8, BREAK_WORD);
    attempt_gpr[4] = store_to;
    attempt_gpr[3] = LI_V0(n);
    return KSEG0(at - 12);
}

static void expect(const char *what, uint32_t code, uint32_t n)
{
    if (attempt(code) != BP || attempt_end.gpr[2] != n)
        fail("page-ends: %s: exception %u, %u, not %u", what, exception_code(&attempt_end),
             attempt_end.gpr[2], n);
}

void page_ends(void)
{
    attempt_patience = PATIENT;
    uint32_t lo = entry_lo(CODE_PA, LO_V | LO_D | LO_G), next = entry_lo(CODE_PA + PAGE, LO_V | LO_D | LO_G);
    for (uint32_t n = 2; n < 40; n++) {
        uint32_t at = CODE_PA + PAGE;
        attempt_status = 0;
        expect("cached", write_ahead(at, KSEG0(at), true, n), n);
        expect("uncached", write_ahead(at, KSEG1(at), true, n + 1), n + 1);
        // Through the TLB, the next page there or not, the store through another address.
        tlb_write(1, (struct tlb_entry){ 0x00400000, lo, next, 0 });
        uint32_t code = write_ahead(at, 0x00401000, true, n + 2) - KSEG0(CODE_PA) + 0x00400000;
        expect("mapped", code, n + 2);
        write_ahead(at, KSEG0(at), true, n + 3);
        expect("alias", code, n + 3);
        tlb_write(1, (struct tlb_entry){ 0x00400000, lo, 0, 0 });
        write_ahead(at, KSEG0(at), true, n + 4);
        if (attempt(code) != TLBL || attempt_end.epc != 0x00400ffc)
            fail("page-ends: a slot on a page that is not there: %x", attempt_end.epc);
        // At the end of memory there is nothing to store to.
        write_ahead(memory_bytes() - 12, KSEG0(memory_bytes()), n & 1, n);
        attempt(KSEG0(memory_bytes() - 24));
    }
    tlb_clear();
}
