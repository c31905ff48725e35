// Calls of functions by themselves: Fibonacci, Ackermann, the towers of Hanoi, queens on a board.

#include "bench.h"

const char name[] = "recursion";

#define CALL __attribute__((noinline))

static CALL uint32_t fibonacci(uint32_t n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }

// Deep, and written so that the compiler cannot make loops of it.
static CALL uint32_t ackermann(uint32_t m, uint32_t n)
{
    if (m == 0)
        return n + 1;
    uint32_t inner = n == 0 ? 1 : ackermann(m, n - 1);
    uint32_t outer = ackermann(m - 1, inner);
    __asm__ volatile("" : "+r"(outer));
    return outer;
}

static uint32_t moves;

static CALL void hanoi(uint32_t n, uint32_t from, uint32_t to)
{
    if (n == 0)
        return;
    hanoi(n - 1, from, 6 - from - to);
    moves = mix(moves, n * 16 + from * 4 + to);
    hanoi(n - 1, 6 - from - to, to);
}

// Ways to put queens on the rows that are left, given the columns and diagonals that are taken.
static CALL uint32_t queens(uint32_t all, uint32_t columns, uint32_t left, uint32_t right)
{
    if (columns == all)
        return 1;
    uint32_t ways = 0;
    for (uint32_t free = all & ~(columns | left | right); free; free &= free - 1) {
        uint32_t place = free & -free;
        ways += queens(all, columns | place, (left | place) << 1, (right | place) >> 1);
    }
    return ways;
}

uint32_t work(void)
{
    uint32_t result = fibonacci(38);
    for (int i = 0; i < 80; i++)
        result = mix(result, ackermann(2, 300));
    for (int i = 0; i < 10; i++)
        result = mix(result, ackermann(3, 7));
    hanoi(23, 1, 2);
    result = mix(result, moves);
    return mix(result, queens((1 << 12) - 1, 0, 0, 0));
}
