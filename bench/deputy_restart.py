"""10,000 runs in flight when their worker is killed with -9: how soon a new one has them all going again.

Each run looks something up, writes, looks up, writes and says that it is done. When the worker dies, every one of them
is in the middle: a model has been asked and has not answered; or a keyed write was sent and the far side has not done
it; or it has, and its answer never came; or the run stands between, inside a read. The far side is a file that outlives
both workers: a line for each request and one for each write that was done, once for each key.

`seconds` is the time from starting the new process until every run has had its next effect, intent durable, dispatched;
`finished_s` until all are over. A write done twice, a write lost, a repeat of what was not open, or a run that did not
end as planned, fails the program.
"""

import argparse
import asyncio
import json
import os
import time
import zlib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.job import job_from_command_line, print_result
from bench.stage import (
    LOOKUP,
    Child,
    Ends,
    PlannedModel,
    asks_for,
    checkpoint,
    clerk,
    line,
    open_store,
    options,
    orders,
    pss_kib,
    say,
    start_many,
    tools_of,
)
from deputy.domain.agent import Grant
from deputy.domain.catalogue import Route
from deputy.domain.effect import Done, Intent, Result, ToolSpec
from deputy.domain.message import Reply
from deputy.kernel.schedule import WorkerSettings
from deputy.testing.bench import Workbench

READ = ToolSpec(name="look", parameters=LOOKUP.parameters, effect="read", repeat="safe", deadline=600.0)
WRITE = ToolSpec(name="write", parameters=LOOKUP.parameters, effect="write", repeat="keyed", deadline=600.0)
PLAN = ("look", "write", "look", "write")
STOPS = ("model", "sent", "done", "between")  #: where a run stands when its worker is killed
MODULE = "bench.deputy_restart"


def stop_of(run: str) -> tuple[str, int]:
    """Where this run stands, and in which of its four steps."""
    number = zlib.crc32(run.encode())
    where = STOPS[number % 4]
    step = number // 4 % 4
    if where in ("sent", "done"):
        step |= 1  # a write
    elif where == "between":
        step &= 2  # a look
    return where, step


class FarSide:
    """What the world saw and did: a file, written at once, that outlives whoever dies."""

    def __init__(self, file: Path) -> None:
        self._handle = os.open(file, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        self._done = {key for what, key in seen(file) if what == "done"}

    def request(self, what: str, key: str) -> None:
        """Somebody asks for something."""
        os.write(self._handle, f"{what} {key}\n".encode())

    def do(self, key: str) -> None:
        """Do it, unless it was done under this key."""
        if key not in self._done:
            self._done.add(key)
            self.request("done", key)


def seen(file: Path) -> list[tuple[str, str]]:
    """What the far side saw, in order."""
    return [(what, key) for what, _, key in (line.partition(" ") for line in file.read_text().splitlines())]


class Life:
    """A worker's life: the first ends in the middle of every run, the second goes through."""

    def __init__(self, folder: Path, *, stops: bool) -> None:
        self._stops, self._far = stops, FarSide(folder / "far")
        self.stopped: dict[str, str] = {}
        self.first: dict[str, float] = {}
        self.ended: dict[str, str] = {}
        self.store, clock = open_store(folder / "deputy.db")
        agent = clerk(grants=tuple(Grant(pattern=tool, autonomy="act") for tool in ("look", "write")))
        self.bench = Workbench(
            self.store,
            clock,
            agents=[agent],
            tools=tools_of([READ, WRITE], self._tool),
            model=PlannedModel(self._model),
        )
        self.bench.route = Route(name="default", deadline=600.0)
        self.bench.recovery = Ends(self.bench.recovery, self.ended.__setitem__)

    async def _reach(self, run: str, where: str, step: int, key: str) -> None:
        """Come to a point of a run; stay there for ever if it is the one where its worker dies."""
        self.first.setdefault(run, time.monotonic())
        if self._stops and stop_of(run) == (where, step):
            self.stopped[run] = key
            await asyncio.Event().wait()

    async def _model(self, run: str, n: int) -> Reply:
        self._far.request("model", f"{run}.{2 * n + 1}")
        await self._reach(run, "model", n, f"{run}.{2 * n + 1}")
        if n == len(PLAN):
            return Reply(text="done", finish="stop")
        return asks_for(f"Step {n} of {run}.", PLAN[n], {"key": f"{run}:{n}"})

    async def _tool(self, intent: Intent, args: Mapping[str, Any]) -> Result:
        run, step = intent.run, int(str(args["key"]).rpartition(":")[2])
        what = PLAN[step]
        self._far.request(what, intent.key)
        await self._reach(run, "between" if what == "look" else "sent", step, intent.key)
        if what == "write":
            self._far.do(intent.key)
            await self._reach(run, "done", step, intent.key)
        return Done({"key": args["key"], "by": intent.key})


async def fly(folder: Path, runs: int) -> None:
    """Bring so many runs to where their worker dies, say so, and wait for it."""
    life = Life(folder, stops=True)
    names = await start_many(life.bench, "clerk", runs)
    working = asyncio.create_task(life.bench.worker(WorkerSettings(capacity=runs)).run())
    while len(life.stopped) < len(names) and not working.done():
        await asyncio.sleep(0.05)
    say(life.stopped)
    await working


async def resume(folder: Path, runs: int, capacity: int) -> None:
    """Take up every run and see it through."""
    life = Life(folder, stops=False)
    worker = life.bench.worker(WorkerSettings(capacity=capacity))
    working = asyncio.create_task(worker.run())
    while len(life.ended) < runs and not working.done():
        await asyncio.sleep(0.02)
    over = time.monotonic()
    memory = pss_kib()
    worker.stop()
    await working
    if life.bench.crashes:
        raise life.bench.crashes[0]
    await life.store.close()
    first = sorted(life.first.values())
    say({"first": first[0], "all": first[-1], "over": over, "kib": memory, "states": Counter(life.ended.values())})
    async for _ in orders():
        pass


def judge(far: list[tuple[str, str]], before: int, stopped: Mapping[str, str]) -> dict[str, int]:
    """Count what was repeated and what was lost; `before` is how much the far side had seen when the worker died."""
    old, new = Counter(far[:before]), Counter(far[before:])
    again = [(what, key) for (what, key) in new if (what, key) in old and what != "done"]
    not_open = [key for _, key in again if stopped.get(key.rpartition(".")[0]) != key]
    done = Counter(key for what, key in far if what == "done")
    wanted = {f"{run}.{2 * n + 2}" for run in stopped for n, tool in enumerate(PLAN) if tool == "write"}
    return {
        "repeated_as_ruled": len(again),
        "repeated_against_rules": len(not_open) + sum(n - 1 for n in (old + new).values() if n > 2),
        "done_twice": sum(n - 1 for n in done.values()),
        "lost": len(wanted - done.keys()),
        "unwanted": len(done.keys() - wanted),
    }


async def measure(folder: Path, runs: int, capacity: int) -> dict[str, Any]:
    """Fly, kill, resume, and judge."""
    began = time.monotonic()
    first = await Child.start(MODULE, "--role=fly", f"--folder={folder}", f"--in-flight={runs}")
    stopped: dict[str, str] = await first.hear()
    await first.kill()
    flew = time.monotonic() - began
    if len(stopped) != runs:
        raise RuntimeError(f"{len(stopped)} of {runs} runs were in flight")
    before = len(seen(folder / "far"))
    began = time.monotonic()
    command = ("--role=resume", f"--folder={folder}", f"--in-flight={runs}", f"--capacity={capacity}")
    second = await Child.start(MODULE, *command)
    told = await second.hear()
    await second.over()
    if told["states"] != {"done": runs}:
        raise RuntimeError(f"not every run was resumed and done: {told['states']}")
    judged = judge(seen(folder / "far"), before, stopped)
    if any(judged[name] for name in ("repeated_against_rules", "done_twice", "lost", "unwanted")):
        raise RuntimeError(f"the far side did not see each effect once: {json.dumps(judged)}")
    return {
        "seconds": told["all"] - began,
        "first_resumed_s": told["first"] - began,
        "finished_s": told["over"] - began,
        "brought_there_s": flew,
        "most_mb": told["kib"] * 1024 / 1e6,
        **judged,
        **{f"at_{where}": count for where, count in sorted(Counter(stop_of(run)[0] for run in stopped).items())},
    }


async def main() -> None:
    """Take the part that the command line names; without one, measure and print the result."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--role", choices=("fly", "resume"))
    role = parser.parse_known_args()[0].role
    given = options(__doc__, in_flight=10_000, capacity=0)
    runs, capacity = given.in_flight, given.capacity or given.in_flight
    job = job_from_command_line(__doc__)
    if role == "fly":
        return await fly(job.folder, runs)
    if role == "resume":
        return await resume(job.folder, runs, capacity)
    figures = await measure(job.folder, runs, capacity)
    settings = {**checkpoint(job.folder / "deputy.db"), "in_flight": runs, "capacity": capacity}
    return print_result(line("restart", figures, settings))


if __name__ == "__main__":
    asyncio.run(main())
