/* hub/call_circuit.h - the circuit breaker of one origin.
 * Why:    a host that does not answer costs each caller its whole deadline and each retry; after a few such calls in a
 *         row nobody should have to pay that again to learn what is known.
 * States: CLOSED -> OPEN -> PROBING -> CLOSED | OPEN                                                  [circuit_enter]
 * Always: while OPEN a call is refused at once; when the time is over one call goes as the probe and the others wait
 *         for what it finds; each time it opens again it stays open twice as long, up to CIRCUIT_MAX. Any answer, good
 *         or bad, closes it: only silence and failed connections open it. */
#ifndef MSPHUB_HUB_CALL_CIRCUIT_H
#define MSPHUB_HUB_CALL_CIRCUIT_H

#include "base/options.h"
#include "reactor/loop.h"

#define CIRCUIT_FAILURES 5 /* calls in a row, each after its retries */
#define CIRCUIT_MAX      SECONDS(300)

struct circuits;
struct circuit;

struct circuits *circuits_new(struct loop *l, const struct options *options, struct metrics *m);
void circuits_free(struct circuits *cs); /* nobody may wait any more */
struct circuit *circuit_get(struct circuits *cs, const char *provider, const char *origin); /* counted */
void circuit_put(struct circuit *c);

enum circuit_verdict { CIRCUIT_PASS, CIRCUIT_PROBE, CIRCUIT_REFUSED };

/* Lives inside who asks; zero-initialised. */
struct circuit_wait {
    struct circuit *circuit; /* NULL: not waiting */
    void (*cb)(void *arg, enum circuit_verdict v, const struct err *e);
    void *arg;
    TAILQ_ENTRY(circuit_wait) link;
};
/* The answer comes in a later turn, once. PROBE: this call must end in circuit_report or circuit_abandon. REFUSED: *e
 * says why. */
void circuit_ask(struct circuit *c, struct circuit_wait *w,
                 void (*cb)(void *arg, enum circuit_verdict v, const struct err *e), void *arg);
void circuit_leave(struct circuit_wait *w);
/* How a call ended: `why` is NULL when the origin answered, else the transport's failure. */
void circuit_report(struct circuit *c, const struct err *why);
void circuit_abandon(struct circuit *c); /* the probe was given up before it could tell */

#endif
