"""Find the line on which every key of a TOML text stands. It is no validator: tomllib is, and runs after it.

It accepts all of TOML and more, so where it stops, tomllib finds the error. What it does refuse is what would cost
tomllib unbounded time or stack: deep nesting, long dotted keys, endless numbers.
"""

import re
import tomllib
from bisect import bisect_left
from typing import NamedTuple

from deputy.app.config.document import Where
from deputy.base.errors import ConfigError

__all__ = ["Scan", "scan"]

_DEEPEST = 32
_MOST_PARTS = 16
_LONGEST_BARE = 128

_SPACE = re.compile(r"[ \t]*+")
_FILLER = re.compile(r"(?:[ \t\n]++|#[^\n]*+)*+")
_LINE_END = re.compile(r"[ \t]*+(?:#[^\n]*+)?(?:\n|\Z)")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]++")
_BARE_VALUE = re.compile(r"[0-9A-Za-z+\-._:]++(?: [0-9][0-9:.Zz+\-]*+)?")
_STRINGS = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        r'"""(?:[^"\\]++|\\.|"(?!""))*+"""' + '"{0,2}',
        r"'''(?:[^']++|'(?!''))*+'''" + "'{0,2}",
        r'"(?:[^"\\\n]++|\\[^\n])*+"',
        r"'[^'\n]*+'",
    )
)


class Scan(NamedTuple):
    """The line of every path; the first path given twice; the line at which the scan could not go on (or 0)."""

    lines: dict[Where, int]
    twice: tuple[Where, int] | None
    stopped: int


class _Stop(Exception):
    """The text is no TOML from here on; tomllib will say why."""


class _Scanner:
    def __init__(self, text: str, file: str) -> None:
        self.text, self.file, self.at = text, file, 0
        self.breaks = [found.start() for found in re.finditer("\n", text)]
        self.lines: dict[Where, int] = {}
        self.values: set[Where] = set()
        self.headers: set[Where] = set()
        self.lengths: dict[Where, int] = {}  # of arrays of tables
        self.twice: tuple[Where, int] | None = None

    def line(self) -> int:
        return bisect_left(self.breaks, self.at) + 1

    def excess(self, message: str, remedy: str) -> ConfigError:
        return ConfigError(message, remedy, file=self.file, line=self.line())

    def skip(self, pattern: re.Pattern[str]) -> None:
        found = pattern.match(self.text, self.at)
        if found is None:
            raise _Stop
        self.at = found.end()

    def take(self, literal: str) -> bool:
        if self.text.startswith(literal, self.at):
            self.at += len(literal)
            return True
        return False

    def want(self, literal: str) -> None:
        if not self.take(literal):
            raise _Stop

    def document(self) -> None:
        base: Where = ()
        self.skip(_FILLER)
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                base = self.header()
            else:
                self.pair(base)
            self.skip(_LINE_END)
            self.skip(_FILLER)

    def header(self) -> Where:
        line = self.line()
        many = self.take("[[")
        if not many:
            self.want("[")
        self.skip(_SPACE)
        key = self.key()
        self.skip(_SPACE)
        self.want("]]" if many else "]")
        where: Where = ()
        for number, part in enumerate(key, 1):
            where = (*where, part)
            self.lines.setdefault(where, line)
            if where in self.lengths and not (many and number == len(key)):
                where = (*where, self.lengths[where] - 1)  # the newest element of an array of tables
        if many:
            self.lengths[where] = self.lengths.get(where, 0) + 1
            where = (*where, self.lengths[where] - 1)
        elif where in self.headers:
            self.twice = self.twice or (where, line)
            return where
        self.headers.add(where)
        self.lines[where] = line
        return where

    def key(self) -> list[str]:
        parts: list[str] = []
        while True:
            if len(parts) == _MOST_PARTS:
                raise self.excess(f"A key has more than {_MOST_PARTS} parts.", "Use fewer dots.")
            parts.append(self.part())
            self.skip(_SPACE)
            if not self.take("."):
                return parts
            self.skip(_SPACE)

    def part(self) -> str:
        start = self.at
        if (found := _BARE_KEY.match(self.text, start)) is not None:
            self.at = found.end()
            return found[0]
        for pattern in _STRINGS[2:]:
            if (found := pattern.match(self.text, start)) is not None:
                self.at = found.end()
                try:
                    return str(tomllib.loads(f"k={found[0]}")["k"])
                except ValueError:
                    raise _Stop from None
        raise _Stop

    def pair(self, base: Where) -> None:
        line = self.line()
        where = base
        for part in self.key():
            where = (*where, part)
            self.lines.setdefault(where, line)
        if where in self.values and self.twice is None:
            self.twice = where, line
        self.values.add(where)
        self.skip(_SPACE)
        self.want("=")
        self.skip(_SPACE)
        self.content(where)

    def content(self, where: Where) -> None:
        if len(where) > _DEEPEST:
            raise self.excess(f"Values are nested more than {_DEEPEST} levels deep.", "Make them flatter.")
        self.lines.setdefault(where, self.line())
        if self.take("["):
            self.items(where)
        elif self.take("{"):
            self.inline(where)
        elif self.text.startswith(('"', "'"), self.at):
            self.string()
        else:
            start = self.at
            self.skip(_BARE_VALUE)
            if self.at - start > _LONGEST_BARE:
                self.at = start
                raise self.excess("A number is too long.", f"Use at most {_LONGEST_BARE} characters.")

    def string(self) -> None:
        for quotes, pattern in zip(('"""', "'''", '"', "'"), _STRINGS, strict=True):
            if self.text.startswith(quotes, self.at):
                return self.skip(pattern)
        raise _Stop

    def items(self, where: Where) -> None:
        number = 0
        self.skip(_FILLER)
        while not self.take("]"):
            self.content((*where, number))
            number += 1
            self.skip(_FILLER)
            if not self.take(","):
                return self.want("]")
            self.skip(_FILLER)

    def inline(self, where: Where) -> None:
        self.skip(_FILLER)
        while not self.take("}"):
            self.pair(where)
            self.skip(_FILLER)
            if not self.take(","):
                return self.want("}")
            self.skip(_FILLER)


def scan(text: str, file: str) -> Scan:
    """Walk a text whose lines end in `\\n`."""
    scanner = _Scanner(text, file)
    try:
        scanner.document()
    except _Stop:
        return Scan(scanner.lines, scanner.twice, scanner.line())
    return Scan(scanner.lines, scanner.twice, 0)
