// The escape artist: tries all it can to get out of its machine, or to break it, takes the
// exception that it gets, and at the end is still in control of itself, and of nothing else.
//
// seed=N, only=NAME for one stage, counts=1 to print how often each exception came. Only what
// resets the board or switches it off is left out.

#include "escape.h"

uint32_t seed_state;

static const struct { const char *name; void (*run)(void); } stages[] = {
    { "kseg1", sweep_kseg1 }, { "tlb", sweep_tlb }, { "wild-tlb", wild_tlb },
    { "boundaries", boundaries }, { "jumps", jumps }, { "words", words },
    { "hypercalls", hypercalls }, { "cache", cache_operations }, { "cp0", privileged_registers },
    { "page-ends", page_ends }, { "devices", poke_devices }, { "windows", move_windows },
    { "dma", dma },
};

extern uint32_t image_start[], data_start[];

// The image's code and constants, and pages all over memory that no stage has any business with.
static uint32_t own_memory(void)
{
    uint32_t h = 1;
    for (uint32_t *p = image_start; p < data_start; p++)
        h = hash(h, *p);
    for (uint32_t pa = 0x00a00000; pa + 0x100000 <= memory_bytes(); pa += 0x80000)
        for (uint32_t i = 0; i < 8; i++)
            h = hash(h, ((volatile uint32_t *)KSEG0(pa + 0x5000))[i]);
    return h;
}

static void mark_memory(void)
{
    for (uint32_t pa = 0x00a00000; pa + 0x100000 <= memory_bytes(); pa += 0x80000)
        for (uint32_t i = 0; i < 8; i++)
            ((volatile uint32_t *)KSEG0(pa + 0x5000))[i] = hash(pa, i);
}

static void print_counts(void)
{
    static const char *const names[32] = {
        "watchdog", "Mod", "TLBL", "TLBS", "AdEL", "AdES", "IBE", "DBE", "Sys", "Bp", "RI", "CpU",
        "Ov", "Tr", [15] = "FPE", [24] = "MCheck",
    };
    printf("escape: %u attempts", attempts);
    for (unsigned i = 0; i < 32; i++)
        if (taken[i])
            printf(", %s %u", names[i] ? names[i] : "other", taken[i]);
    putc('\n');
}

int main(uint32_t argc, char **argv, char **environment, uint32_t memory)
{
    vmm_init("escape", argc, argv, environment, memory);
    if (memory_bytes() < 0x01000000)
        fail("16 MiB of memory are the least");
    seed_state = hash(parameter("seed", 1), 1) | 1;
    attempts_init();
    fill_scratch();
    mark_memory();
    uint32_t before = own_memory();
    for (unsigned i = 0; i < sizeof stages / sizeof *stages; i++) {
        if (!parameter_is("only", stages[i].name, true))
            continue;
        fill_data();
        attempt_registers(DATA);
        attempt_patience = IMPATIENT;
        attempt_status = 0;
        stages[i].run();
        if (own_memory() != before)
            fail("%s: memory is not what it was", stages[i].name);
        printf("escape: %s: still here\n", stages[i].name);
    }
    if (parameter("counts", 0))
        print_counts();
    pass();
}
