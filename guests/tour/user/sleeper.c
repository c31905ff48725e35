// Sleeps while no other process can run: the kernel waits, and the clock goes on.

#include "user.h"

int main(void)
{
    uint32_t ticks = NOTICE_BOARD->ticks, idle = count(COUNT_IDLE_TICKS);
    sleep(5);
    printf("   slept for five ticks, and that many passed: %s\n",
           yes(NOTICE_BOARD->ticks - ticks >= 5));
    printf("   the kernel spent them in WAIT: %s\n", yes(count(COUNT_IDLE_TICKS) > idle));
    return 0;
}
