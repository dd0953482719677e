"""What starts an agent's runs without a person, as its file declares it."""

from datetime import datetime
from typing import Literal

import msgspec

from deputy.base.canonical import canonical, digest
from deputy.domain.agent import Check

__all__ = [
    "Folder", "Mail", "Missed", "Overlap", "RunEnd", "Schedule", "Source", "Trigger", "Webhook", "kind_of",
]  # fmt: skip

Missed = Literal["run_once", "skip", "run_all"]
Overlap = Literal["skip", "queue", "allow"]


class Schedule(msgspec.Struct, frozen=True, kw_only=True, tag="schedule", omit_defaults=True):
    """Times: of a cron expression in a zone, every so many seconds since 1970, or one moment.

    `missed` says what becomes of times that passed while nobody could heed them.
    """

    cron: str = ""
    every: float = 0.0
    at: datetime | None = None
    zone: str = "UTC"
    missed: Missed = "run_once"


class Webhook(msgspec.Struct, frozen=True, kw_only=True, tag="webhook", omit_defaults=True):
    """A signed POST to `/hooks/PATH`. `secret` is a reference; `dedupe` names the header or the member of the body
    that tells deliveries apart (their bytes do, where it is empty); `tolerance` in seconds, `rate` per minute."""

    path: str
    secret: str
    signature: Literal["github", "timestamped", "standard"] = "github"
    header: str = ""  #: that carries the signature; the style's own where it is empty
    dedupe: str = ""
    tolerance: float = 300.0
    most_bytes: int = 1 << 20
    rate: int = 600


class Folder(msgspec.Struct, frozen=True, kw_only=True, tag="folder", omit_defaults=True):
    """Files of the workspace that match a pattern, each once by its path and content; `every` in seconds."""

    pattern: str
    every: float = 5.0
    most_bytes: int = 4 << 20


class RunEnd(msgspec.Struct, frozen=True, kw_only=True, tag="run", omit_defaults=True):
    """The end of another agent's run."""

    agent: str
    states: tuple[Literal["done", "failed", "cancelled"], ...] = ("done",)


class Mail(msgspec.Struct, frozen=True, kw_only=True, tag="mail", omit_defaults=True):
    """Mails that arrive in a mailbox and match; `match` has texts that must stand in these headers; `every` in s."""

    mailbox: str = "mail"  #: the prefix of its connection
    match: dict[str, str] = {}
    every: float = 5.0


Source = Schedule | Webhook | Folder | RunEnd | Mail


class Trigger(msgspec.Struct, frozen=True, kw_only=True):
    """A source, and what the run shall do that comes of it; acts for the agent's owner."""

    agent: str
    name: str
    number: int  #: its place in the agent's file, from 1
    task: str
    source: Source
    overlap: Overlap = "allow"
    done: tuple[Check, ...] = ()  #: what must be true when a run of it is done, beside what its agent demands

    @property
    def key(self) -> str:
        """What it is called everywhere: `agent/name`."""
        return f"{self.agent}/{self.name}"

    @property
    def spec(self) -> str:
        """The digest of what it waits for; what was seen of a source says nothing of another."""
        source = self.source
        if isinstance(source, Schedule):
            source = msgspec.structs.replace(source, missed="run_once")
        return digest(canonical(source))


def kind_of(source: Source) -> str:
    """The word for a kind of source."""
    return str(source.__struct_config__.tag)
