"""What the suite's tests stand on: a database that several stores open, a clock that a test moves, a run in hand."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from deputy.base.canonical import canonical
from deputy.base.clock import Clock
from deputy.domain.chain import GENESIS, link
from deputy.domain.delivery import Delivery, InboxRow, Tell
from deputy.ports.store import Commit, Item, Lease, NewRun, Row, StateChange, Store, Taken, Timer

__all__ = [
    "NOON", "Hand", "OpenStore", "StillClock", "World", "answers_of", "change", "later", "mail", "new_run", "note",
    "rows_after", "scenario", "timer",
]  # fmt: skip

OpenStore = Callable[[Clock], Store]  #: a store on one and the same database, each time; called in a running loop

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
PATIENCE = 20.0  #: seconds (real ones) until something that should happen soon counts as never happening


class StillClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.passed = 0.0

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.passed)

    def boot(self) -> float:
        return 1000.0 + self.passed

    def random(self) -> float:
        return 0.5

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)

    def move(self, seconds: float) -> None:
        self.passed += seconds


class World:
    """One database, and everything that was opened on it."""

    def __init__(self, open_store: OpenStore, clock: StillClock) -> None:
        self.clock = clock
        self._open_store, self._opened = open_store, list[Store]()
        self.store = self.another()

    def another(self) -> Store:
        """One more store on the database, as another process would have."""
        self._opened.append(self._open_store(self.clock))
        return self._opened[-1]

    async def reopened(self) -> Store:
        """Close everything and open the database anew."""
        await self.close()
        self.store = self.another()
        return self.store

    async def close(self) -> None:
        """Close every store; what was opened later goes first."""
        while self._opened:
            await self._opened.pop().close()

    async def create(self, *names: str, **fields: str) -> None:
        """Create runs, ready, in this order."""
        runs = [new_run(name, **fields) for name in names]
        await self.store.commit(Commit(names[0], None, children=runs))

    async def hold(self, *names: str, store: Store | None = None) -> list["Hand"]:
        """Create runs and claim them with a worker of their own."""
        store = store or self.store
        await self.create(*names)
        lease = await store.join("worker")
        return [Hand(store, lease, taken) for taken in await store.claim(lease, len(names), names)]

    async def hand(self, name: str = "r-one") -> "Hand":
        """Create a run and claim it."""
        return (await self.hold(name))[0]

    async def happens(self, event: asyncio.Event) -> None:
        """Return once something has happened; fails if it never does."""
        async with asyncio.timeout(PATIENCE):
            await event.wait()


class Hand:
    """A run in its owner's hands: knows the end of its journal, and makes commits that continue it."""

    def __init__(self, store: Store, lease: Lease, taken: Taken) -> None:
        self.store, self.lease, self.taken, self.run = store, lease, taken, taken.run.id
        self.head = (taken.run.seq, taken.run.link)

    def draft(self, *bodies: bytes, **rest: Any) -> Commit:
        """A commit of these events and whatever else; nothing is written."""
        head = rest.pop("head", self.head)
        return Commit(self.run, rest.pop("lease", self.lease), head, rows_after(self.run, head, bodies), **rest)

    async def commit(self, *bodies: bytes, **rest: Any) -> None:
        """Write such a commit."""
        await self.take(self.draft(*bodies, **rest))

    async def take(self, commit: Commit) -> None:
        """Write a commit that was drafted."""
        await self.store.commit(commit)
        if commit.rows:
            self.head = (commit.rows[-1].seq, commit.rows[-1].link)

    def item(self, name: str, *, expires: datetime | None = None, created: datetime = NOON, **rest: Any) -> Item:
        """Something of this run that waits for a person."""
        return Item(name, self.run, rest.get("kind", "approval"), created, expires, canonical({"item": name}))


def rows_after(run: str, head: tuple[int, bytes], bodies: Sequence[bytes]) -> list[Row]:
    """Events that continue a journal."""
    (seq, last), rows = head, list[Row]()
    for body in bodies:
        seq, last = seq + 1, link(last, run, seq + 1, body)
        rows.append(Row(seq, last, body))
    return rows


def mail(run: str, name: str, delivery: Delivery | None = None, *, by: str = "person:wei") -> InboxRow:
    """Something for a run's inbox."""
    return InboxRow(id=name, run=run, by=by, at=NOON, delivery=delivery or Tell(name))


def note(seq: int, before: bytes) -> Row:
    """The next event of the workspace's own journal."""
    return rows_after("workspace", (seq - 1, before), [canonical({"note": seq})])[0]


def new_run(name: str, *, parent: str = "", root: str = "", agent: str = "payables", **rest: Any) -> NewRun:
    """A run to be created, with its first event."""
    started = rows_after(name, (0, GENESIS), [canonical({"started": name})])[0]
    return NewRun(name, agent, "v1", "loop", "wei", parent, root or parent or name, NOON, started, **rest)


def change(state: Any, summary: str = "") -> StateChange:
    """A change of state, at noon."""
    return StateChange(state, NOON, summary)


def later(seconds: float) -> datetime:
    """So long after noon."""
    return NOON + timedelta(seconds=seconds)


def timer(name: str, seconds: float) -> Timer:
    """A timer that is due so long after noon."""
    return Timer(name, later(seconds))


T = TypeVar("T")


async def answers_of(*asked: Coroutine[Any, Any, T]) -> list[T | BaseException]:
    """What came of things asked for together: values and errors, in order."""
    tasks = [asyncio.create_task(ask) for ask in asked]
    await asyncio.wait(tasks)
    return [task.exception() or task.result() for task in tasks]


def scenario(test: Callable[[Any, World], Coroutine[Any, Any, None]]) -> Callable[[Any, OpenStore], None]:
    """A test that anybody can call with a way to open stores: in a loop of its own, on a world of its own."""

    def run(self: Any, open_store: OpenStore) -> None:
        async def play() -> None:
            world = World(open_store, StillClock())
            try:
                await test(self, world)
            finally:
                await world.close()

        asyncio.run(play())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    run.__qualname__, run.__module__ = test.__qualname__, test.__module__
    return run
