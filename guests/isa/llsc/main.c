// Load linked and store conditional: the cases whose outcome the manual fixes (MD00086, "LL",
// "SC"; MD00090, "LLAddr").
//
// Not here, because the manual leaves it open: SC without LL, SC to another address than LL's,
// and loads or stores between the two.

#include "check.h"
#include "console.h"
#include "tlb.h"
#include "trap.h"

// An outcome: what SC left in its register, and what is in memory then.
SNIPPET(pair, "ll $8, 0($4)\nmove $9, $5\nsc $9, 0($4)\nlw $10, 0($4)\nsll $2, $9, 28\n"
              "xor $2, $2, $8\nxor $2, $2, $10");
SNIPPET(pair_offset, "ll $8, 0x7ffc($4)\nmove $9, $5\nsc $9, 0x7ffc($4)\nlw $10, 0x7ffc($4)\n"
                     "sll $2, $9, 28\nxor $2, $2, $8\nxor $2, $2, $10");
// The register of LL is its own base; the stored value is the link.
SNIPPET(same_register, "move $8, $4\nll $8, 0($8)\naddiu $8, $8, 1\nsc $8, 0($4)\n"
                       "lw $9, 0($4)\nsll $2, $8, 28\nxor $2, $2, $9");
SNIPPET(in_slots, "li $9, 0\nb 1f\nll $8, 0($4)\n1: addu $9, $8, $5\nbne $5, $0, 2f\nsc $9, 0($4)\n"
                  "2: lw $10, 0($4)\nsll $2, $9, 28\nxor $2, $2, $10");
// An exception's return breaks the link, whatever the handler did.
SNIPPET(over_syscall, "ll $8, 0($4)\nsyscall\nmove $9, $5\nsc $9, 0($4)\nlw $10, 0($4)\n"
                      "sll $2, $9, 28\nxor $2, $2, $10");
SNIPPET(over_interrupt, "ll $8, 0($4)\nli $9, 0x100\nmtc0 $9, $13\nehb\nmove $9, $5\n"
                        "sc $9, 0($4)\nlw $10, 0($4)\nsll $2, $9, 28\nxor $2, $2, $10");
SNIPPET(over_eret, "ll $8, 0($4)\nla $9, 1f\nmtc0 $9, $14\nmfc0 $10, $12\nori $10, $10, 2\n"
                   "mtc0 $10, $12\nehb\neret\n1: move $9, $5\nsc $9, 0($4)\nlw $10, 0($4)\n"
                   "sll $2, $9, 28\nxor $2, $2, $10");
SNIPPET(over_slot_trap, "ll $8, 0($4)\nb 1f\nsyscall\nnop\n1: move $9, $5\nsc $9, 0($4)\n"
                        "lw $10, 0($4)\nsll $2, $9, 28\nxor $2, $2, $10");
// LL sees again what a failed SC did not change, and a second try succeeds.
SNIPPET(retry, "li $7, 0\n1: ll $8, 0($4)\naddiu $7, $7, 1\nli $9, 1\nbne $7, $9, 2f\naddu $9, $8, $5\n"
               "syscall\n2: sc $9, 0($4)\nbeqz $9, 1b\nnop\nlw $2, 0($4)\nsll $7, $7, 28\nxor $2, $2, $7");

static bool go_on(struct trap *t)
{
    if (t->cause & CAUSE_BD)
        t->epc += 12;                              // to the target of over_slot_trap's branch
    else if (trap_code() == SYS)
        t->epc += 4;
    else
        CP0_WRITE(13, 0, 0);
    return true;
}

static void outcome(const char *name, snippet *code)
{
    uint32_t h = 0, sample = 0;
    trap.hook = go_on;
    for (unsigned i = 0; i < 4 * VALUES; i++) {
        SCRATCH[0] = values[i % VALUES];
        SCRATCH[0x7ffc / 4] = ~values[i % VALUES];
        trap_try(code, ADDRESS(SCRATCH), i + 5, 0);
        h = mix(mix(mix(h, trap.result), trap.count), SCRATCH[0]);
        sample = trap.result;
    }
    trap.hook = NULL;
    report_value(name, h, sample ^ values[VALUES - 1]);
}

// What programs make of it.
static uint32_t atomic_add(volatile uint32_t *p, uint32_t n)
{
    uint32_t old, new;
    __asm__ volatile(".set push\n.set noreorder\n1: ll %0, 0(%2)\naddu %1, %0, %3\nsc %1, 0(%2)\n"
                     "beqz %1, 1b\nnop\n.set pop"
                     : "=&r"(old), "=&r"(new) : "r"(p), "r"(n) : "memory");
    return old;
}

static uint32_t compare_and_swap(volatile uint32_t *p, uint32_t expected, uint32_t v)
{
    uint32_t old, t;
    __asm__ volatile(".set push\n.set noreorder\nsync\n1: ll %0, 0(%2)\nbne %0, %3, 2f\nmove %1, %4\n"
                     "sc %1, 0(%2)\nbeqzl %1, 1b\nnop\n2: sync\n.set pop"
                     : "=&r"(old), "=&r"(t) : "r"(p), "r"(expected), "r"(v) : "memory");
    return old;
}

static void programs(void)
{
    uint32_t h = 0;
    for (unsigned i = 0; i < 8; i++)
        SCRATCH[i] = i;
    for (unsigned i = 0; i < 2000; i++)
        h = mix(h, atomic_add(SCRATCH + (i & 7), i));
    report("atomic_add", mix_block(h, SCRATCH, 8));
    for (unsigned i = 0; i < 2000; i++)
        h = mix(h, compare_and_swap(SCRATCH + (i & 3), h & 4 ? SCRATCH[i & 3] : i, h));
    report("compare_and_swap", mix_block(h, SCRATCH, 8));
}

SNIPPET(ll_only, "ll $8, 0($4)\nnop");
SNIPPET(ll_then_sc, "ll $8, 0($4)\nmove $9, $5\nsc $9, 0($4)\nmove $2, $9");

static void mapped(void)
{
    enum { PAGE = 0x00800000 };
    tlb_clear();
    *(volatile uint32_t *)KSEG0(PAGE) = 7;
    tlb_write(1, (struct tlb_entry){ 0x00400000, entry_lo(PAGE, LO_V | LO_D | LO_G), entry_lo(PAGE, LO_V | LO_G), 0 });
    tlb_write(2, (struct tlb_entry){ 0x00500000, LO_G, LO_G, 0 });
    user_map();
#define SHOW(try, name, code, address)                                                         \
    try(code, address, 0x600d, 0);                                                             \
    trap_show(name, code);
    SHOW(trap_try, "mapped", ll_then_sc, 0x00400000)
    SHOW(trap_try, "clean page", ll_then_sc, 0x00401000)
    SHOW(trap_try, "invalid page", ll_only, 0x00500000)
    SHOW(trap_try, "no page", ll_only, 0x00600000)
    SHOW(trap_try, "misaligned", ll_only, 0x00400002)
    SHOW(user_try, "user mapped", ll_then_sc, 0x00400000)
    SHOW(user_try, "user clean page", ll_then_sc, 0x00401000)
    SHOW(user_try, "user no page", ll_only, 0x00600000)
    SHOW(user_try, "user kernel's", ll_only, 0x80040000)
    report("page", *(volatile uint32_t *)KSEG0(PAGE));
}

int main(void)
{
    chapter("llsc");
    CP0_WRITE(12, 0, STATUS_IE | STATUS_IP0);
#define RUN(name) outcome(#name, name);
    RUN(pair) RUN(pair_offset) RUN(same_register) RUN(in_slots)
    RUN(over_syscall) RUN(over_interrupt) RUN(over_eret) RUN(over_slot_trap) RUN(retry)
    CP0_WRITE(12, 0, 0);
    programs();
    mapped();
    report_end();
    return 0;
}
