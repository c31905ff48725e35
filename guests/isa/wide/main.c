// 64-bit registers and addresses (MD00087, MIPS64 volume II; MD00091, MIPS64 volume III, "Virtual
// Memory").
//
// On a CPU of 32 bits the first 64-bit instruction is reserved, and that is all there is to see. On
// one of 64 bits: results of 32 bits are sign-extended, what compares looks at whole registers, and
// the kernel reaches memory at physical addresses above 4 GiB through xkphys, where mirrorball shows
// the RAM of such a machine once more. C is compiled for 32 bits: what is wide is in the snippets.

#include "check.h"
#include "console.h"
#include "cp0.h"
#include "trap.h"

// The upper half of the physical addresses where memory is seen above 4 GiB.
#ifndef HIGH
#define HIGH 1
#endif

enum { STATUS_KX = 1 << 7, STATUS_UX = 1 << 5, STATUS_PX = 1 << 23 };

// Where snippets leave a register of 64 bits.
#define RESULT (*(volatile uint64_t *)KSEG0(SCRATCH_PA))
// What is accessed through xkphys as well: as an offset in memory, too.
enum { DATA_PA = SCRATCH_PA + 0x8000 };
#define DATA ((volatile uint32_t *)KSEG0(DATA_PA))

// A snippet that leaves $2 as it is in RESULT.
#define WIDE(name, body)                                                                       \
    SNIPPET(name, ".set mips64r2\n" body "\nlui $3, 0x8004\nsd $2, 0($3)")
// The same with a0 and a1 as the halves of $8, sign-extended in $4 and $5.
#define JOINED(name, body)                                                                     \
    WIDE(name, "dsll32 $8, $4, 0\ndsll32 $9, $5, 0\ndsrl32 $9, $9, 0\nor $8, $8, $9\n" body)
// The same with an address of xkphys in $8: physical a1:a0, and the cache attribute in a2.
#define XKPHYS(name, body)                                                                     \
    WIDE(name, "dsll32 $8, $5, 0\ndsll32 $9, $4, 0\ndsrl32 $9, $9, 0\nor $8, $8, $9\n"         \
               "ori $9, $6, 16\ndsll32 $9, $9, 27\nor $8, $8, $9\n" body)

static void show(const char *name, snippet *code, uint32_t a0, uint32_t a1)
{
    uint32_t traps = trap_try(code, a0, a1, 0);
    uint64_t value = RESULT;
    printf("%-32s %08x%08x", name, (uint32_t)(value >> 32), (uint32_t)value);
    printf(traps ? " trapped\n" : "\n");
}

// DADDIU, across the border of 32 bits and back.
WIDE(border, "move $2, $4\ndaddiu $2, $2, 1");
WIDE(back, "move $2, $4\ndaddiu $2, $2, 1\ndaddiu $2, $2, -1");
WIDE(border_narrow, "move $2, $4\naddiu $2, $2, 1");
WIDE(least, "daddiu $2, $0, -32768");
JOINED(carry, "daddiu $2, $8, 1");
JOINED(borrow, "daddiu $2, $8, -1");

static void borders(void)
{
    show("daddiu 7fffffff + 1", border, 0x7fffffff, 0);
    show("daddiu 7fffffff + 1 - 1", back, 0x7fffffff, 0);
    show("addiu 7fffffff + 1", border_narrow, 0x7fffffff, 0);
    show("daddiu ffffffff + 1", border, 0xffffffff, 0);
    show("daddiu 0 - 32768", least, 0, 0);
    show("daddiu 00000001ffffffff + 1", carry, 1, 0xffffffff);
    show("daddiu 0000000200000000 - 1", borrow, 2, 0);
    show("daddiu 7fffffffffffffff + 1", carry, 0x7fffffff, 0xffffffff);
}

static uint32_t signs, checked;

// A hash of what a snippet leaves for all pairs of values. Counts those that are sign-extended.
static void hashed(const char *name, snippet *code)
{
    uint32_t h = 0;
    for (unsigned i = 0; i < VALUES; i++)
        for (unsigned j = 0; j < VALUES; j++) {
            code(values[i], values[j], 0);
            uint64_t value = RESULT;
            h = mix64(h, value);
            signs += (uint32_t)(value >> 32) == (uint32_t)((int32_t)(uint32_t)value >> 31);
            checked++;
        }
    report(name, h);
}

JOINED(w_daddiu, "daddiu $2, $8, 12345");
JOINED(w_daddu, "daddu $2, $8, $4");
JOINED(w_dsll, "dsll $2, $8, 7");
JOINED(w_dsll32, "dsll32 $2, $8, 3");
JOINED(w_dsrl32, "dsrl32 $2, $8, 5");
JOINED(w_and, "and $2, $8, $4");
JOINED(w_or, "or $2, $8, $4");
JOINED(w_xor, "xor $2, $8, $5");
JOINED(w_nor, "nor $2, $8, $5");
JOINED(w_andi, "andi $2, $8, 0xff0f");
JOINED(w_ori, "ori $2, $8, 0xff0f");
JOINED(w_xori, "xori $2, $8, 0xff0f");
JOINED(w_slt, "slt $2, $8, $4\nslt $9, $5, $8\nsll $9, $9, 1\nor $2, $2, $9");
JOINED(w_sltu, "sltu $2, $8, $4\nsltu $9, $5, $8\nsll $9, $9, 1\nor $2, $2, $9");
JOINED(w_slti, "slti $2, $8, -5\nsltiu $9, $8, -5\nsll $9, $9, 1\nor $2, $2, $9");
JOINED(w_movz, "li $2, 7\nsll $9, $8, 0\nmovz $2, $8, $9\nmovz $2, $4, $8");
JOINED(w_movn, "li $2, 7\nmovn $2, $4, $8\nsll $9, $8, 0\nmovn $2, $8, $9");
JOINED(w_hilo, "mthi $8\nmtlo $4\nmfhi $2\nmflo $9\nxor $2, $2, $9");

// These must leave numbers of 32 bits, also where their operands are none.
JOINED(n_addu, "addu $2, $4, $5");
JOINED(n_subu, "subu $2, $4, $5");
JOINED(n_addiu, "addiu $2, $4, 0x7abc");
JOINED(n_sll, "sll $2, $8, 0");
JOINED(n_srl, "srl $2, $4, 1");
JOINED(n_sra, "sra $2, $4, 3");
JOINED(n_sllv, "sllv $2, $4, $5");
JOINED(n_rotr, "rotr $2, $4, 9");
JOINED(n_lui, "lui $2, 0x8765\naddu $2, $2, $4");
JOINED(n_mul, "mul $2, $4, $5");
JOINED(n_mult, "mult $4, $5\nmfhi $2\nmflo $9\nxor $2, $2, $9");
JOINED(n_madd, "mtlo $4\nmthi $5\nmadd $4, $5\nmsubu $5, $5\nmfhi $2\nmflo $9\naddu $2, $2, $9");
JOINED(n_divu, "ori $9, $5, 1\ndivu $0, $4, $9\nmfhi $2\nmflo $9\nxor $2, $2, $9");
JOINED(n_ins, "move $2, $5\nins $2, $4, 7, 25");
JOINED(n_ext, "ext $2, $4, 0, 32");
JOINED(n_seb, "seb $2, $4\nseh $9, $5\nxor $2, $2, $9");
JOINED(n_wsbh, "wsbh $2, $4");
JOINED(n_clz, "clz $2, $4\nclo $9, $5\nsubu $2, $2, $9");
JOINED(n_lw, "lui $9, 0x8005\nsw $8, -32768($9)\nlw $2, -32768($9)");
JOINED(n_lh, "lui $9, 0x8005\nsw $8, -32768($9)\nlh $2, -32768($9)\nlbu $9, -32767($9)\nxor $2, $2, $9");
JOINED(n_lwl, "lui $9, 0x8005\nsw $4, -32768($9)\nsw $5, -32764($9)\nlwl $2, -32766($9)\nlwr $2, -32763($9)");

static void operations(void)
{
    hashed("daddiu", w_daddiu), hashed("daddu", w_daddu), hashed("dsll", w_dsll);
    hashed("dsll32", w_dsll32), hashed("dsrl32", w_dsrl32);
    hashed("and", w_and), hashed("or", w_or), hashed("xor", w_xor), hashed("nor", w_nor);
    hashed("andi", w_andi), hashed("ori", w_ori), hashed("xori", w_xori);
    hashed("slt", w_slt), hashed("sltu", w_sltu), hashed("slti sltiu", w_slti);
    hashed("movz", w_movz), hashed("movn", w_movn), hashed("hi lo", w_hilo);
    signs = checked = 0;
    hashed("addu", n_addu), hashed("subu", n_subu), hashed("addiu", n_addiu);
    hashed("sll", n_sll), hashed("srl", n_srl), hashed("sra", n_sra), hashed("sllv", n_sllv);
    hashed("rotr", n_rotr), hashed("lui", n_lui), hashed("mul", n_mul), hashed("mult", n_mult);
    hashed("madd msubu", n_madd), hashed("divu", n_divu), hashed("ins", n_ins);
    hashed("ext", n_ext), hashed("seb seh", n_seb), hashed("wsbh", n_wsbh);
    hashed("clz clo", n_clz), hashed("lw", n_lw), hashed("lh lbu", n_lh), hashed("lwl lwr", n_lwl);
    printf("sign-extended %s\n", signs == checked ? "all" : "not all");
}

// Branches and traps: a bit for each that goes.
#define GOES(branch, bit) branch ", 1f\nori $2, $2, " #bit "\nxori $2, $2, " #bit "\n1:\n"
JOINED(b_equal, "li $2, 0\nsll $9, $8, 0\nbeq $8, $9, 1f\nori $2, $2, 1\nxori $2, $2, 1\n1:\n"
                "bne $8, $9, 1f\nori $2, $2, 2\nxori $2, $2, 2\n1:\n"
                "beql $8, $4, 1f\nori $2, $2, 4\n1:\nbnel $8, $5, 1f\nori $2, $2, 8\n1:");
JOINED(b_zero, "li $2, 0\nbltz $8, 1f\nori $2, $2, 1\nxori $2, $2, 1\n1:\n"
               "bgez $8, 1f\nori $2, $2, 2\nxori $2, $2, 2\n1:\n"
               "blez $8, 1f\nori $2, $2, 4\nxori $2, $2, 4\n1:\n"
               "bgtz $8, 1f\nori $2, $2, 8\nxori $2, $2, 8\n1:\n"
               "bltzl $8, 1f\nori $2, $2, 16\n1:\nbgezl $8, 1f\nori $2, $2, 32\n1:\n"
               "blezl $8, 1f\nori $2, $2, 64\n1:\nbgtzl $8, 1f\nori $2, $2, 128\n1:");
JOINED(b_link, "move $9, $31\nbal 1f\nnop\n1: slt $2, $31, $0\nmove $31, $9");
JOINED(t_equal, "sll $9, $8, 0\nteq $8, $9");
JOINED(t_less, "sll $9, $8, 0\ntlt $8, $9");
JOINED(t_lessu, "tltiu $8, -7");

static void trapping(const char *name, snippet *code)
{
    uint32_t h = 0;
    for (unsigned i = 0; i < VALUES; i++)
        for (unsigned j = 0; j < VALUES; j++)
            h = mix(h, trap_try(code, values[i], values[j], 0));
    report(name, h);
}

static void conditions(void)
{
    hashed("beq bne", b_equal), hashed("bltz ...", b_zero), hashed("bal", b_link);
    trapping("teq", t_equal), trapping("tlt", t_less), trapping("tltiu", t_lessu);
}

// Loads and stores through xkphys.
XKPHYS(x_lw, "lw $2, 0($8)");
XKPHYS(x_lh, "lh $2, 2($8)\nlhu $9, 0($8)\ndsll32 $9, $9, 0\ndaddu $2, $2, $9");
XKPHYS(x_lb, "lb $2, 3($8)\nlbu $9, 1($8)\ndsll32 $9, $9, 0\ndaddu $2, $2, $9");
XKPHYS(x_ld, "ld $2, 0($8)");
XKPHYS(x_lwl, "li $2, -1\nlwl $2, 1($8)\nlwr $2, 6($8)");
XKPHYS(x_sw, "lw $2, -4($8)\nsubu $2, $4, $2\nsw $2, 0($8)");
XKPHYS(x_sh, "lw $2, -4($8)\nsh $2, 2($8)\nsrl $2, $2, 5\nsh $2, 0($8)");
XKPHYS(x_sb, "lw $2, -4($8)\nsb $2, 3($8)\nsrl $2, $2, 5\nsb $2, 0($8)");
XKPHYS(x_sd, "ld $2, -8($8)\ndsll $2, $2, 3\nsd $2, 0($8)");
XKPHYS(x_swl, "lw $2, -4($8)\nswl $2, 1($8)\nxor $2, $2, $4\nswr $2, 6($8)");
XKPHYS(x_llsc, "1: ll $2, 0($8)\ndaddiu $9, $2, 3\nsc $9, 0($8)\nbeqz $9, 1b\nnop");
XKPHYS(x_lost, "ll $2, 0($8)\nxor $9, $2, $4\nsw $9, 0($8)\nsc $9, 0($8)\nmove $2, $9");
XKPHYS(x_cache, "cache 0x15, 0($8)\nsynci 0($8)\npref 0, 0($8)\nli $2, 1");

// What loads find that kseg0 stored, and what kseg0 finds that stores left.
static void through(const char *name, snippet *code, uint32_t high, uint32_t attribute)
{
    uint32_t h = 0, seed = 0x1234567;
    for (unsigned i = 0; i < 600; i++) {
        unsigned at = 2 + next_random(&seed) % 200 * 2;
        for (unsigned k = 0; k < 8; k++)
            DATA[at - 2 + k] = next_random(&seed);
        code(DATA_PA + at * 4, high, attribute);
        h = mix64(h, RESULT);
        h = mix_block(h, DATA + at - 2, 8);
    }
    report(name, h);
}

static void memory(const char *where, uint32_t high, uint32_t attribute)
{
    printf("%s\n", where);
#define THROUGH(name) through(#name, x_##name, high, attribute);
    THROUGH(lw) THROUGH(lh) THROUGH(lb) THROUGH(ld) THROUGH(lwl)
    THROUGH(sw) THROUGH(sh) THROUGH(sb) THROUGH(sd) THROUGH(swl)
    THROUGH(llsc) THROUGH(lost) THROUGH(cache)
}

// Code that is rewritten through xkphys, warm and hot.
enum { CODE_PA = 0x00800000, ADDIU_V0_A0 = 0x24820000, JR_RA = 0x03e00008 };
XKPHYS(put, "sw $7, 0($8)\nmove $2, $7");

static void put_word(uint32_t pa, uint32_t word)
{
    register uint32_t a3 __asm__("$7") = word;
    register uint32_t a0 __asm__("$4") = pa;
    register uint32_t a1 __asm__("$5") = HIGH;
    register uint32_t a2 __asm__("$6") = 3;
    __asm__ volatile("jal put\n\tnop" : "+r"(a0), "+r"(a1), "+r"(a2), "+r"(a3)
                     :: "$2", "$3", "$8", "$9", "$31", "memory");
}

static void rewriting(void)
{
    uint32_t h = 0;
    snippet *code = (snippet *)KSEG0(CODE_PA);
    put_word(CODE_PA, ADDIU_V0_A0);
    put_word(CODE_PA + 4, JR_RA);
    put_word(CODE_PA + 8, 0);
    for (uint32_t i = 0; i < 300; i++) {
        put_word(CODE_PA, ADDIU_V0_A0 | (i * 7 & 0x7fff));
        __asm__ volatile("synci 0(%0)\n\tsync" ::"r"(code) : "memory");
        for (uint32_t k = 0; k < 40; k++)
            h = mix(h, code(i, 0, 0));
    }
    report("rewritten", h);
}

// Addresses that are none: which exception, where, and all of BadVAddr.
XKPHYS(e_load, "addiu $24, $24, 1\nlw $2, 0($8)\naddiu $24, $24, 2");
XKPHYS(e_slot, "addiu $24, $24, 1\nb 1f\nsd $2, 8($8)\n1: addiu $24, $24, 2");
JOINED(a_load, "addiu $24, $24, 1\nlb $2, 0($8)\naddiu $24, $24, 2");
JOINED(a_store, "addiu $24, $24, 1\nb 1f\nsb $2, 1($8)\n1: addiu $24, $24, 2");
JOINED(a_word, "lw $2, 2($8)");
JOINED(a_add, "daddiu $2, $8, 1");
WIDE(badvaddr, "dmfc0 $2, $8");
WIDE(epc, "dmfc0 $2, $14");

static void refused(const char *name, snippet *code, uint32_t a0, uint32_t a1, uint32_t a2)
{
    trap_try(code, a0, a1, a2);
    trap_show(name, code);
    badvaddr(0, 0, 0);
    uint64_t value = RESULT;
    epc(0, 0, 0);
    uint32_t extended = (uint32_t)(RESULT >> 32);
    printf("  badvaddr %08x%08x, epc %08x...\n", (uint32_t)(value >> 32), (uint32_t)value, extended);
}

static void addresses(void)
{
    refused("beyond 36 bits", e_load, 0, 0x10, 3);
    refused("beyond 36 bits, store in a slot", e_slot, 0x1000, 0x07000000, 2);
    refused("misaligned in xkphys", e_load, DATA_PA + 2, HIGH, 3);
    refused("misaligned store", e_slot, DATA_PA + 4, HIGH, 3);
    refused("no memory", e_load, 0x70000000, 2, 2);
    refused("0000000080000000", a_load, 0, 0x80000000, 0);
    refused("00000000c0000000, store", a_store, 0, 0xc0000000, 0);
    refused("0000000100000000", a_load, 1, 0, 0);
    refused("ffffffff7fffffff", a_load, 0xffffffff, 0x7fffffff, 0);
    refused("compatibility, misaligned", a_word, 0xffffffff, SCRATCH_PA | 0x80000000, 0);
    CP0_WRITE(12, 0, CP0_READ(12, 0) & ~STATUS_KX);
    refused("xkphys without KX", e_load, DATA_PA, HIGH, 3);
    show("daddiu without KX", carry, 1, 0xffffffff);
}

static void in_user_mode(const char *name, uint32_t bits)
{
    trap.enter = STATUS_UM | bits;
    trap_try(a_add, 1, 0xffffffff, 0);
    trap.enter = 0;
    printf("%-32s exc %u at %x\n", name, trap_code(),
           (trap.epc & 0x1fffffff) - (ADDRESS(a_add) & 0x1fffffff));
}

int main(void)
{
    chapter("wide");
    uint32_t traps = trap_try(border, 0x7fffffff, 0, 0);
    trap_show("daddiu", border);
    if (traps) {
        printf("the CPU has 32 bits\n");
        return 0;
    }
    borders();
    operations();
    conditions();
    CP0_WRITE(12, 0, CP0_READ(12, 0) | STATUS_KX);
    memory("above 4 GiB, cached", HIGH, 3);
    memory("above 4 GiB, uncached", HIGH, 2);
    memory("below", 0, 3);
    rewriting();
    addresses();
    user_map();
    in_user_mode("user mode", 0);
    in_user_mode("user mode with UX", STATUS_UX);
    in_user_mode("user mode with PX", STATUS_PX);
    report_end();
    return 0;
}
