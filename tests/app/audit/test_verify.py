"""What nobody touched is found to be as it was written, whoever works on it meanwhile, and stays so."""

import asyncio
import tracemalloc
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.app.audit.company import Company, audited, opened
from tests.app.audit.tampering import rows, tampered

from deputy.app.audit import Finding, Place, Report, verify
from deputy.app.audit.report import MOST
from deputy.base.clock import SystemClock
from deputy.domain.event import Event
from deputy.ports.store import Commit, NewRun


def test_what_nobody_touched_is_as_it_was_written(original: Path):
    report = audited(original)
    assert (report.findings, report.notes, report.more) == ((), (), 0)
    assert report.ok
    with tampered(original) as database:
        counts = {table: len(rows(database, table)) for table in ("runs", "journal", "blobs", "seals")}
        last = rows(database, "seals")[-1]
    assert (report.runs + 1, report.events, report.blobs, report.seals) == tuple(counts.values())
    assert report.seal == last["link"].hex()


def test_the_database_that_is_audited_has_something_of_everything(original: Path):
    with tampered(original) as database:
        kinds = {msgspec.json.decode(row["body"])["type"] for row in rows(database, "journal")}
        states = {row["state"] for row in rows(database, "runs")}
        waits = {row["summary"] for row in rows(database, "runs", "state = 'waiting'")}
        items = {row["kind"] for row in rows(database, "items")}
    assert kinds == {event.__struct_config__.tag for event in Event.__args__}
    assert states == {"ready", "running", "waiting", "done", "failed", "cancelled", "workspace"}
    assert waits >= {"approval", "question", "in_doubt", "budget", "frozen", "child", "timer"}
    assert items == {"approval", "question", "message", "in_doubt", "budget"}


def test_an_audit_writes_nothing(folder: Path):
    audited(folder)  # once, so that the files of the journal mode are there
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    audited(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def test_an_empty_workspace_is_in_order(tmp_path: Path):
    report = audited(tmp_path)
    assert (report.ok, report.notes, report.runs, report.events, report.seal) == (True, (), 0, 0, "")


def test_events_that_no_seal_covers_yet_are_counted_in_a_note(folder: Path):
    async def scenario() -> Report:
        async with opened(folder) as store:
            await Company(store).note("frozen", "x")
            return await verify(store)

    report = asyncio.run(scenario())
    assert report.ok
    assert [note.message for note in report.notes] == [
        "1 events are newer than the last seal: their end is not covered yet."
    ]


def test_an_audit_sees_one_moment_while_others_go_on_working(folder: Path):
    async def scenario() -> list[Report]:
        async with opened(folder) as store, opened(folder) as auditors:
            company = Company(store)
            await store.reap()
            reports: list[Report] = []
            for task in ("much", "delegate", "pay", "ask", "steps", "delegate a delegation"):
                await company.start("clerk", task)
                await company.start("planner", "plan")
                working = asyncio.create_task(company.bench.work())
                while not working.done():
                    reports.append(await verify(auditors))
                await working
            return reports

    reports = asyncio.run(scenario())
    assert [report.findings for report in reports if not report.ok] == []
    assert len({report.events for report in reports}) >= 6


def test_a_snapshot_stays_as_it_was_when_it_began(folder: Path):
    async def scenario() -> tuple[int, int]:
        async with opened(folder) as store, store.snapshot() as snapshot:
            before = [row async for row in snapshot.rows("events", 0)]
            await Company(store).note("frozen", "x")
            after = [row async for row in snapshot.rows("events", 0)]
            return len(before), len(after)

    before, after = asyncio.run(scenario())
    assert before == after


async def many(folder: Path, count: int) -> None:
    """Runs that have only begun."""
    async with opened(folder) as store:
        company = Company(store)
        runs: list[NewRun] = []
        for _ in range(count):
            task = "x" * 3000
            runs.append(_begun(company, task))
        for start in range(0, count, 100):
            await store.commit(Commit(run=runs[start].id, lease=None, children=runs[start : start + 100]))
            await store.seal(SystemClock().now())


def _begun(company: Company, task: str) -> NewRun:
    from deputy.kernel.start import new_run

    clerk = company.bench.agents["clerk"]
    return new_run(clerk, task, at=company.clock.now(), by="person:wei", on_behalf_of="wei")


def peak(folder: Path) -> int:
    audited(folder)  # once, so that caches are warm
    tracemalloc.start()
    try:
        assert audited(folder).ok
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_an_audit_takes_no_more_memory_for_more_runs(tmp_path: Path):
    sizes: list[int] = []
    for count in (600, 1_800):
        folder = tmp_path / str(count)
        folder.mkdir()
        asyncio.run(many(folder, count))
        sizes.append(peak(folder))
    assert sizes[1] < 1.2 * sizes[0]


def test_more_is_wrong_than_a_report_can_hold_and_the_rest_is_counted(tmp_path: Path):
    asyncio.run(many(tmp_path, 700))
    with tampered(tmp_path) as database:
        database.execute("UPDATE runs SET agent = 'x', on_behalf_of = 'y' WHERE key > 0")
    report = audited(tmp_path)
    assert (len(report.findings), report.more) == (MOST, 2 * 700 - MOST)


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (Place(run="r1", seq=3), "run r1, event 3"),
        (Place(table="accounts", key="run:r1"), "table accounts, run:r1"),
        (Place(run="r1", seal=7), "run r1, seal 7"),
        (Place(line=9), "line 9"),
        (Place(), "the whole"),
    ],
)
def test_a_place_reads_as_words_and_as_json(place: Place, text: str):
    assert str(place) == text
    finding = Finding("link", place, "x")
    said: Any = msgspec.json.decode(msgspec.json.encode(finding))
    assert msgspec.convert(said, Finding) == finding


def test_a_report_names_things_that_cannot_be_shown_without_showing_them(folder: Path):
    with tampered(folder) as database:
        database.execute("UPDATE runs SET agent = char(27) || '[2J' || char(8238) || ? WHERE key = 1", ("x" * 500,))
    for finding in audited(folder).findings:
        assert finding.message.isprintable()
        assert len(finding.message) < 400
