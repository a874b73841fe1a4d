/* software.c - NinjaOne's rows about programs and patches → records.
 * Why:    what waits, what failed and what was installed are told in different lists; words come in capitals and small
 *         letters for the same thing; dates of installation in whatever way the installer wrote them. */
#include "provider/ninjaone/ninjaone.h"

#include <ctype.h>
#include <stdio.h>

#define WORD_MAX 48

/* "2024-06-08", "20240608", a time with zone, or an epoch number. */
static usec_t day_of(struct slice text)
{
    usec_t t;

    text = slice_trim(text);
    if (text.n == 8 && clock_parse_iso(text, &t))
        return t;
    if (text.n == 8) {
        char iso[11];
        snprintf(iso, sizeof(iso), "%.4s-%.2s-%.2s", text.p, text.p + 4, text.p + 6);
        return clock_parse_iso(slice_of(iso, 10), &t) ? t : USEC_NONE;
    }
    return clock_parse_iso(text, &t) || clock_parse_epoch(text, &t) ? t : USEC_NONE;
}

void nin_emit_no_software(struct slice device_id, const struct sink *sink)
{
    struct record r = {
        .kind = RECORD_SOFTWARE,
        .software = {.device_id = device_id, .none = true, .installed = USEC_NONE, .size_bytes = I64_NONE}};
    sink->record(sink->arg, &r);
}

void nin_emit_software(const struct nin_context *c, struct slice device_id, const void *row, const struct sink *sink)
{
    const struct nin_software *s = row;
    struct record r = {
        .kind = RECORD_SOFTWARE,
        .software =
            {
                .device_id = device_id,
                .name = s->name,
                .version = known(s->version),
                .publisher = known(s->publisher),
                .product_code = known(s->code),
                .path = known(s->location),
                .installed = s->installed.n ? day_of(s->installed) : USEC_NONE,
                .size_bytes = s->size,
                .system_component = s->system_component,
            },
    };

    if (!s->name.n)
        sink->reject(sink->arg, RECORD_SOFTWARE, device_id, "name is missing");
    else
        sink->record(sink->arg, &r);
}

/* The same word in the same letters, whichever of the two vocabularies it is from. */
static struct slice lower(struct slice word, char buf[WORD_MAX])
{
    if (!word.n || word.n > WORD_MAX)
        return known(word);
    for (size_t i = 0; i < word.n; i++)
        buf[i] = (char)tolower((unsigned char)word.p[i]);
    return slice_of(buf, word.n);
}

static void emit_patch(struct slice device_id, const struct nin_patch *p, enum patch_family family,
                       const struct sink *sink)
{
    char severity[WORD_MAX], type[WORD_MAX];
    struct slice title = nin_first_known(p->name, p->title);
    struct record r = {
        .kind = RECORD_PATCH,
        .patch =
            {
                .device_id = device_id,
                .family = family,
                .id = nin_first_known(p->id, nin_first_known(p->kb, title)),
                .title = title,
                .kb = known(p->kb),
                .status = (enum patch_status)p->status,
                .severity = lower(nin_first_known(p->severity, p->impact), severity),
                .type = lower(p->type, type),
                .installed_at = p->installed_at,
                .detected_at = p->timestamp,
            },
    };

    if (!r.patch.id.n)
        sink->reject(sink->arg, RECORD_PATCH, device_id, "neither id nor kbNumber nor name is there");
    else
        sink->record(sink->arg, &r);
}

void nin_emit_os_patch(const struct nin_context *c, struct slice device_id, const void *row, const struct sink *sink)
{
    emit_patch(device_id, row, PATCH_OS, sink);
}

void nin_emit_software_patch(const struct nin_context *c, struct slice device_id, const void *row,
                             const struct sink *sink)
{
    emit_patch(device_id, row, PATCH_SOFTWARE, sink);
}

static void emit_none(struct slice device_id, enum patch_family family, const struct sink *sink)
{
    struct record r = {.kind = RECORD_PATCH,
                       .patch = {.device_id = device_id,
                                 .none = true,
                                 .family = family,
                                 .installed_at = USEC_NONE,
                                 .detected_at = USEC_NONE}};
    sink->record(sink->arg, &r);
}

/* A device that is offline has no rows in the lists of what waits, and its counts say nothing either. */
void nin_emit_no_patches(struct slice device_id, const struct nin_health *h, const struct sink *sink)
{
    if (h->offline != TRI_NO)
        return;
    if (h->os_pending == 0)
        emit_none(device_id, PATCH_OS, sink);
    if (h->software_pending == 0)
        emit_none(device_id, PATCH_SOFTWARE, sink);
}

/* Always from the same day on: what the list of failed ones lacks has been dealt with. */
void nin_add_installed_after(struct str *path, const struct machine_input *in)
{
    int64_t days = settings_i64(in->settings, "patch_history_days", NIN_PATCH_HISTORY);
    char iso[CLOCK_ISO_MAX];

    clock_iso(MAX(in->now - SECONDS(86400) * days, 0), iso);
    str_addf(path, "installedAfter=%.4s%.2s%.2s", iso, iso + 5, iso + 8);
}
