"""What happens in the reading process: choose by format. Imported by nobody but that process and tests."""

from collections.abc import Callable

import msgspec

from deputy.adapters.reading.charset import decoded
from deputy.adapters.reading.html import page
from deputy.adapters.reading.pdf import document
from deputy.adapters.reading.reader import Request, Text

__all__ = ["answer"]


def answer(request: bytes, _: Callable[[bytes], None]) -> bytes:
    """A Request in, a Text out."""
    wanted = msgspec.msgpack.decode(request, type=Request)
    match wanted.format:
        case "html":
            found = page(decoded(wanted.body, wanted.charset, html=True), wanted)
        case "pdf":
            found = document(wanted.body, wanted.most)
        case _:
            text = decoded(wanted.body, wanted.charset)
            notes = ("The text is cut off.",) if len(text) > wanted.most else ()
            found = Text(text=text[: wanted.most], notes=notes)
    return msgspec.msgpack.encode(found)
