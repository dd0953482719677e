"""The example workspace fits together: what its files name exists, and what exists is named with care."""

import re
import tomllib
from pathlib import Path
from typing import Any

import accounts
import anyio
import bank
import erp
import pytest
import yaml
from tests.cli.offices import Shell
from tests.examples.conftest import ACME, demo_invoices
from tools import briefings, handbook, invoices, letters, ubl
from tools.invoices import findings, list_invoices, read_invoice

import deputy

MAIL = ("search", "read", "attachment", "reply", "send", "move")
TOOLS = (briefings, handbook, invoices, letters)
SETTINGS = tomllib.loads((ACME / "deputy.toml").read_text())
PEOPLE = tomllib.loads((ACME / "people.toml").read_text())
AGENT: dict[str, Any] = yaml.safe_load((ACME / "agents" / "payables" / "AGENT.md").read_text().split("---\n")[1])
AGENTS: dict[str, dict[str, Any]] = {
    path.parent.name: yaml.safe_load(path.read_text().split("---\n")[1])
    for path in sorted((ACME / "agents").glob("*/AGENT.md"))
}
SERVERS = {"erp": erp.server, "bank": bank.server, "accounts": accounts.server}


def offered(server: str) -> dict[str, Any]:
    """The tools of a server: their input schemas by name."""
    return {tool.name: tool.input_schema for tool in anyio.run(SERVERS[server].list_tools)}


def setting(server: str, tool: str) -> dict[str, Any]:
    """What deputy.toml says of a tool: by its exact name, or by the longest prefix."""
    tables: dict[str, dict[str, Any]] = SETTINGS["mcp"][server]["tools"]
    fitting = [name for name in tables if name == tool or (name.endswith("*") and tool.startswith(name[:-1]))]
    return tables[max(fitting, key=lambda name: (name == tool, len(name)))]


@pytest.mark.parametrize("server", SERVERS)
def test_every_tool_of_a_server_is_configured_and_every_setting_is_of_a_tool(server: str):
    tools = offered(server)
    for name, schema in tools.items():
        said = setting(server, name)
        assert set(said.get("authority", ())) <= set(schema["properties"]), name
        if said["effect"] != "read":
            assert said["repeat"] == "keyed", name
            assert said["authority"], name
            assert offered(server)[said["verify"]]["required"] == ["effect_id"]
            assert setting(server, said["verify"])["effect"] == "read"
    for pattern in SETTINGS["mcp"][server]["tools"]:
        assert any(name == pattern or name.startswith(pattern.removesuffix("*")) for name in tools), pattern


def test_paying_and_resetting_are_irreversible_and_ask_whoever_may_decide():
    irreversible = {
        f"{server}.{tool}"
        for server in SERVERS
        for tool in offered(server)
        if setting(server, tool)["effect"] == "irreversible"
    }
    assert irreversible == {"bank.pay", "accounts.reset_access"}
    grant = AGENT["tools"]["bank.pay"]
    assert (grant["autonomy"], grant["limit"]) == ("ask", {"amount": 50000})
    assert grant["approvers"] == ["group:finance-leads"]
    grant = AGENTS["helpdesk"]["tools"]["accounts.reset_access"]
    assert (grant["autonomy"], grant["approvers"]) == ("ask", ["group:it"])
    for name, agent in AGENTS.items():
        held = irreversible & set(agent["tools"])
        assert held == {"payables": {"bank.pay"}, "helpdesk": {"accounts.reset_access"}}.get(name, set()), name


@pytest.mark.parametrize("name", AGENTS)
def test_the_grants_name_tools_that_there_are(name: str):
    known = {f"{server}.{tool}" for server in SERVERS for tool in offered(server)}
    known |= {"person.ask", "person.tell", "agent.run"}
    known |= {f"{box}.{tool}" for box in ("mail", "support") for tool in MAIL}
    known |= {function for module in TOOLS for function in module.__all__}
    for pattern in AGENTS[name]["tools"]:
        assert any(tool == pattern or tool.startswith(pattern.removesuffix("*")) for tool in known), pattern


@pytest.mark.parametrize("name", ["payables", "newsdesk", "servicedesk"])
def test_everything_a_procedure_calls_is_granted(name: str):
    folder = ACME / "agents" / name
    called = {
        tool for path in folder.glob("*.py") for tool in re.findall(r'desk\.call\(\s*"([\w.]+)"', path.read_text())
    }
    assert len(called) >= 3
    for tool in called:
        assert any(tool == p or (p.endswith("*") and tool.startswith(p[:-1])) for p in AGENTS[name]["tools"]), tool


def test_a_model_reads_strangers_and_can_speak_to_nobody():
    for name in ("briefing", "helpdesk"):
        assert not {"person.tell", "person.ask", "agent.run", "mail.send", "support.reply"} & set(AGENTS[name]["tools"])


def test_a_new_workspace_has_the_empty_folders_of_its_mailboxes(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    made = tmp_path / "made"
    assert Shell(tmp_path, capsys).bare("init", str(made), "--example", "acme").code == 0
    boxes = {"invoices": ("", ".Processed", ".For people"), "helpdesk": ("", ".Done", ".Working")}
    for box in (f"{name}/{folder}" for name, folders in boxes.items() for folder in folders):
        assert all((made / "mail" / box / part).is_dir() for part in ("cur", "new", "tmp")), box
    assert len(list((made / "mail" / "invoices" / "new").iterdir())) == 7


def test_finance_leads_can_approve_what_the_mandate_allows_and_not_their_own():
    leads = {name: person for name, person in PEOPLE["people"].items() if "finance-leads" in person.get("groups", ())}
    assert sorted(person["limits"]["approve"] for person in leads.values()) == [50000, 500000]
    assert AGENT["owner"] not in leads
    assert SETTINGS["workspace"]["self_approval"] is False


def test_the_demos_invoices_are_read_and_one_does_not_add_up(acme: Path, monkeypatch: pytest.MonkeyPatch):
    for name, data in demo_invoices().items():
        (acme / "invoices" / name).write_bytes(data)
    monkeypatch.setattr(invoices, "WORKSPACE", acme)
    wrong = {entry["name"]: read_invoice(entry["name"])["findings"] for entry in list_invoices()}
    assert len(wrong) == 6
    assert [name for name, found in wrong.items() if found] == ["2026-11-02_alpenglanz_2026-10-044.xml"]
    hashes = [entry["sha256"] for entry in list_invoices()]
    assert len(set(hashes)) == 5


def test_the_demos_invoices_differ_in_what_they_show():
    read = [ubl.read(data) for _, data in sorted(demo_invoices().items())]
    assert all(invoice.customization and "peppol" in invoice.customization for invoice in read)
    assert {line.category for invoice in read for line in invoice.lines} == {"S", "K", "AE"}
    assert any(line.base_quantity > 1 for invoice in read for line in invoice.lines)
    assert any(line.discounts for invoice in read for line in invoice.lines)
    assert any(invoice.allowances for invoice in read)
    assert sum(bool(findings(invoice)) for invoice in read) == 1


def test_the_invoice_tools_declare_that_they_only_read_what_strangers_wrote():
    from deputy.domain.declaration import declaration_of

    assert deputy.tool is not None
    for tool in (list_invoices, read_invoice):
        declared = declaration_of(tool)
        assert declared is not None
        assert (declared.effect, declared.repeat, declared.output) == ("read", "safe", "untrusted")
