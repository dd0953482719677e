"""What the tools ask of a mailbox, wherever it is kept. A letter's place is `folder/name`."""

import ssl
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from deputy.base.errors import DeputyError
from deputy.ports.mailbox import Mailbox

__all__ = [
    "Box", "Listing", "MailboxRefused", "MailboxUnreachable", "Page", "Query", "Whole", "speaks_no_tls", "split_place"
]  # fmt: skip

_BROKEN = ("UNEXPECTED_EOF_WHILE_READING", "APPLICATION_DATA_AFTER_CLOSE_NOTIFY")  # a line that ended, and no more


class MailboxUnreachable(DeputyError):
    """The mail server or folder cannot be reached now; it may work a moment later."""

    code = "mailbox_unreachable"


class MailboxRefused(DeputyError):
    """The mail server or folder refuses what is configured: a person has to mend it."""

    code = "mailbox_refused"


class Query(NamedTuple):
    """Which letters are looked for; what is empty does not matter. `thread` are Message-IDs."""

    sender: str = ""
    subject: str = ""
    text: str = ""
    since: datetime | None = None
    before: datetime | None = None
    unread: bool | None = None
    thread: Sequence[str] = ()


class Listing(NamedTuple):
    """A letter as a folder lists it: its headers, not its body."""

    place: str
    at: datetime
    seen: bool
    flagged: bool
    size: int
    head: bytes


class Page(NamedTuple):
    """Letters that were found, newest first, and whether there may be more."""

    letters: Sequence[Listing]
    more: bool


class Whole(NamedTuple):
    """A letter; `raw` is its beginning where it is larger than anybody reads."""

    listing: Listing
    raw: bytes


class Box(Mailbox, Protocol):
    """A mailbox with its folders. Everything raises MailboxUnreachable or MailboxRefused where it cannot be had."""

    async def folders(self) -> Sequence[str]:
        """The names of all folders."""
        ...

    async def search(self, folder: str, query: Query, most: int) -> Page:
        """The newest letters of a folder that match."""
        ...

    async def fetch(self, place: str) -> Whole | None:
        """A letter, without marking it as read; None if it is not there."""
        ...

    async def mark(self, place: str, *, seen: bool | None, flagged: bool | None) -> bool:
        """Change a letter's flags; False if it is not there."""
        ...

    async def move(self, place: str, folder: str) -> str:
        """Move a letter; returns its new place, also if it was moved there before; empty if it is in neither."""
        ...


def split_place(place: str) -> tuple[str, str]:
    """The folder and the name in it."""
    folder, _, name = place.rpartition("/")
    return folder, name


def speaks_no_tls(exc: ssl.SSLError) -> bool:
    """Whether a server answered something else than TLS, rather than that a line broke."""
    return not isinstance(exc, ssl.SSLEOFError | ssl.SSLZeroReturnError) and exc.reason not in _BROKEN
