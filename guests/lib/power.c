// Power off through PIIX4's power management function (PCI 00:0a.3), reset through SOFTRES.
//
// Follows the PIIX4 data sheet (290562-001), "Power management register descriptions" (PMBA,
// PMREGMISC, PMCNTRL), and the GT-64120 data sheet, "PCI configuration registers".
//
// Byte order: the GT-64120's own registers are little-endian whatever the CPU is, so a big-endian
// CPU swaps what it writes to the address register. Data is swapped once more on the way to a device
// behind the bridge (MByteSwap off, as reset leaves it on a big-endian board), so it is written
// unswapped. That second swap is not made for the bridge's own configuration (device 0).

#include "power.h"

#include "types.h"

#define CONFIG_ADDRESS (*(volatile uint32_t *)KSEG1(0x1be00cf8))
#define CONFIG_DATA (*(volatile uint32_t *)KSEG1(0x1be00cfc))
#define SOFTRES (*(volatile uint32_t *)KSEG1(0x1f000500))
#define PORT16(port) (*(volatile uint16_t *)KSEG1(0x18000000 + (port)))

enum { COMMAND = 0x04, PMBA = 0x40, PMREGMISC = 0x80 };        // configuration of 00:0a.3
enum { PM_BASE = 0x1000, PMSTS = 0, PMCNTRL = 4, SUS_EN = 1 << 13, SUS_TYP_OFF = 0 };

static void select(uint32_t device, uint32_t function, uint32_t reg)
{
    CONFIG_ADDRESS = le32(0x80000000u | device << 11 | function << 8 | reg);
}

static void config_or(uint32_t reg, uint32_t bits)
{
    select(0x0a, 3, reg);
    CONFIG_DATA = CONFIG_DATA | bits;
}

void poweroff(void)
{
    select(0x0a, 3, PMBA);
    CONFIG_DATA = PM_BASE | 1;
    config_or(PMREGMISC, 1);           // decode the PMBA range
    config_or(COMMAND, 1);             // answer I/O cycles
    PORT16(PM_BASE + PMSTS) = le16(1 << 8);    // forget a power button pressed before
    PORT16(PM_BASE + PMCNTRL) = le16(SUS_EN | SUS_TYP_OFF);

    // The chip waits for the stop-grant special cycle before it lets go of the supply.
    CONFIG_ADDRESS = le32(0x80000000u | 0x1f << 11 | 7 << 8);
    CONFIG_DATA = 0x00120002;
    for (;;)
        ;
}

void reset(void)
{
    SOFTRES = 0x42;                    // "GORESET", in the CPU's own byte order
    for (;;)
        ;
}
