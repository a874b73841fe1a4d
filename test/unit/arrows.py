#!/usr/bin/env python3
"""Reads the #include lines of src/ and include/ and fails on an arrow the wrong way.

cmd -> api -> hub -> {store, provider} -> reactor -> base; include/msphub/ stands beside base. What a library gives is
included only where the house keeps that library, so that it can be exchanged by changing one folder.

usage: arrows.py PROJECT_ROOT
"""

import pathlib
import re
import sys

# A folder may include itself and these.
MAY = {
    "msphub": {"base"},
    "base": {"msphub"},  # record.c, map_*.c and settings.c implement headers of include/msphub/
    "reactor": {"base"},
    "provider": {"base", "msphub"},
    "store": {"base", "msphub", "reactor"},
    "hub": {"base", "msphub", "reactor", "store", "provider"},
    "api": {"base", "msphub", "reactor", "store", "provider", "hub"},
    "cmd": {"base", "msphub", "reactor", "store", "provider", "hub", "api"},
}

# The hub knows providers by their registry alone.
HUB_AND_UP = re.compile(r"^provider/(?!providers\.h$|common_|registry)")

# What is made at build time, by path prefix of the files that may include it.
GENERATED = {
    "queries.h": ("store/", "hub/token_store.c"),
    "migrations.h": ("store/",),
    "openapi_document.h": ("api/openapi.c",),
    "version.h": ("api/", "cmd/", "hub/", "reactor/"),
}

# A library's headers, and the files that may include them.
LIBRARIES = [
    (re.compile(r"^evhtp"), ("reactor/http_server",)),
    (re.compile(r"^(event2/|event\.h|evhttp\.h)"), ("reactor/",)),
    (re.compile(r"^(libpq-fe\.h|libpq/)"), ("reactor/",)),
    (re.compile(r"^yajl/"), ("base/json_",)),
    (re.compile(r"^openssl/"), ("base/", "reactor/")),
    (re.compile(r"^(sys/socket\.h|sys/epoll\.h|netdb\.h|poll\.h)"), ("reactor/", "cmd/")),
]

INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)')


def complaint(path, header, quoted, exists):
    """What is wrong with `path` including `header`, or None. `path` is from src/ or include/."""
    folder = path.split("/")[0]
    if folder not in MAY:
        return f"{folder}/ is not a folder of the house"
    if not quoted:
        for pattern, places in LIBRARIES:
            if pattern.match(header) and not path.startswith(places):
                return f"<{header}> belongs to {' and '.join(places)}"
        return None
    if header in GENERATED:
        return None if path.startswith(GENERATED[header]) else f"{header} belongs to {' and '.join(GENERATED[header])}"
    if not exists(header):
        return f"{header} does not exist; include by path from src/ or include/"
    target = header.split("/")[0]
    if target != folder and target not in MAY[folder]:
        return f"{folder} may not include {target}"
    if header.endswith("_internal.h") and target != folder:
        return f"{header} is {target}'s own"
    if folder not in ("provider", "base") and HUB_AND_UP.match(header):
        return f"{header} is one product's own; go through the registry"
    return None


def check(root):
    tops = [root / "src", root / "include"]
    bad, seen = [], 0
    for top in tops:
        for file in sorted(p for p in top.rglob("*") if p.suffix in (".c", ".h", ".def")):
            path = file.relative_to(top).as_posix()
            for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
                hit = INCLUDE.match(line)
                if not hit:
                    continue
                seen += 1
                why = complaint(path, hit[1] or hit[2], bool(hit[1]), lambda h: any((t / h).is_file() for t in tops))
                if why:
                    bad.append(f"{file.relative_to(root)}:{number}: {why}")
    if seen < 50:
        bad.append(f"only {seen} includes seen in {root}: is it the project's root?")
    return bad


def check_the_checker():
    """Arrows that must be refused, and some that must not; a checker that cannot fail is none."""
    wrong = [
        ("base/log.c", "reactor/loop.h", True),
        ("reactor/pg.c", "store/alert.h", True),
        ("reactor/loop.c", "msphub/record.h", True),
        ("provider/ninjaone/sync.c", "reactor/loop.h", True),
        ("provider/ninjaone/sync.c", "store/alert.h", True),
        ("store/alert.c", "hub/hub.h", True),
        ("hub/engine.c", "api/api.h", True),
        ("hub/engine.c", "provider/ninjaone/ninjaone.h", True),
        ("hub/engine.c", "reactor/pg_internal.h", True),
        ("api/assets.c", "cmd/command.h", True),
        ("api/assets.c", "queries.h", True),
        ("api/assets.c", "evhtp.h", False),
        ("hub/engine.c", "event2/event.h", False),
        ("store/alert.c", "libpq-fe.h", False),
        ("hub/engine.c", "yajl/yajl_parse.h", False),
        ("msphub/record.h", "hub/hub.h", True),
        ("attic/old.c", "base/mem.h", True),
    ]
    right = [
        ("cmd/main.c", "api/api.h", True),
        ("hub/engine.c", "store/alert.h", True),
        ("provider/ninjaone/sync.c", "provider/ninjaone/ninjaone.h", True),
        ("base/record.c", "msphub/record.h", True),
        ("store/alert.c", "queries.h", True),
        ("reactor/http_server_conn.c", "evhtp.h", False),
        ("hub/engine.c", "string.h", False),
    ]
    for arrow in wrong:
        assert complaint(*arrow, exists=lambda h: True), f"{arrow} was let through"
    for arrow in right:
        assert not complaint(*arrow, exists=lambda h: True), f"{arrow} was refused"
    assert complaint("hub/engine.c", "hub/nowhere.h", True, exists=lambda h: False)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    check_the_checker()
    found = check(pathlib.Path(sys.argv[1]))
    print("\n".join(found) or "every arrow points down")
    sys.exit(bool(found))
