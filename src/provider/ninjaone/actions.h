/* actions.h - inside what NinjaOne can have done: a machine of one call that acts, and one that reads back what became of it. */
#ifndef MSPHUB_PROVIDER_NINJAONE_ACTIONS_H
#define MSPHUB_PROVIDER_NINJAONE_ACTIONS_H

#include "provider/ninjaone/ninjaone.h"

struct nin_act {
    struct machine m;
    struct nin_context context;
    int64_t device; /* 0: the action is on something else */
    struct task act, read;
};
struct nin_act *nin_act_of(struct machine *m);
/* For an action on a device; false: input.device_id is none. `read` NULL: nothing is read back. */
bool nin_act_init(struct nin_act *x, const struct machine_input *in, const struct sink *sink,
                  const struct task_kind *act, const struct task_kind *read, struct err *e);
void nin_act_release(struct machine *m);
enum task_verdict nin_act_done(struct task *t, const void *head, const struct machine_reply *r, struct err *e);
struct slice nin_arg(const struct task *t, const char *key); /* trimmed; SLICE_NONE when empty */

#define NIN_ACT_JSON .acting = true, .content_type = "application/json"

extern const struct machine_ops nin_live_ops, nin_maintenance_start_ops, nin_maintenance_end_ops,
    nin_set_custom_field_ops;
#define NIN_NACTIONS 8
extern const struct provider_action nin_actions[NIN_NACTIONS];

#endif
