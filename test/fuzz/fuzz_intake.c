/* fuzz_intake.c - deliveries as they come in: a body, shown to the intake and the decoder of every provider.
 * Held:  intake takes what is JSON and nothing else, and its keys are text that can be stored; decode says why it fails and emits only
 *        records that name what they are about. */
#include "fuzz.h"

#include "base/json_read.h"
#include "provider/providers.h"
#include "sink.h"

static void check_intake(const struct provider *p, struct slice body)
{
    struct intake_keys keys = {0}, again = {0};
    struct err e = {0};
    bool ok = p->intake(body, &keys, &e);

    HOLD(ok == json_valid(body, NULL));
    HOLD(ok || (e.code == ERR_INPUT && e.what[0]));
    HOLD(keys.dedupe.n <= body.n && keys.type.n <= 256);
    HOLD(p->intake(body, &again, &e) == ok);
    HOLD(slice_eq(str_slice(&keys.dedupe), str_slice(&again.dedupe)));
    HOLD(slice_eq(str_slice(&keys.type), str_slice(&again.type)));
    str_release(&keys.dedupe);
    str_release(&keys.type);
    str_release(&again.dedupe);
    str_release(&again.type);
}

static void check_decode(const struct provider *p, struct slice body)
{
    struct told told = {0};
    struct sink sink = told_sink(&told);
    struct err e = {0};
    enum decode_result r = p->decode(body, SECONDS(1763690400), &sink, &e);

    HOLD(r == DECODE_APPLIED || r == DECODE_IGNORED || r == DECODE_UNKNOWN || r == DECODE_FAILED);
    HOLD(r != DECODE_FAILED || (e.code != ERR_NONE && e.what[0]));
    HOLD(r != DECODE_APPLIED || told.records);
    HOLD(!told.records || json_valid(body, NULL));
    told_release(&told);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice body = slice_of((const char *)data, size);
    for (const struct provider *const *p = provider_registry; *p; p++) {
        if ((*p)->intake)
            check_intake(*p, body);
        if ((*p)->decode)
            check_decode(*p, body);
    }
    return 0;
}
