/*
 * Prints what COP1 instructions do, one line an execution, for the tests of runtime/src/cpu/fpu.
 *
 * Runs as a MIPS32 release 2 user program with 64-bit floating-point registers (see README.md).
 * A line is
 *
 *     <op> <FCSR before> <operand>... = <result | trap> <FCSR after>
 *
 * with every number in hexadecimal. The multiply-adds list their operands as the assembler does:
 * fr, fs, ft. A compare's result is the condition it left in FCC0.
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define SENTINEL 0x5e5e5e5edeadbeefull

static volatile sig_atomic_t trapped;

static void on_fpe(int sig, siginfo_t *info, void *context)
{
    (void)sig;
    (void)info;
    trapped = 1;
    ((ucontext_t *)context)->uc_mcontext.pc += 4;
}

/* One execution: registers in, registers out. */
struct run {
    uint64_t a, b, c, result;
    uint32_t fcsr;
};

#define BODY(insn)                                                            \
    __asm__ volatile(                                                         \
        ".set push\n.set noreorder\n"                                         \
        "ldc1 $f2, 0(%0)\nldc1 $f4, 8(%0)\nldc1 $f6, 16(%0)\n"                \
        "ldc1 $f0, 24(%0)\nlw $8, 32(%0)\nctc1 $8, $31\nnop\nnop\nnop\n"      \
        insn "\nnop\nnop\ncfc1 $8, $31\nsw $8, 32(%0)\nsdc1 $f0, 24(%0)\n"    \
        "ctc1 $0, $31\n.set pop\n"                                            \
        : : "r"(r) : "$8", "$f0", "$f2", "$f4", "$f6", "memory")

#define FUNCTION(name, insn) static void run_##name(struct run *r) { BODY(insn); }

/* X(symbol, printed name, instruction, operands, operand width, result width); widths in digits,
 * 1 for a condition. */
#define BINARY(X, op) \
    X(op##_s, #op ".s", #op ".s $f0, $f2, $f4", 2, 8, 8) \
    X(op##_d, #op ".d", #op ".d $f0, $f2, $f4", 2, 16, 16)
#define UNARY(X, op) \
    X(op##_s, #op ".s", #op ".s $f0, $f2", 1, 8, 8) \
    X(op##_d, #op ".d", #op ".d $f0, $f2", 1, 16, 16)
#define TERNARY(X, op) \
    X(op##_s, #op ".s", #op ".s $f0, $f2, $f4, $f6", 3, 8, 8) \
    X(op##_d, #op ".d", #op ".d $f0, $f2, $f4, $f6", 3, 16, 16)
#define TO_INTEGER(X, op) \
    X(op##_w_s, #op ".w.s", #op ".w.s $f0, $f2", 1, 8, 8) \
    X(op##_w_d, #op ".w.d", #op ".w.d $f0, $f2", 1, 16, 8) \
    X(op##_l_s, #op ".l.s", #op ".l.s $f0, $f2", 1, 8, 16) \
    X(op##_l_d, #op ".l.d", #op ".l.d $f0, $f2", 1, 16, 16)
#define COMPARE(X, cond) \
    X(c_##cond##_s, "c." #cond ".s", "c." #cond ".s $fcc0, $f2, $f4", 2, 8, 1) \
    X(c_##cond##_d, "c." #cond ".d", "c." #cond ".d $fcc0, $f2, $f4", 2, 16, 1)

#define FLOATING(X) \
    BINARY(X, add) BINARY(X, sub) BINARY(X, mul) BINARY(X, div) \
    UNARY(X, sqrt) UNARY(X, abs) UNARY(X, neg) UNARY(X, recip) UNARY(X, rsqrt) \
    TERNARY(X, madd) TERNARY(X, msub) TERNARY(X, nmadd) TERNARY(X, nmsub) \
    X(cvt_s_d, "cvt.s.d", "cvt.s.d $f0, $f2", 1, 16, 8) \
    X(cvt_d_s, "cvt.d.s", "cvt.d.s $f0, $f2", 1, 8, 16) \
    TO_INTEGER(X, cvt) TO_INTEGER(X, round) TO_INTEGER(X, trunc) \
    TO_INTEGER(X, ceil) TO_INTEGER(X, floor) \
    COMPARE(X, f) COMPARE(X, un) COMPARE(X, eq) COMPARE(X, ueq) \
    COMPARE(X, olt) COMPARE(X, ult) COMPARE(X, ole) COMPARE(X, ule) \
    COMPARE(X, sf) COMPARE(X, ngle) COMPARE(X, seq) COMPARE(X, ngl) \
    COMPARE(X, lt) COMPARE(X, nge) COMPARE(X, le) COMPARE(X, ngt)
#define INTEGER(X) \
    X(cvt_s_w, "cvt.s.w", "cvt.s.w $f0, $f2", 1, 8, 8) \
    X(cvt_d_w, "cvt.d.w", "cvt.d.w $f0, $f2", 1, 8, 16) \
    X(cvt_s_l, "cvt.s.l", "cvt.s.l $f0, $f2", 1, 16, 8) \
    X(cvt_d_l, "cvt.d.l", "cvt.d.l $f0, $f2", 1, 16, 16)
/* CTC1 leaves no result of its own: what it did is read in FCSR. */
#define CONTROL(X) \
    X(ctc1_25, "ctc1.25", "mfc1 $8, $f2\nctc1 $8, $25", 1, 8, 0) \
    X(ctc1_26, "ctc1.26", "mfc1 $8, $f2\nctc1 $8, $26", 1, 8, 0) \
    X(ctc1_28, "ctc1.28", "mfc1 $8, $f2\nctc1 $8, $28", 1, 8, 0) \
    X(ctc1_31, "ctc1.31", "mfc1 $8, $f2\nctc1 $8, $31", 1, 8, 0) \
    X(cfc1_25, "cfc1.25", "cfc1 $8, $25\nmtc1 $8, $f0", 0, 8, 8) \
    X(cfc1_26, "cfc1.26", "cfc1 $8, $26\nmtc1 $8, $f0", 0, 8, 8) \
    X(cfc1_28, "cfc1.28", "cfc1 $8, $28\nmtc1 $8, $f0", 0, 8, 8)

#define DEFINE(name, text, insn, n, in, out) FUNCTION(name, insn)
FLOATING(DEFINE)
INTEGER(DEFINE)
CONTROL(DEFINE)

struct op {
    const char *name;
    void (*run)(struct run *);
    int operands, in, out;
};
#define ENTRY(name, text, insn, n, in, out) { text, run_##name, n, in, out },
static const struct op floating[] = { FLOATING(ENTRY) };
static const struct op integer[] = { INTEGER(ENTRY) };
static const struct op control[] = { CONTROL(ENTRY) };
#define COUNT(table) (sizeof(table) / sizeof *(table))

static uint64_t state;
static uint64_t random64(void)
{
    /* splitmix64 */
    uint64_t z = (state += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}
#define PICK(table) (table)[random64() % COUNT(table)]

static const uint32_t edges_s[] = {
    0x00000000, 0x80000000, 0x00000001, 0x80000001, 0x007fffff, 0x807ffffe, 0x00400000, 0x00800000,
    0x80800000, 0x00800001, 0x00ffffff, 0x3f800000, 0xbf800000, 0x3f800001, 0x3f7fffff, 0x3fffffff,
    0x3f000000, 0xbfc00000, 0x40000000, 0x40400000, 0x33800000, 0x7f7fffff, 0xff7fffff, 0x7f000000,
    0x7f800000, 0xff800000, 0x7fbfffff, 0x7f800001, 0xff923456, 0x7fc00000, 0xffffffff, 0x7fd12345,
    0x4effffff, 0x4f000000, 0xcf000000, 0xcf000001, 0x5effffff, 0x5f000000, 0xdf000000, 0x4b7fffff,
    0x5f7fffff, 0x20000000, 0x1fffffff, 0x3effffff, 0x3f000001, 0x40200000, 0xc0600000, 0x0c000000,
};
static const uint64_t edges_d[] = {
    0, 1ull << 63, 1, 0x8000000000000001, 0x000fffffffffffff, 0x800ffffffffffffe,
    0x0008000000000000, 0x0010000000000000, 0x8010000000000000, 0x0010000000000001,
    0x001fffffffffffff, 0x3ff0000000000000, 0xbff0000000000000, 0x3ff0000000000001,
    0x3fefffffffffffff, 0x3fffffffffffffff, 0x3fe0000000000000, 0xbff8000000000000,
    0x4000000000000000, 0x4008000000000000, 0x3ca0000000000000, 0x7fefffffffffffff,
    0xffefffffffffffff, 0x7fe0000000000000, 0x7ff0000000000000, 0xfff0000000000000,
    0x7ff7ffffffffffff, 0x7ff0000000000001, 0xfff2345678000000, 0x7ff8000000000000,
    0xffffffffffffffff, 0x7ffa123456789abc, 0x41dfffffffc00000, 0x41dfffffffe00000,
    0x41e0000000000000, 0xc1e0000000000000, 0xc1e0000000200000, 0xc1e0000000100000,
    0x43dfffffffffffff, 0x43e0000000000000, 0xc3e0000000000000, 0xc3e0000000000001,
    0x433fffffffffffff, 0x3fdfffffffffffff, 0x4004000000000000, 0xc00c000000000000,
    /* about the limits of single precision */
    0x380fffffe0000000, 0x380fffffefffffff, 0x380ffffff0000000, 0x380fffffffffffff,
    0x3810000000000000, 0x36a0000000000000, 0x3690000000000000, 0x3690000000000001,
    0x47efffffe0000000, 0x47efffffefffffff, 0x47effffff0000000, 0x37e8000000000000,
    0x3ff0000010000000, 0x3ff0000030000000, 0xbff0000010000001, 0x380fffffe8000000,
    0x1ff0000000000000, 0x1fffffffffffffff, 0x0340000000000000, 0x5ff0000000000001,
};
static const uint64_t integers[] = {
    0, 1, ~0ull, 2, 0x7fffffff, 0x80000000, 0x01000001, 0x01000003, 0xfeffffff, 0x00ffffff,
    0x7fffffffffffffff, 0x8000000000000000, 0x0020000000000001, 0x0020000000000003,
    0xffdfffffffffffff, 0x7fffffbfffffffff, 0x7fffff4000000000, 0x7ffffffffffffdff, 0x7fffffc0,
    0x001fffffffffffff, 0x123456789abcdef0,
};

static uint64_t random_operand(int digits)
{
    uint64_t r = random64();
    if (digits == 8) {
        switch (r >> 61) {
        case 0: return (uint32_t)r;
        /* near one, so that operations meet and cancel */
        case 1: return 0x3f000000 + (r & 0x80ffffff);
        /* few bits, so that results are exact */
        case 2: return (r & 0xbf800000) + (r & 0x40f80000);
        /* small and large */
        case 3: return r & 0x80ffffff;
        default: return PICK(edges_s);
        }
    }
    switch (r >> 61) {
    case 0: return random64();
    case 1: return 0x3fe0000000000000 + (random64() & 0x801fffffffffffff);
    case 2: return random64() & 0xbfff000000000000;
    /* in and about the range of single precision */
    case 3: return 0x3800000000000000 + (random64() & 0x807fffffffffffff);
    default: return PICK(edges_d);
    }
}

static uint32_t random_fcsr(void)
{
    uint64_t r = random64();
    uint32_t fcsr = r & 3;
    if ((r >> 8 & 3) == 0)
        fcsr |= 1u << 24; /* FS */
    if ((r >> 10 & 3) == 0)
        fcsr |= (r >> 16) & 0xf80; /* some enables */
    if ((r >> 12 & 3) == 0)
        fcsr |= (r >> 32) & 0xfe80007c; /* conditions and flags */
    if ((r >> 14 & 3) == 0 && !(fcsr & 0xf80))
        fcsr |= (r >> 36) & 0x1f000; /* a cause left behind; not E, which always traps */
    return fcsr;
}

static void execute(const struct op *op, uint32_t fcsr, uint64_t a, uint64_t b, uint64_t c)
{
    struct run r = { a, b, c, SENTINEL, fcsr };
    uint64_t operands[] = { a, b, c };
    trapped = 0;
    op->run(&r);
    printf("%s %08x", op->name, fcsr);
    for (int i = 0; i < op->operands; i++)
        printf(op->in == 8 ? " %08llx" : " %016llx",
               (unsigned long long)(op->in == 8 ? (uint32_t)operands[i] : operands[i]));
    if (trapped)
        printf(" = trap");
    else if (op->out == 0)
        printf(" = -");
    else if (op->out == 1)
        printf(" = %d", (int)(r.fcsr >> 23 & 1));
    else if (op->out == 8)
        printf(" = %08x", (uint32_t)r.result);
    else
        printf(" = %016llx", (unsigned long long)r.result);
    printf(" %08x\n", r.fcsr);
    if (trapped && op->out > 1 && r.result != SENTINEL) {
        fprintf(stderr, "%s: trapped, and wrote its destination\n", op->name);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    struct sigaction action;
    int each = argc > 1 ? atoi(argv[1]) : 24;
    state = argc > 2 ? strtoull(argv[2], 0, 0) : 1;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_fpe;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGFPE, &action, 0);

    for (unsigned i = 0; i < COUNT(floating); i++)
        for (int n = 0; n < each; n++) {
            int in = floating[i].in;
            uint64_t a = random_operand(in), b = random_operand(in), c = random_operand(in);
            execute(&floating[i], random_fcsr(), a, b, c);
        }
    for (unsigned i = 0; i < COUNT(integer); i++)
        for (int n = 0; n < each; n++) {
            uint64_t r = random64();
            uint64_t a = r & 1 ? PICK(integers) : (uint64_t)((int64_t)random64() >> (r >> 1 & 63));
            execute(&integer[i], random_fcsr(), a, 0, 0);
        }
    for (unsigned i = 0; i < COUNT(control); i++)
        for (int n = 0; n < each; n++) {
            uint64_t r = random64();
            uint32_t value = r & (r >> 32 & 1 ? 0xff83ffff : 0xffffffff);
            if (r >> 33 & 1)
                value &= 0xff;
            if (r >> 34 & 1)
                value &= ~0x007c0000;
            execute(&control[i], random_fcsr(), value, 0, 0);
        }
    return 0;
}
