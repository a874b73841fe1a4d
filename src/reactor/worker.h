/* worker.h - one thread for work that burns CPU (password hashing). It only computes; the answer is posted to the loop.
 * Always: exactly one done-callback per job, on the loop, in a later turn; jobs past the ceiling are refused at once. */
#ifndef MSPHUB_REACTOR_WORKER_H
#define MSPHUB_REACTOR_WORKER_H

#include "reactor/loop.h"

struct worker;
struct worker *worker_new(struct loop *l, size_t max_jobs);
/* Waits for the job in hand, cancels the rest (their done is called with canceled = true). */
void worker_free(struct worker *w);
/* `work` runs on the thread and touches nothing but `job`; `done` runs on the loop. False when the queue is full. */
bool worker_run(struct worker *w, void *job, void (*work)(void *job),
                void (*done)(void *job, bool canceled)) WARN_UNUSED;

#endif
