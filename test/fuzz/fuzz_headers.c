/* fuzz_headers.c - values of headers that strangers send: addresses and networks, traceparent, If-Match, If-None-Match.
 * Held:  what is read has one text, which reads back as the same; a network has its own address, and none when a bit before its length
 *        is another; a refusal says why. */
#include "fuzz.h"

#include "api/api.h"

static void check_network(struct slice text)
{
    struct cidr net, again;
    struct err e = {0};
    char buf[CIDR_TEXT_MAX];
    if (!cidr_parse(text, &net, &e)) {
        HOLD(e.code == ERR_INPUT && e.what[0]);
        return;
    }
    HOLD(cidr_parse(slice_cstr(cidr_text(&net, buf)), &again, &e));
    HOLD(memcmp(&again.ip, &net.ip, sizeof(net.ip)) == 0 && again.bits == net.bits);
    HOLD(cidr_has(&net, &net.ip) || (ip_is_v4(&net.ip) && net.bits < 96));
    if (net.bits) {
        struct ip other = net.ip;
        other.bytes[(net.bits - 1) / 8] ^= (uint8_t)(0x80 >> (net.bits - 1) % 8);
        HOLD(!cidr_has(&net, &other));
    }
}

static void check_address(struct slice text)
{
    struct ip ip, again;
    char buf[IP_TEXT_MAX];
    if (!ip_parse(text, &ip))
        return;
    HOLD(ip_parse(slice_cstr(ip_text(&ip, buf)), &again));
    HOLD(memcmp(&ip, &again, sizeof(ip)) == 0);
}

static void check_trace(struct slice text)
{
    struct trace t, again;
    char buf[TRACE_PARENT_LEN + 1];
    if (!trace_parse(text, &t))
        return;
    HOLD(strlen(trace_text(&t, buf)) == TRACE_PARENT_LEN && trace_parse(slice_cstr(buf), &again));
    HOLD(strcmp(t.id, again.id) == 0 && strcmp(t.span, again.span) == 0 && t.sampled == again.sampled);
}

static void check_tags(struct slice text)
{
    int64_t version = -1;
    enum api_match match = api_match_read(text, &version);
    HOLD(match != API_MATCH_VERSION || version > 0);
    HOLD(match != API_MATCH_ANY || api_etag_listed(text, SLICE("\"1\"")));
    (void)api_etag_listed(text, SLICE("\"1-00ff00ff00ff00ff\""));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cidr_list list;
    struct err e = {0};
    char *copy = malloc(size ? size : 1); /* of just this size: a byte read behind it is seen */
    HOLD(copy);
    if (size)
        memcpy(copy, data, size);
    struct slice text = slice_of(copy, size);
    check_network(text);
    check_address(text);
    check_trace(text);
    check_tags(text);
    if (cidr_list_parse(text, 8, &list, &e)) {
        HOLD(list.n <= 8);
        cidr_list_release(&list);
    }
    free(copy);
    return 0;
}
