"""How the tests of the SQLite store open it, fill it, and look at what became of it."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

from deputy.adapters.store.sqlite import SqliteStore
from deputy.base.canonical import digest
from deputy.domain.chain import GENESIS, link
from deputy.domain.cost import Cost
from deputy.ports.store import Blob, Move, Store
from deputy.testing.conformance.world import Hand, StillClock, World, mail
from deputy.testing.faults import Disk

__all__ = ["booked", "contents", "fill", "play", "wrong_with", "written_files"]

T = TypeVar("T")


def play(file: Path, scenario: Callable[[World], Coroutine[Any, Any, T]], **options: Any) -> T:
    """Run a scenario in a world whose stores lie in this file."""

    async def run() -> T:
        world = World(lambda clock: SqliteStore.open(file, clock, **options), StillClock())
        try:
            return await scenario(world)
        finally:
            await world.close()

    return asyncio.run(run())


async def booked(hand: Hand, n: int) -> None:
    """Write one commit that leaves a trace in every table: all of them count the same afterwards, or it was halved."""
    body = b"%s %d " % (hand.run.encode(), n) + b"x" * 700
    await hand.commit(
        b"%d" % n, b"%d again" % n, moves=[Move(f"run:{hand.run}", spend=Cost(steps=1))], grant=f"{hand.run}.{n}",
        items=[hand.item(f"{hand.run}.{n}")], blobs=[Blob(digest(body), body)],
        deliveries=[mail(hand.run, f"{hand.run}.{n}")],
    )  # fmt: skip


async def fill(world: World, runs: int = 10, commits: int = 5) -> list[Hand]:
    """Create runs and write to them."""
    hands = await world.hold(*[f"r-{n:02}" for n in range(runs)])
    for n in range(commits):
        for hand in hands:
            await booked(hand, n)
    return hands


async def wrong_with(store: Store) -> list[str]:
    """What shows that a commit was halved or a journal broken; a sentence each."""
    wrong = list(await store.check())
    for run in await store.runs():
        last, rows = GENESIS, await store.rows(run.id)
        for n, row in enumerate(rows, 1):
            last = link(last, run.id, n, row.body)
            if (row.seq, row.link) != (n, last):
                wrong.append(f"Event {n} of {run.id} is not chained.")
        commits = (len(rows) - 1) // 2
        spent, items = (await store.account(f"run:{run.id}")).spent.steps, await store.items(run.id)
        arrived = [row for row in await store.inbound(run.id) if row.id.startswith(f"{run.id}.")]
        counts = {len(rows) - 1 - commits, spent, len(items), len(arrived)}
        if counts != {commits}:
            wrong.append(f"Run {run.id} has {counts} where it should have {commits}.")
    return wrong


def contents(folder: Path) -> Mapping[str, bytes]:
    """The bytes of a folder's files; the shared memory of SQLite apart, which is nobody's data."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and path.suffix != ".db-shm"}


def written_files(file: Path, scenario: Callable[[World], Coroutine[Any, Any, object]] = fill) -> Mapping[str, bytes]:
    """A database and its log as a killed process leaves them after a scenario."""

    with Disk(f"copied-{file.parent.name}") as disk:

        async def then_copied(world: World) -> Mapping[str, bytes]:
            await scenario(world)
            return disk.after_power_cut()

        return play(file, then_copied, vfs=disk.name)
