"""Tools of MCP servers over HTTP: both eras, and whatever a server may do to us."""

import asyncio
import gc
import json
import socket
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest
from mcp.shared import inbound
from mcp.types import version as mcp_versions
from tests.adapters.model.server import Answer, Received
from tests.adapters.tool.hosts import intent_of, spec_of
from tests.adapters.tool.http_server import EVENTS, JSON, Peer, Told, answered, event, refused, serving

from deputy.adapters.tool.mcp_http import McpHttp, Unavailable
from deputy.adapters.wire.mcp.reading import read_form
from deputy.base.errors import ConfigError
from deputy.domain.effect import NOT_SENT, Done, Failed, Input, InputRequired, Result, ToolSpec, Unknown
from deputy.domain.elicitation import OPEN, Form, Link, link_of, opening

Json = dict[str, object]
ERAS = ["2025-06-18", "2025-11-25", "2026-07-28"]
SAFE = spec_of("pay.pay", effect="read", repeat="safe")
BIG = 50_000_000


def on_call(answer: Callable[[Peer, Received], Answer | None]) -> Told:
    """Behaves well until a tool is called."""

    def told(peer: Peer, received: Received) -> Answer | None:
        if received.method == "POST" and received.json.get("method") == "tools/call":
            return answer(peer, received)
        return None

    return told


def calling(
    told: Told | None = None, version: str = "2026-07-28", spec: ToolSpec | str = "pay.pay", deadline: float = 20.0
) -> Result:
    """The result of one call, listed first as the gate does."""
    peer = Peer(version) if told is None else Peer(version, told)

    async def scenario() -> Result:
        async with serving(peer) as host:
            await host.catalogue()
            return await host.invoke(intent_of(spec, {"amount": 7}, deadline=deadline))

    return asyncio.run(scenario())


def always(answer: Callable[[], Answer]) -> Told:
    return on_call(lambda _peer, _received: answer())


def one(answer: Answer) -> Told:
    return always(lambda: answer)


# --- eras


@pytest.mark.parametrize("version", ERAS)
def test_a_tool_is_listed_and_called_in_every_era(version: str):
    peer = Peer(version)

    async def scenario() -> None:
        async with serving(peer) as host:
            [spec] = await host.catalogue()
            assert (spec.name, spec.effect, spec.repeat) == ("pay.pay", "irreversible", "never")
            assert await host.invoke(intent_of("pay.pay", {"amount": 7})) == Done({"paid": True})

    asyncio.run(scenario())
    [call] = peer.calls
    assert call.headers["mcp-protocol-version"] == version
    meta = call.json["params"]["_meta"]  # pyright: ignore[reportIndexIssue, reportUnknownVariableType]
    assert meta["deputy/effect-id"] == "r1.1"
    if version == "2026-07-28":
        assert (call.headers["mcp-method"], call.headers["mcp-name"]) == ("tools/call", "pay")
        assert "mcp-session-id" not in call.headers
        assert peer.methods() == ["server/discover", "tools/list", "tools/call"]
    else:
        assert call.headers["mcp-session-id"] == "s1"
        assert peer.methods() == [
            "server/discover", "initialize", "notifications/initialized", "tools/list", "GET", "tools/call", "DELETE",
        ]  # fmt: skip


def test_the_versions_are_those_that_the_sdk_speaks_over_http():
    assert mcp_versions.MODERN_PROTOCOL_VERSIONS == ("2026-07-28",)
    assert inbound.MCP_METHOD_HEADER == "mcp-method"
    assert inbound.MCP_NAME_HEADER == "mcp-name"


def test_the_sdks_own_server_is_understood():
    with sdk_server() as url:

        async def scenario() -> None:
            from tests.adapters.tool.hosts import lend_nothing

            from deputy.adapters.egress import Egress
            from deputy.adapters.tool.mcp_http import HttpServer
            from deputy.base.clock import SystemClock

            host = McpHttp(
                HttpServer(name="sdk", url=url), egress=Egress([url]), clock=SystemClock(), lend=lend_nothing
            )
            assert "sdk.add" in {spec.name for spec in await host.catalogue()}
            assert await host.invoke(intent_of("sdk.add", {"a": 2, "b": 3})) == Done({"result": 5})
            broken = await host.invoke(intent_of("sdk.broken"))
            assert isinstance(broken, Failed)
            assert broken.code == "tool_error"
            meta = await host.invoke(intent_of("sdk.meta", key="r9.1"))
            assert isinstance(meta, Done)
            assert '"deputy/effect-id":"r9.1"' in json.dumps(meta.value, separators=(",", ":"))
            await host.close()

        asyncio.run(scenario())


@contextmanager
def sdk_server() -> Generator[str]:
    """The SDK's server, over HTTP in a thread of its own."""
    uvicorn = pytest.importorskip("uvicorn")
    from tests.adapters.tool.sdk_server import server

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        app = server.streamable_http_app()
        running = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="on"))
        thread = threading.Thread(target=lambda: running.run(sockets=[listening]), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{port}/mcp"
        finally:
            running.should_exit = True
            thread.join(10)


# --- sessions and streams


def test_a_session_that_the_server_forgot_is_begun_anew_and_the_call_made_once():
    peer = Peer("2025-11-25")

    async def scenario() -> None:
        async with serving(peer) as host:
            await host.catalogue()
            peer.session = "another"
            assert await host.invoke(intent_of("pay.pay")) == Done({"paid": True})

    asyncio.run(scenario())
    assert peer.sessions == 2
    assert [call.headers["mcp-session-id"] for call in peer.calls] == ["s1", "s2"]


def test_a_stream_that_breaks_is_resumed_where_it_broke():
    def told(peer: Peer, received: Received) -> Answer | None:
        if received.method == "GET" and "last-event-id" in received.headers:
            assert received.headers["last-event-id"] == "e1"
            assert received.headers["mcp-session-id"] == "s1"
            id = peer.calls[-1].json["id"]
            result: Json = {"content": [], "structuredContent": {"paid": True}}
            done: Json = {"jsonrpc": "2.0", "id": id, "result": result}
            return Answer(headers=EVENTS, pieces=[event(done, id="e2")])
        if received.method == "POST" and received.json.get("method") == "tools/call":
            return Answer(headers=EVENTS, pieces=[event("", id="e1", retry=1)], ending="cut")
        return None

    peer = Peer("2025-11-25", told)

    async def scenario() -> None:
        async with serving(peer) as host:
            await host.catalogue()
            assert await host.invoke(intent_of("pay.pay")) == Done({"paid": True})

    asyncio.run(scenario())
    assert len(peer.calls) == 1


def test_a_stream_that_breaks_for_good_leaves_the_call_unknown():
    cut = Answer(headers=EVENTS, pieces=[event("", id="e1", retry=1)], ending="cut")

    def told(_peer: Peer, received: Received) -> Answer | None:
        return cut if received.method == "GET" else one(cut)(_peer, received)

    assert isinstance(calling(told, "2025-11-25"), Unknown)
    assert isinstance(calling(one(cut)), Unknown)  # in the current era nothing is resumed


def test_an_answer_among_other_events_is_found_however_the_bytes_are_split():
    def answer(_peer: Peer, received: Received) -> Answer:
        done: Json = {
            "jsonrpc": "2.0",
            "id": received.json["id"],
            "result": {"content": [{"type": "text", "text": "ü"}]},
        }
        news: Json = {"jsonrpc": "2.0", "method": "notifications/progress", "params": {}}
        raw = b": hello\r\n\r\n" + event(news) + event(done).replace(b"\n", b"\r\n")
        return Answer(headers=EVENTS, pieces=[raw[i : i + 7] for i in range(0, len(raw), 7)])

    assert calling(on_call(answer)) == Done("ü")


# --- forms


def test_a_server_that_wants_input_first_gets_it_with_its_state_in_a_second_call():
    form: Json = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
    params: Json = {"mode": "form", "message": "Pay 7?", "requestedSchema": form}

    def answer(_peer: Peer, received: Received) -> Answer:
        given = received.json["params"]
        assert isinstance(given, dict)
        if "requestState" in given:
            assert given["requestState"] == "v1.x"
            result: Json = {"content": [], "structuredContent": given["inputResponses"]}
            return answered(received, result)
        requests: Json = {"q": {"method": "elicitation/create", "params": params}}
        return answered(received, {"resultType": "input_required", "inputRequests": requests, "requestState": "v1.x"})

    peer = Peer(told=on_call(answer))

    async def scenario() -> None:
        async with serving(peer) as host:
            wanted = await host.invoke(intent_of("pay.pay"))
            assert wanted == InputRequired("pay", {"q": Form(message="Pay 7?", schema=form)}, "v1.x")
            said = {"q": {"action": "accept", "content": {"ok": True}}}
            given = Input(answers=said, state="v1.x")
            assert await host.invoke(intent_of("pay.pay", input=given)) == Done(said)

    asyncio.run(scenario())


def test_a_server_that_asks_in_mid_call_is_answered_on_the_way():
    form: Json = {"type": "object", "properties": {"ok": {"type": "boolean"}}}
    asked: list[tuple[str, Form]] = []

    def told(peer: Peer, received: Received) -> Answer | None:
        if received.method == "POST" and received.json.get("id") == "srv-1":
            peer.said = received.json["result"]
            return Answer(status=202)
        return on_call(mid_call)(peer, received)

    def mid_call(_peer: Peer, received: Received) -> Answer:
        params: Json = {"message": "Sure?", "requestedSchema": form}
        ask: Json = {"jsonrpc": "2.0", "id": "srv-1", "method": "elicitation/create", "params": params}
        done: Json = {"jsonrpc": "2.0", "id": received.json["id"], "result": {"content": []}}
        return Answer(headers=EVENTS, pieces=[event(ask), event(done)])

    peer = Peer("2025-11-25", told)

    async def ask(asker: str, shown: Form) -> dict[str, object]:
        asked.append((asker, shown))
        return {"action": "accept", "content": {"ok": True}}

    async def scenario() -> None:
        async with serving(peer) as host:
            await host.catalogue()
            assert await host.invoke(intent_of("pay.pay", ask=ask)) == Done(None)

    asyncio.run(scenario())
    assert asked == [("pay", Form(message="Sure?", schema=form))]
    assert peer.said == {"action": "accept", "content": {"ok": True}}


def test_sampling_and_roots_are_declined():
    said: list[object] = []

    def told(peer: Peer, received: Received) -> Answer | None:
        if received.method == "POST" and received.json.get("id") in (71, 72):
            said.append(received.json["error"])
            return Answer(status=202)
        return on_call(mid_call)(peer, received)

    def mid_call(_peer: Peer, received: Received) -> Answer:
        asks: list[Json] = [{"jsonrpc": "2.0", "id": 71, "method": "sampling/createMessage", "params": {}},
                {"jsonrpc": "2.0", "id": 72, "method": "roots/list"}]  # fmt: skip
        done: Json = {"jsonrpc": "2.0", "id": received.json["id"], "result": {"content": []}}
        return Answer(headers=EVENTS, pieces=[*map(event, asks), event(done)])

    assert calling(told, "2025-11-25") == Done(None)
    assert len(said) == 2
    sample: Json = {"resultType": "input_required", "inputRequests": {"q": {"method": "sampling/createMessage"}}}
    declined = calling(on_call(lambda _peer, received: answered(received, sample)))
    assert isinstance(declined, Failed)
    assert declined.code == "input_refused"


# --- what may have happened


@pytest.mark.parametrize("version", ERAS[1:])
def test_a_server_that_never_answers_is_left_at_the_deadline(version: str):
    for silent in (Answer(silent=True), Answer(headers=EVENTS, ending="hang"), Answer(headers=JSON, ending="hang")):
        assert isinstance(calling(one(silent), version, deadline=0.2), Unknown)
    late = calling(one(Answer(silent=True)), version, SAFE, deadline=0.2)
    assert isinstance(late, Failed)
    assert late.code == "deadline"


def test_in_the_handshake_era_the_server_is_told_that_nobody_waits():
    peer = Peer("2025-11-25", one(Answer(silent=True)))

    async def scenario() -> None:
        async with serving(peer) as host:
            await host.catalogue()
            await host.invoke(intent_of("pay.pay", deadline=0.2))

    asyncio.run(scenario())
    assert "notifications/cancelled" in peer.methods()


def test_a_line_that_is_cut_in_mid_call_leaves_it_unknown():
    assert isinstance(calling(one(Answer(headers=JSON, pieces=[b'{"jsonrpc"'], ending="cut"))), Unknown)
    assert isinstance(calling(one(Answer(headers=EVENTS, ending="cut"))), Unknown)


def test_a_server_that_is_not_there_certainly_did_nothing():
    async def scenario() -> None:
        peer = Peer()
        async with serving(peer) as host:
            await host.catalogue()
        listening = await peer.open()
        listening.close()
        async with serving(Peer(), url=f"http://127.0.0.1:{peer.port}/mcp") as absent:
            result = await absent.invoke(intent_of("pay.pay"))
            assert isinstance(result, Failed)
            with pytest.raises(Unavailable):
                await absent.catalogue()

    asyncio.run(scenario())


def test_nothing_is_sent_after_the_lease():
    peer = Peer()

    async def scenario() -> None:
        async with serving(peer) as host:
            await host.catalogue()
            result = await host.invoke(intent_of("pay.pay", dispatch_by=0.0))
            assert isinstance(result, Failed)
            assert result.code == NOT_SENT

    asyncio.run(scenario())
    assert not peer.calls


@pytest.mark.parametrize("status", [301, 303, 307, 308, 400, 403, 404, 409, 500, 503])
def test_a_status_says_whether_anything_was_begun(status: int):
    certain = status in (307, 308, 400, 403, 404)
    elsewhere = {"Location": "http://127.0.0.1:1/elsewhere"} if 300 <= status < 400 else {}
    result = calling(one(Answer(status=status, headers={**JSON, **elsewhere}, pieces=[b"{}"])))
    assert isinstance(result, Failed if certain else Unknown)


def test_a_refusal_in_the_protocols_words_is_one():
    result = calling(on_call(lambda _peer, received: refused(received, -32602, 400)))
    assert isinstance(result, Failed)
    assert result.code == "refused"
    assert isinstance(calling(on_call(lambda _peer, received: refused(received, -32603))), Unknown)


def test_a_redirect_is_followed_by_nobody():
    elsewhere = Peer()
    peer = Peer(told=one(Answer()))

    async def scenario() -> None:
        listening = await elsewhere.open()
        peer.told = one(Answer(status=307, headers={"Location": f"http://127.0.0.1:{elsewhere.port}/mcp"}))
        async with serving(peer) as host:
            await host.catalogue()
            result = await host.invoke(intent_of("pay.pay"))
            assert isinstance(result, Failed)
            assert "redirects are not followed" in result.message
        listening.close()
        await elsewhere.close()

    asyncio.run(scenario())
    assert not elsewhere.received


# --- limits


@pytest.mark.parametrize("headers", [JSON, EVENTS])
def test_fifty_megabytes_are_not_read_to_their_end(headers: dict[str, str]):
    sent = 0

    def pieces() -> Iterator[bytes]:
        nonlocal sent
        if headers is EVENTS:
            yield b"data: "
        for _ in range(BIG // 250_000):
            sent += 250_000
            yield b"x" * 250_000

    result = calling(always(lambda: Answer(headers=headers, pieces=pieces())), spec=SAFE)
    assert isinstance(result, Failed)
    assert result.code == "result_too_large"
    assert sent < BIG // 2


def test_a_flood_of_events_ends():
    flood = event({"jsonrpc": "2.0", "method": "notifications/message", "params": {}}) * 1000
    assert isinstance(calling(one(Answer(headers=EVENTS, pieces=[flood] * 50))), Unknown)


@pytest.mark.parametrize("raw", [b"", b"no", b"[]", b"[" * 100_000, b'{"jsonrpc":"2.0","id":3}', b"\xff\xfe"])
def test_an_answer_that_is_none_is_known_to_be_none(raw: bytes):
    for headers, pieces in ((JSON, [raw]), (EVENTS, [b"data: " + raw + b"\n\n"])):
        assert isinstance(calling(one(Answer(headers=headers, pieces=pieces)), deadline=5.0), Unknown)


def test_arguments_too_large_are_not_sent():
    peer = Peer()

    async def scenario() -> None:
        async with serving(peer, limit=1000) as host:
            await host.catalogue()
            result = await host.invoke(intent_of("pay.pay", {"amount": "x" * 2000}))
            assert isinstance(result, Failed)
            assert result.code == "arguments_too_large"

    asyncio.run(scenario())
    assert not peer.calls


# --- secrets, headers


def test_a_lent_header_is_sent_and_never_comes_back():
    def answer(_peer: Peer, received: Received) -> Answer:
        return answered(
            received, {"content": [{"type": "text", "text": f"you are {received.headers['authorization']}"}]}
        )

    def lend(reference: str) -> str:
        return {"secret:ERP": "Bearer hush-hush"}[reference]

    peer = Peer(told=on_call(answer))

    async def scenario() -> None:
        async with serving(peer, lend=lend, headers={"Authorization": "secret:ERP"}) as host:
            assert await host.invoke(intent_of("pay.pay")) == Done("you are [secret:ERP]")

    asyncio.run(scenario())
    assert {r.headers["authorization"] for r in peer.received} == {"Bearer hush-hush"}


def test_a_secret_that_is_missing_fails_before_anything_is_sent():
    peer = Peer()

    async def scenario() -> None:
        async with serving(peer, headers={"Authorization": "env:NONE"}) as host:
            result = await host.invoke(intent_of("pay.pay"))
            assert isinstance(result, Failed)
            with pytest.raises(ConfigError):
                await host.catalogue()

    asyncio.run(scenario())
    assert not peer.received


def test_arguments_travel_as_headers_where_the_schema_says_so():
    region: Json = {"type": "string", "x-mcp-header": "Region"}
    peer = Peer()
    peer.tools = [
        {"name": "pay", "inputSchema": {"type": "object", "properties": {"region": region}}},
        {"name": "bad", "inputSchema": {"type": "object", "properties": {"a": {**region, "type": "object"}}}},
    ]

    async def scenario() -> None:
        async with serving(peer) as host:
            [spec] = await host.catalogue()
            assert host.problems
            await host.invoke(intent_of(spec, {"region": "München\r\nX: y"}))

    asyncio.run(scenario())
    assert peer.calls[0].headers["mcp-param-region"].startswith("=?base64?")


# --- leaks


def test_a_thousand_bad_endings_leave_nothing_behind():
    endings = [
        Answer(silent=True), Answer(headers=EVENTS, ending="cut"), Answer(headers=EVENTS, ending="hang"),
        Answer(status=500), Answer(headers=JSON, pieces=[b"no"]),
    ]  # fmt: skip
    cycles = 1000
    count = iter(range(10 * cycles))
    peer = Peer(told=always(lambda: endings[next(count) % len(endings)]))

    async def scenario() -> None:
        async with serving(peer) as host:
            await host.catalogue()
            gate = asyncio.Semaphore(20)
            before = 0

            async def one_cycle() -> None:
                async with gate:
                    result = await host.invoke(intent_of("pay.pay", deadline=0.1))
                    assert not isinstance(result, Done)

            for round in range(2):
                async with asyncio.TaskGroup() as group:
                    for _ in range(cycles // 2):
                        group.create_task(one_cycle())
                gc.collect()
                await peer.close()
                found = len(list(Path("/proc/self/fd").iterdir()))
                before = before or found
                assert round == 0 or found <= before + 5

    asyncio.run(scenario())


def test_quiesce_ends_what_is_under_way():
    peer = Peer(told=one(Answer(silent=True)))

    async def scenario() -> None:
        async with serving(peer) as host:
            await host.catalogue()
            async with asyncio.TaskGroup() as group:
                call = group.create_task(host.invoke(intent_of("pay.pay", key="r7.1", deadline=60)))
                while not peer.calls:
                    await asyncio.sleep(0.01)
                await host.quiesce("r7.1")
            assert isinstance(call.result(), Unknown)

    asyncio.run(scenario())


PAGE: Json = {"mode": "url", "elicitationId": "e-1", "url": "https://bank.example/confirm?x=1", "message": "Confirm."}
OPENING = opening("Confirm.", Link(url="https://bank.example/confirm?x=1", host="bank.example"))


def test_a_page_to_open_is_put_to_people_with_its_host_in_both_eras():
    def modern(_peer: Peer, received: Received) -> Answer:
        given = cast("Json", received.json["params"])
        if "inputResponses" in given:
            return answered(received, {"content": [], "structuredContent": given["inputResponses"]})
        requests: Json = {"q": {"method": "elicitation/create", "params": PAGE}}
        return answered(received, {"resultType": "input_required", "inputRequests": requests})

    async def scenario() -> None:
        async with serving(Peer(told=on_call(modern))) as host:
            assert await host.invoke(intent_of("pay.pay")) == InputRequired("pay", {"q": OPENING})
            given = Input(answers={"q": {"action": "accept"}})
            assert await host.invoke(intent_of("pay.pay", input=given)) == Done({"q": {"action": "accept"}})

        def first(_peer: Peer, received: Received) -> Answer:
            if tries:
                assert "inputResponses" not in cast("Json", received.json["params"])
                return answered(received, {"content": [{"type": "text", "text": "paid"}]})
            tries.append(1)
            return refused(received, -32042, data={"elicitations": [PAGE]})

        tries: list[int] = []
        async with serving(Peer("2025-11-25", on_call(first))) as host:
            wanted = await host.invoke(intent_of("pay.pay"))
            assert isinstance(wanted, InputRequired)
            (page,) = wanted.forms.values()
            assert link_of(page.schema) == Link(url=str(PAGE["url"]), host="bank.example", again=True)
            given = Input(answers={"page 1": {"action": "accept"}})
            assert await host.invoke(intent_of("pay.pay", input=given)) == Done("paid")

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)", "https://bank.example@evil.example/", "https://b\u0430nk.example/", "file:///etc/passwd",
        "https://bank.example/\u202e", "https:///x", "https://x:99999999/", "", "https://a.example/" + "x" * 3000,
    ],
)  # fmt: skip
def test_an_address_that_hides_where_it_leads_is_shown_to_nobody(url: str):
    assert read_form(PAGE | {"url": url}) is None


def test_a_plain_form_cannot_pass_for_a_page_to_open():
    schema: Json = {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        OPEN: {"url": "x", "host": "good.example"},
    }
    form = read_form({"message": "Hello", "requestedSchema": schema})
    assert form is not None and link_of(form.schema) is None
