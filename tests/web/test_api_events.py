"""Following events over the API: each once and in order, whoever dies, and at the cost of nobody else."""

import http.client
import json
import signal
import socket
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from tests.web.served import Server, serving
from tests.web.test_api import FILES, Api

Event = tuple[int, dict[str, Any]]
lines: list[http.client.HTTPConnection | http.client.HTTPResponse] = []  #: that were opened, to be closed


@pytest.fixture
def api(tmp_path: Path) -> Generator[Api]:
    with serving(tmp_path, FILES) as server:
        yield Api(server)
    while lines:
        lines.pop().close()


def opened(server: Server, token: str, path: str, last: int | None = None) -> http.client.HTTPResponse:
    line = http.client.HTTPConnection(server.address.removeprefix("http://"), timeout=30)
    headers = {"Authorization": f"Bearer {token}"} | ({} if last is None else {"Last-Event-ID": str(last)})
    line.request("GET", f"/api/v1{path}", headers=headers)
    lines.extend((line, answer := line.getresponse()))
    return answer


def events_of(answer: http.client.HTTPResponse) -> Generator[Event]:
    """What comes, until the line ends; a place without an event has none of data."""
    place, data = 0, {}
    while line := answer.readline():
        if line.startswith(b"id: "):
            place = int(line[4:])
        elif line == b"event: inbox\n":
            answer.readline()
            answer.readline()
        elif line.startswith(b"data: "):
            data = json.loads(line[6:])
        elif line == b"\n":
            yield place, data
            data = {}


def test_a_runs_events_come_from_the_first_to_the_last_and_no_more_after(api: Api):
    run = api.server.deputy("run", "clerk", "one")["id"]
    shown = api.server.deputy("show", run)["events"]
    told = list(events_of(opened(api.server, api.tokens["owner"], f"/runs/{run}/events")))
    assert [place for place, _ in told] == [event["seq"] for event in shown]
    assert [{**data, "digest": e["digest"], "prev": e["prev"]} for (_, data), e in zip(told, shown, strict=True)] == [
        {"run": run, **event} for event in shown
    ]
    rest = list(events_of(opened(api.server, api.tokens["owner"], f"/runs/{run}/events", told[1][0])))
    assert rest == told[2:]
    assert opened(api.server, api.tokens["owner"], f"/runs/{run}/events", told[-1][0]).status == 204
    assert opened(api.server, api.tokens["member"], f"/runs/{run}/events").status == 404
    for wrong in ("x", "-1", "1" * 30):
        asked = api.ask("GET", f"/runs/{run}/events", "owner", Last_Event_ID=wrong)
        assert (asked.status, asked.said["code"]) == (422, "usage")


def test_a_run_is_followed_while_it_goes_on(api: Api):
    lin = api.token("lin", "approver")
    run = api.server.deputy("run", "payer", "Pay.", "--as", "member", "--detach")["id"]
    coming = events_of(opened(api.server, api.tokens["member"], f"/runs/{run}/events"))
    kinds = list[str]()
    for _, event in coming:
        kinds.append(event["type"])
        if event["type"] == "Verdict":
            api.ask("POST", f"/inbox/{event['item']}/approve", lin, {}, Idempotency_Key="yes")
    assert kinds[-1] == "Ended"
    assert kinds == [event["type"] for event in api.server.deputy("show", run)["events"]]


def test_no_event_is_left_out_or_told_twice_however_often_the_server_is_killed(api: Api):
    server, told = api.server, list[Event]()
    last: int | None = 0
    for number in range(4):
        coming = events_of(opened(server, api.tokens["owner"], "/events", last))
        runs = [server.deputy("run", "clerk", f"t {number} {n}", "--detach")["id"] for n in range(3)]
        over = set[str]()
        for place, event in coming:
            assert place >= (last or 0)
            last = place
            if event:
                told.append((place, event))
                over |= {event["run"]} if event["type"] == "Ended" else set()
            if over.issuperset(runs[: number % 3 + 1]):
                break
        server.kill()
        server.start()
    server.runs(12)
    for place, event in events_of(opened(server, api.tokens["owner"], f"/events?after={last}")):
        told += [(place, event)] if event else []
        if sum(event["type"] == "Ended" for _, event in told) == 12:
            break
    places = [place for place, _ in told]
    assert places == sorted(set(places))
    for run in server.deputy("ps", "--all"):
        seqs = [event["seq"] for _, event in told if event["run"] == run["id"]]
        assert seqs == list(range(1, run["events"] + 1))


def test_a_member_is_told_of_their_own_runs_alone(api: Api):
    coming = events_of(opened(api.server, api.tokens["member"], "/events"))
    assert next(coming)[1] == {}, "the place where it begins"
    api.server.deputy("run", "clerk", "not theirs")
    own = api.server.deputy("run", "clerk", "theirs", "--as", "member")["id"]
    for _, event in coming:
        assert event["run"] == own
        if event["type"] == "Ended":
            break


def test_two_hundred_who_do_not_read_hold_up_nobody_and_one_more_is_told_to_wait(api: Api):
    server = api.server
    host, _, port = server.address.removeprefix("http://").rpartition(":")
    asks = f"GET /api/v1/events?after=0 HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {api.tokens['owner']}\r\n\r\n"
    followers = [socket.create_connection((host, int(port))) for _ in range(200)]
    try:
        for line in followers:
            line.sendall(asks.encode())
        for line in followers:
            assert line.recv(12) == b"HTTP/1.1 200"
        before = memory(server)
        assert server.deputy("run", "clerk", "t")["state"] == "done"
        for _ in range(20):
            server.deputy("run", "clerk", "x" * 3000, "--detach")
        assert len(server.runs(21)) == 21
        assert memory(server) - before < 64 << 20
        refused = api.ask("GET", "/events", "owner")
        assert (refused.status, refused.said["code"]) == (429, "too_many")
    finally:
        for line in followers:
            line.close()
    assert server.kill(signal.SIGTERM) == 0


def memory(server: Server) -> int:
    """Bytes of a process in memory."""
    text = Path(f"/proc/{server.process.pid}/status").read_text("ascii")
    return int(text.partition("VmRSS:")[2].split()[0]) * 1024
