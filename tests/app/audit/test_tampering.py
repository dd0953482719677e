"""Every column of every row: change it, drop it, add one, let two change places; the audit says what and where."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.app.audit.company import audited
from tests.app.audit.tampering import KEYS, TABLES, Row, columns, copied, found, other, places, rows, run_of, tampered

from deputy.base.canonical import canonical, digest

#: what no digest covers and no journal tells: columns, and why nobody is the worse for it
GAPS = {
    "runs.changed": "when a run last changed its state is for lists; only its form is checked",
    "workers.pid": "heartbeats are no record",
    "workers.kind": "heartbeats are no record",
    "workers.boot": "heartbeats are no record",
    "workers.beat": "heartbeats are no record",
    "inbox.position": "found where it changes the order in which a run took its rows",
    "accounts.limits": "those of the mandate when the account last moved; only their form is checked",
}
COLUMNS = {
    "runs": "key id agent version driver on_behalf_of parent root state summary created changed owner epoch money",
    "told": "run sender trigger cause agent title task",
    "journal": "position run seq link body",
    "blobs": "key digest body",
    "items": "id run kind created expires body",
    "inbox": "position id run sender at body check_sum taken",
    "timers": "run id due",
    "grants_used": "item run",
    "accounts": "name held_money held_tokens held_steps held_wall spent_money spent_tokens spent_steps spent_wall"
    " raised limits",
    "freezes": "agent",
    "workers": "id epoch pid kind boot beat",
    "seals": "n at upto body link",
}
ALL = [f"{table}.{column}" for table, names in COLUMNS.items() for column in names.split()]
LOOKS = 3  # rows of a table that a test changes


def test_every_column_there_is_is_changed_here(original: Path, tmp_path: Path):
    with tampered(copied(original, tmp_path / "copy")) as database:
        assert {table: columns(database, table) for table in TABLES} == {t: c.split() for t, c in COLUMNS.items()}


def some(table: str, database: Any) -> list[Row]:
    """A few rows, of different kinds where a table has kinds."""
    found = rows(database, table, "key > 0" if table == "runs" else "1")
    kind = {"runs": "state", "items": "kind", "inbox": "taken"}.get(table)
    chosen = {row[kind]: row for row in found} if kind else dict[object, Row]()
    step = max(1, len(found) // LOOKS)
    return [*chosen.values(), *found[::step][: max(0, LOOKS - len(chosen))]][: LOOKS + 2]


def where(table: str, row: Row) -> str:
    extra = f" AND run = {row['run']}" if table == "timers" else ""
    return f"{KEYS[table]} = ?{extra}"


@pytest.mark.parametrize("name", [name for name in ALL if name not in GAPS])
def test_a_changed_column_is_found_and_its_place_named(original: Path, tmp_path: Path, name: str):
    table, _, column = name.partition(".")
    with tampered(original) as database:
        chosen = some(table, database)
    for row in chosen:
        folder = copied(original, tmp_path / "copy")
        with tampered(folder) as database:
            value = changed(name, row[column])
            database.execute(f"UPDATE {table} SET {column} = ? WHERE {where(table, row)}", (value, row[KEYS[table]]))
            assert database.changes()
            names = places(table, row, database)
        report = found(folder)
        assert any(names(finding) for finding in report.findings), (row, report.findings)


def changed(name: str, value: Any) -> Any:
    """Another value that the column can have."""
    if name == "runs.state":
        return {"waiting": "done", "done": "waiting", "ready": "failed", "running": "ready"}.get(value, "done")
    if name in ("journal.position", "journal.run", "journal.seq", "runs.key", "blobs.key", "seals.n", "told.run"):
        return value + 1_000
    if name == "runs.epoch" and value is None:
        return 1
    return other(value)


@pytest.mark.parametrize("name", GAPS)
def test_what_is_known_not_to_be_found_is_listed_and_no_more(folder: Path, name: str):
    table, _, column = name.partition(".")
    with tampered(folder) as database:
        row = rows(database, table, "state = 'waiting'" if table == "runs" else "1")[-1]
        value = {"inbox.position": 10**6, "accounts.limits": '{"money":1}'}.get(name, other(row[column]))
        database.execute(f"UPDATE {table} SET {column} = ? WHERE {where(table, row)}", (value, row[KEYS[table]]))
        assert database.changes()
    assert audited(folder).ok


@pytest.mark.parametrize("name", ["runs.changed", "accounts.limits", "accounts.raised", "runs.created"])
def test_a_value_of_another_form_is_found(folder: Path, name: str):
    table, _, column = name.partition(".")
    with tampered(folder) as database:
        row = rows(database, table)[-1]
        database.execute(f"UPDATE {table} SET {column} = '!' WHERE {where(table, row)}", (row[KEYS[table]],))
        names = places(table, row, database)
    assert any(names(finding) for finding in found(folder).findings)


def test_a_run_that_waits_is_not_passed_off_as_one_that_goes_on_elsewhere(folder: Path):
    with tampered(folder) as database:
        database.execute("UPDATE runs SET state = 'running' WHERE state = 'waiting'")
    assert {finding.code for finding in found(folder).findings} == {"lease"}


def test_a_run_that_could_go_on_is_not_passed_off_as_waiting(folder: Path):
    with tampered(folder) as database:
        (fresh, told) = rows(database, "runs", "state = 'ready' ORDER BY summary")
        database.execute("UPDATE runs SET state = 'waiting' WHERE state = 'ready'")
    found_in = {finding.place.run: finding.message for finding in found(folder).findings}
    assert found_in.keys() == {fresh["id"], told["id"]}
    assert found_in[told["id"]].endswith("waits, though 1 rows lie in its inbox.")
    assert found_in[fresh["id"]].endswith("by its journal it waits for frozen.")  # it once could, but does not say so


# -- dropped rows

#: rows whose loss nobody can tell from their never having been there
UNMISSED = {
    "inbox": "taken = 0",  # somebody's answer, before its run took it
}


@pytest.mark.parametrize("table", TABLES)
def test_a_dropped_row_is_found_and_its_place_named(original: Path, tmp_path: Path, table: str):
    with tampered(original) as database:
        spared = (
            {row[KEYS[table]] for row in rows(database, table, UNMISSED[table])} if table in UNMISSED else set[Any]()
        )
        chosen = [row for row in some(table, database) if row[KEYS[table]] not in spared]
    for row in chosen:
        folder = copied(original, tmp_path / "copy")
        with tampered(folder) as database:
            names = places(table, row, database)
            run = row.get("run")
            database.execute(f"DELETE FROM {table} WHERE {where(table, row)}", (row[KEYS[table]],))
        report = found(folder)
        assert any(names(finding) for finding in report.findings), (row, run, report.findings)


def test_the_workspaces_own_row_is_missed(folder: Path):
    with tampered(folder) as database:
        database.execute("DELETE FROM runs WHERE key = 0")
    assert "The row of the workspace itself is missing." in [f.message for f in found(folder).findings]


def test_a_table_that_was_emptied_is_found(original: Path, tmp_path: Path):
    for table in TABLES:
        folder = copied(original, tmp_path / "copy")
        with tampered(folder) as database:
            database.execute(f"DELETE FROM {table}")
        found(folder)


# -- rows that somebody added


@pytest.mark.parametrize("table", [table for table in TABLES if table not in ("blobs", "workers")])
def test_an_added_row_is_found_and_its_place_named(folder: Path, table: str):
    with tampered(folder) as database:
        row = rows(database, table)[-1]
        key = KEYS[table]
        row[key] = row[key] + 1 if isinstance(row[key], int) else row[key] + "x"
        if table == "journal":
            row["seq"] += 1
        if table in ("runs", "inbox"):
            row["id"] += "x"
        marks = ", ".join("?" for _ in row)
        database.execute(f"INSERT INTO {table} VALUES ({marks})", tuple(row.values()))
        names = places(table, row, database)
    report = found(folder)
    assert any(names(finding) for finding in report.findings), report.findings


def test_a_blob_that_no_event_names_is_a_note_and_one_under_a_wrong_name_a_finding(folder: Path):
    with tampered(folder) as database:
        database.execute("INSERT INTO blobs (digest, body) VALUES (?, ?)", (bytes.fromhex(digest(b"x")), b"x"))
    report = audited(folder)
    assert (report.ok, [note.place.key for note in report.notes]) == (True, [digest(b"x")])
    with tampered(folder) as database:
        database.execute("INSERT INTO blobs (digest, body) VALUES (?, ?)", (bytes(32), b"x"))
    assert [finding.place.key for finding in found(folder).findings] == [bytes(32).hex()]


def test_a_worker_that_never_was_is_nobodys_loss(folder: Path):
    with tampered(folder) as database:
        database.execute("INSERT INTO workers VALUES ('x', 1, 1, 'worker', '', 0.0)")
    assert audited(folder).ok


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TRIGGER t AFTER INSERT ON journal BEGIN DELETE FROM items; END",
        "CREATE TABLE mine (x)",
        "CREATE VIEW mine AS SELECT * FROM runs",
        "CREATE INDEX mine ON runs (agent)",
        "DROP INDEX items_run",
        "ALTER TABLE runs ADD COLUMN mine TEXT",
    ],
)
def test_a_database_of_another_shape_is_found(folder: Path, sql: str):
    with tampered(folder) as database:
        database.execute(sql)
    assert {finding.code for finding in found(folder).findings} == {"database"}


# -- rows that changed places


def swap(database: Any, table: str, column: str, first: Row, second: Row) -> None:
    for row, value in ((first, second[column]), (second, first[column])):
        database.execute(f"UPDATE {table} SET {column} = ? WHERE {KEYS[table]} = ?", (value, row[KEYS[table]]))


@pytest.mark.parametrize(
    "name", ["journal.body", "journal.link", "blobs.body", "items.body", "inbox.body", "inbox.check_sum", "seals.body",
             "seals.link", "seals.at", "seals.upto", "accounts.spent_steps", "runs.agent", "runs.created", "items.run"]
)  # fmt: skip
def test_two_values_that_changed_places_are_found_in_both(folder: Path, name: str):
    table, _, column = name.partition(".")
    with tampered(folder) as database:
        found_rows = rows(database, table, "key > 0" if table == "runs" else "1")
        first = found_rows[0]
        second = next(row for row in reversed(found_rows) if row[column] != first[column])
        named = [places(table, row, database) for row in (first, second)]
        swap(database, table, column, first, second)
    report = found(folder)
    for names in named:
        assert any(names(finding) for finding in report.findings), report.findings


def exchange(database: Any, table: str, column: str, first: Any, second: Any) -> None:
    """Let two rows exchange a value that is unique."""
    for before, after in ((first, -1), (second, first), (-1, second)):
        database.execute(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", (after, before))


def test_two_events_of_a_run_that_changed_places_are_found(folder: Path):
    with tampered(folder) as database:
        mine = rows(database, "journal", "run = 1 ORDER BY seq")
        run = rows(database, "runs", "key = 1")[0]["id"]
        for before, after in ((3, -1), (4, 3), (-1, 4)):
            database.execute("UPDATE journal SET seq = ? WHERE run = 1 AND seq = ?", (after, before))
    assert {(f.place.run, f.place.seq) for f in found(folder).findings if f.code == "link"} >= {(run, 3), (run, 4)}
    assert len(mine) > 4


def test_two_events_of_a_run_that_lie_in_another_order_are_found(folder: Path):
    with tampered(folder) as database:
        third, fourth = (row["position"] for row in rows(database, "journal", "run = 1 AND seq IN (3, 4)"))
        run = rows(database, "runs", "key = 1")[0]["id"]
        exchange(database, "journal", "position", third, fourth)
    assert ("order", run) in {(f.code, f.place.run) for f in found(folder).findings}


def test_two_seals_that_changed_places_are_found(folder: Path):
    with tampered(folder) as database:
        exchange(database, "seals", "n", 2, 3)
    assert {2, 3} <= {finding.place.seal for finding in found(folder).findings}


def test_two_runs_that_exchanged_their_journals_are_found(folder: Path):
    with tampered(folder) as database:
        names = {row["id"] for row in rows(database, "runs", "key IN (1, 2)")}
        exchange(database, "journal", "run", 1, 2)
    assert names <= {finding.place.run for finding in found(folder).findings if finding.code == "link"}


def test_answers_that_lie_in_another_order_than_they_were_taken_are_found(folder: Path):
    with tampered(folder) as database:
        run = database.execute("SELECT run FROM inbox GROUP BY run HAVING count(*) > 1 LIMIT 1").get
        first, second = (row["position"] for row in rows(database, "inbox", f"run = {run} LIMIT 2"))
        name = run_of(database, run)
        exchange(database, "inbox", "position", first, second)
    (finding,) = found(folder).findings
    assert (finding.code, finding.place.run) == ("inbox", name)
    assert finding.message.endswith("which arrived before the one that was taken before it.")


# -- what an item shows


SHOWN: dict[str, Callable[[Any], Any]] = {
    "args": lambda args: {**args, "amount": 1},
    "tool": lambda _: "look",
    "question": lambda text: f"{text} It is harmless.",
    "digest": lambda _: digest(b""),
    "on_behalf_of": lambda _: "lin",
    "approvers": lambda _: ["person:wei"],
    "rule": lambda _: "none",
    "agent": lambda _: "idle",
    "effect": lambda text: text + "0",
    "parameters": lambda _: {"type": "object", "properties": {"iban": {}}},
    "kind": lambda _: "question",
    "why": lambda _: "It is fine.",
    "untrusted": lambda _: [{"argument": "amount", "source": "mail"}],
    "surprise": lambda _: 1,
}


@pytest.mark.parametrize("member", SHOWN)
def test_an_approval_that_shows_something_else_is_found(folder: Path, member: str):
    with tampered(folder) as database:
        item = next(row for row in rows(database, "items", "kind = 'approval'"))
        body = msgspec.json.decode(item["body"])
        body[member] = SHOWN[member](body.get(member))
        database.execute("UPDATE items SET body = ? WHERE id = ?", (canonical(body), item["id"]))
    assert [finding.place.key for finding in found(folder).findings] == [item["id"]]


@pytest.mark.parametrize("kind", ["question", "message", "in_doubt", "budget"])
def test_any_item_that_shows_another_question_is_found(folder: Path, kind: str):
    with tampered(folder) as database:
        item = next(row for row in rows(database, "items", f"kind = '{kind}'"))
        body = msgspec.json.decode(item["body"])
        body["question"] = "Anything else?"
        database.execute("UPDATE items SET body = ? WHERE id = ?", (canonical(body), item["id"]))
    assert [finding.place.key for finding in found(folder).findings] == [item["id"]]


@pytest.mark.parametrize("kind", ["question", "message"])
def test_a_question_or_message_that_was_put_to_others_is_found(folder: Path, kind: str):
    with tampered(folder) as database:
        item = next(row for row in rows(database, "items", f"kind = '{kind}'") if b"person:wei" in row["body"])
        body = item["body"].replace(b"person:wei", b"person:lin")
        database.execute("UPDATE items SET body = ? WHERE id = ?", (body, item["id"]))
    assert [finding.place.key for finding in found(folder).findings] == [item["id"]]


@pytest.mark.parametrize("kind", ["approval", "question", "message", "in_doubt", "budget"])
def test_an_item_that_others_could_answer_than_when_it_was_opened_is_found(folder: Path, kind: str):
    with tampered(folder) as database:
        item = next(row for row in rows(database, "items", f"kind = '{kind}'"))
        body = msgspec.json.decode(item["body"])
        body["people"] = ["mallory"]
        database.execute("UPDATE items SET body = ? WHERE id = ?", (canonical(body), item["id"]))
    (finding,) = found(folder).findings
    assert finding.place.key == item["id"]
    assert "shows something else than when it was opened" in finding.message
