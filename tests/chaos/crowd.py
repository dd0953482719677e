"""Several worker processes drive one workspace while they are killed and stopped; prints what the far side counted.

Each worker is a fork of this process. The far side is one file that they all append to, with a lock, so that a key
that is already there is not done again; it is the only thing that knows what really happened.
"""

import asyncio
import fcntl
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from deputy.adapters.store.sqlite import SqliteStore
from deputy.base.clock import SystemClock
from deputy.domain.agent import Agent, Grant
from deputy.domain.effect import Done, Intent, Result, ToolSpec
from deputy.domain.event import event_from
from deputy.domain.message import Prompt
from deputy.domain.run import fold
from deputy.kernel.schedule import WorkerSettings
from deputy.testing.bench import Workbench
from deputy.testing.fakes import CountingTools, StubModel, calls, says

LEASE, STEPS, WORKERS = 1.0, 20, 3
SAVE = ToolSpec(name="save", parameters={"type": "object"}, effect="write", repeat="keyed", deadline=5.0)


class Ledger(CountingTools):
    """Does each key once, however many processes ask."""

    def __init__(self, file: Path) -> None:
        super().__init__([SAVE])
        self._file = file
        self.answer = self._do

    async def _do(self, intent: Intent) -> Result:
        await asyncio.sleep(0.02)
        with self._file.open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            if intent.key not in file.read().split():
                file.write(intent.key + "\n")
        await asyncio.sleep(0.02)
        return Done({"saved": intent.key})


def workbench(folder: Path) -> Workbench:
    """The workspace, as every process opens it."""
    clock = SystemClock()
    store = SqliteStore.open(folder / "deputy.db", clock, lease=LEASE)

    def reply(prompt: Prompt) -> Any:
        n = len(prompt.script.before) - 1
        return calls(("save", json.dumps({"n": n}))) if n < STEPS else says("done")

    agent = Agent(name="clerk", owner="wei", version="0" * 64, grants=(Grant(pattern="save", autonomy="act"),))
    return Workbench(store, clock, agents=[agent], tools=Ledger(folder / "ledger"), model=StubModel(reply))


async def start(folder: Path, count: int) -> None:
    """Create the runs."""
    work = workbench(folder)
    for _ in range(count):
        await work.start("clerk")
    await work.store.close()


def fork_worker(folder: Path) -> int:
    """Start a worker process that works until it is killed."""
    child = os.fork()
    if child:
        return child

    async def serve() -> None:
        work = workbench(folder)
        await work.worker(WorkerSettings(beat=0.2, look=0.1, capacity=8)).run()

    try:
        asyncio.run(serve())
    finally:
        os._exit(1)


async def unfinished(folder: Path) -> int:
    """How many runs are not over."""
    work = workbench(folder)
    rows = await work.store.runs(states=("ready", "running", "waiting"))
    await work.store.close()
    return len(rows)


async def judge(folder: Path) -> dict[str, Any]:
    """Every run's effects against the ledger."""
    work = workbench(folder)
    counted = Counter((folder / "ledger").read_text().split())
    rows = await work.store.runs()
    missing, attempts = 0, 0
    for row in rows:
        run = fold(row.id, [event_from(r.body) for r in await work.store.rows(row.id)], lambda _: b"")
        for effect in run.effects.values():
            if effect.kind == "tool":
                attempts += effect.attempt
                missing += counted.pop(f"{run.id}.{effect.n}", 0) != 1
    await work.store.close()
    return {
        "runs": len(rows), "done": sum(row.state == "done" for row in rows), "wrong": missing, "strays": len(counted),
        "attempts": attempts,
    }  # fmt: skip


def main() -> None:
    """`crowd.py FOLDER SEED RUNS`."""
    folder, chance, count = Path(sys.argv[1]), random.Random(int(sys.argv[2])), int(sys.argv[3])
    asyncio.run(start(folder, count))
    workers = [fork_worker(folder) for _ in range(WORKERS)]
    kills = stops = 0
    end = time.monotonic() + 60
    while asyncio.run(unfinished(folder)) and time.monotonic() < end:
        time.sleep(chance.uniform(0.05, 0.3))
        victim = chance.randrange(WORKERS)
        if kills + stops >= 12:
            continue
        if stops and chance.random() < 0.7:
            os.kill(workers[victim], signal.SIGKILL)
            os.waitpid(workers[victim], 0)
            workers[victim] = fork_worker(folder)
            kills += 1
        else:  # stopped for longer than its lease: what it holds goes to others, and it wakes up to nothing
            os.kill(workers[victim], signal.SIGSTOP)
            time.sleep(LEASE * 1.6)
            os.kill(workers[victim], signal.SIGCONT)
            stops += 1
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
        os.waitpid(worker, 0)
    sys.stdout.write(json.dumps({"kills": kills, "stops": stops, **asyncio.run(judge(folder))}) + "\n")


if __name__ == "__main__":
    main()
