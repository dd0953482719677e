"""An auditor at the command line: what is whole, what was changed, and the record as one file."""

import json
import sqlite3
from pathlib import Path

from tests.cli.offices import Shell


def change(folder: Path, statement: str) -> None:
    """Edit the database behind everybody's back."""
    database = sqlite3.connect(folder / ".deputy/deputy.db")
    with database:
        database.execute(statement)
    database.close()


def test_what_was_not_touched_is_as_it_was_written(shell: Shell):
    shell.run("payer", "7")
    said = shell("audit", "verify")
    assert said.code == 0
    assert "All is as it was written: 1 run" in said.out
    found = shell("audit", "verify", "--json").json
    assert (found["ok"], found["findings"], found["runs"]) == (True, [], 1)


def test_a_changed_event_is_found_and_placed(shell: Shell):
    run = shell.run("payer", "7")["id"]
    change(
        shell.folder,
        "UPDATE journal SET body = CAST(replace(CAST(body AS TEXT), 'payer', 'prayer') AS BLOB) WHERE seq = 1",
    )
    said = shell("audit", "verify")
    assert said.code == 2
    assert f"run {run}" in said.out
    found = shell("audit", "verify", "--json")
    assert (found.code, found.json["ok"]) == (2, False)
    assert {"code", "place", "message"} == set(found.json["findings"][0])


def test_an_export_can_be_checked_by_itself(shell: Shell, tmp_path: Path):
    shell.run("payer", "7")
    file = tmp_path / "record.jsonl"
    assert shell("audit", "export", "--out", str(file)).code == 0
    assert file.stat().st_mode & 0o077 == 0
    assert shell("audit", "verify", str(file)).code == 0
    assert shell("audit", "export", "--out", str(file), "--json").error["code"] == "conflict"
    lines = file.read_text().splitlines()
    assert json.loads(lines[-1])["kind"] == "end"
    file.write_text("\n".join(lines[:3] + lines[4:]) + "\n")
    assert shell("audit", "verify", str(file)).code == 2


def test_an_old_seal_is_recognized_and_a_false_one_is_not(shell: Shell):
    shell.run("greeter", "Ada")
    found = shell("audit", "verify", "--json").json
    seal = f"{found['seals']}:{found['seal']}"
    shell.run("greeter", "Bob")
    assert shell("audit", "verify", "--seal", seal).code == 0
    assert shell("audit", "verify", "--seal", f"{found['seals']}:{'0' * 64}").code == 2
    assert shell("audit", "verify", "--seal", "seven", "--json").error["code"] == "usage"


def test_the_record_is_looked_through_by_kind_and_by_what_it_is_about(shell: Shell):
    run = shell.run("payer", "7")["id"]
    shell("approve", shell.inbox()[0]["id"], "--as", "lin")
    shell("worker", "--until-idle")
    found = shell("audit", "events", "--of", "tool:pay", "--json").json
    assert [one["kind"] for one in found["events"]] == ["Outcome", "ToolIntent", "Verdict"]
    assert found["next"] is None
    ended = shell("audit", "events", "--of", f"run:{run[-6:]}", "--kind", "Ended,Started", "--json").json["events"]
    assert [one["kind"] for one in ended] == ["Ended", "Started"]
    assert "Received" in shell("audit", "events", "--of", "person:lin").out
    assert "There is more" in shell("audit", "events", "--most", "1").out
    assert shell("audit", "events", "--of", "agent:payer", "--json").error["code"] == "usage"
    assert shell("audit", "events", "--kind", "Nonsense", "--json").error["code"] == "usage"
