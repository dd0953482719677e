"""Commits that are submitted together are one transaction of few statements, and still answered one by one."""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import apsw
import pytest
from msgspec.structs import replace
from tests.adapters.store.playing import booked, play, wrong_with

from deputy.base.errors import Frozen, GrantUsed, LeaseLost, OutOfSequence, OverBudget
from deputy.domain.cost import Cost, Limits
from deputy.domain.delivery import Approve
from deputy.ports.store import Commit, Move, Row
from deputy.testing.conformance.world import NOON, Hand, World, answers_of, change, mail, new_run, note, timer


class Ran(NamedTuple):
    """A statement that a connection ran."""

    connection: int
    sql: str


@pytest.fixture
def ran() -> Iterator[list[Ran]]:
    """Every statement of every connection that is opened from here on."""
    statements: list[Ran] = []

    def tell(cursor: apsw.Cursor, sql: str, _: object) -> bool:
        statements.append(Ran(id(cursor.connection), sql))
        return True

    def watch(connection: apsw.Connection) -> None:
        connection.exec_trace = tell

    apsw.connection_hooks.append(watch)
    yield statements
    apsw.connection_hooks.clear()


async def _together(world: World, commits: Sequence[Commit]) -> list[BaseException | None]:
    """Submit commits while the store is busy with something else, so that all of them are one group."""
    free = threading.Event()

    def slowly(seq: int, before: bytes) -> Row:
        assert free.wait(20)
        return note(seq, before)

    first = asyncio.create_task(world.store.note(slowly))
    await asyncio.sleep(0)
    submitted = asyncio.create_task(answers_of(*[world.store.commit(commit) for commit in commits]))
    for _ in range(3):
        await asyncio.sleep(0)
    free.set()
    await first
    return await submitted


def _written(ran: Sequence[Ran], since: int) -> list[str]:
    """What the writing connection ran in the last group: the statements after the note's transaction."""
    writer = next(r.connection for r in ran if r.sql == "BEGIN IMMEDIATE")
    statements = [r.sql for r in ran[since:] if r.connection == writer and not r.sql.startswith("PRAGMA data_version")]
    begun = [n for n, sql in enumerate(statements) if sql == "BEGIN IMMEDIATE"]
    assert len(begun) == 2, "the note, and one group"
    return statements[begun[1] :]


@pytest.mark.parametrize("size", [1, 10, 100, 400])
def test_a_group_takes_a_bounded_number_of_statements_however_large_it_is(tmp_path: Path, ran: list[Ran], size: int):
    async def work(world: World) -> list[str]:
        hands = await world.hold(*[f"r-{n:03}" for n in range(size)])
        since = len(ran)
        move = Move("day", Cost(steps=1), Cost(money=5), Limits(steps=1000))
        drafts = [hand.draft(b"reply %d" % n, b"intent %d" % n, moves=[move]) for n, hand in enumerate(hands)]
        assert not any(await _together(world, drafts))
        return _written(ran, since)

    statements = play(tmp_path / "deputy.db", work)
    kinds = Counter(sql.split("(")[0].strip() for sql in statements)
    chunks = kinds.pop("INSERT INTO journal")
    assert chunks <= 2 * size // 128 + 3 + 3 + 7  # as many full chunks as there are, and a few for the rest
    assert statements[0] == "BEGIN IMMEDIATE"
    assert statements[-1] == "COMMIT"
    assert sum(kinds.values()) <= 6  # begin, freezes, epoch, the account read and written, commit


def test_reading_preconditions_does_not_grow_with_the_group(tmp_path: Path, ran: list[Ran]):
    async def work(world: World) -> list[str]:
        hands = await world.hold(*[f"r-{n:03}" for n in range(100)])
        since = len(ran)
        drafts = [hand.draft(b"2", b"3", thawed="payables", moves=[Move("day", Cost(1))]) for hand in hands]
        assert not any(await _together(world, drafts))
        return _written(ran, since)

    statements = play(tmp_path / "deputy.db", work)
    assert len(statements) <= 15
    assert sum(sql.startswith("SELECT") for sql in statements) <= 3


def test_what_a_commit_asks_beyond_events_costs_a_statement_each(tmp_path: Path, ran: list[Ran]):
    async def work(world: World) -> int:
        hands = await world.hold(*[f"r-{n:02}" for n in range(50)])
        since = len(ran)
        drafts = [
            hand.draft(b"2", grant=f"g-{n}", items=[hand.item(f"i-{n}")], timers=[timer("t", 1)])
            for n, hand in enumerate(hands)
        ]
        assert not any(await _together(world, drafts))
        return len(_written(ran, since))

    assert play(tmp_path / "deputy.db", work) <= 4 * 50 + 10


def test_in_one_group_each_commit_gets_its_own_answer(tmp_path: Path, ran: list[Ran]):
    async def work(world: World) -> None:
        hands = await world.hold(*[f"r-{n:02}" for n in range(14)])
        await world.store.note(note, ("frozen", True))
        await hands[0].commit(grant="used", items=[hands[0].item("i-0")])
        drafts = [hand.draft(b"2", moves=[Move("shared", spend=Cost(steps=1))]) for hand in hands]
        wrong = {
            1: replace(drafts[1], head=(9, b"")),
            3: replace(drafts[3], lease=hands[3].lease._replace(epoch=7)),
            5: replace(drafts[5], thawed="frozen"),
            7: replace(drafts[7], grant="used"),
            9: replace(drafts[9], moves=[Move("day", Cost(2), limit=Limits(money=1)), *drafts[9].moves]),
        }
        for n, draft in wrong.items():
            drafts[n] = draft
        since = len(ran)
        answers = await _together(world, drafts)
        assert _written(ran, since)[-1] == "COMMIT"
        assert {n: type(answer) for n, answer in enumerate(answers) if answer} == {
            1: OutOfSequence, 3: LeaseLost, 5: Frozen, 7: GrantUsed, 9: OverBudget,
        }  # fmt: skip
        assert [len(await world.store.rows(hand.run)) for hand in hands] == [1 + (n not in wrong) for n in range(14)]
        assert (await world.store.account("shared")).spent == Cost(steps=9)

    play(tmp_path / "deputy.db", work)


def test_one_that_cannot_be_stored_leaves_its_group_to_be_written_one_by_one(tmp_path: Path):
    async def work(world: World) -> None:
        hands = await world.hold(*[f"r-{n:02}" for n in range(12)])
        await hands[0].commit(items=[hands[0].item("i-0")])
        drafts = [hand.draft(b"2", moves=[Move("shared", spend=Cost(steps=1))]) for hand in hands]
        drafts[2] = replace(drafts[2], items=[hands[2].item("i-0")])
        drafts[4] = replace(drafts[4], deliveries=[mail("r-00", "d", Approve("i", "d", {"x": "\udfff"}))])
        drafts[6] = replace(drafts[6], moves=[Move("shared", spend=Cost(steps=1 << 70))])
        drafts[8] = replace(drafts[8], items=[hands[8].item("i-8", created=NOON.replace(tzinfo=None))])
        drafts[10] = replace(drafts[10], children=[new_run("r-11")])
        answers = await _together(world, drafts)
        assert [n for n, answer in enumerate(answers) if answer] == [2, 4, 6, 8, 10]
        assert isinstance(answers[2], OutOfSequence)
        assert isinstance(answers[10], OutOfSequence)
        assert [len(await world.store.rows(hand.run)) for hand in hands] == [2, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2]
        assert (await world.store.account("shared")).spent == Cost(steps=7)
        for n in (2, 4, 6, 8, 10):
            await hands[n].commit(b"2 again")
        assert list(await world.store.check()) == []

    play(tmp_path / "deputy.db", work)


def test_a_group_may_hold_the_whole_life_of_a_run(tmp_path: Path):
    async def work(world: World) -> None:
        (hand,) = await world.hold("r-1")
        first = hand.draft(b"2", moves=[Move("day", Cost(5), limit=Limits(money=6))], grant="g-1")
        second = hand.draft(b"3", moves=[Move("day", Cost(-5), Cost(3))], head=(2, first.rows[-1].link))
        third = hand.draft(b"4", head=(3, second.rows[-1].link), moves=[Move("day", Cost(4))])
        fourth = hand.draft(b"4", head=(3, second.rows[-1].link), state=change("done"))
        fifth = hand.draft(b"5", head=(4, fourth.rows[-1].link))
        answers = await _together(world, [first, second, third, fourth, fifth])
        assert [type(answer) for answer in answers] == [type(None), type(None), OverBudget, type(None), LeaseLost]
        assert [row.body for row in await world.store.rows("r-1")][1:] == [b"2", b"3", b"4"]

    play(tmp_path / "deputy.db", work)


def test_commits_of_several_stores_do_not_mix(tmp_path: Path):
    async def work(world: World) -> None:
        other = world.another()
        mine, theirs = await world.hold("r-1", "r-2"), await world.hold("r-3", "r-4", store=other)
        for n in range(5):
            await answers_of(*[booked(hand, n) for hand in (*mine, *theirs)])
        (answer,) = await answers_of(other.commit(Hand(other, mine[0].lease, mine[0].taken).draft(b"stolen")))
        assert isinstance(answer, LeaseLost)
        assert await wrong_with(world.store) == []

    play(tmp_path / "deputy.db", work)
