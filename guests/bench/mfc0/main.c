// Coprocessor 0 registers read and written as kernels do all the time: interrupts off and on,
// Count, EntryHi, Compare, and the ones that never change.

#include "bench.h"

const char name[] = "mfc0";

enum { ROUNDS = 2000000, STATUS_IE = 1 };

#define READ(number) ({ uint32_t v; __asm__ volatile("mfc0 %0, $" #number : "=r"(v)); v; })
#define WRITE(number, v) __asm__ volatile("mtc0 %0, $" #number "\n ehb" : : "r"(v) : "memory")

static uint32_t interrupts_off(void)
{
    uint32_t before;
    __asm__ volatile("di %0\n ehb" : "=r"(before) : : "memory");
    return before;
}

uint32_t work(void)
{
    uint32_t result = 0, backwards = 0, last = READ(9);
    WRITE(12, READ(12) | STATUS_IE);   // no interrupt is unmasked
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint32_t status = interrupts_off();
        WRITE(10, i << 13 | 5);        // VPN2; the ASID stays: a new one is a context switch
        result = mix(result, READ(10) ^ status);
        WRITE(12, status);
        WRITE(14, i * 4);
        result += READ(14) + (READ(15) != 0);
        uint32_t now = READ(9);
        backwards += (int32_t)(now - last) < 0;
        last = now;
        if (i % 16 == 0)
            WRITE(11, now - 1);        // Compare: as far away as it gets
    }
    return result + backwards;
}
