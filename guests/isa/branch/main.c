// Branches and jumps: conditions, delay slots, branch-likely, link registers, targets at the
// ends of their reach (MD00086, "Branch" and "Jump" instructions).
//
// Not here, because undefined: a branch in a delay slot, and a linking branch whose source is
// its own link register.

#include "check.h"

// Results of one execution, as a word: bit 0 the delay slot ran, bit 1 the fall-through ran,
// bit 2 the target ran; and the link register as an offset from the branch.
#define OUTCOME(name, branch)                                                                  \
    SNIPPET(name, "move $7, $31\nli $2, 0\nli $31, 0\nla $9, 9f\n9: " branch "\nori $2, $2, 1\n" \
                  "ori $2, $2, 2\n"                                                            \
                  "1: ori $2, $2, 4\nbeqz $31, 2f\nmove $10, $31\nsubu $10, $10, $9\n"         \
                  "sll $10, $10, 8\nor $2, $2, $10\n2: move $31, $7")

#define EACH_TWO(X) X(beq) X(bne) X(beql) X(bnel)
#define EACH_ONE(X)                                                                            \
    X(blez) X(bgtz) X(bltz) X(bgez) X(bltzal) X(bgezal)                                        \
    X(blezl) X(bgtzl) X(bltzl) X(bgezl) X(bltzall) X(bgezall)
#define TWO(name) OUTCOME(do_##name, #name " $4, $5, 1f");
#define ONE(name) OUTCOME(do_##name, #name " $4, 1f");
EACH_TWO(TWO)
EACH_ONE(ONE)
OUTCOME(do_b, "b 1f");
OUTCOME(do_bal, "bal 1f");
OUTCOME(do_beq_same, "beq $4, $4, 1f");
OUTCOME(do_bne_same, "bne $4, $4, 1f");
OUTCOME(do_bnel_same, "bnel $4, $4, 1f");
OUTCOME(do_beq_zero, "beq $0, $4, 1f");
OUTCOME(do_bltzal_zero, "bltzal $0, 1f");
OUTCOME(do_bgezal_zero, "bgezal $0, 1f");
OUTCOME(do_bltzall_zero, "bltzall $0, 1f");
OUTCOME(do_j, "j 1f");
OUTCOME(do_jal, "jal 1f");
OUTCOME(do_jr, "la $8, 1f\nla $9, 8f\n8: jr $8");
OUTCOME(do_jr_hb, "la $8, 1f\nla $9, 8f\n8: jr.hb $8");
OUTCOME(do_jalr, "la $8, 1f\nla $9, 8f\n8: jalr $8");
OUTCOME(do_jalr_hb, "la $8, 1f\nla $9, 8f\n8: jalr.hb $8");
OUTCOME(do_jalr_other, "la $8, 1f\nla $9, 8f\n8: jalr $3, $8");
OUTCOME(do_jalr_zero, "la $8, 1f\nla $9, 8f\n8: jalr $0, $8");

static void conditions(const char *name, snippet *code)
{
    uint32_t h = 0, seen = 0;
    for (unsigned i = 0; i < VALUES; i++)
        for (unsigned j = 0; j < 16; j++) {
            uint32_t b = j < 2 ? values[i] : values[j * 4];
            uint32_t r = code(values[i], b, 0);
            seen |= 1u << (r & 7);
            h = mix(h, r);
        }
    report_value(name, h, seen);
}

// The delay slot changes what the branch has already read.
SNIPPET(slot_changes_source,
        "li $2, 0\n"
        "beq $4, $5, 1f\nxori $4, $4, 1\n"
        "ori $2, $2, 1\n"
        "1: bnez $4, 2f\nli $4, 0\n"
        "ori $2, $2, 2\n"
        "2: la $8, 3f\njr $8\nli $8, 0\n"
        "ori $2, $2, 4\n"
        "3: move $7, $31\nla $8, 4f\njalr $8\naddiu $8, $31, 0\n"      // the slot sees the link
        "ori $2, $2, 8\n"
        "4: subu $8, $8, $31\nsll $8, $8, 8\nor $2, $2, $8\n"
        "bal 5f\naddiu $31, $31, 4\n"                                   // and may change it
        "5: la $8, 5b\nsubu $8, $31, $8\nsll $8, $8, 16\nor $2, $2, $8\n"
        "bltzl $4, 6f\nori $2, $2, 16\n"
        "bgezl $4, 6f\nori $2, $2, 32\n"
        "ori $2, $2, 64\n"
        "6: move $31, $7");

// Memory accesses, multiplication and moves of HI/LO in delay slots.
SNIPPET(slot_kinds,
        "li $2, 0\n"
        "bne $4, $0, 1f\nsw $4, 0($6)\n1: blez $5, 2f\nlw $8, 0($6)\n2: addu $2, $2, $8\n"
        "bgtz $4, 3f\nmult $4, $5\n3: mflo $9\naddu $2, $2, $9\n"
        "beq $4, $5, 4f\nmfhi $9\n4: xor $2, $2, $9\n"
        "bltz $4, 5f\nsb $5, 1($6)\n5: bgez $5, 6f\nlhu $8, 0($6)\n6: addu $2, $2, $8\n"
        "bnel $4, $5, 7f\nsw $2, 0($6)\n7: lw $8, 0($6)\nxor $2, $2, $8\n"
        "beql $4, $5, 8f\nsw $4, 0($6)\n8: lw $8, 0($6)\naddu $2, $2, $8\n"
        "b 9f\nmovz $2, $4, $5\n9:");

// Loops of each kind: counted down, nested, closed by a likely branch, left from the middle.
SNIPPET(loop_nested,
        "li $2, 0\nli $8, 40\n1: li $9, 25\n2: addu $2, $2, $4\nxor $2, $2, $9\nrotr $2, $2, 3\n"
        "addiu $9, $9, -1\nbgtz $9, 2b\naddu $2, $2, $5\n"
        "addiu $8, $8, -1\nbnez $8, 1b\nxor $2, $2, $8");
SNIPPET(loop_likely,
        "li $2, 0\nli $8, 500\n1: rotr $2, $2, 5\naddiu $8, $8, -1\nbgtzl $8, 1b\naddu $2, $2, $4\n"
        "xor $2, $2, $8");
SNIPPET(loop_left,
        "li $2, 0\nli $8, 0\n1: addu $2, $2, $8\nmul $9, $2, $4\nandi $9, $9, 0x3ff\n"
        "beq $9, $5, 2f\naddiu $8, $8, 1\nslti $9, $8, 600\nbnez $9, 1b\nrotr $2, $2, 1\n"
        "2: sll $8, $8, 16\nxor $2, $2, $8");
SNIPPET(loop_irreducible,                                 // entered in two places
        "li $2, 0\nli $8, 300\nandi $9, $4, 1\nbnez $9, 2f\nnop\n"
        "1: addu $2, $2, $4\n2: rotr $2, $2, 7\nandi $9, $2, 4\nbnez $9, 1b\naddiu $8, $8, -1\n"
        "bgtz $8, 2b\nxor $2, $2, $8");
SNIPPET(loop_to_itself,                                   // a branch that is its own target
        "move $2, $4\nandi $8, $5, 0x1ff\n1: bgtz $8, 1b\naddiu $8, $8, -1\naddu $2, $2, $8");

// A jump table: each arm goes on to the next index, computed from data.
SNIPPET(jump_table,
        "move $2, $4\nli $8, 300\nla $9, 5f\n"
        "1: andi $10, $2, 3\nsll $10, $10, 4\naddu $10, $10, $9\njr $10\naddiu $8, $8, -1\n"
        "5: b 6f\naddiu $2, $2, 13\nnop\nnop\n"
        "b 6f\nrotr $2, $2, 3\nnop\nnop\n"
        "b 6f\nxor $2, $2, $8\nnop\nnop\n"
        "subu $2, $2, $5\nnop\nnop\nnop\n"
        "6: bgtz $8, 1b\nrotr $2, $2, 1");

// Recursion: returns to many addresses, deeper than any return stack.
__attribute__((noinline)) static uint32_t ackermann(uint32_t m, uint32_t n)
{
    if (m == 0)
        return n + 1;
    if (n == 0)
        return ackermann(m - 1, 1);
    return ackermann(m - 1, ackermann(m, n - 1));
}

// Calls through a table, a different callee each time.
static void indirect_calls(void)
{
    static snippet *const callee[] = { loop_to_itself, do_beq, do_bgezal, slot_changes_source,
                                       do_bltzl, do_jalr, do_jr, jump_table };
    uint32_t h = 0;
    for (unsigned i = 0; i < 2000; i++)
        h = mix(h, callee[h % 8](i, h & 31, 0));
    report("indirect_calls", h);
}

static void loops(const char *name, snippet *code, uint32_t a2)
{
    uint32_t h = 0;
    for (unsigned i = 0; i < VALUES; i++)
        h = mix(h, code(values[i], values[(i * 7 + 3) % VALUES], a2));
    report_value(name, h, code(5, 9, a2));
}

// Code that is put together in memory: branches and jumps over the whole of their reach.
static void put(uint32_t at, uint32_t word)
{
    *(volatile uint32_t *)at = word;
    __asm__ volatile("synci 0(%0)\n\tsync" ::"r"(at) : "memory");
}

enum { JR_RA = 0x03e00008, B = 0x10000000, J = 0x08000000, LI_V0 = 0x24020000,
       ADDIU_V0 = 0x24420000 };

static void put_end(uint32_t at, uint32_t value)          // v0 += value, return
{
    put(at, JR_RA);
    put(at + 4, ADDIU_V0 | value);
}

static void reach(const char *name, uint32_t from, uint32_t to, uint32_t jump)
{
    put(from, jump);
    put(from + 4, LI_V0 | 0x100);
    put_end(from + 8, 1);
    put_end(to, 2);
    uint32_t h = 0, r = 0;
    for (unsigned i = 0; i < 300; i++)
        h = mix(h, r = ((snippet *)(uintptr_t)from)(0, 0, 0));
    report_value(name, h, r);
}

int main(void)
{
    chapter("branch");
#define RUN(name) conditions(#name, do_##name);
    EACH_TWO(RUN)
    EACH_ONE(RUN)
    RUN(b) RUN(bal) RUN(beq_same) RUN(bne_same) RUN(bnel_same) RUN(beq_zero)
    RUN(bltzal_zero) RUN(bgezal_zero) RUN(bltzall_zero)
    RUN(j) RUN(jal) RUN(jr) RUN(jr_hb) RUN(jalr) RUN(jalr_hb) RUN(jalr_other) RUN(jalr_zero)
    conditions("slot_changes_source", slot_changes_source);

    loops("slot_kinds", slot_kinds, ADDRESS(SCRATCH));
    loops("loop_nested", loop_nested, 0);
    loops("loop_likely", loop_likely, 0);
    loops("loop_left", loop_left, 0);
    loops("loop_irreducible", loop_irreducible, 0);
    loops("loop_to_itself", loop_to_itself, 0);
    loops("jump_table", jump_table, 0);
    report("recursion", ackermann(2, 60) * 1000 + ackermann(3, 4));
    indirect_calls();

    reach("branch_furthest", 0x80040000, 0x80060000, B | 0x7fff);
    reach("branch_backward", 0x80060000, 0x80040004, B | 0x8000);
    reach("branch_over_page", 0x80040ffc, 0x80041010, B | 4);
    reach("jump_low", 0x80040000, 0x80030000, J | 0x30000 >> 2);
    reach("jump_far", 0x80040000, 0x87fffff0, J | 0x07fffff0 >> 2);
    reach("jump_kseg1", 0xa0040000, 0xa0050000, J | 0x50000 >> 2);   // the region is the PC's
    report_end();
    return 0;
}
