// Calls through pointers: a table of small functions, objects with methods, a callback.

#include "bench.h"

const char name[] = "calls";

enum { SHAPES = 256, ROUNDS = 64000 };

typedef uint32_t (*function)(uint32_t);

static uint32_t twice(uint32_t v) { return v * 2 + 1; }
static uint32_t half(uint32_t v) { return v / 2 ^ 0x5555; }
static uint32_t turned(uint32_t v) { return v << 5 | v >> 27; }
static uint32_t scrambled(uint32_t v) { return v * 2654435761u; }
static uint32_t flipped(uint32_t v) { return ~v; }
static uint32_t swapped(uint32_t v) { return v << 16 | v >> 16; }
static uint32_t less(uint32_t v) { return v - 12345; }
static uint32_t folded(uint32_t v) { return v ^ v >> 15; }

static function volatile table[8] = { twice, half, turned, scrambled, flipped, swapped, less, folded };

struct shape;
struct methods { uint32_t (*area)(const struct shape *); void (*grow)(struct shape *, uint32_t); };
struct shape { const struct methods *methods; uint32_t a, b; };

static uint32_t square_area(const struct shape *s) { return s->a * s->a; }
static uint32_t box_area(const struct shape *s) { return s->a * s->b; }
static uint32_t triangle_area(const struct shape *s) { return s->a * s->b / 2; }
static void grow_one(struct shape *s, uint32_t by) { s->a += by; }
static void grow_both(struct shape *s, uint32_t by) { s->a += by, s->b ^= by; }

static const struct methods kinds[] = {
    { square_area, grow_one }, { box_area, grow_both }, { triangle_area, grow_both },
};

static struct shape shapes[SHAPES];

static __attribute__((noinline)) uint32_t each(uint32_t (*f)(struct shape *, uint32_t), uint32_t v)
{
    for (struct shape *s = shapes; s < shapes + SHAPES; s++)
        v = f(s, v);
    return v;
}

static uint32_t visit(struct shape *s, uint32_t v)
{
    s->methods->grow(s, v & 15);
    return mix(v, s->methods->area(s));
}

uint32_t work(void)
{
    struct random r = { 1 };
    uint32_t result = 0;
    for (struct shape *s = shapes; s < shapes + SHAPES; s++)
        *s = (struct shape){ &kinds[next(&r) % 3], next(&r) & 255, next(&r) & 255 };
    for (int round = 0; round < ROUNDS; round++) {
        result = each(visit, result);
        for (int i = 0; i < 256; i++)
            result = table[(result >> 3 ^ (uint32_t)i) & 7](result);
    }
    return result;
}
