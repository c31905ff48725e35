// Load linked, store conditional: a counter, a lock, a stack of nodes with compare-and-swap.

#include "bench.h"

const char name[] = "llsc";

enum { ROUNDS = 9000000, NODES = 64 };

struct node { struct node *next; uint32_t value; };

static uint32_t counter, lock, guarded;
static struct node nodes[NODES], *top;

static uint32_t fetch_add(uint32_t *p, uint32_t n) { return __atomic_fetch_add(p, n, __ATOMIC_SEQ_CST); }

static void acquire(uint32_t *l)
{
    while (__atomic_exchange_n(l, 1, __ATOMIC_ACQUIRE))
        ;
}

static void release(uint32_t *l) { __atomic_store_n(l, 0, __ATOMIC_RELEASE); }

static void push(struct node *n)
{
    struct node *before = __atomic_load_n(&top, __ATOMIC_RELAXED);
    do
        n->next = before;
    while (!__atomic_compare_exchange_n(&top, &before, n, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
}

static struct node *pop(void)
{
    struct node *before = __atomic_load_n(&top, __ATOMIC_ACQUIRE);
    while (before && !__atomic_compare_exchange_n(&top, &before, before->next, true, __ATOMIC_ACQUIRE,
                                                  __ATOMIC_ACQUIRE))
        ;
    return before;
}

uint32_t work(void)
{
    uint32_t result = 0;
    for (int i = 0; i < NODES; i++)
        push(&nodes[i]);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        result += fetch_add(&counter, i);
        acquire(&lock);
        guarded = mix(guarded, result);
        release(&lock);
        if (i % 4 == 0) {
            struct node *a = pop(), *b = pop();
            a->value += guarded;
            push(a);
            push(b);
        }
    }
    result = mix(result, guarded);
    for (struct node *n; (n = pop());)
        result = mix(result, n->value);
    return result;
}
