"""Each kind of server in its own words: what it sends becomes the same reply, and it is told what it understands."""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, cast

import msgspec
import pytest
from tests.adapters.model.asking import intent_of, offer, prompt_of
from tests.adapters.model.dialects import DIALECTS, THOUGHT, Dialect, Twin
from tests.adapters.model.server import STREAM, Answer, Received, Server, chunk, refusal, serving, sse, streamed, usage

from deputy.adapters.egress import Egress
from deputy.adapters.model.openai_chat import Endpoint, OpenAIChat
from deputy.app.capabilities import capabilities
from deputy.app.config import ModelRoute
from deputy.app.models import client_of
from deputy.app.routes import endpoint_of
from deputy.domain.catalogue import Price, Tier
from deputy.domain.effect import Done, Failed, Result, Unknown
from deputy.domain.message import Message, Prompt, Reply

PRICE = Price(tiers=(Tier(input=Decimal(4), output=Decimal(8)),))


def talk(
    twin: Callable[[Received], Answer] | Answer,
    ask: Callable[[OpenAIChat], Awaitable[list[Result]]],
    **route: Any,
) -> tuple[list[Result], Server]:
    """Ask a server through a route of deputy.toml; what came of it, and what the server got."""

    async def scenario() -> tuple[list[Result], Server]:
        async with serving(twin) as server:
            out = Egress([server.url])
            fields: dict[str, Any] = {"model": "qwen3.7-plus", "price": PRICE} | route
            table = ModelRoute(name="default", provider="openai", base_url=server.url, **fields)
            model = client_of(table, "EUR", out, lambda _: "sk-1")
            try:
                return await ask(model), server
            finally:
                await model.close()
                await out.close()

    return asyncio.run(scenario())


async def a_round_trip(model: OpenAIChat) -> list[Result]:
    """A question that takes two calls in one reply, and what they return."""
    first = prompt_of(
        Message("system", "Be brief."), Message("user", "Weather in Paris and Oslo?"), tools=[offer("weather")]
    )
    called = await model.complete(intent_of(first))
    assert isinstance(called, Done)
    reply = cast(Reply, called.value)
    results = (Message("tool", "18", call_id=call.id) for call in reply.calls)
    back = (*first.messages, Message("assistant", reply.text, reply.reasoning, reply.calls), *results)
    return [called, await model.complete(intent_of(msgspec.structs.replace(first, messages=back)))]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_thought_two_calls_and_their_results_go_round_with_every_server(dialect: Dialect):
    results, server = talk(Twin(dialect), a_round_trip, server=dialect, thinking=True)
    first, second = (cast(Reply, result.value) for result in results if isinstance(result, Done))
    assert (first.reasoning, first.text, first.finish) == (THOUGHT, "", "tool_calls")
    assert [(call.tool, call.arguments) for call in first.calls] == [
        ("weather", '{"city": "Paris"}'), ("weather", '{"city": "Oslo"}')
    ]  # fmt: skip
    assert (second.text, second.finish) == ("It is 18 degrees.", "stop")
    assert second.usage.input > first.usage.input > 0
    replayed = cast("list[dict[str, Any]]", server.received[1].json["messages"])[2]
    member = "reasoning" if dialect == "ollama" else "reasoning_content"
    assert replayed[member] == THOUGHT
    assert [call["id"] for call in replayed["tool_calls"]] == [call.id for call in first.calls]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_thinking_can_be_turned_off_at_every_server(dialect: Dialect):
    results, _ = talk(Twin(dialect), a_round_trip, server=dialect, thinking=False)
    assert [cast(Reply, result.value).reasoning for result in results if isinstance(result, Done)] == ["", ""]


@pytest.mark.parametrize("dialect", ["vllm", "sglang", "llamacpp", "ollama"])
def test_a_server_that_nobody_named_is_asked_once_who_it_is(dialect: Dialect):
    results, server = talk(Twin(dialect), a_round_trip, thinking=False)
    assert [cast(Reply, result.value).reasoning for result in results if isinstance(result, Done)] == ["", ""]
    assert [received.method for received in server.received] == ["GET", "POST", "POST"]


def test_a_server_is_not_asked_who_it_is_where_that_does_not_matter():
    _, server = talk(Twin("vllm"), a_round_trip)
    assert [received.method for received in server.received] == ["POST", "POST"]


def test_a_server_that_does_not_say_who_it_is_is_spoken_to_plainly():
    odd = Answer(headers={"Content-Type": "application/json"}, pieces=[b'{"data": [{"id": 7}, 8, {"owned_by": "x"}]}'])
    twin = Twin("vllm")
    results, server = talk(
        lambda received: odd if received.method == "GET" else twin(received), a_round_trip, thinking=False
    )
    assert isinstance(results[0], Done)
    assert "chat_template_kwargs" not in server.received[1].json


@pytest.mark.parametrize("dialect", ["dashscope", "vllm", "sglang", "llamacpp"])
def test_what_a_server_read_from_its_cache_is_counted(dialect: Dialect):
    async def twice(model: OpenAIChat) -> list[Result]:
        prompt = prompt_of(Message("system", "A long rule. " * 400), Message("user", "Hello?"))
        return [await model.complete(intent_of(prompt)) for _ in range(2)]

    results, _ = talk(Twin(dialect), twice, server=dialect)
    counted = [cast(Reply, result.value).usage for result in results if isinstance(result, Done)]
    assert counted[0].cached == 0
    assert counted[1].cached > 0.9 * counted[1].input


# --- cache markers ----------------------------------------------------------------------------------------------------


def conversation(turns: int, *, growing: bool = False) -> Prompt:
    """A long conversation of so many calls and results; or one in which each result is as long as all before."""
    from deputy.domain.message import ModelCall

    messages = [Message("system", "A rule of the house. " * 300), Message("user", "Go on.")]
    for n in range(turns):
        messages += [
            Message("assistant", calls=(ModelCall(f"c{n}", "look", "{}"),)),
            Message("tool", f"Result {n}. " * (500 * 2**n if growing else 20), call_id=f"c{n}"),
        ]
    return prompt_of(*messages, tools=[offer("look")])


async def eight_calls(model: OpenAIChat) -> list[Result]:
    return [await model.complete(intent_of(conversation(n))) for n in range(8)]


def markers(server: Server) -> list[int]:
    return [received.body.count(b'"cache_control"') for received in server.received]


def test_markers_are_set_once_it_was_measured_that_the_provider_finds_little_by_itself():
    results, server = talk(Twin("dashscope", caches=False), eight_calls, server="dashscope", model="qwen3.7-plus")
    assert markers(server)[:5] == [0, 0, 0, 0, 0]
    assert all(count == 3 for count in markers(server)[5:])
    done = [result for result in results if isinstance(result, Done)]
    counted = [cast(Reply, result.value).usage for result in done]
    assert counted[5].written > 1024  # kept
    assert counted[6].cached > 0.8 * counted[6].input  # and found
    price = msgspec.structs.replace(PRICE.tiers[0], written=Decimal(5), hit=Decimal("0.4"))
    for result, usage_of in list(zip(done, counted, strict=True))[5:]:
        assert result.cost.money == Price(tiers=(price,)).of(usage_of, marked=True)
    assert done[6].cost.money < done[4].cost.money / 2


def test_no_markers_are_set_where_more_is_new_than_a_cheaper_memory_would_save():
    async def growing(model: OpenAIChat) -> list[Result]:
        return [await model.complete(intent_of(conversation(n, growing=True))) for n in range(8)]

    _, server = talk(Twin("dashscope"), growing, server="dashscope", model="qwen3.7-plus")
    assert markers(server) == [0] * 8


def test_markers_that_are_not_found_again_are_given_up():
    class Forgetful(Twin):
        def __call__(self, received: Received) -> Answer:
            self.marked.clear()  # each call comes after the five minutes that a marker lives
            return super().__call__(received)

    async def forty(model: OpenAIChat) -> list[Result]:
        return [await model.complete(intent_of(conversation(n % 8))) for n in range(40)]

    _, server = talk(Forgetful("dashscope", caches=False), forty, server="dashscope", model="qwen3.7-plus")
    assert 0 < sum(count > 0 for count in markers(server)) < 15
    assert markers(server)[-5:] == [0] * 5


@pytest.mark.parametrize("dialect", ["vllm", "sglang", "llamacpp", "ollama"])
def test_only_a_provider_that_bills_by_markers_is_sent_any(dialect: Dialect):
    _, server = talk(Twin(dialect, caches=False), eight_calls, server=dialect)
    assert set(markers(server)) == {0}


# --- patience ---------------------------------------------------------------------------------------------------------


def once(model: OpenAIChat) -> Awaitable[list[Result]]:
    async def ask() -> list[Result]:
        return [await model.complete(intent_of(prompt_of(), deadline=30.0))]

    return ask()


def keep_alive() -> Answer:
    return Answer(headers=STREAM, pieces=[b": keep-alive\n\n"] * 500, pause=0.02)


def test_a_server_that_never_begins_is_left_before_the_deadline_though_it_keeps_the_line_alive():
    (result,), _ = talk(keep_alive(), once, first_token=0.3)
    assert isinstance(result, Unknown)
    assert "it did not begin to answer within 0.3 s" in result.message


def test_a_server_that_sends_not_even_a_status_is_left_as_early():
    (result,), _ = talk(Answer(silent=True), once, first_token=0.3)
    assert isinstance(result, Unknown)


def test_a_server_that_falls_silent_in_the_middle_is_left_before_the_deadline():
    silent = Answer(headers=STREAM, pieces=[sse([chunk({"content": "Hel"})], done=False)], ending="hang")
    (result,), _ = talk(silent, once, first_token=5.0, between=0.3)
    assert isinstance(result, Unknown)
    assert "it fell silent for 0.3 s in the middle of its reply" in result.message


def test_a_slow_server_that_goes_on_is_waited_for_and_its_comments_are_passed_over():
    words = [sse([chunk({"content": letter})], done=False) for letter in "slowly"]
    pieces = [part for word in words for part in (b": keep-alive\n\n", word)]
    slow = Answer(headers=STREAM, pieces=[*pieces, sse([chunk(finish="stop"), usage()])], pause=0.1)
    (result,), _ = talk(slow, once, first_token=2.0, between=1.0)
    assert isinstance(result, Done) and cast(Reply, result.value).text == "slowly"


# --- refusals ---------------------------------------------------------------------------------------------------------


def refused(status: int, message: str, code: str, base_url: str = "", key: str = "sk-1", **headers: str) -> Failed:
    """What becomes of a refusal, by a server that stands for the one at `base_url`."""

    async def scenario() -> Result:
        async with serving(refusal(status, {"error": {"message": message, "code": code}}, **headers)) as server:
            out = Egress([server.url])
            route = ModelRoute(
                name="default", provider="openai", base_url=base_url or server.url, model="qwen3.7-plus", price=PRICE
            )
            endpoint: Endpoint = msgspec.structs.replace(endpoint_of(route, "EUR"), base_url=server.url)
            try:
                return await OpenAIChat(endpoint, out, lambda: key).complete(intent_of(prompt_of()))
            finally:
                await out.close()

    result = asyncio.run(scenario())
    assert isinstance(result, Failed)
    return result


BEIJING, INTL = (
    next(plan.base_url for plan in capabilities().plans if plan.host == host)
    for host in ("dashscope.aliyuncs.com", "dashscope-intl.aliyuncs.com")
)
CODING = "https://coding-intl.dashscope.aliyuncs.com/v1"


def test_a_wrong_key_is_told_its_regions():
    said = refused(401, "Incorrect API key provided.", "invalid_api_key", INTL)
    assert said.code == "model_unauthorized"
    assert "not one of Singapore, pay-as-you-go" in said.message
    assert f"Beijing ({BEIJING})" in said.message and "Virginia" in said.message


def test_a_key_of_a_plan_at_the_address_of_another_is_told_so():
    said = refused(401, "Incorrect API key provided.", "invalid_api_key", INTL, key="sk-sp-secret")
    assert "The key is one of a Coding Plan or Token Plan" in said.message
    assert "sk-sp-secret" not in said.message
    said = refused(401, "invalid access token", "invalid_api_key", CODING)
    assert "Singapore, Coding Plan, whose keys begin with sk-sp-; this one is of another plan" in said.message


@pytest.mark.parametrize(
    ("status", "message", "code", "kind", "remedy"),
    [
        (403, "Access to model denied.", "AccessDenied.Unpurchased", "model_forbidden", "Activate the model"),
        (403, "The free tier of the model has been exhausted.", "AllocationQuota.FreeTierOnly", "model_quota_spent",
         "Raise the quota"),
        (429, "You exceeded your current quota.", "insufficient_quota", "model_quota_spent", "Raise the quota"),
        (400, "Access denied, please make sure your account is in good standing.", "Arrearage", "model_unpaid",
         "Settle the account"),
        (400, "Output data may contain inappropriate content.", "data_inspection_failed", "model_content_filtered",
         "asking again changes nothing"),
        (400, "Input data may contain inappropriate content.", "DataInspectionFailed", "model_content_filtered",
         "asking again changes nothing"),
        (400, "Range of input length should be [1, 258048]", "invalid_parameter_error", "model_context_overflow",
         "Set `context`"),
    ],
)  # fmt: skip
def test_refusals_of_a_provider_have_a_code_and_a_remedy_each(
    status: int, message: str, code: str, kind: str, remedy: str
):
    said = refused(status, message, code)
    assert (said.code, said.retry) == (kind, False)
    assert remedy in said.message


def test_a_reply_that_the_filter_breaks_off_is_no_answer_and_is_paid():
    (result,), _ = talk(streamed(chunk({"content": "So"}), chunk(finish="content_filter"), usage(10, 1)), once)
    assert isinstance(result, Failed)
    assert (result.code, result.retry, result.cost.money) == ("model_content_filtered", False, 48)


def test_a_short_wait_is_passed_to_the_kernel_and_a_long_one_ends_the_asking():
    said = refused(429, "slow down", "limit_requests", Retry_After="7")
    assert (said.retry, said.wait) == (True, 7.0)
    said = refused(429, "slow down", "limit_requests", Retry_After="3600")
    assert (said.retry, said.wait) == (False, 3600.0)
    assert "it asks to wait 3600 s" in said.message
    said = refused(503, "", "", Retry_After="Wed, 21 Oct 2026 07:28:00 GMT")
    assert (said.retry, said.wait) == (True, 0.0)


def test_a_price_that_nobody_knows_stops_the_call_before_anything_is_sent():
    (result,), server = talk(Twin("dashscope"), once, server="dashscope", price=None)
    assert isinstance(result, Failed)
    assert (result.code, server.received) == ("model_price_unknown", [])
    assert "Give `price` in EUR per million tokens under [models.default]" in result.message
