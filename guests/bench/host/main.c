// Starts the tour's kernel for one process, the workload: its program is "bin/work".

#include "cp0.h"
#include "kernel.h"

int main(uint32_t argc, char **argv, char **environment, uint32_t memory)
{
    (void)argc, (void)argv, (void)environment;
    console_init();
    vm_init(memory);
    fs_init();
    trap_init();
    tlb_init();
    struct notice_board *board = frame_alloc(BOARD_VA);
    tlb_wire(0, BOARD_VA, board);
    timer_init(board);
    sched_init();
    user_status = STATUS_CU1;          // kept by nobody: only one process may use the FPU
    proc_init("bin/work");
    idle_loop();
    return 0;
}
