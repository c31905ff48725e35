// The tick: Count runs on and on, and when it meets Compare the CPU raises interrupt 7.

#include "cp0.h"
#include "kernel.h"

enum { PERIOD = 100000 };              // 1 ms where Count runs at 100 MHz

uint32_t ticks, idle_ticks;
static struct notice_board *board;

// Sets Compare ahead of Count. Writing it also takes the interrupt away. Should Count have passed
// meanwhile (the machine below us may have been busy), the match would be a whole turn of Count away.
static void arm(uint32_t compare)
{
    write_compare(compare);
    hazard();
    while ((int32_t)(read_count() - read_compare()) >= 0) {
        write_compare(read_count() + PERIOD);
        hazard();
    }
}

void timer_init(struct notice_board *b)
{
    board = b;
    arm(read_count() + PERIOD);
}

void timer_interrupt(bool from_user)
{
    arm(read_compare() + PERIOD);
    board->ticks = ++ticks;
    wake_sleepers();
    if (from_user)
        preempt();
    else
        idle_ticks++;                  // the kernel proper runs with interrupts off
}

#ifdef HYPERCALLS
enum { COUNT_NS = 10, SKIP_MAX = 1000 };       // mirrorball's Count; a second at most

// The ticks on the way would end the sleep: their interrupt is masked until the n-th is due.
bool timer_skip(uint32_t n)
{
    uint32_t to = read_compare() + (n - 1) * PERIOD, counts = to - read_count();
    if (n == 0 || n > SKIP_MAX || (int32_t)counts <= 0)
        return false;
    write_status(0);
    hazard();
    bool slept = hyper_sleep(counts * COUNT_NS);
    if (slept) {
        arm(to + PERIOD);
        board->ticks = ticks += n;
        idle_ticks += n;
        wake_sleepers();
    }
    write_status(STATUS_IM7);
    hazard();
    return slept;
}
#endif
