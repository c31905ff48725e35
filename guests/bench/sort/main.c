// Sorting integers: quicksort with recursion, then heap sort, of fresh numbers each round.

#include "bench.h"

const char name[] = "sort";

enum { N = 32768, ROUNDS = 140, SMALL = 12 };

static uint32_t numbers[N];

static void swap(uint32_t *a, uint32_t *b)
{
    uint32_t t = *a;
    *a = *b;
    *b = t;
}

static void insertion_sort(uint32_t *v, int n)
{
    for (int i = 1; i < n; i++) {
        uint32_t x = v[i];
        int j = i;
        for (; j > 0 && v[j - 1] > x; j--)
            v[j] = v[j - 1];
        v[j] = x;
    }
}

static void quicksort(uint32_t *v, int n)
{
    while (n > SMALL) {
        uint32_t pivot = v[n / 2];
        int i = 0, j = n - 1;
        while (i <= j) {
            while (v[i] < pivot)
                i++;
            while (v[j] > pivot)
                j--;
            if (i <= j)
                swap(&v[i++], &v[j--]);
        }
        quicksort(v, j + 1);
        v += i;
        n -= i;
    }
    insertion_sort(v, n);
}

static void sift_down(uint32_t *v, int root, int n)
{
    for (int child; (child = 2 * root + 1) < n; root = child) {
        if (child + 1 < n && v[child + 1] > v[child])
            child++;
        if (v[root] >= v[child])
            return;
        swap(&v[root], &v[child]);
    }
}

static void heapsort(uint32_t *v, int n)
{
    for (int i = n / 2; i-- > 0;)
        sift_down(v, i, n);
    for (int i = n - 1; i > 0; i--) {
        swap(&v[0], &v[i]);
        sift_down(v, 0, i);
    }
}

// Fills the array, sorts it, and returns a number that knows every element's place; 0 if disordered.
static uint32_t round(struct random *r, void (*sort)(uint32_t *, int))
{
    uint32_t result = 1;
    for (int i = 0; i < N; i++)
        numbers[i] = next(r);
    sort(numbers, N);
    for (int i = 0; i < N; i++) {
        if (i > 0 && numbers[i - 1] > numbers[i])
            return 0;
        result = mix(result, numbers[i]);
    }
    return result;
}

uint32_t work(void)
{
    struct random r = { 1 };
    uint32_t result = 0;
    for (int i = 0; i < ROUNDS; i++)
        result = mix(result, round(&r, i % 2 ? heapsort : quicksort));
    return result;
}
