// Exceptions: which one, where, in a delay slot or not, and with which registers (MD00090,
// "Exceptions", "Status", "Cause", "EPC", "EBase"; MD00086 for each instruction).
//
// A line gives the vector, Cause.ExcCode, Cause.BD, CE where it is defined (coprocessor
// unusable), EPC and BadVAddr as offsets, and a hash of the interrupted registers: they must
// be those before the trapping instruction, and before no other.

#include "check.h"
#include "console.h"
#include "cp0.h"
#include "trap.h"

// Four snippets an instruction: plain, in the slot of a taken branch, in the slot of one not
// taken, in the slot of a jump. Work before it must be visible; work after it must not. The
// untaken branch compares a0 and a1, which differ: see "untaken" in manual/DIFFERS.md.
#define PLACES(name, prepare, instruction)                                                     \
    SNIPPET(name##_plain, prepare "\naddiu $24, $24, 1\n" instruction "\naddiu $24, $24, 2");  \
    SNIPPET(name##_taken, prepare "\naddiu $24, $24, 1\nb 1f\n" instruction                    \
                          "\naddiu $24, $24, 2\n1: addiu $24, $24, 4");                        \
    SNIPPET(name##_untaken, prepare "\naddiu $24, $24, 1\nbeq $4, $5, 1f\n" instruction        \
                            "\naddiu $24, $24, 2\n1: addiu $24, $24, 4");                      \
    SNIPPET(name##_jump, prepare "\naddiu $24, $24, 1\nmove $28, $31\nbal 1f\nnop\n"           \
                         "1: addiu $31, $31, 4 * 4\nmove $25, $0\njr $31\n" instruction        \
                         "\naddiu $24, $24, 2\nmove $31, $28\n");
#define TRY(title, name)                                                                       \
    try_four(title, name##_plain, name##_taken, name##_untaken, name##_jump);

static uint32_t arg0, arg1;

static void try_one(const char *title, const char *place, snippet *code)
{
    printf("%s", place);
    trap_try(code, arg0, arg1, ADDRESS(SCRATCH));
    trap_show(title, code);
}

static void try_four(const char *title, snippet *plain, snippet *taken, snippet *untaken,
                     snippet *jump)
{
    try_one(title, "       ", plain);
    try_one(title, "slot   ", taken);
    try_one(title, "unslot ", untaken);
    try_one(title, "jrslot ", jump);
}

// Conditional traps: one that is taken, and one that is not.
#define TRAPS(name, yes, no, b, instruction)                                                   \
    PLACES(name##_yes, "li $8, " #yes "\nli $9, " #b, instruction)                             \
    PLACES(name##_no, "li $8, " #no "\nli $9, " #b, instruction)
TRAPS(teq, 5, 6, 5, "teq $8, $9, 3")
TRAPS(tne, 5, 6, 6, "tne $8, $9, 1023")
TRAPS(tge, 5, -7, -6, "tge $8, $9")
TRAPS(tgeu, -6, 5, 6, "tgeu $8, $9")
TRAPS(tlt, -6, 5, 5, "tlt $8, $9")
TRAPS(tltu, 5, -6, -6, "tltu $8, $9")
TRAPS(teqi, -7, 7, 0, "teqi $8, -7")
TRAPS(tnei, 8, -7, 0, "tnei $8, -7")
TRAPS(tgei, -7, -8, 0, "tgei $8, -7")
TRAPS(tgeiu, -7, 7, 0, "tgeiu $8, -7")
TRAPS(tlti, -8, -7, 0, "tlti $8, -7")
TRAPS(tltiu, 7, -7, 0, "tltiu $8, -7")

PLACES(syscall, "", "syscall 0x12345")
PLACES(break, "", "break 7")
PLACES(add, "lui $8, 0x7fff\nli $9, -1\nsrl $9, $9, 16\nor $8, $8, $9", "add $8, $8, $9")
PLACES(addi, "lui $8, 0x8000", "addi $8, $8, -1")
PLACES(sub, "lui $8, 0x8000\nli $9, 1", "sub $9, $8, $9")
PLACES(add_zero, "lui $8, 0x8000", "add $0, $8, $8")
PLACES(add_fits, "lui $8, 0x8000\nlui $9, 0x7fff", "add $8, $8, $9")

// Reserved encodings of release 2: major opcodes, SPECIAL, REGIMM, SPECIAL2, SPECIAL3, COP0.
#define WORD(word) ".word " #word
PLACES(ri_major, "", WORD(0x68000000))                    // LDL: 64-bit
PLACES(ri_ld, "", WORD(0xdc880000))                       // LD
PLACES(ri_daddu, "", WORD(0x0109402d))                    // DADDU
PLACES(ri_dsll32, "", WORD(0x0009403c))
PLACES(ri_regimm, "", WORD(0x041e0000))
PLACES(ri_special2, "", WORD(0x7000000f))
PLACES(ri_special3, "", WORD(0x7c00003f))
PLACES(ri_cop0, "", WORD(0x42000038))
PLACES(ri_dmfc0, "", WORD(0x40286000))

PLACES(cp1_add, "", "add.s $f0, $f2, $f4")
PLACES(cp1_mfc, "", "mfc1 $8, $f2")
PLACES(cp1_cfc, "", "cfc1 $8, $31")
PLACES(cp1_lwc, "", "lwc1 $f2, 0($6)")
PLACES(cp1_sdc, "", "sdc1 $f2, 0($6)")
PLACES(cp1_lwc_odd, "", "lwc1 $f2, 1($6)")                // unusable wins over misaligned
PLACES(cp1_movf, "", "movf $8, $9, $fcc0")
PLACES(cp1_madd, "", "madd.s $f0, $f2, $f4, $f6")
PLACES(cp1_lwxc, "", "lwxc1 $f0, $8($6)")
PLACES(cp2_lwc, "", WORD(0xc8c00000))
PLACES(cp2_sdc, "", WORD(0xf8c00000))
SNIPPET(cp1_branch, "bc1f $fcc0, 1f\naddiu $24, $24, 1\n1: addiu $24, $24, 2");

static void instructions(void)
{
    arg0 = 1, arg1 = 2;
#define TRY_TRAP(name) TRY(#name, name##_yes) TRY(#name " not", name##_no)
    TRY_TRAP(teq) TRY_TRAP(tne) TRY_TRAP(tge) TRY_TRAP(tgeu) TRY_TRAP(tlt) TRY_TRAP(tltu)
    TRY_TRAP(teqi) TRY_TRAP(tnei) TRY_TRAP(tgei) TRY_TRAP(tgeiu) TRY_TRAP(tlti) TRY_TRAP(tltiu)
    TRY("syscall", syscall) TRY("break", break)
    TRY("add", add) TRY("addi", addi) TRY("sub", sub) TRY("add to $0", add_zero)
    TRY("add that fits", add_fits)
    TRY("opcode 1a", ri_major) TRY("ld", ri_ld) TRY("daddu", ri_daddu) TRY("dsll32", ri_dsll32)
    TRY("regimm 1e", ri_regimm) TRY("special2 0f", ri_special2)
    TRY("special3 3f", ri_special3) TRY("cop0 38", ri_cop0) TRY("dmfc0", ri_dmfc0)
    TRY("cu1 add.s", cp1_add) TRY("cu1 mfc1", cp1_mfc) TRY("cu1 cfc1", cp1_cfc)
    TRY("cu1 lwc1", cp1_lwc) TRY("cu1 sdc1", cp1_sdc) TRY("cu1 lwc1 odd", cp1_lwc_odd)
    TRY("cu1 movf", cp1_movf) TRY("cu1 madd.s", cp1_madd) TRY("cu1 lwxc1", cp1_lwxc)
    try_one("cu1 bc1f", "       ", cp1_branch);
    TRY("cu2 lwc2", cp2_lwc) TRY("cu2 sdc2", cp2_sdc)
}

// ADD, ADDI and SUB over all pairs: the sum, or the trap with the destination untouched.
SNIPPET(add_pair, "move $8, $6\nadd $8, $4, $5\nmove $2, $8");
SNIPPET(sub_pair, "move $8, $6\nb 1f\nsub $8, $4, $5\n1: move $2, $8");
SNIPPET(addi_high, "move $8, $6\naddi $8, $4, 0x7fff\nmove $2, $8");
SNIPPET(addi_low, "move $8, $6\nbltz $0, 1f\naddi $8, $4, -0x8000\n1: move $2, $8");

static void overflow(const char *name, snippet *code)
{
    uint32_t h = 0, traps = 0;
    for (unsigned i = 0; i < VALUES; i++)
        for (unsigned j = 0; j < VALUES / 2; j++) {
            uint32_t n = trap_try(code, values[i], values[j], i);
            h = mix(h, n ? trap.gpr[8] ^ trap_code() : trap.result);
            traps += n;
        }
    report_value(name, h, traps);
}

// Instruction fetch from where there is nothing to fetch: EPC and BadVAddr are the target.
SNIPPET(fetch, "jr $4\naddiu $24, $24, 1");
SNIPPET(fetch_link, "move $28, $31\njalr $17, $4\naddiu $24, $24, 1\nmove $31, $28");

static void fetches(void)
{
    trap_try(fetch, 0x80040002, 0, 0);             // odd ones would be MIPS16 on some cores
    trap_show("fetch misaligned", fetch);
    trap_try(fetch_link, 0x80040002, 0, 0);
    trap.gpr[17] -= ADDRESS(fetch_link);
    trap_show("fetch with link", fetch_link);
    user_try(fetch, 0x80040000, 0, 0);
    trap_show("user fetch kseg0", fetch);
    user_try(fetch, 0x80040002, 0, 0);
    trap_show("user fetch misaligned", fetch);
    user_try(fetch, 0xfffffffc, 0, 0);
    trap_show("user fetch kseg3", fetch);
}

// Traps that a hook answers: execution goes on behind the instruction, in a hot loop.
SNIPPET(loop_traps,
        "li $2, 0\n1: andi $9, $4, 7\nteqi $9, 3\naddu $2, $2, $9\nrotr $2, $2, 3\n"
        "addiu $4, $4, -1\nbgtz $4, 1b\nxor $2, $2, $4\n");
SNIPPET(loop_syscalls,
        "li $2, 0\n1: addiu $4, $4, -1\nmove $7, $4\nsyscall\naddu $2, $2, $7\nbgtz $4, 1b\n"
        "rotr $2, $2, 7");
// In a slot, going on means to decide the branch again, at EPC.
SNIPPET(loop_slot,
        "li $2, 0\n1: addiu $4, $4, -1\nandi $9, $4, 7\nbgtz $4, 1b\nteqi $9, 5\n"
        "addu $2, $2, $10");

static uint32_t hook_hash;

static bool skip(struct trap *t)
{
    hook_hash = mix(mix(hook_hash, t->cause & 0x8000007c), t->gpr[4]);
    if (trap_code() == SYS)
        t->gpr[7] = t->gpr[7] * 3 + 1;
    if (t->cause & CAUSE_BD)
        t->gpr[9] = 0, t->gpr[10]++;               // the condition is gone on the second try
    else
        t->epc += 4;
    return t->epc != 0;
}

static void continued(const char *name, snippet *code, uint32_t n)
{
    hook_hash = 0;
    trap.hook = skip;
    trap_try(code, n, 0, 0);
    trap.hook = NULL;
    report_value(name, mix(hook_hash, trap.result), trap.count);
}

enum { SOFT = STATUS_IP0 | STATUS_IP1 };   // the others are the board's and the timer's

// Interrupts by software: taken only with IE, its mask bit, and neither EXL nor ERL.
SNIPPET(raise, "mtc0 $4, $13\nehb\nnop\naddiu $2, $0, 77");
SNIPPET(raise_in_slot, "li $2, 1\nb 1f\nmtc0 $4, $13\n1: ehb\nnop\naddiu $2, $2, 1");
SNIPPET(unmask, "mtc0 $5, $12\nehb\naddiu $2, $0, 1\nmtc0 $4, $12\nehb\nnop\naddiu $2, $2, 1");

static void show_interrupt(const char *name, snippet *code)
{
    if (!trap.count) {
        trap_show(name, code);
        return;
    }
    // Where between the write and the barrier it is taken is the processor's business.
    printf("%-28s vector %03x exc %u ip %02x status %08x\n", name, trap.vector & 0xfff,
           trap_code(), trap.cause >> 8 & 0x03, trap.status & 0xff13);
}

static bool withdraw(struct trap *t)
{
    (void)t;
    CP0_WRITE(13, 0, 0);
    return false;
}

static void try_interrupt(const char *name, uint32_t cause, uint32_t status)
{
    CP0_WRITE(12, 0, status);
    trap_try(raise, cause, 0, 0);
    show_interrupt(name, raise);
    CP0_WRITE(13, 0, 0);
    CP0_WRITE(12, 0, 0);
}

static void interrupts(void)
{
    trap.hook = withdraw;                          // else it would be taken again and again
    try_interrupt("ip0", CAUSE_IP0, STATUS_IE | SOFT);
    try_interrupt("ip1", CAUSE_IP1, STATUS_IE | SOFT);
    try_interrupt("ip0 ip1", CAUSE_IP0 | CAUSE_IP1, STATUS_IE | SOFT);
    try_interrupt("ip0 masked", CAUSE_IP0, STATUS_IE | STATUS_IP1);
    try_interrupt("ip0 ie off", CAUSE_IP0, SOFT);
    try_interrupt("ip0 exl", CAUSE_IP0, STATUS_IE | SOFT | STATUS_EXL);
    try_interrupt("ip0 erl", CAUSE_IP0, STATUS_IE | SOFT | STATUS_ERL);
    try_interrupt("ip1 iv", CAUSE_IP1 | CAUSE_IV, STATUS_IE | STATUS_IP1);
    try_interrupt("iv alone", CAUSE_IV, STATUS_IE | SOFT);

    CP0_WRITE(12, 0, STATUS_IE | SOFT);
    trap_try(raise_in_slot, CAUSE_IP0, 0, 0);
    show_interrupt("ip0 raised in slot", raise_in_slot);
    CP0_WRITE(12, 0, 0);

    CP0_WRITE(13, 0, CAUSE_IP1);                   // pending first, enabled later
    trap_try(unmask, STATUS_IE | STATUS_IP1, STATUS_IE | STATUS_IP0, 0);
    show_interrupt("ip1 unmasked", unmask);
    CP0_WRITE(13, 0, CAUSE_IP1);
    trap_try(unmask, STATUS_IE | SOFT, STATUS_IE | SOFT | STATUS_EXL, 0);
    show_interrupt("ip1 exl cleared", unmask);
    CP0_WRITE(13, 0, 0);
    CP0_WRITE(12, 0, 0);

    trap.hook = NULL;

    // An exception other than an interrupt does not use the IV vector.
    CP0_WRITE(13, 0, CAUSE_IV);
    trap_try(syscall_plain, 0, 0, 0);
    trap_show("syscall with iv", syscall_plain);
    CP0_WRITE(13, 0, 0);
}

// A software interrupt that is raised in a loop and answered by its hook.
SNIPPET(loop_interrupts,
        "li $2, 0\nli $9, 0x100\n1: addiu $4, $4, -1\nmtc0 $9, $13\nehb\nnop\naddu $2, $2, $10\n"
        "bgtz $4, 1b\nrotr $2, $2, 3");

static bool answer(struct trap *t)
{
    CP0_WRITE(13, 0, 0);
    t->gpr[10]++;
    return true;
}

static void answered_interrupts(void)
{
    CP0_WRITE(12, 0, STATUS_IE | STATUS_IP0);
    trap.hook = answer;
    trap_try(loop_interrupts, 500, 0, 0);
    trap.hook = NULL;
    CP0_WRITE(12, 0, 0);
    report_value("answered_interrupts", mix(trap.result, trap.count), trap.count);
}

// ERET takes an interrupt that its new Status enables, before an instruction of the target.
SNIPPET(eret_to_interrupt,
        "la $8, 1f\nmtc0 $8, $14\nli $9, 0x103\nmtc0 $9, $12\nli $8, 0x100\nmtc0 $8, $13\nehb\n"
        "li $8, 0\neret\nli $8, 1\n1: addiu $8, $8, 2\n");
// With ERL set ERET goes to ErrorEPC and leaves EXL alone.
SNIPPET(eret_erl,
        "la $8, 2f\nmtc0 $8, $14\nla $8, 1f\nmtc0 $8, $30\nli $9, 6\nmtc0 $9, $12\nehb\neret\n"
        "li $2, 0xbad\n1: mfc0 $2, $12\neret\nli $2, 0xbad2\n2: sll $2, $2, 16\nmfc0 $8, $12\n"
        "or $2, $2, $8\nandi $8, $8, 0xffff\n");
SNIPPET(eret_plain,
        "la $8, 1f\nmtc0 $8, $14\nli $9, 2\nmtc0 $9, $12\nehb\nli $2, 1\neret\nori $2, $2, 2\n"
        "ori $2, $2, 4\n1: ori $2, $2, 8");
// An exception with EXL set keeps EPC and BD; one with ERL set writes EPC.
SNIPPET(syscall_exl,
        "li $9, 0x5a5a5a58\nmtc0 $9, $14\nli $9, 2\nmtc0 $9, $12\nehb\nsyscall\nnop");
SNIPPET(slot_exl,
        "li $9, 0x5a5a5a58\nmtc0 $9, $14\nli $9, 2\nmtc0 $9, $12\nehb\nb 1f\nsyscall\n1: nop");
SNIPPET(load_exl,                                  // even a TLB refill: general vector
        "li $9, 0x5a5a5a58\nmtc0 $9, $14\nli $9, 2\nmtc0 $9, $12\nehb\nlui $8, 0x6000\n"
        "lw $8, 0x123($8)\nnop");
SNIPPET(refill_exl,
        "li $9, 0x5a5a5a58\nmtc0 $9, $14\nli $9, 2\nmtc0 $9, $12\nehb\nlui $8, 0x6000\n"
        "lw $8, 0x120($8)\nnop");
SNIPPET(syscall_erl,
        "li $9, 0x5a5a5a58\nmtc0 $9, $14\nmtc0 $9, $30\nli $9, 4\nmtc0 $9, $12\nehb\n"
        "syscall\nnop");

// DI and EI give the old Status and change IE alone.
SNIPPET(di_ei,
        "mfc0 $10, $12\nei $8\nehb\nmfc0 $9, $12\ndi $11\nehb\nmfc0 $12, $12\nei\ndi $0\nehb\n"
        "xor $2, $8, $10\nsll $2, $2, 4\nxor $9, $9, $10\nor $2, $2, $9\nsll $2, $2, 4\n"
        "xor $11, $11, $10\nor $2, $2, $11\nsll $2, $2, 4\nxor $12, $12, $10\nor $2, $2, $12");

static void levels(void)
{
    trap.hook = withdraw;
    trap_try(eret_to_interrupt, 0, 0, 0);
    trap.hook = NULL;
    trap_show("eret to interrupt", eret_to_interrupt);
    CP0_WRITE(12, 0, 0);
    trap_try(eret_erl, 0, 0, 0);
    trap_show("eret with erl", eret_erl);
    CP0_WRITE(12, 0, 0);
    trap_try(eret_plain, 0, 0, 0);
    trap_show("eret with exl", eret_plain);
    trap_try(syscall_exl, 0, 0, 0);
    trap_show("syscall exl", syscall_exl);
    trap_try(slot_exl, 0, 0, 0);
    trap_show("syscall exl slot", slot_exl);
    trap_try(load_exl, 0, 0, 0);
    trap_show("misaligned exl", load_exl);
    trap_try(refill_exl, 0, 0, 0);
    trap_show("refill exl", refill_exl);
    CP0_WRITE(30, 0, 0x12345678);
    trap_try(syscall_erl, 0, 0, 0);
    trap_show("syscall erl", syscall_erl);
    printf("status after: %08x ErrorEPC %08x\n", trap.status & 0x1f, CP0_READ(30, 0));
    CP0_WRITE(12, 0, 0);
    trap_try(di_ei, 0, 0, 0);
    trap_show("di ei", di_ei);
    // BD is of the last exception with EXL clear.
    trap_try(syscall_taken, 0, 0, 0);
    trap_try(slot_exl, 0, 0, 0);
    printf("BD kept with exl: %u\n", trap.cause >> 31);
    trap_try(syscall_plain, 0, 0, 0);
    printf("BD cleared: %u\n", trap.cause >> 31);
}

// User mode: what it may not do, and which coprocessor the exception names.
#define USER(name, instruction) SNIPPET(user_##name, "addiu $24, $24, 1\n" instruction "\nnop")
USER(mfc0, "mfc0 $8, $12");
USER(mtc0, "mtc0 $0, $12");
USER(tlbwi, "tlbwi");
USER(tlbp, "tlbp");
USER(eret, "eret");
USER(wait, "wait");
USER(di, "di $8");
USER(ei, "ei");
USER(cache, "cache 0x15, 0($0)");
USER(rdpgpr, ".word 0x41494000");
USER(rdhwr_cpu, ".word 0x7c02003b");
USER(rdhwr_step, ".word 0x7c02083b");
USER(rdhwr_cc, ".word 0x7c08103b\nli $2, 1");
USER(rdhwr_ccres, ".word 0x7c02183b");
USER(rdhwr_local, ".word 0x7c02e83b");
USER(rdhwr_none, ".word 0x7c02f83b");
USER(daddu, ".word 0x0109402d");
USER(syscall, "syscall");
USER(teq, "teq $0, $0");
USER(synci, "synci 0($0)\nli $2, 5");
USER(mfc1, "mfc1 $2, $f0");

static void try_user(const char *name, snippet *code)
{
    user_try(code, 0, 0, 0);
    trap_show(name, code);
}

static void users(void)
{
    CP0_WRITE(7, 0, 0);                            // HWREna: nothing
    try_user("user mfc0", user_mfc0);
    try_user("user mtc0", user_mtc0);
    try_user("user tlbwi", user_tlbwi);
    try_user("user tlbp", user_tlbp);
    try_user("user eret", user_eret);
    try_user("user wait", user_wait);
    try_user("user di", user_di);
    try_user("user ei", user_ei);
    try_user("user cache", user_cache);
    try_user("user rdpgpr", user_rdpgpr);
    try_user("user daddu", user_daddu);
    try_user("user syscall", user_syscall);
    try_user("user teq", user_teq);
    try_user("user synci", user_synci);
    try_user("user mfc1", user_mfc1);
    try_user("user rdhwr 0 off", user_rdhwr_cpu);
    try_user("user rdhwr 1 off", user_rdhwr_step);
    try_user("user rdhwr 2 off", user_rdhwr_cc);
    try_user("user rdhwr 3 off", user_rdhwr_ccres);
    try_user("user rdhwr 29 off", user_rdhwr_local);
    try_user("user rdhwr 31", user_rdhwr_none);
    CP0_WRITE(7, 0, 0xf);
    try_user("user rdhwr 0 on", user_rdhwr_cpu);
    try_user("user rdhwr 1 on", user_rdhwr_step);
    try_user("user rdhwr 2 on", user_rdhwr_cc);
    try_user("user rdhwr 3 on", user_rdhwr_ccres);
    CP0_WRITE(7, 0, 0x1);
    try_user("user rdhwr 1 off again", user_rdhwr_step);
    CP0_WRITE(7, 0, 0);
    trap_try(user_rdhwr_cpu, 0, 0, 0);             // the kernel needs no HWREna
    trap_show("kernel rdhwr 0", user_rdhwr_cpu);
    trap_try(user_rdhwr_step, 0, 0, 0);
    trap_show("kernel rdhwr 1", user_rdhwr_step);

    CP0_WRITE(12, 0, STATUS_CU0);                  // CU0 makes coprocessor 0 usable to users
    try_user("user mfc0 with cu0", user_mfc0);
    try_user("user tlbp with cu0", user_tlbp);
    CP0_WRITE(12, 0, 0);

    CP0_WRITE(13, 0, CAUSE_IP1);                   // a user is interrupted
    trap.enter = STATUS_UM | STATUS_IE | STATUS_IP1;
    trap_try(user_synci, 0, 0, 0);
    trap.enter = 0;
    trap_show("user interrupted", user_synci);
    printf("status %08x\n", trap.status & 0xff1f);
    CP0_WRITE(13, 0, 0);
}

SNIPPET(refill, "lui $8, 0x6000\nlw $8, 0x120($8)");

// The exception base moves everything but the vectors' offsets.
static void exception_base(void)
{
    trap_install(0x80010000);
    CP0_WRITE(15, 1, 0x80010000);
    trap_try(syscall_plain, 0, 0, 0);
    printf("ebase %08x: general %08x", CP0_READ(15, 1) & 0xfffff000, trap.vector);
    trap_try(refill_exl, 0, 0, 0);
    printf(" refill with exl %08x", trap.vector);
    trap_try(refill, 0, 0, 0);
    printf(" refill %08x", trap.vector);
    CP0_WRITE(12, 0, STATUS_IE | SOFT);
    trap.hook = withdraw;
    trap_try(raise, CAUSE_IP0, 0, 0);
    printf(" interrupt %08x", trap.vector);
    trap_try(raise, CAUSE_IP0 | CAUSE_IV, 0, 0);
    printf(" iv %08x\n", trap.vector);
    trap.hook = NULL;
    CP0_WRITE(12, 0, 0);
    CP0_WRITE(15, 1, 0x80000000);
    trap_try(syscall_plain, 0, 0, 0);
    printf("ebase %08x: general %08x\n", CP0_READ(15, 1) & 0xfffff000, trap.vector);
}

int main(void)
{
    chapter("traps");
    user_map();
    instructions();
    overflow("add_pairs", add_pair);
    overflow("sub_pairs", sub_pair);
    overflow("addi_high", addi_high);
    overflow("addi_low", addi_low);
    fetches();
    continued("loop_traps", loop_traps, 3000);
    continued("loop_syscalls", loop_syscalls, 500);
    continued("loop_slot", loop_slot, 400);
    interrupts();
    answered_interrupts();
    levels();
    users();
    exception_base();
    report_end();
    return 0;
}
