// Memory and string functions, a word at a time where both sides allow it.
//
// Built with -fno-builtin: otherwise the compiler would recognise these loops and call
// the function that it is compiling.

#include "libc.h"

typedef uint32_t __attribute__((may_alias)) word;

static bool words(uintptr_t a, uintptr_t b) { return ((a | b) & 3) == 0; }

void *memcpy(void *to, const void *from, size_t n)
{
    char *d = to;
    const char *s = from;
    if (words((uintptr_t)d, (uintptr_t)s))
        for (; n >= 4; n -= 4, d += 4, s += 4)
            *(word *)d = *(const word *)s;
    while (n--)
        *d++ = *s++;
    return to;
}

void *memmove(void *to, const void *from, size_t n)
{
    char *d = to;
    const char *s = from;
    if (d <= s || d >= s + n)
        return memcpy(to, from, n);
    while (n--)
        d[n] = s[n];
    return to;
}

void *memset(void *to, int byte, size_t n)
{
    char *d = to;
    word pattern = (uint8_t)byte * 0x01010101u;
    if (words((uintptr_t)d, 0))
        for (; n >= 4; n -= 4, d += 4)
            *(word *)d = pattern;
    while (n--)
        *d++ = (char)byte;
    return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const uint8_t *x = a, *y = b;
    for (; n; n--, x++, y++)
        if (*x != *y)
            return *x - *y;
    return 0;
}

size_t strlen(const char *s)
{
    size_t n = 0;
    while (s[n])
        n++;
    return n;
}

int strcmp(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return (uint8_t)*a - (uint8_t)*b;
}
