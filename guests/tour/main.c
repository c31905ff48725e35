// The tour's kernel: sets itself up, tells what it did (stops 1 and 2), lets the first process lead
// through stops 3 to 10, and closes when the last process has gone (stop 11).

#include "kernel/kernel.h"

static const char *yes(bool b) { return b ? "yes" : "no"; }

static struct notice_board *post_notice(void)
{
    struct notice_board *board = frame_alloc(BOARD_VA);
    memcpy(board->text, "the kernel was here first", 26);
    tlb_wire(0, BOARD_VA, board);
    return board;
}

static void summary(unsigned frames_before)
{
    printf("\n11. The last process has ended\n"
           "   %u processes lived here, %u of them were killed for cause\n"
           "   %u files remain in the file system\n",
           processes_made, processes_killed, fs_count());
    // All frames are back but the pages of the files that the programs made: poem, turns.
    printf("   every page of theirs came back: %s\n", yes(frames_before - vm_free_frames() == 2));
    printf("   the timer ticked: %s; the CPU slept: %s\n", yes(ticks > 0), yes(idle_ticks > 0));
    printf("\nThank you for the visit. Switching the board off.\n");
}

static void explain(const char *what, uintptr_t va)
{
    printf("   %s, 0x%08x, is in table %u at entry %u\n", what, (uint32_t)va,
           (uint32_t)va >> 22, (uint32_t)va >> 12 & 1023);
}

int main(uint32_t argc, char **argv, char **environment, uint32_t memory)
{
    (void)argc, (void)argv, (void)environment;
    console_init();
    trap_init();
    hyper_init();
    printf("\n  The mirrorball tour\n"
           "  A small operating system shows what a machine must get right to run one.\n");

    vm_init(memory);
    fs_init();
    printf("\n1. Page tables\n"
           "   a directory of 1024 tables, a table of 1024 entries, pages of %u bytes\n"
           "   one directory for each of %u address spaces\n", PAGE, SPACES - 1);
    explain("the first page of a program", USER_BASE);
    explain("the first page of its stack", STACK_TOP - PAGE);

    tlb_init();
    struct notice_board *board = post_notice();
    printf("\n2. Vectors and the TLB\n"
           "   refill at 0x80000000, everything else at 0x80000180\n"
           "   entry 0 is wired: a page that every process can read at 0x%08x\n", BOARD_VA);

    unsigned frames = vm_free_frames();
    timer_init(board);
    sched_init();
    proc_init("bin/init");
    idle_loop();
    summary(frames);
    return 0;
}
