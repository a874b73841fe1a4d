/* store/sealed.c - see sealed.h. The statements of a place are made from its row in sealed.def by the preprocessor. */
#include "store/sealed.h"

#include "queries.h"

#include <assert.h>

#define LIST(table, id, column, label, provider)                                                                       \
    {                                                                                                                  \
        "sl." #table "." #column,                                                                                      \
            "select " #id "::bigint, " #column "::text, (" label ")::text, (" provider ")::text from " #table          \
            " where tenant_id = $1 and " #id " > $2::bigint and " #column " is not null order by " #id                 \
            " limit $3::bigint",                                                                                       \
            3                                                                                                          \
    }
#define PUT(table, id, column, fresh, still, ready)                                                                    \
    {                                                                                                                  \
        "sp." #table "." #column,                                                                                      \
            "update " #table " t set " #column " = " fresh " from unnest($2::bigint[], $3::text[], $4::text[]) as v "  \
            "(id, old, fresh) where t.tenant_id = $1 and t." #id " = v.id and " still " and " ready,                   \
            4                                                                                                          \
    }

const struct sealed_place sealed_places[] = {
#define COLUMN(table, id, column, field, label, ready)                                                                 \
    {#table, #column, field, LIST(table, id, column, label, "null"),                                                   \
     PUT(table, id, column, "v.fresh", "t." #column " = v.old", ready)},
#define MEMBERS(table, id, column, provider, label)                                                                    \
    {#table, #column, NULL, LIST(table, id, column, label, provider),                                                  \
     PUT(table, id, column, "t." #column " || v.fresh::jsonb", "t." #column " @> v.old::jsonb", "true")},
#include "store/sealed.def"
#undef COLUMN
#undef MEMBERS
};
const size_t sealed_nplaces = ARRAY_LEN(sealed_places);
static_assert(ARRAY_LEN(sealed_places) <= SEALED_MAX_PLACES, "");

/* PostgreSQL cuts names at 63 bytes, and two statements would be one. */
#define COLUMN(table, id, column, field, label, ready)                                                                 \
    static_assert(sizeof("sl." #table "." #column) <= 64, "the statement's name is too long");
#define MEMBERS(table, id, column, provider, label) COLUMN(table, id, column, , , )
#include "store/sealed.def"
#undef COLUMN
#undef MEMBERS

unsigned sealed_add_next_tenant(struct pg_seg *s, int64_t after)
{
    unsigned stmt = pg_add(s, &Q_SEALED_NEXT_TENANT);
    pg_p_i64(s, after);
    return stmt;
}

int64_t sealed_tenant_read(const struct pg_reply *r, unsigned stmt, struct slice *ret_slug)
{
    if (pg_nrows(r, stmt) == 0)
        return 0;
    *ret_slug = pg_text(r, stmt, 0, 1);
    return pg_i64(r, stmt, 0, 0);
}

unsigned sealed_add_list(struct pg_seg *s, const struct sealed_place *p, int64_t tenant_id, int64_t after,
                         unsigned limit)
{
    unsigned stmt = pg_add(s, &p->list);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, after);
    pg_p_i64(s, limit);
    return stmt;
}

void sealed_row_read(const struct pg_reply *r, unsigned stmt, size_t row, struct sealed_row *ret)
{
    *ret = (struct sealed_row){
        .id = pg_i64(r, stmt, row, 0),
        .value = pg_text(r, stmt, row, 1),
        .label = pg_text(r, stmt, row, 2),
        .provider = pg_text(r, stmt, row, 3),
    };
}

void sealed_changes_init(struct sealed_changes *c)
{
    *c = (struct sealed_changes){0};
    pg_array_init(&c->ids, PG_INT8);
    pg_array_init(&c->old, PG_TEXT);
    pg_array_init(&c->fresh, PG_TEXT);
}

void sealed_changes_add(struct sealed_changes *c, int64_t id, struct slice old, struct slice fresh, size_t values)
{
    pg_array_i64(&c->ids, id);
    pg_array_text(&c->old, old);
    pg_array_text(&c->fresh, fresh);
    c->values += values;
}

void sealed_changes_release(struct sealed_changes *c)
{
    pg_array_release(&c->ids);
    pg_array_release(&c->old);
    pg_array_release(&c->fresh);
    c->values = 0;
}

unsigned sealed_add_put(struct pg_seg *s, const struct sealed_place *p, int64_t tenant_id,
                        const struct sealed_changes *c)
{
    unsigned stmt = pg_add(s, &p->put);
    pg_p_i64(s, tenant_id);
    pg_p_array(s, &c->ids);
    pg_p_array(s, &c->old);
    pg_p_array(s, &c->fresh);
    return stmt;
}
