// Processes: made by spawn (a copy that shares pages) and exec (a program from a file), ended by
// exit or by the kernel, collected by wait.

#include "cp0.h"
#include "kernel.h"

enum { STACK = 4096 };

struct process processes[SPACES];
struct process *current = &processes[0];
uint32_t processes_made, processes_killed;
uint32_t user_status;

static char kernel_stacks[SPACES][STACK] __attribute__((aligned(16)));

uintptr_t stack_of(const struct process *p) { return (uintptr_t)kernel_stacks[p->space] + STACK; }

static struct frame *first_frame(const struct process *p)
{
    return (struct frame *)stack_of(p) - 1;
}

static struct process *make(const char name[NAME_MAX], uint32_t parent)
{
    for (unsigned slot = 1; slot < SPACES; slot++) {
        struct process *p = &processes[slot];
        if (p->state != FREE)
            continue;
        *p = (struct process){ .pid = ++processes_made, .parent = parent, .space = slot };
        memcpy(p->name, name, NAME_MAX);
        return p;
    }
    return NULL;
}

// Sets a new process up to leave the kernel through the frame at the top of its kernel stack: a
// stack as switch_stacks (entry.S) leaves it, ten saved registers with ra last, below the frame.
static void make_runnable(struct process *p)
{
    enum { SAVED = 12, SAVED_RA = 9 };
    uint32_t *saved = (uint32_t *)first_frame(p) - SAVED;
    memset(saved, 0, SAVED * sizeof *saved);
    saved[SAVED_RA] = (uint32_t)exception_return;
    p->sp = (uintptr_t)saved;
    p->state = RUNNABLE;
}

static uintptr_t page_up(uintptr_t va) { return (va + PAGE - 1) & ~(uintptr_t)(PAGE - 1); }

// Puts a program's pages into an empty address space and a frame that starts it.
static bool load(struct process *p, struct frame *frame, struct file *file, uint32_t argument)
{
    struct program head;
    if (fs_read(file, 0, &head, sizeof head) != sizeof head || head.magic != PROGRAM_MAGIC)
        return false;
    for (uintptr_t va = USER_BASE; va < head.bss; va += PAGE) {
        void *page = frame_alloc(va);
        if (!page)
            return false;
        fs_read(file, va - USER_BASE, page, PAGE);
        sync_code(page, PAGE);
        if (!vm_map(p->space, va, page, va >= head.data ? MAP_WRITE : MAP_READ))
            return false;
    }
    p->heap_start = p->heap_end = page_up(head.end);

    memset(frame, 0, sizeof *frame);
    frame->epc = head.entry;
    frame->r[R_A0] = argument;
    frame->r[R_SP] = STACK_TOP - 16;
    frame->status = STATUS_IM7 | STATUS_UM | STATUS_EXL | STATUS_IE | user_status;
    return true;
}

void proc_init(const char *path)
{
    static const char name[NAME_MAX] = "init";
    struct process *p = make(name, 0);
    p->files[0].file = fs_open("console", false);
    if (!load(p, first_frame(p), fs_open(path, false), 0))
        panic("no first program");
    make_runnable(p);
}

int32_t proc_spawn(const struct frame *frame)
{
    struct process *child = make(current->name, current->pid);
    if (!child)
        return -1;
    bool cloned = vm_clone(current->space, child->space);
    current->asid.generation = 0;      // its TLB entries still allow stores: a new ASID for it
    asid_use(&current->asid, current->space);
    if (!cloned) {
        vm_clear(child->space);
        return -1;
    }
    child->heap_start = current->heap_start;
    child->heap_end = current->heap_end;
    memcpy(child->files, current->files, sizeof child->files);

    struct frame *copy = first_frame(child);
    *copy = *frame;
    copy->r[R_V0] = 0;
    make_runnable(child);
    return (int32_t)child->pid;
}

static void drop_memory(void)
{
    vm_clear(current->space);
    current->asid.generation = 0;
    asid_use(&current->asid, current->space);
}

int32_t proc_exec(struct frame *frame, const char *path, uint32_t argument)
{
    struct file *file = fs_open(path, false);
    if (!file)
        return -1;
    const char *slash = path;
    for (const char *c = path; *c; c++)
        if (*c == '/')
            slash = c + 1;
    memset(current->name, 0, NAME_MAX);
    memcpy(current->name, slash, strlen(slash));

    drop_memory();
    if (!load(current, frame, file, argument))
        proc_kill("not a program", USER_BASE);
    return 0;
}

void proc_exit(int32_t status)
{
    drop_memory();
    current->status = status;
    current->state = ZOMBIE;
    for (struct process *p = processes + 1; p < processes + SPACES; p++) {
        if (p->parent == current->pid)
            p->parent = 1;             // orphans go to init
        if (p->pid == current->parent && p->state == WAITING)
            p->state = RUNNABLE;
    }
    if (current->parent == 0)
        current->state = FREE;         // nobody waits for init
    reschedule();
    panic("a process came back from the dead");
}

void proc_kill(const char *why, uintptr_t va)
{
    processes_killed++;
    printf("   [kernel] %s, process %u, killed: %s 0x%08x\n", current->name, current->pid, why,
           (uint32_t)va);
    proc_exit(KILLED);
}

int32_t proc_wait(int32_t *status)
{
    for (;;) {
        bool children = false;
        for (struct process *p = processes + 1; p < processes + SPACES; p++) {
            if (p->state == FREE || p->parent != current->pid)
                continue;
            children = true;
            if (p->state == ZOMBIE) {
                *status = p->status;
                p->state = FREE;
                return (int32_t)p->pid;
            }
        }
        if (!children)
            return -1;
        current->state = WAITING;
        reschedule();
    }
}

int32_t proc_sbrk(int32_t bytes)
{
    uintptr_t before = current->heap_end, after = before + (uintptr_t)bytes;
    if (after < current->heap_start || after > current->heap_start + HEAP_MAX)
        return -1;
    current->heap_end = after;
    return (int32_t)before;
}

// A page of the current process that is not there, or may not be written: mended here when it is
// one that is made by need. False when the process had no business there.
bool proc_page_fault(uintptr_t va, bool modified)
{
    uintptr_t page = va & ~(uintptr_t)(PAGE - 1);
    if (modified) {
        bool copied;
        if (!vm_make_writable(current->space, page, &copied))
            return false;
        current->copied += copied;
    } else {
        bool heap = va >= USER_BASE && va < current->heap_end;
        bool stack = va >= STACK_TOP - STACK_MAX && va < STACK_TOP;
        if (!(heap || stack) || vm_present(current->space, page))
            return false;
        void *frame = frame_alloc(page);
        if (!frame)
            return false;
        if (!vm_map(current->space, page, frame, MAP_WRITE))
            return false;
        current->filled++;
    }
    tlb_forget(page);
    return true;
}
