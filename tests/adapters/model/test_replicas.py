"""One model in several places: a run stays at one, and goes on elsewhere while that is down."""

import asyncio
from pathlib import Path

import pytest
from tests.adapters.model.asking import intent_of, prompt_of
from tests.adapters.model.server import chunk, refusal, serving, streamed, usage

from deputy.adapters.egress import Egress
from deputy.adapters.model.openai_chat import Endpoint, OpenAIChat
from deputy.adapters.model.replicas import AWAY, Replicas
from deputy.base.clock import SystemClock
from deputy.base.errors import ConfigError
from deputy.domain.effect import Done, Failed, Intent, Result, Unknown
from deputy.testing.fakes import StubModel, says

ANSWER = streamed(chunk({"content": "well"}, finish="stop"), usage())


class Later(SystemClock):
    """A clock that can be put forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def boot(self) -> float:
        return super().boot() + self.ahead


def of_run(run: str) -> Intent:
    intent = intent_of(prompt_of())
    intent.run = run
    return intent


def places(results: dict[str, Result], clock: Later) -> tuple[Replicas, dict[str, StubModel]]:
    stubs = {name: StubModel(lambda _, name=name: results[name]) for name in results}
    return Replicas(dict(stubs), clock), stubs


def test_the_calls_of_a_run_stay_at_one_place_and_runs_are_spread():
    replicas, stubs = places({name: Done(says(name)) for name in "abc"}, Later())

    async def scenario() -> None:
        for run in range(30):
            before = {name: len(stub.asked) for name, stub in stubs.items()}
            for _ in range(3):
                await replicas.complete(of_run(f"r{run}"))
            grown = [len(stub.asked) - before[name] for name, stub in stubs.items()]
            assert sorted(grown) == [0, 0, 3]

    asyncio.run(scenario())
    assert all(stub.asked for stub in stubs.values())


@pytest.mark.parametrize("down", [
    Failed("model_unreachable", "no", retry=True), Failed("model_server_error", "no", retry=True), Unknown("cut"),
])  # fmt: skip
def test_while_a_place_is_down_its_runs_go_on_elsewhere_and_return_when_it_is_back(down: Result):
    clock = Later()
    results: dict[str, Result] = {"a": Done(says("a")), "b": Done(says("b"))}
    replicas, _ = places(results, clock)

    async def said() -> str:
        result = await replicas.complete(of_run("r1"))
        return getattr(result.value, "text", "") if isinstance(result, Done) else "failed"

    async def scenario() -> None:
        home = await said()
        other = "b" if home == "a" else "a"
        results[home] = down
        assert [await said() for _ in range(3)] == ["failed", other, other]
        results[home] = Done(says(home))
        clock.ahead = AWAY + 1
        assert await said() == home

    asyncio.run(scenario())


def test_a_refusal_of_the_request_itself_moves_nothing():
    replicas, stubs = places({name: Failed("model_bad_request", "no") for name in "ab"}, Later())
    for _ in range(3):
        asyncio.run(replicas.complete(of_run("r1")))
    assert sorted(len(stub.asked) for stub in stubs.values()) == [0, 3]


def test_two_servers_of_which_one_refuses_every_connection():
    async def scenario() -> None:
        async with serving(ANSWER) as alive, serving(refusal(503, {"error": {"message": "full"}})) as full:
            egress = Egress([alive.url, full.url])
            models = {
                url: OpenAIChat(Endpoint(name="default", base_url=url, model="m"), egress)
                for url in (alive.url, full.url)
            }
            replicas = Replicas(models, SystemClock())
            for run in range(6):
                result = await replicas.complete(of_run(f"r{run}"))
                if not isinstance(result, Done):
                    result = await replicas.complete(of_run(f"r{run}"))
                assert isinstance(result, Done)
            assert len(full.received) <= 1 and len(alive.received) == 6
            await replicas.close()
            await egress.close()

    asyncio.run(scenario())


def test_addresses_and_teams_are_read_and_checked(tmp_path: Path):
    from tests.cli.offices import DEPUTY, PEOPLE, make

    from deputy.app.config import load

    people = PEOPLE + '[groups.finance]\nname = "Finance"\n'
    model = '[models.m]\nprovider = "openai"\nmodel = "q"\nbase_url = ["http://a:1/v1/", "http://b:1/v1"]\n'
    make(tmp_path, {}, DEPUTY + model + "[teams]\nfinance = 2.5\n", people)
    settings = load(tmp_path)
    assert settings.models["m"].addresses == ("http://a:1/v1", "http://b:1/v1")
    assert settings.teams == {"finance": 2.5}
    for wrong, says_so in (
        (DEPUTY + "[teams]\nnobody = 1\n", "no group"), (DEPUTY + "[teams]\nfinance = 0\n", "weight"),
        (DEPUTY + model.replace("http://a:1/v1/", "http://b:1/v1/"), "twice"),
    ):  # fmt: skip
        make(tmp_path, {}, wrong, people)
        with pytest.raises(ConfigError, match=says_so):
            load(tmp_path)
