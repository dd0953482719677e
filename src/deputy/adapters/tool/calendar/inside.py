"""What happens in the process that reads calendars: reports of servers to occurrences, and events to iCalendar."""

from collections.abc import Callable

import msgspec

from deputy.adapters.tool.calendar.asking import Read, Write
from deputy.adapters.tool.calendar.reading import found
from deputy.adapters.tool.calendar.writing import written

__all__ = ["answer"]

_decoder: msgspec.json.Decoder[Read | Write] = msgspec.json.Decoder(Read | Write)


def answer(request: bytes, _: Callable[[bytes], None]) -> bytes:
    """A Read or Write in, a Page or Written out."""
    wanted = _decoder.decode(request)
    return msgspec.json.encode(found(wanted) if isinstance(wanted, Read) else written(wanted))
