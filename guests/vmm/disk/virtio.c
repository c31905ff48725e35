#include "virtio.h"

#define CONFIG_ADDRESS (*(volatile uint32_t *)KSEG1(0x1be00cf8))
#define CONFIG_DATA (*(volatile uint32_t *)KSEG1(0x1be00cfc))
#define PORT8(port) (*(volatile uint8_t *)KSEG1(0x18000000 + PORTS + (port)))
#define PORT16(port) (*(volatile uint16_t *)KSEG1(0x18000000 + PORTS + (port)))
#define PORT32(port) (*(volatile uint32_t *)KSEG1(0x18000000 + PORTS + (port)))
#define REG8(offset) (*(volatile uint8_t *)KSEG1(MEMORY + (offset)))
#define REG16(offset) (*(volatile uint16_t *)KSEG1(MEMORY + (offset)))
#define REG32(offset) (*(volatile uint32_t *)KSEG1(MEMORY + (offset)))

enum { SLOT = 18, DISK = 0x10011af4, MEMORY = 0x13000000, PORTS = 0x1800 };
enum { BAR0 = 0x10, BAR4 = 0x20, BAR5 = 0x24, COMMAND = 4, DECODE_AND_MASTER = 7 };
enum { ACKNOWLEDGED = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8 };
enum { NEXT = 1, WRITABLE = 2, ENTRIES = 256, PIECES = 3, EVENTS = 29 };

struct descriptor { uint32_t address[2]; uint32_t length; uint16_t flags, next; };
struct request { uint32_t kind, reserved, sector[2]; uint8_t status; };

static bool is_modern;
static volatile struct descriptor *table;           // three pages: table, ring, ring
static volatile struct request *requests;           // a page
static uint16_t given, taken;

static uint16_t order16(uint16_t v) { return is_modern ? le16(v) : v; }
static uint32_t order32(uint32_t v) { return is_modern ? le32(v) : v; }
static uint32_t physical(volatile void *p) { return (uint32_t)(uintptr_t)p & 0x1fffffff; }

static void order64(volatile uint32_t *at, uint32_t v)
{
#ifdef __MIPSEB__
    unsigned low = is_modern ? 0 : 1;
#else
    unsigned low = 0;
#endif
    at[low] = order32(v);
    at[1 - low] = 0;
}

static volatile uint16_t *available(void) { return (volatile uint16_t *)(table + ENTRIES); }
static volatile uint16_t *used(void) { return available() + PAGE / 2; }

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

bool disk_find(void)
{
    if (config_read(0) != DISK)
        return false;
    config_write(BAR0, PORTS);
    config_write(BAR4, MEMORY);
    config_write(BAR5, 0);
    config_write(COMMAND, DECODE_AND_MASTER);
    table = (volatile struct descriptor *)free_page(0);
    requests = (volatile struct request *)free_page(3);
    return true;
}

static void start_legacy(void)
{
    PORT8(0x12) = 0;
    PORT8(0x12) = ACKNOWLEDGED | DRIVER;
    PORT32(0x04) = PORT32(0x00) & le32(~(1u << EVENTS));
    PORT16(0x0e) = 0;
    if (PORT16(0x0c) != le16(ENTRIES))
        fail("a queue of %u entries", le16(PORT16(0x0c)));
    PORT32(0x08) = le32(physical(table) / PAGE);
    PORT8(0x12) = ACKNOWLEDGED | DRIVER | DRIVER_OK;
}

static void start_modern(void)
{
    REG8(0x14) = 0;
    REG8(0x14) = ACKNOWLEDGED | DRIVER;
    for (uint32_t half = 0; half < 2; half++) {
        REG32(0x00) = REG32(0x08) = le32(half);
        REG32(0x0c) = REG32(0x04) & (half ? ~0u : le32(~(1u << EVENTS)));
    }
    REG8(0x14) = ACKNOWLEDGED | DRIVER | FEATURES_OK;
    if (REG8(0x14) != (ACKNOWLEDGED | DRIVER | FEATURES_OK))
        fail("the features are refused");
    REG16(0x16) = 0;
    REG32(0x20) = le32(physical(table));
    REG32(0x28) = le32(physical(available()));
    REG32(0x30) = le32(physical(used()));
    REG32(0x24) = REG32(0x2c) = REG32(0x34) = 0;
    REG16(0x1c) = le16(1);
    REG8(0x14) = ACKNOWLEDGED | DRIVER | FEATURES_OK | DRIVER_OK;
}

void disk_start(bool modern)
{
    is_modern = modern;
    for (uint32_t i = 0; i < 3 * PAGE_WORDS; i++)
        ((volatile uint32_t *)table)[i] = 0;
    given = taken = 0;
    if (modern)
        start_modern();
    else
        start_legacy();
}

uint32_t disk_sectors(void)
{
    if (is_modern)
        return le32(REG32(0x2000));
#ifdef __MIPSEB__
    return PORT32(0x18);
#else
    return PORT32(0x14);
#endif
}

static void describe(uint32_t index, volatile void *at, uint32_t length, uint16_t flags)
{
    volatile struct descriptor *d = &table[index];
    order64(d->address, physical(at));
    d->length = order32(length);
    d->flags = order16(flags);
    d->next = order16((uint16_t)(index + 1));
}

void disk_request(uint32_t slot, uint32_t kind, uint32_t sector, volatile void *data, uint32_t length)
{
    volatile struct request *r = &requests[slot];
    uint32_t first = slot * PIECES;
    uint16_t direction = kind == READ || kind == GET_ID ? WRITABLE : 0;
    r->kind = order32(kind);
    order64(r->sector, sector);
    r->status = 0xff;
    describe(first, r, 16, NEXT);
    if (length)
        describe(first + 1, data, length, NEXT | direction);
    else
        table[first].next = order16((uint16_t)(first + 2));
    describe(first + 2, &r->status, 1, WRITABLE);
    available()[2 + given % ENTRIES] = order16((uint16_t)first);
    given++;
}

void disk_notify(void)
{
    available()[1] = order16(given);
    if (is_modern)
        REG16(0x3000) = 0;
    else
        PORT16(0x10) = 0;
}

uint32_t disk_acknowledge(void)
{
    uint8_t cause = is_modern ? REG8(0x1000) : PORT8(0x13);
    if (cause != 1)
        fail("an interrupt because of %u", cause);
    uint16_t before = taken;
    taken = order16(used()[1]);
    return (uint16_t)(taken - before);
}

uint32_t disk_status(uint32_t slot) { return requests[slot].status; }

void disk_range(volatile void *at, uint32_t sector, uint32_t sectors)
{
    volatile uint32_t *words = at;
    order64(words, sector);
    words[2] = order32(sectors);
    words[3] = 0;
}
