// The serial console: a 16550 at ISA port 0x3f8, reached through the PCI I/O window in kseg1.
//
// Every register is one byte, so byte order does not matter here. Follows the PC16550D data
// sheet, "Line control register", "Line status register" and "FIFO control register".

#include "console.h"

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

#ifdef HYPERCALLS                      // putc itself is the guest's, and falls back on this one
#define putc uart_putc
#endif
void putc(char c)
{
    if (c == '\n')
        put_raw('\r');
    put_raw(c);
}
#undef putc
