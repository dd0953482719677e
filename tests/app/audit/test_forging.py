"""An attacker who computes every digest anew, but does not know what Deputy would never have written."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.app.audit.company import audited
from tests.app.audit.tampering import found, relink, reseal, rows, run_of, tampered

from deputy.app.audit import Finding
from deputy.base.canonical import canonical, digest
from deputy.domain.cost import Cost
from deputy.domain.effect import Call
from deputy.domain.event import (
    BudgetRaised,
    Ended,
    Event,
    ModelReply,
    Note,
    Outcome,
    Settled,
    Started,
    ToolIntent,
    Workspace,
    event_from,
)  # fmt: skip
from deputy.domain.stow import stow
from deputy.domain.waiting import ORDER


def everything_anew(folder: Path, database: Any, *keys: int) -> None:
    """Compute the links of these runs, all seals and the file beside the database."""
    for key in keys:
        relink(database, key)
    database.execute("UPDATE seals SET upto = (SELECT max(position) FROM journal) WHERE n = (SELECT max(n) FROM seals)")
    n, link = reseal(database)
    (folder / "seal").write_bytes(canonical({"link": link.hex(), "n": n}))


def put(database: Any, key: int, event: Event) -> int:
    """Add an event to the end of a journal; returns its seq."""
    seq = database.execute("SELECT max(seq) + 1 FROM journal WHERE run = ?", (key,)).get
    body, _ = stow(event)
    database.execute("INSERT INTO journal (run, seq, link, body) VALUES (?, ?, x'00', ?)", (key, seq, body))
    return seq


def change(database: Any, key: int, seq: int, **members: Any) -> None:
    """Let an event say something else."""
    row = rows(database, "journal", f"run = {key} AND seq = {seq}")[0]
    body, _ = stow(msgspec.structs.replace(event_from(row["body"]), **members))
    database.execute("UPDATE journal SET body = ? WHERE position = ?", (body, row["position"]))


def said(findings: Sequence[Finding]) -> str:
    return " ".join(finding.message for finding in findings)


AT = datetime(2026, 7, 1, 12, tzinfo=UTC)
CALL = Call("pay", {"amount": 1})
SENSELESS: dict[str, tuple[Event, str]] = {
    "an outcome of no effect": (Outcome(at=AT, n=99, status="done", result=1), "and never begun"),
    "an outcome of what was not begun": (
        Outcome(at=AT, n=99, status="done", call=CALL, rule="x", cls="irreversible"),
        "is the outcome of an effect that was proposed, and never begun",
    ),
    "a reply to no call": (ModelReply(at=AT, n=99), "contradicts what came before"),
    "a settlement of no effect": (Settled(at=AT, n=99, happened=True, by="person:lin"), "contradicts what came before"),
    "a second start": (
        Started(at=AT, agent="clerk", version="", driver="loop", on_behalf_of="wei", by="person:wei"),
        "starts a run that was started before",
    ),
    "an event of the workspace": (Workspace(at=AT, what="frozen", by="person:wei"), "belongs to the workspace"),
    "an event of another version": (Note(at=AT, v=2, kind="note", value="x"), "has version 2"),
    "an approval that nobody gave": (
        ToolIntent(at=AT, n=99, rule="x", cls="write", repeat="safe", call=CALL, grant="x"),
        "uses approval x, which nobody gave for it",
    ),
    "a blob that never was": (Outcome(at=AT, n=99, status="done", blob=digest(b"never"), call=CALL), "is missing"),
    "a row that never was": (Settled(at=AT, n=2, happened=True, by="person:lin", row="x"), "which is not there"),
}


def waiting(database: Any, word: str = "in_doubt") -> int:
    return rows(database, "runs", f"state = 'waiting' AND summary = '{word}'")[0]["key"]


@pytest.mark.parametrize("name", SENSELESS)
def test_an_event_that_cannot_stand_where_it_does_is_found(folder: Path, name: str):
    event, why = SENSELESS[name]
    with tampered(folder) as database:
        key = waiting(database)
        run, seq = run_of(database, key), put(database, key, event)
        everything_anew(folder, database, key)
    report = found(folder)
    mine = [finding for finding in report.findings if finding.place.run == run]
    assert why in said([finding for finding in mine if finding.place.seq == seq])


def open_approval(database: Any) -> tuple[int, int, str]:
    """A run that waits for an approval, the effect and the item."""
    key = waiting(database, "approval")
    item = rows(database, "items", f"run = {key} AND kind = 'approval'")[0]["id"]
    return key, int(item.split(".")[1]), item


def begun(n: int) -> Event:
    return ToolIntent(at=AT, n=n, rule="x", cls="irreversible", repeat="never")


def done(n: int) -> Event:
    return Outcome(at=AT, n=n, status="done", result="paid")


@pytest.mark.parametrize(
    ("make", "why"), [(begun, "begins an effect that is asked"), (done, "was asked, and never begun")]
)
def test_an_effect_that_went_ahead_without_its_approval_is_found(folder: Path, make: Callable[[int], Event], why: str):
    with tampered(folder) as database:
        key, n, _ = open_approval(database)
        seq = put(database, key, make(n))
        everything_anew(folder, database, key)
    assert why in said([finding for finding in found(folder).findings if finding.place.seq == seq])


def test_an_approved_effect_that_does_not_use_up_its_approval_is_found(folder: Path):
    with tampered(folder) as database:
        grant = rows(database, "grants_used")[0]
        key = grant["run"]
        events = {r["seq"]: event_from(r["body"]) for r in rows(database, "journal", f"run = {key}")}
        seq = next(s for s, e in events.items() if isinstance(e, ToolIntent) and e.grant)
        change(database, key, seq, grant="")
        database.execute("DELETE FROM grants_used WHERE item = ?", (grant["item"],))
        everything_anew(folder, database, key)
    assert f"needs approval {grant['item']}, without it" in said(found(folder).findings)


def test_an_event_after_the_end_is_found(folder: Path):
    with tampered(folder) as database:
        key = rows(database, "runs", "state = 'done'")[0]["key"]
        seq = put(database, key, Note(at=AT, kind="note", value="afterthought"))
        run = run_of(database, key)
        everything_anew(folder, database, key)
    (finding,) = found(folder).findings
    assert (finding.code, finding.place.run, finding.place.seq) == ("event", run, seq)
    assert finding.message.endswith("comes after the end.")


def test_an_end_that_never_came_is_found(folder: Path):
    with tampered(folder) as database:
        key = waiting(database)
        put(database, key, Ended(at=AT, state="done", answer="paid"))
        everything_anew(folder, database, key)
    assert {finding.place.key for finding in found(folder).findings if finding.code == "run"} == {"state", "summary"}


def test_a_budget_that_nobody_raised_is_found(folder: Path):
    with tampered(folder) as database:
        key = waiting(database, "budget")
        put(database, key, BudgetRaised(at=AT, by="person:lin", amount=Cost(steps=5), row="answer:x"))
        everything_anew(folder, database, key)
    assert {"inbox", "item", "run"} <= {finding.code for finding in found(folder).findings}


def test_an_approval_used_twice_is_found(folder: Path):
    with tampered(folder) as database:
        item = rows(database, "grants_used")[0]
        intents = [r for r in rows(database, "journal", f"run = {item['run']}") if item["item"].encode() in r["body"]]
        intent = next(row for row in intents if isinstance(event_from(row["body"]), ToolIntent))
        database.execute(
            "UPDATE journal SET body = ? WHERE run = ? AND seq = ?", (intent["body"], item["run"], intent["seq"] + 1)
        )
        everything_anew(folder, database, item["run"])
    assert "once more" in said(found(folder).findings)


# -- answers


def forge_row(database: Any, row: dict[str, Any], **changes: Any) -> None:
    """Change an inbox row, and its check sum with it."""
    row = {**row, **changes}
    said = canonical([row["id"], run_of(database, row["run"]), row["sender"], row["at"]])
    check = bytes.fromhex(digest(said + row["body"]))
    database.execute(
        "UPDATE inbox SET run = ?, sender = ?, body = ?, check_sum = ? WHERE position = ?",
        (row["run"], row["sender"], row["body"], check, row["position"]),
    )


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"sender": "person:wei"}, "was sent by `person:wei`, not `person:lin`"),
        ({"body": canonical({"type": "deny", "item": "x", "reason": "y"})}, "holds something else"),
        ({"body": b"{}"}, "holds something else"),
        ({"run": 1}, "was sent to"),
    ],
)
def test_an_answer_that_was_changed_after_it_was_taken_contradicts_the_journal(
    folder: Path, changes: dict[str, Any], why: str
):
    with tampered(folder) as database:
        row = next(r for r in rows(database, "inbox", "taken = 1") if b'"approve"' in r["body"])
        run = run_of(database, row["run"])
        forge_row(database, row, **changes)
    report = found(folder)
    assert why in said([finding for finding in report.findings if finding.place.run == run])


def test_an_answer_that_nobody_can_read_is_found_before_it_is_taken(folder: Path):
    with tampered(folder) as database:
        (row,) = rows(database, "inbox", "taken = 0")
        forge_row(database, row, body=b'{"type": "reply"}')
    (finding,) = found(folder).findings
    assert (finding.code, finding.place.key) == ("inbox", row["id"])


def test_what_a_child_told_its_parent_is_how_it_ended(folder: Path):
    with tampered(folder) as database:
        row = next(r for r in rows(database, "inbox") if r["id"].startswith("child:"))
        body = msgspec.json.decode(row["body"])
        forge_row(database, row, body=canonical(body | {"answer": "something else"}))
    assert "is not how it ended" in said(found(folder).findings)


def test_one_answer_taken_by_two_events_is_found(folder: Path):
    with tampered(folder) as database:
        key = waiting(database, "timer")
        taken = next(r for r in rows(database, "journal", f"run = {key}") if b"Received" in r["body"])
        put(database, key, event_from(taken["body"]))
        everything_anew(folder, database, key)
    assert "served an earlier event" in said(found(folder).findings)


# -- runs


def test_a_run_that_says_another_started_it_is_found(folder: Path):
    with tampered(folder) as database:
        child = rows(database, "runs", "parent <> '' AND state = 'waiting'")[0]
        change(database, child["key"], 1, parent_n=77)
        everything_anew(folder, database, child["key"])
    assert "says that effect 77 of run" in said([f for f in found(folder).findings if f.place.run == child["id"]])


def test_a_run_that_hides_who_started_it_is_found(folder: Path):
    with tampered(folder) as database:
        child = rows(database, "runs", "parent <> '' AND state = 'waiting'")[0]
        change(database, child["key"], 1, parent="", parent_n=0, ancestors=())
        database.execute("UPDATE runs SET parent = '', root = id WHERE key = ?", (child["key"],))
        everything_anew(folder, database, child["key"])
    assert f"started run {child['id']}, which is not there" in said(found(folder).findings)


def test_a_run_that_names_a_parent_it_never_had_is_found(folder: Path):
    with tampered(folder) as database:
        row = rows(database, "runs", "state = 'waiting' AND summary = 'approval' AND parent = ''")[0]
        parent = rows(database, "runs", "summary = 'child' AND parent = ''")[0]["id"]
        change(database, row["key"], 1, parent=parent, parent_n=1, ancestors=(parent,))
        database.execute("UPDATE runs SET parent = ?, root = ? WHERE key = ?", (parent, parent, row["key"]))
        everything_anew(folder, database, row["key"])
    findings = [finding for finding in found(folder).findings if finding.place.run == row["id"]]
    assert "by the journals of its tree nobody did" in said(findings)


def test_a_run_of_another_agent_than_its_row_says_is_found(folder: Path):
    with tampered(folder) as database:
        row = rows(database, "runs", "key = 1")[0]
        change(database, 1, 1, on_behalf_of="lin")
        everything_anew(folder, database, 1)
    assert [finding.place.key for finding in found(folder).findings] == ["on_behalf_of"]
    assert row["on_behalf_of"] == "wei"


# -- the workspace, and the ledger


def test_a_switch_that_nobody_touched_is_found(folder: Path):
    with tampered(folder) as database:
        put(database, 0, Workspace(at=AT, what="thawed", by="person:wei", subject="idle"))
        everything_anew(folder, database, 0)
    (finding,) = found(folder).findings
    assert (finding.code, finding.place.key) == ("freeze", "idle")
    assert finding.message == "By the journal of the workspace `idle` is not frozen, and its switch is on."


def test_an_event_of_a_run_in_the_workspaces_own_journal_is_found(folder: Path):
    with tampered(folder) as database:
        seq = put(database, 0, Note(at=AT, kind="note", value="x"))
        everything_anew(folder, database, 0)
    assert [(f.code, f.place.seq) for f in found(folder).findings] == [("event", seq)]


def test_a_price_that_was_lowered_afterwards_contradicts_the_ledger(folder: Path):
    with tampered(folder) as database:
        row = next(r for r in rows(database, "journal", "run = 1") if b"ModelReply" in r["body"])
        change(database, 1, row["seq"], cost=Cost(steps=0, money=5))
        everything_anew(folder, database, 1)
    assert {finding.code for finding in found(folder).findings} == {"account", "run"}


def test_an_item_that_a_forged_question_opens_must_be_there(folder: Path):
    with tampered(folder) as database:
        key = waiting(database, "timer")
        call = Call("person.ask", {"question": "Shall I?"})
        event = ToolIntent(at=AT, n=50, rule="x", cls="send", repeat="keyed", call=call, item="x.50.1")
        put(database, key, event)
        everything_anew(folder, database, key)
    findings = found(folder).findings
    assert "Item x.50.1 (question)" in said(findings)
    assert {"item", "run"} == {finding.code for finding in findings}


def test_every_word_a_run_can_wait_for_is_known_here():
    assert set(ORDER) == {"in_doubt", "approval", "question", "budget", "frozen", "child", "timer", "message"}


def test_an_untouched_database_that_was_linked_and_sealed_anew_is_in_order(folder: Path):
    with tampered(folder) as database:
        everything_anew(folder, database, *(row["key"] for row in rows(database, "runs")))
    assert audited(folder).ok
