/* sink.h - what a provider says, checked as it is said.
 * Always: a record names what it is about, its texts are storable, its numbers and times known or absent, its enums in range; cursors
 *         and checkpoints are JSON. */
#ifndef MSPHUB_TEST_FUZZ_SINK_H
#define MSPHUB_TEST_FUZZ_SINK_H

#include "msphub/provider.h"

struct told {
    size_t records, rejects;
    unsigned complete, incomplete; /* BIT(enum record_kind) */
    struct str checkpoint, cursor; /* the last of each */
};
struct sink told_sink(struct told *t);
void told_release(struct told *t);

#endif
