/* rng.h - the seed's numbers: a pure function of (seed, record, salt), so that record i needs no memory and no history. */
#ifndef SIM_RNG_H
#define SIM_RNG_H

#include <stdint.h>
#include <stdio.h>

static inline uint64_t rng(uint64_t seed, uint64_t record, uint64_t salt)
{
    uint64_t x = seed + record * 0x9e3779b97f4a7c15ull + salt * 0xd1b54a32d192ed03ull;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}

/* 0 … n - 1 */
static inline unsigned rng_below(uint64_t seed, uint64_t record, uint64_t salt, unsigned n)
{
    return (unsigned)((rng(seed, record, salt) >> 16) % n);
}

#define UUID_MAX 37
/* A version 4 UUID in lower case. */
static inline const char *rng_uuid(uint64_t seed, uint64_t record, uint64_t salt, char buf[UUID_MAX])
{
    static const char hex[] = "0123456789abcdef";
    uint64_t half[2] = {rng(seed, record, salt), rng(seed ^ 0xa5a5a5a5ull, record, salt)};
    char *p = buf;
    for (unsigned i = 0; i < 32; i++) {
        unsigned nibble = (unsigned)(half[i / 16] >> (i % 16 * 4)) & 15u;
        if (i == 8 || i == 12 || i == 16 || i == 20)
            *p++ = '-';
        if (i == 12)
            nibble = 4;
        if (i == 16)
            nibble = 8 | (nibble & 3u);
        *p++ = hex[nibble];
    }
    *p = '\0';
    return buf;
}

/* n characters of an alphabet, and a NUL. */
static inline const char *rng_text(uint64_t seed, uint64_t record, uint64_t salt, const char *alphabet,
                                   unsigned letters, char *buf, unsigned n)
{
    uint64_t x = 0;
    for (unsigned i = 0; i < n; i++) {
        if (i % 8 == 0)
            x = rng(seed, record, salt + 1000 + i);
        buf[i] = alphabet[(x & 0xff) % letters];
        x >>= 8;
    }
    buf[n] = '\0';
    return buf;
}

#endif
