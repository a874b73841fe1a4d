/* store/column.h - fields of records (record_field) → columns of a batch.
 * Text: text; lists of texts: text, their JSON; numbers: bigint; times: timestamptz; tri: boolean; words: text. What is not known: null. */
#ifndef MSPHUB_STORE_COLUMN_H
#define MSPHUB_STORE_COLUMN_H

#include "base/mem.h"
#include "base/utf8.h"
#include "msphub/record.h"
#include "reactor/pg.h"

enum pg_type column_type(enum field_kind kind);
void column_value(struct pg_array *a, const struct record_field *f, const void *at);
/* A storable copy, cut at `max` bytes. */
struct slice column_text(struct arena *a, struct slice text, size_t max);
/* Adds what tells the value from any other; of texts, one that is not said is an empty one. */
void column_hash_text(struct str *out, const struct record_field *f, const void *at);

#endif
