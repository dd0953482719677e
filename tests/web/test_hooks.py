"""Webhooks, against a real server: signed or nothing, once, durable before it is acknowledged, and bounded."""

import concurrent.futures
import http.client
import signal
import socket
import urllib.error
from pathlib import Path

from tests.web.served import clerk, serving, signature

HOOK = "  - webhook: {path: orders, secret: env:HOOK}\n    name: orders\n    task: Book the order.\n"


def test_a_signed_request_starts_one_run_however_often_it_comes(tmp_path: Path):
    with serving(tmp_path, clerk(HOOK)) as server:
        body = b'{"order": 7}'
        assert server.send(body, "d-1") == (202, {"status": "accepted", "id": "d-1"})
        assert server.send(body, "d-1") == (202, {"status": "known", "id": "d-1"})
        (run,) = server.runs(1)
        shown = server.deputy("show", run["id"])
        assert shown["answer"] == 'It says {"order":7}.'
        started = shown["events"][0]
        assert (started["task"], started["trigger"], started["by"]) == ("Book the order.", "webhook", "system")
        assert started["occasion"]["label"] == {"source": "webhook orders"}
        assert (started["occasion"]["trigger"], started["occasion"]["id"]) == ("clerk/orders", "d-1")
        assert server.send(body, "d-2").said["status"] == "accepted"
        assert len(server.runs(2)) == 2
        assert server.deputy("audit", "verify")["ok"]
        assert server.kill(signal.SIGTERM) == 0


def test_whatever_is_not_signed_or_not_there_or_too_large_is_refused_and_starts_nothing(tmp_path: Path):
    with serving(tmp_path, clerk(HOOK.replace("env:HOOK}", "env:HOOK, max_bytes: 1000}"))) as server:
        body = b'{"order": 7}'
        assert server.ask("/hooks/orders", body) == (401, {"error": "unsigned"})
        assert server.ask("/hooks/orders", body, {"X-Hub-Signature-256": signature(b"other")}).status == 401
        assert server.ask("/hooks/orders", body, {"X-Hub-Signature-256": signature(body, "guess")}).status == 401
        nothing = (404, {"error": "not_found"})
        for path in ("/hooks/none", "/hooks/", "/", "/hooks/orders/x", "/hooks/..%2forders"):
            assert server.ask(path, body) == nothing, path
        assert server.ask("/hooks/orders") == nothing, "GET"
        assert server.send(b"x" * 1001, "d-1").status == 413
        assert server.ask("/healthz") == (200, {"ok": True})
        assert server.ask("/readyz") == (200, {"ready": True})
        assert server.deputy("ps", "--all") == []


def test_a_body_without_a_length_is_bounded_all_the_same(tmp_path: Path):
    with serving(tmp_path, clerk(HOOK.replace("env:HOOK}", "env:HOOK, max_bytes: 1000}"))) as server:
        line = http.client.HTTPConnection(server.address.removeprefix("http://"), timeout=10)
        line.request("POST", "/hooks/orders", body=iter([b"x" * 600] * 5), encode_chunked=True,
                     headers={"Transfer-Encoding": "chunked"})  # fmt: skip
        assert line.getresponse().status == 413
        line.close()


def test_what_tells_deliveries_apart_can_be_named(tmp_path: Path):
    hooks = "".join(
        f"  - webhook: {{path: {path}, secret: env:HOOK, dedupe: {dedupe}}}\n    name: {path}\n    task: t\n"
        for path, dedupe in (("header", "header:X-Order"), ("inside", "data.id"))
    )
    with serving(tmp_path, clerk(hooks)) as server:

        def send(path: str, body: bytes, order: str = "") -> tuple[int, str]:
            answer = server.ask(
                f"/hooks/{path}", body, {"X-Hub-Signature-256": signature(body), "X-Order": order}
            )  # fmt: skip
            return answer.status, answer.said.get("status", answer.said.get("error"))

        assert send("header", b"one", "7") == (202, "accepted")
        assert send("header", b"two", "7") == (202, "known")
        assert send("header", b"two") == (400, "no_id")
        assert send("inside", b'{"data": {"id": 5}, "n": 1}') == (202, "accepted")
        assert send("inside", b'{"data": {"id": 5}, "n": 2}') == (202, "known")
        assert send("inside", b'{"data": 5}') == (400, "no_id")
        assert send("inside", b"no json") == (400, "no_id")
        assert send("inside", b"[" * 100_000) == (400, "no_id")


def test_a_flood_is_told_to_wait_and_a_frozen_agent_takes_in_and_holds(tmp_path: Path):
    slow = HOOK.replace("env:HOOK}", "env:HOOK, rate: 20}")
    with serving(tmp_path, clerk(slow)) as server:
        server.deputy("freeze", "clerk")
        answers = [server.send(b"{}", f"d-{n}").status for n in range(8)]
        assert answers.count(202) in (2, 3)
        assert answers[-1] == 429
        assert server.deputy("ps", "--all") == []
        assert server.deputy("triggers")[0]["waiting"] == answers.count(202)
        server.deputy("thaw", "clerk")
        assert len(server.runs(answers.count(202))) == answers.count(202)


def test_every_delivery_that_was_acknowledged_has_one_run_however_often_the_server_is_killed(tmp_path: Path):
    with serving(tmp_path, clerk(HOOK)) as server:
        names = [f"d-{n}" for n in range(24)]
        acknowledged = set[str]()

        def deliver(name: str) -> None:
            try:
                if server.send(b'{"n": 1}', name).status == 202:
                    acknowledged.add(name)
            except (urllib.error.URLError, OSError, http.client.HTTPException):
                pass  # its sender will try again

        for _ in range(2):
            with concurrent.futures.ThreadPoolExecutor(8) as senders:
                sending = [senders.submit(deliver, name) for name in names if name not in acknowledged]
                concurrent.futures.wait(sending[:6])
                server.kill()
            server.start()
        for name in names:
            deliver(name)
        assert acknowledged == set(names)
        runs = server.runs(24)
        began = [server.deputy("show", run["id"])["events"][0]["occasion"]["id"] for run in runs[:5]]
        assert len(runs) == 24
        assert len(set(began)) == 5
        assert server.deputy("audit", "verify")["ok"]


def test_it_listens_to_this_machine_alone_unless_the_file_says_otherwise(tmp_path: Path):
    with serving(tmp_path, clerk(HOOK)) as server:
        refused = server.deputy("up", "--host", "0.0.0.0", "--port", "0")
        assert "expose = true" in refused["error"]["remedy"]
        port = server.address.rpartition(":")[2]
        taken = server.deputy("up", "--port", port)
        assert taken["error"]["message"] == f"Port {port} is taken."


def test_a_line_that_says_nothing_holds_up_nobody(tmp_path: Path):
    with serving(tmp_path, clerk(HOOK)) as server:
        host, _, port = server.address.removeprefix("http://").rpartition(":")
        silent = [socket.create_connection((host, int(port))) for _ in range(20)]
        for line in silent[:10]:
            line.sendall(b"POST /hooks/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n")
        assert server.send(b"{}", "d-1").status == 202
        assert server.kill(signal.SIGTERM) == 0
        for line in silent:
            line.close()


def test_a_secret_that_is_not_set_takes_nothing_in(tmp_path: Path):
    with serving(tmp_path, clerk(HOOK.replace("env:HOOK", "env:NOT_SET_HERE"))) as server:
        assert server.send(b"{}", "d-1") == (503, {"error": "not_ready"})
