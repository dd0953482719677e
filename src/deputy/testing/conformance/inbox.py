"""Inboxes: the first answer wins, nothing arrives twice, what arrives wakes, and what is due fires once."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta, timezone

from deputy.base.errors import NotFound, OverBudget
from deputy.domain.cost import Cost, Limits
from deputy.domain.delivery import Approve, Expire, Refuse, TimerFired, delivery_from
from deputy.domain.principal import SYSTEM
from deputy.ports.store import Delivered, Inbound, Move, Timer
from deputy.testing.conformance.world import (
    NOON,
    Hand,
    World,
    answers_of,
    change,
    later,
    mail,
    scenario,
    timer,
)  # fmt: skip

__all__ = ["Arrivals", "Deadlines"]


def _names(rows: Sequence[Inbound]) -> list[str]:
    return [row.id for row in rows]


async def _state(world: World, run: str) -> tuple[str, str]:
    row = await world.store.run(run)
    assert row is not None
    return row.state, row.summary


async def _all_due(world: World, seconds: float) -> None:
    """Fire until nothing more is due."""
    while (due := await world.store.fire(later(seconds))) is not None and due <= later(seconds):
        pass


class Arrivals:
    """What others put into a run's inbox."""

    @scenario
    async def test_a_delivery_is_there_when_its_await_returns(self, world: World) -> None:
        hand, sent = await world.hand(), mail("r-one", "d-1", Approve("i-1", "digest", {"amount": 5}))
        delivered = await world.store.deliver(sent)
        assert (delivered.fresh, delivered.by, delivered.at) == (True, "person:wei", NOON)
        (row,) = await world.another().inbound(hand.run)
        assert (row.id, row.by, row.at, row.body) == ("d-1", "person:wei", NOON, delivered.body)
        assert delivery_from(row.body) == sent.delivery
        assert _names(await (await world.reopened()).inbound(hand.run)) == ["d-1"]

    @scenario
    async def test_deliveries_keep_their_order(self, world: World) -> None:
        one, two = await world.hold("r-1", "r-2")
        for n in range(10):
            await world.store.deliver(mail((one, two)[n % 2].run, f"d-{9 - n}"))
        assert _names(await world.store.inbound("r-1")) == ["d-9", "d-7", "d-5", "d-3", "d-1"]
        assert {run: _names(rows) for run, rows in (await world.store.mail(one.lease)).items()} == {
            "r-1": ["d-9", "d-7", "d-5", "d-3", "d-1"], "r-2": ["d-8", "d-6", "d-4", "d-2", "d-0"],
        }  # fmt: skip

    @scenario
    async def test_the_first_of_many_answers_wins(self, world: World) -> None:
        hand, other = await world.hand(), world.another()
        sent = [mail(hand.run, "answer:i-1", Refuse("i-1", f"{n}"), by=f"person:p{n}") for n in range(10)]
        stores = [(world.store, other)[n % 2] for n in range(10)]
        answers = await answers_of(*[store.deliver(row) for store, row in zip(stores, sent, strict=True)])
        found = [answer for answer in answers if isinstance(answer, Delivered)]
        assert len(found) == 10
        (first,) = [answer for answer in found if answer.fresh]
        assert {(d.by, d.at, d.body) for d in found} == {(first.by, first.at, first.body)}
        (row,) = await world.store.inbound(hand.run)
        assert (row.by, row.body) == (first.by, first.body)

    @scenario
    async def test_an_answer_is_known_as_long_as_the_workspace_lives(self, world: World) -> None:
        hand = await world.hand()
        assert await world.store.answer_of("i-1") is None
        first = await world.store.deliver(mail(hand.run, "answer:i-1", Refuse("i-1", "no")))
        (row,) = await world.store.inbound(hand.run)
        await hand.commit(b"2", taken=[row.position], state=change("done"))
        store = await world.reopened()
        again = await store.deliver(mail(hand.run, "answer:i-1", Approve("i-1", "digest"), by="person:lin"))
        assert again == first._replace(fresh=False)
        assert await store.answer_of("i-1") == again
        assert list(await store.inbound(hand.run)) == []

    @scenario
    async def test_a_duplicate_wakes_nobody(self, world: World) -> None:
        hand = await world.hand()
        await world.store.deliver(mail(hand.run, "d-1"))
        (row,) = await world.store.inbound(hand.run)
        await hand.commit(b"2", taken=[row.position], state=change("waiting", "message"))
        assert not (await world.store.deliver(mail(hand.run, "d-1"))).fresh
        assert await _state(world, hand.run) == ("waiting", "message")

    @scenario
    async def test_a_delivery_to_nobody_is_refused(self, world: World) -> None:
        (answer,) = await answers_of(world.store.deliver(mail("r-none", "d-1")))
        assert isinstance(answer, NotFound)
        await world.create("r-none")
        assert (await world.store.deliver(mail("r-none", "d-1"))).fresh

    @scenario
    async def test_a_commit_stands_whose_delivery_finds_nobody(self, world: World) -> None:
        hand, other = await world.hold("r-1", "r-2")
        await hand.commit(b"2", deliveries=[mail("r-none", "d-1"), mail(other.run, "d-2"), mail(other.run, "d-2")])
        assert _names(await world.store.inbound(other.run)) == ["d-2"]

    @scenario
    async def test_a_delivery_wakes_a_run_that_waits(self, world: World) -> None:
        hands = await world.hold("r-1", "r-2", "r-3", "r-4")
        for hand, state in zip(hands, ("waiting", "waiting", "done", "cancelled"), strict=True):
            await hand.commit(state=change(state, "why"))
        running = await world.hand("r-5")
        await world.store.deliver(mail("r-1", "d-1"))
        await running.commit(deliveries=[mail("r-2", "d-2"), mail("r-3", "d-3"), mail("r-4", "d-4")])
        await world.store.deliver(mail("r-5", "d-5"))
        states = {run.id: run.state for run in await world.store.runs()}
        assert states == {"r-1": "ready", "r-2": "ready", "r-3": "done", "r-4": "cancelled", "r-5": "running"}
        assert _names(await world.store.inbound("r-3")) == ["d-3"]

    @scenario
    async def test_rows_are_taken_once(self, world: World) -> None:
        hand = await world.hand()
        for n in range(4):
            await world.store.deliver(mail(hand.run, f"d-{n}"))
        rows = await world.store.inbound(hand.run)
        await hand.commit(b"2", taken=[rows[0].position, rows[2].position])
        assert _names(await world.store.inbound(hand.run)) == ["d-1", "d-3"]
        assert _names((await world.store.mail(hand.lease))[hand.run]) == ["d-1", "d-3"]
        await hand.commit(b"3", taken=[rows[1].position], state=change("ready"))
        (taken,) = await world.store.claim(hand.lease, 1)
        assert _names(taken.inbound) == ["d-3"]
        await Hand(world.store, hand.lease, taken).commit(b"4", taken=[rows[3].position], state=change("waiting"))
        assert list(await world.store.inbound(hand.run)) == []
        assert await world.store.mail(hand.lease) == {}

    @scenario
    async def test_a_refused_commit_takes_nothing(self, world: World) -> None:
        hand = await world.hand()
        await world.store.deliver(mail(hand.run, "d-1"))
        (row,) = await world.store.inbound(hand.run)
        over = Move("day", Cost(2), limit=Limits(money=1))
        (answer,) = await answers_of(hand.commit(b"2", taken=[row.position], moves=[over]))
        assert isinstance(answer, OverBudget)
        assert _names(await world.store.inbound(hand.run)) == ["d-1"]

    @scenario
    async def test_a_run_does_not_wait_while_it_has_mail(self, world: World) -> None:
        hand = await world.hand()
        await world.store.deliver(mail(hand.run, "d-1"))
        await hand.commit(b"2", state=change("waiting", "approval"))
        assert (await _state(world, hand.run))[0] == "ready"
        (taken,) = await world.store.claim(hand.lease, 1)
        assert _names(taken.inbound) == ["d-1"]
        again = Hand(world.store, hand.lease, taken)
        await again.commit(b"3", taken=[taken.inbound[0].position], state=change("waiting", "approval"))
        assert await _state(world, hand.run) == ("waiting", "approval")

    @scenario
    async def test_what_arrives_as_a_run_goes_to_wait_is_never_overlooked(self, world: World) -> None:
        hands = await world.hold(*[f"r-{n:02}" for n in range(20)])
        other = world.another()
        waits = [hand.commit(b"2", state=change("waiting", "message")) for hand in hands]
        mails = [other.deliver(mail(hand.run, f"d-{hand.run}")) for hand in hands]
        answers = await answers_of(*[work for pair in zip(waits, mails, strict=True) for work in pair])
        assert not [answer for answer in answers if isinstance(answer, BaseException)]
        assert {run.state for run in await world.store.runs()} == {"ready"}

    @scenario
    async def test_neighbours_that_wait_and_deliver_to_each_other_all_wake(self, world: World) -> None:
        hands = await world.hold(*[f"r-{n:02}" for n in range(20)])
        commits = [
            hand.commit(b"2", state=change("waiting", "child"), deliveries=[mail(hands[n - 1].run, f"d-{n}")])
            for n, hand in enumerate(hands)
        ]
        assert await answers_of(*commits) == [None] * 20
        assert {run.state for run in await world.store.runs()} == {"ready"}

    @scenario
    async def test_a_word_wakes_the_runs_that_wait_for_it(self, world: World) -> None:
        hands = await world.hold("r-1", "r-2", "r-3", "r-4")
        for hand, word in zip(hands, ("budget", "approval", "budget", ""), strict=True):
            await hand.commit(state=change("waiting", word))
        await world.store.wake("budget")
        assert {run.id for run in await world.store.runs(states=["ready"])} == {"r-1", "r-3"}

    @scenario
    async def test_whoever_watches_is_told_of_changes_elsewhere(self, world: World) -> None:
        hand, other = await world.hand(), world.another()
        told = asyncio.Event()
        stop = other.watch(told.set)
        try:
            await world.store.deliver(mail(hand.run, "d-1"))
            await world.happens(told)
            told.clear()
            await hand.commit(b"2")
            await world.happens(told)
        finally:
            stop()
        told.clear()
        await world.store.deliver(mail(hand.run, "d-2"))
        await other.runs()
        assert not told.is_set()

    @scenario
    async def test_watching_can_be_stopped_when_the_store_is_closed(self, world: World) -> None:
        stop = world.store.watch(lambda: None)
        await world.close()
        stop()

    @scenario
    async def test_whoever_watches_is_told_of_what_happens_here(self, world: World) -> None:
        hand = await world.hand()
        told = asyncio.Event()
        world.store.watch(told.set)
        await world.store.deliver(mail(hand.run, "d-1"))
        await world.happens(told)


class Deadlines:
    """Timers, and items that expire."""

    @scenario
    async def test_a_timer_fires_when_it_is_due_and_once(self, world: World) -> None:
        hand = await world.hand()
        await hand.commit(b"2", timers=[timer("t-2", 20), timer("t-1", 10)], state=change("waiting", "timer"))
        assert await world.store.timers(hand.run) == [timer("t-1", 10), timer("t-2", 20)]
        assert await world.store.fire(later(9.999999)) == later(10)
        assert await _state(world, hand.run) == ("waiting", "timer")
        assert await world.store.fire(later(10)) == later(20)
        (row,) = await world.store.inbound(hand.run)
        assert (row.by, row.at, delivery_from(row.body)) == (SYSTEM, later(10), TimerFired("t-1"))
        assert (await _state(world, hand.run))[0] == "ready"
        assert await world.store.timers(hand.run) == [timer("t-2", 20)]
        assert await world.store.fire(later(10)) == later(20)
        assert len(await world.store.inbound(hand.run)) == 1

    @scenario
    async def test_with_nothing_set_nothing_is_due(self, world: World) -> None:
        await world.hand()
        assert await world.store.fire(later(1e9)) is None

    @scenario
    async def test_timers_last_and_fire_for_whoever_comes_first(self, world: World) -> None:
        hand = await world.hand()
        await hand.commit(timers=[timer(f"t-{n}", n) for n in range(5)], state=change("waiting", "timer"))
        await world.reopened()
        stores = [world.store, *[world.another() for _ in range(3)]]
        await answers_of(*[store.fire(later(60)) for store in stores])
        fired = [delivery_from(row.body) for row in await world.store.inbound(hand.run)]
        assert fired == [TimerFired(f"t-{n}") for n in range(5)]
        assert list(await world.store.timers(hand.run)) == []

    @scenario
    async def test_a_timer_that_is_taken_off_or_set_anew_does_not_fire(self, world: World) -> None:
        hand = await world.hand()
        await hand.commit(timers=[timer("t-1", 10), timer("t-2", 10), timer("t-3", 10)])
        await hand.commit(timers=[timer("t-2", 30)], timers_off=["t-1", "t-none"])
        assert await world.store.fire(later(10)) == later(30)
        assert [delivery_from(row.body) for row in await world.store.inbound(hand.run)] == [TimerFired("t-3")]

    @scenario
    async def test_equal_names_of_timers_of_two_runs_are_two_timers(self, world: World) -> None:
        one, two = await world.hold("r-1", "r-2")
        await one.commit(timers=[timer("t", 1)])
        await two.commit(timers=[timer("t", 2)])
        await one.commit(timers_off=["t"])
        assert await world.store.fire(later(1)) == later(2)
        assert await world.store.fire(later(2)) is None
        assert [len(await world.store.inbound(run)) for run in ("r-1", "r-2")] == [0, 1]

    @scenario
    async def test_any_number_of_timers_due_at_once_fire_once_each(self, world: World) -> None:
        hands = await world.hold(*[f"r-{n:02}" for n in range(30)])
        for hand in reversed(hands):
            await hand.commit(timers=[timer(f"t-{n:02}", 5) for n in range(50)])
        await _all_due(world, 5)
        for hand in hands:
            fired = {delivery_from(row.body) for row in await world.store.inbound(hand.run)}
            assert fired == {TimerFired(f"t-{n:02}") for n in range(50)}
            assert list(await world.store.timers(hand.run)) == []

    @scenario
    async def test_times_of_all_zones_are_the_same_times(self, world: World) -> None:
        hand = await world.hand()
        east, west = timezone(timedelta(hours=8)), timezone(timedelta(hours=-8))
        timers = [
            Timer("t-1", later(1).astimezone(west)),
            Timer("t-2", later(2)),
            Timer("t-3", later(3).astimezone(east)),
        ]
        await hand.commit(timers=timers, items=[hand.item("i-1", expires=later(4).astimezone(west))])
        assert await world.store.timers(hand.run) == [timer("t-1", 1), timer("t-2", 2), timer("t-3", 3)]
        for n in (1, 2, 3):
            assert await world.store.fire(later(n).astimezone(east)) == later(n + 1)
        assert len(await world.store.inbound(hand.run)) == 3

    @scenario
    async def test_a_run_that_is_over_has_no_timers(self, world: World) -> None:
        hands = await world.hold("r-1", "r-2", "r-3", "r-4")
        for hand in hands:
            await hand.commit(timers=[timer("t", 1)])
        for hand, state in zip(hands, ("done", "failed", "cancelled", "waiting"), strict=True):
            await hand.commit(b"2", state=change(state))
        assert [len(await world.store.timers(hand.run)) for hand in hands] == [0, 0, 0, 1]
        assert await world.store.fire(later(1)) is None
        assert [len(await world.store.inbound(hand.run)) for hand in hands] == [0, 0, 0, 1]

    @scenario
    async def test_an_item_nobody_answers_expires_once(self, world: World) -> None:
        hand = await world.hand()
        items = [hand.item("i-1", expires=later(10)), hand.item("i-2"), hand.item("i-3", expires=later(20))]
        await hand.commit(b"2", items=items, state=change("waiting", "approval"))
        assert await world.store.fire(later(5)) == later(10)
        assert await world.store.fire(later(10)) == later(20)
        (row,) = await world.store.inbound(hand.run)
        assert (row.id, row.by, delivery_from(row.body)) == ("answer:i-1", SYSTEM, Expire("i-1"))
        assert (await _state(world, hand.run))[0] == "ready"
        assert await world.store.fire(later(11)) == later(20)
        assert len(await world.store.inbound(hand.run)) == 1
        late = await world.store.deliver(mail(hand.run, "answer:i-1", Approve("i-1", "digest")))
        assert (late.fresh, delivery_from(late.body)) == (False, Expire("i-1"))

    @scenario
    async def test_an_item_that_was_answered_does_not_expire(self, world: World) -> None:
        hand = await world.hand()
        await hand.commit(b"2", items=[hand.item("i-1", expires=later(10))], state=change("waiting", "approval"))
        await world.store.deliver(mail(hand.run, "answer:i-1", Approve("i-1", "digest")))
        assert await world.store.fire(later(30)) is None
        assert [delivery_from(row.body) for row in await world.store.inbound(hand.run)] == [Approve("i-1", "digest")]
