"""See runs through: drive them here, or follow those that a worker elsewhere drives."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from typing import NamedTuple

from deputy.app.bootstrap import Office
from deputy.app.correspondence import corresponding
from deputy.app.mailboxes import Premises, channel_of
from deputy.app.queries import live_workers
from deputy.base.errors import StoreDamaged
from deputy.domain.event import Event, event_from
from deputy.domain.run import Run
from deputy.domain.stow import blobs_of
from deputy.kernel.schedule import Worker
from deputy.ports.store import RunRow

__all__ = ["Step", "changes", "follow", "is_driven", "see_through", "serve", "watch_through", "work"]

OPEN = ("ready", "running", "waiting")
OVER = ("done", "failed", "cancelled")
LOOK = 1.0  #: seconds after which we look again where nothing told us to


class Step(NamedTuple):
    """One event of a run, as it becomes durable, and the run's state with it."""

    run: Run
    seq: int
    event: Event


async def see_through(office: Office, run: str, stop: asyncio.Event | None = None) -> RunRow:
    """Return when a run waits for somebody or is over: driven here, or by a worker if one lives."""
    stop = stop or asyncio.Event()
    while True:
        row = await _row(office, run)
        if stop.is_set() or await _rests(office, row):
            return row
        if await live_workers(office):
            await _changed(office, stop)
            continue
        await office.keep_all()
        worker = office.worker(kind="run")
        async with _stopped_by(worker, stop):
            await worker.run(until_idle=True, only=[run])
        row = await _row(office, run)
        if office.crashes or row.state == "waiting" or row.state in OVER:  # what could go on by itself has done so
            return row
        await _changed(office, stop)  # somebody else drives it


async def watch_through(office: Office, run: str, stop: asyncio.Event) -> RunRow:
    """Return when a run waits for somebody or is over; driven by whoever drives it."""
    while not await _rests(office, row := await _row(office, run)) and not stop.is_set():
        await _changed(office, stop)
    return row


async def is_driven(office: Office, run: str) -> bool:
    """Whether anybody who lives has this run, or will take it."""
    row = await _row(office, run)
    return row.state == "running" or bool(await live_workers(office))


async def work(office: Office, stop: asyncio.Event | None = None) -> list[RunRow]:
    """Drive everything until nothing can go on; returns the runs that were open when it began, as they are now."""
    open_runs = [row.id for row in await office.store.runs(states=OPEN)]
    await office.keep_all()
    worker = office.worker()
    async with _stopped_by(worker, stop or asyncio.Event()):
        await worker.run(until_idle=True)
    return [await _row(office, run) for run in open_runs]


async def serve(office: Office, stop: asyncio.Event) -> None:
    """Drive everything that comes until told to stop."""
    await office.keep_all()
    worker = office.worker()
    premises = Premises(office.settings.folder, office.clock, office.secrets.lend)
    async with corresponding(office, lambda: channel_of(office.settings, premises)), _stopped_by(worker, stop):
        await worker.run()


async def changes(office: Office, end: asyncio.Event) -> AsyncGenerator[RunRow]:
    """Runs as they begin, wait, go on and end, whoever drives them; a state that lasts a moment may be left out."""
    known = {row.id: (row.state, row.summary) for row in await office.store.runs(states=OPEN)}
    newest = max((row.id for row in await office.store.runs(most=1)), default="")
    while True:
        last, began = end.is_set(), office.clock.boot()
        rows = {row.id: row for row in await office.store.runs(states=OPEN)}
        rows |= {row.id: row for row in await _newer(office, newest)}
        rows |= {run: await _row(office, run) for run in known if run not in rows}
        for row in sorted(rows.values(), key=lambda row: row.changed):
            if known.get(row.id) != (row.state, row.summary) and row.state != "ready":
                yield row
        known = {row.id: (row.state, row.summary) for row in rows.values() if row.state not in OVER}
        newest = max((newest, *rows))
        if last:
            return
        await _pause(end, max(20 * (office.clock.boot() - began), 0.5))  # looking must not cost what is looked at


async def follow(office: Office, runs: Sequence[str], end: asyncio.Event) -> AsyncGenerator[Step]:
    """Every event of these runs and of the runs they start, as they become durable, until told and all were shown."""
    followed = {run: _Followed(run) for run in runs}
    while True:
        last = end.is_set()
        for run in list(followed):
            async for step in followed[run].news(office):
                yield step
            for child in await office.store.runs(parent=run):
                if child.id not in followed:
                    followed[child.id] = _Followed(child.id)
                    last = False
        if last:
            return
        await _changed(office, end)


# -- inside


class _Followed:
    """A run as far as it was shown."""

    def __init__(self, run: str) -> None:
        self._bodies: dict[str, bytes] = {}
        self._state = Run(run, self._blob)

    async def news(self, office: Office) -> AsyncGenerator[Step]:
        """What was not shown yet."""
        state = self._state
        for row in await office.store.rows(state.id, state.seq):
            event = event_from(row.body)
            if missing := [name for name in blobs_of(event) if name not in self._bodies]:
                self._bodies |= await office.store.blobs(missing)
            state.apply(event)
            yield Step(state, row.seq, event)

    def _blob(self, name: str) -> bytes:
        if name not in self._bodies:
            raise StoreDamaged(f"blob {name[:12]} of run {self._state.id} is missing", "Run `deputy audit verify`.")
        return self._bodies[name]


@contextlib.asynccontextmanager
async def _stopped_by(worker: Worker, stop: asyncio.Event) -> AsyncGenerator[None]:
    """Ask a worker to stop once this is set."""

    async def tell() -> None:
        await stop.wait()
        worker.stop()

    telling = asyncio.create_task(tell())
    try:
        yield
    finally:
        telling.cancel()


async def _rests(office: Office, row: RunRow) -> bool:
    """Whether nothing but people, time or messages can move a run; for its children's sake, if theirs can be moved."""
    if row.state != "waiting" or row.summary != "child":
        return row.state in OVER or row.state == "waiting"
    children = [child for child in await office.store.runs(parent=row.id) if child.state not in OVER]
    return bool(children) and all([await _rests(office, child) for child in children])


async def _row(office: Office, run: str) -> RunRow:
    row = await office.store.run(run)
    assert row is not None
    return row


async def _newer(office: Office, newest: str) -> list[RunRow]:
    """The runs that were started after this one."""
    most = 50
    while True:
        rows = list(await office.store.runs(most=most))
        if len(rows) < most or rows[-1].id <= newest:
            return [row for row in rows if row.id > newest]
        most *= 8


async def _pause(end: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await end.wait()


async def _changed(office: Office, end: asyncio.Event, longest: float = LOOK) -> None:
    """Return when the database changed, when told that this is the end, or after a while."""
    changed = asyncio.Event()
    unwatch = office.store.watch(changed.set)
    waiting = [asyncio.create_task(event.wait()) for event in (changed, end)]
    try:
        await asyncio.wait(waiting, timeout=longest, return_when=asyncio.FIRST_COMPLETED)
    finally:
        unwatch()
        for task in waiting:
            task.cancel()
