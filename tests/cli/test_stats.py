"""Statistics at the command line: they say what the other commands say, whoever counted and however often."""

import json
import sqlite3
from pathlib import Path
from typing import Any

from tests.cli.offices import Shell


def figures(shell: Shell, *more: str) -> Any:
    return shell("stats", "--json", *more).json


def test_what_happened_is_counted_as_the_other_commands_tell_it(shell: Shell):
    shell.run("greeter", "Ada")
    shell.run("payer", "7")
    shell.run("payer", "8")
    shell.run("payer", "900")  # above the limit
    shell.run("loser", "x")
    first, second = (item for item in shell.inbox() if item["kind"] == "approval")
    shell("approve", first["id"], "--as", "lin")
    shell("deny", second["id"], "--reason", "no", "--as", "lin")
    shell("worker", "--until-idle")
    found = figures(shell)
    runs = json.loads(shell("ps", "--all", "--json").out)
    total, states = found["total"], [run["state"] for run in runs]
    assert (total["begun"], total["done"], total["failed"]) == (5, states.count("done"), states.count("failed"))
    assert total["approvals"] == {"asked": 2, "approved": 1, "refused": 1, "expired": 0}
    assert total["incident"]["denied"] == 1
    assert total["incident"]["in_doubt"] == 1
    assert total["waiting"]["answers"] == 2
    assert 0 <= total["waiting"]["median"] <= total["waiting"]["p95"] < 60
    assert found["behind"] == 0
    for one in found["agents"]:
        assert one["begun"] == sum(run["agent"] == one["agent"] for run in runs)
    accounts = json.loads(shell("budget", "--json").out)
    assert total["tokens"] == sum(account["spent"]["tokens"] for account in accounts if account["day"])
    assert total["steps"] == sum(account["spent"]["steps"] for account in accounts if account["day"])
    (today,) = [one for one in found["series"] if one["begun"]]
    assert today["agents"]["payer"]["begun"] == 3
    assert figures(shell, "--by", "hour")["total"] == total
    assert figures(shell, "--of", "payer")["total"]["begun"] == 3
    assert figures(shell, "--of", "group:nobody")["total"]["begun"] == 0
    text = shell("stats").out
    assert "in all" in text
    assert "greeter" in text


def test_a_count_goes_on_where_it_stopped_and_can_be_thrown_away(shell: Shell):
    item = shell.run("payer", "7")["waiting_on"][0]["id"]
    before = figures(shell)["total"]
    assert (before["approvals"]["asked"], before["waiting"]["answers"]) == (1, 0)
    shell("approve", item, "--as", "lin")
    shell("worker", "--until-idle")
    kept = figures(shell)
    assert kept["total"]["approvals"]["approved"] == 1
    assert kept["total"]["begun"] == 1
    for file in (shell.folder / ".deputy").glob("statistics.db*"):
        file.unlink()
    assert figures(shell)["total"] == kept["total"]
    for file in (shell.folder / ".deputy").glob("statistics.db*"):
        file.write_bytes(b"no database at all")
    assert figures(shell)["total"] == kept["total"]


def test_a_count_of_another_journal_is_begun_anew(shell: Shell, tmp_path: Path):
    shell.run("greeter", "Ada")
    shell.run("greeter", "Bob")
    figures(shell)
    for file in (shell.folder / ".deputy").glob("deputy.db*"):
        file.unlink()
    (shell.folder / ".deputy" / "seal").unlink(missing_ok=True)
    shell.run("greeter", "Cid")
    assert figures(shell)["total"]["begun"] == 1


def test_bytes_that_are_no_event_are_left_out(shell: Shell):
    shell.run("greeter", "Ada")
    shell.run("greeter", "Bob")
    database = sqlite3.connect(shell.folder / ".deputy/deputy.db")
    with database:
        database.execute("UPDATE journal SET body = CAST('{}' AS BLOB) WHERE seq = 1 AND run = 1")
    database.close()
    assert figures(shell)["total"]["begun"] == 1


def test_saved_minutes_are_what_the_manifest_says_and_nothing_without_it(shell: Shell):
    shell.run("greeter", "Ada")
    shell.run("payer", "7")
    assert figures(shell)["total"]["minutes"]["saved"] is None
    file = shell.folder / "agents/greeter/AGENT.md"
    file.write_text(file.read_text().replace("model: rehearsal\n", "model: rehearsal\nsaves_minutes: 2.5\n"))
    shell.run("greeter", "Bob")
    found = figures(shell)
    assert found["total"]["minutes"]["saved"] == 5.0
    assert {one["agent"]: one["minutes"]["saved"] for one in found["agents"]} == {"greeter": 5.0, "payer": None}


def test_a_window_that_is_wrong_is_said(shell: Shell):
    assert shell("stats", "--since", "yesterday", "--json").error["code"] == "usage"
    assert shell("stats", "--by", "week", "--json").error["code"] == "usage"
    empty = shell("stats", "--since", "2026-02-01T00:00:00Z", "--until", "2026-01-01T00:00:00Z", "--json")
    assert "empty" in empty.error["message"]
    assert shell("stats", "--since", "1990-01-01T00:00:00Z", "--json").error["code"] == "usage"
    assert shell("stats").out.startswith("Nothing happened")
