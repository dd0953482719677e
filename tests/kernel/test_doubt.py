"""What becomes of an effect that gave no answer: read back, made again, or shown to a person; never guessed."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from tests.kernel.bench_of import PAY, READ, agent, answer, asked, bench, scripted, state

from deputy.domain.agent import Grant
from deputy.domain.effect import NOT_SENT, Call, Done, Failed, Intent, Result, ToolRequest, ToolSpec, Unknown
from deputy.domain.effect_state import Effect
from deputy.domain.event import Fault
from deputy.domain.run import Run
from deputy.kernel.doubt import MOST_ATTEMPTS, is_absent, plan
from deputy.testing.fakes import calls, says

NOW = datetime(2026, 3, 1, tzinfo=UTC)
FIND = msgspec.structs.replace(READ, name="find")
CHECKED = msgspec.structs.replace(PAY, verify="find")
CERTAIN = msgspec.structs.replace(CHECKED, conclusive=True)


def effect(spec: ToolSpec, *, ago: float = 1.0, **known: object) -> Effect:
    """An effect whose latest attempt gave no answer."""
    at = NOW - timedelta(seconds=ago)
    found = Effect(2, "tool", Call(spec.name), status="unknown", attempt=1, first_at=at, at=at, repeat=spec.repeat)
    found.keyed_for = spec.keyed_for
    for name, value in known.items():
        setattr(found, name, value)
    return found


KEYED = msgspec.structs.replace(PAY, repeat="keyed", keyed_for=60.0)
SAFE = msgspec.structs.replace(PAY, repeat="safe")
LEFT = MOST_ATTEMPTS - 1


@pytest.mark.parametrize(
    ("spec", "known", "permitted", "absent", "does"),
    [
        (READ, {}, True, False, "repeat"),
        (READ, {"attempt": MOST_ATTEMPTS}, True, False, "lost"),
        (READ, {}, False, False, "lost"),
        (SAFE, {"attempt": MOST_ATTEMPTS}, True, False, "doubt"),  # it may have happened, whatever repeats do no harm
        (KEYED, {}, True, False, "repeat"),
        (KEYED, {"attempt": LEFT}, True, False, "repeat"),
        (KEYED, {"attempt": MOST_ATTEMPTS}, True, False, "doubt"),
        (KEYED, {"ago": 61.0}, True, False, "doubt"),  # the far side may have forgotten our key
        (KEYED, {}, False, False, "doubt"),
        (PAY, {}, True, False, "doubt"),
        (PAY, {"error": Fault(NOT_SENT, "")}, True, False, "repeat"),
        (PAY, {"error": Fault(NOT_SENT, "")}, False, False, "doubt"),
        (CHECKED, {}, True, False, "verify"),
        (CHECKED, {"status": "claimed"}, True, False, "wait"),  # the old attempt may still be under way
        (CHECKED, {"status": "claimed", "ago": 3.0}, True, False, "verify"),
        (CHECKED, {}, True, True, "doubt"),
        (CERTAIN, {}, True, True, "repeat"),
        (CERTAIN, {}, False, True, "doubt"),
        (CERTAIN, {"attempt": MOST_ATTEMPTS}, True, True, "doubt"),
    ],
)  # fmt: skip
def test_what_to_do_follows_from_how_it_may_be_repeated_and_read_back(
    spec: ToolSpec, known: dict[str, object], permitted: bool, absent: bool, does: str
):
    ago = known.get("ago", 1.0)
    assert isinstance(ago, float)
    found = effect(spec, ago=ago, **{name: value for name, value in known.items() if name != "ago"})
    assert plan(found, spec, NOW, permitted=permitted, absent=absent).do == does


def test_a_tool_that_is_gone_leaves_a_doubt():
    assert plan(effect(PAY), None, NOW, permitted=False).do == "doubt"


@pytest.mark.parametrize(
    "value", [None, False, "", [], {}, {"found": False}, {"exists": False}, {"result": None}, {"result": []}]
)
def test_nothing_and_a_plain_no_mean_absent(value: object):
    assert is_absent(value)


@pytest.mark.parametrize("value", [0, True, {"found": True}, {"result": {"id": 1}}, {"id": "x"}, [0]])
def test_anything_else_means_that_it_is_there(value: object):
    assert not is_absent(value)


async def paid(
    folder: Path, spec: ToolSpec, first: Result, found: Result | None = None, *, settle: bool | None = None
) -> tuple[Run, list[str]]:
    """A run that pays once, whose first attempt and read-back end so; and the tools that were called."""
    grants = (Grant(pattern="pay", autonomy="act"),)
    tools = (spec, FIND) if found is not None else (spec,)
    model = scripted(calls(("pay", '{"amount": 1}')), says("done"))
    async with bench(folder, model, agents=[agent(grants=grants)], tools=tools) as work:

        async def answers(intent: Intent) -> Result:
            assert isinstance(intent.request, ToolRequest)
            if intent.request.spec.name == "find":
                assert intent.request.args == {"effect_id": intent.key}
                assert found is not None
                return found
            return first if work.tools.count("pay") == 1 else Done({"paid": 1})

        work.tools.answer = answers
        run = await work.start("clerk")
        await work.work(run)
        if settle is not None:
            ((item, _),) = await asked(work, "in_doubt")
            assert await answer(work, item, settle)
            await work.work(run)
        return await state(work, run), [name for name, _, _ in work.tools.calls]


LOST = Unknown("The line was cut.")


@pytest.mark.parametrize(
    ("spec", "found", "called", "status"),
    [
        (CHECKED, Done({"id": "p1"}), ["pay", "find"], "done"),
        (CHECKED, Done({"found": False}), ["pay", "find"], "in_doubt"),
        (CHECKED, Failed("down", "It is down."), ["pay", "find"], "in_doubt"),
        (CERTAIN, Done({"found": False}), ["pay", "find", "pay"], "done"),
        (CERTAIN, Done({"id": "p1"}), ["pay", "find"], "done"),
        (CHECKED, None, ["pay"], "in_doubt"),  # the read-back it names is no tool
        (PAY, None, ["pay"], "in_doubt"),
        (KEYED, None, ["pay", "pay"], "done"),
    ],
)
def test_a_payment_without_an_answer_is_read_back_repeated_or_doubted(
    tmp_path: Path, spec: ToolSpec, found: Result | None, called: list[str], status: str
):
    run, made = asyncio.run(paid(tmp_path, spec, LOST, found))
    assert made == called
    assert run.effects[2].status == status
    assert (run.ended is not None) == (status == "done")


@pytest.mark.parametrize(("happened", "status"), [(True, "done"), (False, "failed")])
def test_a_person_settles_a_doubt_either_way_and_nothing_is_paid_again(tmp_path: Path, happened: bool, status: str):
    run, made = asyncio.run(paid(tmp_path, PAY, LOST, settle=happened))
    assert made == ["pay"]
    assert run.effects[2].status == status
    assert run.ended is not None


def test_what_was_certainly_not_sent_is_sent_whatever_it_is(tmp_path: Path):
    run, made = asyncio.run(paid(tmp_path, PAY, Failed(NOT_SENT, "Not sent.", retry=True)))
    assert made == ["pay", "pay"]
    assert run.effects[2].status == "done"
