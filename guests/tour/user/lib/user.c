// The little between a program and its system calls: buffered output, spawn, run.

#include "user.h"

__attribute__((noreturn)) void sys_exit(int status);
int sys_spawn(void);

static char buffer[128];
static uint32_t used;

void flush(void)
{
    if (used)
        write(CONSOLE, buffer, used);
    used = 0;
}

void putc(char c)
{
    buffer[used++] = c;
    if (c == '\n' || used == sizeof buffer)
        flush();
}

void exit(int status)
{
    flush();
    sys_exit(status);
}

int spawn(void)
{
    flush();                           // or both would print it
    return sys_spawn();
}

int run(const char *path, uint32_t argument)
{
    if (spawn() == 0) {
        exec(path, argument);
        printf("%s: no such program\n", path);
        exit(1);
    }
    int status = 1;
    wait(&status);
    return status;
}
