#include "port.h"

#define CONFIG_ADDRESS (*(volatile uint32_t *)KSEG1(0x1be00cf8))
#define CONFIG_DATA (*(volatile uint32_t *)KSEG1(0x1be00cfc))
#define REG8(offset) (*(volatile uint8_t *)KSEG1(MEMORY + (offset)))
#define REG16(offset) (*(volatile uint16_t *)KSEG1(MEMORY + (offset)))
#define REG32(offset) (*(volatile uint32_t *)KSEG1(MEMORY + (offset)))

enum { SLOT = 19, PORT = 0x10001af4, MEMORY = 0x13000000 };
enum { BAR4 = 0x20, BAR5 = 0x24, COMMAND = 4, DECODE_AND_MASTER = 7 };
enum { ACKNOWLEDGED = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8, VERSION_1 = 1 };
enum { RECEIVE = 0, SEND = 1, ENTRIES = 8, WRITABLE = 2, NO_INTERRUPT = 1, HEAD = 12 };

struct descriptor { uint32_t address[2]; uint32_t length; uint16_t flags, next; };
struct used { uint16_t flags, index; struct { uint32_t head, length; } ring[ENTRIES]; };
struct available { uint16_t flags, index, ring[ENTRIES]; };

// Each in a page of its own: two queues, and two pages of buffers for each of their entries.
static struct { volatile struct descriptor *table; volatile struct available *available;
                volatile struct used *used; uint16_t taken; } queues[2];

static uint32_t physical(const volatile void *p) { return (uint32_t)(uintptr_t)p & 0x1fffffff; }

static volatile uint8_t *buffer(uint32_t queue, uint32_t entry)
{
    return (volatile uint8_t *)free_page(6 + queue * ENTRIES + entry);
}

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

static void hand_out(uint32_t queue, uint32_t entry, uint32_t length)
{
    volatile struct descriptor *d = &queues[queue].table[entry];
    d->address[0] = le32(physical(buffer(queue, entry)));
    d->address[1] = 0;
    d->length = le32(length);
    d->flags = le16(queue == RECEIVE ? WRITABLE : 0);
    volatile struct available *available = queues[queue].available;
    uint16_t index = le16(available->index);
    available->ring[index % ENTRIES] = le16((uint16_t)entry);
    available->index = le16((uint16_t)(index + 1));
    REG16(0x3000 + 4 * queue) = 0;
}

static void start_queue(uint32_t queue)
{
    volatile uint32_t *pages = free_page(3 * queue);
    for (uint32_t i = 0; i < 3 * PAGE_WORDS; i++)
        pages[i] = 0;
    queues[queue].table = (volatile struct descriptor *)pages;
    queues[queue].available = (volatile struct available *)(pages + PAGE_WORDS);
    queues[queue].used = (volatile struct used *)(pages + 2 * PAGE_WORDS);
    if (queue == SEND)
        queues[queue].available->flags = le16(NO_INTERRUPT);
    REG16(0x16) = le16((uint16_t)queue);
    REG16(0x18) = le16(ENTRIES);
    REG32(0x20) = le32(physical(queues[queue].table));
    REG32(0x28) = le32(physical(queues[queue].available));
    REG32(0x30) = le32(physical(queues[queue].used));
    REG32(0x24) = REG32(0x2c) = REG32(0x34) = 0;
    REG16(0x1c) = le16(1);
}

bool port_find(void)
{
    if (config_read(0) != PORT)
        return false;
    config_write(BAR4, MEMORY);
    config_write(BAR5, 0);
    config_write(COMMAND, DECODE_AND_MASTER);
    REG8(0x14) = 0;
    REG8(0x14) = ACKNOWLEDGED | DRIVER;
    REG32(0x08) = le32(1);
    REG32(0x0c) = le32(VERSION_1);
    REG8(0x14) = ACKNOWLEDGED | DRIVER | FEATURES_OK;
    start_queue(RECEIVE);
    start_queue(SEND);
    REG8(0x14) = ACKNOWLEDGED | DRIVER | FEATURES_OK | DRIVER_OK;
    for (uint32_t entry = 0; entry < ENTRIES; entry++)
        hand_out(RECEIVE, entry, LONGEST + HEAD);
    return true;
}

uint8_t port_mac(uint32_t at) { return REG8(0x2000 + at); }

void port_send(const uint8_t *frame, uint32_t length)
{
    volatile uint8_t *at = buffer(SEND, 0);
    for (uint32_t i = 0; i < HEAD; i++)
        at[i] = 0;
    for (uint32_t i = 0; i < length; i++)
        at[HEAD + i] = frame[i];
    hand_out(SEND, 0, HEAD + length);
    if (queues[SEND].used->index != queues[SEND].available->index)
        fail("the frame is not sent");
}

void port_acknowledge(void) { (void)REG8(0x1000); }

const volatile uint8_t *port_receive(uint32_t *length)
{
    static uint32_t last = ENTRIES;
    if (last < ENTRIES)
        hand_out(RECEIVE, last, LONGEST + HEAD);
    last = ENTRIES;
    if (le16(queues[RECEIVE].used->index) == queues[RECEIVE].taken)
        return 0;
    uint32_t slot = queues[RECEIVE].taken++ % ENTRIES;
    last = le32(queues[RECEIVE].used->ring[slot].head);
    *length = le32(queues[RECEIVE].used->ring[slot].length) - HEAD;
    return buffer(RECEIVE, last) + HEAD;
}
