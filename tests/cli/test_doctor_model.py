"""`deputy doctor model` asks a route for all that Deputy needs of it, and says what to change."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.adapters.model.dialects import DIALECTS, Dialect, Twin
from tests.adapters.model.server import Answer, Received, Server, chunk, listening, refusal, streamed, usage
from tests.cli.offices import DEPUTY, Said, Shell, make

PRICED = "price = {input = 1, output = 4}\n"


def route(url: str, more: str = "", *, name: str = "default", model: str = "qwen3.7-plus") -> str:
    return f'[models.{name}]\nprovider = "openai"\nbase_url = "{url}"\nmodel = "{model}"\n{more}'


def told(said: Said) -> str:
    """What was said, however wide the terminal is."""
    return " ".join(said.out.split())


class Clinic:
    """A workspace with one model, and what the doctor says of it."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.shell = folder, Shell(folder, capsys)
        make(folder)

    def examine(self, twin: Callable[[Received], Answer] | Answer, more: str = "", *args: str) -> tuple[Said, Server]:
        with listening(twin) as server:
            (self.folder / "deputy.toml").write_text(DEPUTY + route(server.url, more))
            return self.shell("doctor", "model", *args), server

    def found(self, twin: Twin, more: str = "") -> dict[str, dict[str, Any]]:
        said, _ = self.examine(twin, more, "--json")
        return {check["check"]: check for check in said.json["checks"]}


@pytest.fixture
def clinic(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Clinic:
    return Clinic(tmp_path, capsys)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_route_that_can_do_everything_is_proved_by_nine_calls(clinic: Clinic, dialect: Dialect):
    said, server = clinic.examine(Twin(dialect, forces=True), f'server = "{dialect}"\ncontext = 32768\n{PRICED}')
    assert said.code == 0, said.out
    assert "✗" not in said.out
    for words in (
        "This makes at most 9 calls", "It answers, as qwen3.7-plus", "It calls a tool with arguments that fit",
        "It makes 2 calls in one reply", "What it thought goes back beside its call", "answers in a given JSON schema",
        "EUR for a thousand typical runs",
    ):  # fmt: skip
        assert words in told(said)
    assert sum(received.method == "POST" for received in server.received) == 9
    assert ("It does not count what it reads from a cache" in told(said)) is (dialect == "ollama")


def test_the_most_it_may_cost_is_said_before_the_first_call_and_is_not_exceeded(clinic: Clinic):
    checks = clinic.found(Twin("vllm"), f'server = "vllm"\n{PRICED}')
    assert list(checks).index("cost") < list(checks).index("completion")
    most, spent = checks["cost"]["figures"], checks["price"]["figures"]["spent"]
    assert 0 < Decimal(spent["money"]) <= Decimal(most["money"]) < Decimal("0.20")
    assert (spent["calls"], spent["tokens"] <= most["tokens"]) == (9, True)


def test_thinking_is_bounded_where_its_tokens_are_counted_apart(clinic: Clinic):
    _, server = clinic.examine(Twin("dashscope"), f'server = "dashscope"\n{PRICED}')
    asked = [received.json for received in server.received if received.method == "POST"]
    assert {body["thinking_budget"] for body in asked} == {1024}
    assert all(body["preserve_thinking"] for body in asked)


def test_cache_hits_and_the_price_of_a_thousand_runs_are_measured(clinic: Clinic):
    priced = 'server = "vllm"\nprice = {input = 1, output = 4, cached = 0.1}\n'
    with_cache = clinic.found(Twin("vllm"), priced)
    assert with_cache["cache"]["figures"]["hits"] > 0.9
    assert len(with_cache["cache"]["figures"]["first_token_ms"]) == 3
    without = clinic.found(
        Twin("vllm", caches=False), 'server = "vllm"\nprice = {input = 1, output = 4, cached = 0.1}\n'
    )
    assert without["cache"]["level"] == "warning"
    assert "--enable-prefix-caching" in without["cache"]["remedy"]
    # 6 calls of 3,000 to 5,500 tokens at 1, and 250 tokens each at 4, a thousand times
    assert without["price"]["figures"]["money"] == "31.50"
    assert Decimal(with_cache["price"]["figures"]["money"]) < 20


def test_a_server_that_leaves_calls_in_the_text_is_found_and_told_its_parser(clinic: Clinic):
    check = clinic.found(Twin("vllm", parses=False), 'server = "vllm"\n')["tool_call"]
    assert (check["level"], check["message"]) == (
        "warning", "It leaves tool calls in its text, where Deputy finds them."
    )  # fmt: skip
    assert "--enable-auto-tool-choice --tool-call-parser qwen3_coder --reasoning-parser qwen3" in check["remedy"]


def test_a_model_that_calls_no_tool_is_4(clinic: Clinic):
    class Talker(Twin):
        def __call__(self, received: Received) -> Answer:
            if b'"tools"' in received.body:
                return streamed(chunk({"content": "It is sunny, I guess."}, finish="stop"), usage())
            return super().__call__(received)

    said, _ = clinic.examine(Talker("sglang"), 'server = "sglang"\n')
    assert said.code == 4
    assert "It answered without calling the tool. Start the server with --tool-call-parser qwen3_coder" in told(said)


@pytest.mark.parametrize(
    ("twin", "check", "level", "words"),
    [
        (Twin("vllm", parallel=False), "parallel", "warning", "one call at a time"),
        (Twin("vllm", schemas=False), "structured", "ok", "keeps to no JSON schema"),
        (Twin("vllm", forces=True), "forced", "ok", "`forced_tool_choice = true` lets Deputy use that"),
        (Twin("vllm"), "forced", "ok", "Deputy does not try"),
    ],
)
def test_what_a_route_cannot_do_is_said(clinic: Clinic, twin: Twin, check: str, level: str, words: str):
    found = clinic.found(twin, 'server = "vllm"\n')[check]
    assert found["level"] == level
    assert words in found["message"]


def test_a_server_that_the_file_does_not_name_is_recognized(clinic: Clinic):
    found = clinic.found(Twin("sglang"))["server"]
    assert (found["level"], found["remedy"]) == ("warning", 'Write `server = "sglang"` under [models.default].')
    found = clinic.found(Twin("sglang"), 'server = "vllm"\n')["server"]
    assert "It says that it is sglang, and the file says vllm" in found["message"]


def test_a_context_that_the_server_does_not_have_is_wrong(clinic: Clinic):
    said, _ = clinic.examine(Twin("vllm", context=8192), 'server = "vllm"\ncontext = 100000\n')
    assert said.code == 2
    assert "It takes 8192 tokens, and `context` says 100000. Write `context = 8192`." in told(said)


def test_an_unknown_model_is_said_to_get_careful_defaults(clinic: Clinic):
    with listening(Twin("vllm", model="nobody-1")) as server:
        text = DEPUTY + route(server.url, 'server = "vllm"\n', model="nobody-1")
        (clinic.folder / "deputy.toml").write_text(text)
        said = clinic.shell("doctor", "model")
    assert "Nothing is known of a model 'nobody-1'; it gets careful defaults." in told(said)


def test_a_wrong_key_is_2_and_nothing_more_is_asked(clinic: Clinic, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MODEL_KEY", "sk-wrong")
    said, server = clinic.examine(Twin("vllm", key="sk-right"), 'server = "vllm"\napi_key = "env:MODEL_KEY"\n')
    assert said.code == 2
    assert "it refuses the API key (401)" in told(said)
    assert "sk-wrong" not in said.out + said.err
    assert sum(received.method == "POST" for received in server.received) == 1


def test_a_key_that_is_not_set_is_2(clinic: Clinic):
    said, server = clinic.examine(Twin("vllm"), 'server = "vllm"\napi_key = "env:NO_SUCH_KEY_HERE"\n')
    assert said.code == 2
    assert "NO_SUCH_KEY_HERE" in told(said)
    assert not server.received


def test_a_server_that_breaks_down_is_4(clinic: Clinic):
    said, _ = clinic.examine(refusal(500, "<html>Oh no</html>"), 'server = "vllm"\n')
    assert said.code == 4
    assert "it broke down (500)" in told(said)
    assert "<html>" not in told(said)


def test_a_price_that_nobody_knows_is_2_and_nothing_is_asked(clinic: Clinic):
    said, server = clinic.examine(Twin("dashscope"), 'server = "dashscope"\n')
    assert said.code == 2
    assert "its price is not known" in told(said).lower()
    assert not server.received


def test_the_model_is_the_one_named_or_the_default_or_the_only_one(clinic: Clinic):
    with listening(Twin("vllm")) as server:
        one, other = route(server.url, name="fast"), route(server.url, name="slow")
        (clinic.folder / "deputy.toml").write_text(DEPUTY + one)
        assert clinic.shell("doctor", "model", "--json").json["model"] == "fast"
        (clinic.folder / "deputy.toml").write_text(DEPUTY + one + other)
        said = clinic.shell("doctor", "model")
        assert (said.code, "Name one: fast, slow" in said.err) == (2, True)
        assert clinic.shell("doctor", "model", "slow", "--json").json["model"] == "slow"
        said = clinic.shell("doctor", "model", "quick")
        assert (said.code, "There is no model 'quick'" in said.err) == (2, True)
        assert "has no server to ask" in clinic.shell("doctor", "model", "rehearsal").err


def test_a_workspace_without_a_model_says_so(clinic: Clinic):
    said = clinic.shell("doctor", "model")
    assert (said.code, "deputy.toml has no model with a server." in said.err) == (2, True)


def test_the_doctor_of_the_workspace_says_what_it_knows_of_models_without_asking_them(clinic: Clinic):
    with listening(Twin("vllm")) as server:
        known, unknown = route(server.url, name="known"), route(server.url, name="unknown", model="nobody-1")
        unpriced = route(server.url, 'server = "dashscope"\n', name="unpriced")
        (clinic.folder / "deputy.toml").write_text(DEPUTY + known + unknown + unpriced)
        found = [one for one in clinic.shell("doctor", "--json").json if one["check"] == "models"]
    assert [one["level"] for one in found] == ["ok", "warning", "error"]
    assert "nothing is known of a model 'nobody-1'" in found[1]["message"]
    assert found[2]["remedy"] == "Give `price` in EUR per million tokens under [models.unpriced]."
    assert not server.received
