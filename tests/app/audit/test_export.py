"""An export stands by itself: whoever has it needs no database to see that it is whole and unchanged."""

import asyncio
import base64
import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.app.audit.company import opened
from tests.app.audit.tampering import rows, tampered

from deputy.app.audit import Report, export, verify_export
from deputy.base.canonical import canonical
from deputy.ports.store import Anchor

Line = dict[str, Any]


def exported(folder: Path) -> list[bytes]:
    async def scenario() -> list[bytes]:
        lines: list[bytes] = []
        async with opened(folder) as store:
            counts = await export(store, lines.append)
        assert counts == json.loads(lines[-1])["counts"]
        return lines

    return asyncio.run(scenario())


@pytest.fixture(scope="module")
def lines(original: Path) -> list[bytes]:
    return exported(original)


def test_an_export_is_whole(lines: list[bytes], original: Path):
    report = verify_export(lines)
    assert (report.findings, report.notes) == ((), ())
    with tampered(original) as database:
        counts = [len(rows(database, table)) for table in ("runs", "journal", "blobs", "seals")]
    assert [report.runs + 1, report.events, report.blobs, report.seals] == counts
    assert json.loads(lines[0]) == {"kind": "export", "format": 1}
    assert all(line.count(b"\n") == 1 and line.endswith(b"\n") for line in lines)


def test_two_exports_of_one_moment_are_equal(lines: list[bytes], original: Path):
    assert exported(original) == lines


def test_the_links_can_be_computed_with_nothing_but_the_standard_library(lines: list[bytes]):
    before, run, checked = bytes(32), "", 0
    for line in map(json.loads, lines):
        if line["kind"] == "run":
            before, run = bytes(32), line["id"]
        if line["kind"] == "event":
            text = f"{run}\0{line['seq']}\0{line['body']}".encode()
            before = sha256(before + text).digest()
            assert before.hex() == line["link"]
            checked += 1
    assert checked > 100
    assert json.loads(lines[-1])["digest"] == sha256(b"".join(lines[:-1])).hexdigest()


def test_a_content_stands_before_the_first_event_that_names_it_and_once(lines: list[bytes]):
    read = [json.loads(line) for line in lines]
    blobs = [line["digest"] for line in read if line["kind"] == "blob"]
    assert len(blobs) == len(set(blobs))
    assert read[-2]["kind"] == "inbox"
    assert [line["kind"] for line in read if line["kind"] == "inbox"] == ["inbox"]  # what was not taken yet


def test_each_line_that_is_missing_is_missed(lines: list[bytes]):
    for number in range(len(lines)):
        assert not verify_export(lines[:number] + lines[number + 1 :]).ok, lines[number]


def test_an_export_that_was_cut_short_says_so(lines: list[bytes]):
    report = verify_export(lines[: len(lines) // 2])
    assert "it was cut short" in " ".join(finding.message for finding in report.findings)
    assert not verify_export([]).ok
    assert not verify_export([*lines[:-1], lines[-1][:-1]]).ok
    assert not verify_export([*lines, lines[-1]]).ok


def test_two_lines_that_changed_places_are_found(lines: list[bytes]):
    for number in range(1, len(lines) - 2, 7):
        swapped = [*lines]
        swapped[number], swapped[number + 1] = swapped[number + 1], swapped[number]
        assert not verify_export(swapped).ok


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 255))
def test_a_byte_that_flipped_is_found(lines: list[bytes], which: int, where: int, mask: int):
    number = which % len(lines)
    line = bytearray(lines[number])
    line[where % len(line)] ^= mask
    report = verify_export([*lines[:number], bytes(line), *lines[number + 1 :]])
    assert not report.ok


def rewritten(lines: list[bytes], change: Callable[[list[Line]], None]) -> Report:
    """An export whose lines somebody changed, counted and digested anew."""
    read = [json.loads(line) for line in lines[:-1]]
    change(read)
    written = [canonical(line) + b"\n" for line in read]
    counts = {kind: sum(line["kind"] == kind for line in read) for kind in ("seal", "run", "event", "blob", "inbox")}
    end = {"kind": "end", "counts": counts, "digest": sha256(b"".join(written)).hexdigest()}
    return verify_export([*written, canonical(end) + b"\n"])


def first(read: list[Line], kind: str, at: int = 0) -> Line:
    return [line for line in read if line["kind"] == kind][at]


def test_lines_that_nobody_changed_pass_when_written_anew(lines: list[bytes]):
    assert rewritten(lines, lambda _: None).ok


def drop(kind: str, at: int) -> Callable[[list[Line]], None]:
    return lambda read: read.remove(first(read, kind, at))


def change(kind: str, at: int, /, **members: Any) -> Callable[[list[Line]], None]:
    return lambda read: first(read, kind, at).update(members)


CHANGES: dict[str, tuple[Callable[[list[Line]], None], str]] = {
    "an event dropped": (drop("event", 40), "dropped"),
    "the last event of a run dropped": (lambda read: read.remove(_last_event(read)), "dropped"),
    "a seal dropped": (drop("seal", 1), "dropped"),
    "a blob dropped": (drop("blob", 0), "blob"),
    "a blob changed": (change("blob", 0, body="x"), "blob"),
    "an event's link changed": (change("event", 9, link="00" * 32), "link"),
    "an event's text changed": (change("event", 9, body="{}"), "event"),
    "a seal's link changed": (change("seal", 0, link="00" * 32), "seal"),
    "a seal's time changed": (change("seal", 0, at="2026-01-01"), "seal"),
    "an answer changed": (change("inbox", 0, sender="person:wei"), "inbox"),
    "a run's end changed": (change("run", 1, state="waiting"), "run"),
    "a run's events under another run": (change("event", 9, run="r0"), "export"),
    "a run twice": (lambda read: read.append(first(read, "run", 1)), "export"),
    "another format": (change("export", 0, format=2), "export"),
    "a surprise": (change("run", 1, surprise=1), "export"),
    "both body and base64": (change("event", 9, base64="eA=="), "export"),
}


def _last_event(read: list[Line]) -> Line:
    run = first(read, "run", 1)["id"]
    return [line for line in read if line["kind"] == "event" and line["run"] == run][-1]


@pytest.mark.parametrize("name", CHANGES)
def test_who_changes_a_line_and_digests_them_anew_is_found(lines: list[bytes], name: str):
    make, code = CHANGES[name]
    assert code in {finding.code for finding in rewritten(lines, make).findings}


def test_a_run_dropped_with_all_its_lines_is_missed_by_the_seals(lines: list[bytes]):
    def without(read: list[Line]) -> None:
        run = first(read, "run", 2)["id"]
        read[:] = [line for line in read if run not in (line.get("run"), line.get("id"))]

    assert {finding.code for finding in rewritten(lines, without).findings} == {"dropped"}


def test_a_chain_of_seals_that_was_cut_contradicts_the_one_kept_elsewhere(lines: list[bytes]):
    seals = [json.loads(line) for line in lines if json.loads(line)["kind"] == "seal"]
    kept = Anchor(seals[-1]["n"], bytes.fromhex(seals[-1]["link"]))
    assert verify_export(lines, anchor=kept).ok
    later = Anchor(kept.n + 1, kept.link)
    assert [finding.code for finding in verify_export(lines, anchor=later).findings] == ["dropped"]
    another = Anchor(kept.n, bytes(32))
    assert [finding.code for finding in verify_export(lines, anchor=another).findings] == ["anchor"]


def test_bytes_that_are_no_text_travel_as_base64_and_are_found_there(folder: Path):
    with tampered(folder) as database:
        database.execute("UPDATE journal SET body = x'ff00' WHERE position = 9")
        database.execute("UPDATE blobs SET body = x'fe' WHERE key = 3")
    written = exported(folder)
    kept = [base64.b64decode(line["base64"]) for line in map(json.loads, written) if "base64" in line]
    assert sorted(kept) == [b"\xfe", b"\xff\x00"]
    assert {"event", "link", "blob"} <= {finding.code for finding in verify_export(written).findings}


def test_an_export_of_an_empty_workspace_is_whole(tmp_path: Path):
    written = exported(tmp_path)
    assert [json.loads(line)["kind"] for line in written] == ["export", "run", "end"]
    assert verify_export(written).ok
