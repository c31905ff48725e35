// Compiled floating point: what a compiler makes of C, in hot loops. Contraction is off, so that
// every operation rounds, and the results are exact bit patterns.

#include "console.h"
#include "fpu.h"

static uint64_t bits(double v)
{
    union { double d; uint64_t u; } pun = { .d = v };
    return pun.u;
}

static uint32_t single_bits(float v)
{
    union { float f; uint32_t u; } pun = { .f = v };
    return pun.u;
}

static void mandelbrot(void)
{
    uint32_t h = 0;
    for (int y = -20; y <= 20; y++)
        for (int x = -30; x <= 15; x++) {
            double cr = x / 15.0, ci = y / 16.0, zr = 0, zi = 0;
            uint32_t n = 0;
            while (n < 60 && zr * zr + zi * zi < 4.0) {
                double t = zr * zr - zi * zi + cr;
                zi = 2.0 * zr * zi + ci;
                zr = t;
                n++;
            }
            h = mix(mix64(h, bits(zr)), n);
        }
    report("mandelbrot", h);
}

static void matrices(void)
{
    enum { N = 12 };
    static float a[N][N], b[N][N], c[N][N];
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            a[i][j] = (float)(i * 3 - j) / 7.0f;
            b[i][j] = (float)(i ^ j) * 0.37f;
        }
    uint32_t h = 0;
    for (int round = 0; round < 6; round++)
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) {
                float sum = 0;
                for (int k = 0; k < N; k++)
                    sum += a[i][k] * b[k][j];
                c[i][j] = sum;
                a[j][i] = sum / (1.0f + sum * sum);
                h = mix(h, single_bits(c[i][j]));
            }
    report("matrices", h);
}

// Newton's square roots beside the instruction's own.
static void roots(void)
{
    uint32_t h = 0, different = 0;
    for (uint32_t n = 1; n < 600; n++) {
        double v = n * 1.25, x = v;
        for (int i = 0; i < 20; i++)
            x = 0.5 * (x + v / x);
        double root = __builtin_sqrt(v);
        different += x != root;
        h = mix64(mix64(h, bits(x)), bits(root));
        float f = __builtin_sqrtf((float)v);
        h = mix(h, single_bits(f));
    }
    report_value("roots", h, different);
}

static void mixtures(void)
{
    uint32_t h = 0;
    int64_t sum = 0;
    double series = 0;
    for (int i = 1; i < 2000; i++) {
        float f = (float)i / 3;
        series += (i & 1 ? 4.0 : -4.0) / (2 * i - 1);
        sum += (int)(f * 100.0f) - (int)series;
        h = mix(h, (uint32_t)(int)(series * 1e6));
        h = mix(h, series > f ? 1 : f < 200.5f ? 2 : 3);
    }
    report("mixtures", mix64(mix64(h, bits(series)), (uint64_t)sum));
}

void programs(void)
{
    mandelbrot();
    matrices();
    roots();
    mixtures();
}
