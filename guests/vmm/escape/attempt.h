// One attempt: a piece of code is entered with every register chosen, and whatever exception it
// ends with comes back as a result. Nothing that the code does to registers, Status or the stack
// pointer matters; a timer interrupt ends what would not end by itself.
#pragma once

#include "exception.h"
#include "vmm.h"

// Memory that attempts may spoil: full of BREAK, so that whatever runs there ends at once.
enum { SCRATCH_SIZE = 0x100000, CODE_OFFSET = 0x80000, DATA_OFFSET = 0xc0000 };
#define SCRATCH_PA 0x00800000u
#define CODE_PA (SCRATCH_PA + CODE_OFFSET)
#define DATA_PA (SCRATCH_PA + DATA_OFFSET)
#define DATA KSEG0(DATA_PA)

#define BREAK_WORD 0x0000000du
enum { MCHECK = 24, IBE = 6, DBE = 7 };

// What an attempt begins with. Registers are set by attempt_registers, then one by one.
extern uint32_t attempt_gpr[32];
extern uint32_t attempt_status;                    // more Status bits
extern uint32_t attempt_patience;                  // steps of Count that it may take

// Where an attempt must not be cut short: a busy host lets QEMU's Count run on.
enum { IMPATIENT = COUNTS_PER_MS / 2, PATIENT = 1000 * COUNTS_PER_MS };

extern struct frame attempt_end;                   // as the code left it
extern uint32_t attempts, timeouts, taken[32];     // by ExcCode

void attempts_init(void);
void attempt_registers(uint32_t value);            // all of them
uint32_t attempt(uint32_t pc);                     // the ExcCode that ended it; INT is the timeout
uint32_t attempt_words(const uint32_t *words, uint32_t n);     // the same for code made up now

void fill_scratch(void);                           // with BREAK: all of it
void fill_data(void);                              // what stores around DATA reach
void put_code(uint32_t pa, uint32_t word);         // and what the caches need to be told

// A function with a BREAK at its end, to be entered by attempt.
#define PROBE(name, body)                                                                      \
    extern uint32_t name[];                                                                    \
    __asm__(".pushsection .text." #name ", \"ax\", @progbits\n.set push\n.set noreorder\n"      \
            ".set noat\n.set hardfloat\n.balign 16\n.globl " #name "\n" #name ":\n" body        \
            "\nbreak\nnop\n.set pop\n.popsection\n")

#define ADDRESS(x) ((uint32_t)(uintptr_t)(x))
