// Multiplication, division and the HI/LO pair (MD00086, "Arithmetic" instructions).
//
// Division by zero has no defined result, and MUL leaves HI and LO undefined: neither is
// looked at. That division by zero does not trap is.

#include "check.h"

#define INLINE static inline __attribute__((always_inline))

// The pair after an instruction that starts from the pair.
typedef uint64_t pair_op(uint32_t a, uint32_t b, uint64_t start);

#define PAIR(name, instruction)                                                                \
    INLINE uint64_t op_##name(uint32_t a, uint32_t b, uint64_t start)                          \
    {                                                                                          \
        uint32_t hi, lo;                                                                       \
        __asm__ volatile("mthi %4\n\tmtlo %5\n\t" instruction "\n\tmfhi %0\n\tmflo %1"         \
                         : "=&r"(hi), "=&r"(lo)                                                \
                         : "r"(a), "r"(b), "r"((uint32_t)(start >> 32)), "r"((uint32_t)start)  \
                         : "hi", "lo");                                                        \
        return (uint64_t)hi << 32 | lo;                                                        \
    }
PAIR(mult, "mult %2, %3")
PAIR(multu, "multu %2, %3")
PAIR(div, "div $0, %2, %3")
PAIR(divu, "divu $0, %2, %3")
PAIR(madd, "madd %2, %3")
PAIR(maddu, "maddu %2, %3")
PAIR(msub, "msub %2, %3")
PAIR(msubu, "msubu %2, %3")
PAIR(madd_twice, "madd %2, %3\n\tmaddu %3, %2\n\tmsub %2, %2")
PAIR(move, "mthi %2\n\tmtlo %3")
PAIR(keep, "addu $0, %2, %3")
PAIR(overtake, "mult %2, %3\n\tmthi %2")          // one half is overwritten
PAIR(overtake_lo, "mult %2, %3\n\tmtlo %3")
PAIR(square, "mult %2, %2")

INLINE void pairs(const char *name, pair_op *op, bool division)
{
    uint32_t h = 0;
    uint64_t start = 0x0123456789abcdef;
    for (unsigned i = 0; i < VALUES; i++)
        for (unsigned j = 0; j < VALUES; j++) {
            if (division && (values[j] == 0 || (values[i] == 0x80000000 && values[j] == ~0u)))
                continue;
            start ^= op(values[i], values[j], start);
            h = mix64(h, start);
        }
    report_value(name, h, (uint32_t)op(0x89abcdef, 0x12345677, 1));
}

static void mul(void)
{
    uint32_t h = 0;
    for (unsigned i = 0; i < VALUES; i++)
        for (unsigned j = 0; j < VALUES; j++) {
            uint32_t a = values[i], b = values[j], c;
            __asm__ volatile("mul %0, %1, %2" : "=r"(c) : "r"(a), "r"(b) : "hi", "lo");
            __asm__ volatile("mul %0, %0, %1" : "+r"(a) : "r"(b) : "hi", "lo");
            __asm__ volatile("mul %0, %0, %0" : "+r"(b) : : "hi", "lo");
            h = mix(mix(mix(h, c), a), b);
        }
    report("mul", h);
}

// The instructions are harmless; only their result is undefined.
static void by_zero(void)
{
    uint32_t h = 0;
    for (unsigned i = 0; i < 4 * VALUES; i++) {
        uint32_t a = values[i % VALUES], lo;
        __asm__ volatile("div $0, %1, %2\n\tdivu $0, %1, %2\n\tmtlo %1\n\tmflo %0"
                         : "=r"(lo) : "r"(a), "r"(0) : "hi", "lo");
        __asm__ volatile("div $0, %0, %1" : : "r"(0x80000000), "r"(-1) : "hi", "lo");
        h = mix(h, lo);
    }
    report("by_zero_goes_on", h);
}

// The pair stays in place over a loop, its branches and calls: a sum of products. Written out,
// since a compiler may use the pair for itself.
SNIPPET(across_calls,                              // a0: words, a1: how many, a2: a mask
        "move $28, $31\nmthi $0\nmtlo $6\n"
        "1: and $9, $5, $6\nsll $9, $9, 2\naddu $9, $9, $4\nlw $10, 0($9)\nandi $11, $10, 3\n"
        "beqz $11, 2f\nnop\nbal 3f\nmaddu $10, $5\nb 4f\naddiu $5, $5, -1\n"
        "2: bgezal $5, 3f\nmsubu $10, $5\naddiu $5, $5, -1\n"
        "4: bgtz $5, 1b\nmsub $5, $10\n"
        "mflo $2\nmfhi $8\nb 5f\nxor $2, $2, $8\n"
        "3: jr $31\nmadd $10, $10\n"
        "5: move $31, $28");

static void sums(void)
{
    uint32_t h = 0;
    for (uint32_t i = 1; i < 20; i++)
        h = mix(h, across_calls(ADDRESS(values), i * 10, VALUES - 1));
    report_value("across_calls", h, across_calls(ADDRESS(values), 1000, VALUES - 1));
}

int main(void)
{
    chapter("muldiv");
#define RUN(name, division) pairs(#name, op_##name, division);
    RUN(mult, false) RUN(multu, false) RUN(div, true) RUN(divu, true)
    RUN(madd, false) RUN(maddu, false) RUN(msub, false) RUN(msubu, false)
    RUN(madd_twice, false) RUN(move, false) RUN(keep, false) RUN(overtake, false)
    RUN(overtake_lo, false) RUN(square, false)
    mul();
    by_zero();
    sums();
    report_end();
    return 0;
}
