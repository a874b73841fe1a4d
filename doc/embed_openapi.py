#!/usr/bin/env python3
"""embed_openapi.py - turns doc/openapi.yaml into C at build time, as YAML and as JSON, each plain and gzipped.

Why:    the hub serves the description of the API that it has, and spends no turn of its loop on compressing it.
Writes: openapi_document.h openapi_document.c, and openapi.json beside them.
Always: a mistake ends the build with "file:line: what"."""

import gzip
import hashlib
import json
import pathlib
import sys

import yaml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "schema"))
sys.dont_write_bytecode = True
from embed import c_string  # noqa: E402

NOTE = "/* Made by doc/embed_openapi.py; do not edit. */\n"

HEADER = """#ifndef MSPHUB_OPENAPI_DOCUMENT_H
#define MSPHUB_OPENAPI_DOCUMENT_H

#include "base/slice.h"

struct document {
    const char *type, *etag;
    struct slice text, gzip;
};
extern const struct document openapi_yaml, openapi_json;

#endif
"""


class Loader(yaml.SafeLoader):
    """YAML itself would let the second of two equal names win."""

    def construct_mapping(self, node, deep=False):
        seen = {}
        for key, _ in node.value:
            if key.tag != "tag:yaml.org,2002:merge" and seen.setdefault(key.value, key) is not key:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value} stands twice here", key.start_mark)
        return super().construct_mapping(node, deep)


def c_bytes(data):
    return "".join("    " + ", ".join(map(str, data[i : i + 24])) + ",\n" for i in range(0, len(data), 24))


def document(name, media_type, text):
    data = text.encode()
    # mtime 0: the same input gives the same program
    packed = gzip.compress(data, 9, mtime=0)
    etag = hashlib.sha256(data).hexdigest()[:16]
    return (
        f"static const char {name}_text[] =\n{c_string(text)};\n"
        f"static const unsigned char {name}_gzip[] = {{\n{c_bytes(packed)}}};\n"
        f'const struct document {name} = {{\n    .type = "{media_type}",\n    .etag = "W/\\"{etag}\\"",\n'
        f"    .text = {{{name}_text, sizeof({name}_text) - 1}},\n"
        f"    .gzip = {{(const char *){name}_gzip, sizeof({name}_gzip)}},\n}};\n"
    )


def main(source, out):
    text = source.read_text(encoding="utf-8")
    try:
        as_json = json.dumps(yaml.load(text, Loader), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except yaml.MarkedYAMLError as e:
        sys.exit(f"error: {source}:{e.problem_mark.line + 1}: {e.problem}")
    except TypeError as e:
        sys.exit(f"error: {source}: {e}; a time must stand in quotes")
    (out / "openapi.json").write_text(as_json, encoding="utf-8")
    (out / "openapi_document.h").write_text(NOTE + HEADER, encoding="utf-8")
    pragma = '#pragma GCC diagnostic ignored "-Woverlength-strings"\n'
    parts = [document("openapi_yaml", "application/yaml", text), document("openapi_json", "application/json", as_json)]
    (out / "openapi_document.c").write_text(f'{NOTE}#include "openapi_document.h"\n\n{pragma}\n' + "\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
