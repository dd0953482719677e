"""Power is cut: every commit whose await returned is there, none is half there, and work goes on."""

import asyncio
import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import apsw
import pytest
from tests.adapters.store.playing import booked, play, wrong_with

from deputy.base.errors import StoreDamaged
from deputy.ports.store import Commit
from deputy.testing.conformance.world import Hand, World, change, later, mail, new_run, note, timer
from deputy.testing.faults import Disk, Step, put_files

RUNS = [f"r-{n}" for n in range(6)]


class Cut(NamedTuple):
    """Before what power was cut, what was acknowledged by then, and what the disk held."""

    before: Step
    acknowledged: list[str]
    files: Mapping[str, bytes]


async def _work(world: World, acknowledged: list[str]) -> None:
    """Everything that writes, and a word about each thing once its await has returned."""

    async def write(hand: Hand) -> None:
        for n in range(5):
            await booked(hand, n)
            acknowledged.append(f"{hand.run} {n}")

    async def deliver() -> None:
        for n in range(10):
            await world.store.deliver(mail(RUNS[n % 6], f"mail-{n}"))
            acknowledged.append(f"mail mail-{n}")

    hands = await world.hold(*RUNS)
    acknowledged.append("runs")
    async with asyncio.TaskGroup() as group:
        for hand in hands:
            group.create_task(write(hand))
        group.create_task(deliver())
    await world.store.seal(later(1))
    acknowledged.append("seal")
    await world.store.note(note, ("payables", True))
    acknowledged.append("note")
    await hands[0].commit(timers=[timer("t", 1)], state=change("waiting"))
    await world.store.fire(later(2))
    acknowledged.append("fired")
    await world.reopened()
    for n in range(12):
        await world.store.commit(Commit(f"late-{n}", None, children=[new_run(f"late-{n}")]))
        acknowledged.append(f"late late-{n}")


async def _missing(world: World, acknowledged: list[str]) -> list[str]:
    """What was acknowledged and is not there."""
    store, missing = world.store, list[str]()
    events = {run.id: run.seq for run in await store.runs()}
    arrived = {row.id for run in events for row in await store.inbound(run)}
    holds: dict[str, Callable[[str], bool]] = {
        "runs": lambda _: set(RUNS) <= events.keys(),
        "mail": lambda name: name in arrived,
        "late": lambda name: name in events,
        "fired": lambda _: "timer:r-0:t" in arrived,
    }
    seals, frozen, noted = await store.seals(), await store.frozen(), await store.rows("workspace")
    holds["seal"], holds["note"] = lambda _: len(seals) == 1, lambda _: len(noted) == len(frozen) == 1
    for word in acknowledged:
        kind, _, name = word.partition(" ")
        there = holds[kind](name) if kind in holds else events.get(kind, 0) >= 1 + 2 * (int(name) + 1)
        missing += [] if there else [word]
    return missing


def _cuts(folder: Path, moments: Callable[[Step], bool], chance: Callable[[], float] | None = None) -> list[Cut]:
    """Do the work once, cutting power (in a copy) at these moments."""
    acknowledged, cuts = list[str](), list[Cut]()

    with Disk(f"power-{folder.name}") as disk:

        def look(step: Step) -> None:
            if moments(step):
                cuts.append(Cut(step, list(acknowledged), disk.after_power_cut(chance)))

        disk.step = look
        play(folder / "deputy.db", lambda world: _work(world, acknowledged), vfs=disk.name)
        cuts.append(Cut(Step("sync", ""), list(acknowledged), disk.after_power_cut(chance)))
    return cuts


def _found(folder: Path, cuts: list[Cut]) -> tuple[list[str], list[str]]:
    """What is missing, and what is wrong, after each of these cuts."""
    missing, wrong = list[str](), list[str]()
    for n, cut in enumerate(cuts):

        async def look(world: World, cut: Cut = cut) -> None:
            missing.extend(await _missing(world, cut.acknowledged))
            wrong.extend(await wrong_with(world.store))
            await booked(await world.hand("r-afterwards"), 0)
            wrong.extend(await wrong_with(world.store))

        try:
            play(put_files(folder / str(n), cut.files) / "deputy.db", look)
        except StoreDamaged as exc:
            wrong.append(exc.message)
    return missing, wrong


@pytest.fixture(autouse=True)
def checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log is moved into the database often."""
    monkeypatch.setattr("deputy.adapters.store.sqlite.connection.CHECKPOINT_PAGES", 60)


@pytest.fixture
def synchronous() -> Iterator[Callable[[str], None]]:
    """A way to weaken what the store asks of the disk."""

    def weaken(level: str) -> None:
        def before_writing(cursor: apsw.Cursor, sql: str, _: object) -> bool:
            if sql == "BEGIN IMMEDIATE":
                cursor.connection.exec_trace = None
                cursor.connection.pragma("synchronous", level)  # pyright: ignore[reportUnknownMemberType] - the stub
            return True

        def watch(connection: apsw.Connection) -> None:
            connection.exec_trace = before_writing

        apsw.connection_hooks.append(watch)

    yield weaken
    apsw.connection_hooks.clear()


def test_after_a_power_cut_before_any_sync_everything_acknowledged_is_there(tmp_path: Path):
    cuts = _cuts(tmp_path, lambda step: step.kind in ("sync", "delete"))
    assert {("sync", "deputy.db-journal"), ("sync", "deputy.db"), ("delete", "deputy.db-wal")} < {
        c.before for c in cuts
    }
    assert sum(cut.before == ("sync", "deputy.db") for cut in cuts) >= 4  # the log was moved again and again
    assert _found(tmp_path / "cut", cuts) == ([], [])


@pytest.mark.parametrize("seed", range(2))
def test_after_a_power_cut_that_tore_writes_everything_acknowledged_is_there(tmp_path: Path, seed: int):
    chance = random.Random(seed)
    cuts = _cuts(tmp_path, lambda _: chance.random() < 0.1, chance.random)
    assert _found(tmp_path / "cut", cuts) == ([], [])


@pytest.mark.parametrize("level", ["normal", "off"])
def test_with_less_than_full_synchrony_the_same_cuts_lose_what_was_acknowledged(
    tmp_path: Path, synchronous: Callable[[str], None], level: str
):
    synchronous(level)
    cuts = _cuts(tmp_path, lambda step: step.kind == "write" and step.file == "deputy.db-wal")
    missing, _ = _found(tmp_path / "cut", cuts[::12])
    assert missing


def test_on_a_disk_that_lies_about_syncs_the_same_cuts_lose_what_was_acknowledged(tmp_path: Path):
    acknowledged: list[str] = []
    with Disk("liar") as disk:
        disk.honest = False
        play(tmp_path / "deputy.db", lambda world: _work(world, acknowledged), vfs=disk.name)
        cut = Cut(Step("sync", ""), acknowledged, disk.after_power_cut())
    missing, _ = _found(tmp_path / "cut", [cut])
    assert missing
