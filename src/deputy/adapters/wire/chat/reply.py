"""The chunks of a stream put together to a reply; believes no server."""

from collections.abc import Mapping
from typing import cast

from deputy.adapters.wire.calls import reread
from deputy.adapters.wire.chat.errors import CutStream, ErrorChunk, ReplyTooLarge, WireError
from deputy.adapters.wire.chat.names import ToolNames
from deputy.base.canonical import canonical
from deputy.domain.effect import Aloud
from deputy.domain.message import ModelCall, Prompt, Reply, Usage

__all__ = ["ReplyBuilder"]

MAX_REPLY = 1_000_000  #: characters of text, reasoning and calls together; all of them are read, while all else waits
MAX_CALLS = 128
MAX_TOKENS = 1 << 31  #: more than this no server counts

Json = Mapping[str, object]


class _Call:
    """One tool call as its pieces arrive."""

    def __init__(self, place: int) -> None:
        self.place = place  #: the index the server gave it, or its turn
        self.id = ""
        self.name = ""
        self.arguments: list[str] = []


class ReplyBuilder:
    """Puts the chunks of a stream together; `sent` is the size of the request in bytes.

    `aloud` hears words as they come.
    """

    def __init__(self, prompt: Prompt, *, sent: int, limit: int = MAX_REPLY, aloud: Aloud | None = None) -> None:
        self._prompt, self._names = prompt, ToolNames(offer.name for offer in prompt.tools)
        self._taken = {call.id for message in prompt.messages for call in message.calls}
        self._turn = max(0, len(prompt.script.before) - 1)
        self._sent, self._max_tokens, self._aloud = sent, prompt.max_tokens, aloud
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
    def counted(self) -> bool:
        """Whether the server said what it counted."""
        return self._usage is not None

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
        """The whole reply; raises `CutStream` if it was never finished, `UnparsedToolCall` if it cannot be taken."""
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
        reply = Reply(
            text=_clean("".join(self._text)),
            reasoning=_clean("".join(self._reasoning)),
            calls=tuple(calls),
            usage=self.usage,
            model=_clean(self._model),
            finish=_clean(self._finish),
        )
        return reread(reply, self._prompt, self._names.tool)

    def _choice(self, choice: Json) -> None:
        if choice.get("index") not in (None, 0):
            return
        delta = _object(choice.get("delta") or {}, "A delta")
        text = _text(delta, "content")
        self._text.append(self._kept(text))
        reasoning = _text(delta, "reasoning_content") or _text(delta, "reasoning")
        self._reasoning.append(self._kept(reasoning))
        if self._aloud is not None:
            self._aloud("reasoning", reasoning)
            self._aloud("text", text)
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
    details = members.get("prompt_tokens_details")
    cached = min(_count(details, "cached_tokens"), received)
    reasoning = _count(members.get("completion_tokens_details"), "reasoning_tokens")
    written = min(_count(details, "cache_creation_input_tokens"), received - cached)
    return Usage(received, given, cached, min(reasoning, given), written)


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
