"""Deputy: the kernel as a worker runs it, on the embedded store, with a stub model and a stub tool.

Each step is a model call (intent and reply durable) and a tool call of class `write`: schema validation, policy, budget,
intent durable before the call, outcome after it; the outcome and the next model intent share a commit. One process, one
worker, 256 runs in memory at once, seals every second.
"""

import asyncio
from typing import Any

import apsw

import deputy
from bench.job import Meter, World, folder_bytes, job_from_command_line, print_result, sqlite_settings
from deputy.adapters.store.sqlite import SqliteStore
from deputy.base.canonical import canonical
from deputy.base.clock import SystemClock
from deputy.domain.agent import Agent, Grant
from deputy.domain.effect import Done, Intent, Result, ToolRequest, ToolSpec
from deputy.domain.message import ModelCall, Prompt, Reply
from deputy.kernel.schedule import WorkerSettings
from deputy.testing.bench import Workbench
from deputy.testing.fakes import CountingTools

LOOKUP = ToolSpec(
    name="lookup",
    parameters={"type": "object", "properties": {"key": {"type": "string"}}, "required": ["key"]},
    effect="write",
    repeat="keyed",
)
CLERK = Agent(
    name="clerk", owner="wei", instructions="Look everything up.", version="0" * 64,
    grants=(Grant(pattern="lookup", autonomy="act"),),
)  # fmt: skip


class StubModel:
    """Answers with the job's stub replies; counts a step once the one before it is durable."""

    def __init__(self, world: World, meter: Meter, steps: int) -> None:
        self._world, self._meter, self._steps = world, meter, steps

    async def complete(self, intent: Intent) -> Result:
        assert isinstance(intent.request, Prompt)
        done = len(intent.request.script.results)
        if done:
            self._meter.step()  # this call's intent shares the commit with the outcome of the step before
        if self._meter.over or done >= self._steps:
            return Done(Reply(text="done", finish="stop"))
        reply = await self._world.reply(intent.run, done)
        call = reply["call"]
        asked = ModelCall(call["id"], call["tool"], canonical(call["args"]).decode())
        return Done(Reply(text=reply["text"], calls=(asked,), finish="tool_calls"))

    async def close(self) -> None:
        """Nothing to let go of."""


class Ends:
    """Recovery that tells when a run has ended."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.waiting: dict[str, asyncio.Future[str]] = {}

    async def stay(self, taken: Any, holding: Any, mail: Any) -> str:
        """Drive the run, then tell."""
        state = await self._inner.stay(taken, holding, mail)
        self.waiting.pop(taken.run.id).set_result(state)
        return state


async def main() -> None:
    """Do the job and print the result."""
    job = job_from_command_line(__doc__)
    world, meter = World(job), Meter(job)
    clock = SystemClock()
    store = SqliteStore.open(job.folder / "deputy.db", clock)
    tools = CountingTools([LOOKUP])

    async def lookup(intent: Intent) -> Result:
        tools.calls.clear()
        assert isinstance(intent.request, ToolRequest)
        args: Any = intent.request.args
        return Done(await world.lookup({"id": intent.key, "tool": "lookup", "args": args}))

    tools.answer = lookup
    bench = Workbench(store, clock, agents=[CLERK], tools=tools, model=StubModel(world, meter, job.steps))
    ends = Ends(bench.recovery)
    bench.recovery = ends  # pyright: ignore[reportAttributeAccessIssue]
    worker = bench.worker(WorkerSettings(capacity=job.runs))
    working = asyncio.create_task(worker.run())

    async def one_run(run: str) -> None:
        name = await bench.start("clerk", run)
        ended = ends.waiting[name] = asyncio.get_running_loop().create_future()
        state = await ended
        if state != "done":
            raise RuntimeError(f"run {name} {state}")

    await meter.drive(one_run)
    worker.stop()
    await working
    if bench.crashes:
        raise bench.crashes[0]
    seals = len(await store.seals())
    await store.close()
    database = apsw.Connection(str(job.folder / "deputy.db"))
    pragmas = [("journal_mode", str(database.pragma("journal_mode"))), ("synchronous", 2)]
    database.pragma("wal_checkpoint")
    print_result(
        meter.result(
            peer="deputy",
            version=deputy.__version__,
            db_bytes=folder_bytes(job.folder),
            settings={**sqlite_settings(pragmas), "sqlite": apsw.sqlite_lib_version(), "processes": 1, "seals": seals},
        )
    )


if __name__ == "__main__":
    asyncio.run(main())
