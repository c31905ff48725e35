// Where QEMU 7.2 departs from the manual: the manual's word counts, so this chapter's expected
// output is written by hand. DIFFERS.md names the sections.

#include "check.h"
#include "console.h"
#include "cp0.h"
#include "trap.h"

SNIPPET(sc_odd_half, "sc $8, 2($4)\naddiu $24, $24, 1");
SNIPPET(sc_odd_byte, "ll $9, 0($4)\nsc $8, 1($4)\naddiu $24, $24, 1");
SNIPPET(sc_slot, "ll $9, 0($4)\nb 1f\nsc $8, 3($4)\n1: addiu $24, $24, 1");
SNIPPET(sc_kernel, "sc $8, 0($4)\naddiu $24, $24, 1");

SNIPPET(mfc2, ".word 0x48080000\naddiu $24, $24, 1");
SNIPPET(mtc2, ".word 0x48880000\naddiu $24, $24, 1");
SNIPPET(cfc2, ".word 0x48480000\naddiu $24, $24, 1");
SNIPPET(cop2, ".word 0x4a000001\naddiu $24, $24, 1");
SNIPPET(mfc2_slot, "b 1f\n.word 0x48080000\n1: addiu $24, $24, 1");

SNIPPET(special_05, ".word 0x00000005\naddiu $24, $24, 1");
SNIPPET(special_05_slot, "b 1f\n.word 0x00000005\n1: addiu $24, $24, 1");

SNIPPET(jump, "jr $4\naddiu $24, $24, 1");
SNIPPET(call, "move $28, $31\njalr $4\naddiu $24, $24, 1\nmove $31, $28");

SNIPPET(abs_s, "mtc1 $4, $f2\nctc1 $0, $31\nabs.s $f4, $f2\nmfc1 $2, $f4\ncfc1 $3, $31\nsw $3, 0($6)");
SNIPPET(neg_s, "mtc1 $4, $f2\nctc1 $0, $31\nneg.s $f4, $f2\nmfc1 $2, $f4\ncfc1 $3, $31\nsw $3, 0($6)");

static void try(const char *name, snippet *code, uint32_t a0)
{
    trap_try(code, a0, 2, ADDRESS(SCRATCH));
    trap_show(name, code);
}

static void nan_sign(const char *name, snippet *code)
{
    uint32_t r = code(0x7fc00001, 0, ADDRESS(SCRATCH));
    printf("%-28s %08x fcsr %08x\n", name, r, SCRATCH[0]);
}

int main(void)
{
    chapter("manual");
    user_map();
    SCRATCH[0] = 7;
    try("sc misaligned, no ll", sc_odd_half, 0x80040000);
    try("sc misaligned", sc_odd_byte, 0x80040000);
    try("sc misaligned, slot", sc_slot, 0x80040000);
    user_try(sc_kernel, 0x80040000, 2, 3);
    trap_show("user sc to the kernel", sc_kernel);

    try("mfc2", mfc2, 0);
    try("mtc2", mtc2, 0);
    try("cfc2", cfc2, 0);
    try("cop2 1", cop2, 0);
    try("mfc2 slot", mfc2_slot, 0);

    try("special 05", special_05, 0);
    try("special 05 slot", special_05_slot, 0);

    try("jr to an odd byte", jump, 0x80040001);
    try("jr to odd, 3", jump, 0x80040003);
    try("jalr to an odd byte", call, 0x80040001);

    CP0_WRITE(12, 0, STATUS_CU1);
    nan_sign("abs.s of a signalling NaN", abs_s);
    nan_sign("neg.s of a signalling NaN", neg_s);
    printf("end\n");
    return 0;
}
