/* provider.h - what the fuzz targets of the providers share. The input's first byte says what is done with the rest:
 *   even: it is a webhook's body.  odd: it is the answer to every call of a machine, in pieces of 1 + byte / 16
 *   bytes; bits 1 and 2 choose the machine.
 * Checked beside the sanitizers: what intake accepts is JSON; decode's failures say why; a machine that always gets
 *                                the same answer ends. */
#ifndef MSPHUB_TEST_FUZZ_PROVIDER_H
#define MSPHUB_TEST_FUZZ_PROVIDER_H

#include "base/json_read.h"
#include "msphub/provider.h"

#include <stdlib.h>

#define FUZZ_MAX_CALLS 400

static void fuzz_record(void *arg, const struct record *r)
{
    (void)arg;
    if ((unsigned)r->kind >= RECORD_NKINDS_)
        abort();
}
static void fuzz_reject(void *arg, enum record_kind kind, struct slice id, const char *reason)
{
    (void)arg, (void)kind, (void)id;
    if (!reason || !*reason)
        abort();
}
static void fuzz_json(void *arg, struct slice json)
{
    (void)arg;
    if (!json_valid(json, NULL))
        abort();
}
static void fuzz_complete(void *arg, enum record_kind kind, int64_t rows)
{
    (void)arg, (void)kind;
    if (rows < 0)
        abort();
}
static void fuzz_incomplete(void *arg, enum record_kind kind, const char *why)
{
    (void)arg, (void)kind;
    if (!why || !*why)
        abort();
}
static void fuzz_credential(void *arg, struct slice access_token, usec_t expires_in, struct slice refresh_token)
{
    (void)arg, (void)expires_in, (void)refresh_token;
    if (!access_token.n)
        abort();
}
static void fuzz_remark(void *arg, const char *text)
{
    (void)arg;
    if (!text)
        abort();
}
static const struct sink fuzz_sink = {
    NULL, fuzz_record, fuzz_reject, fuzz_json, fuzz_complete, fuzz_incomplete, fuzz_json, fuzz_credential, fuzz_remark};

static void fuzz_webhook(const struct provider *p, struct slice body)
{
    struct intake_keys keys = {0};
    struct err e = {0};

    if (p->intake(body, &keys, &e) && !json_valid(body, NULL))
        abort();
    str_release(&keys.dedupe);
    str_release(&keys.type);
    e = (struct err){0};
    if ((p->decode(body, SECONDS(1760000000), &fuzz_sink, &e) == DECODE_FAILED) != (e.code != ERR_NONE))
        abort();
}

static void fuzz_answer(const struct machine_ops *ops, struct machine *m, unsigned call, struct slice body,
                        size_t piece)
{
    struct machine_reply r = {
        .status = 200, .content_type = "application/json", .date = SECONDS(1760000000), .retry_after = USEC_NONE};
    struct err e = {0};

    if (ops->on_head)
        ops->on_head(m, call, &r);
    for (size_t at = 0; at < body.n; at += piece)
        if (!ops->on_body(m, call, slice_of(body.p + at, MIN(piece, body.n - at)))) {
            err_set(&e, ERR_PROTOCOL, "refused");
            r.err = &e;
            break;
        }
    ops->on_end(m, call, &r);
}

static void fuzz_machine(const struct provider *p, const struct machine_ops *ops, struct machine_input *in,
                         struct slice body, size_t piece)
{
    struct err e = {0};
    struct machine *m = ops->start(in, &fuzz_sink, &e);
    struct machine_call call = {0};

    if (!m)
        return;
    for (unsigned n = 0;; n++) {
        if (ops->next(m, &call) == MACHINE_DONE)
            break;
        if (n == FUZZ_MAX_CALLS)
            abort(); /* the same answer for ever, and it goes on asking */
        fuzz_answer(ops, m, call.id, body, piece);
    }
    if (!ops->result(m, &e) && (e.code == ERR_NONE || !e.what[0]))
        abort();
    ops->free(m);
}

static void fuzz_provider(const struct provider *p, const char *settings_json, struct slice device_id,
                          const uint8_t *data, size_t size)
{
    struct slice body;
    struct machine_input in = {.now = SECONDS(1760000000), .kinds = SYNC_KINDS_ALL, .device_id = device_id};
    const struct machine_ops *ops = p->sync;

    if (!size)
        return;
    body = slice_of((const char *)data + 1, size - 1);
    if (!(data[0] & 1)) {
        fuzz_webhook(p, body);
        return;
    }
    in.settings = settings_from_json(p->fields, p->nfields, slice_cstr(settings_json), NULL);
    if (!in.settings)
        abort();
    if ((data[0] & 6) == 2)
        in.mode = SYNC_SINGLE;
    else if ((data[0] & 6) == 4)
        in.mode = SYNC_INCREMENTAL, in.cursor = SLICE("{\"activity_id\":1,\"report_date\":\"2025-01-01T00:00:00Z\"}");
    else if ((data[0] & 6) == 6)
        ops = p->authenticate ? p->authenticate : p->probe;
    fuzz_machine(p, ops, &in, body, 1 + data[0] / 16);
    settings_free((struct settings *)(uintptr_t)in.settings);
}

#endif
