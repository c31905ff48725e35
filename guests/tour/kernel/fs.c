// The file system: a flat list of names. A file is a program that is part of the kernel image
// (read-only), one page of memory, or the console.

#include "kernel.h"

enum kind { NOTHING, PROGRAM, MEMORY, CONSOLE };
enum { FILES = 24 };

struct file {
    enum kind kind;
    char name[NAME_MAX];
    uint8_t *data;
    uint32_t size;
};

struct program_file { const char *name; uint8_t *start, *end; };
extern const struct program_file programs[];   // programs.S

static struct file files[FILES];

static struct file *add(enum kind kind, const char *name, uint8_t *data, uint32_t size)
{
    for (struct file *f = files; f < files + FILES; f++)
        if (f->kind == NOTHING) {
            *f = (struct file){ .kind = kind, .data = data, .size = size };
            memcpy(f->name, name, strlen(name) + 1);
            return f;
        }
    return NULL;
}

void fs_init(void)
{
    add(CONSOLE, "console", NULL, 0);
    for (const struct program_file *p = programs; p->name; p++)
        add(PROGRAM, p->name, p->start, (uint32_t)(p->end - p->start));
}

unsigned fs_count(void)
{
    unsigned n = 0;
    for (struct file *f = files; f < files + FILES; f++)
        n += f->kind != NOTHING;
    return n;
}

struct file *fs_open(const char *path, bool create)
{
    for (struct file *f = files; f < files + FILES; f++)
        if (f->kind != NOTHING && strcmp(f->name, path) == 0)
            return f;
    if (!create || strlen(path) >= NAME_MAX)
        return NULL;
    void *page = frame_alloc(0);
    return page ? add(MEMORY, path, page, 0) : NULL;
}

uint32_t fs_read(struct file *f, uint32_t offset, void *to, uint32_t n)
{
    if (offset >= f->size)
        return 0;
    if (n > f->size - offset)
        n = f->size - offset;
    memcpy(to, f->data + offset, n);
    return n;
}

// An offset past the end means the end; writing nothing at 0 empties the file.
uint32_t fs_write(struct file *f, uint32_t offset, const void *from, uint32_t n)
{
    if (f->kind == CONSOLE) {
        for (uint32_t i = 0; i < n; i++)
            putc(((const char *)from)[i]);
        console_flush();
        return n;
    }
    if (f->kind != MEMORY)
        return 0;
    if (offset > f->size)
        offset = f->size;
    if (n > PAGE - offset)
        n = PAGE - offset;
    memcpy(f->data + offset, from, n);
    if (n == 0 && offset == 0)
        f->size = 0;
    if (f->size < offset + n)
        f->size = offset + n;
    return n;
}
