"""Runs that were told lately, kept so that looking again costs what is new; thrown away as others come.

Telling a long run is done a stretch at a time, so that nobody else waits for it.
"""

import asyncio
from collections import OrderedDict

from deputy.app.story import Story
from deputy.base.errors import StoreDamaged
from deputy.domain.event import ModelIntent, event_from
from deputy.domain.stow import blobs_of
from deputy.ports.store import Store

__all__ = ["Stories"]

STRETCH = 200  #: events
KEPT = 32  #: runs
KEPT_BYTES = 48 << 20  #: of their events and blobs


class _Kept:
    def __init__(self, run: str) -> None:
        self.bodies: dict[str, bytes] = {}
        self.name, self.size, self.lock = run, 0, asyncio.Lock()
        self.story = Story(run, self.blob)

    def blob(self, name: str) -> bytes:
        if name not in self.bodies:
            raise StoreDamaged(f"blob {name[:12]} of run {self.name} is missing", "Run `deputy audit verify`.")
        return self.bodies[name]


class Stories:
    """Told runs of one workspace."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    async def of(self, run: str) -> Story:
        """A run, told up to its last event that is durable."""
        kept = self._kept.get(run)
        if kept is None:
            kept = self._kept[run] = _Kept(run)
        self._kept.move_to_end(run)
        async with kept.lock:
            try:
                await self._go_on(kept)
            except BaseException:
                self._kept.pop(run, None)  # a story that was told in part is of no use
                raise
        while len(self._kept) > 1 and (
            len(self._kept) > KEPT or sum(one.size for one in self._kept.values()) > KEPT_BYTES
        ):
            self._kept.popitem(last=False)
        return kept.story

    async def _go_on(self, kept: _Kept) -> None:
        story = kept.story
        while rows := await self._store.rows(kept.name, story.run.seq, STRETCH):
            events = [event_from(row.body) for row in rows]
            names = [
                name
                for event in events
                for name in ([event.blob] if isinstance(event, ModelIntent) else blobs_of(event))
                if name
            ]
            kept.bodies = await self._store.blobs(names) if names else {}
            for event in events:
                story.apply(event)
            kept.size += sum(len(row.body) for row in rows) + sum(map(len, kept.bodies.values()))
            if story.run.ended is None:
                kept.bodies = {}
            await asyncio.sleep(0)
