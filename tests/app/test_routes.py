"""What a model's table means beside the dated data: switches, prices, limits, and what nobody can know."""

import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from deputy.app.capabilities import capabilities
from deputy.app.config import ModelRoute
from deputy.app.routes import endpoint_of, kernel_route, understood
from deputy.domain.catalogue import FREE, Price, Tier
from deputy.domain.message import Usage

INTL = "https://dashscope-intl.aliyuncs.com/compatible-mode/v1"
BEIJING = "https://dashscope.aliyuncs.com/compatible-mode/v1"
LOCAL = "http://127.0.0.1:8000/v1"


def route(model: str = "qwen3.7-plus", base_url: str = INTL, **more: Any) -> ModelRoute:
    return ModelRoute(name="default", provider="openai", base_url=base_url, model=model, **more)


def body(model: str, base_url: str, **more: Any) -> dict[str, object]:
    return dict(endpoint_of(route(model, base_url, **more), "USD").dialect.body)


def test_every_entry_of_the_data_has_a_date_a_source_and_a_use():
    data = capabilities()
    entries = [*data.plans, *data.servers.values(), *data.models, *data.caches.values()]
    assert {entry.source for entry in entries} <= set(data.sources)
    assert all(entry.checked and entry.checked >= datetime.date(2026, 11, 1) for entry in entries)
    for number, entry in enumerate(data.models):
        for pattern in entry.names:
            assert data.model(pattern.replace("*", "")) in data.models[: number + 1], f"{pattern} is never reached"
        for tiers in entry.prices.values():
            assert tiers[-1].upto is None
            assert all((a.upto or 0) < (b.upto or 10**9) for a, b in pairwise(tiers))


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("qwen3.8-max", "qwen3.8-max*"),
        ("qwen3.8-max-2026-08-03", "qwen3.8-max*"),
        ("Qwen/Qwen3.8-27B", "qwen3.8-*"),
        ("Qwen/Qwen3.6-35B-A3B", "qwen3.6-*"),
        ("qwen3.5-flash", "qwen3.5-flash*"),
        ("Qwen3.5-397B-A17B", "qwen3.5-*"),
        ("qwen3-max", "qwen3-max*"),
        ("qwen3-coder-next", "qwen3-coder*"),
        ("Qwen/Qwen3-Coder-480B-A35B-Instruct-FP8", "qwen3-coder*"),
        ("qwen3-vl-plus", "qwen3-vl-plus*"),
        ("Qwen/Qwen3-30B-A3B-Thinking-2507", "qwen3-*thinking*"),
        ("Qwen/Qwen3-32B", "qwen3-*"),
        ("qwen3:8b", "qwen3-*"),
        ("qwen-plus-latest", "qwen-plus*"),
        ("qwen9-ultra", ""),
        ("gpt-6", ""),
    ],
)
def test_models_are_known_by_any_name_that_servers_give_them(name: str, first: str):
    found = capabilities().model(name)
    assert (found.names[0] if found else "") == first


def test_thinking_is_switched_where_each_kind_of_server_looks_for_it():
    assert body("qwen3.5-plus", INTL, thinking=False) == {"enable_thinking": False}
    assert body("qwen3.5-plus", INTL, thinking=2000) == {"enable_thinking": True, "thinking_budget": 2000}
    assert body("qwen3.8-max", INTL, thinking=False) == {"reasoning_effort": "none"}
    assert body("Qwen/Qwen3-32B", LOCAL, thinking=False, server="vllm") == {
        "chat_template_kwargs": {"enable_thinking": False}
    }
    assert body("Qwen/Qwen3.6-27B", LOCAL, thinking=True, server="sglang") == {
        "chat_template_kwargs": {"enable_thinking": True, "preserve_thinking": True}
    }
    assert body("qwen3:8b", "http://127.0.0.1:11434/v1", thinking=False) == {"think": False, "reasoning_effort": "none"}
    assert body("qwen3-32b", LOCAL, thinking=True) == {}  # nobody knows who speaks there, before it was asked


def test_what_was_thought_is_kept_only_for_models_that_can():
    assert body("qwen3.7-max", BEIJING) == {"preserve_thinking": True, "thinking_budget": 16384}
    assert body("qwen3.7-max", BEIJING, thinking=False) == {"enable_thinking": False}
    assert body("qwen3-max", BEIJING) == {}
    assert body("qwen3-coder-plus", BEIJING, thinking=True) == {}
    assert body("Qwen/Qwen3.6-27B", LOCAL, server="llamacpp") == {"chat_template_kwargs": {"preserve_thinking": True}}


def test_thinking_that_is_counted_apart_is_reserved_too():
    assert kernel_route(route("qwen3.7-plus"), "USD").thinking == 16384
    assert kernel_route(route("qwen3.7-plus", thinking=500), "USD").thinking == 500
    assert kernel_route(route("qwen3.7-plus", thinking=False), "USD").thinking == 0
    assert kernel_route(route("Qwen/Qwen3-32B", LOCAL, server="vllm"), "USD").thinking == 0


def test_a_list_price_holds_in_its_own_currency_and_is_never_converted():
    price = kernel_route(route("qwen3-max"), "USD").price
    shown = [(t.upto, str(t.input), str(t.output)) for t in price.tiers]
    assert shown == [(32000, "1.2", "6"), (128000, "2.4", "12"), (None, "3", "15")]
    assert price.of(Usage(input=40_000, output=1_000)) == 40_000 * Decimal("2.4") + 12_000
    assert price.of(Usage(input=1000, output=0, cached=1000)) == 240  # a fifth
    assert price.of(Usage(input=1000, output=0, cached=1000), marked=True) == 120  # a tenth
    assert price.of(Usage(input=1000, output=0, written=1000), marked=True) == 1500  # a quarter more
    assert price.worst(1000, 0) == 1500

    euro = endpoint_of(route("qwen3-max"), "EUR")
    assert "bills in USD, and the workspace counts EUR, which is never converted silently" in euro.unusable
    assert "the list says 1.2 in and 6 out, in USD" in euro.unusable
    own = Price(tiers=(Tier(input=Decimal(1), output=Decimal(5)),))
    assert endpoint_of(route("qwen3-max", price=own), "EUR").unusable == ""
    assert kernel_route(route("qwen3-max", price=own), "EUR").price.of(Usage(100, written=100), marked=True) == 125
    assert endpoint_of(route("qwen3-max", BEIJING), "CNY").price.of(Usage(1000, 0)) == 2500


def test_a_price_that_nobody_knows_is_asked_for_and_a_plan_without_one_is_free():
    assert "no budget could hold it" in endpoint_of(route("qwen9-ultra"), "USD").unusable
    assert (
        "no budget could hold it"
        in endpoint_of(route("qwen3-max", "https://dashscope-us.aliyuncs.com/v1"), "USD").unusable
    )
    assert understood(route("qwen3-coder-plus", "https://coding-intl.dashscope.aliyuncs.com/v1"), "EUR").price == FREE
    assert understood(route("qwen3-32b", LOCAL), "EUR").price == FREE


def test_an_unknown_model_gets_careful_defaults():
    plain = endpoint_of(route("gpt-6", LOCAL), "EUR")
    assert (plain.dialect.body, plain.dialect.forced, plain.cache, plain.plan) == ({}, False, None, None)
    assert kernel_route(route("gpt-6", LOCAL), "EUR").context == 131072


def test_a_hosted_model_has_its_whole_context_and_ones_own_server_at_most_the_usual():
    assert kernel_route(route("qwen3.7-plus"), "USD").context == 1_000_000
    assert kernel_route(route("Qwen/Qwen3.6-27B", LOCAL, server="vllm"), "USD").context == 131072
    assert kernel_route(route("Qwen/Qwen3-8B", LOCAL, server="vllm"), "USD").context == 40960
    assert kernel_route(route("Qwen/Qwen3-8B", LOCAL, context=5000), "USD").context == 5000


def test_ollama_is_told_nothing_of_parallel_calls_and_gets_thoughts_under_its_own_name():
    dialect = endpoint_of(route("qwen3:8b", "http://127.0.0.1:11434/v1"), "EUR").dialect
    assert (dialect.parallel, dialect.replay) == (None, "reasoning")


def test_a_plan_is_told_by_the_host():
    def plan(host: str) -> str:
        return str(capabilities().known(f"https://{host}/v1", "qwen3-max").plan)

    assert plan("dashscope.aliyuncs.com") == "Beijing, pay-as-you-go"
    assert plan("coding.dashscope.aliyuncs.com") == "Beijing, Coding Plan"
    assert plan("ws-1.ap-southeast-1.maas.aliyuncs.com") == "Singapore, pay-as-you-go"
    assert plan("token-plan.cn-beijing.maas.aliyuncs.com") == "of the address, Token Plan"
    assert plan("dashscope.aliyuncs.com.evil.example") == "None"


def test_a_provider_has_to_begin_soon_and_ones_own_server_may_read_for_long():
    assert endpoint_of(route("qwen3.7-plus"), "USD").first_token == 120
    assert endpoint_of(route("qwen3:8b", "http://127.0.0.1:11434/v1"), "USD").first_token is None
    assert endpoint_of(route("qwen3:8b", "http://127.0.0.1:11434/v1", first_token=30.0), "USD").first_token == 30
