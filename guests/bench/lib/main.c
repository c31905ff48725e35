// A workload's guest: does the work, prints its name and its result. The form k runs this in
// kseg0, the form u as a process.

#include "bench.h"

#ifdef USER

static void machine_init(void) { }

#else

// The FPU is usable, its registers 32 bits wide; a core without one ignores the bit.
static void machine_init(void)
{
    enum { STATUS_CU1 = 1 << 29 };
    console_init();
    __asm__ volatile("mtc0 %0, $12; ehb" : : "r"(STATUS_CU1) : "memory");
}

#endif

int main(void)
{
    machine_init();
    uint32_t result = work();
    printf("%s %08x\n", name, result);
    return 0;
}
