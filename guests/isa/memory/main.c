// Loads and stores of all widths at all alignments (MD00086, "Load/Store" instructions).
// Address errors are reported like the traps chapter reports its own.
// SC is in llsc.

#include "check.h"
#include "console.h"
#include "trap.h"

enum { WORDS = 8 };                    // of the block that each case works on

static void fill(uint32_t seed)
{
    for (unsigned i = 0; i < WORDS; i++)
        SCRATCH[i] = next_random(&seed);
}

// A fan of loads: one instruction at each of a list of offsets from a0, the results stored
// one after the other at a1. a2 is what the destination holds before.
#define LOADS(name, offsets)                                                                   \
    SNIPPET(fan_##name, ".irp o, " offsets "\nmove $8, $6\n" #name " $8, \\o($4)\n"            \
                        "sw $8, 0($5)\naddiu $5, $5, 4\n.endr\nmove $2, $5")
#define STORES(name, offsets)                                                                  \
    SNIPPET(fan_##name, ".irp o, " offsets "\n" #name " $6, \\o($4)\nrotr $6, $6, 5\n.endr\n"  \
                        "move $2, $5")
#define BYTES "-16,-15,-14,-13,-7,-3,-2,-1,0,1,2,3,4,5,6,7,8,12,13,15"
#define HALVES "-16,-14,-8,-2,0,2,4,6,8,10,14"
#define WHOLE "-16,-12,-8,-4,0,4,8,12"
LOADS(lb, BYTES);
LOADS(lbu, BYTES);
LOADS(lh, HALVES);
LOADS(lhu, HALVES);
LOADS(lw, WHOLE);
LOADS(lwl, BYTES);
LOADS(lwr, BYTES);
STORES(sb, BYTES);
STORES(sh, HALVES);
STORES(sw, WHOLE);
STORES(swl, BYTES);
STORES(swr, BYTES);

// Both halves of an unaligned access, in both orders, for each alignment.
#ifdef __MIPSEB__
#define FIRST "0"
#define LAST "3"
#else
#define FIRST "3"
#define LAST "0"
#endif
#define EACH_BYTE(body) ".irp o, -9,-8,-7,-6,-5,-4,-3,-2,-1,0,1,2,3,4,5,6,7,8,9,10,11\n" body ".endr\n"
SNIPPET(fan_unaligned_load,
        EACH_BYTE("lwl $8, \\o + " FIRST "($4)\nlwr $8, \\o + " LAST "($4)\nsw $8, 0($5)\n"
                  "lwr $9, \\o + " LAST "($4)\nlwl $9, \\o + " FIRST "($4)\nsw $9, 4($5)\n"
                  "addiu $5, $5, 8\n") "move $2, $5");
SNIPPET(fan_unaligned_store,
        EACH_BYTE("swl $6, \\o + " FIRST "($4)\nswr $6, \\o + " LAST "($4)\naddiu $6, $6, 0x777\n")
        "move $2, $5");

// The destination is the base; the base is any register; the destination is $0.
SNIPPET(fan_base,
        "lw $8, 4($4)\nsw $8, 0($5)\nmove $8, $4\nlw $8, 8($8)\nsw $8, 4($5)\n"
        "move $8, $4\nlbu $8, 2($8)\nsw $8, 8($5)\nmove $8, $4\nlh $8, -2($8)\nsw $8, 12($5)\n"
        "move $8, $4\nlwl $8, 1($8)\nsw $8, 16($5)\nmove $8, $4\nlwr $8, 1($8)\nsw $8, 20($5)\n"
        "lw $0, 0($4)\nlwl $0, 1($4)\nsw $0, 24($5)\nmove $9, $29\nmove $29, $4\nlw $8, 0($29)\n"
        "sb $29, 1($29)\nmove $29, $9\nsw $8, 28($5)\naddiu $2, $5, 32");

// A 16-bit offset is signed; the sum wraps at 2^32.
SNIPPET(fan_offset,
        "addiu $9, $4, -0x7ffc\nlw $8, 0x7ffc($9)\nsw $8, 0($5)\nlui $9, 1\naddu $9, $4, $9\n"
        "addiu $9, $9, -0x8000\nlw $8, -0x8000($9)\nsw $8, 4($5)\nsw $6, -0x7ffc($9)\n"
        "lui $9, 0x7fff\nori $9, $9, 0xff00\nlui $8, 0x8000\nlw $10, 0($8)\nlw $8, 0x100($9)\n"
        "subu $8, $8, $10\nsw $8, 8($5)\naddiu $2, $5, 12");

// Word and bytes of the same place, one after the other: what was stored is what is loaded.
SNIPPET(fan_forward,
        "sw $6, 0($4)\nlb $8, 0($4)\nlhu $9, 2($4)\nsb $9, 3($4)\nlw $10, 0($4)\nsh $8, 0($4)\n"
        "lw $11, 0($4)\nswl $6, 5($4)\nlw $12, 4($4)\nsb $12, 6($4)\nlh $13, 6($4)\n"
        "sw $8, 0($5)\nsw $9, 4($5)\nsw $10, 8($5)\nsw $11, 12($5)\nsw $12, 16($5)\n"
        "sw $13, 20($5)\naddiu $2, $5, 24");

// Hints may be ignored, and never trap: not even at an address that has no translation.
SNIPPET(fan_pref,
        ".irp h, 0,1,4,5,6,7,25\npref \\h, 0($4)\npref \\h, 1($0)\npref \\h, -1($6)\n.endr\n"
        "sync\nlw $8, 0($4)\nsw $8, 0($5)\naddiu $2, $5, 4");

static void fan(const char *name, snippet *code)
{
    uint32_t h = 0, base = ADDRESS(SCRATCH), out = base + 0x1000;
    for (unsigned round = 0; round < 4; round++)
        for (unsigned i = 0; i < VALUES; i++) {
            fill(i * 4 + round + 1);
            uint32_t end = code(base + 16, out, values[i] + round);
            h = mix_block(h, (volatile uint32_t *)out, (end - out) / 4);
            h = mix_block(h, SCRATCH, WORDS);
        }
    report(name, h);
}

// The same memory through kseg0 and kseg1.
static void aliases(void)
{
    volatile uint32_t *cached = SCRATCH, *uncached = (volatile uint32_t *)KSEG1(SCRATCH_PA);
    uint32_t h = 0;
    for (unsigned i = 0; i < 300; i++) {
        cached[i % WORDS] = i * 0x01010101;
        // Out of the data cache and dropped from it before the other side is used.
        __asm__ volatile("cache 0x15, 0(%0)\n\tsync" ::"r"(cached + i % WORDS) : "memory");
        uncached[(i + 3) % WORDS] ^= i;
        h = mix(h, uncached[i % WORDS]);
        h = mix(h, cached[(i + 3) % WORDS]);
        __asm__ volatile("cache 0x15, 0(%0)\n\tsync" ::"r"(cached + (i + 3) % WORDS) : "memory");
    }
    report("aliases", h);
}

// Byte order, seen by the machine: each byte and half of a known word.
static void byte_order(void)
{
    volatile uint8_t *byte = (volatile uint8_t *)SCRATCH;
    volatile uint16_t *half = (volatile uint16_t *)SCRATCH;
    SCRATCH[0] = 0x01020304;
    printf("bytes %x %x %x %x halves %x %x\n", byte[0], byte[1], byte[2], byte[3], half[0],
           half[1]);
}

// Copies of all lengths and alignments, a byte and a word at a time.
static void copies(void)
{
    uint32_t h = 0;
    for (unsigned n = 0; n < 40; n++)
        for (unsigned from = 0; from < 4; from++)
            for (unsigned to = 0; to < 4; to++) {
                volatile uint8_t *s = (volatile uint8_t *)(SCRATCH + 64) + from;
                volatile uint8_t *d = (volatile uint8_t *)(SCRATCH + 128) + to;
                for (unsigned i = 0; i < n; i++)
                    s[i] = (uint8_t)(i * 37 + n + from);
                for (unsigned i = 0; i < n; i++)
                    d[i] = s[i];
                h = mix_block(h, SCRATCH + 128, 12);
            }
    report("copies", h);
}

// Walks over 1 MiB in strides that cross every page and every line.
static void strides(void)
{
    uint32_t h = 0;
    volatile uint32_t *area = (volatile uint32_t *)0x80400000;
    for (uint32_t stride = 4; stride < 20000; stride = stride * 3 + 4)
        for (uint32_t at = 0; at < 0x40000; at += stride) {
            area[at / 4] = at ^ h;
            h = mix(h, area[(at ^ 0x1000) % 0x40000 / 4]);
        }
    report("strides", h);
}

// Misaligned, and out of the kernel's hands in user mode: the destination keeps its value.
#define MISALIGNED(name, offset)                                                               \
    SNIPPET(mis_##name##offset, #name " $8, " #offset "($4)\naddiu $2, $2, 1");                \
    SNIPPET(slot_##name##offset, "b 1f\n" #name " $8, " #offset "($4)\n1: addiu $2, $2, 1");
#define EACH_MISALIGNED(X)                                                                     \
    X(lh, 1) X(lh, 3) X(lhu, 1) X(lw, 1) X(lw, 2) X(lw, 3) X(sh, 1) X(sh, 3) X(sw, 1) X(sw, 2) \
    X(sw, 3) X(ll, 1) X(ll, 2)
EACH_MISALIGNED(MISALIGNED)
#define EACH_ACCESS(X)                                                                         \
    X(lb) X(lbu) X(lh) X(lhu) X(lw) X(lwl) X(lwr) X(ll) X(sb) X(sh) X(sw) X(swl) X(swr)
#define PLAIN(name) SNIPPET(plain_##name, #name " $8, 0($4)\naddiu $2, $2, 1");
EACH_ACCESS(PLAIN)

static void address_errors(void)
{
    uint32_t base = ADDRESS(SCRATCH);
    fill(1);
#define TRY(name, offset)                                                                      \
    trap_try(mis_##name##offset, base, 2, 3);                                                  \
    trap_show(#name " +" #offset, mis_##name##offset);                                         \
    trap_try(slot_##name##offset, base, 2, 3);                                                 \
    trap_show(#name " +" #offset " slot", slot_##name##offset);
    EACH_MISALIGNED(TRY)
#define TRY_USER(name)                                                                         \
    user_try(plain_##name, base, 2, 3);                                                        \
    trap_show("user " #name, plain_##name);
    EACH_ACCESS(TRY_USER)
    report("untouched", mix_block(0, SCRATCH, WORDS));

    // Misaligned wins over a user's access to the kernel; both are address errors.
    user_try(plain_lw, base + 1, 2, 3);
    trap_show("user lw misaligned", plain_lw);
    user_try(plain_sw, 0xc0000002, 2, 3);
    trap_show("user sw misaligned", plain_sw);
}

// Often enough that translated code has to raise the exception.
static void hot_address_errors(void)
{
    uint32_t h = 0;
    for (unsigned i = 0; i < 400; i++) {
        uint32_t n = trap_try(slot_lw2, ADDRESS(SCRATCH) + (i & 7), i, ~i);
        h = mix(mix(h, n), n ? trap.badvaddr ^ trap_registers() : trap.result);
    }
    report("hot_address_errors", h);
}

int main(void)
{
    chapter("memory");
    user_map();
    byte_order();
#define RUN(name) fan(#name, fan_##name);
    RUN(lb) RUN(lbu) RUN(lh) RUN(lhu) RUN(lw) RUN(lwl) RUN(lwr)
    RUN(sb) RUN(sh) RUN(sw) RUN(swl) RUN(swr)
    RUN(unaligned_load) RUN(unaligned_store) RUN(base) RUN(offset) RUN(forward) RUN(pref)
    aliases();
    copies();
    strides();
    address_errors();
    hot_address_errors();
    report_end();
    return 0;
}
