// A binary search tree over 4 MiB: random inserts, then lookups, then a walk in order.

#include "bench.h"

const char name[] = "tree";

enum { NODES = 65536, LOOKUPS = 240000, WALKS = 4 };

struct node { struct node *left, *right; uint32_t key, count; char filler[48]; };  // 64 bytes

static struct node nodes[NODES], *root;
static uint32_t used;

static void insert(uint32_t key)
{
    struct node **at = &root;
    while (*at && (*at)->key != key)
        at = key < (*at)->key ? &(*at)->left : &(*at)->right;
    if (!*at) {
        *at = &nodes[used++];
        (*at)->key = key;
    }
    (*at)->count++;
}

// The node with the least key that is not below this one.
static struct node *at_least(uint32_t key)
{
    struct node *best = NULL;
    for (struct node *n = root; n;) {
        if (n->key < key) {
            n = n->right;
        } else {
            best = n;
            n = n->left;
        }
    }
    return best;
}

static uint32_t walk(const struct node *n, uint32_t result)
{
    for (; n; n = n->right)
        result = mix(walk(n->left, result), n->key + n->count);
    return result;
}

uint32_t work(void)
{
    struct random r = { 1 };
    uint32_t result = 0;
    while (used < NODES)
        insert(next(&r));
    for (int i = 0; i < LOOKUPS; i++) {
        struct node *n = at_least(next(&r));
        if (n)
            result = mix(result, ++n->count + n->key);
    }
    for (int i = 0; i < WALKS; i++)
        result = walk(root, result);
    return result;
}
