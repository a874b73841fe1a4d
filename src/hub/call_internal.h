/* hub/call_internal.h - what call.c (an attempt, step by step) and call_answer.c (what came back) share. */
#ifndef MSPHUB_HUB_CALL_INTERNAL_H
#define MSPHUB_HUB_CALL_INTERNAL_H

#include "hub/call.h"

enum call_state {
    CALL_NEW,
    CALL_TOKEN,   /* waits for a credential */
    CALL_CIRCUIT, /* waits for the circuit breaker's verdict */
    CALL_BUDGET,  /* waits for its turn */
    CALL_HELD,    /* had its turn, but the job is paused */
    CALL_OPEN,    /* sent: a slot of the budget is ours */
    CALL_BACKOFF,
    CALL_ENDING, /* the outcome is known; the machine hears it in the next turn */
    CALL_ENDED,
    CALL_NSTATES_
};
enum body_state {
    BODY_UNSEEN, /* 2xx, nothing but blanks so far */
    BODY_FED,    /* goes to the machine */
    BODY_ERROR   /* collected, to explain the failure */
};

/* What the client holds instead of the call: it outlives a call that is dropped, until the client's last word. */
struct exchange {
    struct call *call;
};

struct call {
    struct call_env *env;
    struct machine_call mc; /* its pointers are the machine's */
    enum call_state state;

    struct token_wait token_wait;
    struct circuit_wait circuit_wait;
    struct budget_wait budget_wait;
    struct timer timer; /* BACKOFF */
    struct deferred ending;

    struct token *token;
    unsigned attempts;
    bool renewed;    /* the credential, after a 401: once */
    bool asked;      /* a token was asked for in this attempt: use what came, however short its life */
    bool refused;    /* c->token was answered with 401 */
    bool probing;    /* the circuit's probe */
    bool fed_before; /* the machine was fed in this or a former attempt and not told that it is void */

    /* the attempt in flight */
    struct exchange *exchange;
    struct ref http;
    usec_t opened;
    enum body_state body;
    enum reply_class class;
    char first;
    int status;
    struct str content_type, location, error_body; /* without what we sent as a secret, once the answer is over */
    struct str credential;                         /* header values that authorize the call */
    usec_t date, retry_after;

    bool failed;
    struct err err; /* with failed: what machine_reply.err will say */
};

static inline const struct provider *call_provider(const struct call *c)
{
    return c->env->it->provider;
}

static inline struct log *call_log(const struct call *c)
{
    return c->env->hub->log;
}

static inline const struct options *call_options(const struct call *c)
{
    return c->env->hub->options;
}

void call_enter(struct call *c, enum call_state to);
void call_begin(struct call *c);                    /* the first step of an attempt */
void call_end(struct call *c, const struct err *e); /* e == NULL: the answer speaks for itself */
void call_log_failed(const struct call *c, usec_t took, const struct err *e);
struct machine_reply call_reply(const struct call *c, const struct err *e);

/* Lets go of the answer, which need not be read (to its end). */
void call_cut(struct call *c);
/* The client's callbacks; `arg` is a struct exchange. */
void call_on_head(void *arg, const struct http_reply_head *h);
void call_on_body(void *arg, struct slice piece);
void call_on_end(void *arg, const struct err *err);

#endif
