"""What was lent to a port does not come back from it, in whatever it returns or raises."""

import asyncio
import traceback

import pytest
from tests.adapters.tool.hosts import intent_of, spec_of

from deputy.adapters.lending import Lending, LentModel, LentTool
from deputy.base.errors import DeputyError
from deputy.domain.effect import Done, Failed, Result, ToolSpec, Unknown
from deputy.domain.message import ModelCall, Prompt, Reply, Script
from deputy.testing.fakes import CountingTools, StubModel

CANARY = 'can"ary 4711/\\é'


def lending(**values: str) -> Lending:
    lent = Lending(lambda reference: values[reference.partition(":")[2]])
    for name in values:
        lent.lend(f"secret:{name}")
    return lent


def returned(result: Result | BaseException) -> Result:
    tools = CountingTools([spec_of("erp.get")])

    async def answer(_: object) -> Result:
        if isinstance(result, BaseException):
            raise result
        return result

    tools.answer = answer
    return asyncio.run(LentTool(tools, lending(ERP=CANARY)).invoke(intent_of("erp.get")))


@pytest.mark.parametrize("form", [
    CANARY, "can%22ary%204711%2F%5C%C3%A9", 'can"ary 4711/\\\\é', 'can\\"ary 4711/\\\\\\u00e9',
])  # fmt: skip
def test_a_secret_in_a_result_is_its_name(form: str):
    value = {"said": f"key={form}.", "deep": [{form: [1, None, form]}], "n": 7}
    assert returned(Done(value)) == Done({
        "said": "key=[secret:ERP].", "deep": [{"[secret:ERP]": [1, None, "[secret:ERP]"]}], "n": 7
    })  # fmt: skip


def test_a_secret_in_a_failure_is_its_name():
    assert returned(Failed("tool_error", f"bad key {CANARY}")) == Failed("tool_error", "bad key [secret:ERP]")
    assert returned(Unknown(f"cut at {CANARY}")) == Unknown("cut at [secret:ERP]")


def test_an_error_of_ours_keeps_its_kind_and_loses_the_secret():
    with pytest.raises(DeputyError) as raised:
        try:
            raise ValueError(CANARY)
        except ValueError as exc:
            refused = DeputyError(f"no {CANARY}", f"not {CANARY}")
            refused.__context__ = exc
        returned(refused)
    assert (raised.value.message, raised.value.remedy) == ("no [secret:ERP]", "not [secret:ERP]")
    assert "4711" not in "".join(traceback.format_exception(raised.value))


def test_a_defect_that_quotes_a_secret_is_told_without_it():
    with pytest.raises(RuntimeError, match=r"^KeyError: .*secret:ERP") as raised:
        returned(KeyError(CANARY))
    text = "".join(traceback.format_exception(raised.value))
    assert "4711" not in text and "in answer" in text  # where it happened is still told


def test_a_defect_that_quotes_none_is_left_as_it_is():
    defect = KeyError("other")
    with pytest.raises(KeyError) as raised:
        returned(defect)
    assert raised.value is defect


def test_a_description_that_a_model_is_shown_holds_no_secret():
    schema: dict[str, object] = {"type": "object", "properties": {"a": {"description": CANARY}}}
    tools = CountingTools([ToolSpec(name="erp.get", description=f"Use {CANARY}", parameters=schema)])
    (spec,) = asyncio.run(LentTool(tools, lending(ERP=CANARY)).catalogue())
    assert "4711" not in str(spec) and spec.description == "Use [secret:ERP]"


def test_a_models_reply_holds_no_secret():
    reply = Reply(text=CANARY, reasoning=CANARY, calls=(ModelCall("c1", "pay", '{"k": "can\\"ary 4711/\\\\é"}'),))
    model = LentModel(StubModel(lambda _: reply), lending(KEY=CANARY))
    intent = intent_of("erp.get")
    intent.request = Prompt(
        route="default", agent="a", version="v", messages=(), max_tokens=1, script=Script("", (), (0,))
    )
    done = asyncio.run(model.complete(intent))
    assert isinstance(done, Done) and isinstance(done.value, Reply)
    assert (done.value.text, done.value.reasoning) == ("[secret:KEY]", "[secret:KEY]")
    assert done.value.calls[0].arguments == '{"k": "[secret:KEY]"}'


def test_what_was_lent_before_a_change_is_still_found():
    values = {"ERP": "old-canary"}
    lent = Lending(lambda reference: values[reference.partition(":")[2]])
    lent.lend("secret:ERP")
    values["ERP"] = "new-canary"
    lent.lend("secret:ERP")
    assert lent.text("old-canary new-canary") == "[secret:ERP] [secret:ERP]"


def test_the_longer_of_two_secrets_is_found_first():
    assert lending(A="canary", B="canary-long").text("canary-long canary") == "[secret:B] [secret:A]"


def test_where_nothing_was_lent_nothing_is_looked_at():
    class Watched(dict[str, object]):
        def items(self):
            raise AssertionError("somebody looked")

    result = Done(Watched(a=1))
    lent = Lending(lambda _: "")
    assert lent.result(result) is result


def test_what_a_model_says_in_pieces_is_heard_without_the_secret_however_it_is_split():
    for size in range(1, len(CANARY) + 3):
        said = f"Key {CANARY}, can you see can{CANARY}?"
        heard: dict[str, str] = {"text": "", "reasoning": ""}

        def aloud(kind: str, piece: str, heard: dict[str, str] = heard) -> None:
            heard[kind] += piece

        say = lending(ERP=CANARY).aloud(aloud)
        for at in range(0, len(said), size):
            say("reasoning", said[at : at + size])
            say("text", said[at : at + size])
        assert heard["text"] == heard["reasoning"] == "Key [secret:ERP], can you see can[secret:ERP]?"


def test_what_a_model_says_is_heard_at_once_where_it_begins_nothing_that_was_lent():
    heard = list[str]()
    say = lending(ERP=CANARY).aloud(lambda _, piece: heard.append(piece))
    say("text", "Good mor")
    say("text", "ning")
    assert heard == ["Good mor", "ning"]
