import random
import re
import string
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.adapters.model.asking import offer, prompt_of
from tests.adapters.model.server import chunk, usage

from deputy.adapters.wire.chat import (
    CutStream,
    Dialect,
    ErrorChunk,
    ReplyBuilder,
    ReplyTooLarge,
    ToolNames,
    WireError,
    request,
    wire_name,
)
from deputy.base.canonical import canonical
from deputy.base.errors import ConfigError
from deputy.domain.message import Message, ModelCall, Prompt, Reply, Script, Usage

Json = dict[str, object]


def built(*chunks: object, prompt: Prompt | None = None, sent: int = 100, limit: int = 10_000) -> Reply:
    builder = ReplyBuilder(prompt or prompt_of(), sent=sent, limit=limit)
    for each in chunks:
        builder.add(each)
    return builder.reply()


def piece(
    arguments: str | None = None, *, index: int | None = 0, id: str | None = None, name: str | None = None
) -> Json:
    """A chunk with a piece of one tool call; what is None is left out."""
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    call: Json = {key: value for key, value in (("index", index), ("id", id)) if value is not None}
    return chunk({"tool_calls": [{**call, "function": function}]})


def called(*chunks: object) -> list[tuple[str, str, str]]:
    reply = built(*chunks, chunk(finish="tool_calls"))
    return [(call.id, call.tool, call.arguments) for call in reply.calls]


# --- requests ---------------------------------------------------------------------------------------------------------


def test_a_request_streams_counts_and_is_capped():
    body = request(prompt_of(max_tokens=77), model="qwen3.7-plus", extra={"enable_thinking": True})
    assert body == {
        "enable_thinking": True,
        "model": "qwen3.7-plus",
        "messages": [{"role": "user", "content": "What is due?"}],
        "max_tokens": 77,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


@pytest.mark.parametrize("parallel", [True, False])
def test_tools_are_offered_by_their_wire_names_and_parallel_calls_are_explicit(parallel: bool):
    body = request(prompt_of(tools=[offer("erp.pay")]), model="m", dialect=Dialect(parallel=parallel))
    assert body["parallel_tool_calls"] is parallel
    function = {"name": "erp__pay", "description": "Does erp.pay.", "parameters": offer("erp.pay").parameters}
    assert body["tools"] == [{"type": "function", "function": function}]


def test_a_tool_is_demanded_only_where_a_probe_found_that_it_can_be():
    prompt = msgspec.structs.replace(prompt_of(tools=[offer("erp.pay")]), must="erp.pay")
    assert "tool_choice" not in request(prompt, model="m")
    demanded = {"type": "function", "function": {"name": "erp__pay"}}
    assert request(prompt, model="m", dialect=Dialect(forced=True))["tool_choice"] == demanded
    plain = prompt_of(tools=[offer("erp.pay")])
    assert "tool_choice" not in request(plain, model="m", dialect=Dialect(forced=True))


def test_there_is_one_system_message_and_it_comes_first():
    messages = (
        Message("system", "You are payables."),
        Message("system", "Be brief."),
        Message("user", "Pay."),
        Message("system", "The budget was raised."),
    )
    assert request(prompt_of(*messages), model="m")["messages"] == [
        {"role": "system", "content": "You are payables.\n\nBe brief."},
        {"role": "user", "content": "Pay."},
        {"role": "user", "content": "The budget was raised."},
    ]


def test_reasoning_goes_back_beside_its_tool_calls():
    messages = (
        Message("user", "Pay."),
        Message("assistant", "", "First look.", (ModelCall("c1", "erp.get_invoice", '{"id": "INV-7"}'),)),
        Message("tool", '{"amount": 5}', call_id="c1"),
        Message("assistant", reasoning="Only a thought."),
    )
    function = {"name": "erp__get_invoice", "arguments": '{"id": "INV-7"}'}
    assert request(prompt_of(*messages), model="m")["messages"] == [
        {"role": "user", "content": "Pay."},
        {
            "role": "assistant",
            "content": "",
            "reasoning_content": "First look.",
            "tool_calls": [{"id": "c1", "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": '{"amount": 5}'},
        {"role": "assistant", "content": "", "reasoning_content": "Only a thought."},
    ]


@pytest.mark.parametrize(
    ("written", "replayed"),
    [
        ('{"a": 1}', '{"a": 1}'),
        ("", "{}"),
        ("  ", "{}"),
        ('{"a": ', '{"not_an_object":"{\\"a\\": "}'),
        ("[1]", '{"not_an_object":"[1]"}'),
        ("[" * 5000, '{"not_an_object":"' + "[" * 5000 + '"}'),
    ],
)
def test_arguments_that_are_no_object_are_replayed_as_one_that_quotes_them(written: str, replayed: str):
    message = Message("assistant", calls=(ModelCall("c", "t", written),))
    assert f'"arguments":{canonical(replayed).decode()}'.encode() in canonical(request(prompt_of(message), model="m"))


# --- names of tools ---------------------------------------------------------------------------------------------------

NAME = st.text(string.ascii_letters + string.digits + "._-", min_size=1, max_size=80) | st.text(max_size=80)


@given(st.sets(NAME, max_size=20))
def test_every_tool_has_a_wire_name_of_its_own_that_leads_back(tools: set[str]):
    names = ToolNames(tools)
    for tool in tools:
        assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", wire_name(tool))
        assert names.tool(wire_name(tool)) == tool


@given(NAME)
def test_a_name_nobody_offered_is_replayed_as_the_model_wrote_it_where_the_wire_allows(name: str):
    tool = ToolNames(()).tool(name)
    if re.fullmatch(r"[a-zA-Z0-9-]{1,30}(__?[a-zA-Z0-9-]{1,30})?", name):
        assert wire_name(tool) == name
    assert ToolNames(()).tool(wire_name(tool)) in (tool, wire_name(tool))


def test_names_that_look_alike_stay_apart():
    tools = [
        "a.b",
        "a__b",
        "a._b",
        "a_.b",
        "a..b",
        "a.b_",
        "_a.b",
        "a b",
        "a/b",
        "a" * 64,
        "a" * 65,
        "a" * 66,
        "é",
        "è",
    ]
    wire = [wire_name(tool) for tool in tools]
    assert len(set(wire)) == len(tools)
    assert wire[0] == "a__b"
    assert wire[9] == "a" * 64


def test_a_tool_named_like_the_short_form_of_another_gets_another():
    names = ["x" * 65, wire_name("x" * 65)]
    assert [ToolNames(names).tool(wire_name(name)) for name in names] == names


def test_tools_that_look_the_same_to_a_model_are_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("deputy.adapters.wire.chat.names.digest", lambda data: "0" * 64)  # pyright: ignore
    with pytest.raises(ConfigError, match="look the same to a model"):
        request(prompt_of(tools=[offer("a b"), offer("a/b")]), model="m")


# --- replies ----------------------------------------------------------------------------------------------------------


def test_text_reasoning_and_usage_add_up():
    reply = built(
        chunk({"role": "assistant", "content": ""}),
        chunk({"reasoning_content": "Let me "}),
        chunk({"reasoning_content": "see.", "content": None}),
        chunk({"content": "Two "}),
        chunk({"content": "invoices."}),
        chunk({}, finish="stop", usage=None),
        usage(100, 20, cached=64, reasoning=8),
    )
    assert reply == Reply(
        text="Two invoices.",
        reasoning="Let me see.",
        usage=Usage(100, 20, 64, 8),
        model="qwen-test",
        finish="stop",
    )


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_both_names_for_reasoning_are_read(field: str):
    assert built(chunk({field: "hm"}), chunk(finish="stop")).reasoning == "hm"


def test_reasoning_that_comes_under_both_names_is_read_once():
    assert built(chunk({"reasoning": "hm", "reasoning_content": "hm"}), chunk(finish="stop")).reasoning == "hm"


def test_tool_calls_come_in_pieces_by_index():
    assert called(
        piece("", id="c1", name="erp__get_invoice"),
        piece('{"id"'),
        piece("", index=1, id="c2", name="erp__pay"),
        piece(': "INV-7"}'),
        piece('{"amount": 5}', index=1),
    ) == [("c1", "erp.get_invoice", '{"id": "INV-7"}'), ("c2", "erp.pay", '{"amount": 5}')]


def test_tool_calls_keep_the_order_of_their_index():
    assert called(piece("{}", index=1, id="b", name="b"), piece("{}", index=0, id="a", name="a")) == [
        ("a", "a", "{}"),
        ("b", "b", "{}"),
    ]


def test_tool_calls_without_an_index_are_told_apart_by_id():
    assert called(
        piece("[", index=None, id="c1", name="a"),
        piece("{", index=None, id="c2", name="b"),
        piece("]", index=None, id="c1"),
        piece("}", index=None),
    ) == [("c1", "a", "[]"), ("c2", "b", "{}")]


def test_tool_calls_without_index_and_id_begin_with_a_name():
    assert called(
        piece("{", index=None, name="a"), piece("}", index=None), piece("{}", index=None, name="b"), piece(index=None)
    ) == [("call_0_0", "a", "{}"), ("call_0_1", "b", "{}")]


def test_several_calls_under_one_index_are_told_apart_by_id():
    assert called(piece("{}", id="c1", name="a"), piece("[", id="c2", name="a"), piece("]")) == [
        ("c1", "a", "{}"),
        ("c2", "a", "[]"),
    ]


def test_a_new_id_with_every_piece_is_still_one_call():
    assert called(piece("{", id="x1", name="a"), piece('"b":', id="x2"), piece("1}", id="x3")) == [
        ("x1", "a", '{"b":1}')
    ]


def test_a_name_that_is_repeated_or_split_is_one_name():
    assert called(piece("{", id="c", name="a"), piece("}", name="a")) == [("c", "a", "{}")]
    assert called(piece(id="c", name="get_"), piece("{}", name="invoice")) == [("c", "get_invoice", "{}")]


def test_arguments_may_be_an_object_or_missing():
    whole: Json = {"index": 0, "id": "c", "function": {"name": "a", "arguments": {"b": [1]}}}
    assert called(chunk({"tool_calls": [whole]})) == [("c", "a", '{"b":[1]}')]
    assert called(piece(id="c", name="a")) == [("c", "a", "{}")]


def test_missing_and_repeated_ids_are_replaced_by_ones_that_fit_the_conversation():
    messages = (Message("user", "x"), Message("assistant", calls=(ModelCall("call_1_1", "a"), ModelCall("c0", "a"))))
    prompt = prompt_of(*messages, script=Script("x", (1,), (0, 1)))
    reply = built(
        piece("{}", index=0, id="c0", name="a"),
        piece("{}", index=1, id="", name="a"),
        piece("{}", index=2, id="n", name="a"),
        piece("{}", index=3, id="n", name="a"),
        chunk(finish="tool_calls"),
        prompt=prompt,
    )
    assert [call.id for call in reply.calls] == ["call_1_0", "call_1_1_", "n", "call_1_3"]


def test_a_stream_without_a_finish_reason_was_cut():
    with pytest.raises(CutStream):
        built(chunk({"content": "Half a"}), usage())


@pytest.mark.parametrize(
    "error",
    [{"error": {"message": "boom"}}, {"error": "boom"}, {"object": "error", "message": "boom", "code": 500}],
)
def test_an_error_inside_the_stream_is_no_reply(error: Json):
    with pytest.raises(ErrorChunk) as caught:
        built(chunk({"content": "a"}), error)
    assert "boom" in str(caught.value.body)


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        [],
        "text",
        7,
        {"choices": {}},
        {"choices": ["x"]},
        {"choices": [{"delta": "x"}]},
        chunk({"content": 7}),
        chunk({"content": ["x"]}),
        chunk({"reasoning_content": {}}),
        chunk({"tool_calls": {}}),
        chunk({"tool_calls": [7]}),
        chunk({"tool_calls": [{"function": "x"}]}),
        chunk({"tool_calls": [{"function": {"arguments": 7}}]}),
        {"model": 7},
    ],
)
def test_a_chunk_of_the_wrong_shape_is_refused(wrong: object):
    with pytest.raises(WireError):
        built(wrong)


@pytest.mark.parametrize("harmless", [{}, {"choices": None}, {"choices": []}, {"choices": [{"delta": None}]}, usage()])
def test_a_chunk_that_says_nothing_is_taken(harmless: object):
    assert built(harmless, chunk({"content": "a"}, finish="stop")).text == "a"


def test_other_choices_are_ignored():
    other: Json = {"choices": [{"index": 1, "delta": {"content": "b"}, "finish_reason": "stop"}]}
    assert built(chunk({"content": "a"}), other, chunk(finish="stop")).text == "a"


@pytest.mark.parametrize(
    "flood",
    [
        chunk({"content": "x" * 1000}),
        chunk({"reasoning": "x" * 1000}),
        piece("x" * 1000),
        piece(name="x" * 1000),
        piece(id="x" * 1000),
        chunk({"tool_calls": [{"function": {"arguments": {"a": "x" * 1000}}}]}),
    ],
)
def test_a_reply_has_a_largest_size(flood: Json):
    with pytest.raises(ReplyTooLarge):
        built(*([flood] * 20))


def test_a_reply_has_a_largest_number_of_calls():
    with pytest.raises(ReplyTooLarge):
        built(*(piece(index=n) for n in range(1000)))


@pytest.mark.parametrize(
    ("counted", "found"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 5}, Usage(10, 5)),
        ({"prompt_tokens": -1, "completion_tokens": 10**30}, Usage(0, 1 << 31)),
        ({"prompt_tokens": "9", "completion_tokens": None}, Usage()),
        ({"prompt_tokens": 10, "prompt_tokens_details": {"cached_tokens": 99}}, Usage(10, 0, 10)),
        ({"completion_tokens": 3, "completion_tokens_details": {"reasoning_tokens": 9}}, Usage(0, 3, 0, 3)),
        ({"prompt_tokens": 1, "prompt_tokens_details": None}, Usage(1)),
    ],
)
def test_what_a_server_counts_is_made_consistent(counted: Json, found: Usage):
    assert built(chunk({"content": "a"}, finish="stop", usage=counted)).usage == found


def test_the_last_count_is_the_one_that_holds():
    assert built(chunk({}, usage=usage(1, 1)["usage"]), chunk(finish="stop"), usage(9, 9)).usage == Usage(9, 9)


def test_a_server_that_does_not_count_is_estimated_and_not_free():
    reply = built(chunk({"content": "四个汉字"}), chunk(finish="stop"), sent=1001)
    assert reply.usage == Usage(501, 6)
    assert built(chunk({"content": "x" * 5000}, finish="stop"), prompt=prompt_of(max_tokens=50)).usage.output == 50


def test_halves_of_a_character_that_came_apart_are_joined_and_lone_ones_replaced():
    reply = built(
        chunk({"content": "\ud83d"}),
        chunk({"content": "\ude00 \ud83d", "reasoning": "\udc00"}),
        piece("\ud83d", name="\ud83d", id="\ud83d"),
        chunk(finish="stop"),
    )
    assert reply.text == "😀 �"
    canonical(reply)


@given(st.data())
def test_any_split_of_the_same_reply_builds_the_same_reply(data: st.DataObject):
    text, thought = "Two invoices 两张发票 😀.", "Let me see."
    arguments = ['{"id": "INV-7"}', '{"amount": 5}', "{}"]
    queues: list[list[Json]] = [
        [chunk({"content": part}) for part in parts(data, text)],
        [chunk({"reasoning_content": part}) for part in parts(data, thought)],
    ]
    for n, argument in enumerate(arguments):
        first, *rest = parts(data, argument)
        queues.append([piece(first, index=n, id=f"c{n}", name=f"t{n}"), *(piece(part, index=n) for part in rest)])
    mixed: list[Json] = []
    order = random.Random(data.draw(st.integers(0, 2**32)))
    while waiting := [queue for queue in queues if queue]:
        mixed.append(order.choice(waiting).pop(0))
    reply = built(*mixed, chunk(finish="tool_calls"), usage())
    assert (reply.text, reply.reasoning) == (text, thought)
    assert [(c.id, c.tool, c.arguments) for c in reply.calls] == [
        (f"c{n}", f"t{n}", a) for n, a in enumerate(arguments)
    ]


def parts(data: st.DataObject, text: str) -> list[str]:
    """The text, cut anywhere."""
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=6)) | {0, len(text)})
    return [text[a:b] for a, b in pairwise(cuts)]
