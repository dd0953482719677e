"""Hand traces to whoever collects them. What a span says happened already and stands in the journal: handing it out
changes nothing, decides nothing, and holds up nobody."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

__all__ = ["Attribute", "Handed", "Kind", "Span", "Spans", "Spot"]

Attribute = str | bool | int | float | Sequence[str]
Kind = Literal["internal", "client"]
Handed = Literal["taken", "refused", "away"]


class Spot(NamedTuple):
    """Which span of which trace; always the same for the same run or effect."""

    trace: int  #: 128 bits
    span: int  #: 64 bits


class Span(NamedTuple):
    """Something that took from one time to another, in nanoseconds since 1970."""

    spot: Spot
    parent: Spot | None
    name: str
    kind: Kind
    begun: int
    ended: int
    attributes: Mapping[str, Attribute]
    error: str = ""  #: why it failed; "" where it did not
    links: Sequence[Spot] = ()


class Spans(Protocol):
    """Where spans go."""

    async def hand(self, spans: Sequence[Span]) -> Handed:
        """Hand them over: `refused` will not be taken later either, `away` may be."""
        ...

    @property
    def problem(self) -> str:
        """What went wrong last; "" where nothing did."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
