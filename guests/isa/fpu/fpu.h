// What the files of the FPU chapter share: operands, the block that an instruction works on,
// and FCSR.
//
// An instruction under test is a snippet that loads its operands and FCSR from a block in
// memory, executes, and stores its result and FCSR back. Values are bit patterns throughout:
// nothing here relies on the compiler's arithmetic.
#pragma once

#include "check.h"

enum {
    RM_NEAREST = 0, RM_ZERO = 1, RM_UP = 2, RM_DOWN = 3,
    ENABLE_I = 1 << 7, ENABLE_U = 1 << 8, ENABLE_O = 1 << 9, ENABLE_Z = 1 << 10,
    ENABLE_V = 1 << 11, CAUSE_SHIFT = 12, CAUSE_E = 1 << 17, FS = 1 << 24,
};

enum format { S, D, W, L };

struct block {
    uint64_t a, b, c;                  // operands; 32-bit ones are the first word in memory
    uint64_t result;
    uint32_t fcsr, fcsr_after;
};
#define BLOCK ((volatile struct block *)KSEG0(SCRATCH_PA))

enum { OPERANDS = 40 };
extern const uint32_t single[OPERANDS];
extern const uint64_t double_[OPERANDS];
extern const uint64_t fixed64[OPERANDS];

enum { LEGACY_NAN = 1, LEGACY_SNAN = 2 };          // of nan_kind
unsigned nan_kind(enum format f, uint64_t v);      // 0: a number or an infinity
uint64_t operand(enum format f, unsigned i);
void set_operand(volatile uint64_t *at, enum format f, uint64_t v);
uint64_t get_operand(volatile uint64_t *at, enum format f);

// Registers of both models, odd ones too.
#define FPU_SNIPPET(name, body) SNIPPET(name, ".set fp=64\n.set oddspreg\n" body)

void arithmetic(bool fr);
void conversions(bool fr);
void comparisons(void);
void control(void);
void registers(bool fr);
void programs(void);

void set_fr(bool fr);
const char *named(const char *name, bool fr);      // "name" or "name fr1"
