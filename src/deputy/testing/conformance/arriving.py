"""What starts runs: an arrival is known, becomes one run, and a trigger moves on in one step."""

from datetime import timedelta
from typing import Any

from deputy.base.canonical import digest
from deputy.base.errors import ArrivalTaken
from deputy.ports.arrivals import Advance, Arrival, Begin, Present, TriggerRow
from deputy.ports.store import Commit, StateChange
from deputy.testing.conformance.world import (
    NOON,
    World,
    answers_of,
    change,
    later,
    new_run,
    note,
    scenario,
)  # fmt: skip

__all__ = ["Arriving"]


def arrival(name: str, trigger: str = "clerk/hook", **rest: Any) -> Arrival:
    """Something that arrived at noon."""
    return Arrival(trigger, name, NOON, b'{"of": "%s"}' % name.encode(), **rest)


def row(cursor: str, **rest: Any) -> TriggerRow:
    """A trigger that was seen at noon up to here."""
    return TriggerRow("clerk/hook", "spec", cursor, rest.pop("due", None), NOON, **rest)


def begun(run: str, name: str, trigger: str = "clerk/hook", *, alone: bool = False) -> Commit:
    """The commit that lets a run come of an arrival."""
    return Commit(run, None, children=[new_run(run)], begins=Begin(trigger, name, alone))


class Arriving:
    """Triggers and arrivals."""

    @scenario
    async def test_an_arrival_is_there_when_its_await_returns_and_known_when_it_comes_again(self, world: World) -> None:
        fresh, first = await world.store.arrivals.arrive(arrival("a-1"))
        assert (fresh, first.id, first.at, first.state, first.run) == (True, "a-1", NOON, "pending", "")
        again, known = await world.another().arrivals.arrive(arrival("a-1")._replace(body=b"{}"))
        assert (again, known) == (False, first)
        store = await world.reopened()
        assert list(await store.arrivals.newest("clerk/hook", 5)) == [first]
        assert await store.arrivals.known("clerk/hook", ["a-1", "a-2"]) == {"a-1"}
        assert (await store.arrivals.arrive(arrival("a-1", "clerk/other")))[0]

    @scenario
    async def test_of_many_equal_arrivals_one_is_new(self, world: World) -> None:
        stores = [world.store, world.another(), world.another()]
        answers = await answers_of(*[stores[n % 3].arrivals.arrive(arrival("a-1")) for n in range(12)])
        assert sorted(not isinstance(a, BaseException) and a[0] for a in answers) == [False] * 11 + [True]

    @scenario
    async def test_what_an_arrival_brings_is_kept_with_it(self, world: World) -> None:
        name = digest(b"a letter")
        await world.store.arrivals.arrive(arrival("a-1", blobs=((name, b"a letter"),)))
        assert await world.store.blobs([name]) == {name: b"a letter"}

    @scenario
    async def test_one_run_comes_of_an_arrival_whoever_tries(self, world: World) -> None:
        await world.store.arrivals.arrive(arrival("a-1"))
        other = world.another()
        answers = await answers_of(world.store.commit(begun("r-1", "a-1")), other.commit(begun("r-2", "a-1")))
        assert sorted(isinstance(a, ArrivalTaken) for a in answers) == [False, True]
        (run,) = await world.store.runs()
        (found,) = await other.arrivals.newest("clerk/hook", 5)
        assert (found.state, found.run) == ("started", run.id)
        assert list(await world.store.arrivals.queues(5)) == []

    @scenario
    async def test_no_run_comes_of_what_did_not_arrive_or_was_skipped(self, world: World) -> None:
        await world.store.arrivals.arrive(arrival("a-1", skipped="missed"))
        answers = await answers_of(*[world.store.commit(begun("r-1", name)) for name in ("a-0", "a-1")])
        assert [type(answer) for answer in answers] == [ArrivalTaken, ArrivalTaken]
        assert list(await world.store.runs()) == []

    @scenario
    async def test_a_run_that_must_be_alone_waits_until_the_other_is_over(self, world: World) -> None:
        for name in ("a-1", "a-2"):
            await world.store.arrivals.arrive(arrival(name))
        answers = await answers_of(
            *[world.store.commit(begun(f"r-{n}", f"a-{n}", alone=True)) for n in (1, 2)]
        )  # fmt: skip
        assert [type(answer) for answer in answers] == [type(None), ArrivalTaken]
        (queue,) = await world.store.arrivals.queues(5)
        assert (queue.busy, [r.id for r in queue.rows]) == (True, ["a-2"])
        lease = await world.store.join("worker")
        (taken,) = await world.store.claim(lease, 5)
        await world.store.commit(Commit("r-1", lease, (taken.run.seq, taken.run.link), state=change("done")))
        (queue,) = await world.store.arrivals.queues(5)
        assert not queue.busy
        await world.store.commit(begun("r-2", "a-2", alone=True))
        states = [found.state for found in await world.store.arrivals.newest("clerk/hook", 5)]
        assert states == ["started", "over"]

    @scenario
    async def test_arrivals_wait_in_order_at_each_trigger(self, world: World) -> None:
        for n in range(6):
            await world.store.arrivals.arrive(arrival(f"a-{n}", f"clerk/{n % 2}"))
        queues = await world.store.arrivals.queues(2)
        assert [(q.trigger, [r.id for r in q.rows]) for q in queues] == [
            ("clerk/0", ["a-0", "a-2"]), ("clerk/1", ["a-1", "a-3"]),
        ]  # fmt: skip
        assert await world.store.arrivals.pending("clerk/0") == 3

    @scenario
    async def test_an_arrival_that_is_skipped_says_why_and_waits_no_more(self, world: World) -> None:
        _, found = await world.store.arrivals.arrive(arrival("a-1"))
        assert await world.store.arrivals.skip(found, "overlap", note)
        assert not await world.store.arrivals.skip(found, "again")
        (kept,) = await world.store.arrivals.newest("clerk/hook", 1)
        assert (kept.state, kept.reason) == ("skipped", "overlap")
        assert len(await world.store.rows("workspace")) == 1

    @scenario
    async def test_a_trigger_moves_on_once_and_brings_its_arrivals_along(self, world: World) -> None:
        first = row("1", due=later(60))
        assert list(await world.store.arrivals.advance([Advance(first, None)])) == [True]
        assert list(await world.another().arrivals.advance([Advance(first, None)])) == [False]
        second = row("2", due=later(120), wrong="down", since=NOON, alarm="It is down.", alarmed=later(1))
        steps = [
            store.arrivals.advance([Advance(second, first, [arrival("a-1")], note)])
            for store in (world.store, world.another())
        ]
        answers = await answers_of(*steps)
        assert sorted(list(a) for a in answers if not isinstance(a, BaseException)) == [[False], [True]]
        store = await world.reopened()
        assert list(await store.arrivals.triggers()) == [second]
        assert [found.id for found in await store.arrivals.newest("clerk/hook", 5)] == ["a-1"]
        assert len(await store.rows("workspace")) == 1
        await store.arrivals.remove("clerk/hook")
        assert list(await store.arrivals.triggers()) == []

    @scenario
    async def test_a_commit_brings_arrivals_or_none_of_it_happens(self, world: World) -> None:
        hand = await world.hand()
        stale = hand.draft(b"2", arrivals=[arrival("a-1")])
        await hand.commit(b"other")
        assert isinstance((await answers_of(world.store.commit(stale)))[0], Exception)
        assert list(await world.store.arrivals.queues(5)) == []
        await hand.commit(b"3", arrivals=[arrival("a-1"), arrival("a-1")], state=change("done"))
        assert [queue.trigger for queue in await world.store.arrivals.queues(5)] == ["clerk/hook"]

    @scenario
    async def test_only_what_is_over_and_old_is_forgotten(self, world: World) -> None:
        for n in range(4):
            await world.store.arrivals.arrive(arrival(f"a-{n}", skipped="" if n == 3 else "missed"))
        await world.store.arrivals.arrive(arrival("a-5", "clerk/files", skipped="missed"))
        hour = timedelta(hours=1)
        assert await world.store.arrivals.prune(NOON - hour) == 0
        assert await world.store.arrivals.prune(NOON + hour, ["clerk/files"]) == 3
        assert [found.id for found in await world.store.arrivals.newest("clerk/hook", 9)] == ["a-3"]
        assert await world.store.arrivals.known("clerk/files", ["a-5"]) == {"a-5"}

    @scenario
    async def test_a_file_is_known_until_it_was_gone_for_long_without_a_break(self, world: World) -> None:
        for name in ("a:1", "b:1", "c:1"):
            await world.store.arrivals.arrive(arrival(name, "clerk/files", skipped="missed"))
        await world.store.arrivals.arrive(arrival("d:1", "clerk/files"))
        arrivals, hour = world.store.arrivals, timedelta(hours=1)
        await arrivals.present("clerk/files", Present(["a:1"], ["b"]), NOON)
        await arrivals.present("clerk/files", Present([]), NOON + hour)
        await arrivals.present("clerk/files", Present(["a:1"]), NOON + 2 * hour)
        await arrivals.present("clerk/files", Present([]), NOON + 3 * hour)
        assert await arrivals.prune(NOON + hour, ["clerk/files"]) == 1
        assert await arrivals.known("clerk/files", ["a:1", "b:1", "c:1"]) == {"a:1", "b:1"}
        assert await arrivals.prune(NOON + 4 * hour, ["clerk/files"]) == 2
        assert [found.id for found in await arrivals.newest("clerk/files", 9)] == ["d:1"]

    @scenario
    async def test_the_arrivals_whose_runs_failed_are_told_the_latest_first(self, world: World) -> None:
        for n, state in enumerate(("done", "failed", "cancelled", "failed")):
            await world.store.arrivals.arrive(arrival(f"a-{n}"))
            await world.store.commit(begun(f"r-{n}", f"a-{n}"))
            lease = await world.store.join(f"worker-{n}")
            (taken,) = await world.store.claim(lease, 5)
            over = StateChange(state, later(n))
            await world.store.commit(Commit(f"r-{n}", lease, (taken.run.seq, taken.run.link), state=over))
        found = await world.another().arrivals.failed(later(2), 9)
        assert [(row.id, row.run) for row in found] == [("a-3", "r-3"), ("a-2", "r-2")]
        assert [row.id for row in await world.store.arrivals.failed(NOON, 1)] == ["a-3"]
