// Formatted output over putc(): the console's in a bare guest, whatever else defines one elsewhere.

#include "console.h"

#include "libc.h"

void puts(const char *s)
{
    while (*s)
        putc(*s++);
}

// Writes the digits of v before `end` and returns where they start.
static char *digits(char *end, uint32_t v, uint32_t base)
{
    do
        *--end = "0123456789abcdef"[v % base];
    while (v /= base);
    return end;
}

static void put_padded(const char *s, size_t n, size_t width, char pad, bool left)
{
    size_t fill = width > n ? width - n : 0;
    for (; !left && fill; fill--)
        putc(pad);
    while (n--)
        putc(*s++);
    for (; fill; fill--)
        putc(' ');
}

void puthex(uint32_t v)
{
    char text[8], *end = text + sizeof text, *start = digits(end, v, 16);
    put_padded(start, (size_t)(end - start), 8, '0', false);
}

void putdec(uint32_t v)
{
    char text[10], *end = text + sizeof text, *start = digits(end, v, 10);
    put_padded(start, (size_t)(end - start), 0, ' ', false);
}

void vprintf(const char *f, va_list args)
{
    for (; *f; f++) {
        if (*f != '%') {
            putc(*f);
            continue;
        }
        bool left = *++f == '-';
        char pad = *f == '0' ? '0' : ' ';
        if (left || pad == '0')
            f++;
        size_t width = 0;
        for (; *f >= '0' && *f <= '9'; f++)
            width = width * 10 + (size_t)(*f - '0');

        char text[12], *end = text + sizeof text;
        const char *start = end;
        if (*f == 's') {
            start = va_arg(args, const char *);
            end = (char *)start + strlen(start);
        } else if (*f == 'c') {
            *--end = (char)va_arg(args, int);
            start = end++;
        } else if (*f == 'd') {
            int32_t v = va_arg(args, int32_t);
            char *p = digits(end, v < 0 ? 0u - (uint32_t)v : (uint32_t)v, 10);
            if (v < 0)
                *--p = '-';
            start = p;
        } else if (*f == 'u') {
            start = digits(end, va_arg(args, uint32_t), 10);
        } else if (*f == 'x' || *f == 'p') {
            start = digits(end, va_arg(args, uint32_t), 16);
        } else if (*f == '%') {
            *--end = '%';
            start = end++;
        } else {
            return;
        }
        put_padded(start, (size_t)(end - start), width, pad, left);
    }
}

void printf(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
}
