// Products of matrices of doubles, and solving linear equations by Gauss's elimination.

#include "bench.h"

const char name[] = "matdouble";

enum { N = 64, ROUNDS = 50 };

static double a[N][N], b[N][N], c[N][N], x[N], y[N];

static uint32_t hash(double d)
{
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    return (uint32_t)(bits >> 32) * 31 + (uint32_t)bits;
}

// From -1 to 1. Only sums, products, quotients and comparisons follow: IEEE 754 fixes every bit.
static double fraction(struct random *r) { return ((int32_t)next(r) >> 8) * (1.0 / 8388608); }

static void multiply(void)
{
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            double sum = 0;
            for (int k = 0; k < N; k++)
                sum += a[i][k] * b[k][j];
            c[i][j] = sum;
        }
}

static double magnitude(double d) { return d < 0 ? -d : d; }

static void swap_rows(int i, int j)
{
    for (int k = 0; k < N; k++) {
        double t = c[i][k];
        c[i][k] = c[j][k];
        c[j][k] = t;
    }
    double t = y[i];
    y[i] = y[j];
    y[j] = t;
}

// Solves c x = y with partial pivoting; destroys c and y.
static void solve(void)
{
    for (int k = 0; k < N; k++) {
        int pivot = k;
        for (int i = k + 1; i < N; i++)
            if (magnitude(c[i][k]) > magnitude(c[pivot][k]))
                pivot = i;
        swap_rows(k, pivot);
        for (int i = k + 1; i < N; i++) {
            double f = c[i][k] / c[k][k];
            for (int j = k; j < N; j++)
                c[i][j] -= f * c[k][j];
            y[i] -= f * y[k];
        }
    }
    for (int k = N; k-- > 0;) {
        double sum = y[k];
        for (int j = k + 1; j < N; j++)
            sum -= c[k][j] * x[j];
        x[k] = sum / c[k][k];
    }
}

uint32_t work(void)
{
    struct random r = { 1 };
    uint32_t result = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            a[i][j] = fraction(&r), b[i][j] = fraction(&r);
    for (int round = 0; round < ROUNDS; round++) {
        multiply();
        for (int i = 0; i < N; i++)
            y[i] = fraction(&r);
        for (int i = 0; i < N; i++)
            result = mix(result, hash(c[i][round % N]));
        solve();
        for (int i = 0; i < N; i++)
            result = mix(result, hash(x[i]));
        a[round % N][round * 7 % N] = fraction(&r);
    }
    return result;
}
