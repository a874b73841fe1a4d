/* csv.c - see csv.h. */
#include "base/csv.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <stdlib.h>

enum ended { END_FIELD, END_RECORD, END_BAD };

static enum ended bad(const struct csv *c, struct err *e, const char *why)
{
    err_set(e, ERR_INPUT, "line %u: %s", c->next_line, why);
    return END_BAD;
}

/* What stands behind a field: a comma, the end of the line, or the end of the text. */
static enum ended field_end(struct csv *c, struct err *e)
{
    if (c->at == c->n)
        return END_RECORD;
    char ch = c->text[c->at++];
    if (ch == ',')
        return END_FIELD;
    if (ch == '\r' && c->at < c->n && c->text[c->at] == '\n')
        ch = c->text[c->at++];
    if (ch == '\n') {
        c->next_line++;
        return END_RECORD;
    }
    return bad(c, e, "something stands behind a field's closing quotation mark");
}

static enum ended read_quoted(struct csv *c, struct slice *ret, struct err *e)
{
    char *out = c->text + c->at;
    *ret = slice_of(out, 0);
    for (c->at++; c->at < c->n; c->at++) {
        char ch = c->text[c->at];
        if (ch == '"') {
            c->at++;
            if (c->at == c->n || c->text[c->at] != '"') {
                ret->n = (size_t)(out - ret->p);
                return field_end(c, e);
            }
        } else if (ch == '\n') {
            c->next_line++;
        }
        *out++ = ch;
    }
    return bad(c, e, "the file ends inside a quoted field");
}

static enum ended read_plain(struct csv *c, struct slice *ret, struct err *e)
{
    size_t begin = c->at;
    while (c->at < c->n && !strchr(",\r\n\"", c->text[c->at]))
        c->at++;
    *ret = slice_of(c->text + begin, c->at - begin);
    if (c->at < c->n && c->text[c->at] == '"')
        return bad(c, e,
                   "a quotation mark inside a field; put the field into quotation marks and double the one inside");
    if (c->at < c->n && c->text[c->at] == '\r' && (c->at + 1 == c->n || c->text[c->at + 1] != '\n'))
        return bad(c, e, "a carriage return without a line feed; save the file with LF or CRLF line ends");
    return field_end(c, e);
}

/* False: a mistake. *ret_n: how many fields there were. */
static bool read_record(struct csv *c, size_t *ret_n, struct err *e)
{
    c->line = c->next_line;
    size_t n = 0;
    for (;;) {
        if (n == CSV_MAX_COLUMNS)
            return err_set(e, ERR_INPUT, "line %u: more than %d fields", c->line, CSV_MAX_COLUMNS);
        struct slice *f = &c->fields[n++];
        enum ended how = c->at < c->n && c->text[c->at] == '"' ? read_quoted(c, f, e) : read_plain(c, f, e);
        if (how == END_BAD)
            return false;
        if (how == END_RECORD)
            break;
    }
    *ret_n = n;
    return true;
}

/* The first line that is not text as it may be stored. */
static bool check_text(struct slice text, struct err *e)
{
    for (unsigned line = 1; text.n; line++) {
        const char *end = memchr(text.p, '\n', text.n);
        size_t n = end ? (size_t)(end - text.p) + 1 : text.n;
        if (!utf8_storable(slice_of(text.p, n)))
            return err_set(e, ERR_INPUT, "line %u: not UTF-8 (perhaps Latin-1 or UTF-16); save the file as UTF-8",
                           line);
        text = slice_of(text.p + n, text.n - n);
    }
    return true;
}

static bool read_header(struct csv *c, struct err *e)
{
    if (!read_record(c, &c->ncolumns, e))
        return false;
    for (size_t i = 0; i < c->ncolumns; i++) {
        c->columns[i] = slice_trim(c->fields[i]);
        if (c->columns[i].n == 0)
            return err_set(e, ERR_INPUT, "line 1: column %zu has no name; the first line names the columns", i + 1);
        for (size_t j = 0; j < i; j++)
            if (slice_ieq(c->columns[i], c->columns[j]))
                return err_set(e, ERR_INPUT, "line 1: two columns are named \"%.*s\"", SLICE_FMT(c->columns[i]));
    }
    return true;
}

bool csv_init(struct csv *c, struct slice text, struct err *e)
{
    *c = (struct csv){.next_line = 1};
    if (slice_starts(text, SLICE("\xEF\xBB\xBF")))
        text = slice_of(text.p + 3, text.n - 3);
    if (text.n == 0)
        return err_set(e, ERR_INPUT, "the file is empty; its first line names the columns");
    if (!check_text(text, e))
        return false;
    c->text = mem_strndup(text.p, text.n);
    c->n = text.n;
    return read_header(c, e);
}

bool csv_next(struct csv *c, struct err *e)
{
    *e = (struct err){0};
    while (c->at < c->n) {
        size_t n;
        if (!read_record(c, &n, e))
            return false;
        if (n == 1 && c->fields[0].n == 0 && c->ncolumns > 1)
            continue;
        if (n == c->ncolumns)
            return true;
        return err_set(e, ERR_INPUT, "line %u: %zu fields where the header has %zu", c->line, n, c->ncolumns);
    }
    return false;
}

int csv_column(const struct csv *c, const char *name)
{
    for (size_t i = 0; i < c->ncolumns; i++)
        if (slice_ieq(c->columns[i], slice_cstr(name)))
            return (int)i;
    return -1;
}

void csv_release(struct csv *c)
{
    free(c->text);
    *c = (struct csv){0};
}
