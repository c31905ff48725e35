// Firmware: runs from the reset vector, asks the flash memory what it is, erases and programs a sector,
// reads it back, and runs code from there that it programs anew while it is hot.
//
// Follows JESD68.01 (Common Flash Memory Interface) and the Intel command set of its chips.

#include "console.h"

#define FLASH ((volatile uint32_t *)KSEG1(0x1e000000))
#define BOOT ((volatile uint32_t *)KSEG1(0x1fc00000))

enum { READ_ARRAY = 0xff, READ_STATUS = 0x70, CLEAR_STATUS = 0x50, QUERY = 0x98, ERASE = 0x20,
       PROGRAM = 0x40, TO_BUFFER = 0xe8, CONFIRM = 0xd0 };
enum { READY = 0x80, FAILED = 0x3a };
enum { SECTOR = 0x3f0000 / 4 };        // the last one
enum { JR_RA = 0x03e00008, ADDIU_V0_V0 = 0x24420000 };

static void finish(const char *what)
{
    uint32_t status;
    FLASH[SECTOR] = READ_STATUS;
    while (!((status = FLASH[SECTOR]) & READY))
        ;
    if (status & FAILED)
        printf("%s: status 0x%02x\n", what, status & 0xff);
    FLASH[SECTOR] = CLEAR_STATUS;
    FLASH[SECTOR] = READ_ARRAY;
}

static void erase(void)
{
    FLASH[SECTOR] = ERASE;
    FLASH[SECTOR] = CONFIRM;
    finish("erase");
}

static void program(uint32_t at, uint32_t word)
{
    FLASH[SECTOR + at] = PROGRAM;
    FLASH[SECTOR + at] = word;
    finish("program");
}

static void program_buffer(uint32_t at, const uint32_t *words, uint32_t count)
{
    FLASH[SECTOR + at] = TO_BUFFER;
    while (!(FLASH[SECTOR + at] & READY))
        ;
    FLASH[SECTOR + at] = count - 1;
    for (uint32_t i = 0; i < count; i++)
        FLASH[SECTOR + at + i] = words[i];
    FLASH[SECTOR + at] = CONFIRM;
    finish("program from the buffer");
}

static void query(void)
{
    FLASH[0x55] = QUERY;
    uint32_t size = 1u << (FLASH[0x27] & 0x1f);
    uint32_t sectors = (FLASH[0x2d] & 0xff) + 1;
    uint32_t each = (FLASH[0x2f] & 0xff) * 256 + (FLASH[0x30] & 0xff) * 65536;
    printf("query %c%c%c, command set %u, %u bytes in %u sectors of %u\n", (int)FLASH[0x10],
           (int)FLASH[0x11], (int)FLASH[0x12], FLASH[0x13], size, sectors, each);
    FLASH[0x55] = READ_ARRAY;
}

static bool erased(uint32_t from, uint32_t to)
{
    for (uint32_t at = from; at < to; at++)
        if (FLASH[SECTOR + at] != 0xffffffff)
            return false;
    return true;
}

static void data(void)
{
    uint32_t words[64];
    for (uint32_t i = 0; i < 64; i++)
        words[i] = i * 0x01030507;
    erase();
    printf("erased: %s\n", erased(0, 0x4000) ? "yes" : "no");
    program(0, 0x12345678);
    program_buffer(64, words, 64);
    uint32_t sum = 0;
    for (uint32_t i = 0; i < 64; i++)
        sum = sum * 31 + FLASH[SECTOR + 64 + i];
    printf("programmed: 0x%08x 0x%08x, beside it %s\n", FLASH[SECTOR], sum,
           erased(1, 64) && erased(128, 0x4000) ? "nothing" : "something");
}

// A function in flash memory that adds n to its argument.
static uint32_t adder(uint32_t n)
{
    uint32_t code[] = { 0x00801025 /* or v0, a0, zero */, JR_RA, ADDIU_V0_V0 | n };
    erase();
    program_buffer(0, code, 3);
    uint32_t (*add)(uint32_t) = (uint32_t (*)(uint32_t))(uintptr_t)&FLASH[SECTOR];
    uint32_t value = 0;
    for (uint32_t i = 0; i < 3000; i++)
        value = add(value);
    return value;
}

int main(void)
{
    console_init();
    printf("flash: from the reset vector, revision 0x%08x\n", BOOT[4]);
    printf("the same at both addresses: %s\n", FLASH[0] == BOOT[0] && FLASH[8] == BOOT[8] ? "yes" : "no");
    query();
    data();
    uint32_t once = adder(1), twice = adder(2);
    printf("code in flash memory: %u, and anew: %u\n", once, twice);
    return 0;
}
