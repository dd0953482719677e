"""A prompt as the bytes of a streaming request; append-only, so that prefix caches hit.

What stays the same from call to call stands first and the messages last: without its closing bytes a request is a
prefix of the next one of its conversation. A marker changes bytes and no token.
"""

from collections.abc import Iterable, Mapping
from typing import assert_never, cast

import msgspec

from deputy.adapters.wire.chat.dialect import PLAIN, Dialect
from deputy.adapters.wire.chat.names import ToolNames, wire_name
from deputy.base.canonical import canonical, decode
from deputy.domain.message import Message, Prompt

__all__ = ["CLOSING", "RESERVED", "encoded", "places", "request"]

#: What a request says about itself and no configuration may change.
RESERVED = frozenset((
    "max_completion_tokens", "max_tokens", "messages", "model", "n", "parallel_tool_calls", "stream", "stream_options",
    "tools",
))  # fmt: skip
CLOSING = b"]}"  #: the only bytes of a request that do not stand in the next one
MARKER = {"type": "ephemeral"}

Json = Mapping[str, object]


def encoded(
    prompt: Prompt, *, model: str, dialect: Dialect = PLAIN, extra: Json | None = None, marked: Iterable[int] = ()
) -> bytes:
    """The bytes of a request, with markers on these messages of the prompt (see `places`)."""
    body = request(prompt, model=model, dialect=dialect, extra=extra, marked=marked)
    messages = body.pop("messages")
    return canonical(body)[:-1] + b',"messages":' + canonical(messages) + b"}"


def request(
    prompt: Prompt, *, model: str, dialect: Dialect = PLAIN, extra: Json | None = None, marked: Iterable[int] = ()
) -> dict[str, object]:
    """The body of a streaming request; raises where two tools on offer look the same to a model."""
    body: dict[str, object] = {
        **_merged(dialect.body, extra or {}),
        "model": model,
        "max_tokens": prompt.max_tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
        "messages": _messages(prompt.messages, dialect, frozenset(marked)),
    }
    if prompt.tools:
        ToolNames(offer.name for offer in prompt.tools)
        body["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": wire_name(offer.name),
                    "description": offer.description,
                    "parameters": offer.parameters,
                },
            }
            for offer in prompt.tools
        ]
        if dialect.parallel is not None:
            body["parallel_tool_calls"] = dialect.parallel
        if prompt.must and dialect.forced:
            body.setdefault("tool_choice", {"type": "function", "function": {"name": wire_name(prompt.must)}})
    return body


def places(prompt: Prompt, most: int) -> tuple[int, ...]:
    """Where markers pay: behind the opening, where the last request of the conversation ended, and at the end."""
    messages = prompt.messages
    opening = _opening(messages)
    replies = [n for n, message in enumerate(messages) if message.role == "assistant"]
    found = {opening - 1} if opening else set[int]()
    found |= {replies[-1] - 1} if replies else set()
    found |= {len(messages) - 1}
    return tuple(sorted(n for n in found if n >= 0 and messages[n].text))[-most:]


def _merged(said: Json, extra: Json) -> Json:
    """What the operator says beside what the data says; theirs wins, word by word."""
    merged = {**said, **extra}
    for name in said.keys() & extra.keys():
        ours, theirs = said[name], extra[name]
        if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
            merged[name] = {**cast("Json", ours), **cast("Json", theirs)}
    return merged


def _opening(messages: tuple[Message, ...]) -> int:
    return next((n for n, message in enumerate(messages) if message.role != "system"), len(messages))


def _messages(messages: tuple[Message, ...], dialect: Dialect, marked: frozenset[int]) -> list[Json]:
    """One system message, first; what the system says later is said as the user, which every template takes."""
    opening = _opening(messages)
    spoken: list[Json] = []
    if opening:
        text = "\n\n".join(message.text for message in messages[:opening])
        spoken.append({"role": "system", "content": _content(text, marked=opening - 1 in marked)})
    for n, message in enumerate(messages[opening:], start=opening):
        spoken.append(_message(message, dialect, marked=n in marked))
    return spoken


def _content(text: str, *, marked: bool) -> object:
    """A text, or as a block, which alone can carry a marker."""
    return [{"type": "text", "text": text, "cache_control": MARKER}] if marked else text


def _message(message: Message, dialect: Dialect, *, marked: bool) -> Json:
    content = _content(message.text, marked=marked)
    match message.role:
        case "system" | "user":
            return {"role": "user", "content": content}
        case "tool":
            return {"role": "tool", "tool_call_id": message.call_id, "content": content}
        case "assistant":
            spoken: dict[str, object] = {"role": "assistant", "content": content}
            if message.reasoning:
                spoken[dialect.replay] = message.reasoning
            if message.calls:
                spoken["tool_calls"] = [
                    {
                        "id": call.id,
                        "type": "function",
                        "function": {"name": wire_name(call.tool), "arguments": _arguments(call.arguments)},
                    }
                    for call in message.calls
                ]
            return spoken
        case _:
            assert_never(message.role)


def _arguments(text: str) -> str:
    """Arguments as a server can read them back: many refuse a conversation in which they are not an object."""
    try:
        if isinstance(decode(text), dict):
            return text
    except (msgspec.DecodeError, RecursionError):
        pass
    return canonical({"not_an_object": text}).decode() if text.strip() else "{}"
