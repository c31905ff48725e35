// The registers of coprocessor 0: which bits keep what is written, and what they start with
// (MD00090, one section a register).
//
// Only bits whose behaviour the manual fixes for this core are looked at. Features that an
// emulation may leave out are masked away: MIPS16 (Config1.CA), watch registers (WR),
// performance counters (PC), EJTAG (EP), and what Config2 and Config3 announce beyond that.

#include "check.h"
#include "console.h"
#include "cp0.h"
#include "trap.h"

static unsigned lines;

static void show(const char *name, uint32_t v)
{
    printf("%-20s %08x\n", name, v);
    lines++;
}

// All zeros, all ones, two patterns: what comes back, within a mask of defined bits.
#define BACK(reg, sel, mask, v) (CP0_WRITE(reg, sel, (v) & (mask)), CP0_READ(reg, sel) & (mask))
#define MASK(name, reg, sel, mask)                                                             \
    do {                                                                                       \
        uint32_t zeros = BACK(reg, sel, mask, 0), ones = BACK(reg, sel, mask, 0xffffffff);     \
        uint32_t fives = BACK(reg, sel, mask, 0x55555555);                                     \
        printf("%-20s %08x %08x %08x\n", name, zeros, ones, fives);                            \
        lines++;                                                                               \
        CP0_WRITE(reg, sel, 0);                                                                \
    } while (0)
// Bits outside the mask are written, too, but must stay as they are: read-only fields.
#define FIXED(name, reg, sel, mask)                                                            \
    do {                                                                                       \
        uint32_t before = CP0_READ(reg, sel);                                                  \
        CP0_WRITE(reg, sel, before ^ (mask));                                                  \
        printf("%-20s %08x\n", name, (CP0_READ(reg, sel) ^ before) & (mask));                  \
        lines++;                                                                               \
        CP0_WRITE(reg, sel, before);                                                           \
    } while (0)

static void identity(void)
{
    show("PRId", CP0_READ(15, 0));
    // Config: M, BE, AT, AR, MT; K0 is the program's. The rest is the implementation's.
    show("Config", CP0_READ(16, 0) & 0x8000ff80);
    show("Config1", CP0_READ(16, 1) & ~0x0000001eu);       // without CA, EP, PC, WR
    show("Config2 M", CP0_READ(16, 2) & 0x80000000);
    // Config3: large physical addresses, vectored interrupts, 1 KiB pages, SmartMIPS are off.
    show("Config3", CP0_READ(16, 3) & 0x000000f1 & ~0x00000020u);
    FIXED("PRId fixed", 15, 0, 0xffffffff);
    FIXED("Config fixed", 16, 0, 0x8000ff80);
    FIXED("Config1 fixed", 16, 1, 0xffffffff);
    FIXED("Config2 fixed", 16, 2, 0xffffffff);
    FIXED("Config3 fixed", 16, 3, 0xffffffff);
    FIXED("BadVAddr fixed", 8, 0, 0xffffffff);
    CP0_WRITE(16, 0, 2);
    show("Config.K0 2", CP0_READ(16, 0) & 7);
    CP0_WRITE(16, 0, 3);
    show("Config.K0 3", CP0_READ(16, 0) & 7);
}

static void translation(void)
{
    MASK("Index", 0, 0, 0x0000000f);
    MASK("EntryLo0", 2, 0, 0xffffffff);
    MASK("EntryLo1", 3, 0, 0xffffffff);
    MASK("EntryHi", 10, 0, 0xffffe0ff);
    show("EntryHi zeros", (CP0_WRITE(10, 0, 0xffffffff), CP0_READ(10, 0) & 0x1f00));
    CP0_WRITE(10, 0, 0);
    MASK("Context", 4, 0, 0xff80000f);
    FIXED("Context.BadVPN2", 4, 0, 0x007ffff0);
    MASK("Wired", 6, 0, 0x0000000f);
    for (uint32_t mask = 0; mask <= 0xffff; mask = mask << 2 | 3) {
        CP0_WRITE(5, 0, mask << 13);
        printf("PageMask             %08x\n", CP0_READ(5, 0));
        lines++;
    }
    CP0_WRITE(5, 0, 0);

    CP0_WRITE(6, 0, 9);                            // a write of Wired puts Random at its top
    uint32_t random = CP0_READ(1, 0);
    show("Random in bounds", random >= 9 && random <= 15);
    CP0_WRITE(6, 0, 0);
    uint32_t in = 0;
    for (unsigned i = 0; i < 1000; i++)
        in += CP0_READ(1, 0) <= 15;
    show("Random in bounds", in);
    CP0_WRITE(6, 0, 15);
    show("Random at the top", CP0_READ(1, 0));
    CP0_WRITE(6, 0, 0);
}

// Status a bit at a time, so that no combination takes the ground from under the test: IE
// without IM, IM without IE, UM only with EXL, else it would take effect at once.
static void status(void)
{
    static const uint32_t bit[] = { 0, 1, 2, 8, 9, 10, 11, 12, 13, 14, 15, 22, 26, 28, 29 };
    for (unsigned i = 0; i < sizeof bit / sizeof *bit; i++) {
        CP0_WRITE(12, 0, 1u << bit[i]);
        uint32_t back = CP0_READ(12, 0);
        CP0_WRITE(12, 0, 0);
        printf("Status bit %-2u        %08x %08x\n", bit[i], back, CP0_READ(12, 0));
        lines++;
    }
    CP0_WRITE(12, 0, STATUS_UM | STATUS_EXL);
    uint32_t back = CP0_READ(12, 0);
    CP0_WRITE(12, 0, 0);
    show("Status.UM EXL", back);
    CP0_WRITE(12, 0, STATUS_CU1 | STATUS_CU0 | STATUS_FR | STATUS_IM);
    back = CP0_READ(12, 0);
    CP0_WRITE(12, 0, 0);
    show("Status several", back);
}

static void cause(void)
{
    // Writable: DC, IV, IP1, IP0. The others, also BD, CE, ExcCode, are the processor's.
    trap_try((snippet *)(uintptr_t)0x80040002, 0, 0, 0);       // ExcCode: address error
    uint32_t before = CP0_READ(13, 0) & 0xf000007c;
    CP0_WRITE(13, 0, 0xffffffff);
    uint32_t ones = CP0_READ(13, 0);
    CP0_WRITE(13, 0, 0);
    uint32_t zeros = CP0_READ(13, 0);
    show("Cause ones", ones & 0x08800300);
    show("Cause zeros", zeros & 0x08800300);
    show("Cause fixed", (ones & 0xb000007c) ^ (before & 0xb000007c));
    show("Cause.ExcCode", before & 0x7c);
}

static void others(void)
{
    MASK("EPC", 14, 0, 0xffffffff);
    MASK("ErrorEPC", 30, 0, 0xffffffff);
    MASK("HWREna", 7, 0, 0x0000000f);
    MASK("EBase", 15, 1, 0x3ffff000);
    CP0_WRITE(15, 1, 0xffffffff);
    show("EBase segment", CP0_READ(15, 1) & 0xc0000fff);       // kseg0, CPU 0
    CP0_WRITE(15, 1, 0x00000000);
    show("EBase zeros", CP0_READ(15, 1));
    CP0_WRITE(15, 1, 0x80000000);
    show("IntCtl.IPTI", CP0_READ(12, 1) >> 29);
    show("IntCtl.VS", (CP0_WRITE(12, 1, 0), CP0_READ(12, 1) & 0x3e0));
    FIXED("IntCtl fixed", 12, 1, 0xfc000000);
    show("SRSCtl sets", CP0_READ(12, 2) & 0x3c000000);
    MASK("Compare", 11, 0, 0xffffffff);
}

// Sets Compare some time ahead. A host that was busy meanwhile may have let it pass: once more.
static void arm(void)
{
    do
        CP0_WRITE(11, 0, CP0_READ(9, 0) + 100000);
    while ((int32_t)(CP0_READ(9, 0) - CP0_READ(11, 0)) >= 0 && !(CP0_READ(13, 0) & CAUSE_TI));
}

// Time: Count runs, can be stopped by Cause.DC and written; Compare raises IP7.
static void timer(void)
{
    CP0_WRITE(13, 0, 0);
    uint32_t start = CP0_READ(9, 0), n = 0;
    while (CP0_READ(9, 0) == start && n < 10000000)
        n++;
    show("Count runs", CP0_READ(9, 0) != start);
    CP0_WRITE(11, 0, CP0_READ(9, 0) - 1);          // far away, and acknowledges
    show("Cause.TI at rest", CP0_READ(13, 0) & (CAUSE_TI | CAUSE_IP7));
    arm();
    for (n = 0; !(CP0_READ(13, 0) & CAUSE_TI) && n < 10000000; n++)
        ;
    show("Cause.TI comes", CP0_READ(13, 0) & (CAUSE_TI | CAUSE_IP7));
    show("Count past Compare", (int32_t)(CP0_READ(9, 0) - CP0_READ(11, 0)) >= 0);
    CP0_WRITE(11, 0, CP0_READ(9, 0) - 1);
    show("Cause.TI cleared", CP0_READ(13, 0) & (CAUSE_TI | CAUSE_IP7));

    CP0_WRITE(9, 0, 0xf0000000);
    show("Count written", CP0_READ(9, 0) >> 28);
    CP0_WRITE(9, 0, 0xfffffff0);
    for (n = 0; CP0_READ(9, 0) >= 0xfffffff0 && n < 10000000; n++)
        ;
    show("Count wraps", CP0_READ(9, 0) < 0xf0000000);

    CP0_WRITE(13, 0, CAUSE_DC);
    start = CP0_READ(9, 0);
    for (n = 0; CP0_READ(9, 0) == start && n < 20000; n++)
        ;
    show("Count stopped", n);
    CP0_WRITE(13, 0, 0);
    for (n = 0; CP0_READ(9, 0) == start && n < 10000000; n++)
        ;
    show("Count goes on", n < 10000000);
}

// Interrupts are enabled in the snippets alone: the hook writes v0, which is theirs only there.
SNIPPET(wait_for_timer, "li $2, 0\nmtc0 $5, $12\n1: bgtz $2, 2f\nnop\naddiu $4, $4, -1\nbgtz $4, 1b\nnop\n"
                        "2: mtc0 $0, $12\nehb");
SNIPPET(wait_idle, "li $2, 0\nmtc0 $5, $12\n1: wait\nbeqz $2, 1b\nnop\nmtc0 $0, $12\nehb");

static uint32_t ticks;

static bool tick(struct trap *t)
{
    ticks += ticks < 5;
    arm();
    t->gpr[2] = ticks >= 5;
    return true;
}

static void count_ticks(const char *name, snippet *code)
{
    ticks = 0;
    trap.hook = tick;
    arm();
    trap_try(code, 0x7fffffff, STATUS_IE | STATUS_IP7, 0);
    trap.hook = NULL;
    show(name, ticks);
}

// The timer as an interrupt: five ticks end a loop, and wake the processor from WAIT.
static void timer_interrupts(void)
{
    count_ticks("ticks of a loop", wait_for_timer);
    count_ticks("ticks of WAIT", wait_idle);
    show("their vector", trap.vector);
    CP0_WRITE(11, 0, CP0_READ(9, 0) - 1);
}

int main(void)
{
    chapter("cp0");
    identity();
    translation();
    status();
    cause();
    others();
    timer();
    timer_interrupts();
    printf("end, %u lines\n", lines);
    return 0;
}
