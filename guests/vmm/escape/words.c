// Every kind of instruction word, reserved or not: all major opcodes, all minor ones, random
// fields; in kernel and user mode, with and without the FPU (MD00086, "Instruction encodings").
//
// All registers point at memory that attempts may spoil. Jumps that take their target from the
// word are kept inside it; those that take it from a register, MTC0 and ERET have stages of their
// own.

#include "escape.h"

#include "tlb.h"

enum { SPECIAL = 0, REGIMM = 1, J = 2, JAL = 3, COP0 = 0x10, COP1 = 0x11, COP2 = 0x12, COP1X = 0x13,
       SPECIAL2 = 0x1c, JALX = 0x1d, SPECIAL3 = 0x1f, CACHE = 0x2f };
enum { JR = 8, JALR = 9, SDBBP = 0x3f, RS_MTC0 = 4, RS_WRPGPR = 14, RS_CO = 16, ERET = 0x18, DERET = 0x1f, HYPCALL = 0x28 };

static uint32_t rs(uint32_t word) { return word >> 21 & 31; }

static bool is_left_out(uint32_t word)
{
    uint32_t function = word & 63;
    switch (word >> 26) {
    case SPECIAL:
        return function == JR || function == JALR;
    case SPECIAL2:                                 // leads into a debugger's ROM, if there is one
        return function == SDBBP;
    case COP0:
        return rs(word) == RS_MTC0 || rs(word) == RS_WRPGPR ||
               (rs(word) >= RS_CO && (function == ERET || function == DERET || function == HYPCALL));
    }
    return false;
}

static bool user;

static void try_word(uint32_t word)
{
    uint32_t major = word >> 26;
    if (is_left_out(word))
        return;
    if (major == J || major == JAL || major == JALX)
        word = (word & 0xfc0000ff) | CODE_PA >> 2;
    put_code(CODE_PA, word);
    put_code(CODE_PA + 4, 0);                      // NOP, in case it is a slot
    put_code(CODE_PA + 8, BREAK_WORD);
    attempt(user ? CODE_PA : KSEG0(CODE_PA));
}

// All values of a field that selects the instruction, in a major opcode.
static void try_minors(uint32_t major, uint32_t shift, uint32_t bits, unsigned times)
{
    uint32_t mask = ((1u << bits) - 1) << shift;
    for (uint32_t minor = 0; minor < 1u << bits; minor++)
        for (unsigned i = 0; i < times; i++) {
            // Many instructions want zeros where others have a shift amount.
            uint32_t fields = any() & (i & 1 ? 0x03fff83f : 0x03ffffff) & ~mask;
            try_word(major << 26 | fields | minor << shift);
        }
}

static void all_words(void)
{
    for (uint32_t major = 0; major < 64; major++)
        for (unsigned i = 0; i < 6; i++)
            try_word(major << 26 | (any() & 0x03ffffff));
    try_minors(SPECIAL, 0, 6, 3);
    try_minors(REGIMM, 16, 5, 3);
    try_minors(SPECIAL2, 0, 6, 3);
    try_minors(SPECIAL3, 0, 6, 3);
    try_minors(SPECIAL3, 0, 11, 1);
    try_minors(COP0, 21, 5, 3);
    for (uint32_t function = 0; function < 64; function++)
        try_word(COP0 << 26 | RS_CO << 21 | function);
    try_minors(COP1, 21, 5, 3);
    for (uint32_t format = 16; format < 24; format++)
        for (uint32_t function = 0; function < 64; function++)
            try_word(COP1 << 26 | format << 21 | (any() & 0x1fffc0) | function);
    try_minors(COP2, 21, 5, 2);
    try_minors(COP1X, 0, 6, 3);
}

void words(void)
{
    static const uint32_t status[] = { 0, STATUS_CU1, STATUS_CU1 | STATUS_FR, 0xf0000000 };
    tlb_clear();
    for (unsigned i = 0; i < 8; i++) {
        user = i & 1;
        fill_data();
        attempt_registers(user ? DATA_PA : DATA);
        attempt_status = status[i / 2] | (user ? STATUS_UM : 0);
        if (user) {                                // the scratch memory at its physical address
            uint32_t lo = entry_lo(SCRATCH_PA, LO_V | LO_D | LO_G);
            tlb_write(0, (struct tlb_entry){ SCRATCH_PA, lo, lo + (0x100000 >> 6), 0x1fe000 });
        }
        all_words();
        tlb_clear();
    }
}

// HYPCALL of the virtualization module: reserved, unless a monitor answers. Every argument is an
// address or a number that no call can do anything with.
void hypercalls(void)
{
    for (uint32_t code = 0; code < 1024; code++) {
        uint32_t word = 0x42000028 | code << 11;
        attempt_registers(code % 3 == 0 ? ~0u : code % 3 == 1 ? KSEG1(0x1f000000) : memory_bytes() + code);
        attempt_gpr[2] = code < 128 ? code : any() | 0x10000;
        attempt_status = code & 1024 ? STATUS_UM : 0;
        attempt_words(&word, 1);
    }
    attempt_registers(DATA);
}

// CACHE with every operation, at every sort of address.
void cache_operations(void)
{
    static const uint32_t at[] = { DATA, DATA | 0x20000000, 0, 0x00400000, 0xc0000000, 0x9ffffff0,
                                   0xbffffffc, 0xb8000000, 0xbf000000, 0x7fffffff, 0xffffffff };
    for (uint32_t operation = 0; operation < 32; operation++)
        for (unsigned i = 0; i < sizeof at / sizeof *at; i++)
            for (unsigned in_user = 0; in_user < 2; in_user++) {
                uint32_t word = CACHE << 26 | 4 << 21 | operation << 16 | (any() & 0x3f);
                attempt_gpr[4] = at[i];
                attempt_status = in_user ? STATUS_UM : 0;
                attempt_words(&word, 1);
            }
    attempt_status = 0;
}

// All registers and selects of coprocessor 0: all ones in, read, and what was there back in.
void privileged_registers(void)
{
    static const uint32_t values[] = { ~0u, 0, 0x55555555, 0xaaaaaaaa };
    enum { MFC0_T0 = 0x40080000, MFC0_V0 = 0x40020000, MTC0_T0 = 0x40880000, MTC0_A1 = 0x40850000,
           EHB = 0xc0 };
    for (uint32_t reg = 0; reg < 32; reg++)
        for (uint32_t select = 0; select < 8; select++)
            for (unsigned i = 0; i < sizeof values / sizeof *values; i++) {
                uint32_t where = reg << 11 | select;
                uint32_t code[] = { MFC0_T0 | where, MTC0_A1 | where, EHB, MFC0_V0 | where,
                                    MTC0_T0 | where, EHB };
                attempt_gpr[5] = values[i];
                attempt_status = 0;
                attempt_words(code, sizeof code / sizeof *code);
                if (i == 0) {                      // and as a user, who must not
                    attempt_status = STATUS_UM;
                    attempt_words(code, sizeof code / sizeof *code);
                }
            }
    attempt_status = 0;
}
