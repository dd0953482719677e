"""Headers of letters, decoded: encoded words, addresses, Message-IDs; each bounded, none believed."""

import re
from collections.abc import Sequence
from email.header import decode_header
from email.message import Message
from email.utils import getaddresses
from typing import NamedTuple, cast

from deputy.adapters.wire.mail.addresses import without_hidden
from deputy.adapters.wire.mail.plain import in_charset

__all__ = ["Found", "addresses_in", "decoded", "identifiers", "raw_values"]

_LONGEST = 10_000  # characters of one header
_MOST = 100  # addresses, or Message-IDs
_SHOWN = 1_000  # characters of a subject
_ADDRESS = re.compile(r"[^\s<>@,;:\"\\()\[\]]{1,64}@[^\s<>@,;:\"\\()\[\]]{1,255}")
_ID = re.compile(r"<[^<>\s]{1,400}>")


class Found(NamedTuple):
    """One address of a header, and the name beside it."""

    name: str
    address: str


def raw_values(message: "Message[str, str]", name: str) -> list[str]:
    """Every header of this name, topmost first, unfolded, as it was written; bytes that are no text become �."""
    found: list[str] = []
    for key, value in message.raw_items():
        if key.lower() == name:
            text = str(cast("object", value))[:_LONGEST]
            text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
            found.append(re.sub(r"\r?\n[ \t]?|\r", " ", text).strip())
    return found


def decoded(text: str) -> str:
    """A header as people read it: one line, encoded words decoded, nothing invisible."""
    parts: list[str] = []
    try:
        pieces = decode_header(text[:_LONGEST])
    except (ValueError, LookupError, AssertionError):  # a broken encoded word
        return _line(text)
    for piece, charset in cast("Sequence[tuple[bytes | str, str | None]]", pieces):
        parts.append(in_charset(piece, charset or "ascii") if isinstance(piece, bytes) else piece)
    return _line("".join(parts))


def addresses_in(text: str) -> tuple[Found, ...]:
    """The addresses of a header, as plain as they are; those that are none are left out."""
    try:
        pairs = getaddresses([text])
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return ()
    return tuple(Found(decoded(name), address) for name, address in pairs[:_MOST] if _ADDRESS.fullmatch(address))


def identifiers(text: str) -> tuple[str, ...]:
    """The Message-IDs in a header, in order; of too many the first and the last, which tell a thread."""
    found = tuple(dict.fromkeys(_ID.findall(text)))
    return found if len(found) <= _MOST else (found[0], *found[-_MOST + 1 :])


def _line(text: str) -> str:
    return without_hidden(re.sub(r"\s+", " ", text)).strip()[:_SHOWN]
