/* fault.c - see fault.h. */
#include "fault.h"
#include "base/json_read.h"
#include "base/json_write.h"
#include "base/mem.h"
#include <stdlib.h>

static const char *const names[FAULT_NKINDS_] = {
#define X(id, name) [FAULT_##id] = name,
    FAULT_KINDS(X)
#undef X
};

const char *fault_name(enum fault_kind k)
{
    return names[k];
}

bool fault_parse(struct slice name, enum fault_kind *ret)
{
    for (unsigned k = 1; k < FAULT_NKINDS_; k++) {
        if (slice_is(name, names[k])) {
            *ret = (enum fault_kind)k;
            return true;
        }
    }
    return false;
}

bool fault_is_data(enum fault_kind k)
{
    return k >= FAULT_WRONG_TOTAL && k <= FAULT_SHUFFLE;
}

bool fault_damages(enum fault_kind k)
{
    return k == FAULT_TRUNCATE || k == FAULT_MALFORMED || k == FAULT_DROP || k == FAULT_SILENCE || k == FAULT_HTML200;
}

void faults_init(struct faults *f)
{
    *f = (struct faults){0};
    TAILQ_INIT(&f->armed);
}

static void fault_free(struct faults *f, struct fault *x)
{
    TAILQ_REMOVE(&f->armed, x, link);
    free(x->product);
    free(x->path);
    free(x);
}

void faults_clear(struct faults *f)
{
    struct fault *x;
    while ((x = TAILQ_FIRST(&f->armed)))
        fault_free(f, x);
}

void faults_release(struct faults *f)
{
    faults_clear(f);
}

const struct fault *faults_arm(struct faults *f, const struct json *o, const char *product, const char **why)
{
    enum fault_kind kind;
    if (!o || o->type != JSON_OBJECT) {
        *why = "a fault is an object";
        return NULL;
    }
    if (!fault_parse(json_get_text(o, "kind"), &kind)) {
        *why = "kind is not one of the faults in doc/simulator.md";
        return NULL;
    }
    struct fault *x = NEW(struct fault);
    x->id = ++f->last_id;
    x->kind = kind;
    struct slice path = json_get_text(o, "path");
    x->product = mem_strdup(product);
    x->path = path.p ? mem_strndup(path.p, path.n) : mem_strdup("*");
    x->count = 1;
    json_get_i64(o, "count", &x->count);
    json_get_i64(o, "after", &x->after);
    x->ms = 200;
    json_get_i64(o, "ms", &x->ms);
    TAILQ_INSERT_TAIL(&f->armed, x, link);
    return x;
}

static bool matches(const struct fault *x, const char *product, struct slice path)
{
    if (strcmp(x->product, "*") != 0 && strcmp(x->product, product) != 0)
        return false;
    return strcmp(x->path, "*") == 0 || slice_starts(path, slice_cstr(x->path));
}

struct fault faults_take(struct faults *f, const char *product, struct slice path)
{
    struct fault *x;
    TAILQ_FOREACH (x, &f->armed, link) {
        if (!matches(x, product, path))
            continue;
        if (x->after > 0) {
            x->after--;
            continue;
        }
        struct fault ret = {.id = x->id, .kind = x->kind, .ms = x->ms};
        f->played[x->kind]++;
        if (++x->used >= x->count)
            fault_free(f, x);
        return ret;
    }
    return (struct fault){.kind = FAULT_NONE};
}

void faults_write(const struct faults *f, struct jw *w)
{
    const struct fault *x;
    jw_array(w);
    TAILQ_FOREACH (x, &f->armed, link) {
        jw_object(w);
        jw_key_i64(w, "id", x->id);
        jw_key_str(w, "kind", fault_name(x->kind));
        jw_key_str(w, "product", x->product);
        jw_key_str(w, "path", x->path);
        jw_key_i64(w, "after", x->after);
        jw_key_i64(w, "left", x->count - x->used);
        jw_end(w);
    }
    jw_end(w);
}
