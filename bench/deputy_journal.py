"""How many bytes a conversation of 200,000 tokens and 100 tool calls takes in the database, over what is unique in it.

Unique is what somebody said: the task, the instructions and tools offered, each reply's words and arguments, each
result's text; raw, and counted once. Sizes of results differ as they do in practice, from a line to a small file, and
no two stretches of text are alike. What the database grew by is read off its file, its log written back: pages half
empty, indexes, links of the chain and seals are all counted. `growth` says whether it is linear: bytes a call at 100
calls over bytes a call at 25, of calls as large as each other.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.job import job_from_command_line, print_result
from bench.stage import (
    LOOKUP,
    Babble,
    PlannedModel,
    asks_for,
    checkpoint,
    clerk,
    database,
    line,
    open_store,
    options,
    tools_of,
)
from deputy.domain.catalogue import Route
from deputy.domain.effect import Done, Intent, Result
from deputy.domain.event import event_from
from deputy.domain.message import Reply, Usage
from deputy.domain.run import fold
from deputy.domain.stow import blobs_of
from deputy.testing.bench import Workbench

A_CALL = 8000  #: bytes of conversation for each call: with 100 of them, 200,000 tokens of four bytes
REPLIES = 0.15  #: the part of it that the model says
ARGUMENTS = 120  #: bytes of a call's arguments
CONTEXT = 262_144


class Conversation:
    """What a model and a tool say to each other, made before it is said, so that its size is known."""

    def __init__(self, calls: int, seed: int, *, even: bool = False) -> None:
        babble, total = Babble(seed), calls * A_CALL
        spoken = int(total * REPLIES) - calls * ARGUMENTS
        heard = total - int(total * REPLIES)
        said = [spoken // calls] * calls if even else babble.sizes(calls, spoken)
        got = [heard // calls] * calls if even else babble.sizes(calls, heard)
        self.task = babble.text(1000)
        self.replies = [
            asks_for(babble.text(size), "lookup", {"key": babble.text(ARGUMENTS)}, name="call_" + babble.text(24))
            for size in said
        ]
        self.results = [babble.text(size) for size in got]
        self.answer = babble.text(500)

    @property
    def unique(self) -> int:
        """Bytes of everything that was said."""
        words = [self.task, self.answer, *self.results]
        for reply in self.replies:
            words += [reply.text, *(part for call in reply.calls for part in (call.id, call.tool, call.arguments))]
        return sum(len(text.encode()) for text in words)


async def hold(talk: Conversation, file: Path) -> dict[str, int]:
    """Hold the conversation through the kernel; the bytes that it took, in all and by what they are."""
    spoken = 0

    async def reply(_run: str, n: int) -> Reply:
        nonlocal spoken
        usage = Usage(input=spoken // 4, output=200, cached=spoken // 5)
        if n == len(talk.replies):
            return Reply(text=talk.answer, finish="stop", usage=usage, model="stub-model")
        said = talk.replies[n]
        spoken += len(said.text) + len(said.calls[0].arguments) + len(talk.results[n])
        return Reply(text=said.text, calls=said.calls, finish="tool_calls", usage=usage, model="stub-model")

    async def lookup(intent: Intent, _args: Mapping[str, Any]) -> Result:
        return Done(talk.results[int(intent.key.rpartition(".")[2]) // 2 - 1])

    store, clock = open_store(file)
    agent = clerk()
    await store.seal(clock.now())
    checkpoint(file)
    empty = file.stat().st_size
    bench = Workbench(store, clock, agents=[agent], tools=tools_of([LOOKUP], lookup), model=PlannedModel(reply))
    bench.route = Route(name="default", context=CONTEXT)
    run = await bench.start("clerk", talk.task)
    await bench.work(run)
    rows = await store.rows(run)
    events = [event_from(row.body) for row in rows]
    bodies = await store.blobs([name for event in events for name in blobs_of(event)])
    state = fold(run, events, bodies.__getitem__)
    await store.close()
    if state.ended is None or state.ended.state != "done" or len(state.effects) != 2 * len(talk.replies) + 1:
        raise RuntimeError(f"the conversation did not end as planned: {state.ended}")
    checkpoint(file)
    return {
        "unique": talk.unique + len(bodies[state.offered]),
        "grown": file.stat().st_size - empty,
        "events": len(rows),
        "event": sum(len(row.body) for row in rows),
        "link": sum(len(row.link) for row in rows),
        "blob": sum(len(body) for body in bodies.values()),
        **room(file),
    }


def room(file: Path) -> dict[str, int]:
    """Where the bytes of the file lie: in pages of tables, in pages of indexes, and how many hold nothing."""
    connection = database(file)
    found: dict[str, int] = {}
    for name, pages, unused in connection.execute(
        "SELECT name, sum(pgsize), sum(unused) FROM dbstat WHERE name IN "
        "('journal', 'journal_run', 'blobs', 'sqlite_autoindex_blobs_1', 'seals') GROUP BY name"
    ):
        kind = "index" if name in ("journal_run", "sqlite_autoindex_blobs_1") else name
        found[kind] = found.get(kind, 0) + int(pages)
        found["unused"] = found.get("unused", 0) + int(unused)
    connection.close()
    return found


async def main() -> None:
    """Hold the conversation, then shorter and even ones, and print the result."""
    job = job_from_command_line(__doc__)
    calls = options(__doc__, calls=100).calls
    mixed = await hold(Conversation(calls, 1), job.folder / "mixed.db")
    figures: dict[str, Any] = {"journal_ratio": mixed["grown"] / mixed["unique"]}
    stored = mixed["event"] + mixed["link"] + mixed["blob"]
    figures["stored_ratio"] = stored / mixed["unique"]
    each: dict[int, float] = {}
    for count in (calls // 4, calls // 2, calls):
        even = await hold(Conversation(count, 2, even=True), job.folder / f"even{count}.db")
        each[count] = even["grown"] / count
        figures[f"bytes_a_call_at_{count}"] = round(each[count])
        if count == calls:
            figures["even_ratio"] = even["grown"] / even["unique"]
    figures["growth"] = each[calls] / each[calls // 4]
    for name in ("unique", "grown", "event", "link", "blob", "journal", "blobs", "index", "seals", "unused"):
        figures[f"{name}_bytes"] = mixed.get(name, 0)
    settings = {**checkpoint(job.folder / "mixed.db"), "calls": calls, "events": mixed["events"]}
    print_result(line("journal", figures, settings))


if __name__ == "__main__":
    asyncio.run(main())
