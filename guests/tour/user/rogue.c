// Does what a process must not do. The argument picks the crime; beyond the last it behaves.

#include "user.h"

static void load(uintptr_t va) { *(volatile uint32_t *)va; }
static void store(uintptr_t va) { *(volatile uint32_t *)va = 1; }

// The largest number and one: ADD, unlike what C's + becomes, traps.
static void overflow(void)
{
    __asm__ volatile("add $8, %0, %1" : : "r"(0x7fffffff), "r"(1) : "$8");
}

static void use_coprocessor_0(void) { __asm__ volatile("mtc0 $0, $12"); }

static int tell_the_kernel_a_lie(void)
{
    int written = write(CONSOLE, (void *)0x80000000, 16);
    printf("   the last asks the kernel to print the kernel's memory: %s\n",
           written < 0 ? "refused" : "done");
    return written < 0 ? 0 : 1;
}

int main(int crime)
{
    switch (crime) {
    case 0: load(0x80000000); break;           // kseg0: not for user mode
    case 1: store(0xa0000000); break;          // kseg1: neither
    case 2: load(0x00000010); break;           // a null pointer to something
    case 3: load(BOARD_VA + 2); break;         // not on a word's boundary
    case 4: store(USER_BASE); break;           // its own code
    case 5: use_coprocessor_0(); break;
    case 6: overflow(); break;
    default: return tell_the_kernel_a_lie();
    }
    return 0;
}
