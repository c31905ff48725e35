// A virtio disk in PCI slot 18, by its legacy registers and by those of version 1: reads and writes
// of several sectors at once, several requests at once, what cannot be done, discarding and
// zeroing. What is written by one interface is read by the other. A board without the disk has
// nothing to check.
//
// rounds=N, seed=N.

#include "exception.h"
#include "virtio.h"

#define ISA(port) (*(volatile uint8_t *)KSEG1(0x18000000 + (port)))
#define ACKNOWLEDGE (*(volatile uint32_t *)KSEG1(0x1be00c34))

enum { STATUS_IP2 = 1 << 10, AT_ONCE = 8, LONGEST = 8 * SECTOR, DATA = 4, OK = 0, FAILED = 1 };

static volatile uint32_t done, interrupts;

static void start_interrupts(void)
{
    static const uint8_t words[][2] = {
        { 0x20, 0x11 }, { 0x21, 0 }, { 0x21, 4 }, { 0x21, 1 },
        { 0xa0, 0x11 }, { 0xa1, 8 }, { 0xa1, 2 }, { 0xa1, 1 },
        { 0x21, 0xfb }, { 0xa1, (uint8_t)~(1u << (INTERRUPT - 8)) },
    };
    for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
        ISA(words[i][0]) = words[i][1];
    CP0_WRITE(12, 0, CP0_READ(12, 0) | STATUS_IP2 | STATUS_IE);
}

static void on_exception(struct frame *f)
{
    if (exception_code(f) != INT)
        exception_unexpected(f);
    uint32_t vector = le32(ACKNOWLEDGE) & 0xff;
    if (vector != INTERRUPT)
        fail("interrupt %u", vector);
    done += disk_acknowledge();
    interrupts++;
    ISA(0xa0) = 0x20;
    ISA(0x20) = 0x20;
}

// Where the data of a request lies.
static volatile uint8_t *place(uint32_t slot) { return (volatile uint8_t *)free_page(DATA + slot); }

// Tells the disk of `count` requests and waits until all are done.
static void finish(uint32_t count)
{
    done = 0;
    disk_notify();
    while (done < count)
        ;
    if (done != count)
        fail("%u requests of %u", done, count);
}

static void expect_status(uint32_t slot, uint32_t expected)
{
    if (disk_status(slot) != expected)
        fail("status %u of request %u instead of %u", disk_status(slot), slot, expected);
}

static void one(uint32_t kind, uint32_t sector, uint32_t length, uint32_t expected)
{
    disk_request(0, kind, sector, place(0), length);
    finish(1);
    expect_status(0, expected);
}

static uint8_t byte(uint32_t sector, uint32_t at, uint32_t seed)
{
    return (uint8_t)hash(sector * SECTOR + at, seed);
}

// Writes different sectors by several requests at once, or reads and compares them.
static void round(bool writes, uint32_t sectors, uint32_t seed)
{
    uint32_t share = sectors / AT_ONCE, state = seed;
    uint32_t first[AT_ONCE], length[AT_ONCE];
    for (uint32_t slot = 0; slot < AT_ONCE; slot++) {
        length[slot] = SECTOR * (1 + next_random(&state) % (LONGEST / SECTOR));
        first[slot] = slot * share + next_random(&state) % (share - LONGEST / SECTOR);
        for (uint32_t i = 0; i < length[slot]; i++)
            place(slot)[i] = writes ? byte(first[slot], i, seed) : 0xee;
        disk_request(slot, writes ? WRITE : READ, first[slot], place(slot), length[slot]);
    }
    finish(AT_ONCE);
    for (uint32_t slot = 0; slot < AT_ONCE; slot++) {
        expect_status(slot, OK);
        for (uint32_t i = 0; i < length[slot]; i++) {
            if (place(slot)[i] != byte(first[slot], i, seed))
                fail("byte %u of sector %u is %x", i, first[slot], place(slot)[i]);
        }
    }
}

static void erase(uint32_t kind, uint32_t sectors)
{
    for (uint32_t i = 0; i < 3 * SECTOR; i++)
        place(0)[i] = 0x5a;
    one(WRITE, 1, 3 * SECTOR, OK);
    disk_range(place(0), 2, 1);
    one(kind, 0, 16, OK);
    one(READ, 1, 3 * SECTOR, OK);
    for (uint32_t i = 0; i < 3 * SECTOR; i++) {
        bool erased = i / SECTOR == 1;
        if (place(0)[i] != 0x5a && !erased)
            fail("byte %u beside is %x", i, place(0)[i]);
        if (place(0)[i] != 0 && erased && kind == WRITE_ZEROES)
            fail("byte %u is not zero", i);
    }
    disk_range(place(0), sectors, 1);
    one(kind, 0, 16, FAILED);
}

static void check(bool modern, uint32_t rounds, uint32_t seed)
{
    disk_start(modern);
    uint32_t sectors = disk_sectors();
    one(GET_ID, 0, 20, OK);
    printf("disk: %u sectors, %s\n", sectors, (char *)(uintptr_t)place(0));
    for (uint32_t i = 0; i < rounds; i++) {
        round(true, sectors, seed + i);
        disk_start(!modern);
        round(false, sectors, seed + i);
        disk_start(modern);
    }
    one(FLUSH, 0, 0, OK);
    one(READ, sectors, SECTOR, FAILED);
    one(WRITE, sectors - 1, 2 * SECTOR, FAILED);
    erase(WRITE_ZEROES, sectors);
    erase(DISCARD, sectors);
}

int main(uint32_t argc, char **argv, char **environment, uint32_t memory)
{
    vmm_init("disk", argc, argv, environment, memory);
    if (!disk_find()) {
        printf("disk: there is no disk to check\n");
        pass();
    }
    exceptions_install(on_exception);
    start_interrupts();
    uint32_t rounds = parameter("rounds", 4), seed = parameter("seed", 1);
    check(false, rounds, seed);
    check(true, rounds, seed + rounds);
    printf("disk: %u interrupts\n", interrupts);
    pass();
}
