/* single.h - one Tactical agent read by itself: for a single sync, and for the action "live". */
#ifndef MSPHUB_PROVIDER_TACTICALRMM_SINGLE_H
#define MSPHUB_PROVIDER_TACTICALRMM_SINGLE_H

#include "base/json_write.h"
#include "provider/tacticalrmm/tacticalrmm.h"

/* The answer of "live" while it grows; NULL in a single sync. */
struct tac_live {
    struct str agent, checks, updates, lacking; /* an object's members; an array's elements each */
};
struct tac_live *tac_live_new(void);
void tac_live_free(struct tac_live *live);
void tac_live_agent(struct tac_live *live, const struct tac_agent *a, const struct tac_context *c);
void tac_live_check(struct tac_live *live, const struct tac_check *check);
void tac_live_update(struct tac_live *live, const struct tac_update *u);
void tac_live_lacks(struct tac_live *live, const char *what, const char *why);
void tac_live_result(const struct tac_live *live, const struct sink *sink);

/* A machine that reads the agent in->device_id. With `live` (taken over) its checks as well, and the answer is told. */
struct machine *tac_single_new(const struct machine_input *in, const struct sink *sink, struct tac_live *live,
                               struct err *e);

#endif
