// An interpreter: a small stack machine, once dispatched by a switch in a loop and once by a jump
// from each operation to the next (computed goto). Its program counts the primes below a limit.

#include "bench.h"

const char name[] = "dispatch";

enum op { PUSH, LOAD, STORE, ADD, MOD, LESS, MUL, JUMP, JUMP_ZERO, HALT };

enum { LIMIT = 6000, ROUNDS = 26 };

// Variables: 0 candidate, 1 divisor, 2 count, 3 sum. Operands follow their operation.
static const uint8_t program[] = {
    /*  0 */ PUSH, 2, STORE, 0,
    /*  4 */ LOAD, 0, LOAD, 4, LESS, JUMP_ZERO, 62,        // while candidate < limit
    /* 11 */ PUSH, 2, STORE, 1,
    /* 15 */ LOAD, 0, LOAD, 1, LOAD, 1, MUL, LESS, PUSH, 0, LESS,
    /* 26 */ LOAD, 1, LOAD, 1, MUL, LOAD, 0, PUSH, 1, ADD, LESS, ADD, JUMP_ZERO, 50,
    /* 40 */ LOAD, 0, LOAD, 1, MOD, JUMP_ZERO, 57,         // divides: not a prime
    /* 47 */ JUMP, 64, HALT,
    /* 50 */ LOAD, 2, PUSH, 1, ADD, STORE, 2,              // a prime
    /* 57 */ JUMP, 71, HALT, HALT, HALT,
    /* 62 */ HALT, HALT,
    /* 64 */ LOAD, 1, PUSH, 1, ADD, JUMP, 80,
    /* 71 */ LOAD, 0, PUSH, 1, ADD, STORE, 0, JUMP, 4,
    /* 80 */ STORE, 1, JUMP, 15,
};

static int32_t variables[5];

static int32_t run_switch(void)
{
    int32_t stack[16], *sp = stack;
    const uint8_t *pc = program;
    for (;;) {
        switch ((enum op)*pc++) {
        case PUSH: *sp++ = *pc++; break;
        case LOAD: *sp++ = variables[*pc++]; break;
        case STORE: variables[*pc++] = *--sp; break;
        case ADD: sp--; sp[-1] += sp[0]; break;
        case MOD: sp--; sp[-1] %= sp[0]; break;
        case LESS: sp--; sp[-1] = sp[-1] < sp[0]; break;
        case MUL: sp--; sp[-1] *= sp[0]; break;
        case JUMP: pc = program + *pc; break;
        case JUMP_ZERO: pc = *--sp ? pc + 1 : program + *pc; break;
        case HALT: return variables[2];
        }
    }
}

static int32_t run_goto(void)
{
    static const void *const labels[] = { &&push, &&load, &&store, &&add, &&mod, &&less, &&mul,
                                          &&jump, &&jump_zero, &&halt };
    int32_t stack[16], *sp = stack;
    const uint8_t *pc = program;
#define NEXT goto *labels[*pc++]
    NEXT;
push: *sp++ = *pc++; NEXT;
load: *sp++ = variables[*pc++]; NEXT;
store: variables[*pc++] = *--sp; NEXT;
add: sp--; sp[-1] += sp[0]; NEXT;
mod: sp--; sp[-1] %= sp[0]; NEXT;
less: sp--; sp[-1] = sp[-1] < sp[0]; NEXT;
mul: sp--; sp[-1] *= sp[0]; NEXT;
jump: pc = program + *pc; NEXT;
jump_zero: pc = *--sp ? pc + 1 : program + *pc; NEXT;
halt: return variables[2];
#undef NEXT
}

uint32_t work(void)
{
    uint32_t result = 0;
    for (int round = 0; round < ROUNDS; round++) {
        memset(variables, 0, sizeof variables);
        variables[4] = LIMIT;
        result = mix(result, (uint32_t)(round % 2 ? run_goto() : run_switch()));
        if (variables[2] != 783)       // primes below 6000
            return 0;
    }
    return result;
}
