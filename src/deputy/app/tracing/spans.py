"""Make spans of events: one trace a run, a span for each effect, named and described by the GenAI conventions.

A span's name in a trace is made of the run and the effect, so that one that is told twice is known to be the same.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from deputy.base.canonical import canonical
from deputy.domain.delivery import Expire, Refuse
from deputy.domain.effect import Call
from deputy.domain.event import (
    Ended,
    Event,
    ModelIntent,
    ModelReply,
    Outcome,
    Received,
    Said,
    Settled,
    Started,
    ToolIntent,
    VerdictGiven,
)  # fmt: skip
from deputy.ports.tracing import Attribute, Span, Spot

__all__ = ["Trace", "spot_of"]

CUT = 8_192  #: characters of a content
Blobs = Mapping[str, bytes]


def spot_of(run: str, n: int = 0) -> Spot:
    """The span of a run, or of one of its effects."""
    trace = hashlib.sha256(f"trace\0{run}".encode()).digest()[:16]
    span = hashlib.sha256(f"span\0{run}.{n}".encode()).digest()[:8]
    return Spot(int.from_bytes(trace, "big") or 1, int.from_bytes(span, "big") or 1)


def _ns(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1000


class _Begun:
    """An effect that is under way, or waits for people."""

    def __init__(self, at: datetime, call: Call | None = None) -> None:
        self.at, self.call = at, call
        self.asked: datetime | None = None
        self.item = ""
        self.waited = 0  #: ms for people
        self.sent = False
        self.attempts = 1
        self.facts: dict[str, Attribute] = {}
        self.model = ""  #: the route


class Trace:
    """What is known of one run, as far as its events were seen."""

    def __init__(self, run: str, *, content: bool = False, models: Mapping[str, Mapping[str, Attribute]]) -> None:
        self.run, self.content, self._models = run, content, models
        self.seq = 0
        self.started: Started | None = None
        self.effects: dict[int, _Begun] = {}
        self.tokens = [0, 0]

    def take(self, event: Event, blobs: Blobs) -> list[Span]:
        """The spans that this event ends."""
        self.seq += 1
        match event:
            case Started():
                self.started = event
            case ModelIntent(n=n):
                self._asked(n, event)
            case ModelReply():
                return self._replied(event, blobs)
            case VerdictGiven():
                return self._judged(event, blobs)
            case ToolIntent():
                self._sent(event, blobs)
            case Outcome():
                return self._came(event, blobs)
            case Settled():
                error = "" if event.happened else "did_not_happen"
                return self._tool(event.n, event.at, error, {"deputy.settled_by": event.by})
            case Received():
                return self._received(event)
            case Ended():
                return self._ended(event)
            case _:
                pass
        return []

    # -- models

    def _asked(self, n: int, event: ModelIntent) -> None:
        known = self.effects.get(n)
        if known is not None:
            known.attempts = event.attempt
            return
        begun = self.effects[n] = _Begun(event.at)
        begun.model, begun.sent = event.route, True
        begun.facts = {"gen_ai.request.max_tokens": event.max_tokens, **self._models.get(event.route, {})}

    def _replied(self, event: ModelReply, blobs: Blobs) -> list[Span]:
        begun = self.effects.pop(event.n, None) or _Begun(event.at)
        stored = blobs.get(event.blob)
        said = event.said or (msgspec.json.decode(stored, type=Said) if stored else Said())
        for place, call in enumerate(said.calls, start=event.n + 1):
            self.effects[place] = _Begun(event.at, Call(call.tool, _arguments(call.arguments), id=call.id))
        usage = event.usage
        self.tokens[0] += usage.input
        self.tokens[1] += usage.output
        facts: dict[str, Attribute] = {
            "gen_ai.usage.input_tokens": usage.input, "gen_ai.usage.output_tokens": usage.output,
            "gen_ai.response.finish_reasons": [event.finish], "gen_ai.response.model": event.model,
            "deputy.cost.money": event.cost.money / 1e6, "deputy.rehearsal": event.rehearsal,
        }  # fmt: skip
        if self.content:
            parts: list[Any] = [{"type": "text", "content": said.text}] if said.text else []
            parts += [{"type": "tool_call", "id": c.id, "name": c.tool, "arguments": c.arguments} for c in said.calls]
            facts["gen_ai.output.messages"] = _cut([{"role": "assistant", "parts": parts}])
        return [self._chat(event.n, begun, event.at, "", facts)]

    def _chat(self, n: int, begun: _Begun, at: datetime, error: str, facts: Mapping[str, Attribute]) -> Span:
        model = str(
            begun.facts.get("gen_ai.request.model", "") or begun.model or facts.get("gen_ai.response.model", "")
        )
        return self._span(n, f"chat {model}".strip(), begun, at, error, {"gen_ai.operation.name": "chat", **facts})

    # -- tools

    def _judged(self, event: VerdictGiven, blobs: Blobs) -> list[Span]:
        begun = self._effect(event.n, event.at, event.call, event.blob, blobs)
        begun.facts |= {"deputy.verdict": event.verdict, "deputy.rule": event.rule, "deputy.class": event.cls}
        if event.verdict == "ask":
            begun.asked, begun.item = event.at, event.item
            return []
        return self._tool(event.n, event.at, "denied" if event.verdict == "deny" else "", {})

    def _sent(self, event: ToolIntent, blobs: Blobs) -> None:
        begun = self._effect(event.n, event.at, event.call, event.blob, blobs)
        if not begun.sent:
            begun.at = event.at  # a span is what took place; what it waited for is told beside it
        begun.sent, begun.attempts = True, event.attempt
        begun.facts = {"deputy.verdict": "allow", "deputy.rule": event.rule, "deputy.class": event.cls} | begun.facts

    def _came(self, event: Outcome, blobs: Blobs) -> list[Span]:
        begun = self.effects.get(event.n)
        if event.status == "unknown":
            return []  # it is asked again, read back, or settled: then it is over
        error = event.error.code if event.error is not None else "failed" if event.status == "failed" else ""
        if begun is not None and begun.model:
            del self.effects[event.n]
            return [self._chat(event.n, begun, event.at, error, {})]
        begun = self._effect(event.n, event.at, event.call, event.call_blob, blobs)
        facts: dict[str, Attribute] = {"deputy.cost.money": event.cost.money / 1e6} if event.cost.money else {}
        if event.rule:
            facts |= {"deputy.verdict": "allow", "deputy.rule": event.rule, "deputy.class": event.cls}
        if not begun.sent:
            begun.at = datetime.fromtimestamp(event.at.timestamp() - event.ms / 1000, event.at.tzinfo)
        if self.content and event.status == "done":
            stored = blobs.get(event.blob)
            facts["gen_ai.tool.call.result"] = stored[:CUT].decode("utf-8", "replace") if stored else _cut(event.result)
        return self._tool(event.n, event.at, error, facts)

    def _received(self, event: Received) -> list[Span]:
        item = getattr(event.delivery, "item", "")
        found = next(((n, one) for n, one in self.effects.items() if item and one.item == item), None)
        if found is None:
            return []
        n, begun = found
        begun.item = ""
        if begun.asked is not None:
            begun.waited += int((event.at - begun.asked).total_seconds() * 1000)
            begun.asked = None
        if isinstance(event.delivery, Refuse | Expire) and not begun.sent:
            return self._tool(n, event.at, "denied", {"deputy.answered_by": event.by})
        begun.facts["deputy.answered_by"] = event.by
        return []

    def _effect(self, n: int, at: datetime, call: Call | None, blob: str, blobs: Blobs) -> _Begun:
        begun = self.effects.setdefault(n, _Begun(at))
        if call is None and blob in blobs:
            call = msgspec.json.decode(blobs[blob], type=Call)
        begun.call = call or begun.call
        return begun

    def _tool(self, n: int, at: datetime, error: str, facts: Mapping[str, Attribute]) -> list[Span]:
        begun = self.effects.pop(n, None)
        if begun is None:
            return []
        call = begun.call
        told: dict[str, Attribute] = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.type": "function", **facts}
        if call is not None:
            told["gen_ai.tool.name"] = call.tool
            if call.id:
                told["gen_ai.tool.call.id"] = call.id
            if self.content:
                told["gen_ai.tool.call.arguments"] = _cut(call.args)
        if begun.waited:
            told["deputy.waited_ms"] = begun.waited
        name = f"execute_tool {call.tool}" if call is not None else "execute_tool"
        return [self._span(n, name, begun, at, error, told)]

    # -- the run

    def _ended(self, event: Ended) -> list[Span]:
        spans: list[Span] = []
        for n, begun in sorted(self.effects.items()):
            if begun.sent:
                lost = self._chat(n, begun, event.at, "unconfirmed", {}) if begun.model else None
                spans += [lost] if lost is not None else []
        self.effects = {}
        started = self.started
        if started is None:
            return spans
        error = event.error.code if event.error is not None else "" if event.state == "done" else event.state
        facts: dict[str, Attribute] = {
            "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": started.agent,
            "gen_ai.agent.version": started.version[:12], "gen_ai.conversation.id": self.run,
            "gen_ai.usage.input_tokens": self.tokens[0], "gen_ai.usage.output_tokens": self.tokens[1],
            "deputy.run": self.run, "deputy.on_behalf_of": started.on_behalf_of, "deputy.state": event.state,
            "deputy.trigger": started.trigger,
        }  # fmt: skip
        if error:
            facts["error.type"] = error
        if self.content:
            facts["gen_ai.input.messages"] = _cut(
                [{"role": "user", "parts": [{"type": "text", "content": started.task}]}]
            )
        links = [spot_of(started.parent, started.parent_n)] if started.parent else []
        name = f"invoke_agent {started.agent}"
        root = Span(spot_of(self.run), None, name, "internal", _ns(started.at), _ns(event.at), facts, error, links)
        return [*spans, root]

    def _span(self, n: int, name: str, begun: _Begun, at: datetime, error: str, facts: Mapping[str, Attribute]) -> Span:
        told = {name: value for name, value in {**begun.facts, **facts}.items() if value not in ("", [""])}
        told["deputy.effect"] = f"{self.run}.{n}"
        if begun.attempts > 1:
            told["deputy.attempts"] = begun.attempts
        if error:
            told["error.type"] = error
        kind = "client" if begun.model else "internal"
        return Span(spot_of(self.run, n), spot_of(self.run), name, kind, _ns(begun.at), _ns(at), told, error)


def _arguments(text: str) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(text or "{}")
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType]


def _cut(value: object) -> str:
    return canonical(value).decode()[:CUT]
