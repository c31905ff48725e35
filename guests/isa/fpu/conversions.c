// Conversions between S, D, W and L, in the rounding mode of FCSR and in the instruction's own
// (MD00086, "CVT", "ROUND", "TRUNC", "CEIL", "FLOOR").
//
// A value that does not fit gives the largest positive integer, whatever its sign, and Invalid.
// Left out: quiet NaNs between S and D, whose fraction the manual does not fix. L needs FR=1.

#include "fpu.h"
#include "trap.h"

#define CONVERT(name, load, store, instruction)                                                \
    FPU_SNIPPET(c_##name, "lw $8, 32($4)\n" load " $f2, 0($4)\nctc1 $8, $31\n" instruction     \
                          " $f6, $f2\ncfc1 $9, $31\n" store " $f6, 24($4)\nsw $9, 36($4)\n");
CONVERT(s_d, "ldc1", "swc1", "cvt.s.d")
CONVERT(s_w, "lwc1", "swc1", "cvt.s.w")
CONVERT(s_l, "ldc1", "swc1", "cvt.s.l")
CONVERT(d_s, "lwc1", "sdc1", "cvt.d.s")
CONVERT(d_w, "lwc1", "sdc1", "cvt.d.w")
CONVERT(d_l, "ldc1", "sdc1", "cvt.d.l")
#define TO_FIXED(name)                                                                         \
    CONVERT(name##_w_s, "lwc1", "swc1", #name ".w.s")                                          \
    CONVERT(name##_w_d, "ldc1", "swc1", #name ".w.d")                                          \
    CONVERT(name##_l_s, "lwc1", "sdc1", #name ".l.s")                                          \
    CONVERT(name##_l_d, "ldc1", "sdc1", #name ".l.d")
TO_FIXED(cvt) TO_FIXED(round) TO_FIXED(trunc) TO_FIXED(ceil) TO_FIXED(floor)

// Operands beside the table: the neighbours of halves and of the integers' limits.
static uint64_t nth(enum format f, unsigned i, uint32_t *seed)
{
    if (i < OPERANDS)
        return operand(f, i);
    uint32_t r = next_random(seed), s = next_random(seed);
    if (f == S)
        return (r & 0x807fffff) | (0x7d + s % 0x24) << 23;         // 0.25 to 2^34
    if (f == D)
        return ((uint64_t)((r & 0x800fffff) | (0x3fd + s % 0x44) << 20)) << 32 | (s << 11);
    return (uint64_t)r << 32 | s;
}

static void convert(const char *name, snippet *code, enum format from, enum format to, bool fr)
{
    uint32_t h = 0, seed = 0x9d2c5681;
    for (unsigned i = 0; i < 200; i++) {
        uint64_t v = nth(from, i, &seed);
        if (to <= D && nan_kind(from, v) == LEGACY_NAN)
            continue;
        for (uint32_t rm = 0; rm < 4; rm++) {
            set_operand(&BLOCK->a, from, v);
            BLOCK->fcsr = rm;
            code(ADDRESS(BLOCK), 0, 0);
            h = mix(mix64(h, get_operand(&BLOCK->result, to)), BLOCK->fcsr_after);
        }
    }
    report(named(name, fr), h);
}

static void convert_enabled(const char *name, snippet *code, enum format from, enum format to)
{
    uint32_t h = 0, traps = 0;
    for (unsigned i = 0; i < OPERANDS; i++)
        for (uint32_t enables = ENABLE_I; enables <= ENABLE_V; enables <<= 4) {
            if (to <= D && nan_kind(from, operand(from, i)) == LEGACY_NAN)
                continue;
            set_operand(&BLOCK->a, from, operand(from, i));
            BLOCK->fcsr = enables;
            uint32_t n = trap_try(code, ADDRESS(BLOCK), 0, 0), fcsr;
            __asm__ volatile("cfc1 %0, $31\n\tctc1 $0, $31" : "=r"(fcsr));
            h = mix(mix(h, n), fcsr);
            traps += n;
        }
    report_value(name, h, traps);
}

void conversions(bool fr)
{
    convert("cvt.s.d", c_s_d, D, S, fr);
    convert("cvt.s.w", c_s_w, W, S, fr);
    convert("cvt.d.s", c_d_s, S, D, fr);
    convert("cvt.d.w", c_d_w, W, D, fr);
    if (fr) {
        convert("cvt.s.l", c_s_l, L, S, fr);
        convert("cvt.d.l", c_d_l, L, D, fr);
    }
#define RUN(name)                                                                              \
    convert(#name ".w.s", c_##name##_w_s, S, W, fr);                                           \
    convert(#name ".w.d", c_##name##_w_d, D, W, fr);                                           \
    if (fr) {                                                                                  \
        convert(#name ".l.s", c_##name##_l_s, S, L, fr);                                       \
        convert(#name ".l.d", c_##name##_l_d, D, L, fr);                                       \
    }
    RUN(cvt) RUN(round) RUN(trunc) RUN(ceil) RUN(floor)
    if (fr) {
        convert_enabled("cvt.l.d traps", c_cvt_l_d, D, L);
        convert_enabled("cvt.d.l traps", c_d_l, L, D);
    } else {
        convert_enabled("cvt.w.s traps", c_cvt_w_s, S, W);
        convert_enabled("trunc.w.d traps", c_trunc_w_d, D, W);
        convert_enabled("cvt.s.d traps", c_s_d, D, S);
        convert_enabled("cvt.s.w traps", c_s_w, W, S);
    }
}
