"""Keep what starts runs: how far each trigger's source was seen, and each arrival until a run came of it.

An arrival is unique by its trigger and id, and durable before anybody acknowledges it. It becomes a run in the commit
that creates the run (`Commit.begins`), so that no crash can make it none or two.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal, NamedTuple, Protocol

__all__ = [
    "Advance", "Arrival", "ArrivalRow", "ArrivalState", "Arrivals", "Begin", "NoteBody", "Present", "Queue",
    "TriggerRow",
]  # fmt: skip

ArrivalState = Literal["pending", "started", "over", "skipped"]


class Arrival(NamedTuple):
    """Something that starts a run; `body` is what the run is told of it."""

    trigger: str
    id: str
    at: datetime
    body: bytes
    blobs: tuple[tuple[str, bytes], ...] = ()  #: digest and content
    skipped: str = ""  #: why no run shall come of it; empty where one shall


class ArrivalRow(NamedTuple):
    """An arrival as it is kept."""

    position: int
    trigger: str
    id: str
    at: datetime
    body: bytes
    state: ArrivalState
    run: str = ""  #: the run that came of it
    reason: str = ""  #: why none did


class Begin(NamedTuple):
    """Which arrival becomes a run; `alone` if only while no other run of its trigger is open."""

    trigger: str
    id: str
    alone: bool = False


class TriggerRow(NamedTuple):
    """How far a trigger's source was seen."""

    key: str
    spec: str  #: digest of the declaration that the rest is about
    cursor: str  #: what was seen last, in words of the source
    due: datetime | None  #: when to look next; None if never
    looked: datetime  #: when somebody looked last
    wrong: str = ""  #: why the source cannot be reached
    since: datetime | None = None  #: since when
    alarm: str = ""  #: what people were told last
    alarmed: datetime | None = None  #: and when


class Present(NamedTuple):
    """What lies in a folder: the ids of files that were read, and the names of those that were not yet."""

    ids: Sequence[str]
    names: Sequence[str] = ()


class Queue(NamedTuple):
    """What waits at a trigger, oldest first, and whether a run of it is open."""

    trigger: str
    busy: bool
    rows: Sequence[ArrivalRow]


NoteBody = Callable[[int, bytes], tuple[int, bytes, bytes]]  #: makes an event from its seq and the last link


class Advance(NamedTuple):
    """One step at a trigger: its new row, in place of the one that must be there, and what was found."""

    row: TriggerRow
    before: TriggerRow | None
    arrivals: Sequence[Arrival] = ()
    note: NoteBody | None = None  #: an event of the workspace's own journal


class Arrivals(Protocol):
    """The triggers and arrivals of a workspace. Methods raise StoreError where the database cannot be used."""

    async def arrive(self, arrival: Arrival) -> tuple[bool, ArrivalRow]:
        """Insert an arrival unless its id exists; whether it is new, and what is there. Durable on return."""
        ...

    async def advance(self, advances: Sequence[Advance]) -> Sequence[bool]:
        """Take steps, each wholly or, where its row is not as it must be, not at all; which of them were taken.
        Arrivals that exist are left as they are."""
        ...

    async def remove(self, key: str) -> None:
        """Forget a trigger; what it brought stays."""
        ...

    async def skip(self, row: ArrivalRow, reason: str, note: NoteBody | None = None) -> bool:
        """Let no run come of an arrival; False if it is not pending any more."""
        ...

    async def triggers(self) -> Sequence[TriggerRow]:
        """Every trigger that was seen, by key."""
        ...

    async def queues(self, most: int) -> Sequence[Queue]:
        """The triggers at which something is pending, each with its oldest arrivals."""
        ...

    async def pending(self, trigger: str) -> int:
        """How many arrivals wait at a trigger."""
        ...

    async def newest(self, trigger: str, most: int) -> Sequence[ArrivalRow]:
        """What arrived at a trigger last, newest first."""
        ...

    async def known(self, trigger: str, ids: Sequence[str]) -> set[str]:
        """Which of these arrived before."""
        ...

    async def failed(self, since: datetime, most: int) -> Sequence[ArrivalRow]:
        """The arrivals whose run failed or was cancelled since then, the latest first."""
        ...

    async def present(self, trigger: str, there: Present, now: datetime) -> None:
        """Note of which arrivals of a folder nothing lies there any more, and of which something does again."""
        ...

    async def prune(self, before: datetime, but: Sequence[str] = ()) -> int:
        """Forget arrivals that are over and older than this, except those of some triggers, and everything that is gone
        (`present`) for so long; returns how many, which is less than 1,000 when there are no more."""
        ...
