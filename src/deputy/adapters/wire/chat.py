"""The wire of OpenAI-compatible chat completions: a prompt as a request, and the chunks of a stream as a reply.

Pure: it opens no connection, reads no clock, and believes no server.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import assert_never, cast

import msgspec

from deputy.base.canonical import canonical, decode, digest
from deputy.base.errors import ConfigError, DeputyError
from deputy.domain.message import Message, ModelCall, Prompt, Reply, Usage

__all__ = [
    "RESERVED", "CutStream", "ErrorChunk", "Events", "ReplyBuilder", "ReplyTooLarge", "ToolNames", "WireError",
    "request", "wire_name",
]  # fmt: skip

MAX_REPLY = 4_000_000  #: characters of text, reasoning and calls together
MAX_EVENT = 8_000_000  #: bytes of one event of the stream
MAX_CALLS = 128
MAX_TOKENS = 1 << 31  #: more than this no server counts
MAX_NAME = 64

#: What a request says about itself and no configuration may change.
RESERVED = frozenset((
    "max_completion_tokens", "max_tokens", "messages", "model", "n", "parallel_tool_calls", "stream", "stream_options",
    "tools",
))  # fmt: skip

_WORDS = r"[A-Za-z0-9-]+(?:_[A-Za-z0-9-]+)*"
_SPEAKABLE = re.compile(rf"_?{_WORDS}(?:\.{_WORDS})*")  # "." becomes "__" and back, and nothing else does
_LINE_END = re.compile(rb"\r\n|\n|\r")
_UNSPEAKABLE = re.compile(r"[^A-Za-z0-9_-]")

Json = Mapping[str, object]


class WireError(DeputyError):
    """What the server sent is not a reply."""

    code = "model_bad_response"


class ReplyTooLarge(WireError):
    """The server sent more than any reply may be."""

    code = "model_reply_too_large"


class CutStream(WireError):
    """The stream ended before the server said that the reply was finished."""

    code = "model_cut"


class ErrorChunk(WireError):
    """The server broke off its reply with an error; `body` is what it said."""

    def __init__(self, body: Json) -> None:
        super().__init__("The server broke off its reply with an error.")
        self.body = body


def wire_name(tool: str) -> str:
    """A tool's name in the letters the wire allows: the same for the same tool, and another for another.

    The dot becomes two underscores; what does not fit that way is shortened and told apart by a digest, behind three
    underscores, which no other name has.
    """
    name = tool.replace(".", "__")
    if len(name) <= MAX_NAME and _SPEAKABLE.fullmatch(tool):
        return name
    mark = digest(tool.encode("utf-8", "surrogatepass"))[:12]
    return f"{_UNSPEAKABLE.sub('_', name)[: MAX_NAME - 15]}___{mark}"


class ToolNames:
    """The tools on offer by the names the wire has for them."""

    def __init__(self, tools: Iterable[str]) -> None:
        self._tools: dict[str, str] = {}
        for tool in tools:
            other = self._tools.setdefault(wire_name(tool), tool)
            if other != tool:
                raise ConfigError(f"The tools `{other}` and `{tool}` look the same to a model.", "Rename one of them.")

    def tool(self, name: str) -> str:
        """The tool a model means; a name that nobody offered is only translated, for the gate to refuse."""
        if name in self._tools:
            return self._tools[name]
        tool = name.replace("__", ".")
        return tool if wire_name(tool) == name else name


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


class Events:
    """Finds the chunks in the bytes of a stream of server-sent events, wherever these are split."""

    def __init__(self) -> None:
        self.done = False  #: whether the server said that there is no more
        self._line: list[bytes] = []  # the pieces of one that is not complete
        self._data: list[bytes] = []
        self._size = 0
        self._after_cr = False

    def feed(self, part: bytes) -> list[object]:
        """The chunks that these bytes complete; raises `WireError` for one that is not JSON."""
        if self._after_cr and part.startswith(b"\n"):
            part, self._after_cr = part[1:], False
        if part:
            self._after_cr = part.endswith(b"\r")
        self._size += len(part)
        if self._size > MAX_EVENT:
            raise ReplyTooLarge(f"One event of the stream is longer than {MAX_EVENT} bytes.")
        *lines, rest = _LINE_END.split(part)
        found: list[object] = []
        for line in lines:
            self._take(b"".join((*self._line, line)), found)
            self._line.clear()
        self._line.append(rest)
        return found

    def _take(self, line: bytes, found: list[object]) -> None:
        field, _, value = line.partition(b":")
        if field == b"data":
            self._data.append(value.removeprefix(b" "))
        elif not line:
            data = b"\n".join(self._data)
            self._data.clear()
            self._size = 0
            self.done = self.done or data == b"[DONE]"
            if data and not self.done:
                found.append(_json(data))


def _json(data: bytes) -> object:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise WireError("A chunk of the stream is not JSON.") from None


class _Call:
    """One tool call as its pieces arrive."""

    def __init__(self, place: int) -> None:
        self.place = place  #: the index the server gave it, or its turn
        self.id = ""
        self.name = ""
        self.arguments: list[str] = []


class ReplyBuilder:
    """Puts the chunks of a stream together; `sent` is the size of the request in bytes."""

    def __init__(self, prompt: Prompt, *, sent: int, limit: int = MAX_REPLY) -> None:
        self._names = ToolNames(offer.name for offer in prompt.tools)
        self._taken = {call.id for message in prompt.messages for call in message.calls}
        self._turn = max(0, len(prompt.script.before) - 1)
        self._sent, self._max_tokens = sent, prompt.max_tokens
        self._room = self._limit = limit
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: list[_Call] = []
        self._open: dict[int, _Call] = {}  # by the server's index
        self._model = self._finish = ""
        self._usage: Usage | None = None

    @property
    def begun(self) -> bool:
        """Whether anything of a reply has arrived."""
        return self._room < self._limit or self._usage is not None

    @property
    def finished(self) -> bool:
        """Whether the server said that the reply is complete."""
        return bool(self._finish)

    @property
    def usage(self) -> Usage:
        """What the server counted; if it did not, a generous guess of a token for every two bytes."""
        if self._usage is not None:
            return self._usage
        pieces = (self._text, self._reasoning, *(call.arguments for call in self._calls))
        received = sum(len(piece.encode("utf-8", "surrogatepass")) for kind in pieces for piece in kind)
        return Usage(input=-(-self._sent // 2), output=min(self._max_tokens, -(-received // 2)))

    def add(self, chunk: object) -> None:
        """Take the next chunk, decoded; raises `WireError` for one that is not of this wire."""
        members = _object(chunk, "A chunk")
        error = members.get("error")
        if error or members.get("object") == "error":
            raise ErrorChunk(cast("Json", error) if isinstance(error, Mapping) else members)
        self._usage = _usage(members.get("usage")) or self._usage
        self._model = self._model or _text(members, "model")
        for choice in _list(members.get("choices"), "`choices`"):
            self._choice(_object(choice, "A choice"))

    def reply(self) -> Reply:
        """The whole reply; raises `CutStream` if the server never said that it was finished."""
        if not self._finish:
            raise CutStream("The stream ended before the reply was finished.")
        calls: list[ModelCall] = []
        taken = set(self._taken)
        for n, call in enumerate(sorted(self._calls, key=lambda call: call.place)):
            name = call.id if call.id and call.id not in taken else f"call_{self._turn}_{n}"
            while name in taken:
                name += "_"
            taken.add(name)
            calls.append(ModelCall(name, _clean(self._names.tool(call.name)), _clean("".join(call.arguments)) or "{}"))
        return Reply(
            text=_clean("".join(self._text)),
            reasoning=_clean("".join(self._reasoning)),
            calls=tuple(calls),
            usage=self.usage,
            model=_clean(self._model),
            finish=_clean(self._finish),
        )

    def _choice(self, choice: Json) -> None:
        if choice.get("index") not in (None, 0):
            return
        delta = _object(choice.get("delta") or {}, "A delta")
        self._text.append(self._kept(_text(delta, "content")))
        reasoning = _text(delta, "reasoning_content") or _text(delta, "reasoning")
        self._reasoning.append(self._kept(reasoning))
        for call in _list(delta.get("tool_calls"), "`tool_calls`"):
            self._call(_object(call, "A tool call"))
        self._finish = self._kept(_text(choice, "finish_reason")) or self._finish

    def _call(self, delta: Json) -> None:
        function = _object(delta.get("function") or {}, "A function")
        name, arguments = self._kept(_text(function, "name")), function.get("arguments")
        key = _clean(self._kept(_text(delta, "id")))
        call = self._place(delta.get("index"), key, name)
        call.id = call.id or key
        if name != call.name:  # servers send it once, in pieces, or whole with every piece of the arguments
            call.name += name
        if isinstance(arguments, Mapping):
            arguments = canonical(cast("Json", arguments)).decode()
        call.arguments.append(self._kept(_text({"arguments": arguments}, "arguments")))

    def _place(self, index: object, key: str, name: str) -> _Call:
        """The call a piece belongs to: by index; without one by id; without either, a name begins the next."""
        if isinstance(index, int):
            call = self._open.get(index)
            if call is None or (name and key and call.id and key != call.id):  # two calls under one index
                call = self._open[index] = self._begin(index)
            return call
        known = next((call for call in self._calls if key and call.id == key), None)
        if known is not None:
            return known
        if self._calls and not key and not (name and self._calls[-1].name):
            return self._calls[-1]
        return self._begin(len(self._calls))

    def _begin(self, place: int) -> _Call:
        if len(self._calls) == MAX_CALLS:
            raise ReplyTooLarge(f"The reply has more than {MAX_CALLS} tool calls.")
        self._calls.append(_Call(place))
        return self._calls[-1]

    def _kept(self, text: str) -> str:
        self._room -= len(text)
        if self._room < 0:
            raise ReplyTooLarge(f"The reply is longer than {self._limit} characters.")
        return text


def _object(value: object, what: str) -> Json:
    if not isinstance(value, Mapping):
        raise WireError(f"{what} of the stream is not an object.")
    return cast("Json", value)


def _list(value: object, what: str) -> list[object]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise WireError(f"{what} of the stream is not a list.")
    return cast("list[object]", value)


def _text(members: Json, name: str) -> str:
    value = members.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise WireError(f"`{name}` of the stream is not text.")
    return value


def _usage(value: object) -> Usage | None:
    """What the server counted, made consistent: no part is larger than its whole."""
    if not isinstance(value, Mapping):
        return None
    members = cast("Json", value)
    received, given = _count(members, "prompt_tokens"), _count(members, "completion_tokens")
    cached = _count(members.get("prompt_tokens_details"), "cached_tokens")
    reasoning = _count(members.get("completion_tokens_details"), "reasoning_tokens")
    return Usage(received, given, min(cached, received), min(reasoning, given))


def _count(members: object, name: str) -> int:
    value = cast("Json", members).get(name) if isinstance(members, Mapping) else None
    return max(0, min(value, MAX_TOKENS)) if isinstance(value, int) else 0


def _clean(text: str) -> str:
    """Text that UTF-8 can carry: halves of a pair that came apart in transport are joined, lone ones replaced."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
