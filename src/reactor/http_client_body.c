/* http_client_body.c - from the wire's body to on_body: ceilings and gzip.
 * Always: neither the bytes on the wire nor the decoded ones pass max_body, so that a small gzip bomb is as harmless
 *         as a long body; a callback that pauses or cancels stops the decoding where it stands. */
#include "reactor/http_client_internal.h"

#include <strings.h>

static bool too_large(const struct http_run *r, struct err *e)
{
    return err_set(e, ERR_LIMIT, "the reply's body is larger than %zu bytes", r->call.max_body);
}

bool body_begin(struct http_run *r, const struct http_reply_head *head, bool has_body, struct err *e)
{
    const char *coding = http_reply_head_get(head, "Content-Encoding");
    if (!coding || !*coding || strcasecmp(coding, "identity") == 0 || r->call.no_gzip || !has_body)
        return true;
    if (strcasecmp(coding, "gzip") != 0 && strcasecmp(coding, "x-gzip") != 0)
        return err_set(e, ERR_PROTOCOL, "the reply's Content-Encoding is \"%.40s\", but only gzip was asked for",
                       coding);
    if (inflateInit2(&r->gz, 15 + 16) != Z_OK)
        return err_set(e, ERR_INTERNAL, "zlib cannot be set up");
    r->gunzip = r->gz_open = true;
    return true;
}

static bool give(struct http_run *r, struct slice plain, struct err *e)
{
    r->plain += plain.n;
    if (r->plain > r->call.max_body)
        return too_large(r, e);
    if (plain.n > 0 && r->call.on_body)
        r->call.on_body(r->call.arg, plain);
    return true;
}

/* Decodes until the piece is used up, the user has paused or canceled, or enough was done for one turn. */
static bool gunzip(struct http_run *r, struct slice piece, size_t *ret_taken, struct err *e)
{
    char out[16384];
    size_t done = 0;
    r->gz.next_in = (Bytef *)(uintptr_t)piece.p;
    r->gz.avail_in = (uInt)piece.n;
    while ((r->gz.avail_in > 0 || r->gz_full) && !r->paused && r->state != RUN_ENDED && done < BODY_BURST) {
        if (r->gz_ended) { /* another member follows */
            inflateReset(&r->gz);
            r->gz_ended = false;
        }
        r->gz.next_out = (Bytef *)out;
        r->gz.avail_out = sizeof(out);
        int z = inflate(&r->gz, Z_NO_FLUSH);
        if (z != Z_OK && z != Z_STREAM_END && z != Z_BUF_ERROR)
            return err_set(e, ERR_PROTOCOL, "the reply's gzip body is broken: %s", r->gz.msg ? r->gz.msg : "no reason");
        r->gz_ended = z == Z_STREAM_END;
        r->gz_full = !r->gz_ended && r->gz.avail_out == 0;
        size_t n = sizeof(out) - r->gz.avail_out;
        done += n;
        if (!give(r, slice_of(out, n), e))
            return false;
    }
    *ret_taken = piece.n - r->gz.avail_in;
    return true;
}

bool body_piece(struct http_run *r, struct slice piece, size_t *ret_taken, struct err *e)
{
    *ret_taken = piece.n;
    if (r->raw + piece.n > r->call.max_body)
        return too_large(r, e);
    if (!(r->gunzip ? gunzip(r, piece, ret_taken, e) : give(r, piece, e)))
        return false;
    r->raw += *ret_taken;
    return true;
}

bool body_rest(struct http_run *r, struct err *e)
{
    size_t taken;
    return !r->gz_full || gunzip(r, SLICE(""), &taken, e);
}

bool body_end(struct http_run *r, struct err *e)
{
    if (r->gunzip && r->raw > 0 && !r->gz_ended)
        return err_set(e, ERR_PROTOCOL, "the reply's gzip body is cut");
    return true;
}

void body_release(struct http_run *r)
{
    if (r->gz_open)
        inflateEnd(&r->gz);
    r->gz_open = r->gunzip = r->gz_ended = r->gz_full = false;
}
