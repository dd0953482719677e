"""Every exit code of the contract, by a workspace that leads to it."""

from pathlib import Path

import pytest
from tests.cli.offices import Shell

WAYS = [
    (0, ("greeter", "Ada"), "done", ""),
    (3, ("payer", "7"), "waiting", "approval"),
    (3, ("asker", "-"), "waiting", "question"),
    (4, ("silent", "-"), "failed", ""),
    (5, ("poor", "-"), "waiting", "budget"),
    (6, ("loser", "-"), "waiting", "in_doubt"),
    (7, ("sleeper", "-"), "waiting", "timer"),
]


@pytest.mark.parametrize(("code", "args", "state", "waits"), WAYS)
def test_run_ends_with_the_code_of_how_the_run_came_out(
    shell: Shell, code: int, args: tuple[str, str], state: str, waits: str
):
    said = shell("run", *args, "--json")
    assert (said.code, said.json["state"]) == (code, state)
    assert [wait["kind"] for wait in said.json["waiting_on"]] == ([waits] if waits else [])
    assert shell("show", said.json["id"], "--json").code == code
    assert shell("show", said.json["id"]).code == code


def test_a_denial_that_ends_a_run_is_5(shell: Shell):
    assert shell("run", "denied", "-").code == 3
    (item,) = shell.inbox()
    assert shell("deny", item["id"], "--reason", "Not now.", "--as", "lin").code == 0
    assert shell("worker", "--until-idle").code == 5
    assert shell("show", item["run"]).code == 5


def test_a_denial_that_the_driver_survives_changes_nothing(shell: Shell):
    said = shell("run", "payer", "700", "--json")
    assert (said.code, said.json["state"]) == (0, "done")
    assert said.json["effects"][1]["state"] == "denied"


def test_a_cancelled_run_is_4(shell: Shell):
    run = shell.run("payer", "7")["id"]
    assert shell("cancel", run, "--reason", "Changed our mind.").code == 0
    assert shell("worker", "--until-idle").code == 4
    assert "Changed our mind" in shell("show", run, "--json").json["error"]["message"]


def test_of_several_runs_the_most_urgent_decides(shell: Shell):
    shell("run", "sleeper", "-", "--detach")
    assert shell("worker", "--until-idle").code == 7
    shell("run", "payer", "7", "--detach")
    assert shell("worker", "--until-idle").code == 3
    shell("run", "loser", "-", "--detach")
    assert shell("worker", "--until-idle").code == 6


def test_a_worker_that_finds_nothing_open_is_0(shell: Shell):
    said = shell("worker", "--until-idle", "--json")
    assert (said.code, said.json) == (0, [])


def test_a_frozen_agent_waits_for_a_person(shell: Shell):
    assert shell("freeze", "greeter").code == 0
    said = shell("run", "greeter", "Ada")
    assert said.code == 3
    assert "deputy thaw greeter" in said.out
    assert shell("thaw", "greeter").code == 0
    assert shell("worker", "--until-idle").code == 0


def test_a_run_that_waits_for_its_child_is_still_going(shell: Shell):
    said = shell("run", "parent", "payer 7")
    assert said.code == 7
    assert "deputy approve" in said.out, "what the child waits for can be answered from here"


def test_detach_is_0_whatever_comes_of_it(shell: Shell):
    said = shell("run", "silent", "-", "--detach", "--json")
    assert said.code == 0
    assert set(said.json) == {"id", "state"}


@pytest.mark.parametrize("args", [("run", "nobody", "-"), ("show", "rxyz"), ("approve", "rxyz"), ("bake",), ("run",)])
def test_what_cannot_be_done_is_2(shell: Shell, args: tuple[str, ...]):
    assert shell(*args).code == 2


def test_a_folder_without_a_workspace_is_2(shell: Shell, tmp_path: Path):
    said = shell.bare("ps", "--workspace", str(tmp_path))
    assert said.code == 2
    assert "deputy init" in said.err
