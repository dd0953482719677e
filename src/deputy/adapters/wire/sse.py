"""Server-sent events, out of bytes that may be split anywhere; an event longer than the limit is an error.

As the standard has it: lines end with CR, LF or both, an event ends with an empty line, what begins with a colon is a
comment. What was begun when the stream ends is dropped.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Event", "EventTooLong", "Events"]

_END = re.compile(rb"\r\n|\n|\r")


class EventTooLong(ValueError):
    """One event is longer than anything we take."""


class Event(NamedTuple):
    """One event; `id` and `retry` (milliseconds) are None where it has none."""

    name: str
    data: bytes
    id: str | None
    retry: int | None


class Events:
    """Finds events in a stream."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest = bytearray()
        self._data: list[bytes] = []
        self._size = 0
        self._fields: dict[str, str] = {}

    def feed(self, part: bytes) -> Iterator[Event]:
        """The events that this part completes; raises EventTooLong."""
        scanned = max(len(self._rest) - 1, 0)
        self._rest += part
        start = 0
        while (end := _END.search(self._rest, max(start, scanned))) is not None:
            if end[0] == b"\r" and end.end() == len(self._rest):
                break  # the other half of its CRLF may follow
            line, start = bytes(self._rest[start : end.start()]), end.end()
            if (event := self._line(line)) is not None:
                yield event
        del self._rest[:start]
        if len(self._rest) + self._size > self._limit:
            raise EventTooLong

    def _line(self, line: bytes) -> Event | None:
        if not line:
            return self._finish()
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
            self._size += len(value) + 1
            if self._size > self._limit:
                raise EventTooLong
        elif name in (b"event", b"id", b"retry") and len(value) <= 4096:
            self._fields[name.decode()] = value.decode("utf-8", "replace")
        return None

    def _finish(self) -> Event | None:
        fields, data = self._fields, b"\n".join(self._data)
        self._fields, self._data, self._size = {}, [], 0
        if not fields and not data:
            return None
        retry = fields.get("retry", "")
        given = int(retry) if retry.isascii() and retry.isdigit() and len(retry) < 10 else None
        return Event(fields.get("event", "message"), data, fields.get("id"), given)
