// Products of integer matrices.

#include "bench.h"

const char name[] = "matint";

enum { N = 96, ROUNDS = 300 };

static int32_t a[N][N], b[N][N], c[N][N];

static void multiply(void)
{
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            int32_t sum = 0;
            for (int k = 0; k < N; k++)
                sum = (int32_t)((uint32_t)sum + (uint32_t)(a[i][k] * b[k][j]));
            c[i][j] = sum;
        }
}

uint32_t work(void)
{
    struct random r = { 1 };
    uint32_t result = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            a[i][j] = (int32_t)(next(&r) % 2001) - 1000;
            b[i][j] = (int32_t)(next(&r) % 2001) - 1000;
        }
    for (int round = 0; round < ROUNDS; round++) {
        multiply();
        for (int i = 0; i < N; i++) {
            result = mix(result, (uint32_t)c[i][(i * 7 + round) % N]);
            a[i][round % N] = c[i][i] % 1000;
        }
    }
    return result;
}
