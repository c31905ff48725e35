// A linked list in random order over 4 MiB: 1024 pages, two words used in each step.

#include "bench.h"

const char name[] = "list";

enum { NODES = 65536, ROUNDS = 20 };

struct node { struct node *next; uint32_t value; char filler[56]; };   // 64 bytes

static struct node nodes[NODES];
static uint32_t order[NODES];

// Links the nodes in an order in which neighbours are rarely on the same page.
static struct node *shuffle(struct random *r)
{
    for (uint32_t i = 0; i < NODES; i++)
        order[i] = i;
    for (uint32_t i = NODES - 1; i > 0; i--) {
        uint32_t j = next(r) % (i + 1), t = order[i];
        order[i] = order[j];
        order[j] = t;
    }
    for (uint32_t i = 0; i < NODES; i++) {
        nodes[order[i]].next = i + 1 < NODES ? &nodes[order[i + 1]] : NULL;
        nodes[order[i]].value = next(r);
    }
    return &nodes[order[0]];
}

static struct node *reverse(struct node *head)
{
    struct node *done = NULL;
    while (head) {
        struct node *rest = head->next;
        head->next = done;
        done = head;
        head = rest;
    }
    return done;
}

uint32_t work(void)
{
    struct random r = { 1 };
    struct node *head = shuffle(&r);
    uint32_t result = 0;
    for (int round = 0; round < ROUNDS; round++) {
        for (struct node *n = head; n; n = n->next) {
            result = mix(result, n->value);
            n->value += result;
        }
        if (round % 4 == 3)
            head = reverse(head);
    }
    return result;
}
