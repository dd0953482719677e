"""The disk is full: whoever writes is told so, nothing is half there, and all goes on once there is room."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.adapters.store.playing import booked, fill, play, wrong_with

from deputy.base.errors import LeaseLost, StoreError, StoreFull
from deputy.ports.store import Blob, Commit
from deputy.testing.conformance.world import (
    Hand,
    World,
    answers_of,
    change,
    later,
    mail,
    new_run,
    note,
    timer,
)  # fmt: skip
from deputy.testing.faults import Disk

ROOT = Path(__file__).parents[3]


def _full(answers: Sequence[object]) -> list[bool]:
    """Which of these were told that the disk is full; the others succeeded."""
    assert all(answer is None or isinstance(answer, StoreFull) for answer in answers), answers
    return [answer is not None for answer in answers]


def test_whichever_write_does_not_fit_nothing_is_halved_and_all_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("deputy.adapters.store.sqlite.connection.CHECKPOINT_PAGES", 40)
    told: list[int] = []
    with Disk("filling") as disk:

        async def work(world: World, room: int) -> None:
            hands = await world.hold(*[f"r-{n}" for n in range(6)])
            await booked(hands[0], 0)
            disk.room = room
            for n in range(1, 8):
                retries: list[Hand] = []
                full = _full(await answers_of(*[booked(hand, n) for hand in hands]))
                told.append(sum(full))
                if any(full):
                    retries = [hand for hand, refused in zip(hands, full, strict=True) if refused]
                    assert await wrong_with(world.store) == []
                    disk.room = None
                    assert _full(await answers_of(*[booked(hand, n) for hand in retries])) == [False] * len(retries)
            assert await wrong_with(world.store) == []

        for room in (*range(0, 24), *range(24, 120, 7)):
            disk.room = None
            play(tmp_path / f"{room}.db", lambda world, room=room: work(world, room), vfs=disk.name)
            assert play(tmp_path / f"{room}.db", lambda world: wrong_with(world.store)) == []
    assert 6 in told  # all neighbours at once


def test_a_database_that_could_not_be_made_is_made_once_there_is_room(tmp_path: Path):
    refused: list[int] = []
    with Disk("no room") as disk:
        while len(refused) == len(list(tmp_path.glob("*.db"))):
            disk.room = 2 * len(refused)
            file = tmp_path / f"{disk.room}.db"
            try:
                play(file, lambda world: world.create("r-1"), vfs=disk.name)
            except StoreError as exc:
                assert isinstance(exc, StoreFull), exc
                refused.append(disk.room)
            disk.room = None
            assert play(file, lambda world: fill(world, runs=2, commits=1), vfs=disk.name)
    assert len(refused) > 10


def test_whatever_is_asked_of_a_full_disk_is_refused_and_can_be_asked_again(tmp_path: Path):
    with Disk("brimful") as disk:

        async def work(world: World) -> None:
            store, clock = world.store, world.clock
            hand, waiting = await world.hold("r-1", "r-2")
            await hand.commit(timers=[timer("t", 1)], items=[hand.item("i", expires=later(1))])
            await waiting.commit(state=change("waiting", "frozen"))
            await world.create("r-3")
            writes = {
                "commit": lambda: hand.commit(b"2"),
                "create": lambda: world.create("r-4"),
                "deliver": lambda: store.deliver(mail("r-1", "d-1")),
                "note": lambda: store.note(note, ("payables", True)),
                "wake": lambda: store.wake("frozen"),
                "put_blob": lambda: store.put_blob(Blob("00" * 32, b"x")),
                "fire": lambda: store.fire(later(5)),
                "join": lambda: store.join("worker"),
                "beat": lambda: store.beat(hand.lease),
                "claim": lambda: store.claim(hand.lease, 1),
                "seal": lambda: store.seal(clock.now()),
                "leave": lambda: store.leave(hand.lease),
            }
            for name, write in writes.items():
                disk.room = 0
                clock.move(0.001)
                (answer,) = await answers_of(write())
                assert isinstance(answer, StoreFull), (name, answer)
                assert len(await store.runs()) >= 3
                disk.room = None
                (answer,) = await answers_of(write())
                assert not isinstance(answer, BaseException), (name, answer)
            assert [row.id for row in await store.inbound("r-1")] == ["d-1", "timer:r-1:t", "answer:i"]

        play(tmp_path / "deputy.db", work, vfs=disk.name)


def test_runs_whose_claim_did_not_fit_stay_with_nobody(tmp_path: Path):
    with Disk("claims") as disk:

        async def work(world: World) -> None:
            await world.create("r-1")
            lease, new = await world.store.join("worker"), new_run("r-1")
            disk.room = 0
            (answer,) = await answers_of(world.store.claim(lease, 1))
            assert isinstance(answer, StoreFull)
            disk.room = None
            draft = Commit("r-1", lease, (1, new.started.link), items=[])
            (answer,) = await answers_of(world.store.commit(draft))
            assert isinstance(answer, LeaseLost)
            assert len(await world.store.claim(lease, 1)) == 1

        play(tmp_path / "deputy.db", work, vfs=disk.name)


def test_what_was_durable_before_the_disk_filled_is_not_disowned(tmp_path: Path):
    """Where one of a group contradicts what is stored, each is written by itself, and the disk may fill in between."""
    with Disk("between") as disk:

        async def work(world: World, room: int) -> int:
            hands = await world.hold(*[f"r-{n}" for n in range(8)])
            await hands[0].commit(items=[hands[0].item("i")])
            drafts = [hand.draft(b"2" + bytes(9000)) for hand in hands]
            drafts[1] = replace(drafts[1], items=[hands[1].item("i")])
            disk.room = room
            answers = await answers_of(*[world.store.commit(draft) for draft in drafts])
            disk.room = None
            seqs = [run.seq for run in reversed(await world.store.runs())]
            assert seqs == [2 if answer is None else 1 for answer in answers]
            return sum(isinstance(answer, StoreFull) for answer in answers)

        refused = {
            play(tmp_path / f"{n}.db", lambda world, n=n: work(world, n), vfs=disk.name) for n in range(0, 60, 3)
        }
    assert len(refused) > 3


def test_a_disk_that_cannot_be_read_for_a_while_is_an_error_and_no_end(tmp_path: Path):
    with Disk("blind") as disk:

        async def work(world: World) -> None:
            await fill(world, runs=3)
            other = world.another()
            other.watch(lambda: None)
            disk.readable = False
            answers = await answers_of(other.check(), other.runs(), other.rows("r-00"), other.seals())
            await asyncio.sleep(0.06)  # whoever looks for changes looks in vain
            assert any(isinstance(answer, StoreError) for answer in answers)
            disk.readable = True
            await world.create("r-10")
            assert await wrong_with(other) == []

        play(tmp_path / "deputy.db", work, vfs=disk.name)


def _on_small_disk(*command: str | Path) -> None:
    ran = subprocess.run([*command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


PROGRAM = (sys.executable, "-m", "tests.adapters.store.small_disk")


@pytest.mark.parametrize("limit", [4_000, 60_000, 250_000])
def test_a_limit_on_the_size_of_files_is_a_full_disk(tmp_path: Path, limit: int):
    _on_small_disk(*PROGRAM, tmp_path, "10", str(limit))


@pytest.fixture
def mounting() -> None:
    """Goes on only where a process may mount a file system for itself."""
    found = shutil.which("unshare")
    tried = [found or "", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"]
    if found is None or subprocess.run(tried, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a file system of its own")


@pytest.mark.usefixtures("mounting")
@pytest.mark.parametrize("ballast", [480_000, 860_000, 921_600])
def test_a_file_system_without_room_is_a_full_disk(tmp_path: Path, ballast: int):
    mounted = f'mount -t tmpfs -o size=900k none "{tmp_path}" && exec "$@"'
    _on_small_disk("unshare", "-rm", "sh", "-c", mounted, "sh", *PROGRAM, tmp_path, str(ballast), "0")
