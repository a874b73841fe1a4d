/* ticket.c - Syncro's tickets and comments → records; what an account's status words mean. */
#include "provider/syncro/syncro.h"

#include <strings.h>

#define ASSETS_MAX 200 /* of one ticket are linked */

static bool has_word(struct slice text, const char *word)
{
    size_t n = strlen(word);

    for (size_t i = 0; i + n <= text.n; i++)
        if (strncasecmp(text.p + i, word, n) == 0)
            return true;
    return false;
}

/* The words are the account's own. The factory's, then what is in most names that people give. */
enum ticket_status syn_ticket_status(struct slice word, bool resolved)
{
    static const struct {
        const char *word;
        enum ticket_status status;
    } words[] = {{"customer reply", TICKET_OPEN}, {"invoice", TICKET_CLOSED},      {"cancel", TICKET_CLOSED},
                 {"close", TICKET_CLOSED},        {"resolve", TICKET_RESOLVED},    {"complete", TICKET_RESOLVED},
                 {"done", TICKET_RESOLVED},       {"wait", TICKET_WAITING},        {"scheduled", TICKET_WAITING},
                 {"pending", TICKET_WAITING},     {"hold", TICKET_WAITING},        {"progress", TICKET_IN_PROGRESS},
                 {"working", TICKET_IN_PROGRESS}, {"assigned", TICKET_IN_PROGRESS}};

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (has_word(word, words[i].word))
            return words[i].status;
    return resolved ? TICKET_RESOLVED : word.n ? TICKET_OPEN : TICKET_UNKNOWN;
}

/* By the id, not by the number. */
void syn_ticket_url(const struct settings *s, struct slice id, struct str *ret)
{
    _cleanup_(str_release) struct str subdomain = {0};
    struct err e;

    if (syn_subdomain(s, &subdomain, &e))
        str_addf(ret, "https://%s.%.*s/tickets/%.*s", subdomain.p, SLICE_FMT(settings_text(s, "site")), SLICE_FMT(id));
}

void syn_emit_ticket(const struct syn_ticket *t, const struct settings *s, const struct sink *sink)
{
    const struct syn_asset_id *assets = t->assets.v;
    struct slice ids[ASSETS_MAX];
    struct texts devices = {ids, 0};
    _cleanup_(str_release) struct str url = {0};

    for (size_t i = 0; i < t->assets.n && devices.n < ASSETS_MAX; i++)
        if (syn_is_id(assets[i].id))
            ids[devices.n++] = assets[i].id;
    if (!t->assets.v)
        devices = (struct texts){NULL, 0};
    syn_ticket_url(s, t->id, &url);
    struct record r = {.kind = RECORD_TICKET,
                       .ticket = {.id = t->id,
                                  .number = t->number,
                                  .organization_id = syn_is_id(t->customer_id) ? t->customer_id : SLICE(""),
                                  .contact_id = syn_is_id(t->contact_id) ? t->contact_id : SLICE_NONE,
                                  .subject = known(slice_trim(t->subject)),
                                  .type = known(slice_trim(t->problem_type)),
                                  .priority = known(slice_trim(t->priority)),
                                  .status_word = known(slice_trim(t->status)),
                                  .assignee = known(slice_trim(t->user)),
                                  .url = str_slice(&url),
                                  .status = syn_ticket_status(t->status, t->resolved != USEC_NONE),
                                  .device_ids = devices,
                                  .created = t->created,
                                  .changed = t->updated,
                                  .resolved = t->resolved,
                                  .due = t->due}};
    sink->record(sink->arg, &r);
}

void syn_emit_comment(const struct syn_comment *c, struct slice ticket_id, const struct sink *sink)
{
    struct slice tech = slice_trim(c->tech);
    bool customer = !syn_is_id(c->user_id);
    struct record r = {.kind = RECORD_COMMENT,
                       .comment = {.id = c->id,
                                   .ticket_id = c->ticket_id.n ? c->ticket_id : ticket_id,
                                   .author = known(tech),
                                   .subject = known(slice_trim(c->subject)),
                                   .body = known(c->body),
                                   .hidden = !c->hidden.n             ? TRI_UNKNOWN
                                             : syn_is_true(c->hidden) ? TRI_YES
                                                                      : TRI_NO,
                                   .from_customer = customer ? TRI_YES : TRI_NO,
                                   .created = c->created,
                                   .changed = c->updated}};
    if (syn_is_id(c->id))
        sink->record(sink->arg, &r);
}

void syn_emit_comments(const struct syn_ticket *t, const struct sink *sink)
{
    const struct syn_comment *v = t->comments.v;

    for (size_t i = 0; i < t->comments.n; i++)
        syn_emit_comment(&v[i], t->id, sink);
}
