"""Learn what arrives in a mailbox: each letter once, in order, from a place that can be kept.

Whoever listens persists an arrival before asking for the next one; after a crash it goes on from the cursor it kept,
and may be handed an arrival again, with the same id. What a letter says is its writer's; who wrote it is known only
where `sender.authenticated` says so.
"""

import re
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Literal, Protocol

import msgspec

from deputy.base.ids import split_effect_id

__all__ = ["Arrival", "Attachment", "Bounce", "Letter", "Mailbox", "Sender", "effect_named_by", "notice_named_by"]


class Sender(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whom a letter names as its writer, and whether the receiving server found that to be so."""

    address: str = ""  #: empty where the letter names nobody, or several
    name: str = ""  #: as the writer chose it: proves nothing
    authenticated: bool = False
    how: str = ""  #: what was checked and by whom, or why it does not count


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a letter that is not its text."""

    id: str  #: its place in the letter, such as `2` or `3.1`
    name: str
    type: str
    size: int  #: bytes, once decoded


class Bounce(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A report that a letter of ours did not arrive, or not yet (RFC 3464)."""

    message_id: str  #: of the letter it is about, as the report names it
    action: Literal["failed", "delayed", "delivered", "relayed", "expanded"] = "failed"
    recipients: tuple[str, ...] = ()
    status: str = ""  #: such as `5.1.1`
    reason: str = ""

    @property
    def why(self) -> str:
        """Who did not get the letter, and the server's reason."""
        to = ", ".join(self.recipients[:5]) or "somebody"
        return f"to {to}: {f'{self.status} {self.reason}'.strip() or 'no reason is given'}"


class Letter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A letter as it can be read: bounded, decoded, without its attachments' contents."""

    message_id: str = ""
    sender: Sender = Sender()
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    reply_to: tuple[str, ...] = ()
    subject: str = ""
    date: datetime | None = None  #: as the writer claims
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    automatic: str = ""  #: why no person wrote it, such as `Auto-Submitted: auto-replied`; never answer these
    bounce: Bounce | None = None
    size: int = 0  #: bytes of the whole letter
    problems: tuple[str, ...] = ()  #: what is missing here, or not what it seems


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """A letter that came into the mailbox."""

    id: str  #: the same whenever this delivery is seen again, whatever the server does to its numbers
    cursor: str  #: kept by the listener: `arrivals(cursor)` goes on after this one
    place: str  #: how the mailbox's tools name it, for `mail.read`
    at: datetime  #: when the mailbox received it
    letter: Letter


class Mailbox(Protocol):
    """The inbox of one mail connection, as something to listen to."""

    async def position(self) -> str:
        """The cursor after everything that is there now. Raises DeputyError where the mailbox cannot be reached."""
        ...

    def arrivals(self, since: str) -> AsyncIterator[Arrival]:
        """Every letter after a cursor, then every one that comes, for as long as it is listened to.

        Connects again, with patience, when the line breaks; raises DeputyError only for what a person must mend
        (a wrong password, a folder that is not there).
        """
        ...

    async def close(self) -> None:
        """Let go of the mailbox."""
        ...


def effect_named_by(message_id: str, domain: str) -> str:
    """The effect whose letter has this Message-ID, `<effect-id@domain>`; empty if it is none of ours."""
    local, at, where = message_id.strip().removeprefix("<").removesuffix(">").rpartition("@")
    return local if at and where.casefold() == domain.casefold() and split_effect_id(local) is not None else ""


_NOTICE = re.compile(r"<([0-9a-z.]{1,80})\.t([0-9a-f]{32})@([^@<>]{1,255})>", re.IGNORECASE)


def notice_named_by(message_id: str) -> tuple[str, str, str]:
    """Key, token and domain of the notice to a person whose letter has this Message-ID; empty if it is none."""
    found = _NOTICE.fullmatch(message_id)
    return (found[1].lower(), found[2].lower(), found[3].lower()) if found else ("", "", "")
