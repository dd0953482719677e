"""Answers of a declared shape, and replies that nobody could read: one repair, in the journal, then a failure."""

import asyncio
import dataclasses
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
from tests.kernel.bench_of import agent, answer, asked, bench, scripted, state

from deputy.adapters.wire.schema import Validator
from deputy.domain.delivery import Tell
from deputy.domain.effect import Failed, Intent, Result, ToolSpec
from deputy.domain.event import Event, ModelIntent, ModelReply, Outcome, Received, Said, Started
from deputy.domain.message import ModelCall, Prompt, Reply
from deputy.domain.run import Run, fold
from deputy.kernel.answer import Answers, Shape, shape_of
from deputy.kernel.desk import Desk, ToolFailed
from deputy.kernel.loop import AskModel, Finish, next_step
from deputy.testing.fakes import StubModel, calls, says

SHAPE: dict[str, object] = {
    "type": "object",
    "properties": {"total": {"type": "number"}, "currency": {"enum": ["EUR", "CNY"]}},
    "required": ["total", "currency"],
    "additionalProperties": False,
}
GOOD = '{"total": 5, "currency": "EUR"}'
UNREAD = Failed("unparsed_tool_call", "The reply has a tool call as text that cannot be taken: its JSON is wrong.")


def in_turn(*replies: Reply | Result) -> StubModel:
    """A model that gives these replies one after the other, whatever came of them."""
    left = list(replies)
    return StubModel(lambda _: left.pop(0))


def final(arguments: str = GOOD) -> Reply:
    return calls(("final_answer", arguments))


def ended(folder: Path, model: StubModel, *, shape: dict[str, object] | None = SHAPE) -> Run:
    """A run of an agent whose answer has this shape, driven to its end."""
    folder.mkdir(exist_ok=True)

    async def main() -> Run:
        async with bench(folder, model, agents=[agent(answer=shape)]) as work:
            run = await work.start("clerk")
            await work.work()
            found = await state(work, run)
            assert found.ended is not None
            return found

    return asyncio.run(main())


def outcome(run: Run) -> tuple[str, str]:
    """How a run ended: its answer, or the code of its failure."""
    assert run.ended is not None
    return run.ended.state, run.ended.error.code if run.ended.error else run.ended.answer


def lines(prompt: Prompt) -> list[tuple[str, str]]:
    return [(message.role, message.text) for message in prompt.messages]


# -- the loop


def test_the_shape_is_offered_as_a_tool_and_its_call_is_the_answer(tmp_path: Path) -> None:
    model = in_turn(calls(("look", '{"id": 1}')), final())
    run = ended(tmp_path, model)
    assert outcome(run) == ("done", '{"currency":"EUR","total":5}')
    offered = {tool.name: tool.parameters for tool in model.asked[0].tools}
    assert offered["final_answer"] == SHAPE
    assert "final_answer" in model.asked[0].messages[0].text
    assert [effect.status for effect in run.effects.values()] == ["done"] * 4


def test_without_a_shape_nothing_is_offered(tmp_path: Path) -> None:
    model = in_turn(says("five"))
    assert outcome(ended(tmp_path, model, shape=None)) == ("done", "five")
    assert [tool.name for tool in model.asked[0].tools if tool.name == "final_answer"] == []


def test_without_a_shape_the_name_is_a_tool_that_nobody_knows(tmp_path: Path) -> None:
    run = ended(tmp_path, in_turn(final(), says("five")), shape=None)
    assert run.effects[2].error is not None
    assert run.effects[2].error.code == "unknown_tool"
    assert outcome(run) == ("done", "five")


def test_a_wrong_answer_is_corrected_once_with_every_reason(tmp_path: Path) -> None:
    model = in_turn(final('{"total": "5", "tax": 1}'), final())
    assert outcome(ended(tmp_path, model))[0] == "done"
    role, text = lines(model.asked[1])[-1]
    assert role == "tool"
    for reason in ("`total` must be a number.", "`currency` is missing.", "`tax` is not known here.", "the last try"):
        assert reason in text
    assert model.asked[1].messages[: len(model.asked[0].messages)] == model.asked[0].messages


def test_a_second_wrong_answer_fails_the_run_and_says_why(tmp_path: Path) -> None:
    run = ended(tmp_path, in_turn(final("{}"), final('{"total": 5}')))
    assert outcome(run) == ("failed", "invalid_answer")
    assert run.ended is not None
    assert run.ended.error is not None
    assert "`currency` is missing." in run.ended.error.message
    assert "last try" not in run.ended.error.message


def test_between_two_tries_the_model_may_look_again(tmp_path: Path) -> None:
    look = calls(("look", "{}"))
    assert outcome(ended(tmp_path / "a", in_turn(final("{}"), look, final())))[0] == "done"
    assert outcome(ended(tmp_path / "b", in_turn(final("{}"), look, final("{}"))))[1] == "invalid_answer"


@pytest.mark.parametrize("text", [GOOD, f"```json\n{GOOD}\n```", f"\n {GOOD} \n"])
def test_an_answer_that_is_written_down_as_json_is_taken(tmp_path: Path, text: str) -> None:
    assert outcome(ended(tmp_path, in_turn(says(text)))) == ("done", '{"currency":"EUR","total":5}')


def test_an_answer_in_words_is_asked_for_once_more(tmp_path: Path) -> None:
    model = in_turn(says("It is five."), final())
    run = ended(tmp_path, model)
    assert outcome(run)[0] == "done"
    assert lines(model.asked[1])[-2:][0] == ("assistant", "It is five.")
    role, text = lines(model.asked[1])[-1]
    assert role == "user"
    assert "calling `final_answer`" in text
    assert [note.kind for note in run.notes.values()] == ["repair"]


@pytest.mark.parametrize("second", [says("Really five."), says(""), says('{"total": 5}'), final("{}")])
def test_an_answer_in_words_twice_fails_the_run(tmp_path: Path, second: Reply) -> None:
    assert outcome(ended(tmp_path, in_turn(says("It is five."), second))) == ("failed", "invalid_answer")


def test_an_answer_beside_other_calls_comes_too_soon(tmp_path: Path) -> None:
    model = in_turn(calls(("look", "{}"), ("final_answer", GOOD)), final())
    run = ended(tmp_path, model)
    assert outcome(run)[0] == "done"
    assert [text for role, text in lines(model.asked[1]) if role == "tool" and "alone and once" in text]
    assert run.effects[2].status == "done"


def test_two_answers_in_one_reply_are_none(tmp_path: Path) -> None:
    both = calls(("final_answer", GOOD), ("final_answer", '{"total": 6, "currency": "CNY"}'))
    assert outcome(ended(tmp_path, in_turn(both, final()))) == ("done", '{"currency":"EUR","total":5}')


@pytest.mark.parametrize("arguments", ['{"total": 5', "[1]", '"x"', "[" * 5000])
def test_an_answer_that_is_no_object_is_corrected(tmp_path: Path, arguments: str) -> None:
    assert outcome(ended(tmp_path, in_turn(final(arguments), final())))[0] == "done"


@pytest.mark.parametrize(
    ("shape", "arguments", "answered"),
    [
        ({"type": "array", "items": {"type": "integer"}}, '{"answer": [1, 2]}', "[1,2]"),
        ({"type": "string"}, '{"answer": "x"}', '"x"'),
        ({"$ref": "#/$defs/n", "$defs": {"n": {"type": "integer"}}}, '{"answer": 7}', "7"),
        ({"anyOf": [{"$ref": "#/$defs/n"}, {"type": "null"}], "$defs": {"n": {"type": "integer"}}}, '{"answer": null}',
         "null"),
    ],
)  # fmt: skip
def test_an_answer_that_is_no_object_by_shape_is_wrapped(
    tmp_path: Path, shape: dict[str, object], arguments: str, answered: str
) -> None:
    assert outcome(ended(tmp_path / "called", in_turn(final(arguments)), shape=shape)) == ("done", answered)
    assert outcome(ended(tmp_path / "said", in_turn(says(answered)), shape=shape)) == ("done", answered)
    wrong = in_turn(final('{"answer": {"no": 1}}'), final("{}"))
    assert outcome(ended(tmp_path / "wrong", wrong, shape=shape)) == ("failed", "invalid_answer")


def test_what_a_person_says_comes_before_the_answer() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    said = Said(calls=(ModelCall("c", "final_answer", GOOD),))
    told = Received(at=at, row="t", by="person:wei", delivery=Tell("Add one."))
    events: list[Event] = [
        Started(at=at, agent="clerk", version="v", driver="loop", on_behalf_of="wei", by="person:wei"),
        ModelIntent(at=at, n=1, route="default", max_tokens=9),
        ModelReply(at=at, n=1, said=said),
        Outcome(at=at, n=2, status="done", result={"taken": True}),
    ]

    def problem(spec: ToolSpec, args: Mapping[str, object]) -> str | None:
        return Validator(spec.parameters).problem(args)

    answers = Answers(Shape(SHAPE), problem)
    assert next_step(fold("r", events, lambda _: b""), answers) == Finish('{"currency":"EUR","total":5}')
    assert next_step(fold("r", [*events, told], lambda _: b""), answers) == AskModel(3)


def test_a_tool_of_the_same_name_is_refused(tmp_path: Path) -> None:
    async def main() -> None:
        taken = ToolSpec(name="final_answer", effect="read")
        grants = (*agent().grants, msgspec.structs.replace(agent().grants[0], pattern="final_answer"))
        one = agent(answer=SHAPE, grants=grants)
        async with bench(tmp_path, in_turn(), agents=[one], tools=[taken]) as work:
            run = await work.start("clerk")
            await work.work()
            found = await state(work, run)
            assert outcome(found) == ("failed", "configuration")

    asyncio.run(main())


# -- replies that nobody could read


def test_a_call_that_nobody_could_read_is_asked_for_once_more(tmp_path: Path) -> None:
    model = in_turn(UNREAD, calls(("look", "{}")), says("ok"))
    run = ended(tmp_path, model, shape=None)
    assert outcome(run) == ("done", "ok")
    assert model.asked[1].messages[:-1] == model.asked[0].messages
    role, text = lines(model.asked[1])[-1]
    assert role == "user"
    assert "its JSON is wrong" in text
    assert not set(text) & set("<>")  # it must not look like a call itself
    assert model.asked[2].messages[: len(model.asked[1].messages)] == model.asked[1].messages


def test_two_in_a_row_fail_the_run(tmp_path: Path) -> None:
    model = in_turn(UNREAD, UNREAD)
    assert outcome(ended(tmp_path, model, shape=None)) == ("failed", "unparsed_tool_call")
    assert len(model.asked) == 2


def test_two_with_work_between_them_do_not(tmp_path: Path) -> None:
    look = calls(("look", "{}"))
    model = in_turn(UNREAD, look, UNREAD, look, says("ok"))
    assert outcome(ended(tmp_path, model, shape=None)) == ("done", "ok")


def test_a_run_that_was_stopped_between_reply_and_repair_asks_nothing_twice(tmp_path: Path) -> None:
    """The worker ends after every model call; each next one finds only the journal."""

    async def main(shape: dict[str, object] | None, folder: Path, replies: Sequence[Reply | Result], last: str) -> None:
        folder.mkdir()
        left = list(replies)
        model = StubModel(lambda _: left.pop(0))
        async with bench(folder, model, agents=[agent(answer=shape)]) as work:
            plain = model.complete

            async def complete(intent: Intent) -> Result:
                result = await plain(intent)
                worker.stop()
                return result

            model.complete = complete
            run = await work.start("clerk")
            for _ in range(20):
                worker = work.worker()
                await worker.run(until_idle=True)
                if (await state(work, run)).ended is not None:
                    break
            assert outcome(await state(work, run)) == ("done", last)
            assert left == []
            asks = [[*map(repr, prompt.messages)] for prompt in model.asked]
            assert all(after[: len(before)] == before for before, after in pairwise(asks))

    answered = '{"currency":"EUR","total":5}'
    asyncio.run(main(SHAPE, tmp_path / "a", [UNREAD, calls(("look", "{}")), says("five"), final()], answered))
    asyncio.run(main(SHAPE, tmp_path / "b", [final("{}"), UNREAD, final()], answered))
    asyncio.run(main(None, tmp_path / "c", [UNREAD, says("ok")], "ok"))


def test_arguments_that_are_no_json_go_back_with_the_reason(tmp_path: Path) -> None:
    model = in_turn(calls(("look", '{"id": '), ("look", "[1]"), ("look", '{"id" 1}'), ("look", "{" * 5000)), says("ok"))
    assert outcome(ended(tmp_path, model, shape=None)) == ("done", "ok")
    told = [json.loads(text)["error"] for role, text in lines(model.asked[1]) if role == "tool"]
    assert "input data was truncated" in told[0]
    assert "a list, not a JSON object" in told[1]
    assert "expected ':' (byte 6)" in told[2]
    assert all("one JSON object" in text for text in told)


# -- procedures


@dataclasses.dataclass(frozen=True)
class Line:
    text: str
    amount: float = 0.0


class Invoice(msgspec.Struct):
    number: str
    kind: Literal["invoice", "credit note"]
    lines: list[Line] = []


def procedure_of(folder: Path, model: StubModel, shape: Any, question: str = "Read it.") -> tuple[Any, Run]:
    """What `desk.ask_model` returned (or raised) in a procedure that then waits for an answer and runs again."""
    folder.mkdir(exist_ok=True)
    got: list[Any] = []

    async def procedure(_: str, desk: Desk) -> str:
        try:
            got.append(await desk.ask_model(question, shape))
        except ToolFailed as failure:
            got.append((failure.code, failure.error))
        await desk.ask_person("Go on?")
        return "ok"

    async def main() -> Run:
        async with bench(folder, model, agents=[agent(driver="procedure")], procedures={"clerk": procedure}) as work:
            run = await work.start("clerk")
            await work.work()
            await answer(work, (await asked(work))[0][0], "yes", by="wei")
            await work.work()
            found = await state(work, run)
            assert outcome(found) == ("done", "ok")
            return found

    run = asyncio.run(main())
    assert got[0] == got[1]
    return got[0], run


INVOICE = '{"number": "7", "kind": "invoice", "lines": [{"text": "paper", "amount": 2}]}'


def test_a_question_with_a_shape_gives_a_value_of_it_and_is_asked_once(tmp_path: Path) -> None:
    model = in_turn(final(INVOICE))
    value, run = procedure_of(tmp_path, model, Invoice)
    assert value == Invoice("7", "invoice", [Line("paper", 2.0)])
    assert len(model.asked) == 1
    assert [tool.name for tool in model.asked[0].tools] == ["final_answer"]
    assert model.asked[0].messages[-1].text.startswith("Read it.\n\n")
    assert [effect.call.tool for effect in run.effects.values()] == ["model", "person.ask"]


@pytest.mark.parametrize(
    ("shape", "said", "value"),
    [
        (Line, final('{"text": "x"}'), Line("x")),
        (Line, says('{"text": "x", "amount": 1}'), Line("x", 1.0)),
        (list[str], final('{"answer": ["a", "b"]}'), ["a", "b"]),
        (list[Line], says('[{"text": "x"}]'), [Line("x")]),
        (int, final('{"answer": 5}'), 5),
        (bool, says("true"), True),
        (Literal["yes", "no"], final('{"answer": "yes"}'), "yes"),
        (dict[str, int], final('{"a": 1}'), {"a": 1}),
        (SHAPE, final(), {"total": 5, "currency": "EUR"}),
    ],
)
def test_shapes_are_types_of_python_or_json_schemas(tmp_path: Path, shape: Any, said: Reply, value: Any) -> None:
    assert procedure_of(tmp_path, in_turn(said), shape)[0] == value


def test_a_question_is_repaired_once_with_the_reasons_and_the_models_own_words(tmp_path: Path) -> None:
    model = in_turn(final('{"kind": "bill"}'), final(INVOICE))
    value, run = procedure_of(tmp_path, model, Invoice)
    assert value.number == "7"
    first, second = model.asked
    assert second.messages[: len(first.messages)] == first.messages
    own, told = second.messages[-2:]
    assert own.calls == (ModelCall("c0", "final_answer", '{"kind": "bill"}'),)
    assert (told.role, told.call_id) == ("tool", "c0")
    assert "`number` is missing." in told.text
    assert "`kind` is not one of" in told.text
    assert [effect.call.path for effect in run.effects.values()] == ["1", "1/again", "2"]


@pytest.mark.parametrize("first", [says("It is a bill."), UNREAD, calls(("look", "{}")), calls()])
def test_other_replies_are_repaired_too(tmp_path: Path, first: Reply | Result) -> None:
    model = in_turn(first, final(INVOICE))
    assert procedure_of(tmp_path, model, Invoice)[0].number == "7"
    assert len(model.asked) == 2


@pytest.mark.parametrize(
    ("second", "code"), [(final("{}"), "invalid_answer"), (says("no"), "invalid_answer"), (UNREAD, UNREAD.code)]
)
def test_a_question_that_fails_twice_is_a_typed_failure(tmp_path: Path, second: Reply | Result, code: str) -> None:
    found, _ = procedure_of(tmp_path, in_turn(final("{}"), second), Invoice)
    assert found[0] == code


def test_other_failures_of_a_question_are_not_repaired(tmp_path: Path) -> None:
    model = in_turn(Failed("model_unauthorized", "no"))
    assert procedure_of(tmp_path, model, Invoice)[0] == ("model_unauthorized", "no")


def test_a_plain_question_that_nobody_could_read_is_asked_once_more(tmp_path: Path) -> None:
    model = in_turn(UNREAD, says("five"))
    assert procedure_of(tmp_path, model, None)[0] == "five"
    assert procedure_of(tmp_path / "b", in_turn(UNREAD, UNREAD), None)[0][0] == "unparsed_tool_call"


@pytest.mark.parametrize("shape", [object(), complex, {"type": "no such"}, {"$ref": "https://x.example/s"}])
def test_a_shape_that_cannot_be_used_ends_the_procedure_before_anybody_is_asked(tmp_path: Path, shape: Any) -> None:
    async def procedure(_: str, desk: Desk) -> str:
        return str(await desk.ask_model("Read it.", shape))

    async def main() -> None:
        model = in_turn()
        async with bench(tmp_path, model, agents=[agent(driver="procedure")], procedures={"clerk": procedure}) as work:
            run = await work.start("clerk")
            await work.work()
            found = await state(work, run)
            assert outcome(found) == ("failed", "procedure")
            assert found.ended is not None
            assert found.ended.error is not None
            assert "shape" in found.ended.error.message
            assert model.asked == []

    asyncio.run(main())


def test_a_type_that_refers_to_itself_has_a_shape() -> None:
    class Node(msgspec.Struct):
        children: "list[Any]" = []

    assert shape_of(Node).offer.parameters["type"] == "object"


def test_rehearsed_models_are_numbered_as_before(tmp_path: Path) -> None:
    model = scripted(final("{}"), final())
    assert outcome(ended(tmp_path, model))[0] == "done"
