// A mix in the manner of the benchmarks for small processors, all of it our own: lists sorted by
// two orders, small matrices of 16-bit numbers, a state machine that reads text, CRC-16 over all.

#include "bench.h"

const char name[] = "coremix";

enum { NODES = 64, N = 12, TEXT = 512, ROUNDS = 30000 };

struct node { struct node *next; int16_t key, place; };

static struct node nodes[NODES];
static int16_t a[N][N], b[N][N];
static int32_t c[N][N];
static char text[TEXT];

static uint16_t crc16(uint16_t crc, uint32_t word)
{
    for (int i = 0; i < 32; i++, word >>= 1)
        crc = (uint16_t)((crc ^ word) & 1 ? crc >> 1 ^ 0xa001 : crc >> 1);
    return crc;
}

typedef bool (*before)(const struct node *, const struct node *);

static bool by_key(const struct node *x, const struct node *y) { return x->key < y->key; }
static bool by_place(const struct node *x, const struct node *y) { return x->place < y->place; }

static struct node *merge(struct node *x, struct node *y, before first)
{
    struct node *head = NULL, **tail = &head;
    while (x && y) {
        struct node **from = first(y, x) ? &y : &x;
        *tail = *from;
        tail = &(*tail)->next;
        *from = (*from)->next;
    }
    *tail = x ? x : y;
    return head;
}

static struct node *sort(struct node *head, before first)
{
    if (!head || !head->next)
        return head;
    struct node *middle = head;
    for (struct node *end = head->next; end && end->next; end = end->next->next)
        middle = middle->next;
    struct node *rest = middle->next;
    middle->next = NULL;
    return merge(sort(head, first), sort(rest, first), first);
}

static uint16_t lists(struct random *r, uint16_t crc)
{
    for (int i = 0; i < NODES; i++)
        nodes[i] = (struct node){ i + 1 < NODES ? &nodes[i + 1] : NULL, (int16_t)next(r), (int16_t)i };
    struct node *head = sort(nodes, by_key);
    for (struct node *n = head; n; n = n->next)
        if (n->place % 4 == 0)
            crc = crc16(crc, (uint16_t)n->key);
    head = sort(head, by_place);
    return crc16(crc, (uint32_t)(head - nodes));
}

static uint16_t matrices(struct random *r, uint16_t crc)
{
    int16_t add = (int16_t)(next(r) % 100);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            a[i][j] = (int16_t)(a[i][j] + add);
            b[i][j] = (int16_t)(i * add - j);
        }
    int32_t sum = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            int32_t v = 0;
            for (int k = 0; k < N; k++)
                v = (int32_t)((uint32_t)v + (uint32_t)(a[i][k] * b[k][j]));
            c[i][j] = v;
            sum = (int32_t)((uint32_t)sum + (v > 1000 ? 10u : (uint32_t)v >> 4));
        }
    return crc16(crc16(crc, (uint32_t)sum), (uint32_t)c[N / 2][N / 3]);
}

// Reads numbers as C writes them: what is each piece of the text?
enum state { START, SIGN, INTEGER, HEXADECIMAL, POINT, FRACTION, EXPONENT, WRONG, STATES };

static bool digit(char ch) { return ch >= '0' && ch <= '9'; }

static enum state step(enum state s, char ch)
{
    switch (s) {
    case START:
        return digit(ch) ? INTEGER : ch == '+' || ch == '-' ? SIGN : ch == '.' ? POINT : WRONG;
    case SIGN: return digit(ch) ? INTEGER : ch == '.' ? POINT : WRONG;
    case INTEGER:
        return digit(ch) ? INTEGER : ch == '.' ? FRACTION : ch == 'e' ? EXPONENT
             : ch == 'x' ? HEXADECIMAL : WRONG;
    case HEXADECIMAL: return digit(ch) || (ch >= 'a' && ch <= 'f') ? HEXADECIMAL : WRONG;
    case POINT: return digit(ch) ? FRACTION : WRONG;
    case FRACTION: return digit(ch) ? FRACTION : ch == 'e' ? EXPONENT : WRONG;
    case EXPONENT: return digit(ch) ? EXPONENT : WRONG;
    default: return WRONG;
    }
}

static uint16_t states(struct random *r, uint16_t crc)
{
    static const char letters[] = "0123456789..+-exaf,,,,,,";
    uint32_t ends[STATES] = { 0 }, visits[STATES] = { 0 };
    for (int i = 0; i < TEXT; i++)
        text[i] = letters[next(r) % (sizeof letters - 1)];
    enum state s = START;
    for (int i = 0; i < TEXT; i++) {
        if (text[i] == ',') {
            ends[s]++;
            s = START;
        } else {
            s = step(s, text[i]);
            visits[s]++;
        }
    }
    for (int i = 0; i < STATES; i++)
        crc = crc16(crc, ends[i] << 16 | visits[i]);
    return crc;
}

uint32_t work(void)
{
    struct random r = { 1 };
    uint32_t result = 0;
    uint16_t crc = 0xffff;
    for (int round = 0; round < ROUNDS; round++) {
        crc = lists(&r, crc);
        crc = matrices(&r, crc);
        crc = states(&r, crc);
        result = mix(result, crc);
    }
    return result;
}
