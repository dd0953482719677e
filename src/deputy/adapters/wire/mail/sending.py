"""Send the letter of an effect once, whatever dies when.

A *record* of the letter is kept where everybody who could send it again looks first. It is made after the far side has
taken everything but the letter's end, and before the end goes out. So without a record the letter was certainly not
sent; with one that is finished it certainly was; and only with one that was begun and not finished nobody knows, unless
the way out can tell.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Literal, NamedTuple, Protocol

from deputy.adapters.wire.mail.box import MailboxRefused, MailboxUnreachable
from deputy.adapters.wire.mail.writing import Envelope

__all__ = ["Accepted", "Carried", "Carrier", "Cut", "NotTaken", "Post", "Record", "Standing"]

_NOTING = 4.0  # seconds, after which whoever waits for the answer gets it
Standing = Literal["absent", "begun", "sent"]


class Accepted(NamedTuple):
    """The far side has taken the letter; `said` is its answer."""

    said: str


class NotTaken(NamedTuple):
    """The letter certainly did not go out."""

    code: str
    why: str
    retry: bool = False


class Cut(NamedTuple):
    """The letter's end may have gone out, and there was no answer."""

    why: str


Carried = Accepted | NotTaken | Cut


class Record(Protocol):
    """Where it is kept which letters were sent. Raises MailboxUnreachable or MailboxRefused."""

    async def standing(self, message_id: str) -> Standing:
        """What is known of a letter; `absent` only if no trace of it is anywhere."""
        ...

    async def begin(self, letter: Envelope) -> None:
        """Note that a letter is about to go out; durable on return."""
        ...

    async def finish(self, message_id: str) -> None:
        """Note that it went out."""
        ...

    async def drop(self, message_id: str) -> None:
        """Forget a letter that certainly did not go out."""
        ...

    async def close(self) -> None:
        """Let go of it."""
        ...


class Carrier(Protocol):
    """The way out."""

    async def carry(self, letter: Envelope, last: Callable[[], Awaitable[None]]) -> Carried:
        """Hand a letter over; awaits `last` before the one step after which it may have gone out, and sends nothing if
        that raises.
        """
        ...

    async def went(self, message_id: str) -> bool | None:
        """Whether a letter whose record was begun went out; None if there is no telling."""
        ...


class Late(Exception):
    """The lease ran out before the letter's end."""


class Post:
    """Sends letters; `permitted` says whether one may still go out now."""

    def __init__(self, record: Record, carrier: Carrier) -> None:
        self._record, self._carrier = record, carrier

    async def send(self, letter: Envelope, permitted: Callable[[], bool], deadline: float) -> Carried:
        """Send a letter within so many seconds, or find that it was sent."""
        begun = crossed = False

        async def last() -> None:
            nonlocal begun, crossed
            begun = True
            await self._record.begin(letter)
            if not permitted():
                raise Late
            crossed = True

        try:
            async with asyncio.timeout(deadline):
                standing = await self.standing(letter.message_id)
                if standing == "sent":
                    return Accepted("It was sent before.")
                if standing == "begun":
                    return Cut("An earlier attempt was cut off after the letter may have gone out.")
                carried = await self._carrier.carry(letter, last)
        except TimeoutError:
            why = f"It did not end within {deadline:g} s."
            carried = Cut(why) if crossed else NotTaken("mailbox_unreachable", why, retry=True)
        except Late:
            carried = NotTaken("not_sent", "The lease ran out before anything was sent.", retry=True)
        except MailboxUnreachable as exc:
            carried = NotTaken(exc.code, f"{exc.message}.", retry=True)
        except MailboxRefused as exc:
            carried = NotTaken(exc.code, f"{exc.message}. {exc.remedy}".strip())
        if isinstance(carried, Cut):
            return carried
        if begun:
            await self._note(letter.message_id, sent=isinstance(carried, Accepted))
        return carried

    async def standing(self, message_id: str) -> Standing:
        """Whether a letter was sent, certainly was not, or may have been; what was left half done is mended."""
        standing = await self._record.standing(message_id)
        if standing != "begun":
            return standing
        match await self._carrier.went(message_id):
            case True:
                await self._note(message_id, sent=True)
                return "sent"
            case False:
                await self._record.drop(message_id)
                return "absent"
            case None:
                return "begun"

    async def close(self) -> None:
        """Let go of the record."""
        await self._record.close()

    async def _note(self, message_id: str, *, sent: bool) -> None:
        """Bring the record up to date; where that cannot be done now, it only knows less than we do."""
        with contextlib.suppress(MailboxUnreachable, MailboxRefused, TimeoutError):
            async with asyncio.timeout(_NOTING):
                await (self._record.finish(message_id) if sent else self._record.drop(message_id))
