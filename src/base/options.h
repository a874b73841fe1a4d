/* options.h - the configuration as one struct, made from options.def.
 * Order: defaults, then the file's text, then the environment, then flags; the later wins. */
#ifndef MSPHUB_BASE_OPTIONS_H
#define MSPHUB_BASE_OPTIONS_H

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

struct options {
#define SECTION(title)
#define OPT_C_TEXT                                        char *
#define OPT_C_INT                                         int64_t
#define OPT_C_BYTES                                       int64_t
#define OPT_C_DURATION                                    usec_t
#define OPT_C_BOOL                                        bool
#define OPT_C_PERCENT                                     int64_t
#define ROW(type, name, fallback, min, max, reload, help) OPT_C_##type name;
#include "base/options.def"
#undef ROW
#undef SECTION
};

void options_init(struct options *o); /* the defaults */
void options_release(struct options *o);
/* `name` in snake_case, as in the file. ERR_CONFIG names the value, the range and, for an unknown name, the nearest
 * known one. */
bool options_set(struct options *o, const char *name, const char *value, struct err *e);
bool options_is_text(struct slice name); /* is there an option of that name whose value is any text? */
/* INI text without sections; errors are "file:line: …". */
bool options_read(struct options *o, const char *file, struct slice text, struct err *e);
/* MSPHUB_* of envp; an unknown MSPHUB_ name is an error; */
bool options_env(struct options *o, const char *const *envp, struct err *e);
/* Takes over what may change live from `fresh`; names what changed but needs a restart in *restart (comma-separated).
 */
void options_reload(struct options *o, const struct options *fresh, struct str *restart);
/* For --help, for `check-config --dump` (every value; passwords inside `database` masked), and the commented example
 * file. */
void options_help(struct str *out);
void options_dump(const struct options *o, struct str *out);
void options_example(struct str *out);

#endif
