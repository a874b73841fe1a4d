/* fuzz.h - what the fuzz targets share: a claim that must hold, numbers taken from the input, texts fed in cuts.
 * Always: a piece that is fed is a block of exactly its size, so that the sanitizer sees a byte too far. */
#ifndef MSPHUB_TEST_FUZZ_FUZZ_H
#define MSPHUB_TEST_FUZZ_FUZZ_H

#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* assert() would do, but for release builds. */
#define HOLD(x)                                                                                                        \
    do {                                                                                                               \
        if (!(x)) {                                                                                                    \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #x);                                     \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

/* Takes the first byte; 0 when there is none. */
static inline unsigned fuzz_byte(struct slice *in)
{
    if (!in->n)
        return 0;
    unsigned v = (uint8_t)in->p[0];
    *in = slice_of(in->p + 1, in->n - 1);
    return v;
}

static inline char *fuzz_copy(struct slice s)
{
    char *p = malloc(s.n ? s.n : 1);
    HOLD(p);
    if (s.n)
        memcpy(p, s.p, s.n);
    return p;
}

/* A text in pieces of 1 to 64 bytes, small ones more often, drawn from the seed; seed 0: at once. */
struct fuzz_cuts {
    struct slice rest;
    uint32_t seed;
    char *piece;
};

static inline struct fuzz_cuts fuzz_cuts(struct slice text, unsigned seed)
{
    return (struct fuzz_cuts){text, seed, NULL};
}

/* False at the end. The piece lives until the next call; who stops before the end calls fuzz_cuts_end. */
static inline bool fuzz_cuts_next(struct fuzz_cuts *c, struct slice *ret)
{
    free(c->piece);
    c->piece = NULL;
    if (!c->rest.n)
        return false;
    size_t n = c->rest.n;
    if (c->seed) {
        c->seed = c->seed * 1664525u + 1013904223u;
        n = MIN(n, 1 + (c->seed >> 8) % (1u << (c->seed >> 24) % 7));
    }
    *ret = slice_of(c->piece = fuzz_copy(slice_of(c->rest.p, n)), n);
    c->rest = slice_of(c->rest.p + n, c->rest.n - n);
    return true;
}

static inline void fuzz_cuts_end(struct fuzz_cuts *c)
{
    free(c->piece);
    c->piece = NULL;
}

#endif
