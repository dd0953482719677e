"""Writes over the API: done once under a key, whoever dies, and by whom they may be done."""

import asyncio
import concurrent.futures
import http.client
import itertools
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.offices import make
from tests.web.served import Answer, Server, serving
from tests.web.test_api import FILES, Api

from deputy.app.access import caller_of, create_token
from deputy.app.bootstrap import office
from deputy.app.commands import Asking, start
from deputy.app.once import Once, Told

_keys = itertools.count()


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Generator[Api]:
    with serving(tmp_path_factory.mktemp("api"), FILES) as server:
        made = Api(server)
        made.tokens["lin"] = made.token("lin", "approver")
        yield made


def send(api: Api, path: str, who: str, body: Any, key: str = "") -> Answer:
    return api.ask("POST", path, who, body, Idempotency_Key=key or f"key {next(_keys)}")


def payment(api: Api) -> tuple[str, str]:
    """A run of the payer, and the item that it waits for."""
    begun = send(api, "/runs", "member", {"agent": "payer", "task": "Pay."})
    assert (begun.status, begun.said["state"]) in ((201, "ready"), (201, "running"), (201, "waiting"))
    while True:
        for item in api.ask("GET", "/inbox", "lin").said:
            if item["run"] == begun.said["id"]:
                return begun.said["id"], item["id"]


def ended(server: Server, run: str) -> Any:
    while (found := server.deputy("show", run))["state"] not in ("done", "failed", "cancelled"):
        pass
    return found


def test_a_run_is_started_approved_and_known_by_how_its_people_came(api: Api):
    run, item = payment(api)
    for who in ("member", "owner", "admin"):
        refused = send(api, f"/inbox/{item}/approve", who, {})
        assert (refused.status, refused.said["code"]) == (403, "forbidden")
    narrow = send(api, f"/inbox/{item}/approve", api.token("lin", "member"), {})
    assert (narrow.status, "role member alone" in narrow.said["detail"]) == (403, True)
    wrong = send(api, f"/inbox/{item}/approve", "lin", {"edit": {"amount": "much"}})
    assert (wrong.status, wrong.said["code"]) == (422, "usage")
    assert send(api, f"/inbox/{item}/approve", "lin", {"edit": {"amount": 4}}) == (200, {"id": item, "run": run})
    again = send(api, f"/inbox/{item}/deny", "lin", {"reason": "no"})
    assert (again.status, again.said["code"]) == (409, "conflict")
    shown = ended(api.server, run)
    assert (shown["answer"], shown["asserted_by"], shown["started_by"]) == ("Paid.", "token", "person:member")
    assert (api.server.folder / "paid.txt").read_text().endswith("4\n")


def test_a_run_is_denied_cancelled_and_written_to_by_those_who_may(api: Api):
    run, item = payment(api)
    assert send(api, f"/runs/{run}/messages", "owner", {"text": "Hi."}).status == 403
    assert send(api, f"/runs/{run}/messages", "member", {"text": " "}).status == 422
    key = f"message {run}"
    assert send(api, f"/runs/{run}/messages", "member", {"text": "Hi."}, key) == (200, {"id": run})
    assert send(api, f"/runs/{run}/cancel", "builder", {}).status == 403
    assert send(api, f"/runs/{run}/cancel", "admin", {"reason": "Wrong."}) == (200, {"id": run})
    shown = ended(api.server, run)
    assert shown["state"] == "cancelled"
    assert [e["delivery"]["text"] for e in shown["events"] if e.get("delivery", {}).get("type") == "tell"] == ["Hi."]
    assert send(api, f"/runs/{run}/messages", "member", {"text": "Hi."}).status == 409
    assert send(api, f"/runs/{run}/messages", "member", {"text": "Hi."}, key) == (200, {"id": run}), "known"
    run, item = payment(api)
    assert send(api, f"/inbox/{item}/deny", "lin", {"reason": "Too dear."}).status == 200
    assert "Too dear." in str(ended(api.server, run)["effects"])


def test_agents_and_tokens_are_switched_off(api: Api):
    assert send(api, "/freeze", "approver", {"agent": "payer"}) == (200, {"agent": "payer", "frozen": True})
    assert api.ask("GET", "/agents/payer", "member").said["frozen"] is True
    assert send(api, "/freeze", "approver", {"agent": "payer"}).status == 409
    assert send(api, "/thaw", "owner", {"agent": "payer"}).status == 200
    made = api.server.deputy("token", "create", "--as", "lin")
    assert send(api, f"/tokens/{made['id']}/revoke", "member", {}).status == 404
    assert send(api, f"/tokens/{made['id']}/revoke", "admin", {}) == (200, {"id": made["id"], "revoked": True})
    assert api.ask("GET", "/me", made["token"]).status == 401


def test_under_one_key_there_is_one_run_and_one_answer(api: Api):
    body = {"agent": "clerk", "task": "once"}
    first = send(api, "/runs", "owner", body, "k-1")
    before = len(api.server.deputy("ps", "--all"))
    assert [send(api, "/runs", "owner", body, "k-1") for _ in range(3)] == [first] * 3
    assert len(api.server.deputy("ps", "--all")) == before
    for path, other in (("/runs", {**body, "task": "twice"}), ("/freeze", {"agent": "clerk"})):
        reused = send(api, path, "owner", other, "k-1")
        assert (reused.status, reused.said["code"]) == (422, "key_reused")
    assert send(api, "/runs", "admin", body, "k-1").said["id"] != first.said["id"], "keys are a person's own"
    refused = send(api, "/runs", "owner", {"agent": "nobody", "task": "t"}, "k-2")
    assert (refused.status, send(api, "/runs", "owner", {"agent": "nobody", "task": "t"}, "k-2")) == (404, refused)
    missing = api.ask("POST", "/runs", "owner", body)
    assert (missing.status, missing.said["code"]) == (400, "no_key")
    wrongs: list[Any] = [{"agent": "clerk"}, {**body, "color": 1}, [], {"agent": 1, "task": "t"}]
    for wrong in wrongs:
        assert send(api, "/runs", "owner", wrong).status == 400


def test_every_request_is_done_once_however_often_the_server_is_killed(tmp_path: Path):
    with serving(tmp_path, FILES) as server:
        api = Api(server)
        told = dict[str, str]()

        def ask(key: str) -> None:
            try:
                answer = send(api, "/runs", "owner", {"agent": "clerk", "task": key}, key)
            except (OSError, http.client.HTTPException):
                return  # whoever asked will ask again
            if answer.status == 201:
                assert told.setdefault(key, answer.said["id"]) == answer.said["id"]

        keys = [f"k-{n}" for n in range(20)]
        for _ in range(2):
            with concurrent.futures.ThreadPoolExecutor(6) as askers:
                asking = [askers.submit(ask, key) for key in keys]
                concurrent.futures.wait(asking[:7])
                server.kill()
            server.start()
        for key in keys:
            ask(key)
        assert sorted(told) == sorted(keys)
        assert sorted(run["id"] for run in server.deputy("ps", "--all")) == sorted(told.values())


def test_what_was_done_before_its_answer_was_kept_is_not_done_again(tmp_path: Path):
    make(tmp_path, FILES)

    async def work() -> None:
        async with office(str(tmp_path)) as opened:
            person = opened.settings.directory.people["wei"]
            caller = await caller_of(opened, (await create_token(opened, person, "owner", 1)).secret, "token")
            assert caller is not None
            tries = list[Asking]()

            async def act(asking: Asking) -> Told:
                tries.append(asking)
                run = await start(opened, "clerk", "t", person, request=asking)
                if len(tries) == 1:
                    raise RuntimeError("died before the answer was kept")
                return Told(201, run.encode())

            with pytest.raises(RuntimeError):
                await Once(opened).do(caller, "k", b"request", act)
            after = Once(opened)
            told = await after.do(caller, "k", b"request", act)
            assert [asking.again for asking in tries] == [False, True]
            assert [run.id for run in await opened.store.runs()] == [told.body.decode()]
            assert await after.do(caller, "k", b"request", act) == (201, told.body, True, True, None)
            assert len(tries) == 2

    asyncio.run(work())
