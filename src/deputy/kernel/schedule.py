"""The worker: keep a lease alive, claim runs that can go on, drive many at once, wake those that are due, seal.

A run that waits is rows in tables and nothing here. When the lease is lost (this process was stopped too long), all
that it holds is dropped and a new incarnation begins.
"""

import asyncio
import contextlib
import gc
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from deputy.base.clock import Clock
from deputy.base.errors import LeaseLost, StoreBusy, StoreError, StoreFull
from deputy.kernel.journal import Holding, Trouble
from deputy.kernel.recovery import Recovery
from deputy.kernel.starter import Starter
from deputy.ports.store import Inbound, Store, Taken

__all__ = ["Worker", "WorkerSettings"]

COLLECT = (
    50_000,
    20,
    100,
)  #: when cycles are looked for: states of runs are many, live long and have none (20% gained)


MOST = 4  #: times its capacity is what a worker holds, of runs that wait for their turn at a model too


class WorkerSettings(NamedTuple):
    """How a worker works; times in seconds."""

    kind: str = "worker"  #: "run" drives one run for its terminal and does not count as a worker for others
    capacity: int = 256  #: runs driven at once
    beat: float = 2.0
    seal: float = 1.0
    look: float = 1.0  #: how often to look for dead workers where nothing else wakes this one


class Worker:
    """Drives the runs of a workspace."""

    def __init__(
        self, store: Store, clock: Clock, recovery: Recovery, settings: WorkerSettings | None = None,
        *, refresh: Callable[[], Awaitable[None]] | None = None, trouble: Trouble = lambda _: None,
        crashed: Callable[[str, BaseException], None] = lambda _run, _exc: None,
    ) -> None:  # fmt: skip
        self._store, self._clock, self._recovery, self._settings = store, clock, recovery, settings or WorkerSettings()
        self._refresh, self._trouble, self._crashed = refresh, trouble, crashed
        self.starter: Starter | None = None  #: what starts runs without a person, if this worker is to do so
        self._wake = asyncio.Event()
        self._stays: dict[str, asyncio.Task[None]] = {}
        self._mail: dict[str, list[Inbound]] = {}
        self._stopping = False
        self._holding: Holding | None = None

    def stop(self) -> None:
        """Claim and begin nothing more; `run` returns once what is under way has ended, and others can go on."""
        self._stopping = True
        if self._holding is not None:
            self._holding.stopping = True
        self._recovery.stop()
        self._wake.set()

    async def run(self, *, until_idle: bool = False, only: Sequence[str] = ()) -> None:
        """Work until stopped, or until nothing is claimable; `only` these runs and their descendants."""
        unwatch = self._store.watch(self._changed)
        collecting = gc.get_threshold()
        gc.set_threshold(*COLLECT)
        try:
            while not await self._incarnation(until_idle, only):
                pass
        finally:
            unwatch()
            gc.set_threshold(*collecting)
            with contextlib.suppress(StoreError):
                await self._store.seal(self._clock.now())

    # -- one life of a lease

    async def _incarnation(self, until_idle: bool, only: Sequence[str]) -> bool:
        """Work under one lease; True if the work is done, False if the lease was lost."""
        lease = await self._store.join(self._settings.kind)
        holding = self._holding = Holding(lease, await self._store.beat(lease), self._trouble)
        holding.stopping = self._stopping
        await self._store.wake("defect")
        keeping = asyncio.create_task(self._keep(holding))
        sealing = asyncio.create_task(self._seal())
        starting = asyncio.create_task(self._start(until_idle))
        try:
            await self._serve(holding, (keeping, starting), until_idle, only)
            return True
        except LeaseLost:
            return False
        finally:
            tasks = [keeping, sealing, starting, *self._stays.values()]
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            self._stays.clear()
            self._mail.clear()
            with contextlib.suppress(StoreError):
                await self._store.leave(lease)

    async def _keep(self, holding: Holding) -> None:
        while True:
            await self._clock.sleep(self._settings.beat)
            try:
                holding.until = await self._store.beat(holding.lease)
            except StoreError as exc:
                self._trouble(exc)

    async def _seal(self) -> None:
        while True:
            await self._clock.sleep(self._settings.seal)
            with contextlib.suppress(StoreError):
                await self._store.seal(self._clock.now())

    async def _start(self, until_idle: bool) -> None:
        """Start runs without a person, for as long as this worker lives; one that ends when idle does so itself."""
        if self.starter is not None and not until_idle:
            await self.starter.run()

    async def _started(self) -> bool:
        """Whether runs were started that nobody asked for until now."""
        if self.starter is None or self._stopping:
            return False
        before = self.starter.begun
        await self.starter.tend()
        return self.starter.begun > before

    async def _serve(
        self, holding: Holding, keeping: "Sequence[asyncio.Task[None]]", until_idle: bool, only: Sequence[str]
    ) -> None:
        while True:
            self._wake.clear()
            for task in keeping:
                if task.done():
                    task.result()  # raises why the lease is lost
            now, due = self._clock.now(), None
            try:
                due, claimed = await self._look(holding, now, only)
            except (StoreFull, StoreBusy) as exc:
                self._trouble(exc)
                await self._clock.sleep(self._settings.look)
                continue
            if self._stopping or (until_idle and not claimed and not self._stays):
                if not self._stays:
                    if until_idle and await self._started():
                        continue
                    return
            elif self._stays:
                self._deliver(await self._store.mail(holding.lease))
            pause = self._settings.look if due is None else min((due - now).total_seconds(), self._settings.look)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(pause, 0.001)):
                    await self._wake.wait()

    async def _look(self, holding: Holding, now: datetime, only: Sequence[str]) -> tuple[datetime | None, int]:
        """See to all that may have come due: when the next timer is, and how many runs were claimed."""
        if self._refresh is not None:
            await self._refresh()
        await self._store.reap()
        due = await self._store.fire(now)
        return due, await self._claim(holding, only)

    async def _claim(self, holding: Holding, only: Sequence[str]) -> int:
        capacity, queued = self._settings.capacity, self._recovery.queued
        room = 0 if self._stopping else min(capacity - len(self._stays) + queued, MOST * capacity - len(self._stays))
        if room <= 0:
            return 0
        found = await self._store.claim(holding.lease, room, only)
        for taken in found:
            task = asyncio.create_task(self._stay(taken, holding))
            self._stays[taken.run.id] = task
        return len(found)

    async def _stay(self, taken: Taken, holding: Holding) -> None:
        run = taken.run.id
        try:
            await self._recovery.stay(taken, holding, lambda name: self._mail.pop(name, []))
        except LeaseLost:
            pass  # the heartbeat finds the same, and starts anew
        except Exception as exc:  # noqa: BLE001 - a defect met in one run must not end the others
            self._crashed(run, exc)
            return  # the lease keeps the run, so that it is not tried again and again
        finally:
            self._stays.pop(run, None)
            self._mail.pop(run, None)
            self._wake.set()

    def _changed(self) -> None:
        self._wake.set()

    def _deliver(self, mail: dict[str, list[Inbound]]) -> None:
        self._mail = {run: rows for run, rows in mail.items() if run in self._stays}
