// A virtio network port in PCI slot 19: asks by ARP where the gateway 10.0.2.2 is, and sends it
// ICMP echoes, of which the answers have to be the same. While it waits for an answer it is in
// WAIT, and the port's interrupt ends that. A board without the port has nothing to check.
//
// rounds=N, seed=N.

#include "exception.h"
#include "port.h"

#define ISA(port) (*(volatile uint8_t *)KSEG1(0x18000000 + (port)))
#define PIC_ACKNOWLEDGE (*(volatile uint32_t *)KSEG1(0x1be00c34))

enum { STATUS_IP2 = 1 << 10, ETHERNET = 14, IP = 20, ECHO = 8, LONGEST_DATA = 1400 };
enum { IP_PROTOCOL_ICMP = 1, ECHO_REQUEST = 8, ECHO_REPLY = 0 };

static const uint8_t own[4] = { 10, 0, 2, 15 }, gateway[4] = { 10, 0, 2, 2 };
static uint8_t gateway_mac[6], frame[LONGEST];

// WAIT until there is an interrupt: wherever in the loop it comes, the handler leaves the loop.
extern uint32_t idle_start[], idle_end[];
void idle(void);
__asm__(".text\n.set push\n.set noreorder\n.globl idle\nidle:\nidle_start:\nei\nehb\nwait\n"
        "b idle_start\nnop\nidle_end: jr $31\nnop\n.set pop\n");

static void start_interrupts(void)
{
    static const uint8_t words[][2] = {
        { 0x20, 0x11 }, { 0x21, 0 }, { 0x21, 4 }, { 0x21, 1 },
        { 0xa0, 0x11 }, { 0xa1, 8 }, { 0xa1, 2 }, { 0xa1, 1 },
        { 0x21, 0xfb }, { 0xa1, (uint8_t)~(1u << (INTERRUPT - 8)) },
    };
    for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
        ISA(words[i][0]) = words[i][1];
    CP0_WRITE(12, 0, CP0_READ(12, 0) | STATUS_IP2);
}

static void on_exception(struct frame *f)
{
    if (exception_code(f) != INT)
        exception_unexpected(f);
    uint32_t vector = le32(PIC_ACKNOWLEDGE) & 0xff;
    if (vector != INTERRUPT)
        fail("interrupt %u", vector);
    port_acknowledge();
    ISA(0xa0) = 0x20;
    ISA(0x20) = 0x20;
    f->status &= ~(uint32_t)STATUS_IE;
    if (f->epc >= (uintptr_t)idle_start && f->epc < (uintptr_t)idle_end)
        f->epc = (uintptr_t)idle_end;
}

static void put(uint32_t at, const uint8_t *bytes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        frame[at + i] = bytes[i];
}

static void put16(uint32_t at, uint32_t value)
{
    frame[at] = (uint8_t)(value >> 8);
    frame[at + 1] = (uint8_t)value;
}

static void head(const uint8_t *to, uint32_t type)
{
    put(0, to, 6);
    for (uint32_t i = 0; i < 6; i++)
        frame[6 + i] = port_mac(i);
    put16(12, type);
}

static uint32_t checksum(uint32_t at, uint32_t count)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += (uint32_t)frame[at + i] << (i % 2 ? 0 : 8);
    while (sum >> 16)
        sum = (sum >> 16) + (sum & 0xffff);
    return ~sum & 0xffff;
}

// Sends the frame, and waits for the one whose byte `at` is `value` and which is of this type.
static const volatile uint8_t *ask(uint32_t length, uint32_t type, uint32_t at, uint8_t value)
{
    port_send(frame, length);
    for (;;) {
        uint32_t got;
        const volatile uint8_t *answer = port_receive(&got);
        if (!answer)
            idle();
        else if (got > at && answer[12] == type >> 8 && answer[13] == (uint8_t)type &&
                 answer[at] == value)
            return answer;
    }
}

static void find_gateway(void)
{
    static const uint8_t request[8] = { 0, 1, 8, 0, 6, 4, 0, 1 };
    static const uint8_t all[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
    head(all, 0x0806);
    put(14, request, 8);
    put(22, frame + 6, 6);
    put(28, own, 4);
    put(32, gateway_mac, 6);
    put(38, gateway, 4);
    const volatile uint8_t *answer = ask(60, 0x0806, 21, 2);
    for (uint32_t i = 0; i < 6; i++)
        gateway_mac[i] = answer[22 + i];
    printf("net: the gateway is %x:%x:%x:%x:%x:%x\n", gateway_mac[0], gateway_mac[1],
           gateway_mac[2], gateway_mac[3], gateway_mac[4], gateway_mac[5]);
}

static void echo(uint32_t number, uint32_t length, uint32_t seed)
{
    uint32_t icmp = ETHERNET + IP, data = icmp + ECHO;
    head(gateway_mac, 0x0800);
    for (uint32_t i = ETHERNET; i < data; i++)
        frame[i] = 0;
    frame[14] = 0x45;
    put16(16, IP + ECHO + length);
    frame[22] = 64;
    frame[23] = IP_PROTOCOL_ICMP;
    put(26, own, 4);
    put(30, gateway, 4);
    put16(24, checksum(ETHERNET, IP));
    frame[icmp] = ECHO_REQUEST;
    put16(icmp + 6, number);
    for (uint32_t i = 0; i < length; i++)
        frame[data + i] = (uint8_t)hash(i, seed);
    put16(icmp + 2, checksum(icmp, ECHO + length));
    const volatile uint8_t *answer = ask(data + length, 0x0800, icmp, ECHO_REPLY);
    for (uint32_t i = 0; i < length; i++) {
        if (answer[data + i] != (uint8_t)hash(i, seed))
            fail("byte %u of answer %u is %x", i, number, answer[data + i]);
    }
}

int main(uint32_t argc, char **argv, char **environment, uint32_t memory)
{
    vmm_init("net", argc, argv, environment, memory);
    if (!port_find()) {
        printf("net: there is no port to check\n");
        pass();
    }
    exceptions_install(on_exception);
    start_interrupts();
    uint32_t rounds = parameter("rounds", 16), state = parameter("seed", 1);
    find_gateway();
    for (uint32_t number = 0; number < rounds; number++)
        echo(number, next_random(&state) % LONGEST_DATA, state);
    printf("net: %u answers\n", rounds);
    pass();
}
