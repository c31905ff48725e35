// What the guests for the virtual machine monitor share: parameters, memory, the verdict.
//
// A guest takes parameters as NAME=NUMBER from its command line, checks what it can while it
// works, and ends with one line: "NAME: PASS", or "NAME: FAIL" with the place.
#pragma once

#include "console.h"
#include "libc.h"
#include "types.h"

enum { PAGE = 4096, PAGE_WORDS = PAGE / 4, COUNTS_PER_MS = 100000 };   // Count at 100 MHz

// Starts the console and reads the boot arguments; with main's own arguments.
void vmm_init(const char *guest, uint32_t argc, char **argv, char **environment, uint32_t memory);

uint32_t parameter(const char *name, uint32_t otherwise);
bool parameter_is(const char *name, const char *text, bool otherwise);

// The pages of low memory, in kseg0, that nothing else uses: those behind the image.
volatile uint32_t *free_page(uint32_t page);
uint32_t free_pages(void);
uint32_t memory_bytes(void);                       // all of low memory

// `pages=`, or `otherwise`, or as many as there are if that is fewer or it is 0.
uint32_t pages_wanted(uint32_t otherwise);

// The last lines. They switch the board off.
__attribute__((noreturn)) void pass(void);
__attribute__((noreturn, format(printf, 1, 2))) void fail(const char *format, ...);

// Pseudo-random numbers (xorshift); the state must not be 0.
static inline uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    return *state ^= *state << 5;
}

// A number that looks like nothing else's: the same for the same two numbers.
static inline uint32_t hash(uint32_t a, uint32_t b)
{
    a = (a ^ b * 0x85ebca6b) * 0x9e3779b1;
    a = (a ^ a >> 15 ^ b) * 0xc2b2ae35;
    return a ^ a >> 13;
}
