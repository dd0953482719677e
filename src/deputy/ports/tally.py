"""Keep sums over a workspace's journal: how much of what happened in which hour, day and in all, by agent.

They are derived and may be thrown away at any time: whoever counts says up to which place of which journal, and begins
anew where the journal is another one. Nothing decides by them.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

__all__ = ["Cell", "Mark", "Span", "Sum", "Tally"]

Span = Literal["hour", "day", "all"]


class Mark(NamedTuple):
    """Up to where a journal was counted: the last event's place and link; place 0 where nothing was."""

    position: int
    link: bytes


class Cell(NamedTuple):
    """Where a number belongs: an hour (in hours since 1970, UTC), an agent ("" is none), and what is counted."""

    hour: int
    agent: str
    measure: str


class Sum(NamedTuple):
    """What came together in a span, by what was counted; `start` in hours since 1970."""

    start: int
    agent: str
    values: dict[str, int]


class Tally(Protocol):
    """The sums, and what must be remembered to go on counting."""

    async def mark(self) -> Mark:
        """Up to where was counted."""
        ...

    async def notes(self) -> dict[str, bytes]:
        """What was to be remembered, by name."""
        ...

    async def add(self, since: Mark, upto: Mark, counts: Mapping[Cell, int], notes: Mapping[str, bytes | None]) -> bool:
        """Add counts, and remember notes (or forget those that are None); False where somebody else counted on."""
        ...

    async def forget(self) -> None:
        """Let go of everything."""
        ...

    async def sums(self, span: Span, since: int, until: int, agents: Sequence[str] = ()) -> Sequence[Sum]:
        """The sums of spans that begin from `since` (included) to `until`, of these agents or of all."""
        ...

    async def close(self) -> None:
        """Let go of the file."""
        ...
