/* mem.c - allocation that cannot fail, and arenas.
 * Why:    see mem.h.
 * Owns:   an arena is a chain of blocks; the newest is handed out from front to back.
 * Always: what an arena hands out is zeroed and aligned for any type. Under AddressSanitizer the rest of a block is
 * poisoned, so that a text kept past its arena's reset is found by the first test that reads it. */
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n)   ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

NORETURN static void out_of_memory(size_t n)
{
    fprintf(stderr, "msphub: out of memory: %zu bytes wanted\n", n);
    abort();
}

static void *checked(void *p, size_t n)
{
    if (!p)
        out_of_memory(n);
    return p;
}

void *mem_alloc(size_t n)
{
    return checked(malloc(n ? n : 1), n);
}

void *mem_zalloc(size_t n)
{
    return checked(calloc(1, n ? n : 1), n);
}

void *mem_realloc(void *p, size_t n)
{
    return checked(realloc(p, n ? n : 1), n);
}

void *mem_realloc_array(void *p, size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes))
        out_of_memory(SIZE_MAX);
    return mem_realloc(p, bytes);
}

char *mem_strdup(const char *s)
{
    return mem_strndup(s, strlen(s));
}

char *mem_strndup(const char *s, size_t n)
{
    if (n == SIZE_MAX)
        out_of_memory(n);
    char *copy = mem_alloc(n + 1);
    if (n)
        memcpy(copy, s, n);
    copy[n] = '\0';
    return copy;
}

char *mem_printf(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text = NULL;
    int n = vasprintf(&text, fmt, ap);
    va_end(ap);
    return checked(n < 0 ? NULL : text, 0);
}

void mem_freep(void *pp)
{
    void *p;
    memcpy(&p, pp, sizeof(p)); /* whatever the pointer's type, without breaking the aliasing rules */
    free(p);
}

#define BLOCK_FIRST ((size_t)4 << 10)
#define BLOCK_MOST  ((size_t)256 << 10) /* the growth of blocks ends here, and a larger one is not kept by a reset */
#define ALIGN_UP(n) (((n) + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1))

struct block {
    struct block *older;
    size_t size, used; /* of data */
    _Alignas(max_align_t) char data[];
};

struct arena {
    struct block *newest;
    size_t used;
};

static struct block *block_new(size_t size, struct block *older)
{
    size_t bytes;
    if (__builtin_add_overflow(sizeof(struct block), size, &bytes))
        out_of_memory(size);
    struct block *b = mem_alloc(bytes);
    *b = (struct block){.older = older, .size = size};
    ASAN_POISON_MEMORY_REGION(b->data, size);
    return b;
}

static void block_free(struct block *b)
{
    ASAN_UNPOISON_MEMORY_REGION(b->data, b->size);
    free(b);
}

struct arena *arena_new(void)
{
    struct arena *a = NEW(struct arena);
    a->newest = block_new(BLOCK_FIRST, NULL);
    return a;
}

static void *arena_take(struct arena *a, size_t n) /* not zeroed */
{
    if (n > SIZE_MAX / 2)
        out_of_memory(n);
    size_t need = ALIGN_UP(n ? n : 1);
    if (need > a->newest->size - a->newest->used) {
        size_t size = MIN(a->newest->size * 2, BLOCK_MOST);
        a->newest = block_new(MAX(size, need), a->newest);
    }
    struct block *b = a->newest;
    void *p = b->data + b->used;
    ASAN_UNPOISON_MEMORY_REGION(p, n ? n : 1);
    b->used += need;
    a->used += need;
    return p;
}

void *arena_alloc(struct arena *a, size_t n)
{
    return memset(arena_take(a, n), 0, n);
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
    char *copy = arena_take(a, n + 1);
    if (n)
        memcpy(copy, s, n);
    copy[n] = '\0';
    return copy;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0)
        n = 0; /* only an encoding error of wide characters, which msphub does not print */
    char *text = arena_alloc(a, (size_t)n + 1);
    vsnprintf(text, (size_t)n + 1, fmt, again);
    va_end(again);
    return text;
}

size_t arena_used(const struct arena *a)
{
    return a->used;
}

void arena_reset(struct arena *a)
{
    a->used = 0;
    struct block *keep = a->newest;
    while (keep->older && keep->size > BLOCK_MOST)
        keep = keep->older;
    for (struct block *b = a->newest, *older; b; b = older) {
        older = b->older;
        if (b != keep)
            block_free(b);
    }
    keep->older = NULL;
    keep->used = 0;
    ASAN_POISON_MEMORY_REGION(keep->data, keep->size);
    a->newest = keep;
}

void arena_wipe(struct arena *a)
{
    for (struct block *b = a->newest; b; b = b->older) {
        ASAN_UNPOISON_MEMORY_REGION(b->data, b->size);
        explicit_bzero(b->data, b->used);
    }
    arena_reset(a);
}

void arena_free(struct arena *a)
{
    if (!a)
        return;
    for (struct block *b = a->newest, *older; b; b = older) {
        older = b->older;
        block_free(b);
    }
    free(a);
}

void arena_freep(struct arena **a)
{
    arena_free(*a);
}
