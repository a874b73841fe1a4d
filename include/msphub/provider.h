/* msphub/provider.h - the provider contract: all that the author of a provider includes.
 * A provider is tables and state machines. It owns no socket, clock, file or database: it says what to ask, is fed what came
 * back, and emits records. The engine (src/hub/engine.c) does all I/O: base URL, authentication, rate budget, retries with
 * jittered backoff, Retry-After, deadlines, circuit breaking.
 *
 * The same machine runs under the engine, in a unit test from a recorded file cut at every byte, and under the fuzzer. */
#ifndef MSPHUB_PROVIDER_H
#define MSPHUB_PROVIDER_H

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "msphub/mapping.h"
#include "msphub/record.h"

/* --- settings: what the tenant configured, by the field table --- */
enum provider_field_kind {
    FIELD_INPUT_TEXT,
    FIELD_INPUT_SECRET,
    FIELD_INPUT_SELECT,
    FIELD_INPUT_URL,
    FIELD_INPUT_BOOL,
    FIELD_INPUT_NUMBER,
    FIELD_INPUT_LINES /* text of several lines */
};
struct provider_field {
    const char *key, *label;
    enum provider_field_kind kind;
    bool required;
    const char *fallback; /* default, as text; NULL: none */
    const char *help;
    const char *const *options; /* SELECT: values, NULL-terminated */
    int64_t min, max;           /* NUMBER, when max > 0 */
};

struct settings; /* built by the hub; all lookups are by the field's key */
/* Secrets as well; absent: the default or SLICE_NONE. */
struct slice settings_text(const struct settings *s, const char *key);
bool settings_bool(const struct settings *s, const char *key);
int64_t settings_i64(const struct settings *s, const char *key, int64_t fallback);
/* For the hub and for tests: from a JSON object; the text is copied, secrets are wiped on free. */
struct settings *settings_from_json(const struct provider_field *fields, size_t n, struct slice json, struct err *e);
void settings_free(struct settings *s);

/* --- what a machine may ask of the product --- */
#define MACHINE_MAX_HEADERS 8
struct machine_header {
    const char *name, *value;
};
struct machine_call {
    unsigned id;        /* chosen by the machine, unique among its open calls */
    const char *method; /* "GET", "POST", "PATCH", "PUT", "DELETE" */
    /* From the root of the base URL, with query, percent-encoded: "/v2/devices-detailed?pageSize=1000". */
    const char *path;
    struct slice body; /* .p == NULL: none */
    const char *content_type;
    bool repeatable;  /* may be sent again when the outcome is unknown: GETs, and POST/PATCH calls that only list */
    bool anonymous;   /* without the credential: token endpoint, public probe */
    const char *what; /* for messages and metrics, low cardinality: "devices", "alerts", "token" */
    struct machine_header headers[MACHINE_MAX_HEADERS]; /* beside those of authorize; ends at name == NULL */
    /* All pointers live until the call's on_end. */
};

struct machine_reply {
    int status; /* 0: none came */
    /* No whole answer (status is 0 or, for a cut body, the status), or the engine refuses it (a page for data, a
     * redirect, a wait longer than call_max_wait, no credential): why. NULL: status and body tell. */
    const struct err *err;
    const char *content_type; /* never NULL */
    struct slice error_body;  /* status is not 2xx, or refused by accept: the body's first 16 KiB */
    usec_t date;              /* the server's Date header; USEC_NONE */
    usec_t retry_after;       /* duration from Retry-After; USEC_NONE */
};

enum machine_want {
    MACHINE_CALL, /* *ret is the next call; ask again, more may be ready */
    MACHINE_WAIT, /* nothing until one of the open calls has moved on */
    MACHINE_DONE  /* no more calls, none open; ask result() */
};

enum sync_mode { SYNC_FULL, SYNC_INCREMENTAL, SYNC_SINGLE };
#define SYNC_KIND(k)   (UINT64_C(1) << (k)) /* of enum record_kind; what "goes with" another has no bit of its own */
#define SYNC_KINDS_ALL UINT64_C(0xffffffff)

/* Connecting a tenant's account by OAuth (provider_connect). */
struct machine_connect {
    struct slice code;          /* what the product gave the browser */
    struct slice redirect_uri;  /* byte for byte as in the authorization request */
    struct slice code_verifier; /* PKCE; SLICE_NONE: none was sent */
};
/* Where and how deliveries shall come (provider.webhook_register). */
struct machine_webhook {
    struct slice url, secret; /* the secret belongs in the header webhook_secret_header, or is in the URL already */
};

struct machine_input {
    const struct settings *settings;
    struct slice refresh_token; /* authenticate: the stored one, or SLICE_NONE */
    usec_t now;                 /* wall clock at the start */
    enum sync_mode mode;
    uint64_t kinds;              /* SYNC_KIND bits; a probe's: what a person wants to know of, 0: is it there */
    struct slice cursor;         /* INCREMENTAL: what the last run left as its cursor (JSON), or SLICE_NONE */
    struct slice checkpoint;     /* resuming: the last stored checkpoint (JSON), or SLICE_NONE */
    struct slice device_id;      /* SINGLE; an action on a device */
    struct slice target_id;      /* an action on something else: the alert's series, the ticket's id */
    const struct settings *args; /* an action's arguments, by its field table; else NULL */
    const struct machine_connect *connect; /* provider_connect.exchange; else NULL */
    const struct machine_webhook *webhook; /* webhook_register, webhook_remove; else NULL */
};

/* What a doctor says of an integration. */
enum finding_level { FINDING_OK, FINDING_WARNING, FINDING_ERROR };
struct finding {
    enum finding_level level;
    const char *code; /* stable, for programs: "wrong_host", "beta_api_off", "missing_scope" */
    const char *what; /* one sentence: what was found */
    const char *mend; /* one sentence: what to do; NULL when all is well */
};

/* Where a machine puts what it found. All calls copy what they need. */
struct sink {
    void *arg;
    void (*record)(void *arg, const struct record *r);
    /* One record is bad (fault of a row, id missing); its neighbours are not. With its id (the one the record would have) it is
     * known to be there, so the list may still be complete; with SLICE_NONE it could be any. */
    void (*reject)(void *arg, enum record_kind kind, struct slice id, const char *reason);
    /* All records emitted so far may be stored and the run resumed from this JSON. */
    void (*checkpoint)(void *arg, struct slice json);
    /* The list of this kind was read to its end, and proven: cursor's end seen, totals equal, no row omitted by a failed page. Only
     * after this call may absence mean anything. A kind that never gets it has no destructive effect. */
    void (*complete)(void *arg, enum record_kind kind, int64_t rows);
    /* It cannot be proven complete, and why ("the product announced 41 rows and gave 39"): the run becomes partial. */
    void (*incomplete)(void *arg, enum record_kind kind, const char *why);
    /* Where the next incremental run starts. */
    void (*cursor)(void *arg, struct slice json);
    /* authenticate only. Texts are copied; refresh_token SLICE_NONE keeps the stored one. expires_in: duration, USEC_NONE unknown. */
    void (*credential)(void *arg, struct slice access_token, usec_t expires_in, struct slice refresh_token);
    /* probe only: one line for the person who tests the connection: "NinjaOne at app.ninjarmm.com, 20 organizations". */
    void (*remark)(void *arg, const char *text);
    /* doctor only; texts are copied. */
    void (*finding)(void *arg, const struct finding *f);
    /* actions only, once before DONE: the answer, a JSON object (the action's page in doc/ lists its members). Records that an
     * action emits are stored like a webhook's. */
    void (*result)(void *arg, struct slice json);
    /* How far a list is, when the product tells: rows so far and in all. May be NULL in tests. */
    void (*progress)(void *arg, enum record_kind kind, int64_t rows, int64_t total);
};

struct machine; /* the provider's own state */
struct machine_ops {
    const char *name; /* "sync" */
    /* NULL: *e says why; input and sink outlive the machine. */
    struct machine *(*start)(const struct machine_input *in, const struct sink *sink, struct err *e);
    enum machine_want (*next)(struct machine *m, struct machine_call *ret);
    /* May be NULL. A 2xx answer begins, before its first piece: status, content type, date. Again for each repetition. */
    void (*on_head)(struct machine *m, unsigned call, const struct machine_reply *head);
    /* 2xx only, as it arrives. False: the body is not what the contract says (the machine keeps why); the call is ended at once. */
    bool (*on_body)(struct machine *m, unsigned call, struct slice piece);
    /* What was fed for this call is void (it was cut); it will be fed again from the start. Records emitted twice are harmless. */
    void (*on_again)(struct machine *m, unsigned call);
    /* Once per call, last: after the engine's retries. */
    void (*on_end)(struct machine *m, unsigned call, const struct machine_reply *r);
    bool (*result)(const struct machine *m, struct err *e); /* after DONE: false with why the whole failed */
    void (*free)(struct machine *m);                        /* at any time, open calls or not */
};

/* --- webhooks --- */
struct intake_keys {
    struct str dedupe; /* equal deliveries have equal keys; empty: the body's hash is taken */
    struct str type;   /* for lists and metrics: "CONDITION.TRIGGERED" */
};
enum decode_result {
    DECODE_APPLIED, /* records were emitted */
    DECODE_IGNORED, /* understood, nothing to do here; counted by type */
    DECODE_UNKNOWN, /* a type we do not know; counted, kept, not an error */
    DECODE_FAILED   /* *e says what is wrong; retrying cannot help */
};

/* --- what the engine needs to know of a product --- */
enum reply_class {
    REPLY_OK,
    REPLY_THROTTLED,   /* wait (retry_after or backoff), then again */
    REPLY_UNAVAILABLE, /* 5xx, transport: again if repeatable */
    REPLY_AUTH,        /* the credential is refused: renew once, then again once */
    REPLY_FAILED       /* final: the machine explains it */
};

enum budget_scope { BUDGET_INTEGRATION, BUDGET_TENANT, BUDGET_HOST, BUDGET_SOURCE_ADDRESS };
struct provider_limits {
    unsigned concurrency; /* calls open at once */
    unsigned per_minute;  /* 0: none known */
    enum budget_scope scope;
};

/* --- what can be done by a person or a rule --- */
enum action_target { ACTION_ON_DEVICE, ACTION_ON_ALERT, ACTION_ON_TICKET, ACTION_ON_INTEGRATION };
enum action_flag {
    ACTION_READS = 1 << 0,      /* changes nothing: may be sent again, and answered from a cache */
    ACTION_DISRUPTIVE = 1 << 1, /* a person must confirm: reboot, script */
    ACTION_REMOTE = 1 << 2      /* gives access to the machine: each use is kept in the remote access log */
};
struct provider_action {
    /* The same key means the same in all products: "live", "remote_link", "reboot", "run_script", "maintenance_start",
     * "maintenance_end", "set_custom_field", "reset_alert", "create_ticket", "comment_ticket", "set_ticket_status". */
    const char *key;
    const char *label, *help;
    enum action_target target;
    unsigned flags;     /* enum action_flag */
    usec_t cache;       /* READS: an answer may be given again for so long; 0: never */
    usec_t stale_cache; /* READS: and, when the product does not answer, with its age for so long; 0: never */
    const struct provider_field *fields; /* arguments */
    size_t nfields;
    const struct machine_ops *ops; /* sink: result, record, reject */
};

/* --- connecting by OAuth --- */
struct connect_request {
    struct slice redirect_uri, state, code_challenge; /* code_challenge: PKCE S256 */
};
struct provider_connect {
    /* Where the person's browser is sent; ERR_INPUT with the mend when the settings cannot be right. */
    bool (*authorize_url)(const struct settings *s, const struct connect_request *q, struct str *ret, struct err *e);
    /* code → tokens: sink->credential. Input: connect. */
    const struct machine_ops *exchange;
    /* Do these settings connect that way (or is it e.g. client_credentials)? NULL: always. */
    bool (*wanted)(const struct settings *s);
};

enum provider_flag {
    PROVIDER_ALERT_ABSENCE_RESOLVES = 1 << 0, /* an alert missing from a complete list is resolved */
    PROVIDER_KEEPS_DEVICES = 1 << 1,          /* default: absent devices are kept, not retired */
    PROVIDER_WEBHOOK = 1 << 2,
    PROVIDER_OAUTH = 1 << 3
};

struct provider {
    const char *key; /* "ninjaone" */
    const char *name, *vendor, *category, *description, *documentation_url;
    const struct provider_field *fields;
    size_t nfields;
    unsigned flags; /* enum provider_flag */
    uint64_t kinds; /* SYNC_KIND bits that sync can deliver */
    struct provider_limits limits;
    const char *webhook_secret_header; /* where deliveries carry the secret: "X-Msphub-Secret"; NULL: in the URL */
    const char *webhook_template;      /* what a person pastes into the product, or NULL */

    /* "https://host[:port][/prefix]" without a trailing slash, from the settings; ERR_INPUT with the mend when they cannot be right. */
    bool (*base_url)(const struct settings *s, struct str *ret, struct err *e);
    /* Settings that do not go together: false, with the field to blame. Each alone has passed by its table. NULL: none. */
    bool (*check)(const struct settings *s, const char **ret_field, struct err *e);
    /* Do these settings need an access token, or does a static key do? NULL: a token whenever there is `authenticate`. */
    bool (*needs_token)(const struct settings *s);
    /* Adds headers that carry the credential (access_token is SLICE_NONE when the product needs none). Texts into the arena. */
    void (*authorize)(const struct settings *s, struct slice access_token, struct arena *a, struct machine_call *call);
    /* `first`: the body's first non-space byte, or 0. NULL takes the common rule (429, 5xx, 401, '<' is PROTOCOL). */
    enum reply_class (*classify)(const struct machine_call *call, const struct machine_reply *r, char first);

    const struct machine_ops *authenticate; /* NULL: static key */
    const struct machine_ops *probe;
    const struct machine_ops *sync;
    const struct machine_ops *doctor; /* sink->finding for all that can be told apart; NULL: the probe alone */
    const struct machine_ops *webhook_register, *webhook_remove; /* by the product's API; NULL: a person does it */
    const struct provider_connect *connect;                      /* NULL: none */
    const struct provider_action *actions;
    size_t nactions;
    /* Checks that the body is one whole JSON value and takes the keys from it in the same pass. False: not JSON (ERR_INPUT). */
    bool (*intake)(struct slice body, struct intake_keys *ret, struct err *e);
    enum decode_result (*decode)(struct slice body, usec_t received, const struct sink *sink, struct err *e);
};

/* The registry: src/provider/registry.c. Sorted by key, ends with NULL. */
extern const struct provider *const provider_registry[];
const struct provider *provider_find(struct slice key);

#endif
