// DMA: a device that copies memory (mirrorball's test device, PCI 1af4:10f0 in slot 21) against
// what the CPU sees. Data in ranges of every alignment, ranges that overlap, memory that is not
// there, and code that has run. A board without the device has nothing to check.
//
// copies=N of data, codes=N of code, seed=N.

#include "exception.h"
#include "vmm.h"

#define CONFIG_ADDRESS (*(volatile uint32_t *)KSEG1(0x1be00cf8))
#define CONFIG_DATA (*(volatile uint32_t *)KSEG1(0x1be00cfc))
#define ACKNOWLEDGE (*(volatile uint32_t *)KSEG1(0x1be00c34))
#define PORT(port) (*(volatile uint8_t *)KSEG1(0x18000000 + (port)))
#define REGISTER(offset) (*(volatile uint32_t *)KSEG1(MEMORY + (offset)))

enum { SLOT = 21, COPIER = 0x10f01af4, MEMORY = 0x12000000, PORTS = 0x1400 };
enum { BAR0 = 0x10, BAR1 = 0x14, BAR2 = 0x18, COMMAND = 4, DECODE_AND_MASTER = 7 };
enum { SOURCE = 0, DESTINATION = 8, LENGTH = 0x10, START = 1, STATUS = 4 };
enum { DONE = 2, FAILED = 4, IRQ = 11, STATUS_IP2 = 1 << 10 };
enum { LI_V0 = 0x24020000, JR_RA = 0x03e00008, RUNS = 50 };
enum { AREA = 4 * PAGE, ABSENT = 0x0f000000 };      // far above any memory that this is run with

static volatile uint32_t status;

// The bridge's own register is little-endian; data changes its bytes on the way once more.
static uint32_t config_read(uint32_t reg)
{
    CONFIG_ADDRESS = le32(0x80000000u | SLOT << 11 | reg);
    return CONFIG_DATA;
}

static void config_write(uint32_t reg, uint32_t value)
{
    CONFIG_ADDRESS = le32(0x80000000u | SLOT << 11 | reg);
    CONFIG_DATA = value;
}

static void start_interrupts(void)
{
    static const uint8_t words[][2] = {
        { 0x20, 0x11 }, { 0x21, 0 }, { 0x21, 4 }, { 0x21, 1 },
        { 0xa0, 0x11 }, { 0xa1, 8 }, { 0xa1, 2 }, { 0xa1, 1 },
        { 0x21, 0xfb }, { 0xa1, (uint8_t)~(1u << (IRQ - 8)) },
    };
    for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
        PORT(words[i][0]) = words[i][1];
    CP0_WRITE(12, 0, CP0_READ(12, 0) | STATUS_IP2 | STATUS_IE);
}

static void on_exception(struct frame *f)
{
    if (exception_code(f) != INT)
        exception_unexpected(f);
    uint32_t vector = le32(ACKNOWLEDGE) & 0xff;
    if (vector != IRQ)
        fail("interrupt %u", vector);
    status = PORT(PORTS + STATUS);
    PORT(PORTS + STATUS) = status;
    PORT(0xa0) = 0x20;
    PORT(0x20) = 0x20;
}

static void copy(uint32_t from, uint32_t to, uint32_t length, uint32_t expected)
{
    status = 0;
    REGISTER(SOURCE) = le32(from);
    REGISTER(DESTINATION) = le32(to);
    REGISTER(LENGTH) = le32(length);
    PORT(PORTS) = START;
    while (!status)
        ;
    if (status != expected)
        fail("copy of %u bytes from %x to %x: status %u", length, from, to, status);
}

static uint32_t physical(volatile void *p) { return (uint32_t)(uintptr_t)p & 0x1fffffff; }

// A range of the area is copied into it, and beside the range nothing changes.
static void copy_data(uint8_t *area, uint8_t *expected, uint32_t *seed)
{
    uint32_t from = next_random(seed) % AREA, to = next_random(seed) % AREA;
    uint32_t room = AREA - (from > to ? from : to), length = next_random(seed) % (room + 1);
    bool absent = next_random(seed) % 8 == 0;
    memmove(expected, area, AREA);
    if (absent) {
        copy(physical(area + from), ABSENT - length / 2, length | 1, FAILED);
    } else {
        memmove(expected + to, expected + from, length);
        copy(physical(area + from), physical(area + to), length, DONE);
    }
    for (uint32_t i = 0; i < AREA; i++) {
        if (area[i] != expected[i])
            fail("byte %x is %x instead of %x", i, area[i], expected[i]);
    }
}

// Code that has run often enough to be translated is replaced, without an instruction that says so.
static void copy_code(volatile uint32_t *code, volatile uint32_t *next, uint32_t value)
{
    uint32_t words[] = { LI_V0 | value, JR_RA, 0 };
    for (unsigned i = 0; i < 3; i++)
        next[i] = words[i];
    copy(physical(next), physical(code), sizeof words, DONE);
    for (unsigned run = 0; run < RUNS; run++) {
        uint32_t got = ((uint32_t(*)(void))(uintptr_t)code)();
        if (got != value)
            fail("code gives %u instead of %u", got, value);
    }
}

int main(uint32_t argc, char **argv, char **environment, uint32_t memory)
{
    vmm_init("dma", argc, argv, environment, memory);
    if (config_read(0) != COPIER) {
        printf("dma: there is no device to check\n");
        pass();
    }
    config_write(BAR0, MEMORY);
    config_write(BAR1, 0);
    config_write(BAR2, PORTS);
    config_write(COMMAND, DECODE_AND_MASTER);
    exceptions_install(on_exception);
    start_interrupts();

    uint32_t copies = parameter("copies", 32), codes = parameter("codes", 32);
    uint32_t seed = parameter("seed", 1);
    uint8_t *area = (uint8_t *)(uintptr_t)free_page(0);
    uint8_t *expected = (uint8_t *)(uintptr_t)free_page(AREA / PAGE);
    for (uint32_t i = 0; i < AREA; i++)
        area[i] = (uint8_t)hash(i, seed);
    for (uint32_t i = 0; i < copies; i++)
        copy_data(area, expected, &seed);
    for (uint32_t i = 0; i < codes; i++)
        copy_code(free_page(2 * AREA / PAGE), free_page(2 * AREA / PAGE + 1), i + 1);
    printf("dma: %u copies of data, %u of code\n", copies, codes);
    pass();
}
