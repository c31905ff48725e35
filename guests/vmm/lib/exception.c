// Installing the vectors; the timer (MD00090, "Exception vector locations", "Compare register").

#include "exception.h"

#include "vmm.h"

extern uint32_t exception_vector[];
void exception_call(struct frame *f);

static void (*current)(struct frame *);
static uint32_t timer_period;

void exception_call(struct frame *f)
{
    current(f);
}

void exceptions_install(void (*hook)(struct frame *))
{
    static const uint32_t offsets[] = { 0, 0x80, 0x100, 0x180, 0x200 };
    current = hook;
    for (unsigned i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        volatile uint32_t *to = (volatile uint32_t *)KSEG0(offsets[i]);
        for (unsigned word = 0; word < 4; word++)
            to[word] = exception_vector[word];
        to[3] |= offsets[i];
        __asm__ volatile("synci 0(%0)\n\tsync" ::"r"(to) : "memory");
    }
}

void exception_unexpected(const struct frame *f)
{
    fail("exception %u at vector %x, epc %x, badvaddr %x, status %x", exception_code(f), f->vector,
         f->epc, f->badvaddr, f->status);
}

// A busy host may let time pass between reading Count and setting Compare.
static uint32_t set_next(uint32_t next)
{
    uint32_t passed = 0;
    CP0_WRITE(11, 0, next);
    while ((int32_t)(count() - next) >= 0) {
        next += timer_period;
        passed++;
        CP0_WRITE(11, 0, next);
    }
    return passed;
}

void timer_start(uint32_t period)
{
    timer_period = period;
    set_next(count() + period);
    CP0_WRITE(12, 0, CP0_READ(12, 0) | STATUS_IP7 | STATUS_IE);
}

uint32_t timer_acknowledge(void)
{
    return 1 + set_next(CP0_READ(11, 0) + timer_period);
}

void timer_stop(void)
{
    CP0_WRITE(12, 0, CP0_READ(12, 0) & ~(uint32_t)(STATUS_IP7 | STATUS_IE));
}
