/* http_reader.h - reads one HTTP/1.1 reply out of an evbuffer, piece by piece.
 * Why:    evhttp's own reader hands a 103 out as the final reply (the real one then answers the next request),
 *         collects a whole chunk before it shows a byte of it, switches reading on again behind a caller that paused
 *         it, and takes two lengths without a word. Each breaks a promise of http_client.h, so the client reads for
 *         itself.
 * Owns:   the head's text. Nothing of the body is kept.
 * Always: strict about framing, for a reply misread once answers the wrong call: doubt is an error, or at least
 *         (`odd`) the end of the connection after this reply. Head and trailers have a ceiling, chunk lines have one,
 *         too.
 * States: HEAD -> (LENGTH | CHUNK_SIZE <-> CHUNK_DATA -> TRAILER | UNTIL_CLOSE) -> DONE;  any -> FAILED */
#ifndef MSPHUB_REACTOR_HTTP_READER_H
#define MSPHUB_REACTOR_HTTP_READER_H

#include "base/err.h"
#include "base/str.h"
#include "reactor/http_client.h"

struct evbuffer;

enum http_reader_state {
    HR_HEAD,
    HR_LENGTH,     /* `left` bytes of body */
    HR_CHUNK_SIZE, /* a line with the next chunk's size */
    HR_CHUNK_DATA, /* `left` bytes of the chunk */
    HR_CHUNK_END,  /* the line end behind them */
    HR_TRAILER,
    HR_UNTIL_CLOSE, /* the body ends with the connection */
    HR_DONE,
    HR_FAILED,
};

struct http_reader {
    enum http_reader_state state;
    bool head_only; /* the request was HEAD */
    size_t max_head, head_used;
    uint64_t left;
    struct http_reply_head head;
    struct str text;          /* "name\0value\0name\0value\0" */
    struct http_header *rows; /* head.headers */
    bool status_seen;
    bool keep_alive; /* the peer lets the connection live */
    bool odd;        /* do not use the connection again, whatever the peer says */
    bool has_length; /* `length` is the Content-Length */
    uint64_t length;
};

enum http_reader_event {
    HRE_MORE, /* nothing to be had until more has arrived */
    HRE_HEAD, /* r->head is there */
    HRE_BODY, /* *piece is; tell with http_reader_taken how much of it was used */
    HRE_END,
    HRE_ERROR, /* *e says why */
};

void http_reader_init(struct http_reader *r, bool head_only, size_t max_head);
void http_reader_release(struct http_reader *r);
enum http_reader_event http_reader_next(struct http_reader *r, struct evbuffer *in, struct slice *piece, struct err *e);
void http_reader_taken(struct http_reader *r, struct evbuffer *in, size_t n);
/* The peer has closed: HRE_END when that is the reply's end, else HRE_ERROR. */
enum http_reader_event http_reader_eof(struct http_reader *r, struct err *e);

/* The grammar of header names and values (RFC 9110 5): what is neither does not travel. */
bool http_is_token(struct slice s);
bool http_is_field_value(struct slice s);

#endif
