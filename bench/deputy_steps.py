"""Deputy: the kernel as a worker runs it, on the embedded store, with a stub model and a stub tool.

Each step is a model call (intent and reply durable) and a tool call of class `write`: schema validation, policy,
budget, intent durable before the call, outcome after it; the outcome and the next model intent share a commit. A run
begins with a commit of its own and ends with a reply that asks for nothing, which count as no steps. One process, one
worker, 256 runs in memory at once, seals every second.

`--processes N` is the same with N processes, each with a worker, on one database; the process that measures starts the
runs and drives none. A run may be driven by any of them.
"""

import argparse
import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import deputy
from bench.job import Job, Meter, World, folder_bytes, job_from_command_line, print_result
from bench.stage import (
    LOOKUP,
    Child,
    Ends,
    PlannedModel,
    asks_for,
    checkpoint,
    clerk,
    open_store,
    options,
    orders,
    tools_of,
)
from deputy.adapters.store.sqlite import SqliteStore
from deputy.base.clock import SystemClock
from deputy.domain.effect import Done, Intent, Result
from deputy.domain.message import Reply
from deputy.kernel.schedule import Worker, WorkerSettings
from deputy.testing.bench import Workbench

MODULE = "bench.deputy_steps"
FILE = "deputy.db"


def kernel(
    store: SqliteStore, clock: SystemClock, job: Job, *, stepped: Callable[[], None], over: Callable[[], bool]
) -> Workbench:
    """A kernel that does the job; `stepped` is told of each step that is durable, `over` says when to end early."""
    world = World(job)

    async def reply(run: str, n: int) -> Reply:
        if n:
            stepped()  # this call's intent shares the commit with the outcome of the step before
        if over() or n >= job.steps:
            return Reply(text="done", finish="stop")
        said = await world.reply(run, n)
        return asks_for(said["text"], said["call"]["tool"], said["call"]["args"], name=said["call"]["id"])

    async def lookup(intent: Intent, args: Mapping[str, Any]) -> Result:
        return Done(await world.lookup({"id": intent.key, "tool": "lookup", "args": dict(args)}))

    tools = tools_of([LOOKUP], lookup)
    return Workbench(store, clock, agents=[clerk()], tools=tools, model=PlannedModel(reply))


class Ended:
    """Who waits for the end of which run; either may come first."""

    def __init__(self) -> None:
        self._runs: dict[str, asyncio.Future[str]] = {}

    def of(self, run: str) -> "asyncio.Future[str]":
        """The end of a run."""
        return self._runs.setdefault(run, asyncio.get_running_loop().create_future())

    def tell(self, run: str, state: str) -> None:
        """A run has ended."""
        self.of(run).set_result(state)

    async def start(self, bench: Workbench) -> None:
        """Start a run, and return when it is done."""
        run = await bench.start("clerk")
        state = await self.of(run)
        del self._runs[run]
        if state != "done":
            raise RuntimeError(f"run {run} {state}")


async def alone(job: Job, meter: Meter) -> None:
    """Do the job in this process."""
    store, clock = open_store(job.folder / FILE)
    bench, ended = kernel(store, clock, job, stepped=meter.step, over=lambda: meter.over), Ended()
    bench.recovery = Ends(bench.recovery, ended.tell)
    worker = bench.worker(WorkerSettings(capacity=job.runs))
    working = asyncio.create_task(worker.run())
    await meter.drive(lambda _: ended.start(bench))
    await end(worker, working, bench)


async def end(worker: Worker, working: "asyncio.Task[None]", bench: Workbench) -> None:
    """Let a worker come to its end."""
    worker.stop()
    await working
    if bench.crashes:
        raise bench.crashes[0]
    await bench.store.close()


# -- several processes


async def work(job: Job, processes: int) -> None:
    """Be one of several workers: tell the parent of each step and of each run that ended here."""
    ending, told = asyncio.Event(), asyncio.Event()
    words: list[str] = []

    def tell(word: str) -> None:
        words.append(word)
        told.set()

    async def telling() -> None:
        while True:
            await told.wait()
            told.clear()
            os.write(1, "".join(words).encode())
            words.clear()

    store, clock = open_store(job.folder / FILE)
    bench = kernel(store, clock, job, stepped=lambda: tell("+\n"), over=ending.is_set)
    bench.recovery = Ends(bench.recovery, lambda run, state: tell(f"{run} {state}\n"))
    worker = bench.worker(WorkerSettings(capacity=-(-job.runs // processes)))
    talking, working = asyncio.create_task(telling()), asyncio.create_task(worker.run())
    async for _ in orders():
        ending.set()
    talking.cancel()
    await end(worker, working, bench)


async def together(job: Job, meter: Meter, processes: int) -> None:
    """Let several processes do the job, and count their steps."""
    store, clock = open_store(job.folder / FILE)  # made here, so that nobody waits for it
    bench, ended = kernel(store, clock, job, stepped=meter.step, over=lambda: meter.over), Ended()

    async def listen(child: Child) -> None:
        warned = False
        while word := await child.stdout.readline():
            run, _, state = word.decode().strip().partition(" ")
            if state:
                ended.tell(run, state)
                continue
            meter.step()
            if meter.over and not warned:
                warned = True
                for each in children:
                    each.tell("over")
        if not meter.over:
            raise RuntimeError("a worker process ended before the job was done")

    async def drive() -> None:
        await meter.drive(lambda _: ended.start(bench))
        await store.close()
        for child in children:
            await child.over()

    async with several(job, processes) as children, asyncio.TaskGroup() as group:
        for child in children:
            group.create_task(listen(child))
        group.create_task(drive())


@asynccontextmanager
async def several(job: Job, processes: int) -> AsyncGenerator[list[Child]]:
    """Worker processes, which do not outlive this."""
    own = ("--worker", f"--processes={processes}")
    children = [await Child.start(MODULE, *job.arguments(), *own) for _ in range(processes)]
    try:
        yield children
    finally:
        for child in children:
            if child.process.returncode is None:
                await child.kill()


async def main() -> None:
    """Do the job and print the result; or be one of the workers that do."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--worker", action="store_true")
    job, processes = job_from_command_line(__doc__), options(__doc__, processes=1).processes
    if parser.parse_known_args()[0].worker:
        return await work(job, processes)
    meter = Meter(job)
    await (alone(job, meter) if processes == 1 else together(job, meter, processes))
    settings = checkpoint(job.folder / FILE)
    store, _ = open_store(job.folder / FILE)
    seals = len(await store.seals())
    await store.close()
    return print_result(
        meter.result(
            peer="deputy",
            version=deputy.__version__,
            db_bytes=folder_bytes(job.folder),
            settings={**settings, "processes": processes, "seals": seals},
        )
    )


if __name__ == "__main__":
    asyncio.run(main())
