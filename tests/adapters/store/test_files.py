"""Databases that are not as we left them are refused in a sentence, untouched, or recovered to what was whole."""

import gc
import os
import random
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import apsw
import pytest
from tests.adapters.store.actors import Actor, opens_as_nobody
from tests.adapters.store.playing import booked, contents, fill, play, written_files, wrong_with

from deputy.adapters.store.sqlite import SqliteStore
from deputy.adapters.store.sqlite.connection import migrations, open_database
from deputy.base.errors import StoreBusy, StoreDamaged, StoreError, StoreTooNew
from deputy.testing.conformance import StillClock
from deputy.testing.conformance.world import World, answers_of, later, mail
from deputy.testing.faults import put_files

Files = Mapping[str, bytes]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A database that was closed properly."""
    file = tmp_path_factory.mktemp("whole") / "deputy.db"
    play(file, fill)
    return file.read_bytes()


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """A database and its log, as a killed process left them."""
    return written_files(tmp_path_factory.mktemp("killed") / "deputy.db")


async def _looked_at(world: World) -> tuple[int, list[str]]:
    return len(await world.store.runs()), await wrong_with(world.store)


async def _used(world: World) -> None:
    await booked(await world.hand("r-new"), 1)


def _refused(folder: Path) -> StoreError:
    """The error that opening gives; nothing was changed by it."""
    before = contents(folder)
    with pytest.raises(StoreError) as raised:
        play(folder / "deputy.db", _looked_at)
    refusal = raised.value.with_traceback(None)
    del raised
    gc.collect()  # whatever was left open is closed now
    assert contents(folder) == before
    assert refusal.message
    assert refusal.remedy.endswith(".")
    return refusal


def _edited(folder: Path, files: Files, edit: Callable[[sqlite3.Connection], object]) -> Path:
    put_files(folder, files)
    connection = sqlite3.connect(folder / "deputy.db")
    edit(connection)
    connection.commit()
    connection.close()
    return folder


def test_what_was_closed_and_what_was_killed_opens(tmp_path: Path, whole: bytes, killed: Files):
    assert set(killed) == {"deputy.db", "deputy.db-wal"}
    for name, files in (("whole", {"deputy.db": whole}), ("killed", killed)):
        assert play(put_files(tmp_path / name, files) / "deputy.db", _looked_at) == (10, [])


def test_a_database_of_a_newer_deputy_is_left_to_it(tmp_path: Path, whole: bytes):
    folder = _edited(tmp_path, {"deputy.db": whole}, lambda c: c.execute("PRAGMA user_version = 99"))
    refusal = _refused(folder)
    assert isinstance(refusal, StoreTooNew)
    assert "schema 99" in refusal.message


@pytest.mark.parametrize("version", [0, 2])
def test_the_log_of_a_database_that_is_refused_is_left_as_it_is(tmp_path: Path, killed: Files, version: int):
    connection: Any = apsw.Connection(str(put_files(tmp_path, killed) / "deputy.db"))
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, True)
    connection.pragma("user_version" if version else "application_id", 99)
    connection.close()
    assert contents(tmp_path)["deputy.db-wal"]
    assert isinstance(_refused(tmp_path), StoreTooNew if version else StoreDamaged)


def test_the_database_of_another_application_is_left_to_it(tmp_path: Path):
    for mode in ("delete", "wal"):
        folder = _edited(tmp_path / mode, {}, lambda c, m=mode: c.execute(f"PRAGMA journal_mode = {m}"))
        _edited(folder, {}, lambda c: c.execute("CREATE TABLE theirs (x)"))
        assert isinstance(_refused(folder), StoreDamaged)


def test_a_database_that_calls_itself_ours_without_our_tables_is_damaged(tmp_path: Path, whole: bytes):
    for table in ("runs", "journal", "inbox", "workers", "freezes", "accounts"):
        folder = _edited(tmp_path / table, {"deputy.db": whole}, lambda c, t=table: c.execute(f"DROP TABLE {t}"))
        with pytest.raises(StoreDamaged):
            play(folder / "deputy.db", _used)


def test_whatever_is_asked_of_a_database_without_its_tables_says_that_it_is_damaged(tmp_path: Path, whole: bytes):
    async def ask(world: World) -> None:
        store, hand = world.store, await world.hand()
        connection = sqlite3.connect(tmp_path / "deputy.db")
        for table in ("workers", "inbox", "items", "seals", "freezes", "timers"):
            connection.execute(f"ALTER TABLE {table} RENAME TO no_{table}")
        connection.close()
        for answer in await answers_of(
            store.reap(), store.workers(), store.join("worker"), store.beat(hand.lease), store.claim(hand.lease, 1),
            store.commit(hand.draft(b"2")), store.deliver(mail("r-one", "d-1")), store.fire(later(1)), store.items(),
            store.seal(later(1)), store.frozen(), store.mail(hand.lease), store.inbound("r-one"), store.check(),
        ):  # fmt: skip
            assert isinstance(answer, StoreDamaged), answer

    play(put_files(tmp_path, {"deputy.db": whole}) / "deputy.db", ask)


@pytest.mark.parametrize("kept", [15, 16, 99, 100, 101, 511, 512, 1000, 4095, 4096, 4097, 8192, 0.3, 0.5, 0.9])
def test_a_database_that_was_cut_is_refused(tmp_path: Path, whole: bytes, kept: float):
    cut = int(kept if kept > 1 else len(whole) * kept // 4096 * 4096)
    assert isinstance(_refused(put_files(tmp_path, {"deputy.db": whole[:cut]})), StoreDamaged)


@pytest.mark.parametrize("content", [b"hello, world\n" * 1000, bytes(10_000), random.Random(1).randbytes(50_000)])
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, content: bytes):
    assert isinstance(_refused(put_files(tmp_path, {"deputy.db": content})), StoreDamaged)


def test_an_empty_file_becomes_a_database(tmp_path: Path):
    assert play(put_files(tmp_path, {"deputy.db": b""}) / "deputy.db", _looked_at) == (0, [])


def test_a_log_whose_database_is_gone_is_kept(tmp_path: Path, killed: Files):
    for name, files in (("empty", {**killed, "deputy.db": b""}), ("gone", {"deputy.db-wal": killed["deputy.db-wal"]})):
        assert isinstance(_refused(put_files(tmp_path / name, files)), StoreDamaged)


def test_a_directory_or_nothing_in_the_place_of_the_database_is_refused(tmp_path: Path):
    (tmp_path / "directory" / "deputy.db").mkdir(parents=True)
    (tmp_path / "file").write_text("")
    for folder in ("directory", "missing", "file"):
        with pytest.raises(StoreError) as refusal:
            play(tmp_path / folder / "deputy.db", _looked_at)
        assert type(refusal.value) is StoreError
        assert folder in refusal.value.message
    assert not (tmp_path / "missing").exists()


def test_without_its_log_a_database_is_what_had_been_moved_into_it(tmp_path: Path, whole: bytes):
    async def more(world: World) -> None:
        for hand in await world.hold("r-more", "r-and-more"):
            await booked(hand, 0)

    files = written_files(put_files(tmp_path, {"deputy.db": whole}) / "deputy.db", more)
    assert play(put_files(tmp_path / "with", files) / "deputy.db", _looked_at) == (12, [])
    del (without := dict(files))["deputy.db-wal"]
    assert play(put_files(tmp_path / "without", without) / "deputy.db", _looked_at) == (10, [])


def test_after_a_log_was_cut_the_commits_before_the_cut_are_whole(tmp_path: Path, killed: Files):
    log, chance = killed["deputy.db-wal"], random.Random(2)
    sizes = [0, 20, 32, 33, 60, 4152, 4153, *[chance.randrange(len(log)) for _ in range(25)], len(log) - 1]
    events: list[int] = []
    for size in sorted(sizes):
        files = {**killed, "deputy.db-wal": log[:size]}

        async def count(world: World) -> int:
            assert await wrong_with(world.store) == []
            return sum([len(await world.store.rows(run.id)) for run in await world.store.runs()])

        events.append(play(put_files(tmp_path / f"cut-{size}", files) / "deputy.db", count))
    assert events == sorted(events)
    assert events[0] == 0
    assert events[-1] > 100


def test_a_log_that_is_garbage_counts_as_none(tmp_path: Path, killed: Files):
    for n, garbage in enumerate((bytes(5000), random.Random(3).randbytes(50_000), b"hello")):
        files = {**killed, "deputy.db-wal": garbage}
        assert play(put_files(tmp_path / str(n), files) / "deputy.db", _looked_at) == (0, [])


def test_a_byte_that_changed_in_the_log_ends_it_there(tmp_path: Path, killed: Files):
    log, chance = killed["deputy.db-wal"], random.Random(4)
    for _ in range(15):
        at = chance.randrange(32, len(log))
        changed = log[:at] + bytes([log[at] ^ 0x40]) + log[at + 1 :]
        folder = put_files(tmp_path / str(at), {**killed, "deputy.db-wal": changed})
        assert play(folder / "deputy.db", _looked_at)[1] == []


def test_the_index_of_the_log_is_made_anew(tmp_path: Path, killed: Files):
    for n, index in enumerate((b"", bytes(32768), random.Random(5).randbytes(32768))):
        folder = put_files(tmp_path / str(n), {**killed, "deputy.db-shm": index})
        assert play(folder / "deputy.db", _looked_at) == (10, [])


def test_a_changed_byte_of_the_database_is_found_or_refused(tmp_path: Path, whole: bytes):
    chance = random.Random(6)
    for _ in range(40):
        at = chance.randrange(len(whole))
        changed = whole[:at] + bytes([whole[at] ^ 1 << chance.randrange(8)]) + whole[at + 1 :]
        folder = put_files(tmp_path / str(at), {"deputy.db": changed})
        try:
            play(folder / "deputy.db", _looked_at)  # what no table holds may change unseen; the audit reads the rest
        except (StoreDamaged, StoreTooNew) as exc:
            assert exc.remedy


def test_what_may_not_be_written_is_refused(tmp_path: Path, whole: bytes, killed: Files):
    for parent in (tmp_path, *tmp_path.parents):
        if parent.stat().st_uid == os.geteuid() and parent.name.startswith("pytest"):
            parent.chmod(0o755)
    before: dict[Path, Files] = {}
    for name, files, modes in (
        ("folder", {"deputy.db": whole}, (0o666, 0o555)), ("file", {"deputy.db": whole}, (0o444, 0o777)),
        ("both", {"deputy.db": whole}, (0o444, 0o555)), ("log", killed, (0o444, 0o777)),
        ("unreadable", {"deputy.db": whole}, (0o000, 0o777)), ("new", {}, (0o444, 0o555)),
    ):  # fmt: skip
        folder = put_files(tmp_path / name, files)
        for path in folder.iterdir():
            path.chmod(modes[0])
        folder.chmod(modes[1])
        before[folder] = files
    with Actor(opens_as_nobody, [folder / "deputy.db" for folder in before], tmp_path / "warm.db") as nobody:
        answers = {folder.name: nobody.hear() for folder in before}
    for folder, files in before.items():
        folder.chmod(0o755)
        assert answers[folder.name].startswith("store: "), answers
        for path in folder.iterdir():
            path.chmod(0o644)
        assert contents(folder) == files


@pytest.mark.parametrize("statement", ["application_id", "user_version", "sqlite_schema", "journal_mode"])
def test_a_database_that_is_being_made_is_not_mistaken_for_a_foreign_one(tmp_path: Path, statement: str):
    file = tmp_path / "deputy.db"
    made: list[str] = []

    def make_meanwhile(_: object, sql: str, __: object) -> bool:
        if statement in sql and not made:
            made.append(sql)
            apsw.connection_hooks.clear()
            open_database(file).close()
        return True

    def watch(connection: apsw.Connection) -> None:
        connection.exec_trace = make_meanwhile

    apsw.connection_hooks.append(watch)
    try:
        assert play(file, _looked_at) == (0, [])
    finally:
        apsw.connection_hooks.clear()
    assert made


def test_a_database_that_is_held_is_busy(tmp_path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("deputy.adapters.store.sqlite.connection.BUSY_MS", 20)
    file = put_files(tmp_path, {"deputy.db": whole}) / "deputy.db"
    holder: Any = apsw.Connection(str(file))
    holder.pragma("locking_mode", "exclusive")
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreBusy):
        play(file, _looked_at)
    holder.close()
    assert play(file, _looked_at) == (10, [])


def test_what_cannot_be_opened_leaves_nothing_open(tmp_path: Path):
    put_files(tmp_path, {"deputy.db": b"no database" * 1000})
    before = set(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with pytest.raises(StoreDamaged) as refusal:
            SqliteStore.open(tmp_path / "deputy.db", StillClock())
        assert refusal.value.__traceback__ is not None
        assert len(set(os.listdir("/proc/self/fd")) - before) <= 1  # the listing itself


def test_a_database_that_is_made_has_small_pages(whole: bytes):
    assert int.from_bytes(whole[16:18], "big") == 2_048  # where SQLite's file format says so


def test_migrations_are_numbered_one_after_the_other():
    assert [number for number, _, _ in migrations()] == list(range(1, len(migrations()) + 1))
