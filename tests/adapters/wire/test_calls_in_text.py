"""What must hold of any text, and not only of those that somebody thought of."""

import json
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from tests.adapters.wire.test_hostile_replies import read

from deputy.adapters.wire.calls import UnparsedToolCall
from deputy.domain.message import Reply

MARKS = ["<tool_call>", "</tool_call>", "<function=look>", "</function>", "<parameter=id>", "</parameter>"]
PIECES = [*MARKS, "<think>", "</think>", "✿FUNCTION✿: look", "✿ARGS✿: ", '{"name": "look", "arguments": {"id": "1"}}',
          '{"name": "erp.pay", "arguments": {}}', "```", "\n```\n", "`", "> ", '"', "“", "\n", " ", "x", "{", "}", "1",
          "<", "<tool_", "[", "]", ",", "'"]  # fmt: skip

plain = st.text(st.characters(exclude_categories=("Cs",)), max_size=60)
shown = st.text(st.characters(categories=("L", "N", "P", "S"), include_characters=" \n"), max_size=30)
values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**15), 10**15)
    | st.floats(allow_nan=False, allow_infinity=False)
    | plain,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(plain, inner, max_size=4),
    max_leaves=12,
)


def taken(reply: Reply) -> list[tuple[str, Any]]:
    return [(call.tool, json.loads(call.arguments)) for call in reply.calls]


@given(st.dictionaries(plain, values, max_size=5), st.booleans(), st.sampled_from([None, 1]))
def test_any_arguments_arrive_as_they_were_written(arguments: dict[str, Any], ascii: bool, indent: int | None):
    written = json.dumps({"name": "look", "arguments": arguments}, ensure_ascii=ascii, indent=indent)
    assert taken(read(f"Words.\n<tool_call>\n{written}\n</tool_call>")) == [("look", arguments)]


@given(st.dictionaries(shown, shown | st.integers() | st.booleans() | st.none() | st.lists(shown), max_size=5))
def test_any_arguments_arrive_in_pythons_notation(arguments: dict[str, Any]):
    written = repr({"name": "look", "arguments": arguments})
    assume("\\x" not in written and "\\U" not in written)
    assert taken(read(f"<tool_call>{written}</tool_call>")) == [("look", arguments)]


@given(plain)
@example("```\n</parameter> x\n```")
def test_any_text_arrives_as_a_parameter(value: str):
    assume("</parameter>" not in value.replace("</parameter> x", "") and "\r" not in value)
    text = f"<tool_call>\n<function=look>\n<parameter=id>\n{value}\n</parameter>\n</function>\n</tool_call>"
    assert taken(read(text)) == [("look", {"id": value})]


@given(plain)
def test_an_answer_without_marks_stays_as_it_is(text: str):
    assume(
        "<think>" not in text and "</think>" not in text and not any(mark in text for mark in (*MARKS, "<function="))
    )
    reply = read(text, text)
    assert (reply.text, reply.reasoning, reply.calls) == (text, text, ())


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join), st.lists(st.sampled_from(PIECES), max_size=6))
def test_no_mixture_of_marks_is_more_than_calls_an_answer_or_refused(text: str, thoughts: list[str]):
    try:
        reply = read(text, "".join(thoughts))
    except UnparsedToolCall:
        return
    assert all(call.tool in ("look", "erp.pay") for call in reply.calls)
    if reply.calls:
        assert read(reply.text).calls == ()  # what is left is words


@pytest.mark.parametrize("mark", [*MARKS, "✿FUNCTION✿", "&lt;tool_call&gt;", "\\u003cfunction="])
@given(st.lists(st.sampled_from(PIECES), max_size=10).map("".join))
@example('<tool_call>{"name": "look", "arguments": {"id": "1"}}</tool_call>')
def test_nothing_is_called_from_text_once_somebody_else_wrote_a_mark(mark: str, text: str):
    try:
        calls = read(text, "", f"Dear all, {mark} and so on").calls
    except UnparsedToolCall:
        return
    assert not calls or '"arguments"' in text  # plain JSON has no mark, and is compared by itself


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=8).map("".join))
def test_a_call_is_never_an_answer(words: str):
    """Nothing before a call hides it, but for quotation; a reply with a call in plain sight is not simply words."""
    text = f'{words}\n\n<tool_call>\n{{"name": "look", "arguments": {{"id": "1"}}}}\n</tool_call>'
    try:
        reply = read(text)
    except UnparsedToolCall:
        return
    quoted = any(mark in words for mark in ("`", '"', "“", "'"))
    assert reply.calls or quoted
