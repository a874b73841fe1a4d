/* worker.c - the worker thread and its two queues.
 * Why:    hashing a password takes tens of milliseconds, several turns of the loop.
 * Owns:   the thread; `todo` and `finished` under one mutex; an eventfd by which the thread wakes the loop.
 * States: a job is in `todo`, in hand, or in `finished`; done_cb takes it from there.
 * Always: `done` runs on the loop and never inside worker_run; the ceiling counts every job whose done has not run. */
#include "reactor/worker.h"

#include "base/mem.h"

#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct job {
    void *job;
    void (*work)(void *job);
    void (*done)(void *job, bool canceled);
    bool canceled;
    STAILQ_ENTRY(job) link;
};
STAILQ_HEAD(jobs, job);

struct worker {
    size_t max_jobs, njobs; /* loop's side only */
    int wake;
    struct event *ev;
    pthread_t thread;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t more;
    struct jobs todo, finished;
    bool stop;
};

static struct job *next_job(struct worker *w)
{
    pthread_mutex_lock(&w->lock);
    while (STAILQ_EMPTY(&w->todo) && !w->stop)
        pthread_cond_wait(&w->more, &w->lock);
    struct job *j = w->stop ? NULL : STAILQ_FIRST(&w->todo);
    if (j)
        STAILQ_REMOVE_HEAD(&w->todo, link);
    pthread_mutex_unlock(&w->lock);
    return j;
}

static void *thread_main(void *arg)
{
    struct worker *w = arg;
    struct job *j;
    while ((j = next_job(w))) {
        j->work(j->job);
        pthread_mutex_lock(&w->lock);
        STAILQ_INSERT_TAIL(&w->finished, j, link);
        pthread_mutex_unlock(&w->lock);
        eventfd_write(w->wake, 1);
    }
    return NULL;
}

static void finish(struct worker *w, struct jobs *jobs)
{
    struct job *j;
    while ((j = STAILQ_FIRST(jobs))) {
        STAILQ_REMOVE_HEAD(jobs, link);
        w->njobs--;
        j->done(j->job, j->canceled);
        free(j);
    }
}

static void done_cb(evutil_socket_t fd, short what, void *arg)
{
    struct worker *w = arg;
    eventfd_t count;
    eventfd_read(w->wake, &count);
    struct jobs batch = STAILQ_HEAD_INITIALIZER(batch);
    pthread_mutex_lock(&w->lock);
    STAILQ_CONCAT(&batch, &w->finished);
    pthread_mutex_unlock(&w->lock);
    finish(w, &batch);
}

struct worker *worker_new(struct loop *l, size_t max_jobs)
{
    struct worker *w = NEW(struct worker);
    w->max_jobs = max_jobs;
    STAILQ_INIT(&w->todo);
    STAILQ_INIT(&w->finished);
    w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->wake < 0)
        abort();
    w->ev = event_new(loop_base(l), w->wake, EV_READ | EV_PERSIST, done_cb, w);
    if (!w->ev || event_add(w->ev, NULL) != 0)
        abort();
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->more, NULL);
    /* Signals are the loop's: a thread that took one would only wake libevent's handler in the wrong place. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&w->thread, NULL, thread_main, w) != 0)
        abort();
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return w;
}

void worker_free(struct worker *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_signal(&w->more);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    event_free(w->ev);
    finish(w, &w->finished);
    struct job *j;
    STAILQ_FOREACH (j, &w->todo, link)
        j->canceled = true;
    finish(w, &w->todo);
    close(w->wake);
    pthread_cond_destroy(&w->more);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

bool worker_run(struct worker *w, void *job, void (*work)(void *job), void (*done)(void *job, bool canceled))
{
    if (w->njobs >= w->max_jobs)
        return false;
    w->njobs++;
    struct job *j = NEW(struct job);
    *j = (struct job){.job = job, .work = work, .done = done};
    pthread_mutex_lock(&w->lock);
    STAILQ_INSERT_TAIL(&w->todo, j, link);
    pthread_cond_signal(&w->more);
    pthread_mutex_unlock(&w->lock);
    return true;
}
