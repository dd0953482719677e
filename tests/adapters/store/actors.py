"""Processes that use a store on their own, to be raced, stopped and killed: forked from a server that is warm."""

import asyncio
import multiprocessing
import os
import signal
import sqlite3
from collections.abc import Callable, Coroutine, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.adapters.store.playing import booked, fill, play

from deputy.adapters.store.sqlite import SqliteStore
from deputy.adapters.store.sqlite.connection import statement
from deputy.base.clock import SystemClock
from deputy.base.errors import DeputyError, LeaseLost
from deputy.testing.conformance.world import Hand, World, change
from deputy.testing.faults import Disk, Step

__all__ = [
    "Actor", "commits_until_killed", "commits_under_a_lease", "creates_a_run", "finishes_runs", "holds_the_lock",
    "killed_at", "opens_as_nobody",
]  # fmt: skip

PATIENCE = 30.0  #: seconds until something that should happen soon counts as never happening

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload([__name__])
statement("frozen")  # read here, so that every process starts with the statements at hand


class Actor:
    """A function of this module in a process of its own, and a pipe to it."""

    def __init__(self, work: Callable[..., None], *args: object) -> None:
        self._pipe, theirs = _processes.Pipe()
        self._process = _processes.Process(target=work, args=(theirs, *args), daemon=True)
        self._process.start()
        theirs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._process.is_alive():
            self._process.kill()
        self.ended()
        self._process.close()
        self._pipe.close()

    def hear(self) -> Any:
        """What it says next; fails if it stays silent."""
        assert self._pipe.poll(PATIENCE), "nothing was said"
        return self._pipe.recv()

    def tell(self, word: object) -> None:
        """Let it go on."""
        self._pipe.send(word)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self._process.pid or 0, number)

    def ended(self) -> int | None:
        """Wait for its end; its exit code."""
        self._process.join(PATIENCE)
        return self._process.exitcode


def _world(file: Path, scenario: Callable[[World], Coroutine[Any, Any, None]]) -> None:
    play(file, scenario)


def holds_the_lock(pipe: Connection, file: Path) -> None:
    """Hold the right to write until told."""
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    pipe.send("held")
    pipe.recv()
    connection.execute("ROLLBACK")
    connection.close()
    pipe.send("released")


def creates_a_run(pipe: Connection, file: Path, name: str) -> None:
    """Open the database, which may not be there yet, and create a run in it."""
    pipe.recv()
    try:
        play(file, lambda world: world.create(name))
        pipe.send("created")
    except DeputyError as exc:
        pipe.send(f"{exc.code}: {exc.message}")


def finishes_runs(pipe: Connection, file: Path) -> None:
    """Claim runs a few at a time and finish them, until there are none."""

    async def finish(world: World) -> None:
        lease, finished = await world.store.join("worker"), list[str]()
        pipe.send("ready")
        pipe.recv()
        while taken := await world.store.claim(lease, 3):
            async with asyncio.TaskGroup() as group:
                for one in taken:
                    hand = Hand(world.store, lease, one)
                    group.create_task(hand.commit(lease.worker.encode(), state=change("done")))
            finished += [one.run.id for one in taken]
        await world.store.leave(lease)
        pipe.send((lease.worker, finished))

    _world(file, finish)


def _note_down(acknowledged: Path) -> Callable[[str, int], None]:
    """Something to call for each commit that was acknowledged; what it was told outlives the process."""
    handle = os.open(acknowledged, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    return lambda run, n: (os.write(handle, f"{run} {n}\n".encode()), None)[1]


def commits_until_killed(pipe: Connection, file: Path, acknowledged: Path, names: Sequence[str]) -> None:
    """Commit to several runs at once, for ever."""

    async def commit(world: World) -> None:
        noted = _note_down(acknowledged)

        async def keep_on(hand: Hand) -> None:
            n = 0
            while True:
                await booked(hand, n)
                noted(hand.run, n)
                n += 1

        hands = await world.hold(*names)
        pipe.send("ready")
        async with asyncio.TaskGroup() as group:
            for hand in hands:
                group.create_task(keep_on(hand))

    _world(file, commit)


def killed_at(pipe: Connection, file: Path, acknowledged: Path, step: int) -> None:
    """Make a database and commit to it, dead at a certain step of what reaches the file system."""
    steps = 0

    def count(_: Step) -> None:
        nonlocal steps
        steps += 1
        if steps == step:
            os.kill(os.getpid(), signal.SIGKILL)

    async def commit(world: World) -> None:
        noted = _note_down(acknowledged)
        for hand in await world.hold("r-1", "r-2"):
            for n in range(4):
                await booked(hand, n)
                noted(hand.run, n)

    with Disk("killed") as disk:
        disk.step = count
        play(file, commit, vfs="killed")
    pipe.send(steps)


def commits_under_a_lease(pipe: Connection, file: Path, lease: float) -> None:
    """Claim a run and commit to it while the lease is kept alive; then tell what became of it, and begin anew."""

    async def commit() -> None:
        store, clock = SqliteStore.open(file, SystemClock(), lease=lease), SystemClock()
        held = await store.join("worker")
        (taken,) = await store.claim(held, 1)
        hand, until = Hand(store, held, taken), await store.beat(held)
        pipe.send(held.worker)
        mine = 0
        try:
            while True:
                if clock.boot() > until - lease / 2:
                    until = await store.beat(held)
                await hand.commit(b"mine")
                mine += 1
                await asyncio.sleep(0.001)
        except LeaseLost as exc:
            pipe.send((mine, exc.code))
        for _ in range(20):
            try:
                await hand.commit(b"late")
            except LeaseLost:
                continue
            pipe.send("a late commit was accepted")
        await store.leave(held)
        fresh = await store.join("worker")
        pipe.send(fresh.worker != held.worker and not await store.claim(fresh, 1))
        pipe.recv()
        await store.close()

    asyncio.run(commit())


def opens_as_nobody(pipe: Connection, files: Sequence[Path], warm: Path) -> None:
    """Open databases as somebody who may not write everywhere; tell what came of each."""
    play(warm, fill)
    if os.geteuid() == 0:
        os.setegid(65534)
        os.seteuid(65534)
    for file in files:
        try:
            play(file, lambda world: world.store.runs())
            pipe.send("it opened")
        except DeputyError as exc:
            pipe.send(f"{exc.code}: {exc.message}")
