/* changes.c - which devices the activities name, and what of each may have changed.
 * Why:    reading each of them by itself would be a dozen calls a device; by a filter on ids it is one call a report for
 *         up to two hundred of them. */
#include "provider/ninjaone/sync.h"

#include <stdlib.h>

/* The place of the device, or where it belongs: ids ascend. */
static size_t place_of(const struct nin_changes *c, int64_t device)
{
    size_t low = 0, high = c->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (c->v[mid].device < device)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

unsigned nin_changes_of(const struct nin_changes *c, int64_t device)
{
    size_t i = place_of(c, device);

    return i < c->n && c->v[i].device == device ? c->v[i].parts : 0;
}

bool nin_changes_add(struct nin_changes *c, int64_t device, unsigned parts)
{
    size_t i = place_of(c, device);

    if (i < c->n && c->v[i].device == device) {
        c->v[i].parts |= parts;
        return true;
    }
    if (c->n == NIN_CHANGES_MAX)
        return false;
    if (c->n == c->cap) {
        c->cap = c->cap ? 2 * c->cap : 64;
        c->v = mem_realloc_array(c->v, c->cap, sizeof(*c->v));
    }
    memmove(&c->v[i + 1], &c->v[i], (c->n - i) * sizeof(*c->v));
    c->v[i] = (struct nin_changed){device, parts};
    c->n++;
    return true;
}

void nin_changes_release(struct nin_changes *c)
{
    free(c->v);
    *c = (struct nin_changes){0};
}

size_t nin_changes_count(const struct nin_changes *c, unsigned parts)
{
    size_t n = 0;

    for (size_t i = 0; i < c->n; i++)
        n += (c->v[i].parts & parts) != 0;
    return n;
}

size_t nin_changes_df(const struct nin_changes *c, unsigned parts, size_t chunk, struct str *path)
{
    size_t first = chunk * NIN_DF_IDS, seen = 0, n = 0;

    str_adds(path, "df=id%20in%20(");
    for (size_t i = 0; i < c->n && n < NIN_DF_IDS; i++) {
        if (!(c->v[i].parts & parts) || seen++ < first)
            continue;
        str_addf(path, "%s%lld", n++ ? "%2C" : "", (long long)c->v[i].device);
    }
    str_adds(path, ")");
    return n;
}
