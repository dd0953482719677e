"""Replies as five servers stream them, from cases in files; each server puts the same words into its own shape."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import yaml

from deputy.adapters.wire.chat import wire_name
from deputy.domain.message import Message, ModelCall, Prompt, Script, ToolOffer

__all__ = ["CASES", "SERVERS", "Case", "Json", "chunks_of", "prompt_of"]

Json = dict[str, Any]
FOLDER = Path(__file__).parent / "replies"
TOOLS = cast("dict[str, Json]", yaml.safe_load((FOLDER / "tools.yaml").read_text("utf-8")))
SERVERS = ("dashscope", "vllm", "sglang", "llama.cpp", "ollama")


class Case(NamedTuple):
    """A reply as it came, and what it means."""

    name: str
    tools: tuple[str, ...]
    given: str  #: what a tool had returned before
    content: str
    thought: str  #: what the server sent as reasoning
    native: list[tuple[str, Json]]  #: calls that the server found itself
    finish: str
    text: str
    reasoning: str
    calls: list[tuple[str, Json]]
    error: str


def _cases() -> Iterator[Case]:
    for path in sorted(FOLDER.glob("*.yaml")):
        if path.stem == "tools":
            continue
        for found in cast("list[Json]", yaml.safe_load(path.read_text("utf-8"))):
            native = [(tool, args) for tool, args in found.get("native", [])]
            case = Case(
                name=f"{path.stem}: {found.pop('name')}", tools=tuple(found.pop("tools", TOOLS)),
                given=found.pop("given", ""),
                content=found.pop("content", "").replace("@查询天气", wire_name("查询天气")),
                thought=found.pop("thought", ""), native=native,
                finish=found.pop("finish", "tool_calls" if native else "stop"), text=found.pop("text", ""),
                reasoning=found.pop("reasoning", ""), calls=[(tool, args) for tool, args in found.pop("calls", [])],
                error=found.pop("error", ""),
            )  # fmt: skip
            assert found.keys() <= {"native"}, (case.name, found)
            yield case


CASES = {case.name: case for case in _cases()}


def prompt_of(case: Case) -> Prompt:
    """The conversation that the case's reply is the next part of."""
    messages = [Message("system", "You are payables."), Message("user", "Do your work.")]
    if case.given:
        call = ModelCall("call_0_0", "look", "{}")
        messages += [Message("assistant", calls=(call,)), Message("tool", case.given, call_id="call_0_0")]
    offers = tuple(ToolOffer(name, "", TOOLS[name]) for name in case.tools)
    script = Script("Do your work.", (), (0, 1) if case.given else (0,))
    return Prompt(
        route="default", agent="payables", version="v1", messages=tuple(messages), tools=offers, max_tokens=1000,
        script=script,
    )  # fmt: skip


def chunks_of(case: Case, server: str, pieces: Sequence[str], thoughts: Sequence[str]) -> list[Json]:
    """The chunks of a reply whose text and reasoning come in these pieces."""
    field = "reasoning" if server in ("vllm", "ollama") else "reasoning_content"
    first: Json = {"role": "assistant"}
    if server in ("dashscope", "llama.cpp"):
        first |= {"content": None} | ({"reasoning_content": None} if server == "dashscope" else {})
    if server in ("vllm", "sglang"):
        first["content"] = ""
    deltas = [first, *({field: piece} for piece in thoughts)]
    for piece in pieces:
        both = server in ("dashscope", "sglang")
        deltas.append({"content": piece} | ({"reasoning_content": None} if both else {}))
    deltas += [{"tool_calls": [each]} for each in _native(case, server)]
    chunks: list[Json] = [_chunk(delta, None) for delta in deltas]
    if server == "ollama" and case.finish in ("stop", "tool_calls"):
        chunks.append(_chunk({"role": "assistant", "content": ""}, "stop"))
    else:
        chunks.append(_chunk({} if server == "llama.cpp" else {"content": ""}, case.finish))
    counted = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    chunks.append({"id": "c", "object": "chat.completion.chunk", "model": "qwen", "choices": [], "usage": counted})
    return chunks


def _chunk(delta: Json, finish: str | None) -> Json:
    choice: Json = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion.chunk", "model": "qwen", "choices": [choice]}


def _native(case: Case, server: str) -> Iterator[Json]:
    for n, (tool, arguments) in enumerate(case.native):
        name, written = wire_name(tool), json.dumps(arguments, ensure_ascii=False)
        if server == "ollama":
            yield {"id": f"call_{n}x", "index": n, "type": "function", "function": {"name": name, "arguments": written}}
            continue
        yield {"id": f"call_{n}x", "index": n, "type": "function", "function": {"name": name, "arguments": ""}}
        for piece in (written[:3], written[3:]):
            yield {"index": n, "function": {"arguments": piece}}
