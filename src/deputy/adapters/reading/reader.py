"""Ask for the text of bytes of some content type; the work is done in `inside`, where it can harm nobody."""

import msgspec

from deputy.adapters.confined import Cells, Ended
from deputy.base.errors import DeputyError

__all__ = ["FORMATS", "Link", "Reader", "Request", "Text", "Unreadable"]

#: What can be read, by content type.
FORMATS = {
    "text/html": "html", "application/xhtml+xml": "html", "application/pdf": "pdf", "text/plain": "text",
    "text/markdown": "text", "text/csv": "text", "text/xml": "text", "application/xml": "text",
    "application/json": "text", "text/calendar": "text", "application/yaml": "text", "text/yaml": "text",
    "application/rss+xml": "text", "application/atom+xml": "text", "application/ld+json": "text",
    "application/problem+json": "text", "text/tab-separated-values": "text",
}  # fmt: skip


class Unreadable(DeputyError):
    """Nothing can be made of these bytes."""

    code = "unreadable"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes of a format, and where they came from; `most` bounds the characters of the text.

    Of a page, its main part is read, or the `whole` of it.
    """

    format: str
    body: bytes
    url: str = ""
    charset: str = ""
    most: int = 400_000
    whole: bool = False


class Link(msgspec.Struct, frozen=True):
    """Where a text points: the words, the address, and the address's host, whatever the words say."""

    text: str
    url: str
    host: str


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be read in something: its title, its text, where it points, and what was left out or cut off."""

    text: str
    title: str = ""
    links: tuple[Link, ...] = ()
    pages: int | None = None
    notes: tuple[str, ...] = ()
    error: str = ""


_text = msgspec.msgpack.Decoder(Text)
_encoder = msgspec.msgpack.Encoder()


class Reader:
    """Reads documents, in processes of their own."""

    def __init__(self, memory: int = 1 << 30) -> None:
        self._cells = Cells("deputy.adapters.reading.inside:answer", memory=memory)

    async def read(self, request: Request) -> Text:
        """The text of a document; raises Unreadable. Give it the time it may take with `asyncio.timeout`."""
        try:
            text = _text.decode(await self._cells.ask(_encoder.encode(request)))
        except Ended as error:
            raise Unreadable(error.message) from None
        if text.error:
            raise Unreadable(text.error)
        return text

    async def close(self) -> None:
        """End the processes."""
        await self._cells.close()
