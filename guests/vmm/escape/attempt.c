// Running attempts and counting how they end.

#include "attempt.h"

void attempt_enter(uint32_t pc, uint32_t status);
extern char attempt_leave[];

uint32_t attempt_gpr[32], attempt_status, attempt_stack, attempt_patience;
struct frame attempt_end;
uint32_t attempts, timeouts, taken[32];

static bool running;
static uint32_t normal_status, normal_config, normal_ebase;

// Whatever the attempt did to coprocessor 0, the guest goes on with what it needs.
static void restore(void)
{
    CP0_WRITE(12, 0, normal_status);
    CP0_WRITE(13, 0, 0);
    CP0_WRITE(15, 1, normal_ebase);
    CP0_WRITE(16, 0, normal_config);
    CP0_WRITE(6, 0, 0);
    CP0_WRITE(5, 0, 0);
}

static void on_exception(struct frame *f)
{
    extern char _gp[];
    if (!running)
        exception_unexpected(f);
    running = false;
    attempt_end = *f;
    taken[exception_code(f)]++;
    timeouts += exception_code(f) == INT;
    restore();
    f->status = normal_status;
    f->epc = ADDRESS(attempt_leave);
    f->gpr[28] = ADDRESS(_gp);
    f->gpr[29] = attempt_stack;
}

void attempts_init(void)
{
    normal_status = CP0_READ(12, 0);
    normal_config = CP0_READ(16, 0);
    normal_ebase = CP0_READ(15, 1);
    exceptions_install(on_exception);
}

void attempt_registers(uint32_t value)
{
    for (unsigned i = 1; i < 32; i++)
        attempt_gpr[i] = value;
}

uint32_t attempt(uint32_t pc)
{
    attempts++;
    running = true;
    do                                             // a busy host may let the time pass meanwhile
        CP0_WRITE(11, 0, count() + attempt_patience);
    while ((int32_t)(CP0_READ(11, 0) - count()) <= 0);
    attempt_enter(pc, normal_status | attempt_status | STATUS_IP7 | STATUS_IE | STATUS_EXL);
    return exception_code(&attempt_end);
}

void put_code(uint32_t pa, uint32_t word)
{
    volatile uint32_t *at = (volatile uint32_t *)KSEG0(pa);
    *at = word;
    __asm__ volatile("synci 0(%0)\n\tsync" ::"r"(at) : "memory");
}

uint32_t attempt_words(const uint32_t *words, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        put_code(CODE_PA + 4 * i, words[i]);
    put_code(CODE_PA + 4 * n, 0);
    put_code(CODE_PA + 4 * n + 4, BREAK_WORD);
    return attempt(KSEG0(CODE_PA));
}

static void fill(uint32_t pa, uint32_t size)
{
    for (uint32_t offset = 0; offset < size; offset += 4)
        *(volatile uint32_t *)KSEG0(pa + offset) = BREAK_WORD;
}

void fill_scratch(void) { fill(SCRATCH_PA, SCRATCH_SIZE); }

void fill_data(void) { fill(DATA_PA - 0x9000, 0x12000); }
