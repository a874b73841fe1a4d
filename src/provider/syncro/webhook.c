/* webhook.c - what Syncro's Notification Center posts: {"text", "html", "link", "attributes"}, and nothing that names the event.
 * Why:    the kind is told by the link's path, or by members of the attributes; the values may be old, may miss that an alert is
 *         resolved, and nobody signed them. So a delivery says what to read again, and nothing else of it is believed.
 * Always: no record but RECORD_REFRESH. */
#include "provider/common_scan.h"
#include "provider/syncro/syncro.h"

struct hook {
    struct slice text, link, id, ticket_id, computer, updated, cause, output;
};
static const struct map_field hook_fields[] = {
    {"text", MAP_LOOSE_TEXT, offsetof(struct hook, text)},
    {"link", MAP_LOOSE_TEXT, offsetof(struct hook, link)},
    {"attributes.id", MAP_LOOSE_TEXT, offsetof(struct hook, id)},
    {"attributes.ticket_id", MAP_LOOSE_TEXT, offsetof(struct hook, ticket_id)},
    {"attributes.computer_name", MAP_LOOSE_TEXT, offsetof(struct hook, computer)},
    {"attributes.updated_at", MAP_LOOSE_TEXT, offsetof(struct hook, updated)},
    {"attributes.properties.description", MAP_LOOSE_TEXT, offsetof(struct hook, cause)},
    {"attributes.formatted_output", MAP_LOOSE_TEXT, offsetof(struct hook, output)},
};
static const struct map hook_map = {sizeof(struct hook), hook_fields, ARRAY_LEN(hook_fields)};

/* "https://x/tickets/910001?a=b" → "tickets", "910001" */
static void split_link(struct slice link, struct slice *ret_word, struct slice *ret_id)
{
    struct slice rest = link, path;

    *ret_word = *ret_id = SLICE_NONE;
    for (int i = 0; i < 3 && memchr(rest.n ? rest.p : "", '/', rest.n); i++)
        (void)slice_cut(&rest, '/'); /* scheme, nothing, host */
    path = slice_cut(&rest, '?');
    *ret_word = slice_cut(&path, '/');
    *ret_id = slice_cut(&path, '/');
}

enum about { ABOUT_NOTHING, ABOUT_TICKET, ABOUT_COMMENT, ABOUT_ALERT, ABOUT_ASSET, ABOUT_CUSTOMER, ABOUT_OTHER };
static const struct {
    const char *word; /* of the link */
    enum about about;
} words[] = {
    {"tickets", ABOUT_TICKET},     {"rmm_alerts", ABOUT_ALERT},      {"customer_assets", ABOUT_ASSET},
    {"assets", ABOUT_ASSET},       {"customers", ABOUT_CUSTOMER},    {"invoices", ABOUT_OTHER},
    {"estimates", ABOUT_OTHER},    {"payments", ABOUT_OTHER},        {"leads", ABOUT_OTHER},
    {"appointments", ABOUT_OTHER}, {"purchase_orders", ABOUT_OTHER}, {"contracts", ABOUT_OTHER},
};
static const char *const about_names[] = {"unknown", "ticket", "comment", "rmm_alert", "asset", "customer", "other"};

static enum about about_of(const struct hook *h, struct slice *ret_id)
{
    struct slice word, id;
    enum about about = ABOUT_NOTHING;

    split_link(h->link, &word, &id);
    for (size_t i = 0; i < ARRAY_LEN(words) && about == ABOUT_NOTHING; i++)
        if (slice_is(word, words[i].word))
            about = words[i].about;
    if (h->computer.p && syn_is_id(h->id)) /* whatever the link: its form was never seen written down */
        about = ABOUT_ALERT;
    if (about == ABOUT_ALERT)
        id = syn_is_id(h->id) ? h->id : id;
    if (about == ABOUT_TICKET && syn_is_id(h->ticket_id)) {
        about = ABOUT_COMMENT;
        id = h->ticket_id;
    }
    *ret_id = id;
    return about;
}

/* --- intake --- */

struct raw {
    struct slice text, link, attributes, id, updated, ticket_id, computer;
};

static void on_attribute(void *arg, struct slice key, struct slice value)
{
    struct raw *raw = arg;

    if (slice_is(key, "id"))
        raw->id = value;
    if (slice_is(key, "updated_at"))
        raw->updated = value;
    if (slice_is(key, "ticket_id"))
        raw->ticket_id = value;
    if (slice_is(key, "computer_name"))
        raw->computer = value;
}

static void on_member(void *arg, struct slice key, struct slice value)
{
    struct raw *raw = arg;

    if (slice_is(key, "text"))
        raw->text = value;
    if (slice_is(key, "link"))
        raw->link = value;
    if (slice_is(key, "attributes"))
        raw->attributes = value;
}

/* There is no id of a delivery. What is the same in link, time of the change and words is the same event; without a time the whole
 * body tells. */
bool syn_intake(struct slice body, struct intake_keys *ret, struct err *e)
{
    struct raw raw = {.text = SLICE_NONE};
    struct slice link, updated, id;

    if (!scan_json(body, on_member, &raw, e))
        return false;
    if (raw.attributes.n && raw.attributes.p[0] == '{' && !scan_json(raw.attributes, on_attribute, &raw, e))
        return false;
    link = scan_plain(raw.link);
    updated = scan_plain(raw.updated);
    const struct hook h = {
        .link = link, .id = scan_plain(raw.id), .ticket_id = scan_plain(raw.ticket_id), .computer = raw.computer};
    str_adds(&ret->type, about_names[about_of(&h, &id)]);
    if (link.n && updated.n && raw.text.n)
        str_addf(&ret->dedupe, "%.*s %.*s %.*s", SLICE_FMT(updated), SLICE_FMT(link), SLICE_FMT(raw.text));
    return true;
}

/* --- decoding --- */

static void refresh(const struct sink *sink, const char *prefix, struct slice id, usec_t at)
{
    _cleanup_(str_release) struct str name = {0};

    str_addf(&name, "%s%.*s", prefix, SLICE_FMT(id));
    const struct record r = {.kind = RECORD_REFRESH, .ref = {.device_id = str_slice(&name), .at = at}};
    sink->record(sink->arg, &r);
}

enum decode_result syn_decode(struct slice body, usec_t received, const struct sink *sink, struct err *e)
{
    static const char *const prefixes[] = {[ABOUT_TICKET] = SYN_TICKET_PREFIX,
                                           [ABOUT_COMMENT] = SYN_TICKET_PREFIX,
                                           [ABOUT_ALERT] = SYN_ALERT_PREFIX,
                                           [ABOUT_ASSET] = "",
                                           [ABOUT_CUSTOMER] = SYN_CUSTOMER_PREFIX};
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct hook h = {0};
    struct slice id = SLICE_NONE, trimmed = slice_trim(body);

    if (!trimmed.n || trimmed.p[0] != '{')
        return err_set(e, ERR_DATA, "a notification of Syncro is a JSON object, this body is not"), DECODE_FAILED;
    if (!map_read(&hook_map, trimmed, a, &h, e))
        return DECODE_FAILED;
    enum about about = about_of(&h, &id);
    if (about == ABOUT_OTHER)
        return DECODE_IGNORED;
    if (about == ABOUT_NOTHING)
        return DECODE_UNKNOWN;
    if (!syn_is_id(id))
        return err_set(e, ERR_DATA, "neither the link nor the attributes name the number of the %s",
                       about_names[about]),
               DECODE_FAILED;
    refresh(sink, prefixes[about], id, received);
    if (about == ABOUT_ALERT && (syn_says_cleared(h.cause) || syn_says_cleared(h.output)))
        refresh(sink, "", SLICE(SYN_RESOLVED_ALERTS), received); /* it may be news of another alert's end */
    return DECODE_APPLIED;
}
