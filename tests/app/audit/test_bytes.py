"""Bytes that changed on the disk, by chance or by hand: always found, never a crash."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.app.audit.company import audited
from tests.app.audit.tampering import KEYS, copied, found, places, rows, run_of, tampered

DIGESTED = ("journal.body", "journal.link", "blobs.body", "blobs.digest", "seals.body", "seals.link", "inbox.body",
            "inbox.check_sum")  # fmt: skip


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bytes")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(DIGESTED), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 255))
def test_a_byte_that_flipped_is_found_and_its_place_named(
    original: Path, scratch: Path, name: str, which: int, where: int, mask: int
):
    table, _, column = name.partition(".")
    folder = copied(original, scratch / "copy")
    with tampered(folder) as database:
        there = [row for row in rows(database, table) if row[column]]
        row = there[which % len(there)]
        value = bytearray(row[column])
        value[where % len(value)] ^= mask
        database.execute(f"UPDATE {table} SET {column} = ? WHERE {KEYS[table]} = ?", (bytes(value), row[KEYS[table]]))
        names = places(table, row, database)
    report = found(folder)
    assert any(names(finding) for finding in report.findings), (row, report.findings)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10**6), st.binary(max_size=80))
def test_any_bytes_in_the_place_of_an_event_are_found(original: Path, scratch: Path, which: int, body: bytes):
    folder = copied(original, scratch / "copy")
    with tampered(folder) as database:
        there = rows(database, "journal")
        row = there[which % len(there)]
        database.execute("UPDATE journal SET body = ? WHERE position = ?", (body, row["position"]))
        run = run_of(database, row["run"])
    assert (run, row["seq"]) in {(f.place.run, f.place.seq) for f in found(folder).findings}


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10**9), st.integers(1, 255))
def test_a_byte_of_the_file_that_flipped_is_found_or_meant_nothing(
    original: Path, scratch: Path, where: int, mask: int
):
    """Free pages and unused ends of pages mean nothing: then everything that is read is as it was."""
    folder = copied(original, scratch / "copy")
    data = bytearray((folder / "deputy.db").read_bytes())
    data[where % len(data)] ^= mask
    (folder / "deputy.db").write_bytes(data)
    try:
        report = audited(folder)
    except Exception as exc:  # noqa: BLE001 - whatever opening says must be said in our words
        assert type(exc).__name__ in ("StoreDamaged", "StoreTooNew", "StoreError"), exc
        return
    if report.ok:
        with tampered(folder) as database, tampered(original) as untouched:
            for table in ("journal", "blobs", "seals", "items", "inbox", "grants_used", "timers", "freezes"):
                assert rows(database, table) == rows(untouched, table)


def flip_in_file(folder: Path, content: bytes) -> int:
    """Change these bytes wherever they stand in the file; returns how often."""
    file = folder / "deputy.db"
    data = file.read_bytes()
    changed = bytes([content[0] ^ 1, *content[1:]])
    file.write_bytes(data.replace(content, changed))
    return data.count(content)


@pytest.mark.parametrize(
    "name", ["journal.body", "journal.link", "blobs.body", "seals.body", "seals.link", "runs.agent"]
)
def test_bytes_changed_in_the_file_itself_are_found(folder: Path, name: str):
    table, _, column = name.partition(".")
    with tampered(folder) as database:
        row: Any = rows(database, table, "key = 1" if table == "runs" else "1")[3 if table != "runs" else 0]
    value = row[column].encode() if isinstance(row[column], str) else row[column]
    assert flip_in_file(folder, value[-40:])
    found(folder)


def test_a_file_that_was_cut_short_is_found(original: Path, tmp_path: Path):
    size = (original / "deputy.db").stat().st_size
    for kept in (size - 4096, size // 2, 8192):
        folder = copied(original, tmp_path / "copy")
        with (folder / "deputy.db").open("r+b") as file:
            file.truncate(kept)
        try:
            assert not audited(folder).ok
        except Exception as exc:  # noqa: BLE001 - whatever opening says must be said in our words
            assert type(exc).__name__ == "StoreDamaged", exc


def test_text_that_is_none_is_found(folder: Path):
    with tampered(folder) as database:
        database.execute("UPDATE runs SET agent = CAST(x'ff' AS TEXT) WHERE key = 3")
    report = found(folder)
    assert any("text that is none" in finding.message for finding in report.findings)


def test_a_page_of_noise_is_found(original: Path, tmp_path: Path):
    size = (original / "deputy.db").stat().st_size
    for page in range(1, size // 4096, max(1, size // 4096 // 12)):
        folder = copied(original, tmp_path / "copy")
        data = bytearray((folder / "deputy.db").read_bytes())
        data[page * 4096 : page * 4096 + 4096] = bytes(range(256)) * 16
        (folder / "deputy.db").write_bytes(data)
        try:
            assert not audited(folder).ok
        except Exception as exc:  # noqa: BLE001 - whatever opening says must be said in our words
            assert type(exc).__name__ in ("StoreDamaged", "StoreError"), exc
    shutil.rmtree(tmp_path / "copy")
