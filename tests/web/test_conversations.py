"""Conversations over the API: they stay open, are stopped and ended by those who may, and leave a sound record."""

import itertools
import time
from collections.abc import Generator
from typing import Any

import pytest
from tests.cli.offices import agent
from tests.web.served import Answer, serving
from tests.web.test_api import FILES, Api

_keys = itertools.count()
TALKER = agent(
    "talker", tools="{look: act, pay: {autonomy: ask, approvers: [person:lin]}, files.*: act}",
    replies='  - say: "Good morning."\n  - call: [{tool: pay, args: {amount: 5}}]\n  - say: "It is not paid."',
)  # fmt: skip


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Generator[Api]:
    with serving(tmp_path_factory.mktemp("api"), FILES | TALKER) as server:
        yield Api(server)


def send(api: Api, path: str, body: Any, who: str = "member", key: str = "") -> Answer:
    return api.ask("POST", path, who, body, Idempotency_Key=key or f"key {next(_keys)}")


def begun(api: Api, **more: str) -> str:
    said = send(api, "/runs", {"agent": "talker", "task": "Good morning.", "conversation": "open"} | more)
    assert said.status == 201
    return said.said["id"]


def until(api: Api, run: str, *kinds: str) -> Any:
    """The run, once it waits for this."""
    end = time.monotonic() + 30
    while True:
        shown = api.server.deputy("show", run)
        if [wait["kind"] for wait in shown["waiting_on"]] == list(kinds) and shown["state"] == "waiting":
            return shown
        assert time.monotonic() < end, shown


def test_a_conversation_goes_on_after_an_answer_is_stopped_and_ended(api: Api):
    run = begun(api)
    until(api, run, "message")
    assert send(api, f"/runs/{run}/messages", {"text": "Pay."}).status == 200
    until(api, run, "approval")
    assert len(api.ask("GET", "/inbox", api.token("lin", "approver")).said) == 1
    assert send(api, f"/runs/{run}/halt", {}, "approver").status == 403
    first = send(api, f"/runs/{run}/halt", {}, key="stop")
    assert (first.status, send(api, f"/runs/{run}/halt", {}, key="stop")) == (200, first)
    shown = until(api, run, "message")
    (pay,) = [effect for effect in shown["effects"] if effect["tool"] == "pay"]
    assert (pay["state"], pay["error"]["code"]) == ("denied", "halted")
    assert api.ask("GET", "/inbox", api.token("lin", "approver")).said == []
    assert api.ask("GET", "/audit", "owner").said["ok"]
    send(api, f"/runs/{run}/messages", {"text": "Then leave it."})
    until(api, run, "message")
    send(api, f"/runs/{run}/messages", {"text": "And now?"})  # the script has no more replies: it halts, and says why
    while (events := until(api, run, "message")["events"])[-1]["type"] != "Note":
        pass
    assert (events[-1]["kind"], events[-1]["value"]["code"]) == ("fault", "rehearsal_exhausted")
    send(api, f"/runs/{run}/halt", {"end": True})
    (ended,) = [one for one in api.server.runs(1) if one["id"] == run]
    assert ended["state"] == "done"
    assert api.server.deputy("show", run)["answer"] == "It is not paid."
    assert send(api, f"/runs/{run}/messages", {"text": "More."}).status == 409
    assert api.ask("GET", "/audit", "owner").said["ok"]


def test_what_is_no_conversation_is_not_halted(api: Api):
    run = begun(api, agent="payer", conversation="no")
    until(api, run, "approval")
    refused = send(api, f"/runs/{run}/halt", {})
    assert (refused.status, refused.said["code"]) == (409, "conflict")
