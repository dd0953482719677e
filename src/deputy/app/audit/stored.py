"""Rows as a snapshot gives them, with names; nothing in them is trusted, and nothing is parsed."""

from typing import NamedTuple

import msgspec

from deputy.base.canonical import canonical, digest
from deputy.domain.cost import Cost

__all__ = [
    "UNREADABLE", "Marks", "StoredAccount", "StoredInbound", "StoredItem", "StoredRun", "StoredSeal", "names",
]  # fmt: skip

#: what decoding bytes can raise that Deputy did not write
UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)


class StoredRun(NamedTuple):
    """A row of `runs`."""

    key: int
    id: str
    agent: str
    version: str
    driver: str
    on_behalf_of: str
    parent: str
    root: str
    state: str
    summary: str
    created: str
    changed: str
    owner: str | None
    epoch: int | None
    money: int | None = None
    told: str = ""  #: as JSON


class StoredItem(NamedTuple):
    """A row of `items`, of a known run."""

    id: str
    kind: str
    created: str
    expires: str | None
    body: bytes


class StoredInbound(NamedTuple):
    """A row of `inbox`; `run` is the id of the run whose number it carries."""

    position: int
    id: str
    run: str | None
    sender: str
    at: str
    body: bytes
    check: bytes
    taken: int

    @property
    def intact(self) -> bool:
        """Whether it is what arrived."""
        return digest(canonical([self.id, self.run, self.sender, self.at]) + self.body) == self.check.hex()


class StoredSeal(NamedTuple):
    """A row of `seals`."""

    n: int
    at: str
    upto: int
    body: bytes
    link: bytes


class StoredAccount(NamedTuple):
    """A row of `accounts`."""

    name: str
    held: Cost
    spent: Cost
    raised: str
    limits: str


def names(of: list[str]) -> str:
    """Names as a snapshot takes them."""
    return canonical(of).decode()


class Marks:
    """A set of numbers that takes a bit for each, wherever they lie."""

    def __init__(self) -> None:
        self._bits: dict[int, int] = {}

    def add(self, number: int) -> None:
        """Put a number in."""
        self._bits[number >> 10] = self._bits.get(number >> 10, 0) | 1 << (number & 1023)

    def __contains__(self, number: int) -> bool:
        return bool(self._bits.get(number >> 10, 0) >> (number & 1023) & 1)
