"""See runs through: drive them here, or follow those that a worker elsewhere drives."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import NamedTuple

from deputy.app.bootstrap import Office
from deputy.app.queries import live_workers
from deputy.domain.event import Event, event_from
from deputy.ports.store import RunRow

__all__ = ["Step", "follow", "see_through", "serve", "work"]

OVER = ("done", "failed", "cancelled")
LOOK = 1.0  #: seconds after which we look again where nothing told us to
ON_THEIR_OWN = ("child",)  #: what a run waits for that comes without anybody's doing


class Step(NamedTuple):
    """One event of a run, as it becomes durable."""

    run: str
    seq: int
    event: Event


async def see_through(office: Office, run: str) -> RunRow:
    """Return when a run waits for somebody or is over: driven here, or by a worker if one lives."""
    while not _rests(row := await _row(office, run)):
        if await live_workers(office):
            await _changed(office)
        else:
            await office.worker(kind="run").run(until_idle=True, only=[run])
            return await _row(office, run)
    return row


async def work(office: Office) -> list[RunRow]:
    """Drive everything until nothing can go on; returns the runs that were open when it began, as they are now."""
    open_runs = [row.id for row in await office.store.runs(states=("ready", "running", "waiting"))]
    await office.worker().run(until_idle=True)
    return [await _row(office, run) for run in open_runs]


async def serve(office: Office, stop: asyncio.Event) -> None:
    """Drive everything that comes until told to stop."""
    worker = office.worker()
    serving = asyncio.create_task(worker.run())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
        worker.stop()
        await serving
    finally:
        serving.cancel()
        stopping.cancel()


async def follow(office: Office, runs: Sequence[str], done: Callable[[], bool]) -> AsyncGenerator[Step]:
    """Every event of these runs and of the runs they start, as they become durable, until `done` and all were shown."""
    seen: dict[str, int] = dict.fromkeys(runs, 0)
    while True:
        last = done()
        for run in list(seen):
            for row in await office.store.rows(run, seen[run]):
                seen[run] = row.seq
                yield Step(run, row.seq, event_from(row.body))
            for child in await office.store.runs(parent=run):
                seen.setdefault(child.id, 0)
        if last:
            return
        await _changed(office, 0.2)


def _rests(row: RunRow) -> bool:
    return row.state in OVER or (row.state == "waiting" and row.summary not in ON_THEIR_OWN)


async def _row(office: Office, run: str) -> RunRow:
    row = await office.store.run(run)
    assert row is not None
    return row


async def _changed(office: Office, longest: float = LOOK) -> None:
    """Return when the database changed, or after a while."""
    event = asyncio.Event()
    stop = office.store.watch(event.set)
    try:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), longest)
    finally:
        stop()
