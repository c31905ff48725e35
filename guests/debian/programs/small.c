/* A small program: one of many that are compiled one after the other. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

int main(void)
{
    int numbers[1000];
    unsigned x = SEED;
    char text[32];
    for (int i = 0; i < 1000; i++) {
        x = x * 1664525 + 1013904223;
        numbers[i] = x >> 8 & 0xffff;
    }
    qsort(numbers, 1000, sizeof *numbers, compare);
    snprintf(text, sizeof text, "%d %d %d", numbers[0], numbers[500], numbers[999]);
    printf("%s %zu\n", text, strlen(text));
    return 0;
}
