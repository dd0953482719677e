"""The API against a real server: who is let in, what each role may, what is told, and in which shape."""

import http.client
import json
import re
from collections.abc import Generator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from tests.cli.offices import DEPUTY, agent
from tests.web.served import Answer, Server, clerk, serving

from deputy.app.rights import RIGHTS
from deputy.domain.principal import ROLES
from deputy.web.api.document import document
from deputy.web.api.routes import ENDPOINTS
from deputy.web.api.table import Endpoint

_ROLES = "".join(f'[people.{role}]\nname = "{role.title()}"\nroles = ["{role}"]\nmanager = "lin"\n' for role in ROLES)
PEOPLE = f'[people.wei]\nname = "Wei"\nroles = ["owner"]\n[people.lin]\nname = "Lin"\nroles = ["approver"]\n{_ROLES}'
PAYER = agent(
    "payer", tools="{pay: {autonomy: ask, approvers: [person:lin]}}",
    replies='  - call: [{tool: pay, args: {amount: 5}}]\n  - say: "Paid."',
)  # fmt: skip
FILES = clerk("  - every: 9d\n    name: rare\n    task: t\n", **PAYER, **{"people.toml": PEOPLE})
DOCUMENT = document(ENDPOINTS)


class Api:
    """A server, and a token for every role."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.tokens = {role: self.token(role, role) for role in ROLES}

    def token(self, person: str, role: str, *more: str) -> str:
        return self.server.deputy("token", "create", "--as", person, "--role", role, *more)["token"]

    def raw(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: Any = None
    ) -> tuple[http.client.HTTPResponse, bytes]:
        line = http.client.HTTPConnection(self.server.address.removeprefix("http://"), timeout=30)
        try:
            data = None if body is None else json.dumps(body).encode()
            line.request(method, path, body=data, headers=headers or {})
            answer = line.getresponse()
            return answer, answer.read()
        finally:
            line.close()

    def ask(self, method: str, path: str, role: str = "", body: Any = None, **headers: str) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if role:
            sent["Authorization"] = f"Bearer {self.tokens.get(role, role)}"
        answer, said = self.raw(method, f"/api/v1{path}", sent, body)
        told = json.loads(said) if answer.headers["content-type"].endswith("json") and b"\n" not in said else said
        return Answer(answer.status, told)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Generator[Api]:
    with serving(tmp_path_factory.mktemp("api"), FILES) as server:
        made = Api(server)
        server.deputy("run", "payer", "Pay the rent", "--as", "member", "--detach")
        server.runs(1, "waiting")
        yield made


def filled(one: Endpoint) -> str:
    return re.sub(r"\{(\w+)\}", "none", one.path.replace("{agent}", "payer"))


@pytest.mark.parametrize("one", ENDPOINTS, ids=lambda one: f"{one.method} {one.path}")
def test_a_route_is_for_the_roles_that_its_table_names(api: Api, one: Endpoint):
    path, bodies = filled(one), iter(range(1000))

    def ask(who: str) -> Answer:
        body: dict[str, Any] | None = None if one.body is None else dict(one.example or {})
        if body and "agent" in body:
            body["agent"] = "none"
        return api.ask(one.method, path, who, body, Idempotency_Key=f"{one.path} {next(bodies)}")

    if one.path == "/events":
        path += "?after=-1"  # refused, by whoever was let in
    for pass_ in ("", "dpt_" + "x" * 43, "nonsense"):
        refused = ask(pass_)
        assert (refused.status, refused.said["code"]) == (401, "not_signed_in")
    for role in ROLES:
        answer = ask(role)
        if one.in_person:
            assert (answer.status, answer.said["code"]) == (403, "in_person"), role
        elif role in RIGHTS[one.action]:
            assert answer.status not in (401, 403), role
        else:
            assert (answer.status, answer.said["code"], answer.said["status"]) == (403, "forbidden", 403), role
            assert answer.said["remedy"].startswith("Roles that may: ")


def test_every_answer_has_the_shape_that_the_document_says(api: Api):
    run = api.ask("GET", "/runs", "owner").said["runs"][0]["id"]
    item = api.ask("GET", "/inbox", api.token("lin", "approver")).said[0]["id"]
    seen = 0
    for one in ENDPOINTS:
        if one.method != "GET" or one.kind != "application/json":
            continue
        who = api.token("lin", "approver") if "inbox" in one.path else "owner"
        path = one.path.replace("{agent}", "payer").replace("{run}", run).replace("{item}", item)
        path = path.replace("{effect}", "1")
        answer = api.ask("GET", path, who)
        assert answer.status == 200, path
        schema = DOCUMENT["paths"][one.path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        jsonschema_rs.validator_for({**schema, "components": DOCUMENT["components"]}).validate(answer.said)
        seen += 1
    assert seen > 10
    assert api.ask("GET", "/openapi.json", "member").said == json.loads(json.dumps(DOCUMENT))


def test_a_run_is_told_as_the_command_tells_it(api: Api):
    (line,) = api.ask("GET", "/runs?state=waiting&text=rent&agent=payer", "owner").said["runs"]
    listed = api.server.deputy("ps")[0]
    assert line == line | listed
    assert (line["task"], line["started_by"]) == ("Pay the rent", "person:member")
    assert line["waits_for"][0]["people"] == ["lin"]
    told, shown = api.ask("GET", f"/runs/{line['id']}", "owner").said, api.server.deputy("show", line["id"])
    pairs = zip(told["effects"], shown["effects"], strict=True)
    assert all(effect == effect | as_shown for effect, as_shown in pairs)
    assert told == told | shown | {"effects": told["effects"]}


def test_a_member_sees_what_acts_for_them_and_who_was_asked_sees_what_they_are_asked_about(api: Api):
    (line,) = api.ask("GET", "/runs", "member").said["runs"]
    assert line["on_behalf_of"] == "member"
    assert api.ask("GET", "/runs?on_behalf_of=wei", "member").said == {"runs": [], "next": None}
    other = api.token("lin", "member")
    assert api.ask("GET", "/runs", other).said["runs"] == []
    assert api.ask("GET", f"/runs/{line['id']}", other).status == 200
    hidden = api.ask("GET", f"/runs/{line['id']}", "approver")
    assert (hidden.status, hidden.said["code"]) == (404, "not_found")


def test_pages_of_runs_follow_each_other(tmp_path: Path):
    with serving(tmp_path, FILES) as server:
        made = [server.deputy("run", "clerk", f"task {n}", "--detach")["id"] for n in range(5)]
        token = server.deputy("token", "create", "--role", "owner")["token"]
        found, cursor = list[str](), ""
        while True:
            page = server.ask(f"/api/v1/runs?limit=2&cursor={cursor}", None, {"Authorization": f"Bearer {token}"}).said
            found += [run["id"] for run in page["runs"]]
            cursor = page["next"]
            if cursor is None:
                break
        assert found == made[::-1]


def test_what_is_asked_wrongly_is_a_problem_with_a_remedy(api: Api):
    for path, status in (
        ("/runs?state=asleep", 422), ("/runs?limit=0", 422), ("/runs?limit=1000", 422), ("/runs?since=yesterday", 422),
        ("/runs?limit=x", 400), ("/runs?color=red", 400), ("/runs/none", 404), ("/agents/none", 404), ("/nothing", 404),
    ):  # fmt: skip
        answer, said = api.raw("GET", f"/api/v1{path}", {"Authorization": f"Bearer {api.tokens['owner']}"})
        told = json.loads(said)
        assert (answer.status, told["status"]) == (status, status), path
        assert answer.headers["content-type"] == "application/problem+json"
        assert all(told[member] for member in ("type", "title", "detail", "code", "remedy")), path


def test_a_link_signs_in_once_and_its_session_ends_when_told(tmp_path: Path):
    with serving(tmp_path, FILES) as server:
        api = Api(server)
        address, _, link = server.sign_in.partition("/sign-in#")
        assert address == server.address
        ours = {"X-Deputy": "1"}
        for wrong in ({}, {"Origin": "http://evil.example", **ours}, {"Sec-Fetch-Site": "same-site", **ours}):
            assert api.raw("POST", "/api/v1/sign-in", wrong, {"link": link})[0].status == 403
        assert api.raw("POST", "/api/v1/sign-in", ours, {"link": "dpl_" + "x" * 43})[0].status == 403
        assert api.raw("POST", "/api/v1/sign-in", ours, {"lnk": link})[0].status == 400
        answer, said = api.raw("POST", "/api/v1/sign-in", {"Origin": server.address, **ours}, {"link": link})
        assert (answer.status, json.loads(said)["person"]) == (200, "wei")
        kept = answer.headers["set-cookie"].lower()
        assert "httponly" in kept and "samesite=strict" in kept and "path=/" in kept
        cookie = {"Cookie": answer.headers["set-cookie"].partition(";")[0]}
        assert api.raw("POST", "/api/v1/sign-in", ours, {"link": link})[0].status == 403, "a link works once"
        me = json.loads(api.raw("GET", "/api/v1/me", cookie)[1])
        assert (me["person"], me["by"]) == ("wei", "session")
        server.kill()
        server.start()
        assert api.raw("GET", "/api/v1/me", cookie)[0].status == 200
        assert api.raw("POST", "/api/v1/sign-out", cookie)[0].status == 403, "a write needs our header"
        assert api.raw("POST", "/api/v1/sign-out", {**cookie, **ours})[0].status == 204
        assert api.raw("GET", "/api/v1/me", cookie)[0].status == 401
        database = (tmp_path / ".deputy" / "deputy.db").read_bytes()
        kept = cookie["Cookie"].partition("=")[2]
        assert link.encode() not in database and kept.encode() not in database


def test_tokens_have_the_roles_of_their_person_at_most_and_end_when_revoked(api: Api):
    refused = api.server.deputy("token", "create", "--as", "member", "--role", "auditor")
    assert refused["error"]["code"] == "forbidden"
    assert api.server.deputy("token", "create", "--days", "400")["error"]["code"] == "usage"
    made = api.server.deputy("token", "create", "--as", "lin", "--role", "member", "--note", "for a test")
    assert api.ask("GET", "/me", made["token"]).said["roles"] == ["member"]
    assert api.ask("GET", "/budget", made["token"]).status == 403
    listed = [one for one in api.server.deputy("token", "list", "--as", "lin") if one["note"]]
    assert [one["id"] for one in listed] == [made["id"]]
    assert "token" not in listed[0]
    other = api.server.deputy("token", "revoke", made["id"], "--as", "member")
    assert other["error"]["code"] == "not_found"
    assert api.server.deputy("token", "revoke", made["id"], "--as", "lin") == {"id": made["id"], "revoked": True}
    assert api.ask("GET", "/me", made["token"]).status == 401


def test_nothing_is_served_under_the_name_of_another_site_and_every_answer_has_the_usual_headers(api: Api):
    port = api.server.address.rpartition(":")[2]
    token = {"Authorization": f"Bearer {api.tokens['owner']}"}
    for path in ("/api/v1/me", "/sign-in"):
        for host in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", "localhost:x", ""):
            assert api.raw("GET", path, {**token, "Host": host})[0].status == 421, host
        for host in (f"localhost:{port}", "[::1]", "127.0.0.1:9"):
            answer, _ = api.raw("GET", path, {**token, "Host": host})
            assert answer.status == 200, host
            assert "default-src 'none'" in answer.headers["content-security-policy"]
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert answer.headers["cache-control"] == "no-store"


def test_the_record_is_exported_and_verified(api: Api):
    assert api.ask("GET", "/audit", "auditor").said["ok"] is True
    lines = api.ask("GET", "/audit/export", "auditor").said
    assert json.loads(lines.splitlines()[0])
    assert b"token_created" in lines


def test_where_others_reach_the_server_there_is_no_api(tmp_path: Path):
    exposed = {**FILES, "deputy.toml": DEPUTY + '[web]\nhost = "0.0.0.0"\nexpose = true\n'}
    with serving(tmp_path, exposed) as server:
        assert server.sign_in is None
        server.address = server.address.replace("0.0.0.0", "127.0.0.1")
        token = server.deputy("token", "create", "--role", "owner")["token"]
        for path in ("/api/v1/me", "/api/v1/openapi.json", "/sign-in", "/api/v1/sign-in"):
            assert server.ask(path, None, {"Authorization": f"Bearer {token}"}) == (404, {"error": "not_found"})
        assert server.ask("/healthz").status == 200


def test_monitoring_is_told_how_many_runs_and_items_there_are(api: Api):
    for role in ROLES:
        answer, said = api.raw("GET", "/metrics", {"Authorization": f"Bearer {api.tokens[role]}"})
        assert answer.status == (200 if role in RIGHTS["metrics.read"] else 403), role
        if answer.status == 200:
            told = said.decode().splitlines()
            assert {
                'deputy_runs{state="failed"} 0',
                'deputy_inbox_items{kind="approval"} 1',
                "deputy_workers 1",
            } <= set(told)
    assert api.raw("GET", "/metrics")[0].status == 401
