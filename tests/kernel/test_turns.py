"""Turns at a model: never more than it admits, nobody starves, shares follow weights, who waits holds nothing."""

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kernel.bench_of import agent, bench, scripted, state

from deputy.base.errors import Stopping
from deputy.domain.catalogue import RateLimits, Route
from deputy.domain.delivery import Cancel, InboxRow
from deputy.domain.effect import Done, Failed, Intent, Result
from deputy.domain.event import ModelIntent, event_from
from deputy.domain.message import Usage
from deputy.kernel.turns import IN_A_ROW, FairQueue, Share, Turns
from deputy.testing.fakes import StubModel, says


class VirtualClock:
    """Time that passes when everybody waits for it."""

    def __init__(self) -> None:
        self.time = 100.0
        self._sleepers: list[tuple[float, int, asyncio.Event]] = []
        self._count = itertools.count()

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.time)

    def boot(self) -> float:
        return self.time

    def random(self) -> float:
        return 0.5

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        heapq.heappush(self._sleepers, (self.time + seconds, next(self._count), woken))
        await woken.wait()

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    async def until(self, done: Callable[[], bool]) -> None:
        """Let time pass until this holds."""
        for _ in range(100_000):
            await self.settle()
            if done():
                return
            assert self._sleepers, "everybody waits, and nobody for time"
            self.time, _, woken = heapq.heappop(self._sleepers)
            woken.set()
        raise AssertionError("it never came to that")


class Work:
    """Calls of a route, each of which takes a while, and what happened."""

    def __init__(self, limits: RateLimits | None = None, **weights: float) -> None:
        self.clock = VirtualClock()
        self.turns = Turns(self.clock, lambda team: weights.get(team, 1.0))
        self.route = Route(name="default", limits=limits or RateLimits())
        self.begun: list[tuple[float, Share, int]] = []
        self.running = self.most = 0
        self.tasks: list[asyncio.Task[None]] = []

    def call(self, share: Share, tokens: int = 10, takes: float = 1.0, wait: float | None = None) -> None:
        self.tasks.append(asyncio.get_running_loop().create_task(self._call(share, tokens, takes, wait)))

    async def _call(self, share: Share, tokens: int, takes: float, wait: float | None) -> None:
        async with self.turns.turn(self.route, lambda: share, tokens) as turn:
            self.begun.append((self.clock.time, share, tokens))
            self.running += 1
            self.most = max(self.most, self.running)
            await self.clock.sleep(takes)
            self.running -= 1
            if wait is None:
                turn.used(tokens)
            else:
                turn.refused(wait)

    async def all(self) -> None:
        await self.clock.until(lambda: all(task.done() for task in self.tasks))
        for task in self.tasks:
            task.result()


def play(scenario: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await scenario()

    asyncio.run(whole())


SHARES = st.builds(Share, team=st.sampled_from("ab"), agent=st.sampled_from("xyz"), interactive=st.booleans())
CALLS = st.lists(
    st.tuples(
        SHARES, st.integers(1, 60), st.sampled_from([0.1, 1.0, 30.0]), st.sampled_from([None, None, None, 0.0, 5.0])
    ),
    min_size=1, max_size=40,
)  # fmt: skip
LIMITS = st.builds(
    RateLimits, concurrency=st.none() | st.integers(1, 4), requests=st.none() | st.integers(1, 10),
    tokens=st.none() | st.integers(60, 200),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(LIMITS, CALLS)
def test_never_more_than_the_limits_and_everybody_has_a_turn(
    limits: RateLimits, calls: list[tuple[Share, int, float, float | None]]
):
    async def scenario() -> None:
        work = Work(limits)
        for share, tokens, takes, wait in calls:
            work.call(share, tokens, takes, wait)
        await work.all()
        assert len(work.begun) == len(calls)
        assert limits.concurrency is None or work.most <= limits.concurrency
        refused = any(wait is not None for *_, wait in calls)
        for at, _, _ in work.begun:
            minute = [tokens for when, _, tokens in work.begun if at <= when < at + 60]
            assert limits.requests is None or len(minute) <= limits.requests
            assert limits.tokens is None or refused or sum(minute) <= limits.tokens  # a refusal's tokens are given back
        assert work.turns.waiting == 0

    play(scenario)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.sampled_from("abc"), st.sampled_from([0.5, 1.0, 2.0, 5.0]), min_size=2),
    st.lists(st.integers(1, 50), min_size=60, max_size=60),
)
def test_shares_of_teams_that_wait_stay_within_one_call_of_their_weights(weights: dict[str, float], costs: list[int]):
    queue: FairQueue[tuple[str, int]] = FairQueue(lambda team: weights[team])
    for team in weights:
        for cost in costs:
            queue.push(Share(team, "x"), (team, cost))
    served = dict.fromkeys(weights, 0.0)
    left = {team: len(costs) for team in weights}
    while all(left.values()):
        team, cost = queue.first()
        queue.pop(team, cost)
        served[team] += cost
        left[team] -= 1
        parts = {t: served[t] / weights[t] for t in weights}
        bound = max(50 / w for w in weights.values())
        assert max(parts.values()) - min(parts.values()) <= 2 * bound


def test_agents_of_one_team_share_alike_whoever_asks_more():
    queue: FairQueue[str] = FairQueue()
    for name, many in (("greedy", 90), ("modest", 10)):
        for _ in range(many):
            queue.push(Share("team", name), name)
    served: list[str] = []
    for _ in range(20):
        served.append(queue.first())
        queue.pop("team", 1)
    assert served.count("modest") == 10


def test_people_who_wait_go_first_and_the_background_is_not_starved():
    queue: FairQueue[bool] = FairQueue()
    for n in range(100):
        queue.push(Share("a", "x", interactive=n % 2 == 0), n % 2 == 0)
    served: list[bool] = []
    while queue:
        served.append(queue.first())
        queue.pop("a", 1)
    assert served[: IN_A_ROW + 1] == [True] * IN_A_ROW + [False]
    assert served[:50].count(False) == 5


def test_a_refusal_closes_the_route_as_long_as_it_says_and_halves_what_is_asked():
    async def scenario() -> None:
        work = Work(RateLimits(requests=8))
        work.call(Share("a", "x"), wait=30.0, takes=0.5)
        await work.all()
        for _ in range(12):
            work.call(Share("a", "x"), takes=0.01)
        await work.all()
        later = [when for when, _, _ in work.begun[1:]]
        assert later[0] >= 130.5
        assert len([when for when in later if when < 160.0]) <= 4  # half of eight, those of the last minute included

    play(scenario)


def test_without_any_limit_a_refusal_teaches_how_many_at_once():
    async def scenario() -> None:
        work = Work()
        for _ in range(8):
            work.call(Share("a", "x"), wait=1.0)
        await work.all()
        assert work.most == 8
        for _ in range(8):
            work.call(Share("a", "x"))
        await work.all()
        again = [when for when, _, _ in work.begun[8:]]
        assert again.count(again[0]) == 4  # and a little more with each that is taken

    play(scenario)


def test_who_is_cancelled_while_it_waits_leaves_no_trace():
    async def scenario() -> None:
        work = Work(RateLimits(concurrency=1))
        work.call(Share("a", "x"))
        await work.clock.settle()
        for _ in range(5):
            work.call(Share("a", "x"))
        await work.clock.settle()
        for task in work.tasks[1:4]:
            task.cancel()
        await work.clock.settle()
        work.tasks = [work.tasks[0], *work.tasks[4:]]
        await work.all()
        assert len(work.begun) == 3 and work.turns.waiting == 0 and work.most == 1

    play(scenario)


def test_when_the_worker_stops_those_who_wait_are_told():
    async def scenario() -> None:
        work = Work(RateLimits(concurrency=1))
        work.call(Share("a", "x"))
        await work.clock.settle()
        work.call(Share("a", "x"))
        await work.clock.settle()
        work.turns.dismiss()
        await work.clock.settle()
        with pytest.raises(Stopping):
            work.tasks[1].result()

    play(scenario)


def test_several_processes_divide_a_limit():
    limits = RateLimits(concurrency=8, requests=3)
    assert limits.divided(1) == limits
    assert limits.divided(4) == RateLimits(concurrency=2, requests=1)


def test_a_part_that_comes_back_lets_in_who_waits_at_once():
    async def scenario() -> None:
        work = Work(RateLimits(concurrency=2))
        work.turns.processes = 2
        for _ in range(3):
            work.call(Share("a", "x"), takes=10.0)
        await work.clock.settle()
        assert work.running == 1
        work.turns.processes = 1  # the other process died
        await work.clock.settle()
        assert work.running == 2
        work.turns.processes = 2
        await work.all()
        assert [time for time, _, _ in work.begun] == [100.0, 100.0, 110.0]

    play(scenario)


# -- in the kernel


class Slow(StubModel):
    """A model whose calls wait until they may end; says how many it had at once."""

    def __init__(self) -> None:
        super().__init__(lambda _: says("done", Usage(10, 5)))
        self.gate = asyncio.Event()
        self.running = self.most = 0

    async def complete(self, intent: Intent) -> Result:
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.gate.wait()
            return await super().complete(intent)
        finally:
            self.running -= 1


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(2000):
        if await holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came to that")


def test_a_run_that_waits_for_its_turn_has_begun_nothing_and_loses_nothing(tmp_path: Path):
    async def scenario() -> None:
        model = Slow()
        async with bench(tmp_path, model, agents=[agent()]) as work:
            work.route = Route(name="default", limits=RateLimits(concurrency=2))
            runs = [await work.start("clerk") for _ in range(6)]
            driving = asyncio.create_task(work.work())

            async def two_asked() -> bool:
                return model.running == 2 and work.gate.turns.waiting == 4

            await eventually(two_asked)
            begun = [
                any(isinstance(event_from(r.body), ModelIntent) for r in await work.store.rows(run)) for run in runs
            ]
            assert begun.count(True) == 2  # the others hold no intent, no money and no connection
            model.gate.set()
            await driving
            assert [(await work.store.run(run)).state for run in runs] == ["done"] * 6  # pyright: ignore[reportOptionalMemberAccess]
            assert model.most == 2 and len(model.asked) == 6

    asyncio.run(scenario())


def test_a_run_that_is_cancelled_while_it_waits_asks_nothing(tmp_path: Path):
    async def scenario() -> None:
        model = Slow()
        async with bench(tmp_path, model, agents=[agent()]) as work:
            work.route = Route(name="default", limits=RateLimits(concurrency=1))
            await work.start("clerk")
            driving = asyncio.create_task(work.work())

            async def one_asked() -> bool:
                return model.running == 1

            await eventually(one_asked)
            second = await work.start("clerk")

            async def one_waits() -> bool:
                return work.gate.turns.waiting == 1

            await eventually(one_waits)
            row = InboxRow(
                id="cancel:2", run=second, by="person:wei", at=work.clock.now(), delivery=Cancel("not needed")
            )
            await work.store.deliver(row)
            await asyncio.sleep(0.1)  # its worker has looked by then, or looks when the turn comes
            model.gate.set()
            await driving
            run = await state(work, second)
            assert run.ended is not None and run.ended.state == "cancelled"
            assert not run.effects and len(model.asked) == 1

    asyncio.run(scenario())


def test_a_refused_call_waits_as_long_as_the_server_says_and_is_asked_again(tmp_path: Path):
    async def scenario() -> None:
        refusal = Failed("model_rate_limited", "too many", retry=True, wait=0.3)
        answers = iter([refusal, says("done")])
        asked: list[float] = []

        def reply(_: object) -> Result:
            asked.append(asyncio.get_running_loop().time())
            answer = next(answers)
            return answer if isinstance(answer, Failed) else Done(answer)

        async with bench(tmp_path, StubModel(reply), agents=[agent()]) as work:
            run = await work.start("clerk")
            await work.work()
            assert (await state(work, run)).ended.answer == "done"  # pyright: ignore[reportOptionalMemberAccess]
            assert asked[1] - asked[0] >= 0.29

    asyncio.run(scenario())


def test_the_team_of_a_call_is_the_first_group_of_its_agents_owner(tmp_path: Path):
    async def scenario() -> None:
        async with bench(tmp_path, scripted(says("done")), agents=[agent()]) as work:
            seen: list[Share] = []
            join = work.gate.turns.turn

            def watch(route: Route, share: Callable[[], Share], tokens: int):
                seen.append(share())
                return join(route, share, tokens)

            work.gate.turns.turn = watch
            await work.start("clerk")
            await work.work()
            assert seen == [Share("", "clerk", interactive=True)]

    asyncio.run(scenario())
