// System calls: number in v0, arguments in a0-a2, result in v0; tour.h lists them.
//
// Pointers come from a process that may be wrong or lying: a range must be in user space. The
// pages in it may still be missing; then the access faults like one of the process itself.

#include "cp0.h"
#include "kernel.h"

enum { FAILED = -1 };

static bool user_range(uintptr_t va, uint32_t n) { return va < 0x80000000u && n <= 0x80000000u - va; }

static bool copy_path(char path[NAME_MAX], uintptr_t from)
{
    for (unsigned i = 0; i < NAME_MAX; i++) {
        if (!user_range(from + i, 1))
            return false;
        path[i] = *(const char *)(from + i);
        if (path[i] == '\0')
            return true;
    }
    return false;
}

static int32_t open_file(uintptr_t user_path, bool create)
{
    char path[NAME_MAX];
    if (!copy_path(path, user_path))
        return FAILED;
    for (int32_t d = 0; d < OPEN_MAX; d++) {
        if (current->files[d].file)
            continue;
        struct file *file = fs_open(path, create);
        if (!file)
            return FAILED;
        if (create)
            fs_write(file, 0, NULL, 0);        // starts empty
        current->files[d] = (struct open_file){ file, 0 };
        return d;
    }
    return FAILED;
}

static struct open_file *descriptor(uint32_t d)
{
    return d < OPEN_MAX && current->files[d].file ? &current->files[d] : NULL;
}

static int32_t transfer(uint32_t d, uintptr_t buffer, uint32_t n, bool out)
{
    struct open_file *o = descriptor(d);
    if (!o || !user_range(buffer, n))
        return FAILED;
    uint32_t done = out ? fs_write(o->file, o->offset, (const void *)buffer, n)
                        : fs_read(o->file, o->offset, (void *)buffer, n);
    o->offset += done;
    return (int32_t)done;
}

static int32_t close_file(uint32_t d)
{
    struct open_file *o = descriptor(d);
    if (!o)
        return FAILED;
    o->file = NULL;
    return 0;
}

static int32_t exec(struct frame *f, uintptr_t user_path, uint32_t argument)
{
    char path[NAME_MAX];
    return copy_path(path, user_path) ? proc_exec(f, path, argument) : FAILED;
}

static int32_t wait(uintptr_t user_status)
{
    if (!user_range(user_status, 4) || user_status % 4)
        return FAILED;
    int32_t status, pid = proc_wait(&status);
    if (pid > 0)
        *(int32_t *)user_status = status;
    return pid;
}

static uint32_t counter(enum counter which)
{
    switch (which) {
    case COUNT_PREEMPTED: return current->preempted;
    case COUNT_COPIED: return current->copied;
    case COUNT_FILLED: return current->filled;
    case COUNT_REFILLS: return *(volatile uint32_t *)&refills;
    case COUNT_TLB_ENTRIES: return tlb_entries();
    case COUNT_ASID_ROUNDS: return asid_rounds;
    case COUNT_IDLE_TICKS: return idle_ticks;
    case COUNT_RUNNABLE: return runnable();
    }
    return 0;
}

void system_call(struct frame *f)
{
    uint32_t a0 = f->r[R_A0], a1 = f->r[R_A1], a2 = f->r[R_A1 + 1];
    uint32_t number = f->r[R_V0];
    int32_t result = 0;

    f->epc += 4;                       // past the SYSCALL; user/lib/start.S has none in a delay slot
    switch (number) {
    case SYS_EXIT: proc_exit((int32_t)a0);
    case SYS_SPAWN: result = proc_spawn(f); break;
    case SYS_EXEC:
        if (exec(f, a0, a1) == 0)
            return;                    // the frame now starts another program
        result = FAILED;
        break;
    case SYS_WAIT: result = wait(a0); break;
    case SYS_YIELD: reschedule(); break;
    case SYS_SLEEP: sleep(a0); break;
    case SYS_PID: result = (int32_t)current->pid; break;
    case SYS_SBRK: result = proc_sbrk((int32_t)a0); break;
    case SYS_OPEN: result = open_file(a0, a1); break;
    case SYS_READ: result = transfer(a0, a1, a2, false); break;
    case SYS_WRITE: result = transfer(a0, a1, a2, true); break;
    case SYS_CLOSE: result = close_file(a0); break;
    case SYS_COUNT: result = (int32_t)counter(a0); break;
    default: result = FAILED;
    }
    f->r[R_V0] = (uint32_t)result;
}
