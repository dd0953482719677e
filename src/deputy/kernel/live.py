"""What models are saying now, in this process, for eyes alone: nothing here is journaled, and nothing depends on it.

A turn of a conversation is kept piece by piece until its reply is committed, which then stands in its place.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

__all__ = ["Live", "Piece", "Speech"]

MOST = 200_000  #: characters of one reply that are kept; the rest is seen when it is committed


class Piece(NamedTuple):
    """Some words, as they came."""

    kind: Literal["text", "reasoning"]
    text: str


class Speech:
    """One attempt of a model call that is being answered."""

    __slots__ = ("_room", "attempt", "n", "pieces")

    def __init__(self, n: int, attempt: int) -> None:
        self.n, self.attempt, self._room = n, attempt, MOST
        self.pieces: list[Piece] = []

    def add(self, kind: Literal["text", "reasoning"], text: str) -> None:
        """Take the next piece."""
        self._room -= len(text)
        if text and self._room >= 0:
            self.pieces.append(Piece(kind, text))


class Live:
    """The speeches of this process, by run."""

    def __init__(self) -> None:
        self._speeches: dict[str, Speech] = {}

    def begin(self, run: str, n: int, attempt: int) -> Callable[[Literal["text", "reasoning"], str], None]:
        """A speech begins; what takes its pieces."""
        speech = self._speeches[run] = Speech(n, attempt)
        return speech.add

    def end(self, run: str) -> None:
        """It is over."""
        self._speeches.pop(run, None)

    def of(self, run: str) -> Speech | None:
        """What is being said in a run."""
        return self._speeches.get(run)
