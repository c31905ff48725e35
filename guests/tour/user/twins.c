// A process and its copy share every page, until one writes.

#include "user.h"

// A page to itself, in the data that comes with the program.
static volatile uint32_t value[1024] __attribute__((aligned(4096))) = { 1 };

int main(void)
{
    value[0] = 10;
    if (spawn() == 0) {
        yield();                       // whatever else spawn's return touches is copied by now
        uint32_t inherited = value[0], copied = count(COUNT_COPIED);
        value[0] = 20;
        copied = count(COUNT_COPIED) - copied;
        printf("   the twin inherits %u and writes %u; copies of the page made for that: %u\n",
               inherited, value[0], copied);
        exit(0);
    }
    int status;
    wait(&status);
    printf("   the first still reads %u\n", value[0]);
    uint32_t copied = count(COUNT_COPIED);
    value[0] = 30;
    printf("   the page is the first's alone now: it writes %u, copies made: %u\n", value[0],
           count(COUNT_COPIED) - copied);
    return 0;
}
