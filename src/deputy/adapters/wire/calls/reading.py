"""Decide what of a reply is said, thought and called, where the server did not."""

import re
from collections.abc import Callable
from typing import NamedTuple, cast

import msgspec

from deputy.adapters.wire.calls.blocks import Offered, Wanted, calls_at, calls_of
from deputy.adapters.wire.calls.echo import marked, repeated
from deputy.adapters.wire.calls.loose import Unreadable, value_at
from deputy.adapters.wire.calls.marks import Mark, first_mark, has_marks, whole_fence
from deputy.adapters.wire.calls.thoughts import part
from deputy.base.canonical import canonical
from deputy.base.errors import DeputyError
from deputy.domain.message import ModelCall, Prompt, Reply

__all__ = ["UnparsedToolCall", "reread"]

IN_TEXT = "calls_in_text"  #: why a reply ended whose calls were found here, as the journal has it
_EXCERPT = 120  #: characters of a call in an error
_BARE = re.compile(r"\s*[\[{]")
_TAGS = str.maketrans("<>✿", "[]*")  # an error is read by the model: no call may stand in it


class UnparsedToolCall(DeputyError):
    """A reply has a tool call in its text that cannot be taken; the reply is no answer."""

    code = "unparsed_tool_call"

    def __init__(self, why: str, text: str = "") -> None:
        excerpt = " ".join(text[: 4 * _EXCERPT].split()).translate(_TAGS)
        excerpt = excerpt if len(excerpt) <= _EXCERPT else excerpt[: _EXCERPT - 1] + "…"
        begins = f" It begins: {excerpt}" if excerpt else ""
        super().__init__(f"The reply has a tool call as text that cannot be taken: {why}.{begins}")


class _Found(NamedTuple):
    calls: list[Wanted]
    before: str  #: what was said before the first of them


def reread(reply: Reply, prompt: Prompt, tool: Callable[[str], str]) -> Reply:
    """The reply with its thoughts and tool calls where they belong; raises `UnparsedToolCall`.

    `tool` gives the tool that a name on the wire means. Calls are looked for only where the server found none.
    """
    if reply.finish == "content_filter":
        return reply  # what is left of it means nothing
    text, reasoning = part(reply.text, reply.reasoning)
    offered = Offered(tool, {offer.name: offer.parameters for offer in prompt.tools})
    cut = reply.finish == "length"
    found = None
    if not reply.calls:
        found = _in_text(text, offered, cut=cut)
        if found is not None:
            text = found.before
        elif (found := _in_thoughts(reasoning, text, offered, prompt, cut=cut)) is not None:
            reasoning = found.before
    if found is None:
        return msgspec.structs.replace(reply, text=text, reasoning=reasoning)
    _refuse_echoes(prompt, found.calls)
    return msgspec.structs.replace(
        reply, text=text, reasoning=reasoning, calls=_numbered(prompt, found.calls), finish=IN_TEXT
    )


def _in_text(text: str, offered: Offered, *, cut: bool) -> _Found | None:
    if not has_marks(text):
        body = whole_fence(text)
        return _bare(text if body is None else body, offered)
    at = 0
    try:
        body = whole_fence(text)
        if body is not None and (mark := first_mark(body)) is not None and not body[: mark.at].strip():
            text = body  # a code block that is the whole reply explains nothing
        mark = first_mark(text)
        if mark is None:
            return None
        at = mark.at
        return _from(text, mark, offered, cut=cut)
    except Unreadable as why:
        raise UnparsedToolCall(str(why), text[at : at + 4 * _EXCERPT]) from None


def _from(text: str, mark: Mark, offered: Offered, *, cut: bool) -> _Found:
    if mark.word == "</tool_call>" and _BARE.match(text):  # its opening tag was lost, as a token that servers drop
        start = len(text) - len(text.lstrip())
        value, end = value_at(text, start)
        if not text[end : mark.at].strip():
            first = calls_of(value, offered, text[start:end])
            return _Found([*first, *calls_at(text, mark.at + len(mark.word), offered, cut=cut)], "")
    if not mark.first:
        raise Unreadable("it stands within a line")
    calls = calls_at(text, mark.at, offered, cut=cut)
    return _Found(calls, text[: mark.at].rstrip())


def _in_thoughts(reasoning: str, text: str, offered: Offered, prompt: Prompt, *, cut: bool) -> _Found | None:
    """Calls at the end of the thoughts, where nothing was said; beside an answer they are no calls, and it is none."""
    if not has_marks(reasoning):
        return None
    at = 0
    try:
        mark = first_mark(reasoning)
        if mark is None:
            return None
        at = mark.at
        if not text.strip():
            return _from(reasoning, mark, offered, cut=cut)
        if not mark.first or marked(prompt.messages):
            return None  # thoughts about calls, or about what somebody else wrote
        raise Unreadable("it stands in the thoughts, and an answer follows them")
    except Unreadable as why:
        if text.strip() and marked(prompt.messages):
            return None
        raise UnparsedToolCall(str(why), reasoning[at : at + 4 * _EXCERPT]) from None


def _bare(text: str, offered: Offered) -> _Found | None:
    """Calls that are the whole of a text as plain JSON: exactly a name on offer, and arguments that fit its schema."""
    if not _BARE.match(text) or '"name"' not in text or not offered.parameters:
        return None
    start = len(text) - len(text.lstrip())
    try:
        value, end = value_at(text, start)
        if text[end:].strip():
            return None
        calls = calls_of(value, offered, text)
    except Unreadable:
        return None
    written = cast("list[object]", value) if isinstance(value, list) else [value]
    exact = all(isinstance(each, dict) and len(cast("dict[str, object]", each)) == 2 for each in written)
    return _Found(calls, "") if exact and all(_fits(call, offered) for call in calls) else None


def _fits(call: Wanted, offered: Offered) -> bool:
    schema = offered.parameters[call.tool]
    known, needed = schema.get("properties"), schema.get("required")
    names = set(cast("dict[str, object]", known)) if isinstance(known, dict) else set[str]()
    return call.arguments.keys() <= names and set(cast("list[str]", needed or ())) <= call.arguments.keys()


def _refuse_echoes(prompt: Prompt, calls: list[Wanted]) -> None:
    if marked(prompt.messages) or repeated(prompt.messages, (call.source for call in calls)):
        raise UnparsedToolCall("something the model was given has a tool call as text, too, so it may be a quotation")


def _numbered(prompt: Prompt, calls: list[Wanted]) -> tuple[ModelCall, ...]:
    taken = {call.id for message in prompt.messages for call in message.calls}
    turn = max(0, len(prompt.script.before) - 1)
    found: list[ModelCall] = []
    for n, call in enumerate(calls):
        name = f"call_{turn}_{n}"
        while name in taken:
            name += "_"
        taken.add(name)
        found.append(ModelCall(name, call.tool, _written(call.arguments)))
    return tuple(found)


def _written(arguments: dict[str, object]) -> str:
    try:
        return canonical(arguments).decode()
    except (OverflowError, ValueError, RecursionError):
        raise UnparsedToolCall("its arguments cannot be written as JSON") from None
