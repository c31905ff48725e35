// The monitor below, if it is mirrorball (docs/hypercalls.md): it makes pages zero and forgets free
// ones, prints whole lines, and lets the idle loop sleep. Elsewhere everything here does without.

#ifdef HYPERCALLS

#include "hypercall.h"

#include "cp0.h"
#include "kernel.h"

enum { PAGES_MAX = 8192, QUEUE = 32, LINE = 256 };

static uint32_t features;

static bool can(enum hypercall number) { return features >> number & 1; }

// int32_t hyper_probe(uint32_t *version): the one call that may turn out to be a reserved
// instruction; then exception() has it answer -1.
int32_t hyper_probe(uint32_t *version);
extern char hyper_probe_at[];
__asm__(".pushsection .text.hyper_probe, \"ax\", @progbits\n"
        ".set push\n.set noreorder\n"
        ".globl hyper_probe\n.type hyper_probe, @function\nhyper_probe:\n"
        "       li      $2, 0\n"
        "hyper_probe_at:\n"
        "       .word   0x42000028\n"
        "       sw      $3, 0($4)\n"
        "       jr      $31\n"
        "       nop\n"
        ".set pop\n.popsection\n");

bool hyper_stepped_over(struct frame *f)
{
    bool reserved = (f->cause >> 2 & 31) == EXC_RI;
    if (!reserved || f->epc != (uintptr_t)hyper_probe_at)
        return false;
    f->epc += 4;
    f->r[R_V0] = (uint32_t)HYPER_NOT_SUPPORTED;
    return true;
}

static int32_t ask(enum hypercall number, uint32_t a0, uint32_t a1)
{
    uint32_t value = 0;
    return hypercall(number, a0, a1, &value);
}

void hyper_init(void)
{
    uint32_t version, found = 0;
    if (hyper_probe(&version) == HYPER_DONE && version >> 16 == 1 &&
        hypercall(HYPER_FEATURES, 0, 0, &found) == HYPER_DONE)
        features = found;
}

// ---- pages ----

// Free pages that the monitor has forgotten: they are zero.
static bool forgotten[PAGES_MAX];

// Runs of pages that the monitor has yet to hear of.
static struct hyper_record queue[QUEUE];
static unsigned queued;

static uint32_t page_number(void *frame) { return ((uintptr_t)frame & 0x1fffffff) / PAGE; }

void hyper_flush(void)
{
    if (queued == 0)
        return;
    ask(HYPER_BATCH, (uintptr_t)queue, queued);
    for (struct hyper_record *r = queue; r < queue + queued; r++)
        for (uint32_t i = 0; i < r->arguments[1]; i++)
            forgotten[r->arguments[0] + i] = r->status == HYPER_DONE;
    queued = 0;
}

void hyper_release(void *frame)
{
    uint32_t number = page_number(frame);
    if (!can(HYPER_PAGE_RELEASE) || !can(HYPER_BATCH) || number >= PAGES_MAX)
        return;
    uint32_t *last = queue[queued - (queued > 0)].arguments;
    if (queued > 0 && last[0] + last[1] == number) {
        last[1]++;
        return;
    }
    if (queued == QUEUE)
        hyper_flush();
    queue[queued++] = (struct hyper_record){ .number = HYPER_PAGE_RELEASE, .arguments = { number, 1 } };
}

bool hyper_zeroed(void *frame)
{
    uint32_t number = page_number(frame);
    hyper_flush();                     // or this page, in use, could be forgotten
    if (number < PAGES_MAX && forgotten[number]) {
        forgotten[number] = false;
        return true;
    }
    return can(HYPER_PAGE_ZERO) && ask(HYPER_PAGE_ZERO, number, 1) == HYPER_DONE;
}

// ---- time ----

bool hyper_sleep(uint32_t nanoseconds)
{
    return can(HYPER_SLEEP) && ask(HYPER_SLEEP, nanoseconds, 0) == HYPER_DONE;
}

// ---- the console, a line at a time ----

static char line[LINE];
static unsigned length;

void console_flush(void)
{
    if (length)
        ask(HYPER_CONSOLE_WRITE, (uintptr_t)line, length);
    length = 0;
}

void putc(char c)
{
    if (!can(HYPER_CONSOLE_WRITE)) {
        uart_putc(c);
        return;
    }
    if (c == '\n')
        line[length++] = '\r';
    line[length++] = c;
    if (c == '\n' || length > LINE - 2)
        console_flush();
}

#endif
