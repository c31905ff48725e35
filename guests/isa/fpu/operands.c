// The operands: zeros, ones, extremes, denormals, infinities, NaNs, halves for rounding, the
// edges of the integers, and a few ordinary numbers.
//
// NaNs are encoded in the legacy way (MD00083, "NaN"): the top bit of the fraction is set in a
// signalling one.

#include "fpu.h"

const uint32_t single[OPERANDS] = {
    0x00000000, 0x80000000, 0x3f800000, 0xbf800000, 0x40000000, 0xc0000000, 0x3f000000,
    0xbf000000, 0x3fc00000, 0x40200000, 0xc0200000, 0x40490fdb, 0xc02df854, 0x3eaaaaab,
    0x7f7fffff, 0xff7fffff, 0x00800000, 0x80800000, 0x00ffffff, 0x00000001, 0x80000001,
    0x007fffff, 0x00400000, 0x7f800000, 0xff800000, 0x7fbfffff, 0x7f800001, 0xff812345,
    0x7fc00000, 0xffffffff, 0x4effffff, 0x4f000000, 0xcf000000, 0x4f800000, 0x5effffff,
    0x5f000000, 0xdf000000, 0x4b000001, 0x3f7fffff, 0x7149f2ca,
};

const uint64_t double_[OPERANDS] = {
    0x0000000000000000, 0x8000000000000000, 0x3ff0000000000000, 0xbff0000000000000,
    0x4000000000000000, 0xc000000000000000, 0x3fe0000000000000, 0xbfe0000000000000,
    0x3ff8000000000000, 0x4004000000000000, 0xc004000000000000, 0x400921fb54442d18,
    0xc005bf0a8b145769, 0x3fd5555555555555, 0x7fefffffffffffff, 0xffefffffffffffff,
    0x0010000000000000, 0x8010000000000000, 0x001fffffffffffff, 0x0000000000000001,
    0x8000000000000001, 0x000fffffffffffff, 0x0008000000000000, 0x7ff0000000000000,
    0xfff0000000000000, 0x7ff7ffffffffffff, 0x7ff0000000000001, 0xfff0123456789abc,
    0x7ff8000000000000, 0xffffffffffffffff, 0x41dfffffffc00000, 0x41dfffffffe00000,
    0xc1e0000000200000, 0x43dfffffffffffff, 0x43e0000000000000, 0xc3e0000000000000,
    0x4330000000000001, 0x47efffffe0000000, 0x47effffff0000000, 0x380fffffffffffff,
};

const uint64_t fixed64[OPERANDS] = {
    0, 1, 0xffffffffffffffff, 2, 3, 0x7fffffffffffffff, 0x8000000000000000,
    0x8000000000000001, 0x7ffffffffffffffe, 0x7fffffff, 0x80000000, 0xffffffff80000000,
    0xffffffff7fffffff, 0x100000000, 0x00ffffff, 0x01000000, 0x01000001, 0x01000002,
    0x01000003, 0xfffffffffeffffff, 0x001fffffffffffff, 0x0020000000000000,
    0x0020000000000001, 0x0020000000000002, 0x0020000000000003, 0xffdfffffffffffff,
    0x7ffffffffffffbff, 0x7ffffffffffffc00, 0x7ffffffffffffe00, 0x7fffffbfffffffff,
    0x7fffffc000000000, 0x123456789abcdef0, 0xfedcba9876543210, 0x5555555555555555,
    0xaaaaaaaaaaaaaaaa, 0x00000000deadbeef, 0x0000ffff0000ffff, 10, 100, 1000000007,
};

unsigned nan_kind(enum format f, uint64_t v)
{
    uint64_t exponent = f == S ? 0x7f800000 : 0x7ff0000000000000;
    uint64_t fraction = f == S ? 0x007fffff : 0x000fffffffffffff;
    if (f > D || (v & exponent) != exponent || !(v & fraction))
        return 0;
    return LEGACY_NAN | (v & (fraction + 1) >> 1 ? LEGACY_SNAN : 0);
}

uint64_t operand(enum format f, unsigned i)
{
    return f == S ? single[i] : f == D ? double_[i] : fixed64[i];
}

void set_operand(volatile uint64_t *at, enum format f, uint64_t v)
{
    if (f == S || f == W)
        *(volatile uint32_t *)at = (uint32_t)v;
    else
        *at = v;
}

uint64_t get_operand(volatile uint64_t *at, enum format f)
{
    return f == S || f == W ? *(volatile uint32_t *)at : *at;
}
