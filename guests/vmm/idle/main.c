// Idleness of every sort: how a guest waits for its timer when it has nothing to do.
//
// kind=wait|loop|poll|uip (all, one after the other, unless given), ms=N for each, period=N (steps
// of Count from tick to tick), counts=1 to print what depends on time: Count when it was over,
// and what was polled. Count follows from the instructions, so that mirrorball prints the same
// each time; QEMU does not.

#include "exception.h"
#include "vmm.h"

static volatile uint32_t ticks, wanted;
static volatile bool over;
static uint32_t polls, rises;

// Two loops without an end: the interrupt handler moves EPC to their last instructions. WAIT with
// interrupts off is no other way: whether anything wakes it then is the processor's choice.
#define ENDLESS(name, body)                                                                    \
    extern uint32_t name##_start[], name##_end[];                                              \
    void name(void);                                                                           \
    __asm__(".text\n.set push\n.set noreorder\n.globl " #name "\n" #name ":\n" #name "_start:\n" body \
            "\nb " #name "_start\nnop\n" #name "_end: jr $31\nnop\n.set pop\n")
ENDLESS(idle_wait, "wait");
ENDLESS(idle_loop, "");

static bool leave(struct frame *f, uint32_t *start, uint32_t *end)
{
    if (f->epc < (uintptr_t)start || f->epc >= (uintptr_t)end)
        return false;
    f->epc = (uintptr_t)end;
    return true;
}

static void tick(struct frame *f)
{
    if (exception_code(f) != INT)
        exception_unexpected(f);
    ticks += timer_acknowledge();
    if (ticks < wanted)
        return;
    over = true;
    f->status &= ~(uint32_t)STATUS_IE;
    if (!leave(f, idle_wait_start, idle_wait_end))
        leave(f, idle_loop_start, idle_loop_end);
}

static void idle_poll(void)
{
    while (!over)
        polls++;
}

// As Linux waits for the clock's update: port 0x70 selects register A, port 0x71 shows UIP.
static void idle_uip(void)
{
    volatile uint8_t *select = (volatile uint8_t *)KSEG1(0x18000070);
    bool before = false;
    while (!over) {
        select[0] = 0x0a;
        bool now = select[1] & 0x80;
        rises += now && !before;
        before = now;
        polls++;
    }
}

static void idle(const char *kind, void (*way)(void), uint32_t period, uint32_t milliseconds)
{
    if (!parameter_is("kind", kind, true))
        return;
    ticks = 0, over = false, polls = 0, rises = 0;
    wanted = milliseconds * COUNTS_PER_MS / period;
    CP0_WRITE(9, 0, 0);
    timer_start(period);
    way();
    timer_stop();
    uint32_t end = count();
    if (ticks < wanted || end < wanted * period)
        fail("idle %s: over at %u after %u ticks", kind, end, ticks);
    printf("idle %s: ticked %u times\n", kind, wanted);
    if (parameter("counts", 0))
        printf("idle %s: count %u, %u polls, UIP rose %u times\n", kind, end, polls, rises);
}

int main(uint32_t argc, char **argv, char **environment, uint32_t memory)
{
    vmm_init("idle", argc, argv, environment, memory);
    uint32_t milliseconds = parameter("ms", 10), period = parameter("period", COUNTS_PER_MS);
    if (period < 1000 || milliseconds == 0 || milliseconds * COUNTS_PER_MS < period)
        fail("period is to be 1000 or more, and ms at least one period");
    exceptions_install(tick);
    idle("wait", idle_wait, period, milliseconds);
    idle("loop", idle_loop, period, milliseconds);
    idle("poll", idle_poll, period, milliseconds);
    idle("uip", idle_uip, period, milliseconds);
    pass();
}
