/* jamf/fleet.c - computers, groups, users, places and mobile devices from a seed. See jamf.h. */
#include "jamf.h"
#include <stdlib.h>

enum salt { S_UDID = 4001, S_MANAGEMENT, S_SERIAL, S_MAC, S_ALT_MAC, S_AGE, S_CONTACT, S_MOBILE, S_MOBILE_AGE };

const char *const j_field_names[JF_N] = {
#define X(id, name) [JF_##id] = name,
    J_FIELDS(X)
#undef X
};

const struct j_place j_buildings[] = {
    {1, "Berlin HQ", "Torstraße 12", "Berlin", "Germany"},
    {2, "O'Hare \"North\"", "1 Airport Rd", "Chicago", "USA"},
    {3, "München 日本館", NULL, NULL, NULL},
    {4, " Lager ", "", "", ""},
};
const size_t j_nbuildings = ARRAY_LEN(j_buildings);
const struct j_place j_departments[] = {{4, "Design", NULL, NULL, NULL}, {5, "Finance & Control", NULL, NULL, NULL}};
const size_t j_ndepartments = ARRAY_LEN(j_departments);
const struct j_place j_sites[] = {{1, "Müller & Söhne GmbH", NULL, NULL, NULL}, {2, "Finch Ltd", NULL, NULL, NULL}};
const size_t j_nsites = ARRAY_LEN(j_sites);

static const struct {
    int64_t id;
    const char *name, *description;
    bool smart;
    int64_t every, at;
} first_groups[] = {
    {1, "All Managed Clients", "", true, 1, 0},       {2, "All Managed Servers", "", true, 0, 0},
    {9, "Design Loaners", "Loan pool", false, 7, 3},  {10, "Ausleihe \"Büro\" 🍏", "", false, 5, 1},
    {11, "Twins", "a smart one", true, 3, 0},         {12, "Twins", "a static one", false, 4, 2},
    {13, "Nobody", "static, and empty", false, 0, 0},
};

static void put_user(struct j_user *u, int64_t n)
{
    char text[J_TEXT];
    static const char *const first[] = {"Mara", "Jörg", "O'Neil", "Zoë", "太郎"};
    snprintf(text, sizeof(text), n % 6 == 4 ? "user%lld@client.example" : "user%lld", (long long)n);
    u->username = mem_strdup(text);
    if (n % 9 == 8) { /* a row that is a name and no more */
        u->realname = mem_strdup("");
        u->email = mem_strdup("");
        u->phone = mem_strdup("");
        u->position = mem_strdup("");
        return;
    }
    snprintf(text, sizeof(text), "%s Kessler-%lld", first[n % (int64_t)ARRAY_LEN(first)], (long long)n);
    u->realname = mem_strdup(text);
    snprintf(text, sizeof(text), "user%lld@client.example", (long long)n);
    u->email = mem_strdup(text);
    snprintf(text, sizeof(text), "+49 30 555%04lld", (long long)n);
    u->phone = mem_strdup(text);
    u->position = mem_strdup(n % 3 ? "Designer" : "Head of “Things”");
}

static struct j_user *user_room(struct jamf *j)
{
    int64_t id = j->nusers ? j->users[j->nusers - 1].id + 1 : 5;
    j->users = mem_realloc_array(j->users, j->nusers + 1, sizeof(*j->users));
    struct j_user *u = &j->users[j->nusers++];
    *u = (struct j_user){.id = id};
    return u;
}

struct j_user *j_add_user(struct jamf *j, struct slice username)
{
    struct j_user *u = user_room(j);
    u->username = mem_strndup(username.p, username.n);
    u->realname = mem_strdup("");
    u->email = mem_strdup("");
    u->phone = mem_strdup("");
    u->position = mem_strdup("");
    return u;
}

void j_fleet_init(struct jamf *j, const struct sim_options *o)
{
    j->seed = o->seed;
    j->epoch = o->epoch;
    j->token_life = j->client_token_life = o->token_life;
    j->ncomputers = o->jamf_computers;
    j->nmobile = o->jamf_mobile;
    j->napps = (unsigned)o->jamf_apps;
    j->major = 11;
    j->minor = 30;
    j->privileges = (1u << J_NPRIVILEGES) - 1;
    for (size_t k = 0; k < ARRAY_LEN(first_groups); k++)
        j->groups[j->ngroups++] = (struct j_group){.id = first_groups[k].id,
                                                   .name = mem_strdup(first_groups[k].name),
                                                   .description = mem_strdup(first_groups[k].description),
                                                   .smart = first_groups[k].smart,
                                                   .every = first_groups[k].every,
                                                   .at = first_groups[k].at};
    for (int64_t n = 0; n < o->jamf_computers * 3 / 4 + 3; n++)
        put_user(user_room(j), n);
    j->ngenerated_users = j->nusers;
}

static void change_free(struct j_change *x)
{
    for (size_t k = 0; k < JF_N; k++)
        free(x->v[k]);
    for (size_t k = 0; k < x->napps; k++) {
        free(x->apps[k].name);
        free(x->apps[k].version);
        free(x->apps[k].bundle);
    }
    free(x->apps);
    free(x);
}

void j_fleet_release(struct jamf *j)
{
    struct j_change *x, *next;
    struct j_mobile_change *m, *next_m;
    HASH_ITER(hh, j->changes, x, next)
    {
        HASH_DEL(j->changes, x);
        change_free(x);
    }
    HASH_ITER(hh, j->mobile_changes, m, next_m)
    {
        HASH_DEL(j->mobile_changes, m);
        free(m->name);
        free(m);
    }
    for (size_t k = 0; k < j->ngroups; k++) {
        free(j->groups[k].name);
        free(j->groups[k].description);
    }
    for (size_t k = 0; k < j->nusers; k++) {
        struct j_user *u = &j->users[k];
        free(u->username);
        free(u->realname);
        free(u->email);
        free(u->phone);
        free(u->position);
    }
    free(j->users);
}

const char *j_time(usec_t t, char buf[J_TIME_MAX])
{
    char iso[CLOCK_ISO_MAX];
    if (t == USEC_NONE)
        return NULL;
    clock_iso(t - t % USEC_PER_MS, iso);
    size_t n = strlen(iso) - 1; /* the Z */
    if (memchr(iso, '.', n))
        while (iso[n - 1] == '0')
            n--;
    snprintf(buf, J_TIME_MAX, "%.*sZ", (int)n, iso);
    return buf;
}

/* --- changes --- */

static const struct j_change *change_of(const struct jamf *j, int64_t id)
{
    struct j_change *x;
    HASH_FIND(hh, j->changes, &id, sizeof(id), x);
    return x;
}

struct j_change *j_change(struct jamf *j, int64_t id)
{
    struct j_change *x;
    HASH_FIND(hh, j->changes, &id, sizeof(id), x);
    if (!x) {
        x = NEW(struct j_change);
        x->id = id;
        x->managed = -1;
        HASH_ADD(hh, j->changes, id, sizeof(x->id), x);
    }
    return x;
}

bool j_computer_is(const struct jamf *j, int64_t id)
{
    const struct j_change *x = change_of(j, id);
    return id >= 1 && id <= j->ncomputers && !(x && x->deleted);
}

/* --- computers --- */

static void set(struct j_computer *c, enum j_field f, const char *text)
{
    c->v[f] = text;
}

static void setf(struct j_computer *c, enum j_field f, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void setf(struct j_computer *c, enum j_field f, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(c->buf[f], J_TEXT, fmt, ap);
    va_end(ap);
    c->v[f] = c->buf[f];
}

static void mac_of(const struct jamf *j, int64_t id, uint64_t salt, bool small, char buf[J_TEXT])
{
    uint64_t x = rng(j->seed, (uint64_t)id, salt);
    snprintf(buf, J_TEXT, small ? "a4:%02x:%02x:%02x:%02x:%02x" : "A4:%02X:%02X:%02X:%02X:%02X", (unsigned)(x & 255),
             (unsigned)(x >> 8 & 255), (unsigned)(x >> 16 & 255), (unsigned)(x >> 24 & 255), (unsigned)(x >> 32 & 255));
}

static void put_identity(const struct jamf *j, struct j_computer *c)
{
    static const char *const odd[] = {"Jörg’s “Mac”", "SAME-NAME", "SAME-NAME", "Büro <b>1</b> 🍎", " trailing "};
    int64_t id = c->id, machine = id % 53 == 52 ? id - 1 : id; /* enrolled anew: the machine of the one before */
    char uuid[UUID_MAX];
    if (id % 8 == 7)
        set(c, JF_NAME, odd[id / 8 % (int64_t)ARRAY_LEN(odd)]);
    else
        setf(c, JF_NAME, "MAC-%04lld", (long long)id);
    rng_uuid(j->seed, (uint64_t)machine, S_UDID, uuid);
    for (char *p = uuid; *p; p++)
        *p = (char)(*p >= 'a' && *p <= 'f' ? *p - 0x20 : *p);
    setf(c, JF_UDID, "%s", uuid);
    setf(c, JF_MANAGEMENT_ID, "%s", rng_uuid(j->seed, (uint64_t)id, S_MANAGEMENT, uuid));
    rng_text(j->seed, (uint64_t)machine, S_SERIAL, "ABCDEFGHJKLMNPQRSTUVWXYZ23456789", 32, c->buf[JF_SERIAL], 10);
    set(c, JF_SERIAL, id % 31 == 17 ? "" : c->buf[JF_SERIAL]); /* a virtual machine */
    if (id % 3 == 0)
        setf(c, JF_ASSET_TAG, "A-%05lld", (long long)id);
    mac_of(j, machine, S_MAC, id % 6 == 5, c->buf[JF_MAC]);
    mac_of(j, machine, S_ALT_MAC, false, c->buf[JF_ALT_MAC]);
    set(c, JF_MAC, c->buf[JF_MAC]);
    set(c, JF_ALT_MAC, id % 4 == 1 ? "" : c->buf[JF_ALT_MAC]);
    set(c, JF_PUBLIC_IP, "203.0.113.24");
    setf(c, JF_REPORTED_IP, "10.%lld.%lld.%lld", (long long)(id >> 16 & 255), (long long)(id >> 8 & 255),
         (long long)(id & 255));
}

static void put_system(struct j_computer *c)
{
    static const struct {
        const char *model, *identifier, *processor;
    } models[] = {{"MacBook Pro (14-inch, 2023)", "Mac14,9", "Apple M2 Pro"},
                  {"Mac mini (2018)", "Macmini8,1", "6-Core Intel Core i7"},
                  {"iMac (24-inch, M1, 2021)", "iMac21,1", "Apple M1"},
                  {"Mac Pro (2019)", "MacPro7,1", "Intel Xeon W"}};
    static const char *const vault[] = {"BOOT_ENCRYPTED", "ALL_ENCRYPTED", "NOT_ENCRYPTED", "SOME_ENCRYPTED",
                                        "NOT_APPLICABLE"};
    static const char *const boot[] = {"ENCRYPTED", "ENCRYPTED", "UNENCRYPTED", "ENCRYPTING", "UNKNOWN"};
    static const char *const gatekeeper[] = {"APP_STORE_AND_IDENTIFIED_DEVELOPERS", "APP_STORE", "DISABLED",
                                             "NOT_COLLECTED"};
    static const char *const sip[] = {"ENABLED", "ENABLED", "DISABLED", "NOT_COLLECTED", "NOT_AVAILABLE"};
    size_t model = (size_t)c->id % ARRAY_LEN(models), k = (size_t)c->id / 2 % 10;
    k = k < 6 ? 0 : k - 5; /* most are well */
    c->silicon = model % 2 == 0;
    set(c, JF_MODEL, models[model].model);
    set(c, JF_MODEL_IDENTIFIER, models[model].identifier);
    set(c, JF_PROCESSOR, models[model].processor);
    set(c, JF_OS_VERSION, c->id % 5 ? "15.6.1" : "14.7.8");
    set(c, JF_OS_BUILD, c->id % 5 ? "24G90" : "23H730");
    set(c, JF_FILEVAULT, vault[k % ARRAY_LEN(vault)]);
    set(c, JF_BOOT_STATE, boot[k % ARRAY_LEN(boot)]);
    set(c, JF_GATEKEEPER, gatekeeper[k % ARRAY_LEN(gatekeeper)]);
    set(c, JF_SIP, sip[k % ARRAY_LEN(sip)]);
    set(c, JF_XPROTECT, c->id % 7 == 6 ? "" : "5321");
}

static void put_user_and_place(const struct jamf *j, struct j_computer *c)
{
    static const char *const buildings[] = {"1", "2", "3", "4", "", "-1", NULL};
    static const char *const departments[] = {"4", "5", "-1", NULL};
    size_t user = (size_t)c->id * 7 % j->ngenerated_users;
    const struct j_user *u = &j->users[user];
    set(c, JF_BUILDING, buildings[(size_t)c->id % ARRAY_LEN(buildings)]);
    set(c, JF_DEPARTMENT, departments[(size_t)c->id / 3 % ARRAY_LEN(departments)]);
    if (c->id % 3)
        setf(c, JF_ROOM, "%lld.%02lld", (long long)(c->id % 5), (long long)(c->id % 14));
    set(c, JF_SITE, c->id % 4 == 3 ? "2" : c->id % 4 == 2 ? "1" : "-1");
    if (c->id % 10 == 9 || u->deleted)
        return; /* nobody's */
    setf(c, JF_USERNAME, "%s", u->username);
    if (c->id % 6 == 1 && c->buf[JF_USERNAME][0] == 'u')
        c->buf[JF_USERNAME][0] = 'U'; /* compared without case */
    setf(c, JF_REALNAME, "%s", u->realname);
    setf(c, JF_EMAIL, "%s", u->email);
    setf(c, JF_PHONE, "%s", u->phone);
    setf(c, JF_POSITION, "%s", u->position);
}

static void put_management(const struct jamf *j, struct j_computer *c)
{
    uint64_t id = (uint64_t)c->id;
    c->managed = c->id % 11 != 10;
    c->capable = c->id % 13 != 12;
    c->approved = c->capable && c->id % 5 != 2;
    c->automated = c->id % 3 == 0;
    c->supervised = c->id % 4 != 3;
    c->reported = j->epoch - MILLIS(rng_below(j->seed, id, S_AGE, 20u * 3600 * 1000));
    c->contact = j->epoch - MILLIS(rng_below(j->seed, id, S_CONTACT, c->id % 9 == 4 ? 900000000 : 1800000));
    c->check_in = c->contact - SECONDS(60);
    c->enrolled = j->epoch - 200 * J_DAY - MILLIS(c->id * 1000417);
    c->expires = c->enrolled + 730 * J_DAY;
    if (c->id % 37 == 36) /* enrolment has begun; no inventory yet */
        c->reported = c->expires = USEC_NONE;
}

static void put_change(struct j_computer *c, const struct j_change *x)
{
    c->change = x;
    c->damaged = x->damaged;
    c->spoiled = x->spoiled;
    for (size_t f = 0; f < JF_N; f++)
        if (x->has[f])
            c->v[f] = x->v[f];
    if (x->managed >= 0)
        c->managed = x->managed > 0;
    if (x->has_reported)
        c->reported = x->reported;
    if (x->has_contact)
        c->contact = c->check_in = x->contact;
    c->napps = c->napps - MIN(c->napps, x->dropped_apps) + (unsigned)x->napps;
}

bool j_computer(const struct jamf *j, int64_t id, struct j_computer *c)
{
    const struct j_change *x = change_of(j, id);
    if (!j_computer_is(j, id))
        return false;
    memset(c, 0, offsetof(struct j_computer, buf));
    c->id = id;
    c->change = NULL;
    c->damaged = c->spoiled = false;
    c->bare = id % 41 == 40;
    c->napps = c->bare ? 0 : j->napps;
    c->managed = c->capable = c->approved = c->supervised = c->automated = c->silicon = false;
    c->reported = c->contact = c->check_in = c->enrolled = c->expires = USEC_NONE;
    if (!c->bare) {
        put_identity(j, c);
        put_system(c);
        put_user_and_place(j, c);
        put_management(j, c);
    }
    if (x)
        put_change(c, x);
    return true;
}

bool j_app(const struct j_computer *c, unsigned i, char name[J_TEXT], char version[J_TEXT], char bundle[J_TEXT])
{
    static const char *const names[] = {"Slack.app", "Safari.app", "Café “Crème”.app", "Xcode.app"};
    size_t added = c->change ? c->change->napps : 0;
    if (i >= c->napps)
        return false;
    if (i >= c->napps - added) {
        const struct j_app *a = &c->change->apps[i - (c->napps - added)];
        snprintf(name, J_TEXT, "%s", a->name);
        snprintf(version, J_TEXT, "%s", a->version);
        snprintf(bundle, J_TEXT, "%s", a->bundle);
        return true;
    }
    if (i < ARRAY_LEN(names))
        snprintf(name, J_TEXT, "%s", names[i]);
    else
        snprintf(name, J_TEXT, "Tool %u.app", i);
    snprintf(version, J_TEXT, "%u.%lld", i % 9, (long long)(c->id % 4));
    snprintf(bundle, J_TEXT, "com.example.app%u", i);
    return true;
}

/* --- groups, users --- */

bool j_member(const struct j_computer *c, const struct jamf *j, size_t group)
{
    const struct j_group *g = &j->groups[group];
    if (g->deleted)
        return false;
    if (c->change && (c->change->in | c->change->out) >> group & 1)
        return c->change->in >> group & 1;
    return g->every && c->id % g->every == g->at;
}

struct j_group *j_group(struct jamf *j, int64_t id)
{
    for (size_t k = 0; k < j->ngroups; k++)
        if (j->groups[k].id == id && !j->groups[k].deleted)
            return &j->groups[k];
    return NULL;
}

struct j_user *j_user(const struct jamf *j, int64_t id)
{
    for (size_t k = 0; k < j->nusers; k++)
        if (j->users[k].id == id && !j->users[k].deleted)
            return &j->users[k];
    return NULL;
}

/* --- mobile devices --- */

struct j_mobile_change *j_mobile_change(struct jamf *j, int64_t id)
{
    struct j_mobile_change *x;
    HASH_FIND(hh, j->mobile_changes, &id, sizeof(id), x);
    if (!x) {
        x = NEW(struct j_mobile_change);
        x->id = id;
        x->reported = USEC_NONE;
        HASH_ADD(hh, j->mobile_changes, id, sizeof(x->id), x);
    }
    return x;
}

bool j_mobile(const struct jamf *j, int64_t id, struct j_mobile *m)
{
    struct j_mobile_change *x;
    uint64_t n = (uint64_t)id;
    char mac[J_TEXT];
    HASH_FIND(hh, j->mobile_changes, &id, sizeof(id), x);
    if (id < 1 || id > j->nmobile || (x && x->deleted))
        return false;
    *m = (struct j_mobile){.id = id, .tv = id % 6 == 5, .managed = id % 9 != 8};
    rng_uuid(j->seed, n, S_MOBILE, m->udid);
    rng_uuid(j->seed, n, S_MOBILE + 100, m->management);
    rng_text(j->seed, n, S_MOBILE + 200, "ABCDEFGHJKLMNPQRSTUVWXYZ23456789", 32, m->serial, 12);
    mac_of(j, id, S_MOBILE + 300, true, mac);
    snprintf(m->mac, sizeof(m->mac), "%.17s", mac);
    snprintf(m->name, sizeof(m->name), id % 5 == 4 ? "Zoë’s iPad %lld" : "IPAD-%03lld", (long long)id);
    snprintf(m->username, sizeof(m->username), "%s", j->users[n % j->ngenerated_users].username);
    m->reported = j->epoch - MILLIS(rng_below(j->seed, n, S_MOBILE_AGE, 3600000));
    if (x && x->name)
        snprintf(m->name, sizeof(m->name), "%s", x->name);
    if (x && x->reported != USEC_NONE)
        m->reported = x->reported;
    return true;
}
