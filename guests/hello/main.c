// The smallest guest: says which CPU it runs on, and switches the board off.

#include "console.h"

static uint32_t prid(void)
{
    uint32_t v;
    __asm__ volatile("mfc0 %0, $15" : "=r"(v));
    return v;
}

// Which way round the machine itself puts a word, not what the compiler believes.
static bool little_endian(void)
{
    volatile uint32_t word = 1;
    return *(volatile uint8_t *)&word == 1;
}

int main(void)
{
    console_init();
    printf("hello from mirrorball's guest\n");
    printf("PRId 0x%08x, %s-endian\n", prid(), little_endian() ? "little" : "big");
    return 0;
}
