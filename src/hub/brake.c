/* hub/brake.c - see brake.h. A name is its debt: a point in time up to which it has been paid for ahead. */
#include "hub/brake.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <uthash.h>

struct name {
    char text[BRAKE_NAME_MAX];
    usec_t owes_until;
    UT_hash_handle hh;
};

struct brake {
    struct name *names;
    size_t max;
};

struct brake *brake_new(size_t max_names)
{
    struct brake *b = NEW(struct brake);
    b->max = max_names;
    return b;
}

static void name_drop(struct brake *b, struct name *n)
{
    HASH_DEL(b->names, n);
    free(n);
}

void brake_free(struct brake *b)
{
    if (!b)
        return;
    struct name *n, *next;
    HASH_ITER(hh, b->names, n, next)
    name_drop(b, n);
    free(b);
}

size_t brake_names(const struct brake *b)
{
    return HASH_COUNT(b->names);
}

/* Of a few that were added long ago, so that a flood costs no search through all. */
static void make_room(struct brake *b)
{
    struct name *least = b->names, *n = b->names, *next;
    for (unsigned i = 0; n && i < 16; i++, n = next) {
        next = n->hh.next;
        if (n->owes_until < least->owes_until)
            least = n;
    }
    if (least)
        name_drop(b, least);
}

bool brake_take(struct brake *b, const char *name, usec_t now, usec_t window, int64_t per_window, usec_t *ret_wait)
{
    struct name *n;
    HASH_FIND_STR(b->names, name, n);
    if (!n) {
        if (HASH_COUNT(b->names) >= b->max)
            make_room(b);
        n = NEW(struct name);
        snprintf(n->text, sizeof(n->text), "%s", name);
        n->owes_until = now;
        HASH_ADD_STR(b->names, text, n);
    }
    usec_t from = MAX(n->owes_until, now), price = window / per_window;
    if (from + price > now + window) {
        *ret_wait = from + price - (now + window);
        return false;
    }
    n->owes_until = from + price;
    return true;
}

void brake_give_back(struct brake *b, const char *name, usec_t window, int64_t per_window)
{
    struct name *n;
    HASH_FIND_STR(b->names, name, n);
    if (n)
        n->owes_until -= window / per_window;
}

void brake_address(const char *address, char ret[BRAKE_NAME_MAX])
{
    struct in6_addr a;
    if (inet_pton(AF_INET6, address, &a) == 1 && !IN6_IS_ADDR_V4MAPPED(&a)) {
        memset(a.s6_addr + 8, 0, 8);
        inet_ntop(AF_INET6, &a, ret, BRAKE_NAME_MAX);
    } else {
        snprintf(ret, BRAKE_NAME_MAX, "%s", address);
    }
}
