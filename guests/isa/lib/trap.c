// Installing the exception vectors, entering user mode, and saying what a trap was.

#include "trap.h"

#include "console.h"
#include "cp0.h"

extern uint32_t trap_vector[], trap_vector_end[], user_exit[];

static void sync_code(const volatile uint32_t *word)
{
    __asm__ volatile("synci 0(%0)\n\tsync" ::"r"(word) : "memory");
}

static void install_vector(uint32_t at)
{
    volatile uint32_t *to = (volatile uint32_t *)at;
    uint32_t n = (uint32_t)(trap_vector_end - trap_vector);
    for (uint32_t i = 0; i < n; i++)
        to[i] = trap_vector[i];
    to[0] |= at >> 16;
    to[1] |= at & 0xffff;
    for (uint32_t i = 0; i < n; i++)
        sync_code(to + i);
}

void trap_install(uint32_t base)
{
    install_vector(base);
    install_vector(base + 0x180);
    install_vector(base + 0x200);
}

void user_map(void)
{
    CP0_WRITE(10, 0, 0);                           // EntryHi: address 0, ASID 0
    CP0_WRITE(2, 0, 0x0000001f);                   // EntryLo0: cached, D, V, G
    CP0_WRITE(3, 0, 0x00100000 >> 6 | 0x1f);
    CP0_WRITE(5, 0, 0x001fe000);                   // PageMask: 1 MiB
    CP0_WRITE(0, 0, 0);
    __asm__ volatile("tlbwi\n\tehb");
    CP0_WRITE(5, 0, 0);
}

uint32_t user_try(snippet *code, uint32_t a0, uint32_t a1, uint32_t a2)
{
    trap.enter = STATUS_UM;
    uint32_t count = trap_try(code, a0, a1, a2);
    trap.enter = 0;
    if (trap_code() == SYS && trap.epc == (ADDRESS(user_exit) & 0x1fffffff)) {
        trap.result = trap.gpr[2];
        count = --trap.count;
    }
    return count;
}

uint32_t trap_registers(void)
{
    uint32_t h = mix(mix(0, trap.hi), trap.lo);
    for (unsigned i = 1; i < 31; i++)
        if (i < 26 || i == 30)
            h = mix(h, trap.gpr[i]);
    return h;
}

// An address as an offset from the code under test if it lies there.
static void show_address(const char *what, uint32_t address, snippet *code)
{
    uint32_t offset = (address & 0x1fffffff) - (ADDRESS(code) & 0x1fffffff);
    if (offset < 0x1000 || offset > 0xfffff000)
        printf(" %s code+%x", what, offset);
    else
        printf(" %s %08x", what, address);
}

void trap_show(const char *name, snippet *code)
{
    printf("%-28s", name);
    if (trap.count == 0) {
        printf(" returned %08x\n", trap.result);
        return;
    }
    uint32_t exc = trap_code();
    printf(" vector %03x exc %u bd %u", trap.vector & 0xfff, exc, trap.cause >> 31);
    if (exc == CPU)
        printf(" ce %u", trap.cause >> 28 & 3);
    show_address("epc", trap.epc, code);
    if (exc >= MOD && exc <= ADES)
        show_address("bad", trap.badvaddr, code);
    if (exc >= MOD && exc <= TLBS)
        printf(" hi %08x context %08x", trap.entryhi & 0xffffe0ff, trap.context & 0xfffffff0);
    if (trap.count != 1)
        printf(" count %u", trap.count);
    printf(" regs %08x\n", trap_registers());
}
