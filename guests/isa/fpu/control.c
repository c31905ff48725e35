// FIR, FCSR and its three views, and the exceptions of CTC1 and of sticky flags (MD00083, "FPU
// control registers").

#include "console.h"
#include "cp0.h"
#include "fpu.h"
#include "trap.h"

#define CONTROL_READ(reg) ({ uint32_t v_; __asm__ volatile("cfc1 %0, $" #reg : "=r"(v_)); v_; })
#define CONTROL_WRITE(reg, v) ({ __asm__ volatile("ctc1 %0, $" #reg ::"r"((uint32_t)(v))); })

static void show_all(const char *name)
{
    printf("%-20s fcsr %08x fccr %08x fexr %08x fenr %08x\n", name, CONTROL_READ(31) & ~0x00600000u,
           CONTROL_READ(25), CONTROL_READ(26), CONTROL_READ(28));
    CONTROL_WRITE(31, 0);
}

FPU_SNIPPET(write_fcsr, "ctc1 $4, $31\nli $2, 1");
FPU_SNIPPET(write_fcsr_slot, "b 1f\nctc1 $4, $31\n1: li $2, 1");
FPU_SNIPPET(write_fexr, "ctc1 $5, $31\nctc1 $4, $26\nli $2, 1");
FPU_SNIPPET(write_fenr, "ctc1 $5, $31\nctc1 $4, $28\nli $2, 1");
FPU_SNIPPET(divide, "lwc1 $f2, 0($4)\nlwc1 $f4, 8($4)\nctc1 $6, $31\nli $9, 1\ndiv.s $f6, $f2, $f4\nli $2, 1");
FPU_SNIPPET(divide_slot, "lwc1 $f2, 0($4)\nlwc1 $f4, 8($4)\nctc1 $6, $31\nb 1f\ndiv.s $f6, $f2, $f4\n1: li $2, 1");
FPU_SNIPPET(multiply, "lwc1 $f2, 0($4)\nlwc1 $f4, 8($4)\nctc1 $6, $31\nmul.s $f6, $f2, $f4\nswc1 $f6, 24($4)\nli $2, 1");

static void try(const char *name, snippet *code, uint32_t a0, uint32_t a1, uint32_t a2)
{
    trap_try(code, a0, a1, a2);
    trap_show(name, code);
    show_all("  after");
}

static void two(uint32_t a, uint32_t b)
{
    set_operand(&BLOCK->a, S, a);
    set_operand(&BLOCK->b, S, b);
}

// Flags stay until they are cleared; Cause is of the last instruction alone.
static void sticky(void)
{
    static const struct { uint32_t a, b; } step[] = {
        { 0x3f800000, 0x40400000 }, { 0x3f800000, 0x3f800000 }, { 0x3f800000, 0 },
        { 0x40000000, 0x3f800000 }, { 0, 0 }, { 0x7f7fffff, 0x00800000 },
        { 0x00800000, 0x7f7fffff }, { 0x40000000, 0x40000000 },
    };
    CONTROL_WRITE(31, 0);
    for (unsigned i = 0; i < sizeof step / sizeof *step; i++) {
        two(step[i].a, step[i].b);
        divide(ADDRESS(BLOCK), 0, i ? CONTROL_READ(31) : 0);
        printf("sticky %u             fcsr %08x\n", i, CONTROL_READ(31));
    }
    CONTROL_WRITE(31, 0);
}

// FS: a result that would be denormal is zero, by rounding to nearest. Which flags that raises,
// the manual does not say.
static void flush(void)
{
    static const struct { uint32_t a, b; } pair[] = {
        { 0x00800000, 0x3f000000 }, { 0x80800000, 0x3e800001 }, { 0x00800000, 0x80800000 },
        { 0x00800000, 0x3f800000 }, { 0x00800001, 0x3f7ffff0 }, { 0x20000000, 0x1f000000 },
    };
    for (unsigned i = 0; i < sizeof pair / sizeof *pair; i++) {
        two(pair[i].a, pair[i].b);
        multiply(ADDRESS(BLOCK), 0, 0);
        uint32_t kept = (uint32_t)get_operand(&BLOCK->result, S), fcsr = CONTROL_READ(31);
        multiply(ADDRESS(BLOCK), 0, FS);
        printf("flush %u              %08x %08x to %08x\n", i, kept, fcsr,
               (uint32_t)get_operand(&BLOCK->result, S));
    }
    CONTROL_WRITE(31, 0);
}

void control(void)
{
    // FIR: D and S are there, W and L, F64; revision and processor are the core's.
    printf("FIR                  %08x\n", CONTROL_READ(0));
    CONTROL_WRITE(31, 0);
    show_all("zeros");
    CONTROL_WRITE(31, 0xff83f07f & ~0x3f000u);
    show_all("flags, codes, fs");
    CONTROL_WRITE(31, 0x0001f003);
    show_all("cause without enable");
    CONTROL_WRITE(31, 0x00000f80);
    show_all("enables");
    CONTROL_WRITE(31, 0xff83ffff & ~0x3ff80u);
    CONTROL_WRITE(25, 0xa5);
    show_all("fccr a5");
    CONTROL_WRITE(31, 0xff80007f);
    CONTROL_WRITE(25, 0);
    show_all("fccr 0");
    CONTROL_WRITE(25, 0xff);
    show_all("fccr ones");
    CONTROL_WRITE(31, 0xff800003);
    CONTROL_WRITE(26, 0x0001f07c);
    show_all("fexr ones");
    CONTROL_WRITE(31, 0xff81f07f);
    CONTROL_WRITE(26, 0);
    show_all("fexr zeros");
    CONTROL_WRITE(31, 0xfe80007c);
    CONTROL_WRITE(28, 0x00000f87);
    show_all("fenr ones");
    CONTROL_WRITE(31, 0xff800f83);
    CONTROL_WRITE(28, 0);
    show_all("fenr zeros");
    CONTROL_WRITE(0, 0xffffffff);
    printf("FIR fixed            %08x\n", CONTROL_READ(0));

    for (uint32_t bit = 0; bit < 5; bit++) {
        try("ctc1 cause enable", write_fcsr, 1u << (7 + bit) | 1u << (12 + bit), 0, 0);
        try("ctc1 cause other", write_fcsr, (0xf80u ^ 1u << (7 + bit)) | 1u << (12 + bit), 0, 0);
    }
    try("ctc1 cause e", write_fcsr, CAUSE_E, 0, 0);
    try("ctc1 slot", write_fcsr_slot, 0x10800, 0, 0);
    try("ctc1 fexr", write_fexr, 0x10000, ENABLE_V, 0);
    try("ctc1 fenr", write_fenr, ENABLE_Z, 0x08000, 0);

    two(0x3f800000, 0);
    try("div by zero", divide, ADDRESS(BLOCK), 0, ENABLE_Z | 4);
    try("div by zero slot", divide_slot, ADDRESS(BLOCK), 0, ENABLE_Z | 8);
    try("div by zero quiet", divide, ADDRESS(BLOCK), 0, ENABLE_V | 16);
    two(0, 0);
    try("zero by zero", divide, ADDRESS(BLOCK), 0, ENABLE_V | RM_UP);
    two(0x3f800000, 0x40400000);
    try("inexact", divide, ADDRESS(BLOCK), 0, ENABLE_I);
    two(0x7f7fffff, 0x3f000000);
    try("overflow", divide, ADDRESS(BLOCK), 0, ENABLE_O);
    two(0x00800000, 0x40400000);
    try("underflow", divide, ADDRESS(BLOCK), 0, ENABLE_U);
    try("underflow inexact", divide, ADDRESS(BLOCK), 0, ENABLE_U | ENABLE_I);
    sticky();
    flush();
}
