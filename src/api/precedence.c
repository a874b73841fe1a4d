/* api/precedence.c - /api/v1/precedence: whose word counts, for each group of an asset's fields. */
#include "api/api.h"
#include "msphub/provider.h"
#include "store/asset_edit.h"

#include <stdio.h>

#define PROVIDERS_MAX 50

static const char *const groups[] = {"assignment", "client",  "hardware", "identity", "location",
                                     "name",       "network", "os",       "status",   "tags"};
/* Those in which people edit fields, so that what stands in them can be ours. */
static const char *const with_ours[] = {"name", "location", "tags", "assignment"};

static bool is_listed(const char *const *list, size_t n, struct slice word)
{
    for (size_t i = 0; i < n; i++)
        if (slice_is(word, list[i]))
            return true;
    return false;
}

static void on_list(void *arg, struct slice json, const struct err *e)
{
    struct api_call *c = arg;
    if (e) {
        api_problem_err(c, e);
        return;
    }
    _cleanup_(str_release) struct str out = {0};
    struct jw w;
    jw_init(&w, &out);
    jw_object(&w);
    jw_key_raw(&w, "items", json);
    jw_end(&w);
    jw_done(&w);
    api_reply(c, 200, &out);
}

void op_precedence_list(struct api_call *c)
{
    precedence_list(c->hub->db, c->who.tenant_id, on_list, c);
}

static bool stands_before(const struct json *list, const struct json *j)
{
    for (const struct json *k = list->child; k != j; k = k->next)
        if (k->type == JSON_STRING && slice_eq(k->text, j->text))
            return true;
    return false;
}

static void read_providers(struct api_call *c, struct slice group, const struct json *list, struct pg_array *out,
                           struct api_faults *f)
{
    unsigned i = 0;
    for (const struct json *j = list->child; j && i < PROVIDERS_MAX; j = j->next, i++) {
        char pointer[40], key[64];
        snprintf(pointer, sizeof(pointer), "/providers/%u", i);
        snprintf(key, sizeof(key), "%.*s", SLICE_FMT(j->type == JSON_STRING ? j->text : SLICE("")));
        bool ours = slice_is(slice_cstr(key), "ours");
        if (!ours && !provider_find(slice_cstr(key)))
            api_fault(f, pointer, "is no provider; GET /api/v1/integrations lists them");
        else if (ours && !is_listed(with_ours, ARRAY_LEN(with_ours), group))
            api_fault(f, pointer, "nobody edits fields of this group, so nothing in it is ours");
        else if (stands_before(list, j))
            api_fault(f, pointer, "stands in the list already");
        else
            pg_array_text(out, slice_cstr(key));
    }
    if (i == 0 || i == PROVIDERS_MAX)
        api_fault(f, "/providers", "must name 1 to %d providers, or be null for the default", PROVIDERS_MAX - 1);
}

/* {"providers": ["jamf", "ninjaone", "ours", "msp360"]}: behind "ours" stand those that fill only what is empty. */
void op_precedence_set(struct api_call *c)
{
    struct api_faults faults = {0};
    struct slice group = http_request_param(c->req, "group");
    const struct json *list = json_get(c->body, "providers");
    if (!is_listed(groups, ARRAY_LEN(groups), group)) {
        api_problem(c, 404, "not_found", "there is no such group; GET /api/v1/precedence lists them");
        return;
    }
    struct pg_array providers;
    pg_array_init(&providers, PG_TEXT);
    api_known_members(c, (const char *const[]){"providers", NULL}, &faults);
    if (list && list->type == JSON_ARRAY)
        read_providers(c, group, list, &providers, &faults);
    else if (!list || list->type != JSON_NULL)
        api_fault(&faults, "/providers",
                  "must be a list of providers, the most trusted first, or null for the default");
    if (api_faults_none(c, &faults)) {
        struct audit_actor by = api_actor(c);
        precedence_set(c->hub->db, &by, c->who.tenant_id, group, list->type == JSON_ARRAY ? &providers : NULL, on_list,
                       c);
    }
    pg_array_release(&providers);
}
