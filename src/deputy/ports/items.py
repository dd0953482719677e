"""What waits for people, as the store keeps and finds it: person by person, the most urgent first.

Who waits for what is derived from the items and from the answers that came; it is no record of its own.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from deputy.ports.listing import Item

__all__ = ["Answered", "Item", "Place", "Queue", "Waiting", "Waits", "Wanted"]

Place = tuple[int, float, str, str]  #: in the order: urgency, the amount at stake (negative), since when, id


class Wanted(NamedTuple):
    """Which items are looked for, of those that wait for a person and nobody has answered, the most urgent first.

    Urgent is what expires within an hour and what is in doubt, then what expires within a day; among these what has
    the largest amount at stake; among these what has waited longest. What is empty does not matter.
    """

    person: str
    now: datetime
    kinds: Sequence[str] = ()
    agent: str = ""
    text: str = ""  #: stands in the item (case matters only outside ASCII; looked for in items that are not huge)
    item: str = ""  #: this alone
    after: Place | None = None  #: on from the place of a `Waiting`
    most: int = 50


class Waiting(NamedTuple):
    """An item that waits; the body of a huge one is left out."""

    item: Item
    agent: str
    tool: str
    size: int  #: bytes of the body
    place: Place  #: by the time it was asked for


class Queue(NamedTuple):
    """A page of items, and how many wait for the person in all: by kind and agent."""

    page: Sequence[Waiting]
    counts: Sequence[tuple[str, str, int]]


class Answered(NamedTuple):
    """An answer to an item of some run, as it came."""

    item: str
    run: str
    by: str
    at: datetime
    body: bytes


class Waits(Protocol):
    """Looking through what waits."""

    async def queue(self, wanted: Wanted) -> Queue:
        """What waits for a person, a page of it; only counts where `most` is 0."""
        ...

    async def stamp(self, person: str) -> tuple[int, int]:
        """How many items wait for a person, and a number that changes whenever one comes or is changed."""
        ...

    async def answers(self, agent: str, most: int, look: int = 20_000) -> Sequence[Answered]:
        """The latest answers to items of an agent's runs; looks at a bounded number of inbox rows."""
        ...
