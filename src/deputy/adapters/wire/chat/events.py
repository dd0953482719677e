"""The chunks in a stream of server-sent events."""

import json
import re

from deputy.adapters.wire.chat.errors import ReplyTooLarge, WireError

__all__ = ["Events"]

MAX_EVENT = 8_000_000  #: bytes of one event of the stream

_LINE_END = re.compile(rb"\r\n|\n|\r")


class Events:
    """Finds the chunks in the bytes of a stream of server-sent events, wherever these are split."""

    def __init__(self) -> None:
        self.done = False  #: whether the server said that there is no more
        self._line: list[bytes] = []  # the pieces of one that is not complete
        self._data: list[bytes] = []
        self._size = 0
        self._after_cr = False

    def feed(self, part: bytes) -> list[object]:
        """The chunks that these bytes complete; raises `WireError` for one that is not JSON."""
        if self._after_cr and part.startswith(b"\n"):
            part, self._after_cr = part[1:], False
        if part:
            self._after_cr = part.endswith(b"\r")
        self._size += len(part)
        if self._size > MAX_EVENT:
            raise ReplyTooLarge(f"One event of the stream is longer than {MAX_EVENT} bytes.")
        *lines, rest = _LINE_END.split(part)
        found: list[object] = []
        for line in lines:
            self._take(b"".join((*self._line, line)), found)
            self._line.clear()
        self._line.append(rest)
        return found

    def _take(self, line: bytes, found: list[object]) -> None:
        field, _, value = line.partition(b":")
        if field == b"data":
            self._data.append(value.removeprefix(b" "))
        elif not line:
            data = b"\n".join(self._data)
            self._data.clear()
            self._size = 0
            self.done = self.done or data == b"[DONE]"
            if data and not self.done:
                found.append(_json(data))


def _json(data: bytes) -> object:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise WireError("A chunk of the stream is not JSON.") from None
