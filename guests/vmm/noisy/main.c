// The noisy neighbour: a timer interrupt storm, a TLB storm, code that changes and devices that
// are written, all at once, and each checked.
//
// rounds=N, ms=N instead for so long by Count, period=N (steps of Count between timer
// interrupts), seed=N, counts=1 to print what depends on time.

#include "exception.h"
#include "tlb.h"
#include "vmm.h"

enum { WINDOW = 0x00400000, WINDOW_PAGES = 128, SPACES = 256, PAGES = 256 };
enum { JR_RA = 0x03e00008, ADDIU_V0_A0 = 0x24820000 };

static uint32_t ticks, refills, state;

// Which of our pages a page of an address space is: any rule that differs from space to space.
static uint32_t target(uint32_t space, uint32_t page)
{
    return (space * 37 + page * 11) % PAGES;
}

static uint32_t page_lo(uint32_t space, uint32_t page)
{
    uint32_t pa = (uint32_t)(uintptr_t)free_page(target(space, page)) & 0x1fffffff;
    return entry_lo(pa, LO_V | LO_D);
}

static void refill(const struct frame *f)
{
    uint32_t page = (f->badvaddr - WINDOW) / PAGE, hi = CP0_READ(10, 0), space = hi & 0xff;
    if (page >= WINDOW_PAGES)
        exception_unexpected(f);
    refills++;
    tlb_write_random((struct tlb_entry){ hi, page_lo(space, page & ~1u), page_lo(space, page | 1), 0 });
}

static void on_exception(struct frame *f)
{
    switch (exception_code(f)) {
    case INT:
        ticks += timer_acknowledge();
        break;
    case TLBL:
    case TLBS:
        refill(f);
        break;
    default:
        exception_unexpected(f);
    }
}

// A random page in a random address space: does its first word name it?
static void tlb_storm(void)
{
    for (unsigned i = 0; i < 8; i++) {
        uint32_t space = next_random(&state) % SPACES, page = next_random(&state) % WINDOW_PAGES;
        volatile uint32_t *words = (volatile uint32_t *)(uintptr_t)(WINDOW + page * PAGE);
        CP0_WRITE(10, 0, space);
        if (words[0] != target(space, page))
            fail("space %u page %u: %u, not %u", space, page, words[0], target(space, page));
        words[1]++;
    }
}

// What a probe finds must be what was put there. Then an entry that matches nothing takes its place.
static void tlb_instructions(void)
{
    uint32_t space = CP0_READ(10, 0) & 0xff, page = next_random(&state) % WINDOW_PAGES & ~1u;
    uint32_t hi = WINDOW + page * PAGE + space;
    int32_t index = tlb_probe(hi);
    if (index >= 0) {
        struct tlb_entry e = tlb_read((uint32_t)index);
        if (e.hi != hi || e.lo0 != page_lo(space, page) || e.lo1 != page_lo(space, page + 1))
            fail("probe of %08x: %08x %08x %08x", hi, e.hi, e.lo0, e.lo1);
    }
    uint32_t gone = next_random(&state) % TLB_ENTRIES;
    tlb_write(gone, (struct tlb_entry){ 0x80000000 + (gone << 13), 0, 0, 0 });
}

// A function that is written anew before each call, now here, now there on its page.
static void changing_code(void)
{
    uint32_t n = next_random(&state) & 0x7fff;
    volatile uint32_t *code = free_page(PAGES) + n % 512 * 2;
    code[0] = JR_RA;
    code[1] = ADDIU_V0_A0 | n;
    __asm__ volatile("synci 0(%0)\n\tsynci 4(%0)\n\tsync" ::"r"(code) : "memory");
    uint32_t (*function)(uint32_t) = (uint32_t (*)(uint32_t))(uintptr_t)code;
    if (function(7) != n + 7)
        fail("code of %u gave %u", n, function(7));
}

static void devices(void)
{
    volatile uint8_t *port = (volatile uint8_t *)KSEG1(0x18000000);
    uint8_t byte = (uint8_t)next_random(&state);
    *(volatile uint32_t *)KSEG1(0x1f000408) = byte;            // the bar of lights
    port[0x21] = byte;                                         // interrupt mask
    port[0x70] = 0x40 + byte % 0x20;                           // the clock's own memory
    port[0x71] = byte;
    port[0x43] = 0xb0;                                         // timer 2, mode 0
    port[0x42] = byte;
    port[0x42] = byte;
    port[0x3ff] = byte;                                        // the serial port's scratch byte
    if (port[0x21] != byte || port[0x71] != byte || port[0x3ff] != byte)
        fail("devices: %02x became %02x %02x %02x", byte, port[0x21], port[0x71], port[0x3ff]);
}

int main(uint32_t argc, char **argv, char **environment, uint32_t memory)
{
    vmm_init("noisy", argc, argv, environment, memory);
    uint32_t rounds = parameter("rounds", 4000), milliseconds = parameter("ms", 0), round = 0;
    uint32_t start = count();
    state = hash(parameter("seed", 1), 1) | 1;
    for (uint32_t page = 0; page < PAGES; page++)
        free_page(page)[0] = page, free_page(page)[1] = 0;
    tlb_clear();
    exceptions_install(on_exception);
    timer_start(parameter("period", 1000));
    for (; milliseconds ? count() - start < milliseconds * COUNTS_PER_MS : round < rounds; round++) {
        tlb_storm();
        tlb_instructions();
        changing_code();
        devices();
    }
    timer_stop();

    uint32_t stores = 0;
    for (uint32_t page = 0; page < PAGES; page++) {
        if (free_page(page)[0] != page)
            fail("page %u holds %u", page, free_page(page)[0]);
        stores += free_page(page)[1];
    }
    if (stores != round * 8)
        fail("%u stores in %u rounds", stores, round);
    printf("noisy: ticked: %s, refilled: %s\n", ticks ? "yes" : "no", refills ? "yes" : "no");
    if (parameter("counts", 0))
        printf("noisy: %u rounds, %u ticks, %u refills\n", round, ticks, refills);
    pass();
}
