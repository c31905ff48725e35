// The first process: leads through the tour. Each stop is a program of its own.

#include "user.h"

static int stop = 3;

static void visit(const char *title, const char *program)
{
    printf("\n%d. %s\n", stop++, title);
    int status = run(program, 0);
    if (status != 0)
        printf("   %s ended with %d\n", program, status);
}

static void meet_the_rogues(void)
{
    printf("\n%d. Seven processes that go too far\n", stop++);
    for (uint32_t crime = 0; run("bin/rogue", crime) == KILLED; crime++)
        ;
}

int main(void)
{
    printf("   process %d takes over, in user mode\n", getpid());
    visit("More pages than the TLB has room for", "bin/sweep");
    visit("One address, many address spaces", "bin/crowd");
    visit("Copied only when written", "bin/twins");
    visit("Two processes, one CPU", "bin/pingpong");
    visit("A stack that grows by page faults", "bin/deep");
    meet_the_rogues();
    visit("Files", "bin/scribe");
    visit("Nothing to do", "bin/sleeper");
    return 0;
}
