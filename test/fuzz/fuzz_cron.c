/* fuzz_cron.c - cron expressions as people type them.
 * Held:  what is read has a number in every field and none outside of it, some day that comes round, and, written as lists of numbers,
 *        reads back equal; what is not read is explained. */
#include "fuzz.h"

#include "base/cron.h"
#include "base/str.h"

static void write_list(struct str *out, uint64_t bits, bool star)
{
    if (star) {
        str_adds(out, "*/1 ");
        return;
    }
    for (unsigned n = 0; n < 64; n++)
        if (bits >> n & 1)
            str_addf(out, "%u,", n);
    out->p[out->n - 1] = ' ';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct {
        unsigned min, max;
    } ranges[CRON_NPARTS_] = {{0, 59}, {0, 23}, {1, 31}, {1, 12}, {0, 6}};
    struct cron c, again;
    struct err e = {0};

    if (!cron_parse(slice_of((const char *)data, size), &c, &e)) {
        HOLD(e.code == ERR_INPUT && e.what[0]);
        return 0;
    }
    struct str text = {0};
    for (unsigned p = 0; p < CRON_NPARTS_; p++) {
        HOLD(c.in[p] != 0);
        HOLD((c.in[p] >> ranges[p].max) >> 1 == 0);
        HOLD((c.in[p] & ((UINT64_C(1) << ranges[p].min) - 1)) == 0);
        bool all = c.in[p] == ((UINT64_C(2) << ranges[p].max) - (UINT64_C(1) << ranges[p].min));
        write_list(&text, c.in[p], all && !(p == CRON_HOUR && !c.any_hour) && !c.either_day);
    }
    if (text.n <= CRON_TEXT_MAX) {
        HOLD(cron_parse(str_slice(&text), &again, &e));
        HOLD(memcmp(c.in, again.in, sizeof(c.in)) == 0);
    }
    str_release(&text);
    return 0;
}
