// Who runs: round robin over the slots, the idle loop when nobody can.

#include "cp0.h"
#include "kernel.h"

static struct file *turns;

void sched_init(void) { turns = fs_open("turns", true); }

static struct process *next_runnable(void)
{
    for (unsigned i = 1; i <= SPACES; i++) {
        unsigned slot = (current->space + i) % SPACES;
        if (slot != 0 && processes[slot].state == RUNNABLE)
            return &processes[slot];
    }
    return NULL;
}

static void switch_to(struct process *next)
{
    struct process *before = current;
    if (next == before)
        return;
    current = next;
    if (next != &processes[0]) {
        kernel_stack = stack_of(next);
        asid_use(&next->asid, next->space);
    }
    switch_stacks(&before->sp, next->sp);
}

void reschedule(void)
{
    struct process *next = next_runnable();
    switch_to(next ? next : &processes[0]);
}

// The timer takes the CPU away. Only a change counts: a process that is alone just goes on.
// The file "turns" gets the pid of whoever had to stop.
void preempt(void)
{
    struct process *next = next_runnable();
    if (next == NULL || next == current)
        return;
    uint8_t pid = (uint8_t)current->pid;
    fs_write(turns, UINT32_MAX, &pid, 1);
    current->preempted++;
    switch_to(next);
}

void sleep(uint32_t how_many_ticks)
{
    current->wake_tick = ticks + how_many_ticks;
    current->state = SLEEPING;
    reschedule();
}

void wake_sleepers(void)
{
    for (struct process *p = processes + 1; p < processes + SPACES; p++)
        if (p->state == SLEEPING && (int32_t)(ticks - p->wake_tick) >= 0)
            p->state = RUNNABLE;
}

uint32_t runnable(void)
{
    uint32_t n = 0;
    for (struct process *p = processes + 1; p < processes + SPACES; p++)
        n += p->state == RUNNABLE;
    return n;
}

static bool anybody(void)
{
    for (struct process *p = processes + 1; p < processes + SPACES; p++)
        if (p->state != FREE)
            return true;
    return false;
}

// The ticks until the first of those who sleep is to wake.
static uint32_t shortest_sleep(void)
{
    uint32_t shortest = UINT32_MAX;
    for (struct process *p = processes + 1; p < processes + SPACES; p++)
        if (p->state == SLEEPING && p->wake_tick - ticks < shortest)
            shortest = p->wake_tick - ticks;
    return shortest;
}

// Slot 0: runs on the stack that the kernel was started on. WAIT stops the CPU until an interrupt;
// one that comes just before it is not lost for long, because the next tick ends the wait as well.
void idle_loop(void)
{
    while (anybody()) {
        reschedule();                  // comes back when nobody can run
        if (!anybody())
            return;
        if (timer_skip(shortest_sleep()))
            continue;
        write_status(STATUS_IM7 | STATUS_IE);
        hazard();
        __asm__ volatile("wait" : : : "memory");
        write_status(STATUS_IM7);
        hazard();
    }
}
