/* hub/budget_rate.c - see budget_rate.h. */
#include "hub/budget_rate.h"

#include "base/util.h"

#include <string.h>

#define MINUTE       SECONDS(60)
#define SLICE_LENGTH (MINUTE / RATE_SLICES)
#define EPISODE      SECONDS(600) /* throttled again within this time, and in another minute: it is a rate, not a burst */
#define LEARN_FROM   20           /* good answers in a minute: with fewer, throttling says nothing of a rate */
#define FORGET_AT    4            /* times the knee: it was not that */
#define WINDOW_LEAST SECONDS(2)   /* two windows whose ends are nearer than this are one */

static void set_rate(struct rate *r, unsigned per_minute)
{
    r->per_minute = per_minute;
    r->good = 0;
    r->burst = MAX(1u, per_minute / 10);
    r->spacing = per_minute ? MINUTE / (per_minute - r->burst + 1) : 0;
}

void rate_init(struct rate *r, unsigned ceiling)
{
    *r = (struct rate){.ceiling = ceiling, .left = -1, .lowered = -EPISODE};
    set_rate(r, ceiling);
}

void rate_set_ceiling(struct rate *r, unsigned ceiling)
{
    if (ceiling == r->ceiling)
        return;
    bool at_most = r->per_minute == r->ceiling;
    r->ceiling = ceiling;
    if (at_most || (ceiling && r->per_minute > ceiling))
        set_rate(r, ceiling);
}

/* --- what went well in the last minute --- */

static void move_slices(struct rate *r, usec_t now)
{
    int64_t slice = now / SLICE_LENGTH;
    if (slice - r->slice >= RATE_SLICES)
        memset(r->went, 0, sizeof(r->went));
    else
        for (int64_t s = r->slice + 1; s <= slice; s++)
            r->went[s % RATE_SLICES] = 0;
    r->slice = slice;
}

static unsigned went_lately(struct rate *r, usec_t now)
{
    unsigned n = 0;
    move_slices(r, now);
    for (unsigned i = 0; i < RATE_SLICES; i++)
        n += r->went[i];
    return n;
}

/* --- asking --- */

static bool in_window(const struct rate *r, usec_t now)
{
    return r->left >= 0 && now < r->window_end;
}

usec_t rate_told_until(const struct rate *r, usec_t now, bool person)
{
    bool spent = in_window(r, now) && r->left <= (person ? 0 : r->reserve);

    return spent ? r->window_end : 0;
}

usec_t rate_ready_at(const struct rate *r, usec_t now, bool person)
{
    usec_t by_rate = r->spacing ? r->due - (usec_t)(r->burst - 1) * r->spacing : 0;

    return MAX(by_rate, rate_told_until(r, now, person));
}

void rate_spend(struct rate *r, usec_t now)
{
    if (r->spacing)
        r->due = MAX(r->due, now) + r->spacing;
    if (in_window(r, now) && r->left > 0)
        r->left--;
}

/* --- learning --- */

/* A twentieth of what is aimed at for each quarter of a minute's calls: from a half back to the whole in some minutes. */
void rate_good(struct rate *r, usec_t now)
{
    unsigned aim = r->ceiling ? r->ceiling : r->knee;
    move_slices(r, now);
    r->went[r->slice % RATE_SLICES]++;
    if (!r->per_minute || r->per_minute == r->ceiling || ++r->good < MAX(1u, r->per_minute / 4))
        return;
    unsigned next = r->per_minute + MAX(1u, aim / 20);
    if (r->ceiling)
        set_rate(r, MIN(next, r->ceiling));
    else
        set_rate(r, next >= FORGET_AT * r->knee ? 0 : next);
}

/* Once a minute: a product that counts a minute refuses for a minute, however slowly it is asked. A rate that nobody told is assumed
 * when it happens in another minute again; once may be a burst, for which fewer calls at once are the cure. */
void rate_throttled(struct rate *r, usec_t now, unsigned least)
{
    bool again = now < r->lowered + EPISODE;
    if (now < r->lowered + MINUTE)
        return;
    r->lowered = now;
    if (!r->per_minute) {
        r->knee = MAX(again ? r->knee : 0, went_lately(r, now));
        if (again && r->knee >= LEARN_FROM)
            set_rate(r, MAX(r->knee / 2, least));
        return;
    }
    r->knee = r->per_minute;
    set_rate(r, MAX(r->per_minute / 2, r->ceiling ? 1u : least));
}

void rate_told(struct rate *r, const struct rate_hint *hint, unsigned in_flight, usec_t now)
{
    int64_t left = MAX(0, hint->remaining - (int64_t)in_flight);
    usec_t end = now + hint->reset, apart = end > r->window_end ? end - r->window_end : r->window_end - end;

    if (in_window(r, now) && apart <= WINDOW_LEAST) /* answers overtake each other */
        left = MIN(left, r->left);
    r->left = left;
    r->reserve = MAX(1, hint->limit / 20);
    r->window_end = end;
}

double rate_left(const struct rate *r, usec_t now)
{
    if (in_window(r, now) && r->left <= r->reserve)
        return 0;
    if (!r->spacing)
        return 1;
    double ahead = (double)MAX(0, r->due - now) / (double)r->spacing;
    return MAX(0.0, 1 - ahead / r->burst);
}

bool rate_is_fresh(const struct rate *r, usec_t now)
{
    return r->per_minute == r->ceiling && r->due <= now && !in_window(r, now);
}
