"""A workspace's database with something of everything in it, made by the kernel itself; and how to look at it."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from deputy.adapters.store.sqlite import SqliteStore
from deputy.app.audit import Report, verify
from deputy.base.canonical import digest
from deputy.base.clock import SystemClock
from deputy.domain.agent import Agent, Grant
from deputy.domain.catalogue import Route
from deputy.domain.chain import link
from deputy.domain.cost import Cost, Limits
from deputy.domain.delivery import (
    Approve,
    AskBack,
    Cancel,
    Delegate,
    Delivery,
    InboxRow,
    Raise,
    Refuse,
    Reply,
    Settle,
    Tell,
)  # fmt: skip
from deputy.domain.effect import Done, InputRequired, Intent, Result, ToolSpec, Unknown
from deputy.domain.elicitation import Form
from deputy.domain.event import Workspace
from deputy.domain.label import TRUSTED
from deputy.domain.message import Prompt, Usage
from deputy.domain.message import Reply as ModelReply
from deputy.domain.stow import stow
from deputy.kernel.approval import shown
from deputy.kernel.desk import Desk
from deputy.ports.store import Anchor, Blob, Item, Row
from deputy.testing.bench import Workbench
from deputy.testing.fakes import CountingTools, StubModel, calls, says

__all__ = ["LARGE", "Company", "audited", "build", "opened"]

LARGE = "large " * 2000
FILES = b"the files of a version"
VERSION = digest(FILES)

OBJECT: dict[str, object] = {"type": "object"}
LOOK = ToolSpec(name="look", description="Look.", parameters=OBJECT, effect="read", repeat="safe")
SAVE = ToolSpec(name="save", parameters=OBJECT, effect="write", repeat="keyed")
PAY = ToolSpec(
    name="pay", description="Pay.", parameters={"type": "object", "properties": {"amount": {"type": "number"}}},
    effect="irreversible", repeat="never", authority=("amount",), output=TRUSTED, deadline=2.0,
)  # fmt: skip
GRANTS = (
    Grant(pattern="look", autonomy="act"),
    Grant(pattern="save", autonomy="act"),
    Grant(pattern="pay", autonomy="ask", approvers=("person:lin",)),
    Grant(pattern="person.*", autonomy="act"),
    Grant(pattern="agent.run", autonomy="act"),
)


def agent(name: str, *grants: Grant, **changes: Any) -> Agent:
    plain = Agent(name=name, owner="wei", version=VERSION, grants=grants or GRANTS)
    return msgspec.structs.replace(plain, **changes)


AGENTS = (
    agent("clerk", run_limits=Limits(steps=50), day_limits=Limits(money=10**9)),
    agent("hasty", Grant(pattern="pay", autonomy="ask", approvers=("person:lin",), expires=0.0)),
    agent("trusted", Grant(pattern="pay", autonomy="act")),
    agent("frugal", run_limits=Limits(steps=2)),
    agent("careful", run_limits=Limits(steps=4)),
    agent("shadow", Grant(pattern="pay", autonomy="shadow")),
    agent("idle"),
    agent("planner", driver="procedure"),
    agent("napper", driver="procedure"),
)


def script(prompt: Prompt) -> ModelReply | Result:
    """What the model says, by the task: what it asks for at first, then that it is done."""
    spent = Usage(input=100, output=10)
    if prompt.messages[0].text.startswith("Summarize"):
        return says(f"a summary {LARGE}", spent)
    if prompt.script.asked:
        return says("Because the order says so.", spent)
    before = len(prompt.script.before) - 1
    wanted = TASKS[prompt.script.task]
    if before < len(wanted):
        return ModelReply(calls=calls(*wanted[before]).calls, finish="tool_calls", usage=spent)
    return says(f"done: {LARGE if prompt.script.task == 'much' else 'all'}", spent)


PLACE: dict[str, object] = {"type": "object", "properties": {"place": {"type": "string"}}}
Step = Sequence[tuple[str, str]]
TASKS: dict[str, Sequence[Step]] = {
    "much": [[("look", "{}"), ("look", '{"more": 1}')], [("save", f'{{"text": "{LARGE}"}}')]],
    "pay": [[("pay", '{"amount": 7}')]],
    "pay and look": [[("pay", '{"amount": 8}'), ("look", "{}")]],
    "ask": [[("person.ask", '{"question": "Which?", "options": ["a", "b"]}'), ("person.tell", '{"text": "Hello."}')]],
    "tell": [[("person.tell", '{"to": "lin", "text": "Done soon."}')]],
    "delegate": [[("agent.run", '{"agent": "clerk", "task": "much"}')]],
    "delegate a payment": [[("save", "{}")], [("agent.run", '{"agent": "clerk", "task": "pay"}')]],
    "delegate a delegation": [[("agent.run", '{"agent": "clerk", "task": "delegate a payment"}')]],
    "delegate and go on": [[("agent.run", '{"agent": "clerk", "task": "much"}')], *[[("save", "{}")]] * 2],
    "steps": [[("save", f'{{"n": {n}}}')] for n in range(4)],
    "long": [[("look", f'{{"n": {n}}}')] for n in range(8)],
    "silence": [[]],
    "nonsense": [[("no.such", "{}"), ("look", "not json")]],
    "form": [[("save", '{"form": true}')]],
    "nothing": [],
}


async def plan(task: str, desk: Desk) -> str:
    """A procedure that does something of everything and ends."""
    await desk.note("begun")
    await desk.now()
    await desk.random()
    await desk.together(desk.call("save", n=1), desk.call("save", n=2), desk.call("look", big=True))
    await desk.ask_model("nothing")
    await desk.sleep(0.001)
    return await desk.spawn("clerk", "much")


async def nap(task: str, desk: Desk) -> str:
    """A procedure that sleeps for a day, after asking a person."""
    await desk.ask_person("May I?", to="lin")
    await desk.sleep(timedelta(days=1))
    return "rested"


async def tool(intent: Intent) -> Result:
    """What the tools answer."""
    request: Any = intent.request
    if "form" in request.args and request.input is None:
        return InputRequired("erp", {"where": Form(message="Where to?", schema=PLACE)}, "sealed")
    if request.spec.name == "pay" and intent.agent == "trusted":
        return Unknown("the line was cut")
    return Done({"text": LARGE} if request.spec.name == "look" and intent.agent == "clerk" else {"ok": True})


class Company:
    """The kernel at work, and the people who answer it."""

    def __init__(self, store: SqliteStore) -> None:
        self.store, self.clock = store, SystemClock()
        tools = CountingTools([LOOK, SAVE, PAY])
        tools.answer = tool
        self.bench = Workbench(
            store, self.clock, agents=AGENTS, tools=tools, model=StubModel(script),
            procedures={"planner": plan, "napper": nap},
        )  # fmt: skip

    async def start(self, name: str, task: str) -> str:
        return await self.bench.start(name, task)

    async def item(self, run: str) -> Item:
        return next(item for item in await self.store.items(run) if item.id.count(".") < 3 or item.kind != "question")

    async def send(self, run: str, name: str, delivery: Delivery, by: str = "person:lin") -> None:
        row = InboxRow(id=name, run=run, by=by, at=self.clock.now(), delivery=delivery)
        assert (await self.store.deliver(row)).fresh

    async def answer(self, run: str, make: Callable[[Item], Delivery]) -> None:
        item = await self.item(run)
        await self.send(run, f"answer:{item.id}", make(item))

    async def note(self, what: Any, subject: str) -> None:
        body, _ = stow(Workspace(at=self.clock.now(), what=what, by="person:wei", subject=subject, version=VERSION))
        freeze = (subject, what == "frozen") if what in ("frozen", "thawed") else None
        await self.store.note(lambda seq, last: Row(seq, link(last, "workspace", seq, body), body), freeze)


async def fill(company: Company) -> None:
    """Let everything happen that can."""
    start, answer, work = company.start, company.answer, company.bench.work
    await company.store.put_blob(Blob(VERSION, FILES))
    await company.note("created", "")
    await company.note("deployed", "clerk")
    await start("clerk", "much")
    await start("clerk", "nonsense")
    await start("clerk", "nothing")
    await start("clerk", "silence")
    await start("shadow", "pay")
    await start("planner", "plan")
    await start("clerk", "delegate")
    approved, edited, denied, confused = [await start("clerk", "pay and look") for _ in range(4)]
    happened, not_happened = [await start("trusted", "pay") for _ in range(2)]
    expired, cancelled, told = [await start(*of) for of in (("hasty", "pay"), ("clerk", "ask"), ("clerk", "ask"))]
    formed = await start("clerk", "form")
    raised, refused, asked = [await start(*of) for of in (("frugal", "steps"), ("frugal", "steps"), ("napper", "nap"))]
    shared = await start("careful", "delegate and go on")
    await work()
    await start("clerk", "long")
    company.bench.route = Route(name="default", context=8_000)
    await work()
    company.bench.route = Route(name="default")
    await answer(shared, lambda i: Raise(i.id, Cost(steps=100)))
    await answer(approved, lambda i: Approve(i.id, shown(i).digest))
    await answer(edited, lambda i: Approve(i.id, shown(i).digest, {"amount": 5}))
    await answer(denied, lambda i: Refuse(i.id, "too much"))
    await company.send(confused, "answer:of something else", Approve("x", "y"))
    await answer(happened, lambda i: Settle(i.id, True))
    await answer(not_happened, lambda i: Settle(i.id, False))
    await answer(raised, lambda i: Raise(i.id, Cost(steps=100)))
    await answer(refused, lambda i: Refuse(i.id, "enough"))
    await answer(asked, lambda i: Reply(i.id, "Yes."))
    await answer(formed, lambda i: Reply(i.id, '{"place": "Hamburg"}'))
    await company.send(cancelled, f"cancel:{cancelled}", Cancel("not needed"))
    await company.send(told, "tell:1", Tell(LARGE))
    await work()
    assert [(await company.store.run(run)).state for run in (approved, edited, denied, expired, raised, cancelled)] == [  # pyright: ignore[reportOptionalMemberAccess]
        "done", "done", "done", "done", "done", "cancelled",
    ]  # fmt: skip


async def leave_open(company: Company) -> None:
    """Let everything wait that can, and leave one run with a worker and one answer untaken."""
    start, work = company.start, company.bench.work
    for name, task in (
        ("clerk", "pay"), ("clerk", "ask"), ("clerk", "delegate a payment"), ("clerk", "delegate a delegation"),
        ("trusted", "pay"), ("frugal", "steps"), ("careful", "delegate and go on"), ("clerk", "tell"), ("idle", "tell"),
    ):  # fmt: skip
        if name == "idle":
            await company.note("frozen", "idle")
            await company.note("frozen", "*")
            await company.note("thawed", "*")
            company.bench.frozen = frozenset({"idle"})
        await start(name, task)
        await work()
    await start("clerk", "much")
    held = await start("clerk", "much")
    lease = await company.store.join("worker")
    assert [taken.run.id for taken in await company.store.claim(lease, 1, [held])] == [held]
    waiting = next(item for item in await company.store.items() if item.kind == "question")
    await company.send(waiting.run, f"answer:{waiting.id}", Reply(waiting.id, "a"))
    await talk(company)
    await company.store.seal(company.clock.now())


async def talk(company: Company) -> None:
    """Let people talk about what waits: ask the agent and each other, with an answer and without, and hand it on."""
    run, work = await company.start("clerk", "pay"), company.bench.work
    await work(run)
    item = (await company.item(run)).id
    await company.send(run, f"ask:{item}:1", AskBack(item, "Why this amount?", "agent"))
    await company.send(run, f"ask:{item}:2", AskBack(item, "Is this right?", "person:wei"))
    await company.send(run, f"ask:{item}:3", AskBack(item, "And this?", "person:wei"))
    await company.send(run, f"hand:{item}:1", Delegate(item, "lin", "You know them."))
    await company.send(run, f"hand:{item}:2", Delegate(item, "wei", "Never."))
    await work(run)
    await company.send(run, f"answer:{item}.2", Reply(f"{item}.2", "It is."), by="person:wei")
    await work(run)
    decided = await company.start("clerk", "pay")
    await work(decided)
    item = (await company.item(decided)).id
    await company.send(decided, f"ask:{item}:1", AskBack(item, "Is this right?", "person:wei"))
    await work(decided)
    await company.answer(decided, lambda i: Refuse(i.id, "Nobody said."))
    await company.send(decided, f"ask:{item}:2", AskBack(item, "Too late?", "agent"))
    await work(decided)


async def _build(folder: Path) -> None:
    store = SqliteStore.open(folder / "deputy.db", SystemClock())
    company = Company(store)
    try:
        await fill(company)
        await leave_open(company)
    finally:
        await store.close()


def build(folder: Path) -> None:
    """Make the database in this folder."""
    asyncio.run(_build(folder))


@contextlib.asynccontextmanager
async def opened(folder: Path) -> AsyncGenerator[SqliteStore]:
    store = SqliteStore.open(folder / "deputy.db", SystemClock())
    try:
        yield store
    finally:
        await store.close()


def audited(folder: Path, anchor: Anchor | None = None) -> Report:
    """What an audit says of the database in this folder."""

    async def scenario() -> Report:
        async with opened(folder) as store:
            return await verify(store, anchor=anchor)

    return asyncio.run(scenario())
