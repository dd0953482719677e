"""Conversations over the API: they stay open, are stopped and ended by those who may, and leave a sound record."""

import hashlib
import itertools
import json
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.adapters.model import server as models
from tests.adapters.model.server import STREAM, chunk, listening, sse, usage
from tests.cli.offices import DEPUTY, agent
from tests.web.served import Answer, serving
from tests.web.test_api import FILES, Api
from tests.web.test_api_events import opened

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


def put(api: Api, run: str, name: str, content: bytes, who: str = "member", key: str = "") -> Answer:
    headers = {"Authorization": f"Bearer {api.tokens[who]}", "Idempotency-Key": key or f"key {next(_keys)}"}
    return api.server.ask(f"/api/v1/runs/{run}/files?{urlencode({'name': name})}", content, headers)


def test_a_file_is_put_in_once_and_its_agent_hears_of_it_before_it_begins(api: Api):
    run = begun(api, conversation="listens")
    until(api, run, "message")
    first = put(api, run, "juli ü.txt", b"4711", key="upload")
    again = put(api, run, "juli ü.txt", b"4711", key="upload")
    assert first == again == (201, {"name": "juli ü.txt", "digest": hashlib.sha256(b"4711").hexdigest(), "size": 4})
    assert put(api, run, "other.txt", b"4711", key="upload").said["code"] == "key_reused"
    kept = api.server.folder / ".deputy/runs" / run / "files"
    assert [(file.name, file.read_bytes()) for file in kept.iterdir()] == [("juli ü.txt", b"4711")]
    for name, why in (("../up", "`..`"), ("a/b", "no path"), ("a\u202eb", "cannot be seen"), ("CON", "device")):
        refused = put(api, run, name, b"x")
        assert (refused.status, refused.said["code"], why in refused.said["detail"]) == (422, "usage", True)
    assert put(api, run, "big", bytes(4 * 1024 * 1024 + 1)).status == 413
    assert put(api, run, "mine", b"x", "owner").status == 403
    payer = begun(api, agent="payer")
    assert put(api, payer, "x", b"x").said["detail"] == "payer may not read files."
    assert until(api, run, "message")["answer"] is None  # nobody has spoken yet
    send(api, f"/runs/{run}/messages", {"text": "Here it is."})
    shown = until(api, run, "message")
    while not any(event["type"] == "ModelReply" for event in shown["events"]):
        shown = until(api, run, "message")
    (received,) = [e for e in shown["events"] if e["type"] == "Received" and e["delivery"]["type"] == "files"]
    assert received["by"] == "person:member"
    assert received["delivery"]["label"] == {"source": "a file of person:member"}
    assert api.ask("GET", "/audit", "owner").said["ok"]


def test_words_are_heard_as_the_model_says_them_and_what_was_committed_replaces_them(tmp_path: Path):
    heard = threading.Event()

    def slowly() -> Iterator[bytes]:
        yield sse([chunk({"reasoning_content": "Hm"}), chunk({"content": "Good <b>mor"})], done=False)
        assert heard.wait(30)
        yield sse([chunk({"content": "ning</b>"}), chunk({}, finish="stop"), usage()])

    with listening(models.Answer(headers=STREAM, pieces=slowly())) as model:
        route = f'[models.default]\nprovider = "openai"\nbase_url = "{model.url}"\nmodel = "qwen"\nserver = "vllm"\n'
        clerk = {"agents/clerk/AGENT.md": "---\nname: clerk\nowner: wei\n---\nBe kind.\n"}
        with serving(tmp_path, FILES | clerk | {"deputy.toml": DEPUTY + route}) as server:
            api = Api(server)
            run = begun(api, agent="clerk")
            answer = opened(server, api.tokens["member"], f"/runs/{run}/events")
            said, kinds = {"text": "", "reasoning": ""}, list[str]()
            for line in iter(answer.readline, b""):
                if line.startswith(b"event: "):
                    assert line == b"event: delta\n"
                    delta = json.loads(answer.readline().removeprefix(b"data: "))
                    assert (delta["run"], delta["n"], delta["attempt"]) == (run, 1, 1)
                    assert delta["first"] is (not said[delta["kind"]])
                    said[delta["kind"]] += delta["text"]
                    if said == {"text": "Good <b>mor", "reasoning": "Hm"}:
                        heard.set()
                elif line.startswith(b"data: "):
                    kinds.append((event := json.loads(line[6:]))["type"])
                    if event["type"] == "ModelReply":
                        assert event["said"] == {"text": "Good <b>morning</b>", "reasoning": "Hm"}
                        break
            answer.close()
            assert heard.is_set()
            assert kinds == ["Started", "ModelIntent", "ModelReply"]
