// C.cond.fmt with its sixteen conditions, and what uses condition codes: BC1F, BC1T, their
// likely forms, MOVF, MOVT; and the moves that depend on a general register.

#include "cp0.h"
#include "fpu.h"
#include "trap.h"

#define CONDITIONS "f,un,eq,ueq,olt,ult,ole,ule,sf,ngle,seq,ngl,lt,nge,le,ngt"
// FCSR after each condition goes to a1. Every code is set before and again after.
#define COMPARE(name, load, format, code)                                                      \
    FPU_SNIPPET(name, load " $f2, 0($4)\n" load " $f4, 8($4)\n.irp c, " CONDITIONS "\n"        \
                      "ctc1 $6, $31\nc.\\c\\()." format " " code "$f2, $f4\ncfc1 $8, $31\n"        \
                      "sw $8, 0($5)\naddiu $5, $5, 4\n.endr\nmove $2, $5");
COMPARE(compare_s, "lwc1", "s", "")
COMPARE(compare_d, "ldc1", "d", "")
COMPARE(compare_s_cc7, "lwc1", "s", "$fcc7, ")
COMPARE(compare_d_cc1, "ldc1", "d", "$fcc1, ")

static void compare(const char *name, snippet *code, enum format f, uint32_t fcsr)
{
    uint32_t h = 0, out = ADDRESS(SCRATCH) + 0x100;
    for (unsigned i = 0; i < OPERANDS; i++)
        for (unsigned j = 0; j < OPERANDS; j++) {
            set_operand(&BLOCK->a, f, operand(f, i));
            set_operand(&BLOCK->b, f, operand(f, j));
            code(ADDRESS(BLOCK), out, fcsr);
            h = mix_block(h, (volatile uint32_t *)out, 16);
        }
    report(name, h);
}

// With Invalid enabled: the exception comes and the condition code stays.
#define COMPARE_ONE(name, condition)                                                           \
    FPU_SNIPPET(name, "ldc1 $f2, 0($4)\nldc1 $f4, 8($4)\nctc1 $6, $31\nc." condition           \
                      ".d $fcc2, $f2, $f4\ncfc1 $2, $31");
COMPARE_ONE(quiet_equal, "eq")
COMPARE_ONE(signalling_less, "lt")

static void compare_enabled(const char *name, snippet *code)
{
    uint32_t h = 0, traps = 0;
    for (unsigned i = 0; i < OPERANDS; i++)
        for (unsigned j = 0; j < OPERANDS; j += 3) {
            uint32_t fcsr;
            set_operand(&BLOCK->a, D, operand(D, i));
            set_operand(&BLOCK->b, D, operand(D, j));
            uint32_t n = trap_try(code, ADDRESS(BLOCK), 0, ENABLE_V | (i & 1) << 26);
            __asm__ volatile("cfc1 %0, $31\n\tctc1 $0, $31" : "=r"(fcsr));
            h = mix(mix(h, n), fcsr);
            traps += n;
        }
    report_value(name, h, traps);
}

// All eight codes, each with its branches: a bit for each one taken and each slot executed.
#define BRANCHES(name, branch)                                                                 \
    FPU_SNIPPET(name, "ctc1 $4, $25\nli $2, 0\n.irp n, 0,1,2,3,4,5,6,7\nsll $2, $2, 3\n"       \
                      branch " $fcc\\n, 1f\nori $2, $2, 1\nori $2, $2, 2\n1: ori $2, $2, 4\n"  \
                      ".endr");
BRANCHES(on_false, "bc1f")
BRANCHES(on_true, "bc1t")
BRANCHES(on_false_likely, "bc1fl")
BRANCHES(on_true_likely, "bc1tl")

// Moves of general registers on all codes, then of both formats on the code in a1's place.
FPU_SNIPPET(move_general,
            "ctc1 $4, $25\nmove $2, $5\n.irp n, 0,1,2,3,4,5,6,7\nmove $8, $5\nmove $9, $5\n"
            "movf $8, $4, $fcc\\n\nmovt $9, $6, $fcc\\n\nrotr $2, $2, 3\nxor $2, $2, $8\naddu $2, $2, $9\n"
            ".endr");
FPU_SNIPPET(move_formats,
            "ctc1 $4, $25\nli $2, 0\n.irp n, 0,1,2,3,4,5,6,7\n"
            "mtc1 $5, $f2\nmtc1 $6, $f4\nmovf.s $f4, $f2, $fcc\\n\nmfc1 $8, $f4\n"
            "mtc1 $6, $f4\nmovt.s $f4, $f2, $fcc\\n\nmfc1 $9, $f4\n"
            "mtc1 $6, $f4\nmovn.s $f4, $f2, $8\nmfc1 $10, $f4\n"
            "mtc1 $6, $f4\nandi $11, $5, 1\nmovz.s $f4, $f2, $11\nmfc1 $11, $f4\n"
            "rotr $2, $2, 3\nxor $2, $2, $8\naddu $2, $2, $9\nxor $2, $2, $10\naddu $2, $2, $11\n"
            "mtc1 $5, $f2\nmthc1 $6, $f2\nmtc1 $6, $f4\nmthc1 $4, $f4\n"
            "movf.d $f4, $f2, $fcc\\n\nmfc1 $8, $f4\nmfhc1 $9, $f4\nrotr $2, $2, 3\nxor $2, $2, $8\naddu $2, $2, $9\n"
            "mtc1 $6, $f4\nmthc1 $4, $f4\nmovt.d $f4, $f2, $fcc\\n\nmfc1 $8, $f4\nmfhc1 $9, $f4\nrotr $2, $2, 3\n"
            "xor $2, $2, $8\naddu $2, $2, $9\n"
            "mtc1 $6, $f4\nmthc1 $4, $f4\nmovn.d $f4, $f2, $0\nmovz.d $f6, $f4, $0\nmfc1 $8, $f6\nmfhc1 $9, $f6\n"
            "rotr $2, $2, 3\nxor $2, $2, $8\naddu $2, $2, $9\n.endr");

static void codes(const char *name, snippet *code)
{
    uint32_t h = 0;
    for (uint32_t i = 0; i < 512; i++)
        h = mix(h, code(i & 0xff, values[i % VALUES], ~values[i * 7 % VALUES]));
    report(name, h);
}

// A comparison and its branch, hot: the least of a list, which has NaNs in it.
FPU_SNIPPET(least,
            "ldc1 $f2, 0($4)\nli $2, 0\nli $8, 0\n1: ldc1 $f4, 0($4)\nc.olt.d $f4, $f2\nnop\n"
            "bc1f 2f\naddiu $4, $4, 8\nmov.d $f2, $f4\nmove $2, $8\n2: c.un.d $fcc3, $f4, $f4\n"
            "addiu $8, $8, 1\nbc1tl $fcc3, 3f\naddiu $2, $2, 0x100\n3: bne $8, $5, 1b\nnop");

void comparisons(void)
{
    compare("compare.s", compare_s, S, 0);
    compare("compare.d", compare_d, D, 0);
    compare("compare.s cc7", compare_s_cc7, S, 0);
    compare("compare.d cc1", compare_d_cc1, D, 0);
    compare("compare.s set", compare_s, S, 0xfe800000);
    compare("compare.d set", compare_d_cc1, D, 0xfe80007f);
    compare_enabled("c.eq.d traps", quiet_equal);
    compare_enabled("c.lt.d traps", signalling_less);
    codes("bc1f", on_false);
    codes("bc1t", on_true);
    codes("bc1fl", on_false_likely);
    codes("bc1tl", on_true_likely);
    codes("movf movt", move_general);
    codes("movf.s to movz.d", move_formats);
    uint32_t h = 0;
    for (unsigned i = 0; i < 100; i++)
        h = mix(h, least(ADDRESS(double_ + i % 30), 1 + i % 10, 0));
    report("least", h);
}
