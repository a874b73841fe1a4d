/* requests.c - see requests.h. */
#include "requests.h"
#include "base/json_write.h"
#include <stdlib.h>

void requests_add(struct requests *s, const struct ask *a)
{
    struct slice type = ask_header(a, "Content-Type");
    if (s->n == REQUESTS_MAX) {
        s->dropped++;
        return;
    }
    if (s->n == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 64;
        s->v = mem_realloc_array(s->v, s->cap, sizeof(*s->v));
    }
    struct request_kept *k = &s->v[s->n++];
    *k = (struct request_kept){.method = a->method, .type = type.p ? mem_strndup(type.p, type.n) : NULL};
    k->target = a->query.n ? mem_printf("%.*s?%.*s", SLICE_FMT(a->path), SLICE_FMT(a->query))
                           : mem_strndup(a->path.p, a->path.n);
    if (a->body.n <= REQUEST_MAX_BODY)
        str_add(&k->body, a->body);
    else
        s->dropped++;
}

void requests_clear(struct requests *s)
{
    for (size_t i = 0; i < s->n; i++) {
        free(s->v[i].target);
        free(s->v[i].type);
        str_release(&s->v[i].body);
    }
    free(s->v);
    *s = (struct requests){.v = NULL};
}

void requests_write(const struct requests *s, struct jw *w)
{
    jw_object(w);
    jw_key(w, "requests");
    jw_array(w);
    for (size_t i = 0; i < s->n; i++) {
        const struct request_kept *k = &s->v[i];
        jw_object(w);
        jw_key_str(w, "method", http_method_name(k->method));
        jw_key_str(w, "target", k->target);
        jw_key_str(w, "type", k->type);
        jw_key_slice(w, "body", k->body.n ? str_slice(&k->body) : SLICE(""));
        jw_end(w);
    }
    jw_end(w);
    jw_key_i64(w, "dropped", (int64_t)s->dropped);
    jw_end(w);
}
