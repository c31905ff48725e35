// The serial console: a 16550 at ISA port 0x3f8, reached through the PCI I/O window in kseg1.
//
// Every register is one byte, so byte order does not matter here. Follows the PC16550D data
// sheet: 8.1 (line control), 8.4 (line status), 8.5 (FIFO control).

#include "console.h"

#include "libc.h"

#define UART ((volatile uint8_t *)KSEG1(0x180003f8))

enum { DATA = 0, DIVISOR_LOW = 0, INTERRUPT_ENABLE = 1, DIVISOR_HIGH = 1, FIFO_CONTROL = 2,
       LINE_CONTROL = 3, MODEM_CONTROL = 4, LINE_STATUS = 5 };
enum { LCR_8N1 = 0x03, LCR_DIVISOR = 0x80, FCR_ENABLE_AND_CLEAR = 0x07, MCR_DTR_RTS = 0x03,
       LSR_THR_EMPTY = 0x20 };

void console_init(void)
{
    UART[INTERRUPT_ENABLE] = 0;
    UART[LINE_CONTROL] = LCR_DIVISOR;
    UART[DIVISOR_LOW] = 3;             // 1.8432 MHz / 16 / 3 = 38400 baud
    UART[DIVISOR_HIGH] = 0;
    UART[LINE_CONTROL] = LCR_8N1;
    UART[FIFO_CONTROL] = FCR_ENABLE_AND_CLEAR;
    UART[MODEM_CONTROL] = MCR_DTR_RTS;
}

static void put_raw(char c)
{
    while (!(UART[LINE_STATUS] & LSR_THR_EMPTY))
        ;
    UART[DATA] = (uint8_t)c;
}

void putc(char c)
{
    if (c == '\n')
        put_raw('\r');
    put_raw(c);
}

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
