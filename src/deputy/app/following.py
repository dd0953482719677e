"""Follow events as they become durable, by their place in the journal: none is left out, and none comes twice.

The newest events are read, and put into words, once for all who follow; who is further behind reads from the store, a
stretch at a time, and shares it with whoever is at the same place. All followers together get so many stretches a
second and no more: where more happens than that, they come after, and runs go on.
"""

import asyncio
import itertools
from bisect import bisect_right
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Literal, NamedTuple

from deputy.app import rights, seeing
from deputy.app.access import Caller, is_good
from deputy.app.bootstrap import Office
from deputy.kernel.live import Live, Piece, Speech
from deputy.ports.access import Fed

__all__ = ["Beat", "Fed", "Spoken", "Stretch", "Tail", "follow", "follow_run"]

EVERY = 0.2  #: seconds between two looks
SPOKEN = 0.05  #: and while a model speaks
KEPT = 2_000  #: newest events in memory
PAGE = 512  #: events in a stretch
STRETCH = 128 << 10  #: bytes of one, unless a single event has more
STRETCHES = 64  #: kept for others at the same place
RATE = 400  #: stretches a second, for all followers together
QUIET = 15.0  #: seconds without an event after which a follower is told that all is well
OVER = ("done", "failed", "cancelled")


class Beat(NamedTuple):
    """Nothing happened for a while, up to this place."""

    position: int


class Stretch(NamedTuple):
    """Events that follow each other, as they are told; `position` is that of the last."""

    position: int
    told: bytes
    full: bool  #: whether more follow at once


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
    """The newest events of a workspace; `tell` puts one into words."""

    def __init__(self, office: Office, tell: Callable[[Fed], bytes]) -> None:
        self._office, self._tell, self._lock = office, tell, asyncio.Lock()
        self._recent: deque[Fed] = deque(maxlen=KEPT)
        self._heads: dict[str, int] = {}  #: the place of each run's latest event, of those lately
        self._stretches: OrderedDict[int, Stretch] = OrderedDict()
        self._since, self._looked = 0, float("-inf")
        self.upto, self.followers = -1, 0

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
                self._heads.update({one.run: one.position for one in fed})
                self.upto = fed[-1].position
            if len(self._heads) > 2 * KEPT:
                self._heads = {one.run: one.position for one in self._recent}
            self._looked = self._office.clock.boot()

    def touched(self, run: str, since: int) -> bool:
        """Whether a run has had events since; where that was too long ago to be known, it may have."""
        return since < self._since or self._heads.get(run, 0) > since

    async def after(self, position: int) -> Sequence[Fed]:
        """The next events after this place, a page of them."""
        if position < self._since:
            return await self._office.store.access.feed(position, PAGE)
        start = bisect_right(self._recent, position, key=lambda fed: fed.position)
        return list(itertools.islice(self._recent, start, start + PAGE))

    async def stretch(self, position: int, sees: Callable[[str], Awaitable[bool]] | None = None) -> Stretch:
        """The next events after this place as they are told: all, or those of runs that somebody `sees`."""
        known = self._stretches.get(position)
        if known is not None and sees is None and (known.full or known.position == self.upto):
            return known
        place, size, parts = position, 0, list[bytes]()
        end = (position // PAGE + 1) * PAGE  # the same for all who are near, so that they come to share
        whole = self.upto >= end
        for fed in await self.after(position):
            if fed.position > end or size > STRETCH:
                whole = whole and fed.position > end
                break
            place = fed.position
            if sees is None or await sees(fed.run):
                parts.append(self._tell(fed))
                size += len(parts[-1])
        place = end if whole else place
        made = Stretch(place, b"".join(parts), place < self.upto)
        if sees is None and parts:
            self._stretches[position] = made
            while len(self._stretches) > STRETCHES:
                self._stretches.popitem(last=False)
        return made

    @property
    def pause(self) -> float:
        """Seconds until a follower who is behind may have the next stretch."""
        return self.followers / RATE


async def follow(
    office: Office, tail: Tail, caller: Caller, after: int | None, going: Callable[[], bool]
) -> AsyncGenerator[Stretch | Beat]:
    """The events of all runs that this person sees, after a place or from now on."""
    await tail.look()
    place = tail.upto if after is None else after
    yield Beat(place)
    seen, quiet = dict[str, bool](), office.clock.boot()

    async def sees(run: str) -> bool:
        if run not in seen:
            if len(seen) >= KEPT:
                seen.clear()
            seen[run] = await seeing.sees(office, caller.person, run)
        return seen[run]

    chosen = None if rights.sees_all(caller.person) else sees
    while going():
        stretch = await tail.stretch(place, chosen)
        place = stretch.position
        if stretch.told:
            yield stretch
            quiet = office.clock.boot()
        if stretch.full:
            await office.clock.sleep(tail.pause)
            continue
        if office.clock.boot() - quiet > QUIET:
            if not await is_good(office, caller):
                return
            yield Beat(place)
            quiet = office.clock.boot()
        await office.clock.sleep(max(EVERY, tail.pause))
        await tail.look()


async def follow_run(
    office: Office, tail: Tail, caller: Caller, run: str, after: int, going: Callable[[], bool]
) -> AsyncGenerator[Fed | Beat | Spoken]:
    """The events of a run after this seq, until it is over, and what its model is saying; a place here is a seq."""
    await tail.look()
    place, looked, quiet, told = after, tail.upto, office.clock.boot(), True
    listening = Listening(office.live, run)
    while going():
        told = told or tail.touched(run, looked)
        if told:
            told, looked = False, tail.upto
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
