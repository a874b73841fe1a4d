#!/usr/bin/env python3
"""Counts test cases from meson's log and prints "N passed, N failed" as the last line.

A test program reports its cases in its own way (cmocka, unittest); a program that died before it could report counts as one failure.
Usage: summary.py testlog.json MESON_EXIT_STATUS
"""
import json
import re
import sys


def cases(record):
    """(passed, failed) of one test program."""
    text = record.get("stdout", "") + "\n" + record.get("stderr", "")
    ok = record["result"] in ("OK", "EXPECTEDFAIL", "SKIP")
    passed = failed = 0
    for count in re.findall(r"^\[  PASSED  \] (\d+) test", text, re.M):
        passed += int(count)
    for count in re.findall(r"^\[  FAILED  \] (\d+) test", text, re.M):
        failed += int(count)
    ran = re.search(r"^Ran (\d+) tests? in", text, re.M)
    if ran:
        bad = sum(int(n) for n in re.findall(r"(?:failures|errors|unexpected successes)=(\d+)", text.splitlines()[-1] if text else ""))
        bad = bad or sum(int(n) for n in re.findall(r"^FAILED \((?:.*?)(?:failures|errors)=(\d+)", text, re.M))
        passed += int(ran.group(1)) - bad
        failed += bad
    if passed + failed == 0:
        return (1, 0) if ok else (0, 1)
    if not ok and failed == 0:
        failed = 1  # a sanitizer's report or a crash after the last case
    return passed, failed


def main():
    passed = failed = 0
    with open(sys.argv[1], encoding="utf-8") as log:
        for line in log:
            p, f = cases(json.loads(line))
            passed += p
            failed += f
    if int(sys.argv[2]) and not failed:
        failed = 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


sys.exit(main())
