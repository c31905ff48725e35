// Arithmetic, logic, shifts, conditional moves and bit fields (MD00086, "Arithmetic",
// "Logical", "Shift", "Insert/Extract" instructions). Multiplication has its own chapter;
// overflow is in traps.

#include "check.h"

#define INLINE static inline __attribute__((always_inline))

// One loop an instruction, over all pairs, in the three forms that a register allocator may
// get wrong: three registers, destination = first source, destination = second source.
INLINE void pairs(const char *name, uint32_t (*op)(uint32_t, uint32_t, uint32_t *, uint32_t *))
{
    uint32_t h = 0, sample = 0;
    for (unsigned i = 0; i < VALUES; i++)
        for (unsigned j = 0; j < VALUES; j++) {
            uint32_t a = values[i], b = values[j];
            uint32_t c = op(a, b, &a, &b);
            h = mix(mix(mix(h, c), a), b);
        }
    sample = op(0x89abcdef, 0x12345677, &sample, &sample);
    report_value(name, h, sample);
}

#define R3(name)                                                                               \
    INLINE uint32_t op_##name(uint32_t a, uint32_t b, uint32_t *first, uint32_t *second)       \
    {                                                                                          \
        uint32_t r, f = a, s = b;                                                              \
        __asm__ volatile(#name " %0, %1, %2" : "=&r"(r) : "r"(a), "r"(b));                     \
        __asm__ volatile(#name " %0, %0, %1" : "+r"(f) : "r"(b));                              \
        __asm__ volatile(#name " %0, %1, %0" : "+r"(s) : "r"(a));                              \
        *first = f;                                                                            \
        *second = s;                                                                           \
        return r;                                                                              \
    }
#define EACH_R3(X)                                                                             \
    X(addu) X(subu) X(and) X(or) X(xor) X(nor) X(slt) X(sltu) X(sllv) X(srlv) X(srav) X(rotrv)
EACH_R3(R3)

// Conditional moves read their destination as well.
#define MOVE(name)                                                                             \
    INLINE uint32_t op_##name(uint32_t a, uint32_t b, uint32_t *first, uint32_t *second)       \
    {                                                                                          \
        uint32_t r = a ^ 0x5a5a5a5a, f = a, s = b;                                             \
        __asm__ volatile(#name " %0, %1, %2" : "+r"(r) : "r"(a), "r"(b));                      \
        __asm__ volatile(#name " %0, %0, %1" : "+r"(f) : "r"(b));                              \
        __asm__ volatile(#name " %0, %1, %0" : "+r"(s) : "r"(a));                              \
        *first = f;                                                                            \
        *second = s;                                                                           \
        return r;                                                                              \
    }
MOVE(movn)
MOVE(movz)

// One register in, one out; the second form works in place, the third twice over.
#define R2(name)                                                                               \
    INLINE uint32_t op_##name(uint32_t a, uint32_t b, uint32_t *first, uint32_t *second)       \
    {                                                                                          \
        uint32_t r, f = a, s = b;                                                              \
        __asm__ volatile(#name " %0, %1" : "=&r"(r) : "r"(a ^ b));                             \
        __asm__ volatile(#name " %0, %0" : "+r"(f));                                           \
        __asm__ volatile(#name " %0, %0\n\t" #name " %0, %0" : "+r"(s));                       \
        *first = f;                                                                            \
        *second = s;                                                                           \
        return r;                                                                              \
    }
#define EACH_R2(X) X(clz) X(clo) X(seb) X(seh) X(wsbh)
EACH_R2(R2)

// An instruction with an immediate is a fan: a0 goes through the instruction once for every
// immediate, and the results are stored one after the other at a1. Gives the end of them.
#define FAN(name, list, instruction)                                                           \
    SNIPPET(fan_##name, ".irp i, " list "\n" instruction "\nsw $8, 0($5)\n"                    \
                        "addiu $5, $5, 4\n.endr\nmove $2, $5")
#define BITS "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31"
#define SIZES "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32"
#define SIGNED "0,1,2,-1,-2,0x7f,0x80,-0x80,0xff,0x100,0x7fff,0x7ffe,-0x8000,-0x7fff,0x5555,-0x5556,31,1000,-1000"
#define UNSIGNED "0,1,2,0x7f,0x80,0xff,0x100,0x7fff,0x8000,0xffff,0xfffe,0x5555,0xaaaa,0x1234,0xff00"
FAN(addiu, SIGNED, "addiu $8, $4, \\i");
FAN(slti, SIGNED, "slti $8, $4, \\i");
FAN(sltiu, SIGNED, "sltiu $8, $4, \\i");
FAN(andi, UNSIGNED, "andi $8, $4, \\i");
FAN(ori, UNSIGNED, "ori $8, $4, \\i");
FAN(xori, UNSIGNED, "xori $8, $4, \\i");
FAN(lui, UNSIGNED, "lui $8, \\i\nxor $8, $8, $4");
FAN(sll, BITS, "sll $8, $4, \\i");
FAN(srl, BITS, "srl $8, $4, \\i");
FAN(sra, BITS, "sra $8, $4, \\i");
FAN(rotr, BITS, "rotr $8, $4, \\i");
FAN(in_place, BITS, "srl $4, $4, 1\nxori $4, $4, \\i * 1021\nrotr $4, $4, \\i\naddiu $4, $4, -\\i\nmove $8, $4");

// ADDI traps on overflow; the operand is halved so that it cannot.
FAN(addi, SIGNED, "sra $9, $4, 1\naddi $8, $9, \\i");

#define FIELDS(name, instruction)                                                              \
    FAN(name, BITS, ".irp s, " SIZES "\n.if (\\i + \\s) <= 32\n" instruction                   \
                    "\nsw $8, 0($5)\naddiu $5, $5, 4\n.endif\n.endr\nli $8, 0x600d")
FIELDS(ext, "ext $8, $4, \\i, \\s");
FIELDS(ins, "move $8, $6\nins $8, $4, \\i, \\s");

// The destination is $0: nothing may change it. Nothing here can overflow: a0 is shifted.
SNIPPET(fan_zero,
        "srl $4, $4, 2\nsrl $6, $6, 2\nli $9, 0x1234\n"
        ".irp op, addu,subu,add,sub,and,or,xor,nor,slt,sltu,sllv,srlv,srav,rotrv,movn,movz,mul\n"
        "\\op $0, $4, $6\naddu $9, $9, $0\nsw $9, 0($5)\naddiu $5, $5, 4\n.endr\n"
        ".irp op, addiu,addi,slti,sltiu,andi,ori,xori,sll,srl,sra,rotr\n"
        "\\op $0, $4, 7\naddu $9, $9, $0\nsw $9, 0($5)\naddiu $5, $5, 4\n.endr\n"
        ".irp op, clz,clo,seb,seh,wsbh\n"
        "\\op $0, $4\naddu $9, $9, $0\nsw $9, 0($5)\naddiu $5, $5, 4\n.endr\n"
        "lui $0, 0xffff\next $0, $4, 3, 9\nins $0, $4, 3, 9\nlw $0, -4($5)\nlbu $0, -4($5)\n"
        "mult $4, $6\nmfhi $0\nmflo $0\nmfc0 $0, $12\naddu $9, $9, $0\nsw $9, 0($5)\n"
        "addiu $2, $5, 4");

static void fan(const char *name, snippet *code)
{
    uint32_t h = 0, out = ADDRESS(SCRATCH);
    for (unsigned round = 0; round < 4; round++)
        for (unsigned i = 0; i < VALUES; i++) {
            uint32_t v = values[i] << 8 * round | values[i] >> (32 - 8 * round) % 32;
            uint32_t end = code(v, out, ~values[(i * 5 + round) % VALUES]);
            h = mix_block(h, SCRATCH, (end - out) / 4);
        }
    report_value(name, h, SCRATCH[7]);
}

int main(void)
{
    chapter("alu");
#define RUN(name) pairs(#name, op_##name);
    EACH_R3(RUN)
    RUN(movn) RUN(movz)
    EACH_R2(RUN)
#define RUN_FAN(name) fan(#name, fan_##name);
    RUN_FAN(addi) RUN_FAN(addiu) RUN_FAN(slti) RUN_FAN(sltiu) RUN_FAN(andi) RUN_FAN(ori)
    RUN_FAN(xori) RUN_FAN(lui) RUN_FAN(sll) RUN_FAN(srl) RUN_FAN(sra) RUN_FAN(rotr)
    RUN_FAN(in_place) RUN_FAN(ext) RUN_FAN(ins) RUN_FAN(zero)
    report_end();
    return 0;
}
