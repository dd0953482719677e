"""Follow events as they become durable, by their place in the journal: none is left out, and none comes twice.

The newest events are read once for all who follow; who is further behind reads from the store, a page at a time. So a
follower has a page in memory at most, and one that is slow keeps up nobody.
"""

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Literal, NamedTuple

from deputy.app import seeing
from deputy.app.access import Caller, is_good
from deputy.app.bootstrap import Office
from deputy.kernel.live import Live, Piece, Speech
from deputy.ports.access import Fed

__all__ = ["Beat", "Fed", "Spoken", "Tail", "follow", "follow_run"]

EVERY = 0.2  #: seconds between two looks
SPOKEN = 0.05  #: and while a model speaks
KEPT = 2_000  #: newest events in memory
PAGE = 100
QUIET = 15.0  #: seconds without an event after which a follower is told that all is well
OVER = ("done", "failed", "cancelled")


class Beat(NamedTuple):
    """Nothing happened for a while, up to this place."""

    position: int


class Spoken(NamedTuple):
    """What a model says before its reply is committed, which then replaces it; some of it may be lost."""

    run: str
    n: int
    attempt: int
    kind: Literal["text", "reasoning"]
    text: str
    first: bool  #: whether nothing of this kind and attempt came to this follower before


class Listening:
    """What was heard of a run's speeches."""

    def __init__(self, live: Live, run: str) -> None:
        self._live, self._run = live, run
        self._speech: Speech | None = None
        self._heard, self._kinds = 0, set[str]()

    def news(self) -> Sequence[Spoken]:
        """What was said since somebody listened last."""
        speech = self._live.of(self._run)
        if speech is not self._speech:
            self._speech, self._heard, self._kinds = speech, 0, set[str]()
        if speech is None:
            return ()
        pieces, self._heard = speech.pieces[self._heard :], len(speech.pieces)
        found: list[Spoken] = []
        kind: Literal["text", "reasoning"]
        for kind, of_kind in itertools.groupby(pieces, key=_kind_of):
            text = "".join(piece.text for piece in of_kind)
            shown = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            found.append(Spoken(self._run, speech.n, speech.attempt, kind, shown, kind not in self._kinds))
            self._kinds.add(kind)
        return found

    @property
    def pause(self) -> float:
        """Seconds until there may be more."""
        return EVERY if self._speech is None else SPOKEN


def _kind_of(piece: Piece) -> Literal["text", "reasoning"]:
    return piece.kind


class Tail:
    """The newest events of a workspace."""

    def __init__(self, office: Office) -> None:
        self._office, self._lock = office, asyncio.Lock()
        self._recent: deque[Fed] = deque(maxlen=KEPT)
        self._since, self._looked = 0, float("-inf")
        self.upto = -1

    async def look(self) -> None:
        """Read what is new, unless somebody just did."""
        async with self._lock:
            if self._office.clock.boot() - self._looked < EVERY:
                return
            access = self._office.store.access
            if self.upto < 0:
                self.upto = self._since = await access.position()
            while fed := await access.feed(self.upto, KEPT):
                if len(self._recent) + len(fed) > KEPT:
                    self._since = [*self._recent, *fed][-KEPT - 1].position
                self._recent.extend(fed)
                self.upto = fed[-1].position
            self._looked = self._office.clock.boot()

    async def after(self, position: int) -> Sequence[Fed]:
        """The next events after this place, a page of them."""
        if position < self._since:
            return await self._office.store.access.feed(position, PAGE)
        newer: list[Fed] = []
        for fed in reversed(self._recent):
            if fed.position <= position:
                break
            newer.append(fed)
        return newer[: -PAGE - 1 : -1]


async def follow(
    office: Office, tail: Tail, caller: Caller, after: int | None, going: Callable[[], bool]
) -> AsyncGenerator[Fed | Beat]:
    """The events of all runs that this person sees, after a place or from now on."""
    await tail.look()
    place = tail.upto if after is None else after
    yield Beat(place)
    seen, quiet = dict[str, bool](), office.clock.boot()
    while going():
        page = await tail.after(place)
        for fed in page:
            place = fed.position
            if fed.run not in seen:
                seen = {} if len(seen) >= KEPT else seen
                seen[fed.run] = await seeing.sees(office, caller.person, fed.run)
            if seen[fed.run]:
                yield fed
                quiet = office.clock.boot()
        if page:
            continue
        if office.clock.boot() - quiet > QUIET:
            if not await is_good(office, caller):
                return
            yield Beat(place)
            quiet = office.clock.boot()
        await office.clock.sleep(EVERY)
        await tail.look()


async def follow_run(
    office: Office, tail: Tail, caller: Caller, run: str, after: int, going: Callable[[], bool]
) -> AsyncGenerator[Fed | Beat | Spoken]:
    """The events of a run after this seq, until it is over, and what its model is saying; a place here is a seq."""
    await tail.look()
    place, looked, quiet, told = after, tail.upto, office.clock.boot(), True
    listening = Listening(office.live, run)
    while going():
        while not told and (page := await tail.after(looked)):
            looked, told = page[-1].position, any(fed.run == run for fed in page)
        if told:
            told = False
            row = await office.store.run(run)
            for stored in await office.store.rows(run, place):
                place = stored.seq
                yield Fed(place, run, stored.seq, stored.body)
                quiet = office.clock.boot()
            if row is None or (row.state in OVER and place >= row.seq):
                return
        for spoken in listening.news():
            yield spoken
        if office.clock.boot() - quiet > QUIET:
            if not await is_good(office, caller):
                return
            yield Beat(place)
            quiet = office.clock.boot()
        await office.clock.sleep(listening.pause)
        await tail.look()
