"""Read `done` of an AGENT.md: what must be true in the system of record when work is done."""

import re
from typing import cast

from deputy.app.config import values
from deputy.app.config.document import Table, Wrong
from deputy.domain.agent import Check
from deputy.kernel.proof import COMPARISONS, comparable

__all__ = ["read_checks"]

_PATH = re.compile(r"(?:\[\])?(?:[^.\[\]\s]+(?:\[\])?(?:\.[^.\[\]\s]+(?:\[\])?)*)?")


def read_checks(table: Table) -> tuple[Check, ...]:
    """The entries of `done`."""
    found: list[Check] = []
    for number in range(len(table.get("done", values.list_of(_anything, some=True), ()))):
        one = table.document.table((*table.where, "done", number))
        one.only("tool", "args", "expect", "says")
        tool = one.need("tool", values.tool, "Name the tool that reads it back.")
        expect = one.need("expect", _expectation, "Write what it must find, as {status: paid}.")
        args: dict[str, object] = one.get("args", values.json_table, {})
        found.append(Check(tool=tool, args=args, expect=expect, says=one.get("says", values.line, "")))
    return tuple(found)


def _anything(value: object) -> object:
    return value


def _expectation(value: object) -> dict[str, object]:
    found = values.json_table(value)
    if not found:
        raise Wrong("a table of paths and what stands there", "Write it as {status: paid}.")
    for path, wanted in found.items():
        if not _PATH.fullmatch(path):
            raise Wrong("named by a path such as `lines[].total`", "Use dots, and `[]` after a list.", at=(path,))
        if isinstance(wanted, dict):
            _comparison(path, cast("dict[str, object]", wanted))
    return found


def _comparison(path: str, wanted: dict[str, object]) -> None:
    if len(wanted) != 1 or not wanted.keys() <= set(COMPARISONS):
        raise Wrong(f"a value, or one of {', '.join(COMPARISONS)}", "Write it as {count: 1}.", at=(path,))
    if not comparable(wanted):
        remedy = "`exists` takes true or false, `count`, `at_least` and `at_most` a number."
        raise Wrong("compared with what fits", remedy, at=(path, next(iter(wanted))))
