#!/usr/bin/env python3
"""embed.py - turns schema/queries/*.sql and schema/migrations/*.sql into C at build time.

Why:    SQL is written, read and checked as SQL, and yet the daemon is one file that cannot meet a wrong version of it.
Reads:  queries/FILE.sql       blocks of `-- name: x`, a comment, one statement   -> Q_FILE_X (struct pg_query)
                               blocks of `-- fragment: x`: text that stands for {x} in the file's statements
        migrations/NNNN_x.sql  any SQL                                             -> a row of `migrations`
Writes: queries.h queries.c migrations.h migrations.c, and a depfile that names every input and the folders themselves, so
        that a new file is noticed without configuring again.
Always: a mistake ends the build with "file:line: what"."""

import hashlib
import pathlib
import re
import sys

NAME = re.compile(r"--\s*(name|fragment):\s*(\S*)\s*$")
IDENT = re.compile(r"[a-z][a-z0-9_]*\Z")
# What may hide a '$1' or a ';' that is not SQL: comments, strings, quoted names, dollar-quoted bodies.
OPAQUE = re.compile(
    r"--[^\n]*|/\*.*?\*/|[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\$([A-Za-z_]\w*|)\$.*?\$\1\$", re.S
)
NOTE = "/* Made by schema/embed.py; do not edit. */\n"


class Mistake(Exception):
    pass


def c_string(text):
    """C string literals, one a line of the text, so that a failing statement can be found in a debugger."""
    escape = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "?": "\\?"}
    rows = []
    for line in text.splitlines(keepends=True) or [""]:
        body = "".join(
            escape.get(c) or (c if " " <= c <= "~" else "".join(f"\\{b:03o}" for b in c.encode())) for c in line
        )
        rows.append(f'    "{body}"')
    return "\n".join(rows)


def statement(lines, where):
    """One statement out of a block: comments around it and its semicolon are dropped. Returns (sql, nparams)."""
    code = [i for i, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("--")]
    lines = lines[code[0] : code[-1] + 1] if code else []
    sql = "\n".join(lines).strip()
    if sql.endswith(";"):
        sql = sql[:-1].rstrip()
    if not sql:
        raise Mistake(f"{where}: the query has no statement")
    bare = OPAQUE.sub(" ", sql)
    if ";" in bare:
        raise Mistake(f"{where}: a query is one statement, here is a ';' inside")
    used = {int(n) for n in re.findall(r"\$(\d+)", bare)}
    missing = set(range(1, max(used, default=0) + 1)) - used
    if missing or 0 in used:
        raise Mistake(f"{where}: parameters must be $1, $2 … without a gap; ${min(missing | (used & {0}))} is wrong")
    return sql, len(used)


def fragment(lines, where):
    """The text of a fragment, without the comments and empty lines around it."""
    while lines and (not lines[0].strip() or lines[0].startswith("--")):
        lines = lines[1:]
    text = "\n".join(lines).strip()
    if not text:
        raise Mistake(f"{where}: the fragment is empty")
    return text


def expand(line, fragments):
    """Puts fragments where their names stand in braces; fragments may use fragments defined in the same file."""
    for _ in range(8):
        expanded = re.sub(r"\{([a-z][a-z0-9_]*)\}", lambda m: fragments.get(m[1], m[0]), line)
        if expanded == line:
            break
        line = expanded
    return line


def read_queries(path):
    """Yields (name, sql, nparams) for each block of a file."""
    if not IDENT.match(path.stem):
        raise Mistake(f"{path}: a file's name is lower case letters, digits and '_'")
    blocks = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        named = NAME.match(line)
        if named:
            if not IDENT.match(named[2]):
                raise Mistake(f"{path}:{number}: a query's name is lower case letters, digits and '_'")
            blocks.append((named[1], named[2], number, []))
        elif blocks:
            blocks[-1][3].append(line)
        elif line.strip() and not line.startswith("--"):
            raise Mistake(f"{path}:{number}: SQL before the first '-- name: …'")
    fragments = {name: fragment(lines, f"{path}:{number}") for kind, name, number, lines in blocks if kind == "fragment"}
    for kind, name, number, lines in blocks:
        if kind == "name":
            lines = "\n".join(line if line.lstrip().startswith("--") else expand(line, fragments) for line in lines).splitlines()
            yield f"{path.stem}.{name}", f"{path}:{number}", *statement(lines, f"{path}:{number}")


def make_queries(folder):
    header, source, seen, inputs = [], [], {}, sorted(folder.glob("*.sql"))
    for path in inputs:
        for name, where, sql, nparams in read_queries(path):
            ident = "Q_" + re.sub(r"[^A-Z0-9]", "_", name.upper())
            if ident in seen:
                raise Mistake(f"{where}: {ident} is also made by {seen[ident]}")
            if len(name) > 62:
                raise Mistake(f"{where}: {name} is longer than a prepared statement's name may be (62)")
            seen[ident] = where
            header.append(f"extern const struct pg_query {ident}; /* {name}({nparams}) */\n")
            source.append(
                f'const struct pg_query {ident} = {{\n    .name = "{name}",\n    .nparams = {nparams},\n'
                f"    .sql =\n{c_string(sql)},\n}};\n"
            )
    guard = "MSPHUB_QUERIES_H"
    h = f'{NOTE}#ifndef {guard}\n#define {guard}\n\n#include "reactor/pg.h"\n\n{"".join(header)}\n#endif\n'
    pragma = '#pragma GCC diagnostic ignored "-Woverlength-strings"\n'
    return h, f'{NOTE}#include "queries.h"\n\n{pragma}\n' + "\n".join(source), inputs


def make_migrations(folder):
    rows, seen, inputs = [], {}, sorted(folder.glob("*.sql"))
    for path in inputs:
        named = re.match(r"(\d{4})_([a-z0-9_]+)\Z", path.stem)
        if not named or int(named[1]) == 0:
            raise Mistake(f"{path}: a migration's name is NNNN_what.sql, from 0001")
        version = int(named[1])
        if version in seen:
            raise Mistake(f"{path}: version {version} is also {seen[version].name}")
        seen[version] = path
        data = path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        rows.append(
            f'    {{.version = {version},\n     .name = "{named[2]}",\n     .sha256 = "{digest}",\n     .sql =\n'
            f"{c_string(data.decode('utf-8'))}}},\n"
        )
    h = f"""{NOTE}#ifndef MSPHUB_MIGRATIONS_H
#define MSPHUB_MIGRATIONS_H

struct migration {{
    int version;        /* ascending from 1; 0 ends the table */
    const char *name;   /* "tenants_integrations" of 0001_tenants_integrations.sql */
    const char *sql;
    const char *sha256; /* of the file, hex */
}};
extern const struct migration migrations[];

#endif
"""
    pragma = '#pragma GCC diagnostic ignored "-Woverlength-strings"\n'
    c = f'{NOTE}#include "migrations.h"\n\n{pragma}#include <stddef.h>\n\nconst struct migration migrations[] = {{\n'
    return h, c + "".join(rows) + "    {0, NULL, NULL, NULL},\n};\n", inputs


def main(argv):
    schema, out, depfile = pathlib.Path(argv[1]), pathlib.Path(argv[2]), pathlib.Path(argv[3])
    qh, qc, queries = make_queries(schema / "queries")
    mh, mc, migrations = make_migrations(schema / "migrations")
    for name, text in ("queries.h", qh), ("queries.c", qc), ("migrations.h", mh), ("migrations.c", mc):
        (out / name).write_text(text, encoding="utf-8")
    folders = [d for d in (schema, schema / "queries", schema / "migrations") if d.is_dir()]
    inputs = " ".join(str(p).replace(" ", "\\ ") for p in [*folders, *queries, *migrations])
    depfile.write_text(f"{argv[4]}: {inputs}\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        main(sys.argv)
    except Mistake as e:
        sys.exit(f"error: {e}")
