// Addition to square root, and the multiply-add family (MD00086, FPU instructions; MD00083,
// "Exception conditions"), over all operands in all rounding modes; then with exceptions
// enabled, which must leave the destination and the flags alone.
//
// Left out because the manual leaves it open, or QEMU goes another way: the bits of a quiet NaN that
// is propagated (QEMU always gives the default one; that it is quiet and raises nothing is
// looked at), NaNs under ABS and NEG (see the chapter "manual"), the accuracy of RECIP and
// RSQRT, the sign of a NaN out of NMADD and NMSUB, and whether an exact denormal result
// underflows when that is enabled.

#include "cp0.h"
#include "fpu.h"
#include "trap.h"

// result = instruction(a, b, c), in even registers and, when FR allows doubles there, odd ones.
#define OPERATION(name, load, store, instruction, d, a, b, c)                                  \
    FPU_SNIPPET(name, "lw $8, 32($4)\n" load " $f" #a ", 0($4)\n" load " $f" #b ", 8($4)\n"    \
                      load " $f" #c ", 16($4)\n" load " $f" #d ", 24($4)\nctc1 $8, $31\n"      \
                      instruction "\ncfc1 $9, $31\n" store " $f" #d ", 24($4)\nsw $9, 36($4)\n")
#define BINARY(name)                                                                           \
    OPERATION(s_##name, "lwc1", "swc1", #name ".s $f8, $f2, $f4", 8, 2, 4, 6);                 \
    OPERATION(d_##name, "ldc1", "sdc1", #name ".d $f8, $f2, $f4", 8, 2, 4, 6);                 \
    OPERATION(so_##name, "lwc1", "swc1", #name ".s $f9, $f3, $f31", 9, 3, 31, 6);              \
    OPERATION(do_##name, "ldc1", "sdc1", #name ".d $f9, $f3, $f31", 9, 3, 31, 6);
#define UNARY(name)                                                                            \
    OPERATION(s_##name, "lwc1", "swc1", #name ".s $f8, $f2", 8, 2, 4, 6);                      \
    OPERATION(d_##name, "ldc1", "sdc1", #name ".d $f8, $f2", 8, 2, 4, 6);                      \
    OPERATION(so_##name, "lwc1", "swc1", #name ".s $f11, $f1", 11, 1, 4, 6);                   \
    OPERATION(do_##name, "ldc1", "sdc1", #name ".d $f11, $f1", 11, 1, 4, 6);
#define TERNARY(name)                                                                          \
    OPERATION(s_##name, "lwc1", "swc1", #name ".s $f8, $f6, $f2, $f4", 8, 2, 4, 6);            \
    OPERATION(d_##name, "ldc1", "sdc1", #name ".d $f8, $f6, $f2, $f4", 8, 2, 4, 6);            \
    OPERATION(so_##name, "lwc1", "swc1", #name ".s $f9, $f7, $f1, $f5", 9, 1, 5, 7);           \
    OPERATION(do_##name, "ldc1", "sdc1", #name ".d $f9, $f7, $f1, $f5", 9, 1, 5, 7);
BINARY(add) BINARY(sub) BINARY(mul) BINARY(div)
UNARY(sqrt) UNARY(abs) UNARY(neg) UNARY(mov) UNARY(recip) UNARY(rsqrt)
TERNARY(madd) TERNARY(msub) TERNARY(nmadd) TERNARY(nmsub)
OPERATION(s_in_place, "lwc1", "swc1", "mul.s $f8, $f2, $f2\nadd.s $f8, $f8, $f8", 8, 2, 4, 6);
OPERATION(d_in_place, "ldc1", "sdc1", "mul.d $f8, $f2, $f2\nadd.d $f8, $f8, $f8", 8, 2, 4, 6);

static void set(enum format f, uint64_t a, uint64_t b, uint64_t c, uint32_t fcsr)
{
    set_operand(&BLOCK->a, f, a);
    set_operand(&BLOCK->b, f, b);
    set_operand(&BLOCK->c, f, c);
    set_operand(&BLOCK->result, f, 0x4242424242424242);
    BLOCK->fcsr = fcsr;
}

static bool finite_not_zero(enum format f, uint64_t v)
{
    uint64_t sign = f == S ? 0x80000000 : 0x8000000000000000;
    uint64_t exponent = f == S ? 0x7f800000 : 0x7ff0000000000000;
    return (v & ~sign) && (v & exponent) != exponent;
}

static bool default_nan(enum format f, uint64_t v)
{
    return v == (f == S ? 0x7fbfffff : 0x7ff7ffffffffffff);
}

// Whether it is certain which bits come out: a signalling NaN gives the default quiet one.
static bool defined2(enum format f, uint64_t a, uint64_t b)
{
    unsigned na = nan_kind(f, a), nb = nan_kind(f, b);
    if ((na | nb) & LEGACY_SNAN)
        return true;
    return (!na || default_nan(f, a)) && (!nb || default_nan(f, b));
}

static bool defined3(enum format f, uint64_t a, uint64_t b, uint64_t c)
{
    if (!nan_kind(f, a) && !nan_kind(f, b) && !nan_kind(f, c))
        return true;
    return defined2(f, a, b) && defined2(f, c, 0) &&
           finite_not_zero(f, a) + finite_not_zero(f, b) + finite_not_zero(f, c) == 2;
}

// Executes, and takes in FCSR and the result: all of it, or only that it is a quiet NaN.
static uint32_t run(snippet *code, enum format f, uint32_t h, bool defined)
{
    code(ADDRESS(BLOCK), 0, 0);
    uint64_t r = get_operand(&BLOCK->result, f);
    return mix(mix64(h, defined ? r : nan_kind(f, r)), BLOCK->fcsr_after);
}

// Not every pair in every mode, but every pair in some: the start moves with the mode.
static void binary(const char *name, snippet *code, enum format f, bool fr)
{
    uint32_t h = 0, step = fr ? 4 : 2;
    for (uint32_t rm = 0; rm < 4; rm++)
        for (unsigned i = 0; i < OPERANDS; i++)
            for (unsigned j = (i + rm) % step; j < OPERANDS; j += step) {
                uint64_t a = operand(f, i), b = operand(f, j);
                set(f, a, b, 0, rm);
                h = run(code, f, h, defined2(f, a, b));
            }
    report(named(name, fr), h);
}

enum take { ALL, NO_NANS, RESULT_ONLY };

static void unary(const char *name, snippet *code, enum format f, bool fr, enum take take)
{
    uint32_t h = 0;
    for (unsigned n = 0; n < 16; n++)
        for (unsigned i = 0; i < OPERANDS; i++) {
            uint64_t a = operand(f, i);
            if (take == NO_NANS && nan_kind(f, a))
                continue;
            set(f, a, 0, 0, n % 4);
            uint32_t with = run(code, f, h, defined2(f, a, 0));
            h = take == ALL ? with : mix64(h, get_operand(&BLOCK->result, f));
        }
    report(named(name, fr), h);
}

// Powers of two and of four: the results are exact, so any accuracy gives them.
static void exact(const char *name, snippet *code, enum format f, bool fr)
{
    uint32_t h = 0;
    for (uint32_t n = 0; n < 256; n++) {
        uint64_t e = n % 64 * 2;
        set(f, f == S ? (e + 64) << 23 : (e + 961) << 52, 0, 0, n / 64);
        code(ADDRESS(BLOCK), 0, 0);
        h = mix64(h, get_operand(&BLOCK->result, f));
    }
    report(named(name, fr), h);
}

static void ternary(const char *name, snippet *code, enum format f, bool fr, bool negates)
{
    uint32_t h = 0, step = 4;
    for (uint32_t rm = 0; rm < 4; rm++)
        for (unsigned i = 0; i < OPERANDS; i++)
            for (unsigned j = (i + rm) % step; j < OPERANDS; j += step) {
                uint64_t a = operand(f, i), b = operand(f, j);
                uint64_t c = operand(f, (i * 7 + j * 3 + rm) % OPERANDS);
                if (!defined3(f, a, b, c))
                    continue;
                set(f, a, b, c, rm);
                code(ADDRESS(BLOCK), 0, 0);
                uint64_t r = get_operand(&BLOCK->result, f);
                h = mix(h, BLOCK->fcsr_after);
                h = mix64(h, negates && nan_kind(f, r) ? 0 : r);
            }
    report(named(name, fr), h);
}

// With V, Z, O and I enabled: the hash takes in which operations trapped, Cause, the flags that
// were there before, and the old destination.
static void enabled(const char *name, snippet *code, enum format f, uint32_t enables)
{
    uint32_t h = 0, traps = 0;
    for (unsigned i = 0; i < OPERANDS; i++)
        for (unsigned j = i % 3; j < OPERANDS; j += 3) {
            uint64_t a = operand(f, i), b = operand(f, j);
            if (!defined2(f, a, b))
                continue;                          // quiet NaNs do not trap: binary has them
            set(f, a, b, 0, enables | 0x10);
            uint32_t n = trap_try(code, ADDRESS(BLOCK), 0, 0), fcsr;
            if (n) {
                __asm__ volatile("cfc1 %0, $31\n\tctc1 $0, $31\n\tsdc1 $f8, 0(%1)"
                                 : "=r"(fcsr) : "r"(&BLOCK->result) : "memory");
                h = mix(mix(h, fcsr), trap_code());
                traps++;
            } else {
                h = mix(h, BLOCK->fcsr_after);
            }
            h = mix64(h, f == D ? BLOCK->result : n ? 0 : get_operand(&BLOCK->result, f));
        }
    report_value(name, h, traps);
}

void arithmetic(bool fr)
{
#define EVEN(kind, name, ...)                                                                  \
    kind(#name ".s", s_##name, S, fr, ##__VA_ARGS__);                                          \
    kind(#name ".d", d_##name, D, fr, ##__VA_ARGS__);
#define ODD(kind, name, ...)                                                                   \
    kind(#name ".s odd", so_##name, S, fr, ##__VA_ARGS__);                                     \
    if (fr)                                                                                    \
        kind(#name ".d odd", do_##name, D, fr, ##__VA_ARGS__);
#define BOTH(...) EVEN(__VA_ARGS__) ODD(__VA_ARGS__)
    BOTH(binary, add) BOTH(binary, sub) BOTH(binary, mul) BOTH(binary, div)
    BOTH(unary, sqrt, ALL)
    BOTH(unary, abs, NO_NANS)
    BOTH(unary, neg, NO_NANS)
    BOTH(unary, mov, RESULT_ONLY)
    EVEN(unary, in_place, ALL)
    BOTH(exact, recip) BOTH(exact, rsqrt)
    BOTH(ternary, madd, false) BOTH(ternary, msub, false)
    BOTH(ternary, nmadd, true) BOTH(ternary, nmsub, true)
    if (fr)
        return;
    enum { VZOI = ENABLE_V | ENABLE_Z | ENABLE_O | ENABLE_I };
#define ENABLED(name)                                                                          \
    enabled(#name ".s vzoi", s_##name, S, VZOI);                                               \
    enabled(#name ".d vzoi", d_##name, D, VZOI);                                               \
    enabled(#name ".d v", d_##name, D, ENABLE_V);                                              \
    enabled(#name ".s o", s_##name, S, ENABLE_O);
    ENABLED(add) ENABLED(sub) ENABLED(mul) ENABLED(div) ENABLED(sqrt)
    enabled("div.s z", s_div, S, ENABLE_Z);
    enabled("div.d z", d_div, D, ENABLE_Z);
}
