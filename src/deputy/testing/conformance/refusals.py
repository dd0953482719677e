"""Preconditions: each refuses exactly the commit it is about, all of that commit, and none of its neighbours."""

from collections.abc import Mapping

from msgspec.structs import replace

from deputy.base.canonical import digest
from deputy.base.errors import CommitRefused, Frozen, GrantUsed, LeaseLost, OutOfSequence, OverBudget
from deputy.domain.chain import GENESIS
from deputy.domain.cost import Cost, Limits
from deputy.ports.store import Blob, Commit, Move
from deputy.testing.conformance.world import (
    Hand,
    World,
    answers_of,
    change,
    mail,
    new_run,
    note,
    rows_after,
    scenario,
    timer,
)  # fmt: skip

__all__ = ["Refusals"]

TIGHT = Move("day", Cost(money=1), limit=Limits(money=10))


async def _prepared(world: World) -> list[Hand]:
    """Twelve runs in hand, where agent `frozen` is frozen, grant `used` is used and account `day` has 1 of 10 held."""
    hands = await world.hold(*[f"r-{n:02}" for n in range(12)])
    await hands[0].commit(grant="used", moves=[TIGHT])
    await world.store.note(note, ("frozen", True))
    return hands


def _refused(hand: Hand) -> Mapping[type[CommitRefused], Commit]:
    """A commit of this run for each precondition, that does not meet it."""
    stale = rows_after(hand.run, (5, GENESIS), [b"stale"])
    return {
        OutOfSequence: replace(hand.draft(head=(5, GENESIS)), rows=stale),
        LeaseLost: hand.draft(b"lost", lease=hand.lease._replace(epoch=hand.lease.epoch + 1)),
        Frozen: hand.draft(b"frozen", thawed="frozen"),
        GrantUsed: hand.draft(b"granted", grant="used"),
        OverBudget: hand.draft(b"over", moves=[Move("day", Cost(money=10))]),
    }


async def _state(world: World) -> tuple[object, ...]:
    """Everything that a commit could change."""
    store = world.store
    runs = await store.runs()
    return (
        runs, [await store.rows(run.id) for run in runs], [await store.inbound(run.id) for run in runs],
        [await store.timers(run.id) for run in runs], await store.items(), await store.accounts(),
        await store.blobs([digest(b"blob")]), await store.frozen(),
    )  # fmt: skip


class Refusals:
    """Commits that are refused."""

    @scenario
    async def test_each_precondition_refuses_its_commit_and_no_neighbour(self, world: World) -> None:
        hands = await _prepared(world)
        for kind in _refused(hands[0]):
            drafts = [hand.draft(b"good", moves=[Move("shared", spend=Cost(steps=1))]) for hand in hands]
            drafts[5] = _refused(hands[5])[kind]
            answers = await answers_of(*[world.store.commit(draft) for draft in drafts])
            assert [n for n, answer in enumerate(answers) if answer is not None] == [5], kind
            assert type(answers[5]) is kind
            for n, (hand, draft) in enumerate(zip(hands, drafts, strict=True)):
                if n != 5:
                    hand.head = (draft.rows[-1].seq, draft.rows[-1].link)
        assert [len(await world.store.rows(hand.run)) for hand in hands] == [1 if n == 5 else 6 for n in range(12)]
        assert (await world.store.account("shared")).spent == Cost(steps=55)

    @scenario
    async def test_several_refusals_in_one_group_are_told_apart(self, world: World) -> None:
        hands = await _prepared(world)
        drafts = [hand.draft(b"good") for hand in hands]
        expected: list[type[CommitRefused] | None] = [None] * len(hands)
        for n, kind in zip((1, 3, 4, 7, 10), _refused(hands[0]), strict=True):
            drafts[n], expected[n] = _refused(hands[n])[kind], kind
        answers = await answers_of(*[world.store.commit(draft) for draft in drafts])
        assert [None if answer is None else type(answer) for answer in answers] == expected

    @scenario
    async def test_nothing_of_a_refused_commit_is_kept(self, world: World) -> None:
        hands = await _prepared(world)
        hand, other = hands[2], hands[3]
        await other.commit(state=change("waiting", "message"))
        await world.store.deliver(mail(hand.run, "d-1"))
        (inbound,) = await world.store.inbound(hand.run)
        await hand.commit(items=[hand.item("i-old")], timers=[timer("t-old", 5)])
        before = await _state(world)
        for kind, refused in _refused(hand).items():
            whole = replace(refused,
                moves=[Move("other", Cost(money=1), Cost(tokens=5)), *refused.moves], grant=refused.grant or "fresh",
                items=[hand.item("i-new")], items_off=["i-old"], timers=[timer("t-new", 9)], timers_off=["t-old"],
                taken=[inbound.position], deliveries=[mail(other.run, "d-2")], blobs=[Blob(digest(b"blob"), b"blob")],
                children=[new_run("r-child", parent=hand.run)], state=change("done"),
            )  # fmt: skip
            (answer,) = await answers_of(world.store.commit(whole))
            assert type(answer) is kind
            assert await _state(world) == before, kind
        await hand.commit(b"good", grant="fresh")

    @scenario
    async def test_a_refused_commit_can_be_followed_by_a_right_one(self, world: World) -> None:
        hands = await _prepared(world)
        for refused in _refused(hands[1]).values():
            await answers_of(world.store.commit(refused))
            await hands[1].commit(b"right")
        assert len(await world.store.rows(hands[1].run)) == 6

    @scenario
    async def test_a_grant_serves_one_commit(self, world: World) -> None:
        hands = await world.hold("r-1", "r-2", "r-3")
        answers = await answers_of(*[world.store.commit(hand.draft(b"2", grant="g-1")) for hand in hands])
        assert [type(answer) for answer in answers] == [type(None), GrantUsed, GrantUsed]
        (answer,) = await answers_of((await world.hand("r-4")).commit(b"2", grant="g-1"))
        assert isinstance(answer, GrantUsed)
        await hands[1].commit(b"2", grant="g-2")

    @scenario
    async def test_a_used_grant_stays_used_for_everybody(self, world: World) -> None:
        hand = await world.hand()
        await hand.commit(b"2", grant="g-1")
        await world.reopened()
        (answer,) = await answers_of((await world.hand("r-2")).commit(b"2", grant="g-1"))
        assert isinstance(answer, GrantUsed)

    @scenario
    async def test_a_frozen_agent_begins_nothing_and_others_do(self, world: World) -> None:
        hand, other = await world.hand(), world.another()
        await other.note(note, ("payables", True))
        (answer,) = await answers_of(hand.commit(b"2", thawed="payables"))
        assert isinstance(answer, Frozen)
        await hand.commit(b"2", thawed="helpdesk")
        await hand.commit(b"3")
        await other.note(note, ("payables", False))
        await hand.commit(b"4", thawed="payables")

    @scenario
    async def test_freezing_everything_freezes_every_agent(self, world: World) -> None:
        hand = await world.hand()
        await world.store.note(note, ("*", True))
        for agent in ("payables", "helpdesk"):
            (answer,) = await answers_of(hand.commit(b"2", thawed=agent))
            assert isinstance(answer, Frozen)
        await hand.commit(b"2")

    @scenario
    async def test_freezes_are_listed_and_last(self, world: World) -> None:
        for name in ("payables", "*", "helpdesk", "payables"):
            await world.store.note(note, (name, True))
        await world.store.note(note, ("helpdesk", False))
        await world.store.note(note)
        assert list(await (await world.reopened()).frozen()) == ["*", "payables"]

    @scenario
    async def test_thawing_wakes_the_runs_that_wait_for_it(self, world: World) -> None:
        hands = await world.hold("r-1", "r-2", "r-3")
        for hand, word in zip(hands, ("frozen", "approval", "frozen"), strict=True):
            await hand.commit(state=change("waiting", word))
        await world.store.note(note, ("payables", True))
        assert [run.state for run in await world.store.runs()] == ["waiting"] * 3
        await world.store.note(note, ("payables", False))
        assert {run.id: run.state for run in await world.store.runs()} == {
            "r-1": "ready", "r-2": "waiting", "r-3": "ready",
        }  # fmt: skip
