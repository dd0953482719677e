"""Replies that are meant to take forever: each is read in one pass, or refused; the suite's limit judges."""

import contextlib

import pytest
from tests.adapters.wire.replying import TOOLS

from deputy.adapters.wire.calls import UnparsedToolCall, reread
from deputy.domain.message import Message, Prompt, Reply, Script, ToolOffer

MEGA = 250_000
HUGE = 10_000_000
CALL = '<tool_call>{"name": "look", "arguments": {"id": "1"}}</tool_call>\n'

TRAPS = {
    "ten megabytes of words": "All is well. " * (HUGE // 13),
    "ten megabytes in one argument": CALL.replace("1", "x" * HUGE),
    "ten megabytes in one parameter": f"<function=look><parameter=id>{'x' * HUGE}</parameter></function>",
    "a parameter of closing tags": f"<function=look><parameter=id>{'</parameter> x' * (MEGA // 7)}",
    "a parameter of closing tags and space": f"<function=look><parameter=id>{'</parameter>          x' * (MEGA // 12)}",
    "a parameter of line ends": f"<function=look><parameter=id>{chr(10) * 2 * MEGA}x",
    "a parameter of indented lines": f"<function=look><parameter=id>{(chr(10) + ' ' * 50) * (MEGA // 20)}x",
    "a parameter of open parameters": f"<function=look>{'<parameter=id>' * (MEGA // 7)}",
    "brackets": "<tool_call>" + "[" * 2 * MEGA,
    "braces": "<tool_call>" + '{"a":' * (MEGA // 3),
    "loose brackets": '<tool_call>{"name": True, "arguments": ' + "['a'," * (MEGA // 3),
    "nested just too deep": CALL.replace('"1"', "[" * 101 + "]" * 101),
    "a string that does not end": '<tool_call>{"name": "' + "x" * 4 * MEGA,
    "a string of escapes that does not end": '<tool_call>{"name": \'' + "\\n" * MEGA,
    "opening tags": "<tool_call>" * (MEGA // 5),
    "opening tags on lines": "<tool_call>\n" * (MEGA // 5),
    "opening tags in one sentence": "x <tool_call> " * (MEGA // 7),
    "closing tags in one sentence": "x </tool_call> " * (MEGA // 7),
    "quoted tags in one line": '"<tool_call>" ' * (MEGA // 7),
    "tags between backticks in one line": "`<tool_call>` " * (MEGA // 7),
    "backticks of all lengths": " ".join("`" * n for n in range(1, 2000)) + " x <tool_call> y",
    "a backtick before each of many tags": "` <tool_call> x\n" * (MEGA // 8),
    "code blocks": "```\n<tool_call>\n```\n" * (MEGA // 10),
    "code blocks that do not end": "```a\n````b\n" * (MEGA // 5),
    "a long fence": "`" * 2 * MEGA + "\n<tool_call>",
    "lines of fences": ("`" * 20 + "\n") * (MEGA // 10),
    "quotation marks that do not end": '"<tool_call> x\n' * (MEGA // 7),
    "thoughts": "<think></think>" * (MEGA // 5),
    "thoughts that do not end": "<think>" * (MEGA // 3),
    "ends of thoughts between backticks": "`</think>`\n" * (MEGA // 5),
    "space": " \n" * 2 * MEGA + "<tool_call>",
    "calls": CALL * (MEGA // 60),
    "calls in a list": "<tool_call>[" + '{"name": "look"},' * (MEGA // 10) + "]</tool_call>",
    "a call in a list in a list": "<tool_call>" + "[" * 90 + '{"name": "look"}' + "]" * 90 + "</tool_call>",
    "functions": "<function=look>\n" * (MEGA // 8),
    "many calls that share a large source": "<tool_call>["
    + ", ".join(['{"name": "look", "arguments": {"id": "' + "x" * (MEGA // 10) + '"}}'] * 128) + "]</tool_call>",
    "flowers": "✿FUNCTION✿: look\n✿ARGS✿: {}\n" * (MEGA // 15),
    "a flower and space": "✿FUNCTION✿: look" + " \n" * MEGA,
    "a number of many digits": '<tool_call>{"name": "look", "arguments": {"id": ' + "9" * MEGA + "}}</tool_call>",
    "a whole number of many digits": "<function=set><parameter=whole>" + "9" * MEGA + "</parameter></function>",
    "a long fraction": "<function=set><parameter=number>0." + "9" * MEGA + "</parameter></function>",
    "a name of many letters": "<function=" + "a" * MEGA + ">",
    "spaces in a tag": "<function" + " " * MEGA + "=look>",
    "plain JSON of many members": '{"name": "look", "arguments": {' + '"a": 1, ' * (MEGA // 4) + '"b": 1}}',
}  # fmt: skip


def prompt_of(*given: str) -> Prompt:
    messages = (Message("user", "work"), *(Message("tool", text, call_id="c") for text in given))
    offers = tuple(ToolOffer(name, "", parameters) for name, parameters in TOOLS.items())
    return Prompt(
        route="r", agent="a", version="v", messages=messages, tools=offers, max_tokens=9, script=Script("", (), (0,))
    )


def read(text: str = "", reasoning: str = "", *given: str) -> Reply:
    return reread(Reply(text=text, reasoning=reasoning, finish="stop"), prompt_of(*given), lambda name: name)


@pytest.mark.parametrize("trap", TRAPS)
def test_a_trap_takes_one_pass(trap: str):
    for text, reasoning in ((TRAPS[trap], ""), ("", TRAPS[trap])):
        with contextlib.suppress(UnparsedToolCall):
            reply = read(text, reasoning)
            assert len(reply.calls) <= 128
            assert len(reply.text) + len(reply.reasoning) <= len(text) + len(reasoning)


def test_a_long_conversation_is_searched_in_one_pass():
    given = [
        '< "x' * MEGA,
        "\\" * MEGA + "u003c",
        "\\" * MEGA + "x",
        "&" * MEGA,
        "<" + "\u200b" * MEGA,
        '{"name": ' * (MEGA // 9),
    ]
    assert [call.tool for call in read(CALL, "", *given).calls] == ["look"]
    with pytest.raises(UnparsedToolCall):
        read(CALL, "", *given, "<tool_call>")


def test_an_error_quotes_little_and_without_tags():
    with pytest.raises(UnparsedToolCall) as refused:
        read('<tool_call>{"name": "' + "<tool_call>✿" * 1000)
    assert len(refused.value.message) < 400
    assert not set(refused.value.message) & set("<>✿")


def test_what_is_refused_calls_nothing_of_it():
    with pytest.raises(UnparsedToolCall):
        read(CALL + '<tool_call>{"name": "look", "arguments": {')
