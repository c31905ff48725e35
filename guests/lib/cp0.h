// Coprocessor 0 by register number and select, with the hazard barrier after each write
// (MD00090, "CP0 hazards").
#pragma once

#include "types.h"

#define CP0_READ(reg, sel)                                                                     \
    ({ uint32_t v_; __asm__ volatile("mfc0 %0, $" #reg ", " #sel : "=r"(v_)); v_; })
#define CP0_WRITE(reg, sel, value)                                                             \
    ({ __asm__ volatile("mtc0 %0, $" #reg ", " #sel "\n\tehb" ::"r"((uint32_t)(value)) : "memory"); })

enum {
    STATUS_IE = 1 << 0, STATUS_EXL = 1 << 1, STATUS_ERL = 1 << 2, STATUS_UM = 1 << 4,
    STATUS_IM = 0xff << 8, STATUS_IP0 = 1 << 8, STATUS_IP1 = 1 << 9, STATUS_IP7 = 1 << 15,
    STATUS_BEV = 1 << 22, STATUS_FR = 1 << 26, STATUS_CU0 = 1 << 28, STATUS_CU1 = 1 << 29,
    CAUSE_IP0 = 1 << 8, CAUSE_IP1 = 1 << 9, CAUSE_IP7 = 1 << 15, CAUSE_IV = 1 << 23,
    CAUSE_DC = 1 << 27, CAUSE_TI = 1 << 30,
};
#define CAUSE_BD 0x80000000u

enum { INT = 0, MOD = 1, TLBL = 2, TLBS = 3, ADEL = 4, ADES = 5, SYS = 8, BP = 9, RI = 10,
       CPU = 11, OV = 12, TR = 13, FPE = 15 };                 // Cause.ExcCode
