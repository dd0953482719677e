"""Words for a terminal: text from anywhere made harmless, cut to a width, times and ids as people say them.

What a model or a tool wrote may hold control characters, ANSI escapes, characters that turn the direction of writing
or have no width. Each of them is shown as what it is, and none of them takes effect.
"""

import json
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import cast

from rich.cells import cell_len

__all__ = ["ago", "brief", "counted", "duration", "in_full", "one_line", "plain", "shortened", "when", "within"]

_NAMES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_HIDDEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))  #: categories without a visible form of their own
_LONGEST = 20_000  #: characters of a text that are looked at for one line


def one_line(text: str) -> str:
    """A text with everything invisible shown as an escape, line breaks included."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(c) for c in text)


def plain(text: str) -> str:
    """The same, but line breaks still break lines and tabs are spaces."""
    lines = text.replace("\r\n", "\n").expandtabs(4).split("\n")
    return "\n".join(one_line(line) for line in lines)


def _shown(c: str) -> str:
    if c in _NAMES:
        return _NAMES[c]
    category = unicodedata.category(c)
    if category not in _HIDDEN:
        return " " if category == "Zs" else c
    number = ord(c)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def shortened(text: str, width: int) -> str:
    """One harmless line of at most so many columns."""
    line = one_line(text[:_LONGEST])
    if cell_len(line) <= width and len(line) <= 4 * width and len(text) <= _LONGEST:
        return line
    kept, used = 0, 1  # the ellipsis
    while kept < min(len(line), 4 * width) and used + cell_len(line[kept]) <= width:
        used += cell_len(line[kept])
        kept += 1
    return line[:kept] + "…"


def in_full(value: object) -> str:
    """A value of JSON's types: a text as it is, everything else as JSON over several lines where it is large."""
    if isinstance(value, str):
        return plain(value)
    small = _json(value)
    return one_line(small if len(small) <= 80 else _json(value, indent=2)) if len(small) <= 80 else plain(
        _json(value, indent=2)
    )  # fmt: skip


def brief(args: Mapping[str, object], width: int) -> str:
    """Arguments in one line: `id="INV-7" amount=500`, each shortened so that all are seen."""
    room, left, parts = max(width, 8), len(args), list[str]()
    for text in _members(args):
        share = max(room // max(left, 1), 12)
        parts.append(shortened(text, share))
        room, left = room - cell_len(parts[-1]) - 1, left - 1
        if room < 4 and left:
            parts.append("…")
            break
    return " ".join(parts)


def _members(args: Mapping[str, object]) -> Iterator[str]:
    for name, value in args.items():
        yield f"{one_line(name)}={one_line(_json(value))}"


def within(value: object, width: int) -> str:
    """A value in one line of at most so many columns."""
    return shortened(value if isinstance(value, str) else _json(value), width)


def _json(value: object, indent: int | None = None) -> str:
    if isinstance(value, Mapping) and not value:
        return "{}"
    separators = (", ", ": ") if indent is None else (",", ": ")
    return json.dumps(cast("object", value), ensure_ascii=False, indent=indent, separators=separators, default=str)


def counted(number: int, one: str, many: str = "") -> str:
    """A number of things: `1 run`, `3 runs`."""
    return f"1 {one}" if number == 1 else f"{number} {many or one + 's'}"


# -- times


def when(at: datetime) -> str:
    """The time of day here."""
    return at.astimezone().strftime("%H:%M:%S")


def duration(span: timedelta) -> str:
    """A length of time in its largest unit: `7 days`, `1 hour`, `12 minutes`."""
    seconds = max(round(span.total_seconds()), 0)
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size or size == 1:
            return counted(round(seconds / size), unit)
    raise AssertionError


def ago(at: datetime, now: datetime) -> str:
    """A moment in relation to now: `3 minutes ago`, `in 7 days`."""
    if abs((at - now).total_seconds()) < 1:
        return "now"
    return f"in {duration(at - now)}" if at > now else f"{duration(now - at)} ago"
