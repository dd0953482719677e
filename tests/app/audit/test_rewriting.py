"""An attacker who cuts, removes and writes anew with care; how far that goes unseen, and what it takes to see it."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.app.audit.company import LARGE, audited, opened
from tests.app.audit.tampering import found, relink, reseal, rows, run_of, tampered

from deputy.base.canonical import canonical, digest
from deputy.base.clock import SystemClock
from deputy.ports.store import Anchor


def cut(database: Any, key: int, seq: int) -> None:
    """Drop the end of a journal, from an event on."""
    database.execute("DELETE FROM journal WHERE run = ? AND seq >= ?", (key, seq))


def close_ranks(database: Any, table: str, column: str) -> None:
    """Number the rows anew, so that no gap shows."""
    numbers = [row[0] for row in database.execute(f"SELECT {column} FROM {table} ORDER BY {column}")]
    for new, old in enumerate(numbers, start=numbers[0]):
        database.execute(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", (new, old))


def drop_run(database: Any, key: int) -> str:
    """Remove a run with all that ever spoke of it."""
    name = run_of(database, key)
    for table in ("journal", "items", "inbox", "timers", "grants_used"):
        database.execute(f"DELETE FROM {table} WHERE run = ?", (key,))
    database.execute("DELETE FROM accounts WHERE name = ?", (f"run:{name}",))
    database.execute("DELETE FROM runs WHERE key = ?", (key,))
    return name


@pytest.mark.parametrize("last", [1, 2, 5])
def test_a_dropped_tail_is_found_and_where_it_began(folder: Path, last: int):
    with tampered(folder) as database:
        run, end = run_of(database, 1), len(rows(database, "journal", "run = 1"))
        cut(database, 1, end - last + 1)
        close_ranks(database, "journal", "position")
    (dropped,) = (f for f in found(folder).findings if f.code == "dropped" and f.place.run == run and f.place.seal)
    assert dropped.place.seq == end - last + 1
    assert f"had {end} events at seal" in dropped.message


def test_an_event_dropped_from_the_middle_is_found_and_which(folder: Path):
    with tampered(folder) as database:
        run = run_of(database, 1)
        database.execute("DELETE FROM journal WHERE run = 1 AND seq = 4")
    assert ("dropped", run, 4) in {(f.code, f.place.run, f.place.seq) for f in found(folder).findings}


def test_a_run_dropped_with_everything_is_found_and_which(folder: Path):
    with tampered(folder) as database:
        name = drop_run(database, 2)
        close_ranks(database, "journal", "position")
    report = found(folder)
    assert f"Run `{name}` had" in " ".join(f.message for f in report.findings if f.code == "dropped")
    assert ("runs", "2") in {(f.place.table, f.place.key) for f in report.findings}


def test_a_child_run_dropped_with_everything_is_missed_by_its_parent(folder: Path):
    with tampered(folder) as database:
        key = rows(database, "runs", "parent <> '' AND state = 'waiting'")[0]["key"]
        name = drop_run(database, key)
        reseal(database)
    assert any(f.place.run == name and "which is not there" in f.message for f in found(folder).findings)


@pytest.mark.parametrize("last", [1, 3])
def test_seals_dropped_from_the_end_are_found(folder: Path, last: int):
    with tampered(folder) as database:
        n = len(rows(database, "seals"))
        database.execute("DELETE FROM seals WHERE n > ?", (n - last,))
    (finding,) = found(folder).findings
    assert (finding.code, finding.place.seal) == ("dropped", n)
    assert f"ends at {n - last}" in finding.message


def test_all_seals_dropped_is_found(folder: Path):
    with tampered(folder) as database:
        database.execute("DELETE FROM seals")
    assert [f.code for f in found(folder).findings] == ["dropped"]


def test_a_seal_dropped_from_the_middle_is_found(folder: Path):
    with tampered(folder) as database:
        database.execute("DELETE FROM seals WHERE n = 2")
    assert ("dropped", 2) in {(f.code, f.place.seal) for f in found(folder).findings}


def test_a_blob_that_was_replaced_is_found_where_it_lies_and_where_it_is_named(folder: Path):
    with tampered(folder) as database:
        blob = next(row for row in rows(database, "blobs") if LARGE.encode() in row["body"])
        body = blob["body"].replace(b"large", b"small")
        database.execute("UPDATE blobs SET body = ? WHERE key = ?", (body, blob["key"]))
    report = found(folder)
    assert {f.code for f in report.findings} == {"blob"}
    assert {f.place.key for f in report.findings} == {blob["digest"].hex()}


def test_a_blob_that_is_missing_is_found_where_it_is_named(folder: Path):
    with tampered(folder) as database:
        blob = next(row for row in rows(database, "blobs") if LARGE.encode() in row["body"])
        database.execute("DELETE FROM blobs WHERE key = ?", (blob["key"],))
    named = [f.place for f in found(folder).findings if f.place.run and f.place.key == blob["digest"].hex()]
    assert named and all(place.seq for place in named)


def test_the_files_of_a_version_that_was_deployed_are_missed(folder: Path):
    with tampered(folder) as database:
        database.execute("DELETE FROM blobs WHERE key = 1")
    report = found(folder)
    assert ("workspace", 2) in {(f.place.run, f.place.seq) for f in report.findings}
    assert [note.place.table for note in report.notes] == ["blobs"]


# -- who computes the digests anew


def forge(database: Any, key: int = 1) -> tuple[str, int]:
    """Put other words into a run's mouth, and link its journal anew."""
    row = rows(database, "journal", f"run = {key} AND CAST(body AS TEXT) LIKE '%\"Ended\"%'")[0]
    body = msgspec.json.decode(row["body"])
    body["answer" if "answer" in body else "blob"] = "never said" if "answer" in body else digest(b"")
    database.execute("UPDATE journal SET body = ? WHERE position = ?", (canonical(body), row["position"]))
    relink(database, key)
    return run_of(database, key), row["seq"]


def ended_simply(database: Any) -> int:
    """A run whose answer stands in its journal, and in nobody else's inbox."""
    said = 'SELECT run FROM journal WHERE CAST(body AS TEXT) LIKE \'%"answer":"done: all"%\' LIMIT 1'
    return database.execute(said).get


def test_a_journal_that_was_linked_anew_contradicts_its_seal(folder: Path):
    with tampered(folder) as database:
        run, seq = forge(database, ended_simply(database))
    report = found(folder)
    assert {(f.code, f.place.run, f.place.seq) for f in report.findings} == {("seal", run, seq)}


def test_a_chain_of_seals_that_was_made_anew_contradicts_the_one_kept_beside_it(folder: Path):
    with tampered(folder) as database:
        forge(database, ended_simply(database))
        n, _ = reseal(database)
    (finding,) = found(folder).findings
    assert (finding.code, finding.place.seal) == ("anchor", n)


def test_whoever_can_edit_everything_can_only_be_contradicted_by_what_was_kept_elsewhere(folder: Path):
    before = audited(folder)
    kept = Anchor(before.seals, bytes.fromhex(before.seal))
    with tampered(folder) as database:
        forge(database, ended_simply(database))
        n, link = reseal(database)
    (folder / "seal").write_bytes(canonical({"link": link.hex(), "n": n}))
    assert audited(folder).ok
    (finding,) = audited(folder, kept).findings
    assert (finding.code, finding.place.seal) == ("anchor", n)


# -- the seal that is kept beside the database


def test_the_file_beside_the_database_names_the_last_seal(original: Path):
    report = audited(original)
    assert (original / "seal").read_bytes() == canonical({"link": report.seal, "n": report.seals})


@pytest.mark.parametrize("text", [b"", b"{}", b'{"n": 1, "link": "x"}', b"\xff", b'{"n": "1", "link": ""}', b"[]"])
def test_a_file_that_names_no_seal_is_found(folder: Path, text: bytes):
    (folder / "seal").write_bytes(text)
    assert [f.code for f in found(folder).findings] == ["anchor"]


def test_a_missing_file_is_found(folder: Path):
    (folder / "seal").unlink()
    assert [f.code for f in found(folder).findings] == ["anchor"]


async def note_and_seal(folder: Path) -> None:
    from tests.app.audit.company import Company

    async with opened(folder) as store:
        await Company(store).note("frozen", "x")
        assert await store.seal(SystemClock().now())


def test_sealing_goes_on_and_moves_the_file_along(folder: Path):
    before = (folder / "seal").read_bytes()
    asyncio.run(note_and_seal(folder))
    assert (folder / "seal").read_bytes() != before
    assert audited(folder).ok


def test_sealing_puts_a_lost_file_back(folder: Path):
    before = (folder / "seal").read_bytes()
    (folder / "seal").unlink()

    async def look() -> None:
        async with opened(folder) as store:
            assert not await store.seal(SystemClock().now())

    asyncio.run(look())
    assert (folder / "seal").read_bytes() == before


@pytest.mark.parametrize("text", [b'{"link":"00","n":1000}', b"nonsense"])
def test_sealing_never_covers_up_that_the_chain_was_cut_short(folder: Path, text: bytes):
    (folder / "seal").write_bytes(text)
    asyncio.run(note_and_seal(folder))
    assert (folder / "seal").read_bytes() == text
    found(folder)


def test_an_older_database_in_the_place_of_the_newer_is_found(original: Path, folder: Path):
    asyncio.run(note_and_seal(folder))
    newest = (folder / "seal").read_bytes()
    (folder / "deputy.db").write_bytes((original / "deputy.db").read_bytes())
    for left in ("deputy.db-wal", "deputy.db-shm"):
        (folder / left).unlink(missing_ok=True)
    (finding,) = found(folder).findings
    assert finding.code == "dropped"
    assert "an older database was put in its place" in finding.message
    assert (folder / "seal").read_bytes() == newest
