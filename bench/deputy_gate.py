"""How much later a tool answers because the gate is in front of it: one run, one effect at a time, nothing beside it.

Timed from `gate.perform` until the outcome is durable, less what the tool itself took. By turns with it, pairs of bare
commits of a row of the same size to the same store, so that whatever the disk does hits both alike. A gate must write
twice (intent before, outcome after); the target is what it adds beyond that. A pure read writes once.
"""

import asyncio
import time
from collections.abc import Mapping
from statistics import median
from typing import Any

from bench.job import World, job_from_command_line, print_result
from bench.stage import (
    LOOKUP,
    PlannedModel,
    a_lease,
    asks_for,
    checkpoint,
    clerk,
    in_hand,
    line,
    open_store,
    options,
    percentile,
    tools_of,
)
from deputy.domain.agent import Grant
from deputy.domain.chain import link
from deputy.domain.effect import Call, Done, Intent, Result, ToolSpec
from deputy.domain.event import Note
from deputy.domain.message import Reply
from deputy.domain.stow import stow
from deputy.kernel.journal import Holding
from deputy.kernel.visit import Visit
from deputy.ports.store import Commit, Row
from deputy.testing.bench import Workbench

READ = ToolSpec(name="look", parameters=LOOKUP.parameters, effect="read", repeat="safe")
BEFORE = 20  #: effects that are performed before any is timed
EACH = 10  #: effects of one run
ROW = 300  #: bytes of a row, about those of an intent or an outcome


class Bare:
    """Commits to a run's journal with nothing around them."""

    def __init__(self, visit: Visit, holding: Holding, bench: Workbench) -> None:
        self._run, self._lease, self._bench = visit.run.id, holding.lease, bench
        self._head = (visit.row.seq, visit.row.link)
        self._body, _ = stow(Note(at=bench.clock.now(), kind="note", value="x" * (ROW - 90)))

    async def commit(self) -> float:
        """Make one row durable; the seconds it took."""
        seq, last = self._head
        row = Row(seq + 1, link(last, self._run, seq + 1, self._body), self._body)
        commit = Commit(run=self._run, lease=self._lease, head=self._head, rows=[row], thawed="clerk")
        began = time.perf_counter()
        await self._bench.store.commit(commit)
        took = time.perf_counter() - began
        self._head = (row.seq, row.link)
        return took


async def main() -> None:
    """Take turns, and print the result."""
    job = job_from_command_line(__doc__)
    samples = options(__doc__, samples=1000).samples
    world = World(job)
    took = 0.0

    async def lookup(intent: Intent, args: Mapping[str, Any]) -> Result:
        nonlocal took
        began = time.perf_counter()
        answer = await world.lookup({"id": intent.key, "tool": "lookup", "args": dict(args)})
        took = time.perf_counter() - began
        return Done(answer)

    async def reply(_run: str, _n: int) -> Reply:
        return asks_for("never asked", "lookup", {})

    store, clock = open_store(job.folder / "deputy.db")
    agent = clerk(grants=(Grant(pattern="look*", autonomy="act"),))
    bench = Workbench(store, clock, agents=[agent], tools=tools_of([LOOKUP, READ], lookup), model=PlannedModel(reply))
    writes: list[float] = []
    reads: list[float] = []
    commits: list[float] = []
    pairs: list[float] = []

    async def perform(visit: Visit, tool: str) -> float:
        n = visit.run.next_n
        call = Call(tool, {"key": f"{visit.run.id}:{n}"})
        began = time.perf_counter()
        effect = await bench.gate.perform(visit, n, call, step=1)
        await visit.journal.durable()
        whole = time.perf_counter() - began
        if effect.status != "done":
            raise RuntimeError(f"the effect is {effect.status}: {effect.error}")
        return whole - took

    async with a_lease(store) as holding:
        bare = Bare(await in_hand(bench, holding, agent), holding, bench)
        visit = await in_hand(bench, holding, agent)
        for number in range(samples + BEFORE):
            if number % EACH == 0:
                holding.until = await store.beat(holding.lease)
                visit = await in_hand(bench, holding, agent)
            times = [
                await perform(visit, "lookup"),
                await bare.commit() + await bare.commit(),
                await perform(visit, "look"),
                await bare.commit(),
            ]
            if number >= BEFORE:
                for found, seconds in zip((writes, pairs, reads, commits), times, strict=True):
                    found.append(seconds * 1000)
    await store.close()
    figures = {
        "beyond_commits_ms": median(writes) - median(pairs),
        "added_p50_ms": median(writes),
        "added_p99_ms": percentile(writes, 0.99),
        "two_commits_p50_ms": median(pairs),
        "two_commits_p99_ms": percentile(pairs, 0.99),
        "read_beyond_commit_ms": median(reads) - median(commits),
    }
    settings = {**checkpoint(job.folder / "deputy.db"), "samples": samples, "tool_ms": job.tool_ms}
    print_result(line("gate", figures, settings))


if __name__ == "__main__":
    asyncio.run(main())
