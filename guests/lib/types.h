// The integer types and the few helpers that every guest uses.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// An uncached address for a physical one (kseg1) and a cached one (kseg0).
#define KSEG0(pa) ((uintptr_t)(pa) | 0x80000000u)
#define KSEG1(pa) ((uintptr_t)(pa) | 0xa0000000u)

// Between the CPU's byte order and little-endian, the order of PCI and of the ISA bus.
static inline uint32_t le32(uint32_t v)
{
#ifdef __MIPSEB__
    return __builtin_bswap32(v);
#else
    return v;
#endif
}

static inline uint16_t le16(uint16_t v)
{
#ifdef __MIPSEB__
    return __builtin_bswap16(v);
#else
    return v;
#endif
}
