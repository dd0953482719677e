"""Runs and what waits in them, as tables know them; and looking through them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

__all__ = ["COUNTED", "TOLD", "Began", "Counts", "Found", "Item", "Line", "RunRow", "RunState", "Sought"]

TOLD = 500  #: characters of a task, or a title, that lists keep
COUNTED = 10_000  #: how many runs that fit are counted
RunState = Literal["ready", "running", "waiting", "done", "failed", "cancelled"]


class Item(NamedTuple):
    """Something that waits for a person; `body` is the JSON that the inbox shows."""

    id: str
    run: str
    kind: Literal["approval", "question", "in_doubt", "budget", "message"]
    created: datetime
    expires: datetime | None
    body: bytes


class RunRow(NamedTuple):
    """What the table of runs knows of one; everything else is in its journal."""

    id: str
    agent: str
    version: str
    driver: str
    state: RunState
    on_behalf_of: str
    parent: str
    root: str
    seq: int  #: number of events
    link: bytes  #: the chain's head
    created: datetime
    changed: datetime
    summary: str = ""  #: why it waits, or how it ended: a word for exit codes and lists


class Began(NamedTuple):
    """How a run began, as lists show it and as it is looked for; the rest stands in its first event."""

    by: str = ""  #: principal who started it
    trigger: str = ""  #: kind of what started it
    cause: str = ""  #: key of the trigger, where it was one
    title: str = ""  #: of the occasion
    task: str = ""  #: its beginning


class Sought(NamedTuple):
    """Which runs are looked for, newest first; what is empty does not matter."""

    states: Sequence[str] = ()
    agent: str = ""
    on_behalf_of: str = ""
    since: datetime | None = None  #: created then or later
    until: datetime | None = None  #: created before
    trigger: str = ""  #: kind, or key, of what started it
    money: int = 0  #: micros that it has cost at least
    text: str = ""  #: in the task (its beginning), a title or the agent's name, or ends the id; a-z is as A-Z
    before: str = ""  #: a run's id: those created before it
    most: int = 50


class Line(NamedTuple):
    """A run in a list."""

    row: RunRow
    told: Began
    money: int | None  #: micros, when its state changed last; None where that was not kept
    items: Sequence[Item]  #: what waits for people


class Found(NamedTuple):
    """A page of runs, and the run after which the next page begins; "" where there are no more."""

    runs: Sequence[Line]
    after: str


class Counts(NamedTuple):
    """How many runs there are, by state; `more` where only so many were counted, the newest."""

    states: Mapping[str, int]
    more: bool
