// The serial console: the first 16550 of the board, polled.
#pragma once

#include <stdarg.h>

#include "types.h"

void console_init(void);
void putc(char c);                     // '\n' goes out as "\r\n"
void uart_putc(char c);                // putc, for guests with a putc of their own
void puts(const char *s);              // exactly s, no newline added
void puthex(uint32_t v);               // eight digits, no prefix
void putdec(uint32_t v);

// %s %c %d %u %x %p %% with an optional '0' or '-' and a width.
void printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
void vprintf(const char *format, va_list args);
