// The register file in both models, and every way into it and out of it (MD00083, "FPU
// registers"; MD00086, "LWC1", "LDXC1", "MTHC1" ...).
//
// With FR=0 a double lives in an even register and the odd one above it. The upper half of a
// register that was written by a 32-bit instruction is undefined with FR=1, and not looked at.

#include "console.h"
#include "cp0.h"
#include "fpu.h"
#include "trap.h"

#define EVEN "0,2,4,6,8,10,12,14,16,18,20,22,24,26,28,30"
#define ODD "1,3,5,7,9,11,13,15,17,19,21,23,25,27,29,31"
#define ALL_REGISTERS EVEN "," ODD

// a0: 32 doubles in, a1: 32 doubles out; through loads and stores, moves, and mixtures.
FPU_SNIPPET(singles, ".irp n, " ALL_REGISTERS "\nlwc1 $f\\n, 8 * \\n($4)\n.endr\n"
                     ".irp n, " ALL_REGISTERS "\nswc1 $f\\n, 8 * \\n($5)\n.endr");
FPU_SNIPPET(single_moves, ".irp n, " ALL_REGISTERS "\nlw $8, 8 * \\n($4)\nmtc1 $8, $f\\n\n.endr\n"
                          ".irp n, " ALL_REGISTERS "\nmfc1 $8, $f\\n\nsw $8, 8 * \\n($5)\n.endr");
FPU_SNIPPET(doubles_even, ".irp n, " EVEN "\nldc1 $f\\n, 8 * \\n($4)\n.endr\n"
                          ".irp n, " EVEN "\nsdc1 $f\\n, 8 * \\n($5)\n.endr");
FPU_SNIPPET(doubles_all, ".irp n, " ALL_REGISTERS "\nldc1 $f\\n, 8 * \\n($4)\n.endr\n"
                         ".irp n, " ALL_REGISTERS "\nsdc1 $f\\n, 8 * \\n($5)\n.endr");
FPU_SNIPPET(halves_even, ".irp n, " EVEN "\nlw $8, 8 * \\n($4)\nlw $9, 8 * \\n + 4($4)\nmtc1 $8, $f\\n\n"
                         "mthc1 $9, $f\\n\n.endr\n.irp n, " EVEN "\nmfhc1 $8, $f\\n\nmfc1 $9, $f\\n\n"
                         "sw $8, 8 * \\n($5)\nsw $9, 8 * \\n + 4($5)\n.endr");
FPU_SNIPPET(halves_all, ".irp n, " ALL_REGISTERS "\nlw $8, 8 * \\n($4)\nlw $9, 8 * \\n + 4($4)\nmtc1 $8, $f\\n\n"
                        "mthc1 $9, $f\\n\n.endr\n.irp n, " ALL_REGISTERS "\nsdc1 $f\\n, 8 * \\n($5)\n.endr");
// FR=0 only: the halves of a pair by their own numbers.
FPU_SNIPPET(pair_as_singles, ".irp n, " EVEN "\nldc1 $f\\n, 8 * \\n($4)\n.endr\n"
                             ".irp n, " ALL_REGISTERS "\nmfc1 $8, $f\\n\nsw $8, 4 * \\n($5)\n.endr");
FPU_SNIPPET(singles_as_pair, ".irp n, " ALL_REGISTERS "\nlwc1 $f\\n, 8 * \\n($4)\n.endr\n"
                             ".irp n, " EVEN "\nsdc1 $f\\n, 4 * \\n($5)\nmfhc1 $8, $f\\n\nsw $8, 128 + 4 * \\n($5)\n.endr");
// FR=1 only: an odd register is its own, next to its neighbour.
FPU_SNIPPET(neighbours, "ldc1 $f2, 0($4)\nldc1 $f3, 8($4)\nldc1 $f4, 16($4)\nmov.d $f3, $f4\nsdc1 $f2, 0($5)\n"
                        "sdc1 $f3, 8($5)\nldc1 $f31, 24($4)\nmov.d $f1, $f31\nmfhc1 $8, $f1\nsw $8, 16($5)\n"
                        "lw $9, 40($4)\nmthc1 $9, $f2\nsdc1 $f2, 24($5)\nsdc1 $f3, 32($5)");
FPU_SNIPPET(indexed, "li $8, 16\nli $9, -24\naddiu $10, $4, 64\nlwxc1 $f2, $8($4)\nlwxc1 $f3, $9($10)\n"
                     "ldxc1 $f4, $8($4)\nldxc1 $f6, $10($0)\nswxc1 $f2, $0($5)\nswxc1 $f3, $8($5)\n"
                     "addiu $11, $5, 64\nsdxc1 $f4, $9($11)\nsdxc1 $f6, $11($0)\n.word 0x4c88000f");
// The low three bits of the address are ignored, as LUXC1 and SUXC1 promise; FR=1 only.
FPU_SNIPPET(unaligned, "li $8, 19\nluxc1 $f4, $8($4)\nli $8, 31\nluxc1 $f5, $8($4)\nli $9, 7\nsuxc1 $f4, $9($5)\n"
                       "li $9, 13\nsuxc1 $f5, $9($5)");

static void move_through(const char *name, snippet *code, bool fr)
{
    volatile uint32_t *in = SCRATCH + 64, *out = SCRATCH + 256;
    uint32_t h = 0, seed = 99;
    for (unsigned round = 0; round < 250; round++) {
        for (unsigned i = 0; i < 64; i++) {
            in[i] = next_random(&seed);
            out[i] = i;
        }
        code(ADDRESS(in), ADDRESS(out), 0);
        h = mix_block(h, out, 64);
    }
    report(named(name, fr), h);
}

#define ACCESS(name, instruction) FPU_SNIPPET(at_##name, "addiu $24, $24, 1\n" instruction "\nnop")
ACCESS(lwc1, "lwc1 $f2, 0($4)");
ACCESS(swc1, "swc1 $f2, 0($4)");
ACCESS(ldc1, "ldc1 $f2, 0($4)");
ACCESS(sdc1, "sdc1 $f2, 0($4)");
ACCESS(lwxc1, "lwxc1 $f2, $5($4)");
ACCESS(swxc1, "swxc1 $f2, $5($4)");
ACCESS(ldxc1, "ldxc1 $f2, $5($4)");
ACCESS(sdxc1, "sdxc1 $f2, $5($4)");

static void address_errors(void)
{
#define TRY(name, offset)                                                                      \
    trap_try(at_##name, 0x80040000, offset, 0);                                                \
    trap_show(#name, at_##name);
    static snippet *const code[] = { at_lwc1, at_swc1, at_ldc1, at_sdc1 };
    static const char *const name[] = { "lwc1", "swc1", "ldc1", "sdc1" };
    for (unsigned i = 0; i < 4; i++) {
        trap_try(code[i], 0x80040002, 0, 0);
        trap_show(name[i], code[i]);
        trap_try(code[i], 0x80040004, 0, 0);
        trap_show(name[i], code[i]);
        trap_try(code[i], 0x60000000, 0, 0);
        trap_show(name[i], code[i]);
    }
    TRY(lwxc1, 1) TRY(swxc1, 2) TRY(ldxc1, 4) TRY(sdxc1, 4) TRY(ldxc1, 8)
}

void registers(bool fr)
{
    move_through("singles", singles, fr);
    move_through("single_moves", single_moves, fr);
    move_through("doubles_even", doubles_even, fr);
    move_through("halves_even", halves_even, fr);
    move_through("indexed", indexed, fr);
    if (fr) {
        move_through("doubles_all", doubles_all, fr);
        move_through("halves_all", halves_all, fr);
        move_through("neighbours", neighbours, fr);
        move_through("unaligned", unaligned, fr);
    } else {
        move_through("pair_as_singles", pair_as_singles, fr);
        move_through("singles_as_pair", singles_as_pair, fr);
        address_errors();
    }
}
