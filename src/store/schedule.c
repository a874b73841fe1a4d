/* store/schedule.c - see schedule.h. */
#include "store/schedule.h"

#include "queries.h"
#include "store/run.h"

/* --- kinds by name --- */

const enum record_kind sync_kinds[] = {
    RECORD_ORGANIZATION, RECORD_LOCATION, RECORD_DEVICE, RECORD_ALERT,   RECORD_BACKUP_JOB, RECORD_SOFTWARE,
    RECORD_PATCH,        RECORD_PERSON,   RECORD_GROUP,  RECORD_LICENSE, RECORD_TICKET,     RECORD_NKINDS_,
};

uint64_t sync_kind_named(struct slice name)
{
    for (const enum record_kind *k = sync_kinds; *k != RECORD_NKINDS_; k++)
        if (slice_is(name, record_kind_words[*k]))
            return SYNC_KIND(*k);
    return 0;
}

void sync_kinds_write(uint64_t kinds, struct jw *w)
{
    if (kinds == SYNC_KINDS_ALL) {
        jw_null(w);
        return;
    }
    jw_array(w);
    for (const enum record_kind *k = sync_kinds; *k != RECORD_NKINDS_; k++)
        if (kinds & SYNC_KIND(*k))
            jw_str(w, record_kind_words[*k]);
    jw_end(w);
}

void sync_kinds_list(uint64_t kinds, struct str *ret)
{
    for (const enum record_kind *k = sync_kinds; *k != RECORD_NKINDS_; k++)
        if (kinds & SYNC_KIND(*k))
            str_addf(ret, "%s%s", ret->n ? ", " : "", record_kind_words[*k]);
}

/* --- schedules --- */

static void write_shown(const struct schedule *s, struct jw *w)
{
    jw_object(w);
    jw_key_slice(w, "name", s->name);
    jw_key_str(w, "mode", sync_mode_names[s->mode]);
    jw_key(w, "kinds");
    sync_kinds_write(s->kinds, w);
    if (s->interval) {
        jw_key_i64(w, "interval", s->interval / USEC_PER_S);
    } else {
        jw_key_slice(w, "cron", s->cron);
        jw_key_slice(w, "time_zone", s->time_zone);
        jw_key_i64(w, "splay", s->splay / USEC_PER_S);
    }
    jw_end(w);
}

static void write_plan(const struct schedule *s, struct jw *w)
{
    jw_object(w);
    jw_key_slice(w, "name", s->name);
    jw_key_str(w, "mode", sync_mode_names[s->mode]);
    jw_key_i64(w, "kinds", (int64_t)s->kinds);
    if (s->interval) {
        jw_key_i64(w, "every", s->interval / USEC_PER_S);
    } else {
        jw_key(w, "cron");
        jw_array(w);
        for (enum cron_part part = 0; part < CRON_NPARTS_; part++)
            jw_i64(w, (int64_t)s->when.in[part]);
        jw_i64(w, s->when.either_day | s->when.any_hour << 1);
        jw_end(w);
        jw_key_slice(w, "zone", s->time_zone);
        jw_key_i64(w, "splay", s->splay / USEC_PER_S);
    }
    jw_end(w);
}

static void write_all(const struct schedule *v, size_t n, struct str *out,
                      void (*write)(const struct schedule *s, struct jw *w))
{
    struct jw w;
    jw_init(&w, out);
    jw_array(&w);
    for (size_t i = 0; i < n; i++)
        write(&v[i], &w);
    jw_end(&w);
    jw_done(&w);
}

void schedules_write(const struct schedule *v, size_t n, struct str *shown, struct str *plans)
{
    write_all(v, n, shown, write_shown);
    write_all(v, n, plans, write_plan);
}

unsigned schedule_add_unknown_zones(struct pg_seg *s, const struct pg_array *names)
{
    unsigned stmt = pg_add(s, &Q_INTEGRATION_UNKNOWN_ZONES);
    pg_p_array(s, names);
    return stmt;
}
