"""Calls in text, from a server on loopback to the result of the adapter."""

import asyncio
from decimal import Decimal

from tests.adapters.model.asking import intent_of, offer, prompt_of
from tests.adapters.model.server import Answer, chunk, serving, streamed, usage

from deputy.adapters.egress import Egress
from deputy.adapters.model.openai_chat import Endpoint, OpenAIChat
from deputy.domain.catalogue import Price, Tier
from deputy.domain.cost import Cost
from deputy.domain.effect import Done, Failed, Result
from deputy.domain.message import ModelCall, Reply


def ask(answer: Answer) -> Result:
    async def scenario() -> Result:
        async with serving(answer) as server:
            out = Egress([server.url])
            price = Price(tiers=(Tier(input=Decimal(2), output=Decimal(10), cached=Decimal(1)),))
            model = OpenAIChat(Endpoint(name="default", base_url=server.url, model="qwen3", price=price), out)
            try:
                return await model.complete(intent_of(prompt_of(tools=[offer("erp.pay")])))
            finally:
                await model.close()
                await out.close()

    return asyncio.run(scenario())


def said(text: str) -> Answer:
    letters = (chunk({"content": letter}) for letter in text)
    return streamed(*letters, chunk(finish="stop"), usage(100, 10))


def test_a_call_in_text_is_a_call():
    result = ask(said('<tool_call>{"name": "erp__pay", "arguments": {"id": "7"}}</tool_call>'))
    assert isinstance(result, Done)
    assert isinstance(result.value, Reply)
    assert result.value.calls == (ModelCall("call_0_0", "erp.pay", '{"id":"7"}'),)
    assert (result.value.text, result.value.finish) == ("", "tool_calls")


def test_a_call_that_cannot_be_taken_fails_with_its_cost():
    result = ask(said('<tool_call>{"name": "erp__pay", </tool_call>'))
    assert isinstance(result, Failed)
    assert (result.code, result.retry) == ("unparsed_tool_call", False)
    assert result.cost == Cost(money=2 * 100 + 10 * 10, tokens=110)
    assert "its JSON is wrong" in result.message
