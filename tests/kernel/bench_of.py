"""A kernel on a fresh SQLite file for one test, and short words for what tests do with it."""

import contextlib
import itertools
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from deputy.adapters.store.sqlite import SqliteStore
from deputy.base.clock import SystemClock
from deputy.domain.agent import Agent, Grant
from deputy.domain.cost import Cost
from deputy.domain.delivery import Approve, Delivery, InboxRow, Raise, Refuse, Reply, Settle
from deputy.domain.effect import Result, ToolSpec
from deputy.domain.event import event_from
from deputy.domain.label import TRUSTED
from deputy.domain.message import Prompt
from deputy.domain.message import Reply as ModelReply
from deputy.domain.run import Run, fold
from deputy.domain.stow import blobs_of
from deputy.kernel.approval import Asked, shown
from deputy.kernel.procedure import Procedure
from deputy.ports.store import Item
from deputy.testing.bench import Workbench
from deputy.testing.fakes import CountingTools, StubModel

__all__ = ["PAY", "READ", "WRITE", "agent", "answer", "asked", "bench", "scripted", "state"]

OBJECT: dict[str, object] = {"type": "object"}
READ = ToolSpec(name="look", parameters=OBJECT, effect="read", repeat="safe")
WRITE = ToolSpec(name="save", parameters=OBJECT, effect="write", repeat="keyed")
PAY = ToolSpec(
    name="pay",
    parameters={"type": "object", "properties": {"amount": {"type": "number"}}, "required": ["amount"]},
    effect="irreversible",
    repeat="never",
    authority=("amount",),
    output=TRUSTED,
    deadline=2.0,
)


def agent(name: str = "clerk", **changes: Any) -> Agent:
    """An agent that may use the three tools, asking before it pays."""
    grants = (
        Grant(pattern="look", autonomy="act"),
        Grant(pattern="save", autonomy="act"),
        Grant(pattern="pay", autonomy="ask", approvers=("person:lin",)),
        Grant(pattern="person.*", autonomy="act"),
        Grant(pattern="agent.run", autonomy="act"),
    )
    return msgspec.structs.replace(Agent(name=name, owner="wei", version="0" * 64, grants=grants), **changes)


def scripted(*replies: ModelReply | Result) -> StubModel:
    """A model that gives these replies, by the number of the call in its run."""

    def reply(prompt: Prompt) -> ModelReply | Result:
        return replies[len(prompt.script.before) - 1]

    return StubModel(reply)


@contextlib.asynccontextmanager
async def bench(
    folder: Path,
    model: StubModel | None = None,
    *,
    agents: Sequence[Agent] = (),
    tools: Sequence[ToolSpec] = (READ, WRITE, PAY),
    procedures: Mapping[str, Procedure] | None = None,
) -> AsyncGenerator[Workbench]:
    """A workbench whose database lies in a folder."""
    clock = SystemClock()
    store = SqliteStore.open(folder / "deputy.db", clock)
    try:
        yield Workbench(
            store, clock, agents=agents or [agent()], tools=CountingTools(tools), model=model or scripted(),
            procedures=procedures,
        )  # fmt: skip
    finally:
        await store.close()


async def state(work: Workbench, run: str) -> Run:
    """What the journal says of a run."""
    events = [event_from(row.body) for row in await work.store.rows(run)]
    bodies = await work.store.blobs([name for event in events for name in blobs_of(event)])
    return fold(run, events, bodies.__getitem__)


async def asked(work: Workbench, kind: str = "") -> list[tuple[Item, Asked]]:
    """What waits for people."""
    return [(i, shown(i)) for i in await work.store.items() if not kind or i.kind == kind]


_senders = itertools.count()


async def answer(
    work: Workbench, item: Item, say: Callable[[Item], Delivery] | str | bool | Cost, by: str = "lin"
) -> bool:
    """Answer an item: True approves (or settles), False refuses, text replies; True if it was the first answer."""
    digest = shown(item).digest
    match say:
        case bool() if item.kind == "in_doubt":
            delivery: Delivery = Settle(item.id, say)
        case bool():
            delivery = Approve(item.id, digest) if say else Refuse(item.id, "no")
        case str():
            delivery = Reply(item.id, say)
        case Cost():
            delivery = Raise(item.id, say)
        case _:
            delivery = say(item)
    row = InboxRow(id=f"answer:{item.id}", run=item.run, by=f"person:{by}", at=work.clock.now(), delivery=delivery)
    return (await work.store.deliver(row)).fresh
