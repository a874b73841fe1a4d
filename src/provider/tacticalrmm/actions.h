/* actions.h - what Tactical RMM's actions share: a machine of one call, and how commands answer. */
#ifndef MSPHUB_PROVIDER_TACTICALRMM_ACTIONS_H
#define MSPHUB_PROVIDER_TACTICALRMM_ACTIONS_H

#include "provider/tacticalrmm/tacticalrmm.h"

struct tac_act {
    struct machine m;
    struct task task, lookup; /* lookup: the script's number by its name */
    int64_t script;
    unsigned matches;
    struct str list; /* of scripts, as JSON */
};
static inline struct tac_act *tac_act_of(struct task *t)
{
    return container_of(t->machine, struct tac_act, m);
}
struct tac_act *tac_act_new(const struct machine_input *in, const struct sink *sink, const struct task_kind *kind);

/* "/agents/ID/what" */
void tac_act_path(struct task *t, struct str *path, const char *what);
void tac_act_tell(struct task *t, const struct str *json);
/* The text that a bare JSON string says; the body itself when it is none. */
struct slice tac_act_said(const struct task *t, struct arena *a);
/* A command on an agent was refused: in words, with 400. */
enum task_verdict tac_act_failed(struct task *t, const struct machine_reply *r, struct err *e);
#define TAC_COMMAND .content_type = "application/json", .failed = tac_act_failed

extern const struct machine_ops tac_run_script_ops, tac_list_scripts_ops;
#define TAC_NRUN_FIELDS 5
extern const struct provider_field tac_run_fields[TAC_NRUN_FIELDS];

#endif
