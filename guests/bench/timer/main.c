// Integer work while the timer interrupts a thousand times a second: how much does a tick cost?
// How many ticks come depends on how long the work takes; whether they come does not.

#include "bench.h"

const char name[] = "timer";

enum { PERIOD = 100000, ROUNDS = 300000000 };  // 1 ms where Count runs at 100 MHz
enum { STATUS_IE = 1, STATUS_IM7 = 1 << 15 };

extern char general_vector[], general_vector_end[];

static volatile uint32_t ticks;

static uint32_t read_count(void)
{
    uint32_t v;
    __asm__ volatile("mfc0 %0, $9" : "=r"(v));
    return v;
}

static void write_compare(uint32_t v) { __asm__ volatile("mtc0 %0, $11\n ehb" : : "r"(v) : "memory"); }

// Called by vector.S. Like most kernels: the next tick a period after this one, or, when that is
// past already, a period from now.
void timer_interrupt(void)
{
    uint32_t next;
    __asm__ volatile("mfc0 %0, $11" : "=r"(next));
    next += PERIOD;
    write_compare(next);
    while ((int32_t)(read_count() - next) >= 0) {
        next = read_count() + PERIOD;
        write_compare(next);
    }
    ticks++;
}

static void start_ticking(void)
{
    uintptr_t vector = KSEG0(0x180);
    uint32_t next, status;
    memcpy((void *)vector, general_vector, (size_t)(general_vector_end - general_vector));
    for (uintptr_t line = vector; line < vector + 0x80; line += 16)
        __asm__ volatile("synci 0(%0)" : : "r"(line) : "memory");
    do {                                       // a busy host may let the time pass meanwhile
        next = read_count() + PERIOD;
        write_compare(next);
    } while ((int32_t)(read_count() - next) >= 0);
    __asm__ volatile("sync\n mfc0 %0, $12" : "=r"(status));
    __asm__ volatile("mtc0 %0, $12\n ehb" : : "r"(status | STATUS_IM7 | STATUS_IE) : "memory");
}

uint32_t work(void)
{
    uint32_t a = 1, b = 0x12345678, result = 0;
    start_ticking();
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        a = a * 1664525 + 1013904223;
        b ^= b << 13, b ^= b >> 17, b ^= b << 5;
        if ((int32_t)a < (int32_t)b)
            result += a ^ i;
    }
    __asm__ volatile("di\n ehb" : : : "memory");
    printf("%s: it ticked: %s\n", name, ticks > 9 ? "yes" : "no");
    return result;
}
