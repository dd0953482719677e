"""Servers that speak the chat wire as DashScope, vLLM, SGLang, llama.cpp and Ollama do: what each sends, and refuses.

The shapes are those of the servers' own streams. What a server "thinks", calls and remembers is decided by the request,
so that a client that sends it wrongly gets what it would get there.
"""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from tests.adapters.model.server import STREAM, Answer, Received, refusal, sse

__all__ = ["DIALECTS", "Dialect", "Twin"]

Json = dict[str, Any]
Dialect = Literal["dashscope", "vllm", "sglang", "llamacpp", "ollama"]
DIALECTS: tuple[Dialect, ...] = ("dashscope", "vllm", "sglang", "llamacpp", "ollama")
OWNERS = {"vllm": "vllm", "sglang": "sglang", "llamacpp": "llamacpp", "ollama": "library", "dashscope": "system"}
THOUGHT = "They ask for the weather. 我先查。"
BLOCK = 16  #: tokens that caches count in


@dataclass
class Twin:
    """A server of one kind; the switches make it lack what real ones lack."""

    dialect: Dialect
    model: str = "qwen3.7-plus"
    parses: bool = True  #: whether it turns tool calls into `tool_calls`
    caches: bool = True
    parallel: bool = True
    schemas: bool = True
    forces: bool = False
    key: str = ""
    context: int = 32768
    seen: list[str] = field(default_factory=list[str])
    marked: list[str] = field(default_factory=list[str])

    def __call__(self, received: Received) -> Answer:
        """Answer a request as this kind of server does."""
        if self.key and received.headers.get("authorization") != f"Bearer {self.key}":
            error = {
                "message": "Incorrect API key provided.",
                "type": "invalid_request_error",
                "code": "invalid_api_key",
            }
            return refusal(401, {"error": error})
        if received.method == "GET":
            return self._listing()
        body: dict[str, Any] = received.json
        if (refused := self._refused(body)) is not None:
            return refused
        thought, text, calls = self._say(body)
        usage = self._usage(body, thought, text, calls)
        chunks = list(self._chunks(thought, text, calls, usage))
        return Answer(headers=STREAM, pieces=self._pieces(chunks))

    # -- what it makes of a request

    def _listing(self) -> Answer:
        entry: Json = {"id": self.model, "object": "model", "owned_by": OWNERS[self.dialect]}
        if self.dialect in ("vllm", "sglang"):
            entry["max_model_len"] = self.context
        body = json.dumps({"object": "list", "data": [entry]}).encode()
        return Answer(headers={"Content-Type": "application/json"}, pieces=[body])

    def _refused(self, body: dict[str, Any]) -> Answer | None:
        roles = [message["role"] for message in body["messages"]]
        if "system" in roles[1:] and self.dialect in ("llamacpp", "vllm", "sglang"):
            return refusal(
                400, {"error": {"code": 400, "message": "System message must be at the beginning.", "type": "x"}}
            )
        if not (body["stream"] and body["stream_options"]["include_usage"]):
            return refusal(
                400, {"error": {"message": "This model only support stream mode", "code": "invalid_parameter"}}
            )
        if body["model"] != self.model:
            error = {"message": f"The model `{body['model']}` does not exist.", "code": "model_not_found"}
            return refusal(404, {"error": error})
        forced = isinstance(body.get("tool_choice"), dict)
        if forced and (not self.forces or (self.dialect == "dashscope" and self._thinks(body))):
            message = "The tool_choice parameter does not support being set to required or object in thinking mode"
            return _bad(message)
        if "response_format" in body and not self.schemas:
            return _bad("response_format is not supported")
        return None

    def _thinks(self, body: dict[str, Any]) -> bool:
        match self.dialect:
            case "dashscope":
                return body.get("enable_thinking", True) and body.get("reasoning_effort") != "none"
            case "ollama":
                return body.get("reasoning_effort") != "none" and body.get("think") is not False
            case _:
                return bool(body.get("chat_template_kwargs", {}).get("enable_thinking", True))

    def _say(self, body: dict[str, Any]) -> tuple[str, str, list[Json]]:
        last = body["messages"][-1]
        asked = _flat(last.get("content"))
        thought = THOUGHT if self._thinks(body) else ""
        if last["role"] == "tool":
            return thought, "It is 18 degrees.", []
        if body["max_tokens"] < 64:
            return thought, "", []
        names = [tool["function"]["name"] for tool in body.get("tools", [])]
        cities = [city for city in ("Paris", "Oslo") if city in asked] if names else []
        if isinstance(body.get("tool_choice"), dict):
            cities = cities or ["Paris"]
        if not (self.parallel and body.get("parallel_tool_calls", self.dialect in ("vllm", "llamacpp", "ollama"))):
            cities = cities[:1]
        if cities:
            return thought, "", [{"name": names[0], "arguments": json.dumps({"city": city})} for city in cities]
        if "response_format" in body:
            return thought, '{"city": "Paris", "country": "France"}', []
        return thought, "ready", []

    def _usage(self, body: dict[str, Any], thought: str, text: str, calls: list[Json]) -> Json:
        whole = json.dumps([body.get("tools"), [_plain(message) for message in body["messages"]]])
        tokens, known = len(whole) // 4, 0
        details: Json = {}
        marks = [n for n, message in enumerate(body["messages"]) if "cache_control" in json.dumps(message)]
        if marks:
            upto = json.dumps([body.get("tools"), [_plain(m) for m in body["messages"][: marks[-1] + 1]]])[:-2]
            known = max((len(one) for one in self.marked if upto.startswith(one)), default=0) // 4
            written = len(upto) // 4 - known
            details = {"cache_creation_input_tokens": written if written >= 1024 else 0, "cache_type": "ephemeral",
                       "cache_creation": {"ephemeral_5m_input_tokens": written}}  # fmt: skip
            self.marked += [
                json.dumps([body.get("tools"), [_plain(m) for m in body["messages"][: n + 1]]])[:-2] for n in marks
            ]
        elif self.caches:
            longest = max((_shared(whole, one) for one in self.seen), default=0)
            known = longest // 4 // BLOCK * BLOCK
            known = known if known >= 256 or self.dialect != "dashscope" else 0
        self.seen.append(whole)
        spoken = len(thought + text + json.dumps(calls)) // 2
        usage: Json = {"prompt_tokens": tokens, "completion_tokens": spoken, "total_tokens": tokens + spoken}
        if self.dialect != "ollama":
            usage["prompt_tokens_details"] = {"cached_tokens": known, **details}
        if thought and self.dialect == "dashscope":
            usage["completion_tokens_details"] = {"reasoning_tokens": len(thought) // 2}
        return usage

    # -- how it says it

    def _chunks(self, thought: str, text: str, calls: list[Json], usage: Json) -> Iterator[Json]:
        wrap = {"dashscope": self._studio, "vllm": self._vllm, "sglang": self._sglang, "llamacpp": self._llama,
                "ollama": self._ollama}[self.dialect]  # fmt: skip
        if calls and not self.parses:
            written = [{"name": call["name"], "arguments": json.loads(call["arguments"])} for call in calls]
            text = "".join(f"<tool_call>\n{json.dumps(call)}\n</tool_call>" for call in written)
            calls = []
        yield from wrap(thought, text, calls, usage)

    def _chunk(self, delta: Json, finish: str | None = None, **more: Any) -> Json:
        choice: Json = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        beside = {name: more.pop(name) for name in ("stop_reason", "matched_stop") if name in more}
        top: Json = {"id": "chatcmpl-9a", "object": "chat.completion.chunk", "created": 1764000000, "model": self.model}
        return {**top, "choices": [{**choice, **beside}], **more}

    def _counted(self, usage: Json, **more: Any) -> Json:
        return {"id": "chatcmpl-9a", "object": "chat.completion.chunk", "created": 1764000000, "model": self.model,
                "choices": [], "usage": usage, **more}  # fmt: skip

    def _studio(self, thought: str, text: str, calls: list[Json], usage: Json) -> Iterator[Json]:
        quiet: Json = {"system_fingerprint": None, "usage": None}
        yield self._chunk({"content": None, "role": "assistant", "reasoning_content": ""}, **quiet)
        for piece in _split(thought):
            yield self._chunk({"content": None, "reasoning_content": piece}, **quiet)
        for piece in _split(text):
            yield self._chunk({"content": piece, "reasoning_content": None}, **quiet)
        for n, call in enumerate(calls):
            named: Json = {"index": n, "id": f"call_{n}f3a", "type": "function"}
            yield self._chunk(
                {"content": None, "tool_calls": [{**named, "function": {"name": call["name"], "arguments": ""}}]}
            )
            for piece in _split(str(call["arguments"])):
                part = {"index": n, "id": "", "type": "function", "function": {"name": None, "arguments": piece}}
                yield self._chunk({"content": None, "tool_calls": [part]}, **quiet)
        yield self._chunk({"content": "", "reasoning_content": None}, "tool_calls" if calls else "stop", **quiet)
        yield self._counted(usage, system_fingerprint=None)

    def _vllm(self, thought: str, text: str, calls: list[Json], usage: Json) -> Iterator[Json]:
        yield self._chunk({"role": "assistant", "content": ""})
        for piece in _split(thought):
            yield self._chunk({"reasoning": piece})
        for piece in _split(text):
            yield self._chunk({"content": piece})
        for n, call in enumerate(calls):
            first: Json = {"id": f"chatcmpl-tool-{n}b", "type": "function", "index": n}
            yield self._chunk({"tool_calls": [{**first, "function": {"name": call["name"]}}]})
            for piece in _split(str(call["arguments"])):
                yield self._chunk({"tool_calls": [{"index": n, "function": {"arguments": piece}}]})
        yield self._chunk({"content": ""}, "tool_calls" if calls else "stop", stop_reason=None)
        yield self._counted(usage)

    def _sglang(self, thought: str, text: str, calls: list[Json], usage: Json) -> Iterator[Json]:
        def delta(**said: Any) -> Json:
            return {"role": None, "content": None, "reasoning_content": None, "tool_calls": None, **said}

        yield self._chunk(delta(role="assistant", content=""), usage=None, matched_stop=None)
        for piece in _split(thought):
            yield self._chunk(delta(reasoning_content=piece), usage=None, matched_stop=None)
        for piece in _split(text):
            yield self._chunk(delta(content=piece), usage=None, matched_stop=None)
        for n, call in enumerate(calls):
            named = {
                "id": f"call_{n}d",
                "index": n,
                "type": "function",
                "function": {"name": call["name"], "arguments": ""},
            }
            yield self._chunk(delta(tool_calls=[named]), usage=None)
            for piece in _split(str(call["arguments"])):
                part = {"id": None, "index": n, "type": "function", "function": {"name": None, "arguments": piece}}
                yield self._chunk(delta(tool_calls=[part]), usage=None)
        yield self._chunk(delta(), "tool_calls" if calls else "stop", usage=None, matched_stop=151645)
        yield self._counted(usage)

    def _llama(self, thought: str, text: str, calls: list[Json], usage: Json) -> Iterator[Json]:
        more: Json = {"system_fingerprint": "b7100-5b180c3d6"}
        yield self._chunk({"role": "assistant", "content": None}, **more)
        for piece in _split(thought):
            yield self._chunk({"reasoning_content": piece}, **more)
        for piece in _split(text):
            yield self._chunk({"content": piece}, **more)
        for n, call in enumerate(calls):
            named = {
                "index": n,
                "id": f"Tx{n}bq",
                "type": "function",
                "function": {"name": call["name"], "arguments": "{"},
            }
            yield self._chunk({"tool_calls": [named]}, **more)
            for piece in _split(str(call["arguments"])[1:]):
                yield self._chunk({"tool_calls": [{"index": n, "function": {"arguments": piece}}]}, **more)
        yield self._chunk({}, "tool_calls" if calls else "stop", **more)
        yield self._counted(usage, timings={"prompt_n": 7, "predicted_ms": 120.4}, **more)

    def _ollama(self, thought: str, text: str, calls: list[Json], usage: Json) -> Iterator[Json]:
        more: Json = {"system_fingerprint": "fp_ollama"}
        for piece in _split(thought):
            yield self._chunk({"role": "assistant", "content": "", "reasoning": piece}, **more)
        for piece in _split(text):
            yield self._chunk({"role": "assistant", "content": piece}, **more)
        for n, call in enumerate(calls):
            whole = {"id": f"call_x{n}", "index": n, "type": "function", "function": call}
            yield self._chunk({"role": "assistant", "content": "", "tool_calls": [whole]}, **more)
        yield self._chunk({"role": "assistant", "content": ""}, "tool_calls" if calls else "stop", **more)
        yield self._counted(usage, **more)

    def _pieces(self, chunks: list[Json]) -> Iterator[bytes]:
        if self.dialect in ("llamacpp", "dashscope"):
            yield b": keep-alive\n\n"
        for chunk in chunks:
            yield sse([chunk], done=False)
        yield sse([])


def _split(text: str) -> list[str]:
    """A text in pieces as tokens come, some of them of one letter."""
    return [text[at : at + 3] for at in range(0, len(text), 3)]


def _flat(content: object) -> str:
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)


def _plain(message: Json) -> Json:
    """A message as its tokens are, whatever blocks and markers carry it."""
    content = message.get("content")
    if isinstance(content, list):
        blocks = cast(list[Json], content)
        content = "".join(block["text"] for block in blocks)
    return {**message, "content": content}


def _shared(one: str, other: str) -> int:
    """How many letters two texts begin with alike."""
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _bad(message: str) -> Answer:
    return refusal(400, {"error": {"message": message, "code": "invalid_parameter_error"}})
