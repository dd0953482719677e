"""A prompt as the body of a streaming request."""

from collections.abc import Mapping
from typing import assert_never

import msgspec

from deputy.adapters.wire.chat.names import ToolNames, wire_name
from deputy.base.canonical import canonical, decode
from deputy.domain.message import Message, Prompt

__all__ = ["RESERVED", "request"]

#: What a request says about itself and no configuration may change.
RESERVED = frozenset((
    "max_completion_tokens", "max_tokens", "messages", "model", "n", "parallel_tool_calls", "stream", "stream_options",
    "tools",
))  # fmt: skip

Json = Mapping[str, object]


def request(prompt: Prompt, *, model: str, parallel: bool = True, extra: Json | None = None) -> dict[str, object]:
    """The body of a streaming request; raises where two tools on offer look the same to a model."""
    body: dict[str, object] = {
        **(extra or {}),
        "model": model,
        "messages": _messages(prompt.messages),
        "max_tokens": prompt.max_tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
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
        body["parallel_tool_calls"] = parallel
    return body


def _messages(messages: tuple[Message, ...]) -> list[Json]:
    """One system message, first; what the system says later is said as the user, which every template takes."""
    opening = next((n for n, message in enumerate(messages) if message.role != "system"), len(messages))
    spoken: list[Json] = []
    if opening:
        spoken.append({"role": "system", "content": "\n\n".join(message.text for message in messages[:opening])})
    spoken.extend(_message(message) for message in messages[opening:])
    return spoken


def _message(message: Message) -> Json:
    match message.role:
        case "system" | "user":
            return {"role": "user", "content": message.text}
        case "tool":
            return {"role": "tool", "tool_call_id": message.call_id, "content": message.text}
        case "assistant":
            spoken: dict[str, object] = {"role": "assistant", "content": message.text}
            if message.reasoning:
                spoken["reasoning_content"] = message.reasoning
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
