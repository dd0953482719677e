import json
from itertools import pairwise
from typing import NamedTuple, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.adapters.wire.replying import CASES, SERVERS, Case, Json, chunks_of, prompt_of

from deputy.adapters.wire.calls import UnparsedToolCall
from deputy.adapters.wire.chat import Events, ReplyBuilder

T = TypeVar("T", str, bytes)


class Found(NamedTuple):
    text: str
    reasoning: str
    calls: list[tuple[str, Json]]
    error: str


def sse(chunks: list[Json]) -> bytes:
    data = [json.dumps(chunk, ensure_ascii=False) for chunk in chunks] + ["[DONE]"]
    return "".join(f"data: {each}\n\n" for each in data).encode()


def found(case: Case, parts: list[bytes]) -> Found:
    """What becomes of a stream that arrives in these parts."""
    events, builder = Events(), ReplyBuilder(prompt_of(case), sent=100)
    for part in parts:
        for chunk in events.feed(part):
            builder.add(chunk)
    assert events.done
    try:
        reply = builder.reply()
    except UnparsedToolCall as error:
        assert error.code == "unparsed_tool_call"
        return Found("", "", [], error.message)
    assert len({call.id for call in reply.calls}) == len(reply.calls)
    assert reply.finish == ("calls_in_text" if reply.calls and not case.native else reply.finish)
    return Found(reply.text, reply.reasoning, [(call.tool, json.loads(call.arguments)) for call in reply.calls], "")


def check(case: Case, is_found: Found) -> None:
    """The same values of the same types, in the same order."""
    if case.error:
        assert case.error in is_found.error
        assert not any(tag in is_found.error for tag in ("<", ">", "✿"))  # a model reads it
    else:
        assert json.dumps(is_found, sort_keys=True) == json.dumps(
            Found(case.text, case.reasoning, case.calls, ""), sort_keys=True
        )


def test_there_are_enough_cases():
    assert len(CASES) >= 250


@pytest.mark.parametrize("name", CASES)
def test_a_reply_means_the_same_from_every_server(name: str):
    case = CASES[name]
    for server in SERVERS:
        whole = chunks_of(case, server, [case.content], [case.thought])
        check(case, found(case, [sse(whole)]))


@pytest.mark.parametrize("name", CASES)
def test_a_reply_means_the_same_letter_by_letter_and_byte_by_byte(name: str):
    case = CASES[name]
    server = SERVERS[len(name) % len(SERVERS)]
    check(case, found(case, [sse(chunks_of(case, server, list(case.content), list(case.thought)))]))
    whole = sse(chunks_of(case, server, [case.content], [case.thought]))
    check(case, found(case, [whole[n : n + 1] for n in range(len(whole))]))


def split(data: st.DataObject, whole: T) -> list[T]:
    places = sorted(data.draw(st.sets(st.integers(0, len(whole)), max_size=8)))
    ends = [0, *places, len(whole)]
    return [whole[start:end] for start, end in pairwise(ends)]


@settings(max_examples=300)
@given(st.data())
def test_a_reply_means_the_same_in_any_pieces(data: st.DataObject):
    case = CASES[data.draw(st.sampled_from(sorted(CASES)))]
    server = data.draw(st.sampled_from(SERVERS))
    chunks = chunks_of(case, server, split(data, case.content), split(data, case.thought))
    check(case, found(case, split(data, sse(chunks))))
