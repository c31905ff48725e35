// Seven bodies that attract each other, in doubles: multiply, add, divide, square root.

#include "bench.h"

const char name[] = "nbody";

enum { BODIES = 7, STEPS = 60000 };

struct body { double x, y, z, vx, vy, vz, mass; };

static struct body bodies[BODIES];

static double root(double d)
{
    __asm__("sqrt.d %0, %1" : "=f"(d) : "f"(d));
    return d;
}

static uint32_t hash(double d)
{
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    return (uint32_t)(bits >> 32) * 31 + (uint32_t)bits;
}

static double fraction(struct random *r) { return ((int32_t)next(r) >> 8) * (1.0 / 8388608); }

static void attract(struct body *a, struct body *b, double dt)
{
    double dx = a->x - b->x, dy = a->y - b->y, dz = a->z - b->z;
    double square = dx * dx + dy * dy + dz * dz + 0.01;    // 0.01: nobody gets too close
    double force = dt / (square * root(square));
    a->vx -= dx * b->mass * force, a->vy -= dy * b->mass * force, a->vz -= dz * b->mass * force;
    b->vx += dx * a->mass * force, b->vy += dy * a->mass * force, b->vz += dz * a->mass * force;
}

static void step(double dt)
{
    for (int i = 0; i < BODIES; i++)
        for (int j = i + 1; j < BODIES; j++)
            attract(&bodies[i], &bodies[j], dt);
    for (struct body *b = bodies; b < bodies + BODIES; b++)
        b->x += dt * b->vx, b->y += dt * b->vy, b->z += dt * b->vz;
}

uint32_t work(void)
{
    struct random r = { 1 };
    uint32_t result = 0;
    for (struct body *b = bodies; b < bodies + BODIES; b++)
        *b = (struct body){ fraction(&r) * 10, fraction(&r) * 10, fraction(&r) * 10,
                            fraction(&r), fraction(&r), fraction(&r), 1 + fraction(&r) };
    for (int i = 0; i < STEPS; i++)
        step(0.001);
    for (struct body *b = bodies; b < bodies + BODIES; b++)
        result = mix(mix(result, hash(b->x)), hash(b->vz));
    return result;
}
