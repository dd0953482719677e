"""Runs that nobody asks for start once, however many processes look, whoever dies, and however late it is."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from deputy.base.canonical import canonical
from deputy.base.errors import DeputyError, StoreError
from deputy.domain.agent import Agent
from deputy.domain.event import Started, Workspace, event_from
from deputy.domain.occasion import Occasion
from deputy.domain.trigger import Folder, Missed, Overlap, Schedule, Trigger
from deputy.kernel.starter import UNREACHABLE, Look, Starter
from deputy.ports.arrivals import Arrival, Present
from deputy.ports.store import Commit, StateChange, Store
from deputy.testing.conformance import StillClock
from deputy.testing.conformance.world import NOON
from deputy.testing.memory import MemoryDatabase, MemoryStore


def timed(name: str = "tick", *, overlap: Overlap = "allow", **source: Any) -> Trigger:
    """A trigger of the agent `clerk`, every minute unless another schedule is given."""
    schedule = Schedule(**(source or {"cron": "* * * * *"}))
    return Trigger(agent="clerk", name=name, number=1, task=f"do {name}", source=schedule, overlap=overlap)


class Office:
    """What the starter needs to know, for a test to say."""

    def __init__(self, *triggers: Trigger) -> None:
        self.declared: Mapping[str, Trigger] = {}
        self.ice: frozenset[str] = frozenset()
        self.notices: list[str] = []
        self.found = Look()
        self.there: Present | None = None
        self.declare(*triggers)

    def declare(self, *triggers: Trigger) -> None:
        self.declared = {trigger.key: trigger for trigger in triggers}

    def triggers(self) -> Mapping[str, Trigger]:
        return self.declared

    async def frozen(self) -> frozenset[str]:
        return self.ice

    async def agent(self, name: str) -> Agent:
        return Agent(name=name, owner="wei", version="0" * 64)

    async def place(self, run: str, occasion: Occasion) -> None: ...

    def polled(self, trigger: Trigger) -> float | None:
        return trigger.source.every if isinstance(trigger.source, Folder) else None

    async def look(self, trigger: Trigger, cursor: str) -> Look:
        return self.found

    def present(self, trigger: Trigger) -> Present | None:
        return self.there

    def notice(self, text: str) -> None:
        self.notices.append(text)


async def starts(store: Store) -> list[Started]:
    """The first events of all runs, oldest first."""
    found: list[Started] = []
    for run in reversed(await store.runs()):
        event = event_from((await store.rows(run.id))[0].body)
        assert isinstance(event, Started)
        found.append(event)
    return found


async def times(store: Store) -> list[float]:
    """Minutes after noon that runs began for."""
    return sorted((s.occasion.at - NOON).total_seconds() / 60 for s in await starts(store) if s.occasion)


async def noted(store: Store) -> list[tuple[str, str]]:
    """What the workspace's own journal says."""
    events = [event_from(row.body) for row in await store.rows("workspace")]
    return [(e.what, e.detail) for e in events if isinstance(e, Workspace)]


async def finish(store: Store) -> None:
    """Let every open run be over."""
    lease = await store.join("worker")
    for taken in await store.claim(lease, 1000):
        head = (taken.run.seq, taken.run.link)
        await store.commit(Commit(taken.run.id, lease, head, state=StateChange("done", NOON)))
    await store.leave(lease)


def play(scenario: Callable[[StillClock, Store], Coroutine[Any, Any, None]]) -> None:
    clock = StillClock()

    async def run() -> None:
        store = MemoryStore(clock)
        await scenario(clock, store)
        await store.close()

    asyncio.run(run())


def test_a_schedule_begins_with_its_next_time_and_starts_a_run_at_each():
    async def scenario(clock: StillClock, store: Store) -> None:
        starter = Starter(store, clock, Office(timed()))
        assert await starter.tend() == NOON + timedelta(minutes=1)
        assert await starts(store) == []
        for _ in range(3):
            clock.move(60)
            await starter.tend()
        assert await times(store) == [1, 2, 3]
        started = (await starts(store))[0]
        assert started.occasion is not None
        assert (started.agent, started.task, started.trigger) == ("clerk", "do tick", "schedule")
        assert (started.by, started.on_behalf_of, started.label.tainted) == ("system", "wei", False)
        assert (started.occasion.trigger, started.occasion.id) == ("clerk/tick", "2026-11-23T12:01:00+00:00")
        assert await noted(store) == []

    play(scenario)


def test_a_thousand_schedules_over_seven_days_fire_once_each_while_three_processes_come_and_go():
    clock, chance, database = StillClock(), random.Random(7), MemoryDatabase()
    office = Office(*[timed(f"t{n}", cron=f"{n % 60} {n % 24} * * *") for n in range(1000)])

    async def main() -> None:
        stores = [MemoryStore(clock, database) for _ in range(3)]
        starters = [Starter(store, clock, office) for store in stores]
        await starters[0].tend()
        while clock.passed < 7 * 86_400:
            clock.move(chance.randint(600, 9000))
            if chance.random() < 0.1:
                gone = chance.randrange(3)  # and what it knew is gone with it
                await stores[gone].close()
                stores[gone] = MemoryStore(clock, database)
                starters[gone] = Starter(stores[gone], clock, office)
            first, second = chance.sample(starters, 2)
            async with asyncio.TaskGroup() as both:
                both.create_task(first.tend())
                both.create_task(second.tend())
        clock.move(7 * 86_400 - clock.passed)
        found = Counter[tuple[str, str]]()
        for store in stores[:1]:
            for trigger in office.declared:
                for row in await store.arrivals.newest(trigger, 50):
                    assert row.run
                    found[row.trigger, row.id] += 1
        assert set(found.values()) == {1}
        assert len(found) >= 7000
        assert len(await stores[0].runs()) == len(found)
        for store in stores:
            await store.close()

    asyncio.run(main())


@pytest.mark.parametrize(("missed", "ran"), [("run_once", [10]), ("skip", [10]), ("run_all", [*range(1, 11)])])
def test_what_was_missed_is_made_up_for_as_the_policy_says_and_said(missed: Missed, ran: list[float]):
    async def scenario(clock: StillClock, store: Store) -> None:
        office = Office(timed(cron="* * * * *", missed=missed))
        await Starter(store, clock, office).tend()
        clock.move(600)
        await Starter(store, clock, office).tend()
        assert await times(store) == ran
        ((what, detail),) = await noted(store)
        assert what == "missed"
        assert detail.startswith("8 times passed unheeded (2026-11-23T12:01:00+00:00 to ")
        assert office.notices == [f"clerk/tick: {detail}"]
        (row,) = await store.arrivals.triggers()
        assert (row.alarm, row.alarmed) == (detail, clock.now())

    play(scenario)


@pytest.mark.parametrize(("missed", "ran"), [("run_once", [60]), ("skip", []), ("run_all", [60])])
def test_one_that_is_late_was_missed(missed: Missed, ran: list[float]):
    async def scenario(clock: StillClock, store: Store) -> None:
        office = Office(timed(cron="0 * * * *", missed=missed))
        await Starter(store, clock, office).tend()
        clock.move(3600 + 61)
        await Starter(store, clock, office).tend()
        assert await times(store) == ran
        assert [what for what, _ in await noted(store)] == ["missed"]

    play(scenario)


def test_no_more_than_a_hundred_missed_times_are_all_made_up_for():
    async def scenario(clock: StillClock, store: Store) -> None:
        office = Office(timed(missed="run_all", cron="* * * * *"))
        await Starter(store, clock, office).tend()
        clock.move(5000 * 60)
        await Starter(store, clock, office).tend()
        assert await times(store) == [*range(4901, 5001)]
        assert (await noted(store))[0][1].startswith("At least 998 times passed")

    play(scenario)


def test_a_changed_schedule_does_not_fire_its_past_and_a_removed_one_nothing():
    async def scenario(clock: StillClock, store: Store) -> None:
        office = Office(timed("a", cron="0 * * * *"))
        starter = Starter(store, clock, office)
        await starter.tend()
        clock.move(1800)
        office.declare(timed("a", cron="* * * * *"))
        assert await starter.tend() == clock.now() + timedelta(minutes=1)
        assert await starts(store) == []
        clock.move(60)
        await starter.tend()
        assert await times(store) == [31]
        office.declare()
        assert await starter.tend() is None
        clock.move(7200)
        await starter.tend()
        assert await times(store) == [31]
        assert list(await store.arrivals.triggers()) == []

    play(scenario)


def test_a_changed_task_or_policy_leaves_the_schedule_where_it_is():
    async def scenario(clock: StillClock, store: Store) -> None:
        office = Office(timed())
        starter = Starter(store, clock, office)
        await starter.tend()
        clock.move(60)
        office.declare(msgspec.structs.replace(timed(missed="skip", cron="* * * * *"), task="another"))
        await starter.tend()
        assert [s.task for s in await starts(store)] == ["another"]

    play(scenario)


@pytest.mark.parametrize("ice", ["clerk", "*"])
def test_what_is_frozen_stands_still_and_catches_up(ice: str):
    async def scenario(clock: StillClock, store: Store) -> None:
        office = Office(timed())
        starter = Starter(store, clock, office)
        await starter.tend()
        office.ice = frozenset({ice})
        for _ in range(5):
            clock.move(60)
            await starter.tend()
        assert await starts(store) == []
        office.ice = frozenset()
        await starter.tend()
        assert await times(store) == [5]
        assert [what for what, _ in await noted(store)] == ["missed"]

    play(scenario)


def test_an_arrival_waits_for_the_thaw():
    async def scenario(clock: StillClock, store: Store) -> None:
        office = Office(timed())
        office.ice = frozenset({"clerk"})
        occasion = Occasion(kind="webhook", trigger="clerk/tick", id="d-1", at=NOON)
        await store.arrivals.arrive(Arrival("clerk/tick", "d-1", NOON, msgspec.json.encode(occasion)))
        starter = Starter(store, clock, office)
        await starter.tend()
        assert await starts(store) == []
        office.ice = frozenset()
        await starter.tend()
        assert [s.trigger for s in await starts(store)] == ["webhook"]

    play(scenario)


@pytest.mark.parametrize(("overlap", "ran"), [("skip", [1, 4]), ("queue", [1, 2, 3, 4]), ("allow", [1, 2, 3, 4])])
def test_a_run_that_takes_longer_than_the_pause_is_dealt_with_as_the_policy_says(overlap: Overlap, ran: list[float]):
    async def scenario(clock: StillClock, store: Store) -> None:
        starter = Starter(store, clock, Office(timed(overlap=overlap)))
        await starter.tend()
        for _ in range(3):
            clock.move(60)
            await starter.tend()
        assert len(await starts(store)) == {"skip": 1, "queue": 1, "allow": 3}[overlap]
        assert [what for what, _ in await noted(store)] == ["skipped"] * {"skip": 2}.get(overlap, 0)
        await finish(store)
        clock.move(60)
        for _ in range(4):
            await starter.tend()
            await finish(store)
        assert await times(store) == ran

    play(scenario)


def test_runs_that_make_up_for_missed_times_wait_for_each_other():
    async def scenario(clock: StillClock, store: Store) -> None:
        starter = Starter(store, clock, Office(timed(cron="* * * * *", missed="run_all", overlap="skip")))
        await starter.tend()
        clock.move(180)
        for ran in ([1], [1, 2], [1, 2, 3]):
            await starter.tend()
            assert await times(store) == ran
            await finish(store)

    play(scenario)


def test_a_source_that_cannot_be_reached_for_long_is_an_alarm_once_until_it_can():
    async def scenario(clock: StillClock, store: Store) -> None:
        office = Office(Trigger(agent="clerk", name="in", number=1, task="t", source=Folder(pattern="in/*", every=60)))
        starter = Starter(store, clock, office)
        office.found = Look(wrong="the folder is gone")
        for _ in range(40):
            await starter.tend()
            clock.move(60)
        assert [what for what, _ in await noted(store)] == ["unreachable"]
        (row,) = await store.arrivals.triggers()
        assert row.since is not None and row.alarmed is not None
        assert UNREACHABLE < row.alarmed - row.since <= UNREACHABLE + timedelta(minutes=1)
        office.found = Look()
        await starter.tend()
        clock.move(60)
        await starter.tend()
        assert [what for what, _ in await noted(store)] == ["unreachable", "reachable"]

    play(scenario)


def test_arrivals_are_known_for_seven_days_and_then_forgotten():
    async def scenario(clock: StillClock, store: Store) -> None:
        starter = Starter(store, clock, Office(timed(cron="0 0 * * *")))
        await starter.tend()
        for day in range(12):
            clock.move(86_400)
            await starter.tend()
            await finish(store)
            assert len(await store.arrivals.newest("clerk/tick", 99)) in (day + 1, 7, 8)
        assert len(await starts(store)) == 12

    play(scenario)


def test_why_something_waits_is_said_once():
    class Full(Office):
        async def place(self, run: str, occasion: Occasion) -> None:
            raise DeputyError("the disk is full")

    async def scenario(clock: StillClock, store: Store) -> None:
        office = Full(timed())
        starter = Starter(store, clock, office)
        await starter.tend()
        clock.move(60)
        for _ in range(5):
            await starter.tend()
        assert office.notices == ["clerk/tick waits: the disk is full"]
        assert await store.arrivals.pending("clerk/tick") == 1

    play(scenario)


class Killed(Exception):
    """The process ends here."""


class Mortal:
    """A store that lets its process die before or after its n-th change."""

    def __init__(self, store: Store, at: int, *, after: bool) -> None:
        self._store, self._left, self._after = store, at, after
        self.arrivals = _MortalArrivals(self, store)

    async def dying(self, change: Coroutine[Any, Any, Any]) -> Any:
        self._left -= 1
        last = self._left == 0
        if last and not self._after:
            change.close()
            raise Killed
        result = await change
        if last:
            raise Killed
        return result

    async def commit(self, commit: Commit) -> None:
        await self.dying(self._store.commit(commit))


class _MortalArrivals:
    def __init__(self, mortal: Mortal, store: Store) -> None:
        self._mortal, self._arrivals = mortal, store.arrivals

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._arrivals, name)
        if name in ("triggers", "queues", "known"):
            return method

        def dying(*args: Any) -> Coroutine[Any, Any, Any]:
            return self._mortal.dying(method(*args))

        return dying


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(1, 9))
def test_whoever_is_killed_at_whatever_change_each_time_has_one_run(at: int, after: bool):
    async def scenario(clock: StillClock, store: Store) -> None:
        office = Office(timed("a"), timed("b", missed="run_all", cron="*/2 * * * *"))
        mortal: Any = Mortal(store, at, after=after)
        doomed = Starter(mortal, clock, office)
        with pytest.raises(Killed):
            while clock.passed < 600:
                await doomed.tend()
                clock.move(30)
        heir = Starter(store, clock, office)
        while clock.passed < 900:
            await heir.tend()
            clock.move(30)
        runs = Counter((s.occasion.trigger, s.occasion.id) for s in await starts(store) if s.occasion)
        assert set(runs.values()) == {1}
        by_trigger = Counter(trigger for trigger, _ in runs)
        assert (by_trigger["clerk/a"], by_trigger["clerk/b"]) == (14, 7)

    play(scenario)


def test_trouble_with_the_database_is_not_the_end_of_tending():
    async def scenario(clock: StillClock, store: Store) -> None:
        with pytest.raises(StoreError):
            await Starter(_Broken(store), clock, Office(timed())).tend()  # pyright: ignore[reportArgumentType]

    play(scenario)


class _Broken:
    def __init__(self, store: Store) -> None:
        self.arrivals = self

    async def triggers(self) -> None:
        raise StoreError("the disk is gone")


def test_files_are_known_while_they_lie_there_and_forgotten_a_week_after_they_are_gone():
    async def scenario(clock: StillClock, store: Store) -> None:
        watch = Trigger(agent="clerk", name="in", number=1, task="t", source=Folder(pattern="in/*", every=60))
        office = Office(watch)
        starter = Starter(store, clock, office)
        ids = [f"{n}.xml:{n}" for n in range(2500)]
        for name in ids:
            body = canonical(Occasion(kind="folder", trigger=watch.key, id=name, at=NOON))
            await store.arrivals.arrive(Arrival(watch.key, name, NOON, body, skipped="x"))

        async def tended(days: float) -> int:
            clock.move(days * 86_400)
            await starter.tend()
            return len(await store.arrivals.known(watch.key, ids))

        office.there = Present(ids)
        assert await tended(30) == 2500
        office.there = Present(ids[:1])
        assert await tended(1) == 2500
        office.there = None  # the folder cannot be reached: nothing is known to be gone
        assert await tended(5) == 2500
        office.there = Present(ids[:1], ["7.xml"])
        assert await tended(1) == 2500
        assert await tended(2) == 2

    play(scenario)
