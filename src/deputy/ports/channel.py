"""Reach people outside, and hear what they answer.

A channel carries what the inbox shows to one person, at most once, and brings back who answered which notice with which
words. It decides nothing: whether an answer counts is for the application to say.
"""

from collections.abc import AsyncIterator
from typing import Protocol

import msgspec

from deputy.ports.mailbox import Sender

__all__ = ["Channel", "Heard", "Notice"]


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Something to tell one person; `key` names it for ever, and `token` comes back with an answer to it."""

    key: str
    token: str
    address: str
    subject: str
    text: str


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """Something that came back; `key` and `token` are empty where it answers no notice."""

    id: str  #: the same whenever it is heard again
    cursor: str  #: kept by the listener: `answers(cursor)` goes on after this one
    key: str = ""
    token: str = ""
    sender: Sender = Sender()
    words: str = ""  #: what the sender added, without what it answers
    effect: str = ""  #: whose letter came back, as `words` say; anybody could have written that


class Channel(Protocol):
    """A way to reach people."""

    async def tell(self, notice: Notice) -> bool:
        """Tell it, once however often it is asked for; False where nothing went out. Raises DeputyError."""
        ...

    async def position(self) -> str:
        """The cursor after everything that was said so far."""
        ...

    def answers(self, since: str) -> AsyncIterator[Heard]:
        """Everything that is said after a cursor, for as long as it is listened to."""
        ...

    async def close(self) -> None:
        """Let go of everything."""
        ...
