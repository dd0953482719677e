"""Several processes on one database: raced, killed and stopped, they lose nothing that was acknowledged."""

import asyncio
import os
import random
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest
from tests.adapters.store.actors import (
    Actor,
    commits_under_a_lease,
    commits_until_killed,
    creates_a_run,
    finishes_runs,
    holds_the_lock,
    killed_at,
)  # fmt: skip
from tests.adapters.store.playing import booked, fill, play, wrong_with

from deputy.adapters.store.sqlite import SqliteStore
from deputy.base.clock import SystemClock
from deputy.base.errors import StoreBusy
from deputy.testing.conformance.world import Hand, World, answers_of, mail

PATIENCE = 30.0  #: seconds until something that should happen soon counts as never happening


async def _acknowledged(world: World, note: Path) -> int:
    """How many commits were acknowledged before a process died; each of them is there."""
    seqs = {run.id: run.seq for run in await world.store.runs()}
    lines = note.read_text().split("\n")[:-1] if note.exists() else []
    for line in lines:
        run, n = line.rsplit(" ", 1)
        assert seqs[run] >= 1 + 2 * (int(n) + 1), line
    return len(lines)


async def _acknowledged_and_whole(world: World, note: Path) -> int:
    told = await _acknowledged(world, note)
    assert await wrong_with(world.store) == []
    return told


# -- killed


def test_a_process_killed_at_any_step_of_its_writing_loses_nothing_it_acknowledged(tmp_path: Path):
    with Actor(killed_at, tmp_path / "whole.db", tmp_path / "whole", 0) as actor:
        steps: int = actor.hear()
    told: list[int] = []
    for step in range(1, steps, max(1, steps // 60)):
        file, note = tmp_path / f"{step}.db", tmp_path / f"{step}"
        with Actor(killed_at, file, note, step) as actor:
            assert actor.ended() == -signal.SIGKILL
        told.append(play(file, lambda world, note=note: _acknowledged_and_whole(world, note)))
    assert told == sorted(told)
    assert told[0] == 0
    assert told[-1] == 8


def test_a_process_killed_at_any_time_loses_nothing_it_acknowledged(tmp_path: Path):
    chance, told, rounds = random.Random(7), 0, 20
    file = tmp_path / "deputy.db"
    for n in range(rounds):
        names = [[f"r-{n}-{who}-{run}" for run in range(4)] for who in range(2)]
        notes = [tmp_path / f"{n}-{who}" for who in range(2)]
        one, two = [Actor(commits_until_killed, file, note, runs) for note, runs in zip(notes, names, strict=True)]
        with one, two:
            assert (one.hear(), two.hear()) == ("ready", "ready")
            asyncio.run(asyncio.sleep(chance.random() * 0.08))
        for note in notes:
            told += play(file, lambda world, note=note: _acknowledged(world, note))

    async def taken_over(world: World) -> None:
        assert await wrong_with(world.store) == []
        assert await world.store.reap() == rounds * 8
        for taken in await world.store.claim(await world.store.join("worker"), 200):
            assert taken.run.seq % 2 == 1

    play(file, taken_over)
    assert told > 50


# -- raced


def test_several_processes_that_make_the_database_at_once_all_get_it(tmp_path: Path):
    for n in range(5):
        file, actors = tmp_path / f"{n}.db", list[Actor]()
        try:
            actors += [Actor(creates_a_run, file, f"r-{who}") for who in range(4)]
            for actor in actors:
                actor.tell("go")
            assert [actor.hear() for actor in actors] == ["created"] * 4
        finally:
            for actor in actors:
                actor.__exit__(None, None, None)
        assert len(play(file, lambda world: world.store.runs())) == 4


def test_a_run_is_claimed_by_one_process_only(tmp_path: Path):
    file = tmp_path / "deputy.db"
    names = [f"r-{n:02}" for n in range(40)]
    play(file, lambda world: world.create(*names))
    actors = [Actor(finishes_runs, file) for _ in range(3)]
    try:
        assert [actor.hear() for actor in actors] == ["ready"] * 3
        for actor in actors:
            actor.tell("go")
        finished: dict[str, list[str]] = dict(actor.hear() for actor in actors)
    finally:
        for actor in actors:
            actor.__exit__(None, None, None)
    assert sorted(name for done in finished.values() for name in done) == names

    async def look(world: World) -> None:
        assert {run.state for run in await world.store.runs()} == {"done"}
        for worker, done in finished.items():
            for name in done:
                assert [row.body for row in await world.store.rows(name)][1:] == [worker.encode()]

    play(file, look)


def test_a_commit_waits_for_another_process_that_writes(tmp_path: Path):
    file = tmp_path / "deputy.db"

    async def work(world: World) -> None:
        hands = await fill(world, runs=4, commits=1)
        with Actor(holds_the_lock, file) as other:
            assert await asyncio.to_thread(other.hear) == "held"
            commits = [asyncio.create_task(booked(hand, 1)) for hand in hands]
            assert len(await world.store.runs()) == 4  # readers wait for nobody
            assert await world.store.mail(hands[0].lease)
            await asyncio.sleep(0.05)
            assert not any(commit.done() for commit in commits)
            other.tell("let go")
            assert await asyncio.to_thread(other.hear) == "released"
            await asyncio.gather(*commits)
        assert await wrong_with(world.store) == []

    play(file, work)


def test_where_another_process_writes_for_too_long_the_store_is_busy_and_then_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("deputy.adapters.store.sqlite.connection.BUSY_MS", 30)
    file = tmp_path / "deputy.db"

    async def work(world: World) -> None:
        hands = await fill(world, runs=4, commits=1)
        with Actor(holds_the_lock, file) as other:
            assert await asyncio.to_thread(other.hear) == "held"
            answers = await answers_of(*[booked(hand, 1) for hand in hands], world.store.deliver(mail("r-00", "d")))
            assert all(isinstance(answer, StoreBusy) for answer in answers)
            other.tell("let go")
            assert await asyncio.to_thread(other.hear) == "released"
        await asyncio.gather(*[booked(hand, 1) for hand in hands])
        assert await wrong_with(world.store) == []

    play(file, work)


# -- stopped


def test_a_stopped_worker_whose_runs_went_to_others_writes_nothing_more(tmp_path: Path):
    file, lease = tmp_path / "deputy.db", 0.4

    async def take_over(other: Actor) -> int:
        store = SqliteStore.open(file, SystemClock(), lease=lease)
        held = await store.join("worker")
        try:
            worker = await asyncio.to_thread(other.hear)
            await _stopped_outside_of_a_transaction(store, other)
            async with asyncio.timeout(PATIENCE):
                while not await store.reap():
                    await store.beat(held)
                    await asyncio.sleep(0.05)
            assert [w.alive for w in await store.workers() if w.id == worker] == [False]
            (taken,) = await store.claim(held, 1)
            hand = Hand(store, held, taken)
            await hand.commit(b"ours")
            other.send(signal.SIGCONT)
            mine, code = await asyncio.to_thread(other.hear)
            assert code == "lease_lost"
            assert await asyncio.to_thread(other.hear) is True  # nothing late was accepted, and it began anew
            await hand.commit(b"ours again")
            bodies = [row.body for row in await store.rows("r-one")][1:]
            assert bodies == [b"mine"] * (len(bodies) - 2) + [b"ours", b"ours again"]
            other.tell("go")
            return len(bodies) - 2 - mine
        finally:
            await store.close()

    play(file, lambda world: world.create("r-one"))
    with Actor(commits_under_a_lease, file, lease) as other:
        unheard = asyncio.run(take_over(other))
    assert unheard in (0, 1)  # a commit may be durable whose acknowledgement was never heard; the journal tells


async def _stopped_outside_of_a_transaction(store: SqliteStore, other: Actor) -> None:
    """Stop a process at a moment when it does not hold the right to write: then nobody could."""
    while True:
        other.send(signal.SIGSTOP)
        deliver = asyncio.create_task(store.wake("nothing"))
        done, _ = await asyncio.wait([deliver], timeout=0.2)
        if done:
            return
        other.send(signal.SIGCONT)
        await deliver


# -- two stores, and forks


def test_two_stores_of_one_process_share_a_database(tmp_path: Path):
    async def work(world: World) -> None:
        one, two = world.store, world.another()
        hands = [*await world.hold("r-1", "r-2", store=one), *await world.hold("r-3", "r-4", store=two)]
        for n in range(10):
            await asyncio.gather(*[booked(hand, n) for hand in hands])
        await two.close()
        assert await one.reap() == 2
        await booked(hands[0], 10)
        assert await wrong_with(one) == []

    play(tmp_path / "deputy.db", work)


def _forked(work: Callable[[], str]) -> str:
    """What work says in a fork of this process."""
    read, write = os.pipe()
    if (child := os.fork()) == 0:
        os.write(write, work().encode())
        os._exit(0)
    os.close(write)
    with open(read) as said:
        text = said.read()
    os.waitpid(child, 0)
    return text


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_of_a_process_with_a_store_is_told_to_open_its_own(tmp_path: Path):
    file = tmp_path / "deputy.db"

    async def work(world: World) -> None:
        (hand, *_) = await fill(world, runs=2, commits=2)

        def in_child() -> str:
            try:
                hand.commit(b"from the child").send(None)
            except RuntimeError as exc:
                return str(exc)
            return "accepted"

        assert "after a fork" in await asyncio.to_thread(_forked, in_child)
        await booked(hand, 2)
        assert await wrong_with(world.store) == []

    play(file, work)


# -- noticing


def test_what_others_do_is_noticed_by_a_process_that_never_pauses(tmp_path: Path):
    async def work(world: World) -> None:
        hand, other = await world.hand(), world.another()
        told = asyncio.Event()
        world.store.watch(told.set)
        await world.happens(told)  # the first look always says so
        told.clear()
        deliver = asyncio.create_task(other.deliver(mail("r-one", "d-1")))
        async with asyncio.timeout(PATIENCE):
            while not told.is_set():
                await hand.commit(b"again")
        await deliver

    play(tmp_path / "deputy.db", work)


def test_a_look_that_fails_ends_nothing(tmp_path: Path):
    failing, failed = threading.Event(), threading.Event()

    def allow(_: apsw.Cursor, sql: str, __: object) -> bool:
        if "data_version" not in sql or not failing.is_set():
            return True
        failed.set()
        return False

    def watch(connection: apsw.Connection) -> None:
        connection.exec_trace = allow

    async def work(world: World) -> None:
        hand, other = await world.hand(), world.another()
        told = asyncio.Event()
        world.store.watch(told.set)
        failing.set()
        assert await asyncio.to_thread(failed.wait, PATIENCE)
        async with asyncio.timeout(PATIENCE):
            await hand.commit(b"2")
        failing.clear()
        told.clear()
        await other.deliver(mail("r-one", "d-1"))
        await world.happens(told)

    apsw.connection_hooks.append(watch)
    try:
        play(tmp_path / "deputy.db", work)
    finally:
        apsw.connection_hooks.clear()
