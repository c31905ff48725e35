// Strings: building words, measuring, comparing, searching, counting them in a hash table.

#include "bench.h"

const char name[] = "strings";

enum { TEXT = 60000, BUCKETS = 1024, WORDS = 4096, WORD_MAX = 10, ROUNDS = 400 };

struct entry { struct entry *next; uint32_t count; char word[WORD_MAX + 1]; };

static char text[TEXT + WORD_MAX + 2];
static struct entry *buckets[BUCKETS], entries[WORDS];
static uint32_t used;

static void write_text(struct random *r)
{
    static const char syllables[] = "kabodifuge";
    char *p = text;
    while (p < text + TEXT) {
        for (uint32_t n = next(r) % 5 + 1; n; n--) {
            uint32_t s = next(r) % 5 * 2;
            *p++ = syllables[s];
            *p++ = syllables[s + 1];
        }
        *p++ = ' ';
    }
    *p = '\0';
}

static const char *find(const char *in, const char *what)
{
    for (; *in; in++) {
        const char *a = in, *b = what;
        while (*b && *a == *b)
            a++, b++;
        if (!*b)
            return in;
    }
    return NULL;
}

static void count_word(const char *word)
{
    uint32_t h = 5381;
    for (const char *c = word; *c; c++)
        h = h * 33 + (uint8_t)*c;
    struct entry **bucket = &buckets[h % BUCKETS];
    for (struct entry *e = *bucket; e; e = e->next)
        if (strcmp(e->word, word) == 0) {
            e->count++;
            return;
        }
    struct entry *fresh = &entries[used++];
    fresh->count = 1;
    fresh->next = *bucket;
    memcpy(fresh->word, word, strlen(word) + 1);
    *bucket = fresh;
}

static void count_words(void)
{
    memset(buckets, 0, sizeof buckets);
    used = 0;
    for (const char *p = text; *p; p++) {
        char word[WORD_MAX + 1];
        size_t n = 0;
        while (*p != ' ')
            word[n++] = *p++;
        word[n] = '\0';
        count_word(word);
    }
}

uint32_t work(void)
{
    struct random r = { 1 };
    uint32_t result = 0;
    for (int round = 0; round < ROUNDS; round++) {
        write_text(&r);
        count_words();
        result = mix(result, used);
        for (uint32_t i = 0; i < used; i += 64) {
            const char *found = find(text, entries[i].word);
            result = mix(result, (uint32_t)(found - text) + entries[i].count);
        }
        result = mix(result, (uint32_t)strlen(text));
    }
    return result;
}
