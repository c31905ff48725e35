// Devices that get what no driver sends: random bytes, bus masters that point anywhere, windows
// that lie over one another. Left out is what resets the board or switches it off.

#include "escape.h"

#include "tlb.h"

#define PORT(n) KSEG1(0x18000000 + (n))
#define GT 0x1be00000u
#define BOARD 0x1f000000u

// A random access of a random width; loads are as good as stores.
static void poke(uint32_t va, unsigned width, uint32_t value)
{
    va &= ~(width - 1);
    bool store = any() & 1;
    if (width == 1 && store)
        *(volatile uint8_t *)va = (uint8_t)value;
    else if (width == 1)
        (void)*(volatile uint8_t *)va;
    else if (width == 2 && store)
        *(volatile uint16_t *)va = (uint16_t)value;
    else if (width == 2)
        (void)*(volatile uint16_t *)va;
    else if (store)
        *(volatile uint32_t *)va = value;
    else
        (void)*(volatile uint32_t *)va;
}

// A load that may fault.
PROBE(load, "lw $2, 0($4)");

static void poke_load(uint32_t va)
{
    attempt_gpr[4] = va;
    attempt(ADDRESS(load));
}

static uint32_t random_width(void) { return 1u << any() % 3; }

struct ports { uint16_t first, count; bool bytes_only; };

// ISA ports. The reset control port 0xcf9 is not among them, nor is power management.
static const struct ports isa[] = {
    { 0x00, 0x20, false }, { 0x20, 2, false }, { 0x40, 4, false }, { 0x60, 1, true }, { 0x61, 1, true },
    { 0x64, 1, true }, { 0x70, 4, false }, { 0x80, 0x10, false }, { 0xa0, 2, false }, { 0xc0, 0x20, false },
    { 0x170, 8, false }, { 0x1f0, 8, false }, { 0x2f8, 8, false }, { 0x376, 1, false }, { 0x378, 8, false },
    { 0x3f0, 8, false }, { 0x3f8, 8, true }, { 0x4d0, 2, false }, { 0x500, 0x200, false },
};

static uint32_t harmless(uint32_t port, uint32_t value)
{
    if (port == 0x64 && ((value & 0xf0) == 0xf0 || (value & 0xff) == 0xd1))
        return 0x20;                               // pulses on, or writes to, the reset line
    if (port == 0x3fc)
        return value | 0x10;                       // loopback: the console stays clean
    return value;
}

static void poke_ports(unsigned times)
{
    *(volatile uint8_t *)PORT(0x3fc) = 0x10;
    for (unsigned i = 0; i < times; i++) {
        const struct ports *p = &isa[any() % (sizeof isa / sizeof *isa)];
        uint32_t port = p->first + any() % p->count;
        poke(PORT(port), p->bytes_only ? 1 : random_width(), harmless(port, any()));
    }
    console_init();
}

// Registers of the bridge that the guest needs to come home: where it is, the I/O window, the
// byte order, the doors to configuration space.
static bool is_vital(uint32_t offset)
{
    offset &= 0xffc;
    return offset == 0 || (offset >= 0x48 && offset < 0x70) || (offset >= 0x80 && offset < 0x90) ||
           offset == 0xf0 || offset == 0xc00 || offset == 0xcf8 || offset == 0xcfc;
}

static void poke_bridge(unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        uint32_t offset = any() & 0xfff;
        if (!is_vital(offset))
            poke(KSEG1(GT + offset), random_width(), any());
    }
}

static void poke_board(unsigned times)
{
    enum { SOFTRES = 0x500 };
    for (unsigned i = 0; i < times; i++) {
        uint32_t offset = i & 1 ? any() & 0xffff : 0x400 + (any() & 0x7ff);
        if ((offset & 0xffe0) != SOFTRES)
            poke(KSEG1(BOARD + offset), random_width(), any());
    }
}

static void config_select(uint32_t device, uint32_t function, uint32_t reg)
{
    *(volatile uint32_t *)KSEG1(GT + 0xcf8) = le32(0x80000000 | device << 11 | function << 8 | (reg & 0xfc));
}

static void config_write(uint32_t device, uint32_t function, uint32_t reg, uint32_t value)
{
    config_select(device, function, reg);
    *(volatile uint32_t *)KSEG1(GT + 0xcfc) = value;
}

enum { PIIX4 = 10, BRIDGE = 0, IDE, USB, POWER, COMMAND = 4, BAR4 = 0x20, PMBA = 0x40, PMREGMISC = 0x80 };

static void silence(void)
{
    for (uint32_t function = IDE; function <= POWER; function++) {
        config_write(PIIX4, function, COMMAND, 0);
        config_write(PIIX4, function, BAR4, 0);
    }
    config_write(PIIX4, POWER, PMREGMISC, 0);
}

static void poke_configuration(unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        uint32_t device = any() % 3 ? PIIX4 : any() & 31, function = any() & 7, reg = any() & 0xfc;
        if (device == 31)                          // special cycles: one lets power go
            continue;
        if (device == PIIX4 && function == POWER && (reg == COMMAND || reg == PMBA || reg == PMREGMISC))
            continue;
        config_select(device, function, reg);
        poke(KSEG1(GT + 0xcfc) + (any() & 3), random_width(), any());
    }
    silence();
}

// All of power management but the register that lets the power go.
static void poke_power(unsigned times)
{
    enum { BASE = 0x1000, CONTROL = 4 };
    config_write(PIIX4, POWER, PMBA, BASE | 1);
    config_write(PIIX4, POWER, PMREGMISC, 1);
    config_write(PIIX4, POWER, COMMAND, 1);
    for (unsigned i = 0; i < times; i++) {
        uint32_t offset = any() & 0x3f;
        if ((offset & ~3u) != CONTROL)
            poke(PORT(BASE + offset), random_width(), any());
    }
    silence();
}

void poke_devices(void)
{
    unsigned times = parameter("pokes", 4000);
    poke_ports(times);
    poke_bridge(times);
    poke_board(times);
    poke_configuration(times);
    poke_power(times);
    config_select(0, 0, 0);
}

// The bridge's own registers, wherever they are just now.
static void bridge_write_at(uint32_t isd, uint32_t offset, uint32_t value)
{
    uint32_t lo = isd << 21 >> 6 | 2 << 3 | LO_V | LO_D | LO_G;       // 32 bits of address
    tlb_write(0, (struct tlb_entry){ 0x00400000, lo, lo, 0 });
    *(volatile uint32_t *)(0x00400000 + offset) = le32(value);
    tlb_clear();
}

static uint32_t bridge(uint32_t offset) { return le32(*(volatile uint32_t *)KSEG1(GT + offset)); }
static void set_bridge(uint32_t offset, uint32_t value) { *(volatile uint32_t *)KSEG1(GT + offset) = le32(value); }

// The decode windows: registers for the lowest and highest address, in units of 2 MiB. Over the
// upper half of memory, beyond it, over one another, over the board's registers.
void move_windows(void)
{
    enum { HOME = GT >> 21, ISD = 0x68 };
    static const uint8_t low[] = { 0x48, 0x58, 0x80, 0x90, 0xa0, 0xb0 };
    uint32_t middle = memory_bytes() / 2 >> 21, end = memory_bytes() >> 21;
    uint32_t saved[sizeof low][2];
    for (unsigned i = 0; i < sizeof low; i++)
        saved[i][0] = bridge(low[i]), saved[i][1] = bridge(low[i] + 8u);

    const uint32_t at[][2] = { { middle, middle }, { middle, end }, { end, 0x7f }, { end - 1, end },
                               { 0x7f, end }, { 0xf8, 0x7f }, { 0x1000, 0x7f }, { 0x7fff, 0 } };
    for (unsigned k = 0; k < sizeof at / sizeof *at; k++)
        for (unsigned i = 0; i < sizeof low; i++) {
            set_bridge(low[i], at[k][0]);
            set_bridge(low[i] + 8u, at[k][1]);
            for (uint32_t unit = 0; unit < 3; unit++) {
                uint32_t pa = ((at[k][0] + unit) << 21 & 0x1fffffff) + (any() & 0xffffc);
                // Reads alone: behind a window may lie what switches the board off.
                if (pa >= memory_bytes() / 2)
                    poke_load(KSEG1(pa));
            }
            set_bridge(low[i], saved[i][0]);
            set_bridge(low[i] + 8u, saved[i][1]);
        }

    // Not over memory: there nothing could bring it back.
    static const uint32_t homes[] = { 0x100, 0x3ff, 0x200, 0x2a5, 0xe1, 0xff };
    for (unsigned i = 0; i < sizeof homes / sizeof *homes; i++) {
        set_bridge(ISD, homes[i]);
        poke_load(KSEG1(GT));
        bridge_write_at(homes[i], ISD, HOME);
        if (bridge(ISD) != HOME)
            fail("windows: the bridge did not come back from %x", homes[i]);
    }
}

static void start_usb(uint32_t list)
{
    enum { BASE = 0x1400, USBCMD = 0, FRNUM = 6, FRBASEADD = 8, RUN = 1, STOP = 0 };
    volatile uint16_t *command = (volatile uint16_t *)PORT(BASE + USBCMD);
    config_write(PIIX4, USB, BAR4, BASE | 1);
    config_write(PIIX4, USB, COMMAND, 5);
    *(volatile uint32_t *)PORT(BASE + FRBASEADD) = le32(list);
    *(volatile uint16_t *)PORT(BASE + FRNUM) = (uint16_t)any();
    *command = le16(RUN);
    for (uint32_t start = count(); count() - start < 2 * COUNTS_PER_MS / 10;)
        ;
    *command = le16(STOP);
}

static void start_disk(uint32_t table)
{
    enum { BASE = 0x1500, PRD = 4, START_READ = 9, READ_DMA = 0xc8 };
    config_write(PIIX4, IDE, BAR4, BASE | 1);
    config_write(PIIX4, IDE, COMMAND, 5);
    for (uint32_t channel = 0; channel < 16; channel += 8) {
        *(volatile uint32_t *)PORT(BASE + channel + PRD) = le32(table);
        *(volatile uint8_t *)PORT(channel ? 0x177 : 0x1f7) = READ_DMA;
        *(volatile uint8_t *)PORT(BASE + channel) = START_READ;
        *(volatile uint8_t *)PORT(BASE + channel) = 0;
    }
}

// Every channel of the two 8237s to an address, and asked to go by software.
static void start_isa(uint32_t address)
{
    static const uint8_t page[] = { 0x87, 0x83, 0x81, 0x82 };
    for (uint32_t channel = 0; channel < 4; channel++) {
        volatile uint8_t *port = (volatile uint8_t *)PORT(0);
        port[0x0c] = 0;
        port[0x0b] = (uint8_t)(0x84 | channel);    // block transfer to memory
        port[channel * 2] = (uint8_t)address;
        port[channel * 2] = (uint8_t)(address >> 8);
        port[channel * 2 + 1] = 0xff;
        port[channel * 2 + 1] = 0xff;
        port[page[channel]] = (uint8_t)(address >> 16);
        port[0x0a] = (uint8_t)channel;
        port[0x09] = (uint8_t)(4 | channel);
    }
    *(volatile uint8_t *)PORT(0x08) = 1;           // memory to memory
    *(volatile uint8_t *)PORT(0x0d) = 0;           // master clear
}

static void start_bridge(uint32_t from, uint32_t to)
{
    for (uint32_t channel = 0; channel < 16; channel += 4) {
        set_bridge(0x800 + channel, 0xffff);
        set_bridge(0x810 + channel, from);
        set_bridge(0x820 + channel, to);
        set_bridge(0x840 + channel, 0x1a00);       // block mode, enable, fetch
        set_bridge(0x840 + channel, 0);
    }
}

// Base addresses of PCI functions over ports that others have, over memory, over each other.
static void move_bases(void)
{
    static const uint32_t bases[] = { 0x21, 0x71, 0x3f9, 0x1f1, 0xffffffe1, 0xffff, 0x1001, 0xcf9 };
    for (unsigned i = 0; i < sizeof bases / sizeof *bases; i++)
        for (uint32_t function = IDE; function <= USB; function++) {
            for (uint32_t bar = 0x10; bar <= 0x30; bar += 4)
                config_write(PIIX4, function, bar, bases[i]);
            config_write(PIIX4, function, COMMAND, 7);
            for (uint32_t port = bases[i] & 0xffe0, n = 0; n < 16; n++)
                (void)*(volatile uint8_t *)PORT(port + n);
            silence();
        }
    for (uint32_t bar = 0x10; bar <= 0x24; bar += 4) {
        config_select(0, 0, bar);
        uint32_t old = *(volatile uint32_t *)KSEG1(GT + 0xcfc);
        *(volatile uint32_t *)KSEG1(GT + 0xcfc) = ~0u;
        *(volatile uint32_t *)KSEG1(GT + 0xcfc) = any();
        *(volatile uint32_t *)KSEG1(GT + 0xcfc) = old;
    }
}

void dma(void)
{
    const uint32_t odd[] = { memory_bytes(), memory_bytes() - 4, 0xfffff000, 0x80000000, GT, BOARD,
                             0x1fc00000, 0x18000000, 0x10000000, DATA_PA };
    for (uint32_t i = 0; i < PAGE / 4; i++)        // frames that end at once
        ((volatile uint32_t *)DATA)[i] = le32(1);
    for (unsigned i = 0; i < sizeof odd / sizeof *odd; i++) {
        start_usb(odd[i]);
        start_disk(odd[i]);
        start_isa(odd[i]);
        start_bridge(odd[i], odd[(i + 1) % (sizeof odd / sizeof *odd)]);
    }
    move_bases();
    silence();
    config_select(0, 0, 0);
}
