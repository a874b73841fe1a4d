/* openloop.c - POSTs at a fixed rate whatever the server does, and prints the latency's distribution.
 * Why:    a closed loop (wrk) stops asking when the server stalls, and so hides the stall (coordinated omission). Here each
 *         request has the time at which it was due; its latency counts from then.
 * Usage:  openloop PORT PATH HEADER RATE SECONDS CONNECTIONS FIRST_ID
 * Prints: one line of JSON: sent, answered, bad, p50_ms, p99_ms, max_ms. */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct run;
struct conn {
    struct run *run;
    struct bufferevent *bev;
    double due; /* of the request in flight; 0: idle */
};
struct run {
    struct event_base *base;
    const char *path, *header;
    double rate, end, began;
    long next, total, first_id, answered, bad;
    double *latency;
    struct conn *conns;
    int nconns, idle;
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* 1 KB like NinjaOne's: a condition with its device. */
static int body_write(char *out, size_t size, long id)
{
    return snprintf(out, size,
                    "{\"id\":%ld,\"activityTime\":1760001234.556,\"deviceId\":4711,\"seriesUid\":\"0f0e4d9c-3b86-4a55-"
                    "9b0e-%012ld\","
                    "\"activityType\":\"CONDITION\",\"statusCode\":\"TRIGGERED\",\"status\":\"Triggered\","
                    "\"sourceName\":\"_average_\","
                    "\"subject\":\"\",\"message\":\"Memory at or above 90%% during 10 "
                    "minutes\",\"type\":\"Condition\",\"data\":{\"message\":"
                    "{\"code\":\"vmm_cond_memory_usage_ge\",\"params\":{\"duration\":10,\"threshold\":90,\"unit\":\"%%"
                    "\",\"value\":93.4,"
                    "\"padding\":\"%0500d\"}}}}",
                    id, id, 0);
}

static void conn_send(struct conn *c)
{
    struct run *r = c->run;
    char body[2048], head[1024];
    int n = body_write(body, sizeof(body), r->first_id + r->next);
    int h = snprintf(
        head, sizeof(head),
        "POST %s HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n%s\r\nContent-Length: %d\r\n\r\n",
        r->path, r->header, n);
    c->due = r->began + (double)r->next++ / r->rate;
    r->idle--;
    bufferevent_write(c->bev, head, (size_t)h);
    bufferevent_write(c->bev, body, (size_t)n);
}

static void pump(struct run *r)
{
    double t = now();
    for (int i = 0; i < r->nconns && r->idle && r->next < r->total && r->began + (double)r->next / r->rate <= t; i++)
        if (r->conns[i].bev && r->conns[i].due == 0)
            conn_send(&r->conns[i]);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct run *r = arg;
    pump(r);
    if (r->answered + r->bad >= r->total || now() > r->end)
        event_base_loopbreak(r->base);
}

static void on_read(struct bufferevent *bev, void *arg)
{
    struct conn *c = arg;
    struct evbuffer *in = bufferevent_get_input(bev);
    struct evbuffer_ptr head = evbuffer_search(in, "\r\n\r\n", 4, NULL);
    if (head.pos < 0)
        return;
    char text[1024] = {0};
    evbuffer_copyout(in, text, sizeof(text) - 1);
    const char *length = strcasestr(text, "content-length:");
    size_t whole = (size_t)head.pos + 4 + (length ? (size_t)atol(length + 15) : 0);
    if (evbuffer_get_length(in) < whole)
        return;
    evbuffer_drain(in, whole);
    struct run *r = c->run;
    if (strncmp(text, "HTTP/1.1 202", 12) == 0)
        r->latency[r->answered++] = now() - c->due;
    else
        r->bad++;
    c->due = 0;
    r->idle++;
    pump(r);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct conn *c = arg;
    if (!(what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)))
        return;
    if (c->due != 0)
        c->run->bad++;
    bufferevent_free(bev);
    c->bev = NULL;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
    if (argc != 8) {
        fprintf(stderr, "usage: openloop PORT PATH HEADER RATE SECONDS CONNECTIONS FIRST_ID\n");
        return 2;
    }
    struct run r = {.base = event_base_new(),
                    .path = argv[2],
                    .header = argv[3],
                    .rate = atof(argv[4]),
                    .nconns = atoi(argv[6]),
                    .first_id = atol(argv[7])};
    double seconds = atof(argv[5]);
    r.total = (long)(r.rate * seconds);
    r.latency = calloc((size_t)r.total, sizeof(double));
    r.conns = calloc((size_t)r.nconns, sizeof(struct conn));
    r.idle = r.nconns;
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (int i = 0; i < r.nconns; i++) {
        struct conn *c = &r.conns[i];
        *c = (struct conn){.run = &r, .bev = bufferevent_socket_new(r.base, -1, BEV_OPT_CLOSE_ON_FREE)};
        bufferevent_setcb(c->bev, on_read, NULL, on_event, c);
        bufferevent_enable(c->bev, EV_READ | EV_WRITE);
        bufferevent_socket_connect(c->bev, (struct sockaddr *)&to, sizeof(to));
    }
    r.began = now() + 0.05;
    r.end = r.began + seconds + 10;
    struct event *tick = event_new(r.base, -1, EV_PERSIST, on_tick, &r);
    event_add(tick, &(struct timeval){0, 500});
    event_base_dispatch(r.base);
    qsort(r.latency, (size_t)r.answered, sizeof(double), by_value);
    long n = r.answered;
    printf("{\"sent\":%ld,\"answered\":%ld,\"bad\":%ld,\"p50_ms\":%.2f,\"p99_ms\":%.2f,\"max_ms\":%.2f}\n", r.next, n,
           r.bad, n ? r.latency[n / 2] * 1e3 : 0, n ? r.latency[n * 99 / 100] * 1e3 : 0,
           n ? r.latency[n - 1] * 1e3 : 0);
    return 0;
}
