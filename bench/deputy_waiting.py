"""100,000 runs that wait for an approval: what they cost the process that serves them, and how soon one goes on.

Two serving processes do the same work, one on a database with these runs and one on a database with next to none;
`added_mb` is the difference between the most memory that each ever had. `resume` is the time from delivering an
approval in the serving process until the payment's tool is called. Then another process delivers: `noticed` is the time
from its commit until the serving process hears of a change (95 of 100 within it), `resumed_elsewhere` until the tool is
called; `noticed_busy` and `resumed_busy` are the same while the serving process drives 16 runs that never rest, each of
which writes a hundred times a second.
"""

import argparse
import asyncio
import contextlib
import json
import random
import sys
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bench.job import job_from_command_line, print_result
from bench.stage import (
    Child,
    checkpoint,
    database,
    line,
    open_store,
    options,
    orders,
    percentile,
    pss_kib,
    say,
    start_many,
)
from bench.waiting_runs import approval, build, payer
from deputy.domain.effect import Done, Intent, Result
from deputy.kernel.schedule import WorkerSettings

APART = (0.06, 0.12)  #: seconds between approvals from another process: never in step with whoever looks for them
RESTLESS = 16
SAMPLED = 0.05  #: seconds between looks at a process's memory
LATEST = 30.0  #: seconds after which an approved run that has not gone on is a failure
MODULE = "bench.deputy_waiting"


# -- the process that serves


class Serving:
    """A worker, and when it was told of changes and when it paid."""

    def __init__(self, file: Path) -> None:
        self.store, self.clock = open_store(file)
        self.bench = payer(self.store, self.clock, self.pay)
        self.paid: dict[str, float] = {}
        self.changes: list[float] = []
        self._awaited: asyncio.Event = asyncio.Event()
        self.store.watch(lambda: self.changes.append(time.monotonic()))

    async def pay(self, intent: Intent, _args: Mapping[str, Any]) -> Result:
        """The payment's tool."""
        if intent.run in self.paid:
            raise RuntimeError(f"run {intent.run} was paid twice")
        self.paid[intent.run] = time.monotonic()
        self._awaited.set()
        return Done({"paid": intent.key})

    async def approve(self, names: Sequence[str]) -> list[float]:
        """Approve one after another; the milliseconds until each was paid."""
        took: list[float] = []
        for name in names:
            item = await self.store.item(name)
            assert item is not None
            self._awaited.clear()
            began = time.monotonic()
            await self.store.deliver(approval(item, at=self.clock.now()))
            async with asyncio.timeout(LATEST):
                await self._awaited.wait()
            took.append((self.paid[item.run] - began) * 1000)
            await asyncio.sleep(0.02)  # it ends by itself meanwhile
        return took


async def serve(file: Path) -> None:
    """Serve until told to stop."""
    serving = Serving(file)
    worker = serving.bench.worker(WorkerSettings())
    working = asyncio.create_task(worker.run())
    say("serving")
    async for order, given in orders():
        if order == "approve":
            say(await serving.approve(given))
        elif order == "restless":
            say(await start_many(serving.bench, "clerk", given))
        elif order == "listen":
            serving.changes.clear()
            say("listening")
        elif order == "heard":
            say([serving.changes, serving.paid])
    if serving.bench.crashes:
        raise serving.bench.crashes[0]
    working.cancel()  # restless runs never let it stop by itself
    with contextlib.suppress(asyncio.CancelledError):
        await working
    await serving.store.close()


async def deliver(file: Path, names: Sequence[str]) -> None:
    """Approve from a process that drives nothing, and say when each approval was under way and when it was durable."""
    store, clock = open_store(file)
    times: list[tuple[str, float, float]] = []
    for name in names:
        item = await store.item(name)
        assert item is not None
        began = time.monotonic()
        await store.deliver(approval(item, at=clock.now()))
        times.append((item.run, began, time.monotonic()))
        await asyncio.sleep(random.uniform(*APART))
    await store.close()
    say(times)


# -- the process that asks


class Memory:
    """The memory of a process, looked at again and again."""

    def __init__(self, pid: int) -> None:
        self._pid, self.most = pid, 0

    def look(self) -> int:
        """What it has now, in KiB."""
        now = pss_kib(self._pid)
        self.most = max(self.most, now)
        return now

    async def watch(self) -> None:
        """Look for ever."""
        while True:
            self.look()
            await asyncio.sleep(SAMPLED)


@asynccontextmanager
async def served(file: Path) -> AsyncGenerator[tuple[Child, Memory]]:
    """A process that serves this database, and its memory."""
    child = await Child.start(MODULE, "--role=serve", f"--file={file}")
    watching: asyncio.Task[None] | None = None
    try:
        await child.hear()
        memory = Memory(child.process.pid)
        watching = asyncio.create_task(memory.watch())
        yield child, memory
        watching.cancel()
        await child.over()
    finally:
        if watching is not None:
            watching.cancel()
        if child.process.returncode is None:
            await child.kill()


def waiting_items(file: Path, count: int) -> list[str]:
    """Items from all over the database."""
    connection = database(file)
    names = [name for (name,) in connection.execute("SELECT id FROM items ORDER BY id")]
    connection.close()
    return random.Random(1).sample(names, count)


async def from_elsewhere(child: Child, file: Path, names: Sequence[str]) -> dict[str, list[float]]:
    """Let another process approve; the milliseconds until each approval was noticed, and until it was acted upon."""
    await child.ask("listen")
    other = await Child.start(MODULE, "--role=deliver", f"--file={file}")
    other.tell(json.dumps(names))
    times = await other.hear()
    await other.over()
    ended = time.monotonic() + LATEST
    while True:
        changes, paid = await child.ask("heard")
        if all(run in paid for run, _, _ in times):
            break
        if time.monotonic() > ended:
            raise RuntimeError("an approval from another process was never acted upon")
        await asyncio.sleep(0.1)
    heard = [min(at for at in (*changes, paid[run]) if at >= began) - done for run, began, done in times]
    acted = [paid[run] - done for run, _, done in times]
    return {"noticed": [max(0.0, each) * 1000 for each in heard], "acted": [max(0.0, each) * 1000 for each in acted]}


async def measure(folder: Path, waiting: int, samples: int, idle: float) -> dict[str, float]:
    """Build both databases, serve each, leave each alone for so many seconds first, and return the figures."""
    many, few = folder / "many" / "deputy.db", folder / "few" / "deputy.db"
    few.parent.mkdir()
    many.parent.mkdir()
    began = time.monotonic()
    await build(few, 2 * samples)
    await build(many, waiting)
    figures: dict[str, float] = {"built_s": time.monotonic() - began, "database_mb": many.stat().st_size / 1e6}
    async with served(few) as (child, memory):
        await asyncio.sleep(idle)
        alone = memory.look()
        await child.ask(json.dumps(["approve", waiting_items(few, samples)]))
        most = memory.most
    names = waiting_items(many, 2 * samples)
    async with served(many) as (child, memory):
        await asyncio.sleep(idle)
        figures |= {"idle_added_mb": (memory.look() - alone) * 1024 / 1e6}
        took = await child.ask(json.dumps(["approve", names[:samples]]))
        figures |= {"added_mb": (memory.most - most) * 1024 / 1e6, "most_mb": memory.most * 1024 / 1e6}
        figures |= {"resume_p50_ms": percentile(took, 0.5), "resume_p99_ms": percentile(took, 0.99)}
        quiet = await from_elsewhere(child, many, names[samples : samples + samples // 2])
        await child.ask(json.dumps(["restless", RESTLESS]))
        busy = await from_elsewhere(child, many, names[samples + samples // 2 :])
    figures |= {"noticed_p50_ms": percentile(quiet["noticed"], 0.5), "noticed_ms": percentile(quiet["noticed"], 0.95)}
    figures |= {"noticed_busy_ms": percentile(busy["noticed"], 0.95)}
    for word, times in (("elsewhere", quiet["acted"]), ("busy", busy["acted"])):
        figures |= {f"resumed_{word}_p50_ms": percentile(times, 0.5), f"resumed_{word}_p99_ms": percentile(times, 0.99)}
    return figures


async def main() -> None:
    """Take the part that the command line names; without one, measure and print the result."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--role", choices=("serve", "deliver"))
    parser.add_argument("--file", type=Path)
    part = parser.parse_known_args()[0]
    if part.role == "serve":
        return await serve(part.file)
    if part.role == "deliver":
        return await deliver(part.file, json.loads(sys.stdin.readline()))
    job = job_from_command_line(__doc__)
    given = options(__doc__, waiting=100_000, samples=200, idle_ms=3000)
    figures = await measure(job.folder, given.waiting, given.samples, given.idle_ms / 1000)
    settings = {**checkpoint(job.folder / "many" / "deputy.db"), "waiting": given.waiting, "samples": given.samples}
    return print_result(line("waiting", figures, settings))


if __name__ == "__main__":
    asyncio.run(main())
