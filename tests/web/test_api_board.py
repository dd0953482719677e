"""What whoever runs the workspace is told over the API: figures, switches, duties, settings, and the record."""

import json
import sqlite3
import time
import urllib.request
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.offices import agent
from tests.web.served import Answer, Server, clerk, serving

from deputy.app.rights import RIGHTS

PAYER = agent(
    "payer", tools="{pay: {autonomy: ask, approvers: [person:lin]}}",
    replies='  - call: [{tool: pay, args: {amount: 5, note: "for {{ task }}"}}]\n  - say: "Paid."',
)  # fmt: skip
PEOPLE = """\
[people.wei]
name = "Wei"
roles = ["owner"]
manager = "lin"
[people.lin]
name = "Lin"
roles = ["approver"]
groups = ["finance"]
[people.ada]
name = "Ada"
roles = ["auditor"]
[people.kim]
name = "Kim"
"""
FILES = clerk("  - every: 9d\n    name: rare\n    task: t\n", **PAYER, **{"people.toml": PEOPLE})


class Api:
    def __init__(self, server: Server) -> None:
        self.server = server
        roles = {"wei": "owner", "lin": "approver", "ada": "auditor", "kim": "member"}
        make = server.deputy
        self.tokens = {
            who: make("token", "create", "--as", who, "--role", role)["token"] for who, role in roles.items()
        }
        self._keys = 0

    def get(self, who: str, path: str) -> Answer:
        return self.server.ask(f"/api/v1{path}", None, {"Authorization": f"Bearer {self.tokens[who]}"})

    def post(self, who: str, path: str, **body: Any) -> Answer:
        self._keys += 1
        headers = {"Authorization": f"Bearer {self.tokens[who]}", "Idempotency-Key": f"k{self._keys}"}
        return self.server.ask(f"/api/v1{path}", json.dumps(body).encode(), headers)

    def verified(self, who: str) -> Any:
        """What a check finds."""
        found = self.post(who, "/audit/verify").said
        end = time.monotonic() + 30
        while found["state"] == "running" and time.monotonic() < end:
            time.sleep(0.05)
            found = self.get(who, "/audit/verify").said
        return found


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Generator[Api]:
    with serving(tmp_path_factory.mktemp("board"), FILES) as server:
        made = Api(server)
        for n in range(3):
            server.deputy("run", "payer", f"job {n}", "--detach")
        server.runs(3, "waiting")
        item = made.get("lin", "/inbox").said[0]["id"]
        made.post("lin", f"/inbox/{item}/approve")
        server.runs(1, "done")
        yield made


def test_the_api_and_the_command_tell_one_statistic(api: Api):
    told = api.get("lin", "/stats").said
    assert told["total"] == api.server.deputy("stats")["total"]
    assert told["total"]["approvals"] == {"asked": 3, "approved": 1, "refused": 0, "expired": 0}
    assert told["total"]["waiting"]["answers"] == 1
    assert api.get("kim", "/stats").status == 403


def test_monitoring_is_told_sums_by_agent(api: Api):
    request = urllib.request.Request(
        f"{api.server.address}/metrics", headers={"Authorization": f"Bearer {api.tokens['ada']}"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        told = answer.read().decode().splitlines()
    assert {
        'deputy_runs_total{agent="payer",what="begun"} 3',
        'deputy_effects_total{agent="payer",verdict="ask"} 3',
        'deputy_answered_total{agent="payer",how="approved"} 1',
        "deputy_statistics_behind 0",
    } <= set(told)
    (age,) = (line for line in told if line.startswith("deputy_inbox_oldest_seconds "))
    assert float(age.split()[1]) > 0


def pages(api: Api, query: str, limit: int = 3) -> list[Any]:
    found, cursor = list[Any](), ""
    while True:
        page = api.get("ada", f"/audit/events?limit={limit}&cursor={cursor}&{query}").said
        found += page["events"]
        cursor = page["next"]
        if cursor is None:
            return found


def test_the_record_is_read_in_pages_newest_first_and_each_event_once(api: Api):
    found = pages(api, "")
    positions = [one["position"] for one in found]
    assert positions == sorted(set(positions), reverse=True)
    assert {one["kind"] for one in found} >= {"Started", "Verdict", "ToolIntent", "Outcome", "Ended", "Workspace"}
    assert positions == [one["position"] for one in pages(api, "", 200)]


def test_the_record_is_sifted_by_kind_agent_run_person_tool_and_time(api: Api):
    every = pages(api, "", 200)
    run = next(one["run"] for one in every if one["kind"] == "Ended")
    assert {one["kind"] for one in pages(api, "kind=Started,Ended")} == {"Started", "Ended"}
    assert [one["run"] for one in pages(api, "agent=nobody")] == []
    assert {one["run"] for one in pages(api, f"run={run}")} == {run}
    assert len(pages(api, f"run={run}")) == sum(one["run"] == run for one in every)
    paid = pages(api, "tool=pay")
    assert {one["tool"] for one in paid} == {"pay"}
    assert {one["kind"] for one in paid} == {"Verdict", "ToolIntent", "Outcome"}
    assert all("for job" in one["args"] for one in paid)
    by_lin = pages(api, "person=lin")
    assert {(one["kind"], one["by"]) for one in by_lin} >= {("Received", "person:lin")}
    at = every[len(every) // 2]["at"]
    assert all(one["at"] < at for one in pages(api, f"until={at}"))
    assert [one["position"] for one in pages(api, f"since={at}")] == [
        one["position"] for one in every if one["at"] >= at
    ]


def test_what_is_asked_wrongly_of_the_record_is_said(api: Api):
    for query in ("kind=Nonsense", "limit=0", "limit=201", "cursor=x", "since=today"):
        refused = api.get("ada", f"/audit/events?{query}")
        assert (refused.status, refused.said["code"]) == (422, "usage"), query
    assert api.get("lin", "/audit/events").status == 403


def test_what_is_frozen_is_told_with_who_froze_it_as_the_command_line_does_it(api: Api):
    assert api.get("kim", "/freeze").said == {"workspace": None, "agents": [], "may": False}
    api.server.deputy("freeze", "clerk")
    assert api.post("lin", "/freeze").status == 200
    told = api.get("lin", "/freeze").said
    assert (told["workspace"]["by"], told["agents"][0]["agent"], told["agents"][0]["by"], told["may"]) == (
        "person:lin", "clerk", "person:wei", True,
    )  # fmt: skip
    api.server.deputy("thaw")
    assert api.post("lin", "/thaw", agent="clerk").status == 200
    assert api.get("lin", "/freeze").said["workspace"] is None


def test_duties_name_what_people_approve_own_and_have_waiting(api: Api):
    told = {one["id"]: one for one in api.get("wei", "/people/duties").said["people"]}
    assert told["lin"]["approves"] == [{"agent": "payer", "tool": "pay", "through": ["person:lin"]}]
    assert told["lin"]["waits"] == 2
    assert told["lin"]["reports"] == ["wei"]
    assert sorted(told["wei"]["owns"]) == ["clerk", "payer"]
    mine = {one["id"]: one["waits"] for one in api.get("kim", "/people/duties").said["people"]}
    assert mine == {"wei": None, "lin": None, "ada": None, "kim": 0}


def test_an_auditor_reads_everything_of_the_board_and_changes_nothing(api: Api):
    for path in ("/stats", "/freeze", "/people/duties", "/settings", "/audit/events", "/audit/verify", "/doctor"):
        assert api.get("ada", path).status == 200, path
    for path in ("/freeze", "/thaw", "/models/default/prove"):
        assert api.post("ada", path).status == 403, path
    assert "auditor" not in RIGHTS["workspace.freeze"] | RIGHTS["models.prove"]


def test_settings_name_what_there_is_and_no_secret(api: Api):
    told = api.get("wei", "/settings").said
    assert (told["name"], told["database"]["kind"], told["wrong"]) == ("tiny", "sqlite", None)
    assert api.get("lin", "/settings").status == 403


def test_a_check_goes_on_by_itself_and_says_where_a_byte_was_changed(tmp_path: Path):
    with serving(tmp_path, FILES) as server:
        api = Api(server)
        assert api.get("ada", "/audit/verify").said["state"] == "none"
        run = server.deputy("run", "payer", "rent", "--detach")["id"]
        server.runs(1, "waiting")
        sound = api.verified("ada")
        assert (sound["state"], sound["report"]["ok"], sound["by"]) == ("done", True, "person:ada")
        assert sound["runs"] == sound["of"] == 1
        database = sqlite3.connect(tmp_path / ".deputy/deputy.db")
        with database:
            database.execute(
                "UPDATE journal SET body = CAST(replace(CAST(body AS TEXT), 'rent', 'tent') AS BLOB) WHERE seq = 1"
            )
        database.close()
        found = api.verified("ada")["report"]
        assert not found["ok"]
        assert any(one["place"].get("run") == run and one["place"].get("seq") == 1 for one in found["findings"])
