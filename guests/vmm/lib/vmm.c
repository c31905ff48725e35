// Parameters from the boot arguments, free memory, the verdict.
//
// YAMON hands over argc, argv, an environment of alternating names and values, and the size of
// low memory (MIPS YAMON User's Manual, "Boot arguments").

#include "vmm.h"

#include "power.h"

extern char image_end[];

static const char *guest;
static const char *command_line;
static uint32_t memory;

static uint32_t number(const char *s)
{
    uint32_t v = 0, base = 10;
    if (s[0] == '0' && s[1] == 'x')
        s += 2, base = 16;
    for (;; s++) {
        uint32_t digit = *s >= '0' && *s <= '9' ? (uint32_t)(*s - '0')
                         : *s >= 'a' && *s <= 'f' ? (uint32_t)(*s - 'a') + 10 : base;
        if (digit >= base)
            return v;
        v = v * base + digit;
    }
}

void vmm_init(const char *name, uint32_t argc, char **argv, char **environment, uint32_t size)
{
    console_init();
    guest = name;
    command_line = argc > 1 ? argv[1] : "";
    memory = size;
    for (; environment && environment[0] && environment[1]; environment += 2)
        if (!strcmp(environment[0], "memsize"))
            memory = number(environment[1]);
}

// What stands behind "NAME=" on the command line, or null.
static const char *value_of(const char *name)
{
    size_t n = strlen(name);
    for (const char *s = command_line; *s; s++)
        if ((s == command_line || s[-1] == ' ') && !memcmp(s, name, n) && s[n] == '=')
            return s + n + 1;
    return NULL;
}

uint32_t parameter(const char *name, uint32_t otherwise)
{
    const char *value = value_of(name);
    return value ? number(value) : otherwise;
}

bool parameter_is(const char *name, const char *text, bool otherwise)
{
    const char *value = value_of(name);
    size_t n = strlen(text);
    if (!value)
        return otherwise;
    return !memcmp(value, text, n) && (value[n] == ' ' || value[n] == 0);
}

static uintptr_t first_free(void)
{
    return ((uintptr_t)image_end + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
}

volatile uint32_t *free_page(uint32_t page)
{
    return (volatile uint32_t *)(first_free() + page * PAGE);
}

uint32_t free_pages(void) { return (KSEG0(memory) - first_free()) / PAGE; }

uint32_t memory_bytes(void) { return memory; }

uint32_t pages_wanted(uint32_t otherwise)
{
    uint32_t wanted = parameter("pages", otherwise), most = free_pages();
    return wanted == 0 || wanted > most ? most : wanted;
}

void pass(void)
{
    printf("%s: PASS\n", guest);
    poweroff();
}

void fail(const char *format, ...)
{
    va_list args;
    printf("%s: FAIL ", guest);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putc('\n');
    poweroff();
}
