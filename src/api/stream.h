/* api/stream.h - replies longer than memory: pages are read from the database as fast as the client takes them.
 * How:    `more` is asked for one piece at a time and answers, in that turn or a later one, by api_stream_put, _end or _fail. It is
 *         asked again when the piece is out of the way: what waits is one piece above the server's stream_high. The option `exports`
 *         bounds how many are asked at once, so that however many exports leave the database to all others.
 * Owns:   itself; it is gone after _end and _fail, like its call, or when the client has left.
 * Always: a reply that was cut is seen to be: the connection breaks before the last chunk. */
#ifndef MSPHUB_API_STREAM_H
#define MSPHUB_API_STREAM_H

#include "api/api.h"

#define API_STREAM_ROWS 500 /* of a piece */

struct api_stream;
typedef void api_stream_more(struct api_stream *s, void *arg);
/* Asks for the first piece at once; headers that were set before go out with it. */
void api_stream_start(struct api_call *c, const char *type, api_stream_more *more, void *arg);
void api_stream_put(struct api_stream *s, struct slice piece);
void api_stream_end(struct api_stream *s, struct slice piece);
void api_stream_fail(struct api_stream *s, const struct err *e); /* before the first piece: a problem */

#endif
