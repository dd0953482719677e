"""Leases: a run belongs to one worker, and whoever lost it can write nothing more."""

import asyncio

from msgspec.structs import replace

from deputy.base.errors import LeaseLost
from deputy.ports.store import Commit, Lease, Store, Taken
from deputy.testing.conformance.world import Hand, World, answers_of, change, mail, new_run, note, scenario

__all__ = ["Workers"]

LONG = 3600.0  #: seconds, longer than any lease


async def _claimed(store: Store, lease: Lease, most: int = 100, only: tuple[str, ...] = ()) -> list[str]:
    return [taken.run.id for taken in await store.claim(lease, most, only)]


class Workers:
    """Workers, their claims, and what ends them."""

    @scenario
    async def test_a_worker_is_listed_while_it_is_registered(self, world: World) -> None:
        one, two = await world.store.join("worker"), await world.another().join("run")
        assert one.worker != two.worker
        workers = {worker.id: worker for worker in await world.store.workers()}
        assert {(w.kind, w.alive, w.epoch) for w in workers.values()} == {("worker", True, 1), ("run", True, 1)}
        await world.store.leave(one)
        assert [worker.id for worker in await world.store.workers()] == [two.worker]

    @scenario
    async def test_the_oldest_ready_runs_are_claimed_and_no_more_than_wanted(self, world: World) -> None:
        names = ["r-5", "r-3", "r-4", "r-1", "r-2"]
        for name in names:
            await world.create(name)
        lease = await world.store.join("worker")
        assert await _claimed(world.store, lease, 2) == names[:2]
        assert await _claimed(world.store, lease, 0) == []
        assert await _claimed(world.store, lease) == names[2:]
        assert await _claimed(world.store, lease) == []

    @scenario
    async def test_a_claim_brings_all_that_is_needed_to_go_on(self, world: World) -> None:
        hand = await world.hand()
        await hand.commit(b"2", b"3", state=change("waiting", "message"))
        await world.store.deliver(mail(hand.run, "d-1"))
        await world.store.deliver(mail(hand.run, "d-2"))
        (taken,) = await world.store.claim(hand.lease, 10)
        assert taken.run == await world.store.run(hand.run)
        assert (taken.run.state, taken.run.seq, taken.run.link) == ("running", *hand.head)
        assert list(taken.rows) == await world.store.rows(hand.run)
        assert list(taken.inbound) == await world.store.inbound(hand.run)

    @scenario
    async def test_only_ready_runs_are_claimed(self, world: World) -> None:
        states = ("ready", "waiting", "done", "failed", "cancelled")
        for hand, state in zip(await world.hold("r-1", "r-2", "r-3", "r-4", "r-5"), states, strict=True):
            await hand.commit(b"2", state=change(state, "why"))
        assert {run.state for run in await world.store.runs()} == set(states)
        assert await _claimed(world.store, await world.store.join("worker")) == ["r-1"]

    @scenario
    async def test_a_run_is_claimed_by_one_worker_only(self, world: World) -> None:
        await world.create(*[f"r-{n:02}" for n in range(40)])
        stores = [world.store, *[world.another() for _ in range(3)]]
        leases = [await store.join("worker") for store in stores]
        claims = [s.claim(lease, 3) for _ in range(5) for s, lease in zip(stores, leases, strict=True)]
        answers = await answers_of(*claims)
        runs = [taken.run.id for answer in answers if not isinstance(answer, BaseException) for taken in answer]
        assert sorted(runs) == [f"r-{n:02}" for n in range(40)]

    @scenario
    async def test_a_claim_may_be_for_some_runs_and_their_descendants(self, world: World) -> None:
        await world.create("r-other", "r-top", "r-last")
        for name, parent in (
            ("r-a", "r-top"),
            ("r-b", "r-top"),
            ("r-aa", "r-a"),
            ("r-aaa", "r-aa"),
            ("r-x", "r-other"),
        ):
            child = new_run(name, parent=parent, root="r-other" if parent == "r-other" else "r-top")
            await world.store.commit(Commit(parent, None, children=[child]))
        lease = await world.store.join("run")
        assert await _claimed(world.store, lease, only=("r-none",)) == []
        assert await _claimed(world.store, lease, only=("r-a",)) == ["r-a", "r-aa", "r-aaa"]
        assert await _claimed(world.store, lease, 1, only=("r-top", "r-last")) == ["r-top"]
        assert await _claimed(world.store, lease, only=("r-top", "r-last")) == ["r-last", "r-b"]
        assert await _claimed(world.store, lease) == ["r-other", "r-x"]

    @scenario
    async def test_a_run_belongs_to_the_lease_that_claimed_it(self, world: World) -> None:
        hand, other = await world.hand("r-1"), await world.hand("r-2")
        for lease in (other.lease, hand.lease._replace(epoch=2), Lease("nobody", 1)):
            (answer,) = await answers_of(world.store.commit(hand.draft(b"2", lease=lease)))
            assert isinstance(answer, LeaseLost)
        (answer,) = await answers_of(world.store.commit(replace(hand.draft(b"2"), run="r-none")))
        assert isinstance(answer, LeaseLost)
        await hand.commit(b"2")

    @scenario
    async def test_a_ready_run_is_written_by_nobody(self, world: World) -> None:
        hand = await world.hand()
        await hand.commit(b"2", state=change("ready"))
        (answer,) = await answers_of(hand.commit(b"3"))
        assert isinstance(answer, LeaseLost)

    @scenario
    async def test_every_state_but_running_gives_up_the_lease(self, world: World) -> None:
        for n, state in enumerate(("ready", "waiting", "done", "failed", "cancelled")):
            hand = await world.hand(f"r-{n}")
            answers = await answers_of(hand.commit(b"2", state=change(state)), hand.commit(b"2"))
            assert answers[0] is None
            assert isinstance(answers[1], LeaseLost)
            assert len(await world.store.rows(hand.run)) == 2

    @scenario
    async def test_a_run_that_goes_on_running_keeps_its_lease(self, world: World) -> None:
        hand = await world.hand()
        await hand.commit(b"2", items=[hand.item("i-1")])
        await hand.commit(b"3", state=change("running", "busy"))
        row = await world.store.run(hand.run)
        assert row is not None
        assert (row.state, row.summary) == ("running", "busy")
        await hand.commit(b"4")
        assert len(await world.store.items()) == 1
        await world.store.leave(hand.lease)
        assert await _claimed(world.store, await world.store.join("worker")) == [hand.run]

    @scenario
    async def test_a_change_of_state_is_dated_and_says_why(self, world: World) -> None:
        hand = await world.hand()
        world.clock.move(60)
        await hand.commit(state=change("failed", "no_reply")._replace(at=world.clock.now()))
        row = await world.store.run(hand.run)
        assert row is not None
        assert (row.state, row.summary, row.changed) == ("failed", "no_reply", world.clock.now())

    @scenario
    async def test_a_worker_that_leaves_gives_its_runs_back(self, world: World) -> None:
        one, two = await world.hold("r-1", "r-2")
        await two.commit(state=change("waiting", "message"))
        await world.store.leave(one.lease)
        for attempt in (one.commit(b"2"), world.store.claim(one.lease, 1), world.store.beat(one.lease)):
            (answer,) = await answers_of(attempt)
            assert isinstance(answer, LeaseLost)
        assert await _claimed(world.store, await world.store.join("worker")) == ["r-1"]

    @scenario
    async def test_a_heartbeat_says_until_when_the_lease_holds(self, world: World) -> None:
        lease = await world.store.join("worker")
        first = await world.store.beat(lease)
        world.clock.move(2)
        assert first > world.clock.boot()
        assert await world.store.beat(lease) == first + 2

    @scenario
    async def test_whoever_beats_keeps_its_runs_and_whoever_is_silent_loses_them(self, world: World) -> None:
        other = world.another()
        alive, silent = await world.hand("r-1"), await world.hand("r-2")
        for _ in range(20):
            world.clock.move(LONG / 20)
            await world.store.beat(alive.lease)
            assert await other.reap() in (0, 1)
        await alive.commit(b"2")
        (answer,) = await answers_of(silent.commit(b"2"))
        assert isinstance(answer, LeaseLost)
        alive_ones = {worker.id for worker in await other.workers() if worker.alive}
        assert alive_ones == {alive.lease.worker}
        assert await _claimed(other, await other.join("worker")) == ["r-2"]

    @scenario
    async def test_a_worker_that_was_taken_for_dead_can_do_nothing_more(self, world: World) -> None:
        other, hand = world.another(), await world.hand()
        world.clock.move(LONG)
        assert await other.reap() == 1
        assert await other.reap() == 0
        for attempt in (
            hand.commit(b"2"), hand.commit(state=change("done")), hand.store.claim(hand.lease, 1),
            hand.store.beat(hand.lease),
        ):  # fmt: skip
            (answer,) = await answers_of(attempt)
            assert isinstance(answer, LeaseLost)
        lease = await other.join("worker")
        (taken,) = await other.claim(lease, 1)
        await Hand(other, lease, taken).commit(b"2", state=change("ready"))
        await hand.store.leave(hand.lease)
        (answer,) = await answers_of(hand.commit(b"2"))
        assert isinstance(answer, LeaseLost)
        fresh = await hand.store.join("worker")
        (taken,) = await hand.store.claim(fresh, 1)
        await Hand(hand.store, fresh, taken).commit(b"3")
        assert [row.body for row in await other.rows(hand.run)][1:] == [b"2", b"3"]

    @scenario
    async def test_leaving_late_gives_back_nothing_of_others(self, world: World) -> None:
        other, hand = world.another(), await world.hand()
        world.clock.move(LONG)
        await other.reap()
        lease = await other.join("worker")
        (taken,) = await other.claim(lease, 1)
        await hand.store.leave(hand.lease)
        assert await other.reap() == 0
        await Hand(other, lease, taken).commit(b"2")

    @scenario
    async def test_the_runs_of_a_dead_worker_are_claimable_at_once(self, world: World) -> None:
        other = world.another()
        for hand in await world.hold("r-1", "r-2", "r-3", store=other):
            await hand.commit(b"2")
        await other.close()
        assert [worker.alive for worker in await world.store.workers()] == [False]
        assert await world.store.reap() == 3
        assert list(await world.store.workers()) == []
        taken = await world.store.claim(await world.store.join("worker"), 10)
        assert [(one.run.id, len(one.rows)) for one in taken] == [("r-1", 2), ("r-2", 2), ("r-3", 2)]

    @scenario
    async def test_nobody_ends_a_worker_that_lives(self, world: World) -> None:
        other, hand = world.another(), await world.hand()
        assert await other.reap() == await world.store.reap() == 0
        await hand.commit(b"2")

    @scenario
    async def test_many_who_reap_at_once_release_a_run_once(self, world: World) -> None:
        dead, others = world.another(), [world.another() for _ in range(4)]
        await world.hold("r-1", "r-2", store=dead)
        await dead.close()
        answers = await answers_of(*[store.reap() for store in others])
        assert sum(answer for answer in answers if isinstance(answer, int)) == 2
        leases = [await store.join("worker") for store in others]
        claims: list[Taken | BaseException] = []
        for answer in await answers_of(*[s.claim(lease, 5) for s, lease in zip(others, leases, strict=True)]):
            claims += [answer] if isinstance(answer, BaseException) else answer
        assert len(claims) == 2

    @scenario
    async def test_commits_and_a_reaper_at_once_leave_no_doubt_about_who_wrote(self, world: World) -> None:
        other, hands = world.another(), await world.hold(*[f"r-{n:02}" for n in range(20)])
        world.clock.move(LONG)
        answers = await answers_of(*[hand.commit(b"mine") for hand in hands[:10]], other.reap(), *[
            hand.commit(b"mine") for hand in hands[10:]
        ])  # fmt: skip
        accepted = [*answers[:10], *answers[11:]]
        assert all(answer is None or isinstance(answer, LeaseLost) for answer in accepted)
        assert [len(await other.rows(hand.run)) for hand in hands] == [1 + (answer is None) for answer in accepted]
        lease = await other.join("worker")
        for taken in await other.claim(lease, 100):
            await Hand(other, lease, taken).commit(b"theirs")
        for hand in hands:
            assert (await other.rows(hand.run))[-1].body == b"theirs"

    @scenario
    async def test_mail_is_that_of_the_runs_a_lease_holds(self, world: World) -> None:
        one, two = await world.hand("r-1"), await world.hand("r-2")
        for name in ("r-1", "r-2"):
            await world.store.deliver(mail(name, f"d-{name}"))
        assert list(await world.store.mail(one.lease)) == ["r-1"]
        await world.store.leave(two.lease)
        assert await world.store.mail(two.lease) == {}

    @scenario
    async def test_freezing_takes_no_lease(self, world: World) -> None:
        hand = await world.hand()
        await world.store.note(note, ("*", True))
        await asyncio.sleep(0)
        await hand.commit(b"2")
        assert await _claimed(world.store, hand.lease) == []
