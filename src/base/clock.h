/* clock.h - time as one type, and the spellings the products use.
 * Units:  usec_t is microseconds, always: since 1970-01-01T00:00:00Z for points in time (wall), since an arbitrary
 * start for monotonic ones, plain for durations. USEC_NONE marks "not known". */
#ifndef MSPHUB_BASE_CLOCK_H
#define MSPHUB_BASE_CLOCK_H

#include "base/slice.h"

typedef int64_t usec_t;
#define USEC_NONE   INT64_MIN
#define USEC_PER_MS 1000LL
#define USEC_PER_S  1000000LL
#define SECONDS(n)  ((usec_t)(n)*USEC_PER_S)
#define MILLIS(n)   ((usec_t)(n)*USEC_PER_MS)

usec_t clock_wall(void); /* CLOCK_REALTIME; in code that runs on a loop use loop_wall() */
usec_t clock_mono(void); /* CLOCK_MONOTONIC; in code that runs on a loop use loop_now() */

/* Epoch number as text, seconds with any fraction, or milliseconds when it is ≥ 1e11 (NinjaOne sheet §4). Integer
 * arithmetic on the text: "1760000000.412" is exactly …412000. False if it is no number or outside years 1970..9999. */
bool clock_parse_epoch(struct slice text, usec_t *ret);
/* ISO 8601 / RFC 3339: date, or date and time with 'T' or ' ', fraction of any length, 'Z', ±hh:mm, ±hhmm, or no zone
 * (UTC). False outside years 1..9999 in UTC, so that what clock_iso writes of it reads back. */
bool clock_parse_iso(struct slice text, usec_t *ret);
/* "2026-01-09T10:11:12.345678Z" (fraction left out when zero); buf of at least CLOCK_ISO_MAX bytes, returns buf. */
#define CLOCK_ISO_MAX 32
char *clock_iso(usec_t t, char buf[CLOCK_ISO_MAX]);

#endif
