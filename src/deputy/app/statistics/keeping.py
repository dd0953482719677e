"""Keep the sums up with the journal: by its places, so that nothing is left out and nothing counts twice."""

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import datetime

import msgspec

from deputy.app.statistics.counting import Counter, Open
from deputy.base.clock import Clock
from deputy.base.errors import StoreError
from deputy.domain.event import event_from
from deputy.ports.access import Told
from deputy.ports.store import Store
from deputy.ports.tally import Mark, Tally

__all__ = ["Keeping", "keep_up"]

BATCH = 2_000  #: events counted in one go
ROUND = 10_000  #: events counted without a pause
EVERY, SOON = 5.0, 0.05  #: seconds between rounds where all is counted, and where more is left
RUN, DECIDED = "run:", "decided:"


class Keeping:
    """The sums of a workspace, as far as they were counted. One at a time counts in a process; processes may compete:
    each adds only to what it began from."""

    def __init__(self, store: Store, tally: Tally) -> None:
        self._store, self.tally = store, tally
        self._lock = asyncio.Lock()
        self._mark: Mark | None = None
        self._runs: dict[str, Open] = {}
        self._decided: dict[str, datetime] = {}

    async def catch_up(self, most: int = 0) -> int:
        """Count what is new, so many events at most (0 is all); returns how many are left."""
        async with self._lock:
            counted = 0
            while not most or counted < most:
                mark = await self._known()
                told = await self._store.access.told(mark.position, BATCH)
                if not told:
                    return 0
                if await self._count(mark, told):
                    counted += len(told)
                await asyncio.sleep(0)
            assert self._mark is not None
            return max(await self._store.access.position() - self._mark.position, 0)

    async def _known(self) -> Mark:
        """From where to count on; from the start, where what was counted is another journal."""
        if self._mark is not None:
            return self._mark
        mark = await self.tally.mark()
        if mark.position and not await self._ours(mark):
            await self.tally.forget()
            mark = Mark(0, b"")
        notes = await self.tally.notes()
        self._runs = {
            name.removeprefix(RUN): msgspec.json.decode(body, type=Open)
            for name, body in notes.items()
            if name.startswith(RUN)
        }
        self._decided = {
            name.removeprefix(DECIDED): msgspec.json.decode(body, type=datetime)
            for name, body in notes.items()
            if name.startswith(DECIDED)
        }
        self._mark = mark
        return mark

    async def _ours(self, mark: Mark) -> bool:
        told = await self._store.access.told(mark.position - 1, 1)
        return bool(told) and (told[0].position, told[0].link) == mark

    async def _count(self, mark: Mark, told: Sequence[Told]) -> bool:
        counter = Counter(self._runs, self._decided)
        for n, one in enumerate(told):
            with contextlib.suppress(msgspec.MsgspecError):  # bytes that are no event: an audit says so
                counter.take(one.run, one.agent, event_from(one.body))
            if n % 200 == 199:
                await asyncio.sleep(0)  # whoever else is in this process goes on meanwhile
        notes: dict[str, bytes | None] = {}
        for run in counter.touched:
            now = self._runs.get(run)
            notes[RUN + run] = None if now is None else msgspec.json.encode(now)
        for person in counter.deciders:
            notes[DECIDED + person] = msgspec.json.encode(self._decided[person])
        upto = Mark(told[-1].position, told[-1].link)
        self._mark = None
        if await self.tally.add(mark, upto, counter.counts, notes):
            self._mark = upto
            return True
        return False


async def keep_up(keeping: Keeping, clock: Clock) -> None:
    """Count what is new now and then, so that whoever asks waits for little; trouble is for those who ask."""
    while True:
        left = 0
        with contextlib.suppress(StoreError):
            left = await keeping.catch_up(ROUND)
        await clock.sleep(SOON if left else EVERY)
