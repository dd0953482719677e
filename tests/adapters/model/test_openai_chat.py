import asyncio
import json
import logging
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.adapters.model.asking import intent_of, offer, prompt_of
from tests.adapters.model.server import STREAM, Answer, Received, chunk, refusal, serving, sse, streamed, usage

from deputy.adapters.egress import Egress, Timeouts
from deputy.adapters.model.openai_chat import Endpoint, OpenAIChat
from deputy.base.errors import ConfigError
from deputy.domain.catalogue import FREE, Price, Tier
from deputy.domain.cost import NOTHING, Cost
from deputy.domain.effect import Done, Failed, Result, Unknown
from deputy.domain.message import ModelCall, Prompt, Reply, Usage

KEY = "sk-0123456789abcdef"
PRICE = Price(tiers=(Tier(input=Decimal(2), output=Decimal(10), cached=Decimal("0.2")),))
HELLO = (chunk({"role": "assistant", "content": "Hel"}), chunk({"content": "lo."}), chunk(finish="stop"), usage(10, 5))


class Asked(NamedTuple):
    result: Result
    received: Sequence[Received]
    connections: int

    @property
    def reply(self) -> Reply:
        assert isinstance(self.result, Done), self.result
        assert isinstance(self.result.value, Reply)
        return self.result.value

    @property
    def failed(self) -> Failed:
        assert isinstance(self.result, Failed), self.result
        return self.result


def ask(
    *answers: Answer,
    prompt: Prompt | None = None,
    key: Callable[[], str] | None = lambda: KEY,
    price: Price = FREE,
    extra: Mapping[str, object] | None = None,
    deadline: float = 10.0,
    times: int = 1,
    egress: Callable[[str], Egress] = lambda url: Egress([url]),
) -> Asked:
    """Ask a server that gives these answers; what came of it, the last time."""

    async def scenario() -> Asked:
        async with serving(*answers) as server:
            out = egress(server.url)
            route = Endpoint(name="default", base_url=server.url, model="qwen3", price=price, extra=extra or {})
            model = OpenAIChat(route, out, key)
            try:
                result: Result = Unknown("never asked")
                for _ in range(times):
                    result = await model.complete(intent_of(prompt or prompt_of(), deadline=deadline))
            finally:
                await model.close()
                await out.close()
            return Asked(result, server.received, server.connections)

    return asyncio.run(scenario())


@pytest.fixture(autouse=True, scope="module")
def warm() -> None:
    """Load the libraries first: a short deadline is no measure of an import."""
    assert isinstance(ask(streamed(*HELLO)).result, Done)


# --- what is asked ----------------------------------------------------------------------------------------------------


def test_a_stream_becomes_a_reply_with_its_true_cost():
    asked = ask(streamed(*HELLO[:-1], usage(1000, 100, cached=600, reasoning=40)), price=PRICE)
    assert asked.result == Done(
        Reply(text="Hello.", usage=Usage(1000, 100, 600, 40), model="qwen-test", finish="stop"),
        Cost(money=2 * 400 + 120 + 1000, tokens=1100),
    )


def test_tool_calls_come_back_under_our_names():
    call = {"index": 0, "id": "c1", "function": {"name": "erp__pay", "arguments": '{"amount": 5}'}}
    asked = ask(
        streamed(chunk({"tool_calls": [call]}), chunk(finish="tool_calls")), prompt=prompt_of(tools=[offer("erp.pay")])
    )
    assert asked.reply.calls == (ModelCall("c1", "erp.pay", '{"amount": 5}'),)


def test_a_request_is_one_post_with_the_key_in_its_header_alone():
    asked = ask(streamed(*HELLO), extra={"enable_thinking": False})
    (request,) = asked.received
    assert (request.method, request.path) == ("POST", "/v1/chat/completions")
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in str({**request.headers, "authorization": ""}) + request.path + request.body.decode()
    assert request.json["enable_thinking"] is False
    assert (request.json["stream"], request.json["max_tokens"]) == (True, 100)


def test_nothing_of_the_machine_or_its_environment_is_told_to_the_server(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-environment")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-environment")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-environment")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/environment")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Environment: yes")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    (request,) = ask(streamed(*HELLO)).received
    assert set(request.headers) == {
        "accept", "accept-encoding", "authorization", "connection", "content-length", "content-type", "host",
        "user-agent",
    }  # fmt: skip
    assert request.headers["user-agent"] == "deputy"
    assert "environment" not in str(request)


def test_a_server_without_a_key_is_sent_none():
    (request,) = ask(streamed(*HELLO), key=None).received
    assert "authorization" not in request.headers


def test_the_key_is_lent_for_each_call_anew():
    keys = iter(["sk-first", "sk-second\n"])
    asked = ask(streamed(*HELLO), key=lambda: next(keys), times=2)
    assert [request.headers["authorization"] for request in asked.received] == ["Bearer sk-first", "Bearer sk-second"]


def test_connections_are_kept_and_used_again():
    assert ask(streamed(*HELLO), times=5).connections == 1


def test_a_cookie_is_not_kept():
    answer = Answer(headers=STREAM | {"Set-Cookie": "a=b; Path=/"}, pieces=[sse(HELLO)])
    assert all("cookie" not in request.headers for request in ask(answer, times=2).received)


@pytest.mark.parametrize("key", ["", "  ", "sk\nX-Evil: 1", "sk ünicode", "sk two"])
def test_a_key_no_header_can_carry_is_never_sent_and_never_shown(key: str):
    asked = ask(streamed(*HELLO), key=lambda: key)
    assert (asked.failed.code, asked.failed.retry) == ("model_unauthorized", False)
    assert not key.strip() or key not in asked.failed.message
    assert not asked.received


def test_a_key_that_cannot_be_found_fails_the_call_with_its_reason():
    def missing() -> str:
        raise ConfigError("The environment has no DASHSCOPE_API_KEY.")

    asked = ask(streamed(*HELLO), key=missing)
    assert asked.failed.message.endswith("The environment has no DASHSCOPE_API_KEY.")
    assert not asked.received


@pytest.mark.parametrize(
    ("route", "message"),
    [
        ({"extra": {"stream": False, "max_tokens": 9}}, "`extra` of the model `default` sets `max_tokens`, `stream`"),
        ({"base_url": "127.0.0.1:8000/v1"}, "`base_url` of the model `default` has no scheme"),
        ({"base_url": "ftp://x/v1"}, "is not the address of a server"),
        ({"base_url": "http://"}, "is not the address of a server"),
        ({"base_url": "http://user:word@host/v1"}, "carries a user name or password"),
    ],
)
def test_a_route_that_cannot_work_is_refused_at_once(route: dict[str, object], message: str):
    fields: dict[str, object] = {"name": "default", "base_url": "http://x/v1", "model": "m"} | route
    with pytest.raises(ConfigError, match=message):
        OpenAIChat(Endpoint(**fields), Egress([]))  # pyright: ignore[reportArgumentType]


# --- how it may arrive ------------------------------------------------------------------------------------------------

SPOKEN = (
    chunk({"reasoning": "Hm. 嗯"}),
    chunk({"content": "Zwei Rechnungen. 两张发票 😀\u2028\x85"}),
    chunk({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "a", "arguments": '{"ü": '}}]}),
    chunk({"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]}),
    chunk(finish="tool_calls"),
    usage(7, 3),
)
WHOLE = Reply(
    text="Zwei Rechnungen. 两张发票 😀\u2028\x85",
    reasoning="Hm. 嗯",
    calls=(ModelCall("c", "a", '{"ü": 1}'),),
    usage=Usage(7, 3),
    model="qwen-test",
    finish="tool_calls",
)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_a_stream_may_come_byte_by_byte(newline: str):
    pieces = [bytes([byte]) for byte in sse(SPOKEN, newline=newline)]
    assert ask(Answer(headers=STREAM, pieces=pieces)).reply == WHOLE


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_stream_may_be_split_at_any_byte(data: st.DataObject):
    stream = sse(SPOKEN, newline=data.draw(st.sampled_from(["\n", "\r\n"])), done=data.draw(st.booleans()))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(stream) - 1), max_size=12)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert ask(Answer(headers=STREAM, pieces=pieces)).reply == WHOLE


def test_comments_and_other_fields_between_chunks_are_passed_over():
    noise = b": keep-alive\n\n:\n\nevent: message\nid: 7\nretry: 100\n"
    pieces = [part for each in SPOKEN for part in (noise, sse([each], done=False), b": processing\n\n")]
    assert ask(Answer(headers=STREAM, pieces=[*pieces, sse([])])).reply == WHOLE


@pytest.mark.parametrize("ending", ["clean", "cut"])
def test_a_finished_reply_needs_no_done(ending: str):
    assert ask(streamed(*SPOKEN, done=False, ending=ending)).reply == WHOLE


def test_a_finished_reply_holds_even_if_the_server_then_falls_silent():
    assert ask(streamed(*SPOKEN, done=False, ending="hang"), deadline=0.7).reply == WHOLE


def test_after_done_a_server_that_falls_silent_is_not_waited_for():
    began = time.monotonic()
    assert ask(streamed(*SPOKEN, ending="hang")).reply == WHOLE
    assert time.monotonic() - began < 5


def test_a_reply_whose_tokens_nobody_counted_costs_an_estimate():
    result = ask(streamed(*HELLO[:-1]), price=PRICE).result
    assert isinstance(result, Done)
    assert result.cost.money > 0
    assert result.cost.tokens > 50


# --- how it may break -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["clean", "cut"])
@pytest.mark.parametrize("chunks", [HELLO[:2], ()])
def test_a_stream_cut_before_its_end_is_unknown(chunks: tuple[object, ...], ending: str):
    assert isinstance(ask(streamed(*chunks, done=False, ending=ending)).result, Unknown)


def test_a_stream_that_is_done_without_being_finished_is_unknown():
    assert isinstance(ask(streamed(*HELLO[:2])).result, Unknown)


@pytest.mark.parametrize("answer", [Answer(silent=True), streamed(*HELLO[:2], done=False, ending="hang")])
def test_a_deadline_after_sending_is_unknown(answer: Answer):
    began = time.monotonic()
    result = ask(answer, deadline=0.7).result
    assert isinstance(result, Unknown)
    assert "within 0.7 s" in result.message
    assert time.monotonic() - began < 6


def test_silence_longer_than_the_clients_patience_is_unknown():
    asked = ask(Answer(silent=True), egress=lambda url: Egress([url], timeouts=Timeouts(read=0.2)))
    assert isinstance(asked.result, Unknown)


def test_a_slow_stream_is_waited_for():
    answer = streamed(*HELLO)
    slow = Answer(headers=answer.headers, pieces=answer.pieces, pause=0.05)
    assert ask(slow, egress=lambda url: Egress([url], timeouts=Timeouts(read=2))).reply.text == "Hello."


def complete(url: str, *, deadline: float = 5.0, egress: Egress | None = None) -> Result:
    """Ask whatever is, or is not, at this address."""

    async def scenario() -> Result:
        out = egress or Egress([url])
        model = OpenAIChat(Endpoint(name="default", base_url=url, model="m"), out)
        try:
            return await model.complete(intent_of(prompt_of(), deadline=deadline))
        finally:
            await out.close()

    return asyncio.run(scenario())


def test_a_refused_connection_certainly_sent_nothing():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        result = complete(f"http://127.0.0.1:{closed.getsockname()[1]}/v1")
    assert isinstance(result, Failed)
    assert (result.code, result.retry, result.cost) == ("model_unreachable", True, NOTHING)
    assert result.message == "Model `default` (m at 127.0.0.1): it cannot be reached: Connection refused."


def test_a_deadline_before_anything_was_sent_certainly_sent_nothing():
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(3)]  # fills the queue, so that the next one is not let in
        try:
            for each in waiting:
                each.setblocking(False)
                each.connect_ex(address)
            result = complete(f"http://127.0.0.1:{address[1]}/v1", deadline=0.7)
        finally:
            for each in waiting:
                each.close()
    assert isinstance(result, Failed)
    assert (result.code, result.retry) == ("model_unreachable", True)


def test_an_address_that_is_not_on_the_list_is_never_asked():
    asked = ask(streamed(*HELLO), egress=lambda url: Egress(["https://elsewhere.example"]))
    assert (asked.failed.code, asked.failed.retry) == ("model_unreachable", False)
    assert "is not an address this workspace may reach" in asked.failed.message
    assert not asked.received


# --- how it may be refused --------------------------------------------------------------------------------------------


def said(message: str, code: object = None, type: str = "") -> dict[str, object]:
    return {"error": {"message": message, "code": code, "type": type}}


VLLM_LONG = "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens."
LLAMA_LONG = "the request exceeds the available context size (4096 tokens), try increasing it"
REFUSALS: list[tuple[int, object, str, bool]] = [
    (401, said("Incorrect API key provided."), "model_unauthorized", False),
    (403, said("Model.AccessDenied"), "model_forbidden", False),
    (402, said("Insufficient Balance"), "model_unpaid", False),
    (400, said("Please make sure your account is in good standing.", "Arrearage"), "model_unpaid", False),
    (404, said("The model `qwen3` does not exist.", "model_not_found"), "model_not_found", False),
    (404, "<html><body>Not Found</body></html>", "model_not_found", False),
    (400, said("no such model", "model_not_found"), "model_not_found", False),
    (429, said("Requests rate limit exceeded", "limit_requests"), "model_rate_limited", True),
    (429, "slow down", "model_rate_limited", True),
    (500, said("internal error"), "model_server_error", True),
    (502, "<html>Bad Gateway</html>", "model_server_error", True),
    (503, "", "model_overloaded", True),
    (529, said("Overloaded"), "model_overloaded", True),
    (408, said("Request timeout"), "model_overloaded", True),
    (400, said("messages must not be empty", "invalid_parameter_error"), "model_bad_request", False),
    (422, {"detail": [{"loc": ["body"], "msg": "field required"}]}, "model_bad_request", False),
    (400, {"object": "error", "message": VLLM_LONG, "code": 400}, "model_context_overflow", False),
    (400, said(LLAMA_LONG, 400, "exceed_context_size_error"), "model_context_overflow", False),
    (400, said("Range of input length should be [1, 129024]"), "model_context_overflow", False),
    (400, said("too long", "context_length_exceeded"), "model_context_overflow", False),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "code", "retry"), REFUSALS)
def test_refusals_are_told_apart(status: int, body: object, code: str, retry: bool):
    asked = ask(refusal(status, body))
    assert (asked.failed.code, asked.failed.retry, asked.failed.cost) == (code, retry, NOTHING)
    assert asked.failed.message.startswith("Model `default` (qwen3 at 127.0.0.1): ")
    assert f"({status})" in asked.failed.message
    assert "<html>" not in asked.failed.message
    assert len(asked.received) == 1


@pytest.mark.parametrize(
    ("error", "code", "retry"),
    [
        (said("Rate limit reached", "rate_limit_exceeded"), "model_rate_limited", True),
        (said("slow down", 429), "model_rate_limited", True),
        (said(VLLM_LONG, 400), "model_context_overflow", False),
        (said("bad tool schema", 400), "model_bad_request", False),
        (said("The engine is overloaded"), "model_overloaded", True),
        (said("something broke"), "model_server_error", True),
        ({"error": "something broke"}, "model_server_error", True),
        ({"object": "error", "message": "something broke", "code": 500}, "model_server_error", True),
    ],
)
def test_refusals_inside_a_stream_are_told_apart_and_what_was_said_is_paid(error: object, code: str, retry: bool):
    early = ask(streamed(error, done=False), price=PRICE).failed
    assert (early.code, early.retry, early.cost) == (code, retry, NOTHING)
    late = ask(streamed(HELLO[0], error, done=False), price=PRICE).result
    if retry:
        assert isinstance(late, Unknown)  # asked again, and booked at its worst case
    else:
        assert isinstance(late, Failed)
        assert (late.code, late.cost.money > 0) == (code, True)


def test_the_wait_a_server_asks_for_is_passed_on():
    asked = ask(refusal(429, said("slow down"), Retry_After="7"))
    assert asked.failed.message.endswith("it wants fewer requests (429); slow down; it asks to wait 7 s.")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed_anywhere(status: int):
    async def scenario() -> tuple[Result, int]:
        async with (
            serving(streamed(*HELLO)) as other,
            serving(refusal(status, "moved", Location=f"{other.url}/chat/completions")) as server,
        ):
            out = Egress([server.url, other.url])
            model = OpenAIChat(Endpoint(name="default", base_url=server.url, model="m"), out, lambda: KEY)
            try:
                return await model.complete(intent_of(prompt_of())), len(other.received)
            finally:
                await out.close()

    result, followed = asyncio.run(scenario())
    assert isinstance(result, Failed)
    assert result.code == "model_bad_request"
    assert "it redirects to http://127.0.0.1:" in result.message
    assert followed == 0


@pytest.mark.parametrize(
    "answer",
    [
        Answer(headers={"Content-Type": "text/html"}, pieces=[b"<html>Welcome</html>"]),
        Answer(headers={"Content-Type": "application/json"}, pieces=[json.dumps({"choices": []}).encode()]),
        Answer(pieces=[sse(HELLO)]),
        Answer(headers=STREAM, pieces=[b"data: {not json}\n\n"]),
        Answer(headers=STREAM, pieces=[b"data: \xff\xfe\n\n"]),
        Answer(headers=STREAM, pieces=[b"data: " + b"[" * 200_000 + b"\n\n"]),
        Answer(headers=STREAM, pieces=[b"data: [1]\n\n"]),
        Answer(headers=STREAM, pieces=[b"data: null\n\n"]),
        streamed(HELLO[0], {"choices": [{"delta": 7}]}),
        Answer(headers=STREAM | {"Content-Encoding": "gzip"}, pieces=[b"\x1f\x8b"]),
    ],
)
def test_what_is_no_stream_of_this_wire_is_a_bad_response(answer: Answer):
    failed = ask(answer).failed
    assert (failed.code, failed.retry) == ("model_bad_response", False)


def flood(piece: bytes) -> Answer:
    """A stream that would go on for gigabytes."""
    return Answer(headers=STREAM, pieces=(piece for _ in range(100_000)))


def test_a_huge_reply_is_cut_off_in_bounded_memory():
    failed = ask(flood(sse([chunk({"content": "x" * 100_000})], done=False)), price=PRICE).failed
    assert failed.code == "model_reply_too_large"
    assert failed.cost.money > 0


@pytest.mark.parametrize(
    "piece", [b": keep-alive\n" * 1000, b"data: " + b"x" * 10_000, sse([chunk()] * 100, done=False)]
)
def test_a_stream_that_never_becomes_a_reply_is_cut_off(piece: bytes):
    failed = ask(flood(piece), egress=lambda url: Egress([url], limit=1_000_000)).failed
    assert (failed.code, failed.retry) == ("model_reply_too_large", False)


def test_a_huge_error_page_is_cut_off():
    pages = (b"x" * 10_000 for _ in range(100_000))
    assert ask(Answer(status=500, pieces=pages)).failed.code == "model_server_error"


# --- secrets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        refusal(401, said(f"Incorrect API key provided: {KEY}.")),
        refusal(401, said("x" * 390 + KEY)),
        refusal(400, said("bad", f"code {KEY}")),
        refusal(500, f"Authorization: Bearer {KEY}"),
        refusal(307, "", Location=f"http://elsewhere/?key={KEY}"),
        refusal(429, said("slow down"), Retry_After=KEY),
        streamed(said(f"Your key is {KEY}")),
        Answer(headers={"Content-Type": KEY}, pieces=[]),
    ],
)
def test_a_server_that_repeats_the_key_does_not_get_it_into_an_error(answer: Answer, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    asked = ask(answer)
    assert "sk-0123" not in repr(asked.result)
    assert "sk-0123" not in caplog.text


def test_the_key_is_in_no_log_and_no_repr(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    model = OpenAIChat(Endpoint(name="default", base_url="http://x", model="m"), Egress([]), lambda: KEY)
    assert ask(streamed(*HELLO)).reply.text == "Hello."
    assert caplog.records
    assert KEY not in caplog.text + repr(model)


def test_many_calls_at_once_keep_apart():
    async def scenario() -> list[Result]:
        async with serving(*(streamed(chunk({"content": str(n)}, finish="stop")) for n in range(40))) as server:
            out = Egress([server.url])
            model = OpenAIChat(Endpoint(name="default", base_url=server.url, model="m"), out)
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(model.complete(intent_of(prompt_of()))) for _ in range(40)]
            await out.close()
            return [task.result() for task in tasks]

    replies = [result.value for result in asyncio.run(scenario()) if isinstance(result, Done)]
    assert sorted(int(reply.text) for reply in replies if isinstance(reply, Reply)) == list(range(40))


def test_a_cancelled_call_leaves_nothing_behind():
    async def scenario() -> int:
        async with serving(streamed(*HELLO[:2], done=False, ending="hang")) as server:
            out = Egress([server.url])
            model = OpenAIChat(Endpoint(name="default", base_url=server.url, model="m"), out)
            task = asyncio.create_task(model.complete(intent_of(prompt_of(), deadline=60)))
            while not server.received:
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            left = len(asyncio.all_tasks()) - 2  # this one and the server's
            await out.close()
            return left

    assert asyncio.run(scenario()) == 0
