/* cmd/file.c - see file.h. */
#include "cmd/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool file_read(const char *path, size_t max, struct str *out, struct err *e)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return err_set(e, ERR_CONFIG, "cannot read %s: %s", path, strerror(errno));
    char piece[4096];
    size_t n;
    while ((n = fread(piece, 1, sizeof(piece), f)) > 0 && out->n + n <= max)
        str_add(out, slice_of(piece, n));
    int failed = ferror(f) ? errno : 0;
    bool whole = feof(f);
    fclose(f);
    if (failed)
        return err_set(e, ERR_CONFIG, "cannot read %s: %s", path, strerror(failed));
    return whole || err_set(e, ERR_CONFIG, "%s is larger than %zu bytes", path, max);
}
