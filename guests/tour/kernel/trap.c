// Every exception except the TLB refill ends up here, with the interrupted registers in a frame.

#include "cp0.h"
#include "kernel.h"
#include "power.h"

_Static_assert(offsetof(struct frame, r) == 16 && offsetof(struct frame, hi) == 144 &&
               offsetof(struct frame, badvaddr) == 164 && sizeof(struct frame) == 176,
               "entry.S knows these offsets by number");

static const char *reason(enum exception_code code)
{
    switch (code) {
    case EXC_MOD: return "store to a read-only page,";
    case EXC_TLBL: return "nothing is mapped to load from";
    case EXC_TLBS: return "nothing is mapped to store to";
    case EXC_ADEL: return "address error, load from";
    case EXC_ADES: return "address error, store to";
    case EXC_BP: return "breakpoint at";
    case EXC_RI: return "reserved instruction at";
    case EXC_CPU: return "an instruction for the kernel at";
    case EXC_OV: return "integer overflow at";
    case EXC_TR: return "trap at";
    default: return "unexpected exception at";
    }
}

extern char refill_vector[], refill_vector_end[], general_vector[], general_vector_end[];

static void install(uintptr_t where, const char *code, const char *end)
{
    size_t n = (size_t)(end - code);
    memcpy((void *)where, code, n);
    sync_code((void *)where, n);
}

void trap_init(void)
{
    install(0x80000000, refill_vector, refill_vector_end);
    install(0x80000180, general_vector, general_vector_end);
}

void exception(struct frame *f)
{
    enum exception_code code = f->cause >> 2 & 31;
    bool from_user = f->status & STATUS_UM;
    bool in_tlb = code == EXC_MOD || code == EXC_TLBL || code == EXC_TLBS;

    if (code == EXC_INT) {
        if (f->cause & CAUSE_IP7)
            timer_interrupt(from_user);
        return;
    }
    if (code == EXC_SYS && from_user) {
        system_call(f);
        return;
    }
    if (hyper_stepped_over(f))
        return;
    // The kernel itself faults only where a system call reads or writes for a process.
    bool for_process = from_user || (in_tlb && f->badvaddr < 0x80000000u && current != processes);
    if (!for_process)
        panic(reason(code));
    if (in_tlb && proc_page_fault(f->badvaddr, code == EXC_MOD))
        return;
    bool about_address = in_tlb || code == EXC_ADEL || code == EXC_ADES;
    proc_kill(reason(code), about_address ? f->badvaddr : f->epc);
}

void panic(const char *why)
{
    printf("panic: %s\n", why);
    poweroff();
}
