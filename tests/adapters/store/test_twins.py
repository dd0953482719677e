"""The store on SQLite and the one in memory are told the same things, in any order, and never differ in an answer."""

import asyncio
import contextlib
import os
import random
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar, cast

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace

from deputy.adapters.store.sqlite import SqliteStore
from deputy.base.canonical import digest
from deputy.base.errors import OverBudget
from deputy.domain.cost import NOTHING, Cost, Limits
from deputy.domain.delivery import Approve, InboxRow, Tell
from deputy.ports.store import (
    Blob,
    Commit,
    Inbound,
    Item,
    Lease,
    Move,
    NewRun,
    Row,
    RunState,
    StateChange,
    Store,
)  # fmt: skip
from deputy.testing.conformance import StillClock
from deputy.testing.conformance.world import answers_of, later, mail, new_run, note, rows_after, timer
from deputy.testing.memory import MemoryDatabase, MemoryStore

RUNS = [f"run-{n}" for n in range(9)]
AGENTS = ["payables", "helpdesk"]
ITEMS = [f"item-{n}" for n in range(8)]
BLOBS = [Blob(digest(body), body) for body in (b"one", b"two")]
ItemKind = Literal["approval", "message"]
T = TypeVar("T")

# -- what commits say

small = st.integers(-3, 6)
costs = st.builds(Cost, money=small, tokens=st.sampled_from([0, 0, 2]))
limits = st.none() | st.builds(Limits, money=st.none() | st.integers(0, 6), tokens=st.none() | st.integers(0, 3))
moves = st.builds(
    Move, account=st.sampled_from(["day", "team"]), hold=costs, spend=st.builds(Cost, money=st.integers(0, 3)),
    limit=limits, raised=st.just(NOTHING) | st.builds(Cost, money=st.integers(0, 4)),
)  # fmt: skip
deliveries = st.builds(
    mail, run=st.sampled_from(RUNS),
    name=st.sampled_from([*[f"row-{n}" for n in range(8)], *[f"answer:{item}" for item in ITEMS]]),
    delivery=st.sampled_from([Tell("hello"), Tell("again"), Approve("item-1", "digest")]),
    by=st.sampled_from(["person:wei", "person:lin"]),
)  # fmt: skip
children = st.builds(new_run, st.sampled_from(RUNS), parent=st.sampled_from(["", *RUNS]), agent=st.sampled_from(AGENTS))
states = st.sampled_from(["ready", "running", "waiting", "waiting", "done", "failed", "cancelled"])
words = st.sampled_from(["", "frozen", "budget", "approval"])
seconds = st.integers(0, 40)


class Plan(NamedTuple):
    """What a commit says, whoever makes it."""

    which: int  #: of the runs in hand
    events: int = 0
    wrong: str = ""  #: the precondition that it does not meet on purpose
    moves: Sequence[Move] = ()
    thawed: str = ""
    grant: str = ""
    timers: Sequence[tuple[str, int]] = ()
    timers_off: Sequence[str] = ()
    items: Sequence[tuple[str, ItemKind, int | None]] = ()
    items_off: Sequence[str] = ()
    take: int = 0
    deliveries: Sequence[InboxRow] = ()
    children: Sequence[NewRun] = ()
    blobs: Sequence[Blob] = ()
    state: tuple[RunState, str] | None = None


def some(strategy: st.SearchStrategy[Any], most: int = 2) -> st.SearchStrategy[Any]:
    """Usually nothing, sometimes a few."""
    return st.just(()) | st.just(()) | st.lists(strategy, max_size=most).map(tuple)


plans = st.builds(
    Plan,
    which=st.integers(0, 8),
    events=st.integers(0, 3),
    wrong=st.sampled_from([*[""] * 16, "head", "epoch", "nobody", "chain", "given up"]),
    moves=st.just(()) | st.lists(moves, min_size=1, max_size=3).map(tuple),
    thawed=st.sampled_from(["", "", "", *AGENTS]),
    grant=st.sampled_from([*[""] * 8, *[f"grant-{n}" for n in range(6)]]),
    timers=some(st.tuples(st.sampled_from(["t-1", "t-2"]), seconds)),
    timers_off=some(st.sampled_from(["t-1", "t-2"])),
    items=some(st.tuples(st.sampled_from(ITEMS), st.sampled_from(["approval", "message"]), st.none() | seconds)),
    items_off=some(st.sampled_from(ITEMS)),
    take=st.integers(0, 2),
    deliveries=some(deliveries),
    children=some(children, 1),
    blobs=some(st.sampled_from(BLOBS)),
    state=st.none() | st.none() | st.none() | st.tuples(states, words),
)


def plan_by(chance: random.Random) -> Plan:
    """A plan drawn by lot: more of it meets its preconditions than where every part is explored."""

    def few(make: Callable[[], T]) -> tuple[T, ...]:
        return tuple(make() for _ in range(chance.choice((0, 0, 0, 1, 2))))

    def move() -> Move:
        limit = chance.choice((None, None, Limits(money=chance.randrange(12)), Limits(money=9, tokens=3)))
        hold = Cost(chance.randrange(-3, 7), chance.choice((0, 0, 2)))
        raised = Cost(chance.choice((0, 0, 0, 2)))
        return Move(chance.choice(("day", "team")), hold, Cost(chance.randrange(3), chance.randrange(2)), limit, raised)

    def item() -> tuple[str, ItemKind, int | None]:
        return chance.choice(ITEMS), chance.choice(("approval", "message")), chance.choice((None, chance.randrange(40)))

    def child() -> NewRun:
        return new_run(chance.choice(RUNS), parent=chance.choice(("", *RUNS)))

    run_states: tuple[RunState, ...] = ("ready", "running", "waiting", "waiting", "done", "failed")
    return Plan(
        chance.randrange(9), chance.randrange(3),
        chance.choice((*[""] * 24, "head", "epoch", "nobody", "chain", "given up")),
        few(move), chance.choice(("", "", "", *AGENTS)), chance.choice((*[""] * 9, f"grant-{chance.randrange(20)}")),
        few(lambda: (chance.choice(("t-1", "t-2")), chance.randrange(40))), few(lambda: chance.choice(("t-1", "t-2"))),
        few(item)[:1], few(lambda: chance.choice(ITEMS)), chance.randrange(3), few(lambda: delivery_by(chance)),
        few(child)[: chance.randrange(2)], (),
        chance.choice((None, None, None, (chance.choice(run_states), chance.choice(("", "frozen", "budget"))))),
    )  # fmt: skip


def delivery_by(chance: random.Random) -> InboxRow:
    """Something for an inbox, drawn by lot."""
    name = chance.choice((f"row-{chance.randrange(60)}", f"answer:{chance.choice(ITEMS)}"))
    by = chance.choice(("person:wei", "person:lin"))
    return mail(chance.choice(RUNS), name, Tell(str(chance.randrange(3))), by=by)


def _item(run: str, name: str, kind: ItemKind, expires: int | None) -> Item:
    return Item(name, run, kind, later(0), None if expires is None else later(expires), b"{}")


def _spoiled(commit: Commit, wrong: str) -> Commit:
    match wrong:
        case "head":
            return replace(commit, head=(commit.head[0] + 1, commit.head[1]))
        case "epoch" if commit.lease is not None:
            return replace(commit, lease=commit.lease._replace(epoch=commit.lease.epoch + 1))
        case "nobody":
            return replace(commit, lease=None)
        case "chain":
            return replace(commit, rows=[*commit.rows, Row(99, b"link", b"body")])
        case _:
            return commit


# -- the two, side by side


class Side:
    """One of the two: its stores, and the leases that they gave."""

    def __init__(self, stores: list[Store]) -> None:
        self.stores = stores
        self.leases: list[Lease] = []
        self.held: dict[str, tuple[int, tuple[int, bytes]]] = {}  #: whose a run is, and the head they know
        self.given_up: dict[str, tuple[int, tuple[int, bytes]]] = {}

    def run_of(self, plan: Plan) -> str:
        """The run that a plan is about."""
        runs = sorted(self.given_up if plan.wrong == "given up" else self.held) or RUNS
        return runs[plan.which % len(runs)]

    async def join(self, kind: str) -> None:
        """One more worker, of the next store in turn."""
        self.leases.append(await self.stores[len(self.leases) % 2].join(kind))

    async def claim(self, who: int, most: int, only: Sequence[str] = ()) -> object:
        """Claim runs for a worker."""
        n = who % len(self.leases)
        taken = await self.stores[n % 2].claim(self.leases[n], most, only)
        for one in taken:
            self.held[one.run.id] = (n, (one.run.seq, one.run.link))
        return [(one.run, list(one.rows), _common(list(one.inbound))) for one in taken]

    async def commit(self, plan: Plan) -> None:
        """Commit what a plan says."""
        run = self.run_of(plan)
        who, head = self.held.get(run) or self.given_up.get(run) or (0, (0, b""))
        lease, store = self.leases[who], self.stores[who % 2]
        rows = rows_after(run, head, [b"%d of %d" % (n, head[0]) for n in range(plan.events)])
        commit = Commit(
            run, lease, head, rows, plan.blobs, plan.moves, plan.thawed, plan.grant,
            [timer(name, due) for name, due in plan.timers], plan.timers_off,
            [_item(run, *item) for item in plan.items], plan.items_off,
            [row.position for row in (await store.inbound(run))[: plan.take]], plan.deliveries, plan.children,
            None if plan.state is None else StateChange(plan.state[0], later(head[0]), plan.state[1]),
        )  # fmt: skip
        await store.commit(_spoiled(commit, plan.wrong))
        if rows:
            self.held[run] = (who, (rows[-1].seq, rows[-1].link))
        if plan.state is not None and plan.state[0] != "running":
            self.given_up[run] = self.held.pop(run)

    async def observed(self) -> list[object]:
        """Everything that can be asked of a store, in words that both use."""
        store = self.stores[0]
        asked: list[Coroutine[Any, Any, Any]] = [
            store.runs(), store.runs(states=["ready", "waiting"], most=3), store.runs(parent="run-0"),
            store.runs(root="run-0"), *[store.rows(name) for name in (*RUNS, "workspace")],
            *[store.inbound(name) for name in RUNS], *[store.timers(name) for name in RUNS],
            *[store.answer_of(item) for item in ITEMS], *[store.mail(lease) for lease in self.leases],
            store.items(), store.items("run-1"), store.item("item-1"), store.accounts(), store.account("day"),
            store.frozen(), store.seals(), store.blobs([blob.digest for blob in BLOBS]), store.check(),
            store.matching("run", "un-1"), store.matching("item", "em-2"), store.run("run-2"), store.seals(1),
        ]  # fmt: skip
        numbers = {lease.worker: n for n, lease in enumerate(self.leases)}
        workers = [(numbers[w.id], w.epoch, w.kind, w.alive) for w in await store.workers()]
        return [*[_common(answer) for answer in await answers_of(*asked)], sorted(workers)]


def _common(value: Any) -> Any:
    """An answer without what each store numbers for itself."""
    if isinstance(value, Inbound):
        return value._replace(position=0)
    if isinstance(value, dict):
        return {name: _common(rows) for name, rows in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_common(one) for one in cast("list[Any]", value)]
    return value


def _answer(value: object) -> object:
    """An answer or an error, as both would give it."""
    if isinstance(value, OverBudget):
        return (type(value), value.account, value.unit, value.spent)
    return type(value) if isinstance(value, BaseException) else value


class Twins(RuleBasedStateMachine):
    """Both stores, each as two processes would have it open, driven by the same hand."""

    @initialize()
    def open(self) -> None:
        self.exits = contextlib.ExitStack()
        memory = Path("/dev/shm")  # syncs that cost nothing: what is compared here is meaning
        where = memory if os.access(memory, os.W_OK) else None
        folder = Path(self.exits.enter_context(tempfile.TemporaryDirectory(dir=where)))
        self.runner = self.exits.enter_context(asyncio.Runner())
        self.clock, database = StillClock(), MemoryDatabase()

        async def sides() -> tuple[Side, Side]:
            lasting: list[Store] = [SqliteStore.open(folder / "deputy.db", self.clock) for _ in range(2)]
            return Side(lasting), Side([MemoryStore(self.clock, database) for _ in range(2)])

        self.sides = self.runner.run(sides())
        runs = [new_run(name) for name in RUNS[:4]]
        self.both(lambda side: side.stores[0].commit(Commit("run-0", None, children=runs)))
        for who in range(2):
            self.both(lambda side: side.join("worker"))
            self.both(lambda side, who=who: side.claim(who, 2))

    def teardown(self) -> None:
        if hasattr(self, "sides"):
            for side in self.sides:
                for store in side.stores:
                    self.runner.run(store.close())
            self.exits.close()

    def both(self, ask: Callable[[Side], Coroutine[Any, Any, object]]) -> object:
        """Ask both the same; their answer."""
        lasting, fleeting = [_answer(self.runner.run(answers_of(ask(side)))[0]) for side in self.sides]
        assert lasting == fleeting
        return lasting

    # -- what happens

    @rule(plan=plans)
    def commit(self, plan: Plan) -> None:
        self.both(lambda side: side.commit(plan))

    @rule(together=st.lists(plans, min_size=2, max_size=5, unique_by=lambda plan: plan.which))
    def commit_together(self, together: list[Plan]) -> None:
        one = self.sides[0]
        first = [plan for plan in together if one.held.get(one.run_of(plan), (0,))[0] % 2 == 0]  # two stores would race

        async def commit(side: Side) -> list[object]:
            return [_answer(answer) for answer in await answers_of(*[side.commit(plan) for plan in first])]

        if len({one.run_of(plan) for plan in first}) == len(first) > 1:
            self.both(commit)

    @rule(seed=st.integers(0, 1 << 32))
    def bustle(self, seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(8):
            match chance.choice(("commit", "commit", "commit", "commit", "claim", "claim", "deliver", "fire")):
                case "commit":
                    self.commit(plan_by(chance))
                case "claim":
                    self.claim(chance.randrange(6), chance.randrange(1, 5))
                case "deliver":
                    self.deliver(delivery_by(chance), chance.randrange(2))
                case _:
                    self.do("fire", chance.randrange(40), "", "*")

    @rule(who=st.integers(0, 5), most=st.integers(1, 4))
    def claim(self, who: int, most: int) -> None:
        self.both(lambda side: side.claim(who, most))

    @rule(who=st.integers(0, 5), only=st.lists(st.sampled_from(RUNS), min_size=1, max_size=2))
    def claim_among(self, who: int, only: Sequence[str]) -> None:
        self.both(lambda side: side.claim(who, 3, only))

    @rule(row=deliveries, store=st.integers(0, 1))
    def deliver(self, row: InboxRow, store: int) -> None:
        self.both(lambda side: side.stores[store].deliver(row))

    @rule(runs=st.lists(children, min_size=1, max_size=2))
    def create(self, runs: list[NewRun]) -> None:
        self.both(lambda side: side.stores[0].commit(Commit(runs[0].id, None, children=runs)))

    @rule(
        what=st.sampled_from(["fire", "fire", "seal", "wake", "freeze", "thaw", "thaw", "blob"]),
        at=seconds, word=words, name=st.sampled_from([*AGENTS, "*"]),
    )  # fmt: skip
    def do(self, what: str, at: int, word: str, name: str) -> None:
        asked: dict[str, Callable[[Side], Coroutine[Any, Any, object]]] = {
            "fire": lambda side: side.stores[1].fire(later(at)),
            "seal": lambda side: side.stores[0].seal(later(at)),
            "wake": lambda side: side.stores[1].wake(word),
            "freeze": lambda side: side.stores[0].note(note, (name, True)),
            "thaw": lambda side: side.stores[1].note(note, (name, False)),
            "blob": lambda side: side.stores[0].put_blob(BLOBS[at % 2]),
        }
        self.both(asked[what])

    @rule(what=st.sampled_from(["join", "beat", "beat", "leave", "reap", "pass"]), who=st.integers(0, 5))
    def work(self, what: str, who: int) -> None:
        n = who % len(self.sides[0].leases)
        asked: dict[str, Callable[[Side], Coroutine[Any, Any, object]]] = {
            "join": lambda side: side.join("run"),
            "beat": lambda side: side.stores[n % 2].beat(side.leases[n]),
            "leave": lambda side: side.stores[n % 2].leave(side.leases[n]),
            "reap": lambda side: side.stores[who % 2].reap(),
        }
        if what == "pass":
            self.clock.move((1, 4, 11)[who % 3])
        else:
            self.both(asked[what])

    # -- what is seen

    @invariant()
    def they_are_alike(self) -> None:
        if hasattr(self, "sides"):
            lasting, fleeting = [self.runner.run(side.observed()) for side in self.sides]
            assert lasting == fleeting


TestTwins = Twins.TestCase
TestTwins.settings = settings(
    max_examples=50, stateful_step_count=30, deadline=None, derandomize=True,
    phases=[Phase.explicit, Phase.generate],  # add Phase.shrink, and minutes, for the shortest story of a failure
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
