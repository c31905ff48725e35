// Hypercalls (docs/hypercalls.md): each call, and each way of being refused.
//
// A line shows status and value. The value was 5a5a5a5a before, which is what a refused call leaves.

#include "hypercall.h"

#include "check.h"
#include "console.h"
#include "tlb.h"
#include "trap.h"

enum { PAGE = 4096, PA = 0x00800000, FIRST = PA / PAGE, RAM_PAGES = 128 << 20 >> 12,
       MAPPED = 0x00400000, ROUNDS = 300 };

static const uint32_t before = 0x5a5a5a5a;

static int32_t ask(enum hypercall number, uint32_t a0, uint32_t a1)
{
    uint32_t value = before;
    return hypercall(number, a0, a1, &value);
}

static void show(const char *name, enum hypercall number, uint32_t a0, uint32_t a1)
{
    uint32_t value = before;
    int32_t status = hypercall(number, a0, a1, &value);
    printf("%-32s %2d  %08x\n", name, status, value);
}

static void say(const char *name, bool b) { printf("%-32s %s\n", name, b ? "yes" : "no"); }

static volatile uint32_t *at(uint32_t address) { return (volatile uint32_t *)address; }

// ---- the instruction ----

SNIPPET(version, "li $2, 0\n.word 0x42000028\naddiu $24, $24, 1\nmove $2, $3");
SNIPPET(other_code, "li $2, 0\n.word 0x42000828\naddiu $24, $24, 1");
SNIPPET(in_slot, "li $2, 0\nb 1f\n.word 0x42000028\n1: addiu $24, $24, 1");
SNIPPET(all_registers, "li $2, 0x7777\n.word 0x42000028\nbreak");

static void instruction(void)
{
    trap_try(version, 0, 0, 0);
    trap_show("version", version);
    trap_try(other_code, 0, 0, 0);
    trap_show("another code", other_code);
    trap_try(in_slot, 0, 0, 0);
    trap_show("delay slot", in_slot);
    trap_try(all_registers, 1, 2, 3);
    trap_show("no such call", all_registers);
    user_map();
    user_try(version, 0, 0, 0);
    trap_show("user mode", version);
    show("features", HYPER_FEATURES, 0, 0);
    show("call 12", 12, 0, 0);
    show("call ffffffff", 0xffffffff, 0, 0);
    show("yield", HYPER_YIELD, 0, 0);
}

// ---- pages ----

// Fills two pages, loses the first, and looks at it wherever it is to be seen; then stores.
static uint32_t lose(enum hypercall how)
{
    uint32_t h = 0, number = FIRST;
    for (uint32_t i = 0; i < PAGE / 2; i++)
        at(KSEG0(PA))[i] = i * 0x01010101 + 1;
    h = mix(h, *at(MAPPED + 8));
    h = mix(h, *at(KSEG1(PA + PAGE - 4)));
    h = mix(h, (uint32_t)ask(how, number, 1));
    h = mix(h, *at(MAPPED + 8) | *at(KSEG0(PA + 8)) | *at(KSEG1(PA + PAGE - 4)));
    h = mix(h, *at(MAPPED + PAGE) ^ *at(KSEG0(PA + PAGE)));
    *at(MAPPED + 12) = 0x600d;
    h = mix(h, *at(KSEG0(PA + 12)));
    *at(KSEG1(PA + 16)) = 0xbee;
    return mix(mix(h, *at(MAPPED + 16)), *at(KSEG0(PA + PAGE)));
}

static void losing(const char *name, enum hypercall how)
{
    uint32_t h = 0;
    for (uint32_t i = 0; i < ROUNDS; i++)
        h = mix(h, lose(how));
    report(name, h);
}

static bool zero(uint32_t address, uint32_t words)
{
    uint32_t any = 0;
    while (words--)
        any |= at(address)[words];
    return any == 0;
}

static void running_page(enum hypercall how)
{
    // hypercall() is inlined here.
    uint32_t here = (ADDRESS(running_page) & 0x1fffffff) / PAGE;
    show("running code", how, here - 1, 3);
}

static void pages(const char *name, enum hypercall how)
{
    printf("-- %s\n", name);
    losing("again and again", how);
    *at(KSEG0(PA)) = *at(KSEG0(PA + 3 * PAGE - 4)) = 1;
    show("three pages", how, FIRST, 3);
    say("all of them zero", zero(KSEG0(PA), 3 * PAGE / 4));
    show("no page", how, FIRST, 0);
    show("no page, nowhere", how, 0xffffffff, 0);
    show("the last page", how, RAM_PAGES - 1, 1);
    *at(KSEG0(PA)) = 0x1234;
    show("behind the last", how, RAM_PAGES, 1);
    show("over the end", how, RAM_PAGES - 2, 3);
    show("a device's", how, 0x18000, 1);
    show("nobody's", how, 0x90000, 1);
    show("the last number", how, 0xffffffff, 1);
    show("more than there are", how, 0, RAM_PAGES + 1);
    show("as many as can be said", how, FIRST, 0xffffffff);
    running_page(how);
    say("nothing was lost", *at(KSEG0(PA)) == 0x1234);
}

// ---- code in a page that is lost ----

enum { JR_RA = 0x03e00008, ADDIU_V0_V0 = 0x24420000 };

// Starts a0 with 7 in $v0.
SNIPPET(start, "move $28, $31\nli $2, 7\njalr $4\nnop\nmove $31, $28");

static void put(uint32_t address, uint32_t word)
{
    *at(address) = word;
    __asm__ volatile("synci 0(%0)\n\tsync" ::"r"(address) : "memory");
}

static void code(enum hypercall how)
{
    // The end of a page, and the return on the next.
    uint32_t entry = KSEG0(PA + PAGE - 8), h = 0;
    put(KSEG0(PA + PAGE), JR_RA);
    put(KSEG0(PA + PAGE + 4), 0);
    for (uint32_t i = 0; i < 20; i++) {
        put(entry, ADDIU_V0_V0 | i);
        put(entry + 4, ADDIU_V0_V0 | 100);
        for (uint32_t n = 0; n < 40; n++)
            h = mix(h, start(entry, 0, 0));
        h = mix(h, (uint32_t)ask(how, FIRST, 1));
        for (uint32_t n = 0; n < 40; n++)
            h = mix(h, start(entry, 0, 0) - 7);
        ask(HYPER_BALLOON_TAKE, FIRST, 1);     // in case it was given
    }
    report_value("code that is lost", h, start(entry, 0, 0));
}

// ---- the balloon ----

static void balloon(void)
{
    printf("-- balloon\n");
    static uint32_t list[4] = { FIRST + 20, FIRST + 9, FIRST + 30, FIRST + 9 };
    *at(KSEG0(PA)) = 5;
    show("query", HYPER_BALLOON_QUERY, 0, 0);
    show("give", HYPER_BALLOON_GIVE, FIRST, 3);
    say("gone", zero(KSEG0(PA), 1));
    show("query", HYPER_BALLOON_QUERY, 0, 0);
    show("give again", HYPER_BALLOON_GIVE, FIRST + 2, 5);
    show("give behind the last", HYPER_BALLOON_GIVE, RAM_PAGES, 1);
    show("give too many", HYPER_BALLOON_GIVE, 0, RAM_PAGES + 1);
    show("list, one twice", HYPER_BALLOON_GIVE_LIST, ADDRESS(list), 4);
    show("list", HYPER_BALLOON_GIVE_LIST, ADDRESS(list), 3);
    show("list again", HYPER_BALLOON_GIVE_LIST, ADDRESS(list + 1), 1);
    list[0] = RAM_PAGES;
    show("list, behind the last", HYPER_BALLOON_GIVE_LIST, ADDRESS(list), 1);
    show("list, not aligned", HYPER_BALLOON_GIVE_LIST, ADDRESS(list) + 2, 1);
    show("list over the end", HYPER_BALLOON_GIVE_LIST, KSEG0(RAM_PAGES * PAGE - 4), 2);
    show("list of too many", HYPER_BALLOON_GIVE_LIST, ADDRESS(list), RAM_PAGES + 1);
    show("query", HYPER_BALLOON_QUERY, 0, 0);
    show("take a page of one's own", HYPER_BALLOON_TAKE, FIRST + 3, 1);
    show("take too far", HYPER_BALLOON_TAKE, FIRST + 1, 3);
    show("take too many", HYPER_BALLOON_TAKE, FIRST, 0xffffffff);
    show("take", HYPER_BALLOON_TAKE, FIRST + 1, 2);
    show("take again", HYPER_BALLOON_TAKE, FIRST + 1, 1);
    *at(KSEG0(PA + PAGE)) = 6;
    say("one's own again", *at(KSEG1(PA + PAGE)) == 6);
    show("query", HYPER_BALLOON_QUERY, 0, 0);
    show("take the first", HYPER_BALLOON_TAKE, FIRST, 1);
    for (uint32_t i = 9; i <= 30; i++)
        ask(HYPER_BALLOON_TAKE, FIRST + i, 1);
    show("query", HYPER_BALLOON_QUERY, 0, 0);
}

// ---- console ----

static const char text[] = "said the monitor\r\n";

static void console(void)
{
    uint32_t n = sizeof text - 1, pa = ADDRESS(text) & 0x1fffffff;
    printf("-- console\n");
    show("from kseg0", HYPER_CONSOLE_WRITE, KSEG0(pa), n);
    show("from kseg1", HYPER_CONSOLE_WRITE, KSEG1(pa), n);
    show("from a physical address", HYPER_CONSOLE_WRITE, pa, n);
    show("nothing", HYPER_CONSOLE_WRITE, pa, 0);
    show("too much", HYPER_CONSOLE_WRITE, pa, HYPER_CONSOLE_MOST + 1);
    show("over the end", HYPER_CONSOLE_WRITE, KSEG0(RAM_PAGES * PAGE - 1), 2);
    show("from a device", HYPER_CONSOLE_WRITE, KSEG1(0x180003f8), 1);
    show("from the last address", HYPER_CONSOLE_WRITE, 0xffffffff, 2);
}

// ---- sleep ----

static uint32_t sleeping(uint32_t nanoseconds)
{
    uint32_t start = CP0_READ(9, 0);
    ask(HYPER_SLEEP, nanoseconds, 0);
    return CP0_READ(9, 0) - start;
}

// Count is 10 ns a step, and the instructions around the call are few.
static bool near(uint32_t count, uint32_t wanted) { return count >= wanted && count < wanted + 50; }

static void sleep(void)
{
    printf("-- sleep\n");
    CP0_WRITE(11, 0, CP0_READ(9, 0) - 1);
    show("sleep", HYPER_SLEEP, 1000, 0);
    say("not at all", near(sleeping(0), 0));
    say("1 ns is a step", near(sleeping(1), 1));
    say("a millisecond", near(sleeping(1000000), 100000));
    say("four seconds", near(sleeping(4000000000u), 400000000));
    CP0_WRITE(12, 0, STATUS_IP7);
    CP0_WRITE(11, 0, CP0_READ(9, 0) + 20000);
    uint32_t count = sleeping(1000000);
    say("to an interrupt", count > 19000 && count < 20050);
    say("not while one is pending", near(sleeping(1000000), 0));
    CP0_WRITE(12, 0, 0);
    CP0_WRITE(11, 0, CP0_READ(9, 0) - 1);
    uint32_t all = 0;
    for (uint32_t i = 0; i < ROUNDS; i++)
        all += near(sleeping(3000 + i * 10), 300 + i);
    say("as long every time", all == ROUNDS);
}

// ---- batch ----

static struct hyper_record batch[4];

static void set(unsigned i, enum hypercall number, uint32_t a0, uint32_t a1)
{
    batch[i] = (struct hyper_record){ number, { a0, a1, 0, 0 }, 99, before };
}

static void several(void)
{
    printf("-- batch\n");
    uint32_t address = ADDRESS(batch);
    set(0, HYPER_VERSION, 0, 0);
    set(1, HYPER_BATCH, address, 1);
    set(2, HYPER_CONSOLE_WRITE, ADDRESS(text), sizeof text - 1);
    set(3, 1000, 0, 0);
    show("four", HYPER_BATCH, address, 4);
    for (unsigned i = 0; i < 4; i++)
        printf("  %2d  %08x\n", batch[i].status, batch[i].value);
    show("none", HYPER_BATCH, address, 0);
    show("too many", HYPER_BATCH, address, HYPER_BATCH_MOST + 1);
    show("not aligned", HYPER_BATCH, address + 2, 1);
    show("over the end", HYPER_BATCH, KSEG0(RAM_PAGES * PAGE - 28), 2);
    show("a device's", HYPER_BATCH, 0x18000000, 1);

    // A batch that loses the page that it is in answers there all the same.
    struct hyper_record *there = (struct hyper_record *)KSEG0(PA + 64);
    there[0] = (struct hyper_record){ HYPER_PAGE_ZERO, { FIRST, 1, 0, 0 }, 99, before };
    there[1] = (struct hyper_record){ HYPER_FEATURES, { 0, 0, 0, 0 }, 99, before };
    show("in a page that it loses", HYPER_BATCH, KSEG1(PA + 64), 2);
    printf("  %2d  %08x\n  %2d  %08x\n", there[0].status, there[0].value, there[1].status,
           there[1].value);

    uint32_t h = 0;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        set(0, HYPER_PAGE_ZERO, FIRST + i % 3, 2);
        set(1, HYPER_SLEEP, 500, 0);
        set(2, HYPER_PAGE_RELEASE, FIRST, i % 7 ? 1 : RAM_PAGES);
        *at(KSEG0(PA + i % 5 * PAGE)) = i;
        h = mix(h, (uint32_t)ask(HYPER_BATCH, address, 3));
        h = mix_block(h, (uint32_t *)batch, sizeof batch / 4);
        h = mix(h, *at(KSEG0(PA + i % 5 * PAGE)));
    }
    report("again and again", h);
}

int main(void)
{
    chapter("hypercall");
    instruction();
    tlb_clear();
    tlb_write(0, (struct tlb_entry){ MAPPED, entry_lo(PA, LO_V | LO_D | LO_G),
                                     entry_lo(PA + PAGE, LO_V | LO_D | LO_G), 0 });
    pages("page release", HYPER_PAGE_RELEASE);
    code(HYPER_PAGE_RELEASE);
    pages("page zero", HYPER_PAGE_ZERO);
    code(HYPER_PAGE_ZERO);
    balloon();
    code(HYPER_BALLOON_GIVE);
    console();
    sleep();
    several();
    report_end();
    return 0;
}
