/* mem.h - memory: allocation that cannot fail, and arenas.
 * Why:    every allocation sized by a peer is bounded by a named ceiling before it is made; what is left are small
 *         blocks whose failure means the machine is out of memory. msphub is crash-safe by law (nothing acknowledged is
 *         lost when a process is killed), so it ends there with a clear line instead of limping on through code paths
 * that nobody can test. Always: no function here returns NULL; sizes are checked for overflow. */
#ifndef MSPHUB_BASE_MEM_H
#define MSPHUB_BASE_MEM_H

#include "base/util.h"

void *mem_alloc(size_t n) RETURNS_NONNULL __attribute__((malloc, alloc_size(1)));
void *mem_zalloc(size_t n) RETURNS_NONNULL __attribute__((malloc, alloc_size(1)));
void *mem_realloc(void *p, size_t n) RETURNS_NONNULL WARN_UNUSED;
/* Room for n elements of `size` bytes; ends the process when n * size overflows. */
void *mem_realloc_array(void *p, size_t n, size_t size) RETURNS_NONNULL WARN_UNUSED;
char *mem_strdup(const char *s) RETURNS_NONNULL __attribute__((malloc));
/* A NUL-terminated copy of n bytes. */
char *mem_strndup(const char *s, size_t n) RETURNS_NONNULL __attribute__((malloc));
char *mem_printf(const char *fmt, ...) RETURNS_NONNULL PRINTF_LIKE(1, 2);
/* free() for `_cleanup_(mem_freep)`: takes the address of a pointer. */
void mem_freep(void *pp);

#define NEW(type) ((type *)mem_zalloc(sizeof(type)))

/* An arena: blocks that live and die together (a page's rows, a request's scratch). Not thread-safe. */
struct arena;
struct arena *arena_new(void) RETURNS_NONNULL;
void *arena_alloc(struct arena *a, size_t n) RETURNS_NONNULL;                  /* aligned for any type, zeroed */
char *arena_strndup(struct arena *a, const char *s, size_t n) RETURNS_NONNULL; /* NUL-terminated */
char *arena_printf(struct arena *a, const char *fmt, ...) RETURNS_NONNULL PRINTF_LIKE(2, 3);
size_t arena_used(const struct arena *a); /* bytes handed out since the last reset */
void arena_reset(struct arena *a); /* forgets everything, keeps one block so that a loop of resets does not allocate */
void arena_wipe(struct arena *a);  /* a reset that overwrites what was there, for what held secrets */
void arena_free(struct arena *a);  /* NULL is allowed */
void arena_freep(struct arena **a);

#endif
