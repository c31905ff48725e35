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
