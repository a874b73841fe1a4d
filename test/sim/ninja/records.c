/* ninja/records.c - what is kept one by one: organizations, locations, alerts, the activity feed. See fleet.h. */
#include "base/mem.h"
#include "fleet.h"
#include <stdlib.h>

enum salt { S_ALERT = 30, S_ALERT_CONFIG };

const struct ninja_condition ninja_conditions[] = {
    {"CONDITION_WINDOWS_EVENT_LOG_TRIGGERED", "", "agent_cond_eventlog2",
     "EventId: 7031, Source: Service Control Manager", "MODERATE", "MEDIUM"},
    {"CONDITION_AGENT_MEMORY", "_average_", "vmm_cond_memory_usage_ge", "Memory at or above 90% during 10 minutes",
     "MINOR", "LOW"},
    {"CONDITION_AGENT_DISK_FREE_SPACE", "C:", "agent_cond_disk_free", "Disk 'C:' has less than 5% free space", "MAJOR",
     "HIGH"},
    {"AGENT_OFFLINE", "", "agent_offline", "Device has been offline for 10 minutes", "CRITICAL", "HIGH"},
    {"CONDITION_WINDOWS_SERVICE_STATE_CHANGED", "Spooler", "agent_cond_service", "Service 'Spooler' is \"stopped\"",
     "MODERATE", "MEDIUM"},
    {"CONDITION_SMART_STATUS_DEGRATED", "", "agent_cond_smart", "S.M.A.R.T. status of disk 0 is degraded", "MAJOR",
     "HIGH"},
    {"CONDITION_AGENT_CPU", "_average_", "agent_cond_cpu", "CPU above 95 % – 15 minutes", "NONE", "NONE"},
    {"AV_QUARANTINE_THREAT", "", "av_threat", "Threat EICAR-Test-File quarantined", "CRITICAL", "HIGH"},
};
const size_t ninja_nconditions = ARRAY_LEN(ninja_conditions);

/* --- organizations --- */

static const char *const org_names[] = {
    "Alder Dental",   "Müller & Söhne GmbH", "Zebra \"Quoted\" LLC", "Hôtel Étoile",
    "O'Brien Dental", "Emoji 🚀 Co",          "Trailing Space ",      "東京サポート株式会社",
    "Contoso Ltd",    "A/B Testing, Inc.",   "Ärzte am Ring – Köln", "<script>alert(1)</script>",
};
static const char *const location_names[] = {"Main Office", "Branch – North", "Data Centre / DC1"};

int64_t ninja_add_org(struct ninja_fleet *f, struct slice name, const char *description, unsigned nlocations)
{
    f->orgs = mem_realloc_array(f->orgs, f->norgs + 1, sizeof(*f->orgs));
    f->locations = mem_realloc_array(f->locations, f->nlocations + nlocations, sizeof(*f->locations));
    struct ninja_org *o = &f->orgs[f->norgs];
    *o = (struct ninja_org){.id = 11 + (int64_t)f->norgs, .first_location = f->nlocations, .nlocations = nlocations};
    o->name = mem_strndup(name.p, name.n);
    o->description = mem_strdup(description);
    o->mode = f->norgs % 7 == 3 ? "MANUAL" : "AUTOMATIC";
    for (unsigned k = 0; k < nlocations; k++) {
        struct ninja_location *l = &f->locations[f->nlocations];
        l->id = 31 + (int64_t)f->nlocations++;
        l->org = o->id;
        l->name = mem_strdup(location_names[k % ARRAY_LEN(location_names)]);
        l->address = mem_printf("%u Mill Rd", k + 1);
    }
    f->norgs++;
    return o->id;
}

const struct ninja_org *ninja_org(const struct ninja_fleet *f, int64_t id)
{
    return id >= 11 && id < 11 + (int64_t)f->norgs ? &f->orgs[id - 11] : NULL;
}

const struct ninja_location *ninja_location(const struct ninja_fleet *f, int64_t id)
{
    return id >= 31 && id < 31 + (int64_t)f->nlocations ? &f->locations[id - 31] : NULL;
}

const struct ninja_class *ninja_class_named(struct slice name)
{
    for (size_t k = 0; k < ninja_nclasses; k++) {
        if (slice_is(name, ninja_classes[k].name))
            return &ninja_classes[k];
    }
    return NULL;
}

/* --- alerts --- */

struct ninja_alert *ninja_alert(struct ninja_fleet *f, struct slice uid)
{
    struct ninja_alert *a;
    if (uid.n != UUID_MAX - 1)
        return NULL;
    HASH_FIND(hh, f->alerts, uid.p, uid.n, a);
    return a;
}

void ninja_close(struct ninja_fleet *f, struct ninja_alert *a)
{
    HASH_DEL(f->alerts, a);
    free(a->message);
    free(a);
}

struct ninja_alert *ninja_raise(struct ninja_fleet *f, int64_t device, unsigned source, usec_t at)
{
    if (HASH_COUNT(f->alerts) >= NINJA_MAX_ALERTS)
        ninja_close(f, f->alerts);
    const struct ninja_condition *c = &ninja_conditions[source % ARRAY_LEN(ninja_conditions)];
    struct ninja_alert *a = NEW(struct ninja_alert);
    uint64_t n = ++f->alert_serial;
    rng_uuid(f->seed, n, S_ALERT, a->uid);
    rng_uuid(f->seed, source % ARRAY_LEN(ninja_conditions), S_ALERT_CONFIG, a->config_uid);
    a->device = device;
    a->source = source % ARRAY_LEN(ninja_conditions);
    a->open = true;
    a->explicit_severity = n % 2;
    a->severity = c->severity;
    a->priority = c->priority;
    a->created = a->updated = at;
    snprintf(a->subject, sizeof(a->subject), "%s", a->source == 0 ? "7031" : c->name);
    HASH_ADD(hh, f->alerts, uid, UUID_MAX - 1, a);
    return a;
}

/* --- the feed --- */

static void drop(const char *copy)
{
    free((void *)(uintptr_t)copy);
}

static void activity_release(struct ninja_activity *a)
{
    const char *const owned[] = {a->code, a->label, a->message, a->subject, a->source_name, a->data};
    for (size_t k = 0; k < ARRAY_LEN(owned); k++)
        drop(owned[k]);
}

static char *dup_or_null(const char *s)
{
    return s ? mem_strdup(s) : NULL;
}

const struct ninja_activity *ninja_feed_add(struct ninja_fleet *f, const struct ninja_activity *a)
{
    if (f->feed_n == f->feed_cap && f->feed_cap < NINJA_MAX_ACTIVITIES) {
        f->feed_cap = f->feed_cap ? MIN(f->feed_cap * 2, (size_t)NINJA_MAX_ACTIVITIES) : 1024;
        f->feed = mem_realloc_array(f->feed, f->feed_cap, sizeof(*f->feed)); /* not wrapped yet: feed_first is 0 */
    }
    if (f->feed_n == f->feed_cap) {
        activity_release(&f->feed[f->feed_first]);
        f->feed_first = (f->feed_first + 1) % f->feed_cap;
        f->feed_n--;
    }
    struct ninja_activity *mine = &f->feed[(f->feed_first + f->feed_n++) % f->feed_cap];
    *mine = *a;
    mine->id = f->next_activity++;
    mine->code = dup_or_null(a->code);
    mine->label = dup_or_null(a->label);
    mine->message = dup_or_null(a->message);
    mine->subject = dup_or_null(a->subject);
    mine->source_name = dup_or_null(a->source_name);
    mine->data = dup_or_null(a->data);
    return mine;
}

const struct ninja_activity *ninja_feed_at(const struct ninja_fleet *f, size_t i)
{
    return &f->feed[(f->feed_first + i) % f->feed_cap];
}

/* --- life --- */

void ninja_seed_orgs(struct ninja_fleet *f, int64_t orgs)
{
    for (int64_t i = 0; i < orgs; i++) {
        _cleanup_(str_release) struct str name = {0};
        str_adds(&name, org_names[i % (int64_t)ARRAY_LEN(org_names)]);
        if (i >= (int64_t)ARRAY_LEN(org_names))
            str_addf(&name, " %lld", (long long)i);
        ninja_add_org(f, str_slice(&name), i % 3 ? "" : "Gold", 1 + (unsigned)(i % 3));
    }
    f->base_orgs = f->norgs;
}

void ninja_records_release(struct ninja_fleet *f)
{
    struct ninja_alert *a, *anext;
    HASH_ITER(hh, f->alerts, a, anext)
    ninja_close(f, a);
    for (size_t i = 0; i < f->feed_n; i++)
        activity_release(&f->feed[(f->feed_first + i) % f->feed_cap]);
    free(f->feed);
    for (size_t i = 0; i < f->norgs; i++) {
        free(f->orgs[i].name);
        free(f->orgs[i].description);
    }
    for (size_t i = 0; i < f->nlocations; i++) {
        free(f->locations[i].name);
        free(f->locations[i].address);
    }
    free(f->orgs);
    free(f->locations);
}
