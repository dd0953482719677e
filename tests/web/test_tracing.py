"""Traces against a collector that speaks OTLP: what is in them, what is not, and that nothing is lost or doubled."""

import time
from pathlib import Path
from typing import Any

from tests.cli.offices import DEPUTY, agent
from tests.web.collector import Collector, attributes, collecting
from tests.web.served import Server, serving

PAYER = agent(
    "payer", tools="{look: act, pay: {autonomy: ask, approvers: [person:lin]}}",
    replies='  - call: [{tool: look, args: {name: secret-name}}]\n'
            '  - call: [{tool: pay, args: {amount: 5, note: secret-note}}]\n  - say: "Paid, secretly."',
)  # fmt: skip
DENIED = agent("denied", tools="{}", replies='  - call: [{tool: pay, args: {amount: 5}}]\n  - say: "No."')
PARENT = agent("parent", tools="{agent.run: act}", procedure='return await desk.spawn("greeter", "Ada")')
GREETER = agent("greeter", replies='  - say: "Good day."')


def toml(collector: Collector, *more: str) -> dict[str, str]:
    lines = ["[telemetry]", f'traces = "{collector.url}"', 'headers = {Authorization = "env:HOOK"}', *more]
    return {"deputy.toml": DEPUTY + "\n".join(lines) + "\n"}


def named(spans: Any) -> dict[str, Any]:
    return {span.name: span for span in spans}


def test_a_run_is_one_trace_with_a_span_for_each_effect_and_no_content(tmp_path: Path):
    with collecting() as collector, serving(tmp_path, {**PAYER, **toml(collector)}) as server:
        run = server.deputy("run", "payer", "secret-task", "--detach")["id"]
        server.runs(1, "waiting")
        server.deputy("approve", server.deputy("inbox")[0]["id"], "--as", "lin")
        server.runs(1, "done")
        spans = collector.wait(6)
        assert sorted(span.name for span in spans) == [
            "chat rehearsal", "chat rehearsal", "chat rehearsal", "execute_tool look", "execute_tool pay",
            "invoke_agent payer",
        ]  # fmt: skip
        assert len({span.trace_id for span in spans}) == 1
        assert len({span.span_id for span in spans}) == 6
        root = named(spans)["invoke_agent payer"]
        assert root.parent_span_id == b""
        assert {span.parent_span_id for span in spans if span is not root} == {root.span_id}
        assert all(root.start_time_unix_nano <= span.start_time_unix_nano for span in spans)
        told = attributes(root)
        assert (told["gen_ai.operation.name"], told["gen_ai.agent.name"], told["gen_ai.conversation.id"]) == (
            "invoke_agent", "payer", run,
        )  # fmt: skip
        paid = attributes(named(spans)["execute_tool pay"])
        assert (paid["gen_ai.operation.name"], paid["gen_ai.tool.name"]) == ("execute_tool", "pay")
        assert (paid["deputy.verdict"], paid["deputy.class"], paid["deputy.answered_by"]) == (
            "ask", "irreversible", "person:lin",
        )  # fmt: skip
        assert paid["deputy.waited_ms"] > 0
        chat = attributes(named(spans)["chat rehearsal"])
        assert (chat["gen_ai.operation.name"], chat["deputy.rehearsal"]) == ("chat", True)
        assert b"secret-" not in b"".join(span.SerializeToString() for span in spans)
        assert collector.resources[0]["service.name"] == "deputy"
        assert collector.headers[0]["authorization"].startswith("a secret of forty")


def test_content_is_told_where_one_asks_for_it(tmp_path: Path):
    with (
        collecting() as collector,
        serving(tmp_path, {**PAYER, **toml(collector, "content = true")}) as server,
    ):
        server.deputy("run", "payer", "secret-task", "--detach")
        spans = named(collector.wait(3))
        assert "secret-name" in attributes(spans["execute_tool look"])["gen_ai.tool.call.arguments"]
        assert "a page by secret-name" in attributes(spans["execute_tool look"])["gen_ai.tool.call.result"]


def test_what_policy_denies_is_an_error_and_a_child_is_a_trace_of_its_own_that_names_its_parent(tmp_path: Path):
    files = {**DENIED, **PARENT, **GREETER}
    with collecting() as collector, serving(tmp_path, files | toml(collector)) as server:
        server.deputy("run", "denied", "x", "--detach")
        server.deputy("run", "parent", "x", "--detach")
        server.runs(3, "done")
        spans = collector.wait(8)
        denied = next(span for span in spans if span.name == "execute_tool pay")
        assert (denied.status.code, attributes(denied)["error.type"]) == (2, "denied")
        parent, child = named(spans)["invoke_agent parent"], named(spans)["invoke_agent greeter"]
        spawned = next(span for span in spans if span.name == "execute_tool agent.run")
        assert child.trace_id != parent.trace_id
        assert (child.links[0].trace_id, child.links[0].span_id) == (parent.trace_id, spawned.span_id)


def test_a_collector_that_is_away_holds_up_no_run_and_gets_everything_later(tmp_path: Path):
    with collecting() as collector, serving(tmp_path, {**GREETER, **toml(collector)}) as server:
        collector.statuses = [503, 429, 500]
        server.deputy("run", "greeter", "x", "--detach")
        server.runs(1, "done")
        spans = collector.wait(2)
        assert sorted(span.name for span in spans) == ["chat rehearsal", "invoke_agent greeter"]


def test_what_a_collector_refuses_is_let_go_and_said(tmp_path: Path):
    with collecting() as collector, serving(tmp_path, {**GREETER, **toml(collector)}) as server:
        collector.statuses = [400]
        server.deputy("run", "greeter", "first", "--detach")
        server.runs(1, "done")
        token = server.deputy("token", "create", "--role", "owner")["token"]
        told = settled(server, token)
        assert told["refused"] == 2
        assert "400" in told["problem"]
        server.deputy("run", "greeter", "second", "--detach")
        assert len(collector.wait(2)) == 2


def settled(server: Server, token: str) -> Any:
    """How tracing stands, once something was refused."""
    end = time.monotonic() + 30
    while True:
        told = server.ask("/api/v1/settings", None, {"Authorization": f"Bearer {token}"}).said["telemetry"]
        if told["refused"] or time.monotonic() > end:
            return told
        time.sleep(0.05)


def test_a_killed_server_neither_loses_nor_doubles_a_span(tmp_path: Path):
    with collecting() as collector, serving(tmp_path, {**PAYER, **toml(collector)}) as server:
        for n in range(3):
            server.deputy("run", "payer", f"job {n}", "--detach")
        server.runs(3, "waiting")
        collector.wait(9)
        server.kill()
        for item in server.deputy("inbox"):
            server.deputy("approve", item["id"], "--as", "lin")
        server.deputy("worker", "--until-idle")  # nobody tells of this but the journal
        server.start()
        spans = unique(collector)
        roots = [span for span in spans if span.name == "invoke_agent payer"]
        assert len({root.trace_id for root in roots}) == 3
        for root in roots:
            assert sum(span.trace_id == root.trace_id for span in spans) == 6


def unique(collector: Collector) -> list[Any]:
    """The spans of three runs, each once; what was told again (between telling and keeping) is the same to the byte."""
    end = time.monotonic() + 30
    while True:
        told = {(span.trace_id, span.span_id): span for span in list(collector.spans)}
        if len(told) >= 18 or time.monotonic() > end:
            break
        time.sleep(0.05)
    assert len(told) == len({span.SerializeToString() for span in collector.spans}) == 18
    return list(told.values())
