"""The arguments of the `mail.*` tools, as their hosts read them."""

from datetime import UTC, datetime
from typing import Literal

import msgspec

__all__ = [
    "FORMS", "Arguments", "Enclosed", "Find", "Folders", "Mark", "Move", "Part", "Read", "Reply", "Save", "Send",
    "Sent", "moment",
]  # fmt: skip


class Find(msgspec.Struct, forbid_unknown_fields=True, rename={"sender": "from"}):
    """What to look for."""

    folder: str = "INBOX"
    sender: str = ""
    subject: str = ""
    text: str = ""
    since: str = ""
    before: str = ""
    unread: bool | None = None
    thread: str = ""
    most: int = 20


class Read(msgspec.Struct, forbid_unknown_fields=True):
    """Which letter."""

    letter: str


class Part(msgspec.Struct, forbid_unknown_fields=True):
    """Which attachment."""

    letter: str
    attachment: str
    encoding: Literal["utf-8", "base64"] | None = None


class Save(msgspec.Struct, forbid_unknown_fields=True):
    """Which attachment, and where to."""

    letter: str
    attachment: str
    path: str


class Folders(msgspec.Struct, forbid_unknown_fields=True):
    """Nothing."""


class Mark(msgspec.Struct, forbid_unknown_fields=True):
    """Which letter, and how."""

    letter: str
    read: bool | None = None
    flagged: bool | None = None


class Move(msgspec.Struct, forbid_unknown_fields=True):
    """Which letter, and where to."""

    letter: str
    folder: str


class Enclosed(msgspec.Struct, forbid_unknown_fields=True):
    """One version of one file of the run."""

    path: str
    version: int


class Send(msgspec.Struct, forbid_unknown_fields=True):
    """A letter."""

    to: list[str]
    subject: str
    text: str
    cc: list[str] = []
    bcc: list[str] = []
    attachments: list[Enclosed] = []
    letter: str = ""


class Reply(msgspec.Struct, forbid_unknown_fields=True):
    """An answer."""

    letter: str
    to: str
    text: str
    attachments: list[Enclosed] = []


class Sent(msgspec.Struct, forbid_unknown_fields=True):
    """Which effect."""

    effect_id: str


Arguments = Find | Read | Part | Save | Folders | Mark | Move | Send | Reply | Sent
FORMS: dict[str, type[Arguments]] = {
    "search": Find, "read": Read, "attachment": Part, "save_attachment": Save, "folders": Folders, "mark": Mark,
    "move": Move, "send": Send, "reply": Reply, "sent": Sent,
}  # fmt: skip


def moment(text: str) -> datetime | None:
    """A date or time as RFC 3339 writes it; without a zone it is UTC. Raises ValueError."""
    if not text:
        return None
    at = datetime.fromisoformat(text)
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
