"""The doctor finds each thing that can be wrong with a workspace, and names a remedy."""

import sys
from pathlib import Path

import pytest
from tests.cli.offices import ALL, DEPUTY, GREETER, PEOPLE, Shell, agent, make

SERVER = """\
from mcp.server.mcpserver import MCPServer

server = MCPServer("erp")


@server.tool()
def pay(amount: int) -> str:
    return "paid"


@server.tool()
def find_payment(effect_id: str) -> str:
    return ""


server.run()
"""

ALONE = '[people.wei]\nname = "Wei Chen"\nroles = ["owner"]\n'
MCP = f'[mcp.erp]\ncommand = ["{sys.executable}", "erp.py"]\n'


def findings(shell: Shell) -> dict[tuple[str, str], list[str]]:
    """What the doctor found, by check and level; each but a good one has a remedy."""
    said: dict[tuple[str, str], list[str]] = {}
    for finding in shell("doctor", "--json").json:
        assert set(finding) == {"check", "ok", "level", "message", "remedy"}
        assert finding["ok"] is (finding["level"] != "error")
        assert finding["remedy"] or finding["level"] == "ok"
        said.setdefault((finding["check"], finding["level"]), []).append(finding["message"])
    return said


def found(shell: Shell, check: str, level: str) -> list[str]:
    """The messages of one check at one level."""
    return findings(shell).get((check, level), [])


def test_a_sound_workspace_is_well(shell: Shell):
    said = shell("doctor")
    assert said.code == 0
    assert "✗" not in said.out
    assert "deputy.db` is intact" in said.out


def test_a_new_workspace_is_wholly_well(shell: Shell, tmp_path: Path):
    assert shell.bare("init", str(tmp_path / "new")).code == 0
    said = shell.bare("doctor", "--workspace", str(tmp_path / "new"))
    assert said.code == 0
    assert said.out.endswith("All is well.\n")


def test_a_grant_of_nothing_is_worth_a_look(shell: Shell):
    make(shell.folder, agent("lost", tools="{pya: act}", replies='  - say: "Yes."'))
    (message,) = found(shell, "grants", "warning")
    assert "`pya` names no tool" in message
    said = shell("doctor")
    assert said.code == 0
    assert "Did you mean `pay`?" in said.out


def test_asking_where_nobody_may_answer_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    make(tmp_path, agent("lonely", tools="{pay: ask}", replies='  - say: "Yes."'), people=ALONE)
    shell = Shell(tmp_path, capsys)
    assert found(shell, "approvers", "error") == ["lonely: `pay` asks, and nobody may answer."]
    assert shell("doctor").code == 2


def test_asking_that_reaches_nobody_for_one_person_is_worth_a_look(shell: Shell):
    assert any("payer" in m and "acts for lin" in m for m in found(shell, "approvers", "warning"))


def test_a_limit_above_what_anybody_may_approve_is_worth_a_look(shell: Shell):
    make(shell.folder, people=PEOPLE.replace('roles = ["approver"]', 'roles = ["approver"]\nlimits = {approve = 50}'))
    assert any("at amount 100" in message for message in found(shell, "approvers", "warning"))


def test_a_secret_that_is_not_set_is_named_and_never_shown(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    make(shell.folder, deputy=DEPUTY + f'{MCP}env = {{KEY = "env:TINY_KEY"}}\n')
    (message,) = found(shell, "secrets", "error")
    assert "TINY_KEY" in message
    monkeypatch.setenv("TINY_KEY", "hush-hush")
    assert found(shell, "secrets", "ok") == ["`env:TINY_KEY` is set."]
    assert "hush" not in shell("doctor").out


def test_a_server_that_does_not_start_is_wrong_and_its_grants_are_not_blamed(shell: Shell):
    files = agent("clerk", tools="{erp.pay: act}", replies='  - say: "Yes."')
    make(shell.folder, GREETER | files, deputy=DEPUTY + MCP)
    assert found(shell, "mcp.erp", "error")
    assert not any("erp.pay" in message for message in found(shell, "grants", "warning"))


def test_settings_that_fit_no_tool_are_found(shell: Shell):
    pay = '[mcp.erp.tools.pay]\neffect = "irreversible"\nverify = "find_payment"\nauthority = ["amount"]\n'
    make(shell.folder, {"erp.py": SERVER}, deputy=DEPUTY + MCP + pay)
    assert findings(shell)["mcp.erp", "ok"] == ["It starts and lists 2 tools."]
    spoiled = pay.replace('["amount"]', '["iban"]').replace('"find_payment"', '"find_it"')
    make(shell.folder, {}, deputy=DEPUTY + MCP + spoiled + '[mcp.erp.tools.pya]\neffect = "read"\n')
    said = findings(shell)
    assert "`iban`" in said["authority", "error"][0]
    assert "`erp.find_it`" in said["verify", "error"][0]
    assert "`pya`" in said["mcp.erp", "warning"][0]


def test_a_tool_that_does_not_load_is_wrong_with_its_line(shell: Shell):
    (shell.folder / "tools/tiny.py").write_text("import deputy\nimport nothing_of_this_name\n")
    (message,) = found(shell, "functions", "error")
    assert "tools/tiny.py:2" in message


def test_a_procedure_without_run_is_wrong(shell: Shell):
    (shell.folder / "agents/denied/procedure.py").write_text("x = 1\n")
    assert found(shell, "procedures", "error") == ["agents/denied/procedure.py: There is no `run` in it."]


def test_what_is_frozen_and_what_nobody_drives_are_shown(shell: Shell):
    shell("freeze", "greeter")
    shell("freeze")
    shell("run", "payer", "7", "--detach")
    assert sorted(found(shell, "frozen", "warning")) == ["Everything is frozen.", "greeter is frozen."]
    assert found(shell, "workers", "warning") == ["1 run is ready to go on, and no worker is running."]


def test_a_lock_of_nobody_is_found(shell: Shell):
    shell("ps")
    (shell.folder / ".deputy/workers").mkdir(exist_ok=True)
    (shell.folder / ".deputy/workers/gone.lock").touch()
    assert found(shell, "workers", "warning") == ["1 lock file belongs to no worker."]


def test_a_damaged_database_is_wrong_and_the_rest_is_examined(shell: Shell):
    shell.run("greeter", "Ada")
    file = shell.folder / ".deputy/deputy.db"
    for beside in shell.folder.glob(".deputy/deputy.db-*"):
        beside.unlink()
    file.write_bytes(b"\0" * 4096 + file.read_bytes()[4096:])
    said = shell("doctor")
    assert said.code == 2
    assert "✗ database" in said.out
    assert "✓ functions" in said.out


def test_all_agents_of_these_tests_are_sound(shell: Shell):
    assert len(ALL) > 10
    assert found(shell, "grants", "warning") == []
