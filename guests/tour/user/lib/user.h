// What a program of the tour may use: the system calls, and printf from guests/lib/console.h.
#pragma once

#include "console.h"
#include "libc.h"
#include "tour.h"

enum { CONSOLE = 0 };                  // the descriptor that every process is born with

__attribute__((noreturn)) void exit(int status);
int spawn(void);                       // a copy of this process: its pid here, 0 in the copy
int exec(const char *path, uint32_t argument);  // returns only when there is no such program
int wait(int *status);                 // for any child: its pid, -1 when there is none
void yield(void);
void sleep(uint32_t ticks);
int getpid(void);
void *sbrk(int bytes);
int open(const char *path, bool create);
int read(int descriptor, void *to, uint32_t n);
int write(int descriptor, const void *from, uint32_t n);
void close(int descriptor);
uint32_t count(enum counter what);

void flush(void);                      // printf's buffer
int run(const char *path, uint32_t argument);   // spawn, exec, wait: the child's status

#define NOTICE_BOARD ((const struct notice_board *)BOARD_VA)

static inline const char *yes(bool b) { return b ? "yes" : "no"; }
