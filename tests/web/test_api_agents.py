"""Writing, trying and deploying agents over the API; pausing triggers; secrets that are never told."""

import itertools
import json
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.offices import PAYER, agent
from tests.web.served import Answer, Server, clerk, serving
from tests.web.test_api import PEOPLE, Api

_keys = itertools.count()
HEAD = "---\nname: payer\ndescription: It is payer.\nowner: wei\nmodel: rehearsal\ntools: {tools}\n---\n\n{text}\n"
ASKS = "{pay: {autonomy: ask, approvers: [person:lin], limit: {amount: 100}}}"
ACTS = "{pay: act}"
WATCHER = clerk("  - every: 9d\n    name: rare\n    task: Look at what came.\n")
READER = agent("reader", tools="{look: act, pay: ask}", replies=(
    '  - call: [{tool: look, args: {name: "x"}}, {tool: pay, args: {amount: 5}}]\n  - say: "Tried."'
))  # fmt: skip


def front(tools: str = ASKS, text: str = "Do it.") -> dict[str, str]:
    return {"AGENT.md": HEAD.format(tools=tools, text=text)}


def send(api: Api, path: str, who: str, body: Any, key: str = "") -> Answer:
    return api.ask("POST", path, who, body, Idempotency_Key=key or f"agents {next(_keys)}")


def until(look: Any) -> Any:
    end = time.monotonic() + 20
    while not (found := look()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Generator[Api]:
    files = {**WATCHER, **PAYER, **READER, "people.toml": PEOPLE}
    with serving(tmp_path_factory.mktemp("agents"), files) as server:
        yield Api(server)


def file(api: Api, name: str = "payer", path: str = "AGENT.md") -> Path:
    return api.server.folder / "agents" / name / path


def source(api: Api, name: str = "payer") -> dict[str, Any]:
    return api.ask("GET", f"/agents/{name}/source", "builder").said


def test_every_mistake_of_a_draft_is_found_with_its_place_and_remedy(api: Api):
    text = HEAD.replace("owner: wei", "owner: nobody").format(tools="{pay: maybe, look: {limit: much}}", text="Do it.")
    before = file(api).read_text()
    answer = api.ask("POST", "/agents/check", "builder", {"agent": "payer", "files": {"AGENT.md": text}})
    assert (answer.status, answer.said["version"], answer.said["authority"]) == (200, "", None)
    found = [(f["level"], f["file"], f["line"], f["column"]) for f in answer.said["findings"]]
    assert found == [("error", "AGENT.md", 6, 9), ("error", "AGENT.md", 6, 28), ("error", "AGENT.md", 4, 1)]
    assert all(f["message"] and f["remedy"] for f in answer.said["findings"])
    assert file(api).read_text() == before, "checking changes nothing"


def test_a_draft_says_what_it_would_widen_and_which_tools_there_are_not(api: Api):
    draft = {"agent": "payer", "files": front("{pay: act, lok: act}")}
    said = api.ask("POST", "/agents/check", "builder", draft).said
    assert said["authority"]["direction"] == "widens" and len(said["version"]) == 64
    kinds = {(change["kind"], change["direction"]) for change in said["authority"]["changes"]}
    assert {("autonomy", "widens"), ("limit", "widens"), ("tool_added", "widens")} <= kinds
    assert [(f["level"], f["remedy"]) for f in said["findings"]] == [("warning", "Did you mean `look`?")]
    assert "+tools: {pay: act, lok: act}" in said["authority"]["diffs"]["agents/payer/AGENT.md"]


def test_a_deployment_is_in_force_at_once_and_the_journal_says_who_widened_what(api: Api):
    base = source(api)["digest"]
    body = {"files": front(ACTS), "base": base}
    key = f"agents {next(_keys)}"
    answer = send(api, "/agents/payer/deploy", "builder", body, key)
    assert answer.status == 200, answer.said
    assert api.ask("GET", "/agents/payer", "member").said["tools"][0]["autonomy"] == "act"
    newest = api.ask("GET", "/agents/payer/versions", "auditor").said[0]
    assert (newest["by"], newest["current"], newest["direction"]) == ("person:builder", True, "widens")
    assert "widens: `pay` acts by itself; before it asked person:lin first" in newest["detail"]
    assert send(api, "/agents/payer/deploy", "builder", body, key).said == answer.said, "sent again, done once"
    stale = send(api, "/agents/payer/deploy", "admin", {"files": front(text="Other."), "base": base})
    assert (stale.status, stale.said["code"]) == (409, "conflict")
    assert "Other." not in file(api).read_text()
    run = send(api, "/runs", "member", {"agent": "payer", "task": "7"}).said["id"]
    until(lambda: api.ask("GET", f"/runs/{run}", "owner").said["state"] == "done")
    assert (api.server.folder / "paid.txt").read_text() == "7\n", "it acted by itself"
    back = send(api, "/agents/payer/rollback", "builder",
                {"version": api.ask("GET", "/agents/payer/versions", "auditor").said[1]["version"],
                 "base": source(api)["digest"]})  # fmt: skip
    assert back.status == 200 and back.said["authority"]["direction"] == "narrows"
    newest = api.ask("GET", "/agents/payer/versions", "auditor").said[0]
    assert newest["detail"].startswith("back to ") and newest["direction"] == "narrows"
    assert api.ask("GET", "/agents/payer", "member").said["tools"][0]["autonomy"] == "ask"


def test_what_is_wrong_is_not_deployed_and_code_and_other_places_are_out_of_reach(api: Api):
    now = source(api)
    for files in (
        {"AGENT.md": "no front"}, {"AGENT.md": None}, {"../../deputy.toml": ""}, {"/etc/x.md": "x"},
        {"procedure.py": "import os"}, {".env": "x"}, {"x/../../y.md": "x"}, {"AGENT.md": "\ud800"},
    ):  # fmt: skip
        answer = send(api, "/agents/payer/deploy", "builder", {"files": files, "base": now["digest"]})
        assert answer.status in (400, 422), (files, answer.said)
    for name in ("..", "%2e%2e", "a.b", "x" * 65):
        assert send(api, f"/agents/{name}/deploy", "builder", {"files": {}, "base": ""}).status in (404, 422)
    os_link = file(api, path="notes.md")
    os_link.symlink_to(api.server.folder / "people.toml")
    try:
        now = source(api)
        answer = send(api, "/agents/payer/deploy", "builder", {"files": {"notes.md": "x"}, "base": now["digest"]})
        assert answer.status == 422 and "link" in answer.said["detail"]
    finally:
        os_link.unlink()
    assert "roles" in (api.server.folder / "people.toml").read_text()


def test_an_edit_on_disk_is_seen_and_one_that_is_wrong_is_told(api: Api):
    before = file(api).read_text()
    file(api).write_text(before.replace("Do it.", "Do it on disk."))
    try:
        assert "on disk" in source(api)["files"]["AGENT.md"], "what lies on disk is shown at once"
        until(lambda: (s := source(api))["deployed"] == s["version"])
        assert api.ask("GET", "/agents/payer/versions", "auditor").said[0]["by"] == "system"
        file(api).write_text("nothing")
        wrong = source(api)
        assert (wrong["version"], wrong["findings"][0]["line"]) == ("", 1)
        repaired = send(api, "/agents/payer/deploy", "builder", {"files": front(), "base": wrong["digest"]})
        assert repaired.status == 200, "what is wrong on disk can be repaired from here"
    finally:
        file(api).write_text(before)


def test_trying_reads_and_does_nothing_else_and_starts_nothing(api: Api):
    body: dict[str, Any] = {"task": "x", "files": {}}
    assert send(api, "/agents/reader/try", "member", body).status == 403
    run = send(api, "/agents/reader/try", "builder", body).said["run"]
    shown = until(lambda: (r := api.ask("GET", f"/runs/{run}", "builder").said)["state"] == "done" and r)
    effects = {e["tool"]: (e["state"], e["verdict"], e["rule"]) for e in shown["effects"] if e["tool"]}
    assert shown["trial"] and effects["pay"] == ("proposed", "shadow", "trial")
    assert effects["look"][0] == "done", "reading is real"
    paid = api.server.folder / "paid.txt"
    assert not paid.exists() or "5" not in paid.read_text().split()
    assert api.ask("GET", "/agents/reader/record", "builder").said["trials"] == 1
    assert api.ask("GET", "/agents/reader/versions", "builder").said[0]["current"], "a trial is no deployment"


def test_a_new_agent_comes_from_a_template_and_works(api: Api):
    (first, *_) = [t for t in api.ask("GET", "/templates", "builder").said if t["template"] == "assistant"]
    files = {path: text.replace(first["name"], "helper") for path, text in first["files"].items()}
    made = send(api, "/agents/helper/deploy", "builder", {"files": files, "base": ""})
    assert made.status == 200, made.said
    assert api.ask("GET", "/agents/helper/versions", "builder").said[0]["direction"] is None
    assert send(api, "/agents/helper/deploy", "builder", {"files": {"AGENT.md": "x"}, "base": ""}).status == 409
    run = send(api, "/runs", "member", {"agent": "helper", "task": "Hello?"}).said["id"]
    until(lambda: api.ask("GET", f"/runs/{run}", "owner").said["state"] == "done")
    record = api.ask("GET", "/agents/helper/record", "builder").said
    assert (record["runs"], record["states"], record["days"][-1]["runs"]) == (1, {"done": 1}, 1)


def test_a_paused_trigger_starts_nothing_but_what_is_fired_by_hand(api: Api):
    named = {"agent": "clerk", "trigger": "rare"}
    assert send(api, "/triggers/pause", "member", named).status == 403
    assert send(api, "/triggers/pause", "builder", named).said == {"trigger": "clerk/rare", "paused": True}
    assert send(api, "/triggers/pause", "builder", named).status == 409
    (shown,) = api.ask("GET", "/triggers", "member").said
    assert shown["paused"] and shown["alarms"] == []
    fired = send(api, "/triggers/fire", "builder", {**named, "content": "by hand"}).said
    until(lambda: api.ask("GET", f"/runs/{fired['run']}", "owner").said.get("state") == "done")
    assert send(api, "/triggers/resume", "builder", named).said["paused"] is False
    told = [json.loads(line) for line in api.ask("GET", "/audit/export", "owner").said.decode().splitlines()]
    assert sum("paused" in json.dumps(line) for line in told) >= 1
    assert api.ask("GET", "/audit", "owner").said["ok"]


def test_a_secret_goes_in_and_never_comes_out(api: Api):
    value = "correct horse battery staple"
    kept = send(api, "/secrets", "owner", {"name": "ERP_KEY", "value": value}, "the-secret")
    assert kept.status == 200 and kept.said["set"] and value not in json.dumps(kept.said)
    assert send(api, "/secrets", "builder", {"name": "ERP_KEY", "value": value}).status == 403
    listed = api.ask("GET", "/secrets", "builder").said
    assert [one["name"] for one in listed] == ["ERP_KEY"] and value not in json.dumps(listed)
    for found in api.server.folder.rglob("*"):
        assert not found.is_file() or value.encode() not in found.read_bytes(), found
    assert send(api, "/secrets/remove", "owner", {"name": "ERP_KEY"}).said["set"] is False
    assert api.ask("GET", "/secrets", "builder").said == []


def test_policy_answers_over_the_api_and_mandates_name_who_is_asked(api: Api):
    body = {"agent": "payer", "tool": "pay", "args": {"amount": 5}, "on_behalf_of": "member"}
    said = api.ask("POST", "/policy/check", "auditor", body).said
    assert (said["verdict"], said["people"], said["class"]) == ("ask", ["lin"], "irreversible")
    assert api.ask("POST", "/policy/check", "auditor", {**body, "args": {"amount": 500}}).said["verdict"] == "deny"
    row = next(row for row in api.ask("GET", "/mandates", "member").said if row["agent"] == "payer")
    assert (row["people"], row["tools"], row["stated"]) == (["lin"], [{"name": "pay", "class": "irreversible"}], True)
    assert row["consequential"] and row["limit"] == {"amount": "100"}


def test_several_files_come_into_force_in_one_step(tmp_path: Path):
    with serving(tmp_path, {**PAYER, "people.toml": PEOPLE}) as server:
        api = Api(server)
        agents: Server = server
        before = source(api)
        files = {**front(), "rehearsal.yaml": 'replies:\n  - say: "Other."\n', "notes/more.md": "More."}
        assert send(api, "/agents/payer/deploy", "builder", {"files": files, "base": before["digest"]}).status == 200
        assert sorted(source(api)["files"]) == ["AGENT.md", "notes/more.md", "rehearsal.yaml"]
        assert [entry.name for entry in (agents.folder / "agents").iterdir()] == ["payer"], "nothing is left beside"
