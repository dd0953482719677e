"""Fills a database with runs that wait for an approval: as the kernel writes them, only faster.

One run goes through the kernel until it waits. What was committed for it is then committed for all the others under
their own names, with the links of their chains computed anew.
"""

import asyncio
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.stage import LOOKUP, PlannedModel, ToolFunction, a_lease, asks_for, checkpoint, clerk, tools_of
from deputy.adapters.store.sqlite import SqliteStore
from deputy.base.clock import Clock, SystemClock
from deputy.base.ids import new_run_id
from deputy.domain.agent import Grant
from deputy.domain.chain import GENESIS, link
from deputy.domain.delivery import Approve, InboxRow
from deputy.domain.effect import Done, Intent, Result, ToolSpec
from deputy.domain.message import Reply
from deputy.kernel.approval import shown
from deputy.ports.store import Commit, Item, Lease, NewRun, Row, RunRow
from deputy.testing.bench import Workbench

TEXT: dict[str, object] = {"type": "string"}
PAY = ToolSpec(
    name="pay",
    description="Pays an invoice.",
    parameters={
        "type": "object",
        "properties": {"iban": TEXT, "amount": TEXT, "reference": TEXT},
        "required": ["iban", "amount", "reference"],
    },
    effect="irreversible",
    repeat="keyed",
    authority=("iban", "amount"),
)
BILL = {"iban": "DE89370400440532013000", "amount": "1250.00", "reference": "INV-2026-000117"}
PAYER = clerk(
    name="payer",
    instructions="Pay what is due, once.",
    grants=(Grant(pattern="pay", autonomy="ask", approvers=("person:lin",)),),
)
PAUSES = (0.005, 0.015)  #: seconds that model and tool of a restless run take, so that no two keep step
BATCH = 2000  #: runs that are created, claimed and written at once


def payer(store: SqliteStore, clock: Clock, paid: ToolFunction) -> Workbench:
    """A kernel with an agent that pays one bill after an approval, and a clerk that looks up things for ever."""

    async def reply(_run: str, n: int) -> Reply:
        return Reply(text="Paid.", finish="stop") if n else asks_for("I pay this.", "pay", BILL)

    async def perform(intent: Intent, args: Mapping[str, Any]) -> Result:
        if "iban" in args:
            return await paid(intent, args)
        await asyncio.sleep(random.uniform(*PAUSES))
        return Done(args)

    model = PlannedModel(reply)
    bench = Workbench(store, clock, agents=[PAYER, clerk()], tools=tools_of([PAY, LOOKUP], perform), model=model)

    async def restless(run: str, n: int) -> Reply:
        await asyncio.sleep(random.uniform(*PAUSES))
        return asks_for("On and on.", "lookup", {"key": f"{run}:{n}"})

    bench.model = _ByAgent({"payer": model, "clerk": PlannedModel(restless)})
    return bench


class _ByAgent:
    """A model for each agent."""

    def __init__(self, models: Mapping[str, PlannedModel]) -> None:
        self._models = models

    async def complete(self, intent: Intent) -> Result:
        return await self._models[intent.agent].complete(intent)

    async def close(self) -> None:
        """Nothing to let go of."""


async def never_paid(_intent: Intent, _args: Mapping[str, Any]) -> Result:
    """What a builder's tool does."""
    raise RuntimeError("a run that waits for an approval has paid")


def approval(item: Item, *, at: Any) -> InboxRow:
    """The approval of an item by who may give it."""
    delivery = Approve(item.id, shown(item).digest)
    return InboxRow(id=f"answer:{item.id}", run=item.run, by="person:lin", at=at, delivery=delivery)


class _Recorder(SqliteStore):
    """The store, remembering what was committed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.seen: list[Commit] = []

    async def commit(self, commit: Commit) -> None:
        await super().commit(commit)
        self.seen.append(commit)


async def build(file: Path, count: int) -> None:
    """Fill a database with so many runs that wait for an approval."""
    clock = SystemClock()
    store = _Recorder.open(file, clock)
    assert isinstance(store, _Recorder)
    bench = payer(store, clock, never_paid)
    await bench.work(await bench.start("payer", "Pay what is due."))
    first, *others = store.seen
    (template,) = first.children
    async with a_lease(store) as holding:
        for made in range(1, count, BATCH):
            news = [_begun(template) for _ in range(min(BATCH, count - made))]
            await store.commit(Commit(run=news[0].id, lease=None, children=news))
            holding.until = await store.beat(holding.lease)
            async with asyncio.TaskGroup() as group:
                for taken in await store.claim(holding.lease, BATCH):
                    group.create_task(store.commit(_repeated(others, taken.run, holding.lease)))
            await store.seal(clock.now())
            store.seen.clear()
    await store.close()
    checkpoint(file)


def _begun(template: NewRun) -> NewRun:
    """Another run, begun as this one was."""
    name = new_run_id()
    body = template.started.body.replace(template.id.encode(), name.encode())
    return template._replace(id=name, root=name, started=Row(1, link(GENESIS, name, 1, body), body))


def _repeated(commits: Sequence[Commit], row: RunRow, lease: Lease) -> Commit:
    """Everything that these commits did to one run, done to another in a single commit."""
    name, old, new = commits[0].run, commits[0].run.encode(), row.id.encode()
    rows: list[Row] = []
    last = row.link
    for one in (one for commit in commits for one in commit.rows):
        body = one.body.replace(old, new)
        last = link(last, row.id, one.seq, body)
        rows.append(Row(one.seq, last, body))
    items = [
        item._replace(id=item.id.replace(name, row.id), run=row.id, body=item.body.replace(old, new))
        for commit in commits
        for item in commit.items
    ]
    moves = [move for commit in commits for move in commit.moves]
    state = next(commit.state for commit in commits if commit.state is not None)
    return Commit(
        run=row.id, lease=lease, head=(row.seq, row.link), rows=rows, items=items, moves=moves, state=state
    )  # fmt: skip
