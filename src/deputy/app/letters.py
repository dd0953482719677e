"""Listen to mailboxes for the starter: letters wait in memory until a look takes them, and are known by their cursor.

What a look takes is durable before the next one asks for more: the cursor moves in the commit that keeps the letters. A
look that finds another cursor than its own (somebody else took a step, or a commit failed) listens again from there.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from deputy.app.occasions import arrival_of, with_text
from deputy.base.clock import Clock
from deputy.domain.label import Label
from deputy.domain.occasion import Occasion
from deputy.domain.trigger import Mail, Trigger
from deputy.kernel.starter import Look
from deputy.ports.arrivals import Arrival
from deputy.ports.mailbox import Arrival as Delivery
from deputy.ports.mailbox import Bounce, Letter, Mailbox, notice_named_by

__all__ = ["Listener"]

AT_ONCE = 50  #: letters that wait for a look, and that one look takes
FIRST, NEXT = 2.0, 0.1  #: seconds that a look waits for a first letter after it began to listen, and for one more
PROBE = 60.0  #: seconds after which a quiet mailbox is asked whether it is there


class Listener:
    """One mailbox, on behalf of one trigger."""

    def __init__(
        self, trigger: Trigger, source: Mail, mailbox: Mailbox, clock: Clock,
        came_back: Callable[[Bounce], Awaitable[None]] | None = None,
    ) -> None:  # fmt: skip
        self._trigger, self._source, self._mailbox, self._clock = trigger, source, mailbox, clock
        self._came_back = came_back
        self._letters: asyncio.Queue[Delivery] = asyncio.Queue(AT_ONCE)
        self._listening: asyncio.Task[None] | None = None
        self._cursor, self._probed, self._down = "", 0.0, False

    async def look(self, cursor: str) -> Look:
        """What came after this cursor; one that is empty stands for now. Raises DeputyError."""
        if not cursor:
            return Look((), await self._mailbox.position())
        fresh = self._listening is None or self._listening.done() or cursor != self._cursor
        if fresh:
            await self._listen(cursor)
        arrivals: list[Arrival] = []
        with contextlib.suppress(TimeoutError):
            while len(arrivals) < AT_ONCE:
                async with asyncio.timeout(FIRST if fresh and not arrivals else NEXT):
                    delivery = await self._letters.get()
                self._cursor = delivery.cursor
                if self._came_back is not None and (back := delivery.letter.bounce) is not None:
                    await self._came_back(back)
                if _matches(self._source, delivery.letter):
                    arrivals.append(_arrival(self._trigger, delivery))
        if self._listening is not None and self._listening.done() and not self._listening.cancelled():
            self._listening.result()  # raises what a person must mend
        await self._probe(quiet=not arrivals)
        return Look(tuple(arrivals), self._cursor)

    async def close(self) -> None:
        """Listen no more."""
        await self._stop()
        await self._mailbox.close()

    # -- inside

    async def _listen(self, cursor: str) -> None:
        await self._stop()
        self._letters, self._cursor = asyncio.Queue(AT_ONCE), cursor
        self._listening = asyncio.create_task(self._receive(cursor, self._letters))

    async def _receive(self, cursor: str, letters: "asyncio.Queue[Delivery]") -> None:
        async for delivery in self._mailbox.arrivals(cursor):
            await letters.put(delivery)

    async def _stop(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait([self._listening])
            if not self._listening.cancelled():
                self._listening.exception()  # it was told, or will be met again
            self._listening = None

    async def _probe(self, *, quiet: bool) -> None:
        """Ask a mailbox that says nothing whether it is there: who listens waits for it in silence."""
        now = self._clock.boot()
        if quiet and (self._down or now - self._probed >= PROBE):
            self._down = True
            await self._mailbox.position()
        self._probed, self._down = (now, False) if not quiet or self._down else (self._probed, False)


def _matches(source: Mail, letter: Letter) -> bool:
    """Whether every text that is looked for stands in its header."""
    has = {
        "from": f"{letter.sender.name} {letter.sender.address}", "to": " ".join((*letter.to, *letter.cc)),
        "subject": letter.subject,
    }  # fmt: skip
    return all(text.casefold() in has[header].casefold() for header, text in source.match.items())


def _arrival(trigger: Trigger, delivery: Delivery) -> Arrival:
    letter = delivery.letter
    sender = letter.sender.address or "nobody who is named"
    title = "".join(c if c.isprintable() else " " for c in f"{sender}: {letter.subject}")[:200]
    occasion = Occasion(
        kind="mail", trigger=trigger.key, id=delivery.id, at=delivery.at, title=title,
        label=Label(source=f"mail from {sender}"),
    )  # fmt: skip
    occasion, blobs = with_text(occasion, _shown(delivery))
    skipped = ""
    if letter.bounce is not None:
        skipped = "it says that a letter of ours did not arrive"
    elif "auto-replied" in letter.automatic.casefold():
        skipped = "a machine answered, and answering machines would never end"
    elif notice_named_by(letter.in_reply_to)[0]:
        skipped = "it answers what a person was asked by mail"
    return arrival_of(occasion, *blobs, skipped=skipped)


def _shown(delivery: Delivery) -> str:
    letter = delivery.letter
    proof = "" if letter.sender.authenticated else " (not authenticated)"
    lines = [f"From: {letter.sender.name} <{letter.sender.address}>{proof}", f"To: {', '.join(letter.to)}"]
    lines += [f"Cc: {', '.join(letter.cc)}"] if letter.cc else []
    lines += [f"Subject: {letter.subject}", f"Message-ID: {letter.message_id}", f"Letter: {delivery.place}"]
    lines += [f"Automatic: {letter.automatic}"] if letter.automatic else []
    lines += [f"Attachment {part.id}: {part.name} ({part.type}, {part.size} bytes)" for part in letter.attachments]
    return "\n".join([*lines, "", letter.text])
