/* sim/world.c - see world.h. */
#include "sim/world.h"

static void on_hook(const struct product *p, const struct hook_message *m, void *arg)
{
    struct world *w = arg;
    w->hooks++;
    str_clear(&w->hook);
    str_add(&w->hook, str_slice(&m->body));
}

int world_setup(void **state)
{
    static const struct sim_options options = {.seed = 7,
                                               .epoch = WORLD_EPOCH,
                                               .token_life = SECONDS(3600),
                                               .ninja_devices = 300,
                                               .ninja_orgs = 6,
                                               .tactical_agents = 40,
                                               .tactical_clients = 6,
                                               .tactical_beta = true,
                                               .msp_computers = 120,
                                               .msp_companies = 5,
                                               .syncro_assets = 120,
                                               .syncro_customers = 12,
                                               .syncro_tickets = 60,
                                               .jamf_computers = 130,
                                               .jamf_mobile = 20,
                                               .jamf_apps = 12};
    struct world *w = NEW(struct world);
    w->sim = sim_new(NULL, NULL, &options);
    w->sim->on_hook = on_hook;
    w->sim->on_hook_arg = w;
    w->arena = arena_new();
    w->type = "application/json";
    *state = w;
    return 0;
}

int world_teardown(void **state)
{
    struct world *w = *state;
    sim_free(w->sim);
    arena_free(w->arena);
    str_release(&w->hook);
    free(w);
    return 0;
}

static struct slice header_of(const void *source, const char *name)
{
    const struct world *w = source;
    if (strcmp(name, "Authorization") == 0)
        return w->token[0] ? slice_cstr(w->token) : SLICE_NONE;
    if (strcmp(name, "X-API-KEY") == 0)
        return slice_cstr(w->key);
    if (strcmp(name, "Accept") == 0)
        return slice_cstr(w->accept);
    if (strcmp(name, "Content-Type") == 0)
        return slice_cstr(w->type);
    return strcmp(name, "Host") == 0 ? SLICE("sim.test") : SLICE_NONE;
}

static const char *kept(struct world *w, const char *s)
{
    return s ? arena_strndup(w->arena, s, strlen(s)) : NULL;
}

static struct got run(struct world *w, const struct product *p, enum http_method method, const char *target,
                      const char *body)
{
    struct slice query = slice_cstr(target), path = slice_cut(&query, '?');
    struct ask a = {.method = method,
                    .path = path,
                    .query = query,
                    .body = slice_cstr(body ? body : ""),
                    .header = header_of,
                    .source = w,
                    .wall = WORLD_EPOCH,
                    .fault = w->fault,
                    .damaged = w->damaged,
                    .arena = w->arena};
    struct answer r = {.status = 0};
    struct err e;
    if (p)
        product_answer(p, sim_instance(w->sim, p)->self, &a, &r);
    else
        control_answer(w->sim, &a, &r);
    struct got g = {.status = r.status,
                    .reason = kept(w, r.reason),
                    .location = kept(w, answer_get(&r, "Location")),
                    .allow = kept(w, answer_get(&r, "Allow")),
                    .challenge = kept(w, answer_get(&r, "WWW-Authenticate")),
                    .retry_after = kept(w, answer_get(&r, "Retry-After"))};
    g.text = slice_of(arena_strndup(w->arena, r.body.p ? r.body.p : "", r.body.n), r.body.n);
    if (!g.text.n || !json_parse(w->arena, g.text, &g.json, &e))
        g.json = NULL;
    answer_release(&r);
    return g;
}

struct got world_ask(struct world *w, const char *product, enum http_method method, const char *target,
                     const char *body)
{
    return run(w, product_find(slice_cstr(product)), method, target, body);
}

struct got world_control(struct world *w, enum http_method method, const char *target, const char *body)
{
    return run(w, NULL, method, target, body);
}

void world_sign_in(struct world *w)
{
    const char *type = w->type;
    w->type = "application/x-www-form-urlencoded";
    w->token[0] = '\0';
    struct got g = world_ask(w, "ninja", HTTP_POST, "/ws/oauth/token",
                             "grant_type=client_credentials&client_id=sim-ninja-client&client_secret=sim-ninja-secret&"
                             "scope=monitoring+management");
    assert_int_equal(g.status, 200);
    struct slice token = json_get_text(g.json, "access_token");
    snprintf(w->token, sizeof(w->token), "Bearer %.*s", SLICE_FMT(token));
    w->type = type;
}

size_t json_count(const struct json *array)
{
    size_t n = 0;
    assert_non_null(array);
    for (const struct json *v = array->child; v; v = v->next)
        n++;
    return n;
}

const struct json *json_at(const struct json *array, size_t i)
{
    const struct json *v = array->child;
    while (v && i--)
        v = v->next;
    assert_non_null(v);
    return v;
}

int64_t json_number(const struct json *object, const char *key)
{
    int64_t v = 0;
    if (!json_get_i64(object, key, &v))
        fail_msg("no number %s", key);
    return v;
}

void assert_keys(const struct json *object, const char *comma_separated)
{
    struct slice rest = slice_cstr(comma_separated);
    size_t n = 0;
    char key[64];
    while (rest.n) {
        struct slice name = slice_cut(&rest, ',');
        snprintf(key, sizeof(key), "%.*s", SLICE_FMT(name));
        if (!json_get(object, key))
            fail_msg("key %s is missing", key);
        n++;
    }
    assert_int_equal(json_count(object), n);
}

void assert_text(struct slice have, const char *want)
{
    if (!slice_is(have, want))
        fail_msg("have '%.*s', want '%s'", SLICE_FMT(have), want);
}
