"""What is said to a model and what it answers, independent of any server's wire format."""

from collections.abc import Mapping
from typing import Literal

import msgspec

__all__ = ["Message", "ModelCall", "Prompt", "Reply", "Script", "ToolOffer", "Usage"]


class ModelCall(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A tool call in a model's reply; `arguments` is the JSON text as the model wrote it."""

    id: str
    tool: str
    arguments: str = "{}"


class Message(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One message of a conversation; a tool's message answers the call named by `call_id`."""

    role: Literal["system", "user", "assistant", "tool"]
    text: str = ""
    reasoning: str = ""
    calls: tuple[ModelCall, ...] = ()
    call_id: str = ""


class ToolOffer(msgspec.Struct, frozen=True, gc=False):
    """A tool as the model sees it."""

    name: str
    description: str
    parameters: Mapping[str, object]


class Script(msgspec.Struct, frozen=True, gc=False):
    """What a rehearsal needs instead of the text: the task, the decoded results, and how many there were at each call.

    `before[k]` is the number of results when model call k was made; its last entry is for the present call.
    """

    task: str
    results: tuple[object, ...]
    before: tuple[int, ...]
    arrival: str = ""  #: the text that came with what started the run
    asked: str = ""  #: what a person asks back, where the call is to answer that


class Prompt(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A model call ready to be performed: append-only messages, the tools on offer, and a hard cap on the reply."""

    route: str  #: name of the entry in `[models]`, or "rehearsal"
    agent: str
    version: str
    messages: tuple[Message, ...]
    tools: tuple[ToolOffer, ...] = ()
    max_tokens: int
    script: Script
    must: str = ""  #: the tool on offer that has to be called, where a server can be made to


class Usage(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Tokens as the server counted them."""

    input: int = 0
    output: int = 0
    cached: int = 0  #: part of `input` read from a cache
    reasoning: int = 0  #: part of `output` spent on thinking
    written: int = 0  #: part of `input` that a marker let the server keep, and not read from a cache


class Reply(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """What a model answered: the value of a model call that is done."""

    text: str = ""
    reasoning: str = ""
    calls: tuple[ModelCall, ...] = ()
    usage: Usage = Usage()
    model: str = ""  #: as the server names it
    finish: str = ""  #: why it stopped: "stop", "tool_calls", "length", …
    rehearsal: bool = False
