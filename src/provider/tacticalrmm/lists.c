/* lists.c - an agent's software and updates → records. Everything is text in Tactical RMM: sizes, and days in several
 * spellings; what is not known is the year 1. */
#include "base/decimal.h"
#include "provider/tacticalrmm/tacticalrmm.h"

#include <stdio.h>

/* The parts of a day are numbers without a sign. */
static bool is_part(struct slice text, int64_t least, int64_t most, int64_t *ret)
{
    return text.n && text.n <= 4 && text.p[0] != '-' && text.p[0] != '+' && slice_i64(text, ret) && *ret >= least &&
           *ret <= most;
}

static usec_t day(struct slice year, struct slice month, struct slice of_month)
{
    int64_t y, m, d;
    char iso[16];
    usec_t t;

    /* The year 1 is "not known"; nothing else is that old. */
    if (!is_part(year, 1970, 9999, &y) || !is_part(month, 1, 12, &m) || !is_part(of_month, 1, 31, &d))
        return USEC_NONE;
    snprintf(iso, sizeof(iso), "%04d-%02d-%02d", (int)y, (int)m, (int)d);
    return clock_parse_iso(slice_cstr(iso), &t) ? t : USEC_NONE;
}

usec_t tac_parse_day(struct slice text)
{
    struct slice rest = slice_trim(text), date = slice_cut(&rest, ' '), year = slice_cut(&date, '-'),
                 month = slice_cut(&date, '-');

    return day(year, month, date);
}

usec_t tac_parse_installed(struct slice text)
{
    struct slice rest = slice_trim(text), month = slice_cut(&rest, ' '), of_month = slice_cut(&rest, ' '),
                 year = slice_cut(&rest, ' ');

    return day(year, month, of_month);
}

int64_t tac_parse_size(struct slice text)
{
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB"};
    struct slice unit = slice_trim(text), number = slice_cut(&unit, ' ');
    struct decimal d;
    int64_t bytes;

    unit = slice_trim(unit);
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (slice_ieq(unit, slice_cstr(units[i])) && decimal_parse(number, &d) && !d.negative &&
            decimal_scale(&d, INT64_C(1) << (10 * i), &bytes, NULL))
            return bytes ? bytes : I64_NONE; /* "0 B" is what it says when it does not know */
    return I64_NONE;
}

void tac_emit_software(struct slice device_id, const struct tac_software *s, const struct sink *sink)
{
    const struct tac_software_item *items = s->items.v;
    struct record r = {.kind = RECORD_SOFTWARE};
    bool any = false;

    for (size_t i = 0; i < s->items.n; i++) {
        if (!slice_trim(items[i].name).n)
            continue; /* a leftover of the registry */
        r.software = (struct record_software){
            .device_id = device_id,
            .name = tac_brief(items[i].name),
            .version = tac_brief(items[i].version),
            .publisher = tac_brief(items[i].publisher),
            .path = tac_brief(items[i].location),
            .installed = tac_parse_day(items[i].install_date),
            .size_bytes = tac_parse_size(items[i].size),
        };
        sink->record(sink->arg, &r);
        any = true;
    }
    r.software =
        (struct record_software){.device_id = device_id, .none = true, .installed = USEC_NONE, .size_bytes = I64_NONE};
    if (!any)
        sink->record(sink->arg, &r);
}

enum patch_status tac_patch_status(const struct tac_update *u)
{
    if (u->installed == TRI_YES)
        return PATCH_INSTALLED;
    if (slice_is(u->result, "failed"))
        return PATCH_FAILED;
    if (slice_is(u->action, "ignore"))
        return PATCH_REJECTED;
    return slice_is(u->action, "approve") ? PATCH_APPROVED : PATCH_PENDING;
}

static struct slice first_of(struct slice a, struct slice b, struct slice c)
{
    return a.n ? a : b.n ? b : c;
}

void tac_emit_update(struct slice device_id, const struct tac_update *u, const struct sink *sink)
{
    struct record r = {.kind = RECORD_PATCH,
                       .patch = {
                           .device_id = device_id,
                           .family = PATCH_OS,
                           .id = first_of(u->guid, u->kb, u->title), /* the number is a new one after a scan */
                           .title = tac_brief(u->title),
                           .kb = known(u->kb),
                           .status = tac_patch_status(u),
                           .severity = known(u->severity),
                           .type = u->categories.n ? known(u->categories.v[0]) : SLICE_NONE,
                           .installed_at = u->installed == TRI_YES ? tac_parse_installed(u->date_installed) : USEC_NONE,
                           .detected_at = USEC_NONE,
                       }};

    if (r.patch.id.n)
        sink->record(sink->arg, &r);
    else
        sink->reject(sink->arg, RECORD_PATCH, device_id, "an update without guid, KB number and title");
}
