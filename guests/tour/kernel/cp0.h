// Coprocessor 0: the registers that the kernel uses, and their fields.
//
// Follows MIPS32 PRA vol. III, chapter "Coprocessor 0 registers"; hazards: chapter "CP0 hazards".
#pragma once

#include "types.h"

#define CP0_READ(name, number, select)                                                  \
    static inline uint32_t read_##name(void)                                            \
    {                                                                                   \
        uint32_t v;                                                                     \
        __asm__ volatile("mfc0 %0, $" #number ", " #select : "=r"(v));                  \
        return v;                                                                       \
    }
#define CP0_WRITE(name, number)                                                         \
    static inline void write_##name(uint32_t v)                                         \
    {                                                                                   \
        __asm__ volatile("mtc0 %0, $" #number : : "r"(v) : "memory");                   \
    }

CP0_READ(index, 0, 0)
CP0_WRITE(index, 0)
CP0_WRITE(entrylo0, 2)
CP0_WRITE(entrylo1, 3)
CP0_WRITE(context, 4)
CP0_WRITE(pagemask, 5)
CP0_WRITE(wired, 6)
CP0_READ(count, 9, 0)
CP0_READ(entryhi, 10, 0)
CP0_WRITE(entryhi, 10)
CP0_READ(compare, 11, 0)
CP0_WRITE(compare, 11)
CP0_READ(status, 12, 0)
CP0_WRITE(status, 12)
CP0_READ(config1, 16, 1)

enum { STATUS_IE = 1 << 0, STATUS_EXL = 1 << 1, STATUS_UM = 1 << 4, STATUS_IM7 = 1 << 15,
       STATUS_CU1 = 1 << 29 };
enum { CAUSE_IP7 = 1 << 15 };

enum exception_code { EXC_INT = 0, EXC_MOD = 1, EXC_TLBL = 2, EXC_TLBS = 3, EXC_ADEL = 4,
                      EXC_ADES = 5, EXC_SYS = 8, EXC_BP = 9, EXC_RI = 10, EXC_CPU = 11,
                      EXC_OV = 12, EXC_TR = 13 };

// Lets a write to coprocessor 0 take effect. Release 2 defines EHB for it; a release 1 core takes
// EHB for a nop and wants up to three cycles, which SSNOPs fill.
static inline void hazard(void)
{
    __asm__ volatile("ssnop; ssnop; ssnop; ehb" : : : "memory");
}
