/* cmd/file.h - reading whole small files at start-up and reload. */
#ifndef MSPHUB_CMD_FILE_H
#define MSPHUB_CMD_FILE_H

#include "base/err.h"
#include "base/str.h"

/* Appends the file's text; ERR_CONFIG when it cannot be read or is larger than `max`. */
bool file_read(const char *path, size_t max, struct str *out, struct err *e);

#endif
