// System calls: the least there is, one with arguments that the kernel looks at, one that it does
// not know, and small reads and writes of a file.

#include "bench.h"

const char name[] = "syscall";

enum { ROUNDS = 180000 };

static uint32_t file_round(int file, uint32_t value)
{
    uint32_t back = 0;
    write(file, &value, sizeof value);
    read(file, &back, sizeof back);    // at the end now: reads nothing
    return back;
}

uint32_t work(void)
{
    uint32_t result = 0;
    int file = open("scratch", true);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        result = mix(result, (uint32_t)getpid());
        result += (uint32_t)(sbrk(0) != NULL);
        result += (uint32_t)read(99, &result, sizeof result);      // no such descriptor: -1
        result += count((enum counter)99);                         // no such counter: 0
        result = mix(result, file_round(file, result));
    }
    close(file);

    uint32_t words[64];
    file = open("scratch", false);
    int n = read(file, words, sizeof words);
    for (int i = 0; i < n / 4; i++)
        result = mix(result, words[i]);
    return result;
}
