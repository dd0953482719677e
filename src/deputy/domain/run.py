"""The state of a run: a fold over its events, and nothing else."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Literal, assert_never

import msgspec

from deputy.base.canonical import decode
from deputy.domain import delivery as given
from deputy.domain.arguments import MALFORMED, arguments_of, malformed
from deputy.domain.cost import NOTHING, Cost
from deputy.domain.effect import Call
from deputy.domain.effect_state import Answer, Effect, EffectStatus
from deputy.domain.elicitation import Form
from deputy.domain.event import (
    BudgetRaised,
    BudgetShort,
    Compacted,
    Doubted,
    Elicited,
    Ended,
    Event,
    Explained,
    Fault,
    ModelIntent,
    ModelReply,
    Note,
    Outcome,
    Received,
    Said,
    Settled,
    Started,
    TimerSet,
    ToolIntent,
    VerdictGiven,
    Workspace,
)  # fmt: skip
from deputy.domain.likeness import Likeness
from deputy.domain.talk import Talk
from deputy.domain.turn import FilesTurn, NoticeTurn, ReplyTurn, SummaryTurn, TellTurn, Turn

__all__ = [
    "HALTED", "MALFORMED", "Answer", "Effect", "EffectStatus", "FilesTurn", "NoticeTurn", "ReplyTurn", "Run",
    "SummaryTurn", "TellTurn", "Turn", "fold", "malformed",
]  # fmt: skip


Blobs = Callable[[str], bytes]
HALTED = "It was stopped before it began."


class Run:
    """Everything known of one run; changed by `apply` alone."""

    __slots__ = (
        "asking", "blob", "by_path", "cancel", "children", "closing", "declined", "deliveries", "effects", "ended",
        "fired", "halted", "held", "id", "likeness", "material", "next_n", "notes", "offered", "raised", "replied",
        "replies", "rows", "seq", "shares", "short", "shorts", "spent", "started", "taints", "talk", "task", "timers",
        "turns",
    )  # fmt: skip

    def __init__(self, run: str, blob: Blobs) -> None:
        self.id = run
        self.blob = blob
        self.seq = 0  #: number of events applied
        self.started: Started | None = None
        self.ended: Ended | None = None
        self.task = ""
        self.material = ""  #: the text that came with the occasion: data, whoever wrote it
        self.effects: dict[int, Effect] = {}
        self.replied: ReplyTurn | None = None  #: the latest of its turns that is a model's
        self.likeness = Likeness()  #: found from `effects` as it is asked
        self.next_n = 1
        self.by_path: dict[str, int] = {}
        self.turns: list[Turn] = []
        self.notes: dict[str, Note] = {}
        self.timers: dict[str, datetime] = {}
        self.fired: set[str] = set()
        self.replies: dict[str, given.Reply] = {}
        self.talk = Talk()  #: about items that are open
        self.declined: dict[str, str] = {}  #: why, by the item of what the far side of a call asked
        self.children: dict[str, given.ChildEnded] = {}
        self.rows: set[str] = set()
        self.deliveries = 0
        self.cancel: str | None = None
        self.halted = self.closing = False  #: whether it begins nothing until its person speaks; or never again
        self.offered = ""
        self.asking = 0  #: number of the latest model call that is a turn of the loop
        self.short: BudgetShort | None = None  #: what a person was asked to raise
        self.shorts = 0
        self.shares = False  #: whether it has children, so that its account lies in the shared ledger
        self.taints: dict[str, None] = {}  #: sources of untrusted content, in order of arrival
        self.held: Cost = NOTHING
        self.spent: Cost = NOTHING
        self.raised: Cost = NOTHING

    def effect(self, n: int) -> Effect:
        """The n-th effect; raises KeyError for a number the journal does not know."""
        return self.effects[n]

    @property
    def tainted_by(self) -> tuple[str, ...]:
        """Sources of untrusted content that reached this run, in order of arrival."""
        return tuple(self.taints)

    @property
    def open_effects(self) -> list[Effect]:
        """Effects that were begun and of which it is not known what came."""
        return [e for e in self.effects.values() if e.status in ("claimed", "unknown", "in_doubt")]

    def answered(self, item: str) -> bool:
        """Whether a question to people was answered, or declined."""
        return item in self.replies or item in self.declined

    @property
    def listens(self) -> bool:
        """Whether it is its person's turn to speak, in a conversation."""
        if self.started is None or self.started.conversation == "no" or self.ended is not None:
            return False
        last = next((turn for turn in reversed(self.turns) if not isinstance(turn, FilesTurn)), None)
        return self.halted or (isinstance(last, ReplyTurn) and last.n == self.asking and not last.said.calls)

    @property
    def halting(self) -> list[Effect]:
        """What a halt ends: proposals and questions, of which nothing was begun."""
        talks = self.started is not None and self.started.conversation != "no"
        waits = [e for e in self.effects.values() if talks and e.kind == "tool" and not e.over]
        return [e for e in waits if e.status in ("proposed", "asked", "approved") or (e.status == "claimed" and e.item)]

    # -- the fold

    def apply(self, event: Event) -> None:  # noqa: C901 - one case an event
        """Take in the next event."""
        match event:  # the four of every step come first
            case ModelIntent():
                self._model_intent(event)
            case ModelReply():
                self._model_reply(event)
            case ToolIntent():
                self._tool_intent(event)
            case Outcome():
                self._outcome(event)
            case Received():
                self._received(event)
            case VerdictGiven():
                self._verdict(event)
            case Started():
                self._started(event)
            case Settled():
                self._settled(event)
            case TimerSet():
                self.timers[event.timer] = event.due
            case Compacted():
                self.turns.append(SummaryTurn(event.upto, self._text(event.summary, event.blob)))
            case Doubted():
                self.effects[event.n].doubt(event.item)
            case Explained():
                self.talk.explain(event, self.effects.get(event.n))
            case Elicited(over=""):
                self._elicited(event)
            case Elicited(n=n):
                self.effects[n].item = ""
            case BudgetShort():
                self.short, self.shorts = event, self.shorts + 1
            case BudgetRaised():
                self.short = None
                self.rows.add(event.row)
                if event.account in ("", f"run:{self.id}"):
                    self.raised = self.raised + event.amount
            case Note():
                if event.path:
                    self.notes[event.path] = event
                if event.kind == "repair":
                    self.turns.append(NoticeTurn(str(event.value)))
                self.halted = self.halted or event.kind == "fault"
            case Ended():
                self._ended(event)
            case Workspace():
                pass  # the workspace's own journal has no state of a run
            case _ as unreachable:
                assert_never(unreachable)
        self.seq += 1

    def _open(self, n: int, kind: Literal["model", "tool"], call: Call | None) -> Effect:
        effect = self.effects.get(n)
        if effect is None:
            effect = self.effects[n] = Effect(n, kind, call or Call(""))
            self.next_n = max(self.next_n, n + 1)
        elif call is not None:
            effect.original = effect.original or effect.call
            effect.call = call  # an edit by a person replaces what was proposed
            self.likeness = Likeness()
        if effect.call.path:
            self.by_path[effect.call.path] = n
        return effect

    def _call(self, inline: Call | None, blob: str) -> Call | None:
        return msgspec.json.decode(self.blob(blob), type=Call) if blob else inline

    def _text(self, inline: str, blob: str) -> str:
        return self.blob(blob).decode() if blob else inline

    def _hold(self, effect: Effect, hold: Cost) -> None:
        if effect.hold is not NOTHING:
            self.held -= effect.hold
        if hold is not NOTHING:
            self.held += hold
        effect.hold = hold

    def _spend(self, effect: Effect, cost: Cost) -> None:
        if cost is not NOTHING and cost:
            self.spent += cost
            effect.cost = cost if effect.cost is NOTHING else effect.cost + cost
        if effect.hold is not NOTHING:
            self._hold(effect, NOTHING)

    def _started(self, e: Started) -> None:
        self.started = e
        self.task = self._text(e.task, e.blob)
        self.halted = e.conversation == "listens"
        if e.label.tainted:
            self.taints[e.label.source or "task"] = None
        if e.occasion is not None:
            self.material = self._text(e.occasion.text, e.occasion.blob)
            if e.occasion.label.tainted:
                self.taints[e.occasion.label.source or e.occasion.kind] = None

    def _model_intent(self, e: ModelIntent) -> None:
        call = Call("model", {"route": e.route}, path=e.path)
        if e.path:
            asked: dict[str, object] = {"route": e.route, "question": self._text(e.question, e.blob)}
            call = Call("model", asked | ({"shape": e.offered} if e.offered else {}), path=e.path)
        effect = self._open(e.n, "model", call)
        effect.status, effect.attempt, effect.at, effect.rule = "claimed", e.attempt, e.at, "model"
        self._spend(effect, e.unconfirmed)
        self._hold(effect, e.hold)
        if not e.path:
            self.asking, self.offered = e.n, e.offered or self.offered

    def _model_reply(self, e: ModelReply) -> None:
        effect = self.effects[e.n]
        said = msgspec.json.decode(self.blob(e.blob), type=Said) if e.blob else e.said or Said()
        effect.status, effect.result, effect.label = "done", said, e.label
        self._spend(effect, e.cost)
        if effect.call.path:
            return  # asked by a procedure: its answer is a value, not a turn
        self.replied = ReplyTurn(e.n, said, e.usage)
        self.turns.append(self.replied)
        for place, call in enumerate(said.calls, start=e.n + 1):
            self._open(place, "tool", Call(call.tool, arguments_of(call), id=call.id))
        if self.halted:
            self._halt()

    def _verdict(self, e: VerdictGiven) -> None:
        effect = self._open(e.n, "tool", self._call(e.call, e.blob))
        effect.cls, effect.rule, effect.verdict, effect.at = e.cls, e.rule, e.verdict, e.at
        match e.verdict:
            case "ask":
                effect.status, effect.item, effect.asked, effect.answer = "asked", e.item, e, None
                effect.expires = e.expires
                effect.asks += 1
            case "deny":
                effect.status, effect.item = "denied", ""
                effect.error = Fault("denied", e.reason)
            case "shadow":
                effect.status, effect.result = "shadowed", {"shadow": True, "tool": effect.call.tool}

    def _tool_intent(self, e: ToolIntent) -> None:
        effect = self._open(e.n, "tool", self._call(e.call, e.blob))
        effect.lost = effect.lost or (e.attempt > 1 and effect.unanswered)
        effect.status, effect.attempt, effect.at, effect.error = "claimed", e.attempt, e.at, None
        effect.cls, effect.repeat, effect.rule, effect.keyed_for = e.cls, e.repeat, e.rule, e.keyed_for
        effect.verdict = effect.verdict or "allow"
        effect.child, effect.item = e.child, e.item
        effect.first_at = effect.first_at or e.at
        effect.asks += bool(e.item)
        self.shares = self.shares or bool(e.child)
        self._hold(effect, e.hold)

    def _outcome(self, e: Outcome) -> None:
        effect = self._open(e.n, "tool", self._call(e.call, e.call_blob))
        if e.rule:
            effect.rule, effect.cls, effect.verdict = e.rule, e.cls, "allow"
        effect.attempt, effect.ms, effect.item = e.attempt, e.ms, ""
        effect.label = e.label or effect.label
        effect.error = e.error
        if e.status != "unknown" and effect.kind == "tool" and effect.label.tainted:
            self.taints[effect.label.source or effect.call.tool] = None
        effect.status = e.status
        if e.status == "done":
            effect.result = decode(self.blob(e.blob)) if e.blob else e.result
        if e.status != "unknown":  # what it holds stays held until somebody knows
            self._spend(effect, e.cost)

    def _elicited(self, e: Elicited) -> None:
        effect = self._open(e.n, "tool", self._call(e.call, e.call_blob))
        forms = msgspec.json.decode(self.blob(e.blob), type=dict[str, Form]) if e.blob else e.forms or {}
        if e.rule:
            effect.rule, effect.cls, effect.repeat, effect.verdict = e.rule, e.cls, e.repeat, "allow"
        effect.status, effect.attempt, effect.item, effect.asks = "claimed", e.attempt, e.item, effect.asks + 1
        effect.at, effect.first_at = effect.at or e.at, effect.first_at or e.at
        effect.elicited = msgspec.structs.replace(e, forms=forms)

    def _settled(self, e: Settled) -> None:
        self.rows.add(e.row)
        effect = self.effects[e.n]
        effect.item = ""
        if e.happened:
            effect.status, effect.error = "done", None
            effect.result = decode(self.blob(e.blob)) if e.blob else e.result
        else:
            effect.status = "failed"
            effect.error = Fault("did_not_happen", f"It did not happen, as {e.by} found.")
        self._spend(effect, effect.hold)

    def _received(self, e: Received) -> None:
        self.rows.add(e.row)
        self.deliveries += 1
        delivery = given.delivery_from(self.blob(e.blob)) if e.blob else e.delivery
        self.talk.take(e, delivery)
        match delivery:
            case given.Approve(item, _, edit):
                self._answered(item, "approved", Answer(e.by, edit))
            case given.Refuse(item, reason):
                self._refused(item, reason)
            case given.Expire(item):
                self._refused(item, "Nobody answered in time.")
            case given.Reply(item):
                self.replies[item] = delivery
            case given.Tell(text, label):
                self.turns.append(TellTurn(e.by, text, label))
                if label.tainted:
                    self.taints[label.source or "message"] = None
                else:  # what anybody could have said wakes nothing that a person stopped
                    self.halted = self.closing
            case given.Place(files, label):
                self.turns.append(FilesTurn(e.by, files))
                self.taints[label.source] = None
            case given.Halt(end) if self.started is not None and self.started.conversation != "no":
                self.halted, self.closing = True, self.closing or end
                self._halt()
            case given.Cancel(reason):
                self.cancel = reason or "cancelled"
            case given.ChildEnded(child):
                self.children[child] = delivery
            case given.TimerFired(timer):
                self.timers.pop(timer, None)
                self.fired.add(timer)
            case _:
                pass  # settlements and raises have events of their own

    def _answered(self, item: str, status: EffectStatus, answer: Answer) -> None:
        for effect in self.effects.values():
            if effect.item == item and effect.status == "asked":
                effect.status, effect.answer, effect.item = status, answer, ""

    def _halt(self) -> None:
        for effect in self.halting:
            if effect.elicited is not None and effect.elicited.item == effect.item:
                self.declined[effect.item] = HALTED
            else:
                effect.status, effect.item, effect.error = "denied", "", Fault("halted", HALTED)

    def _refused(self, item: str, reason: str) -> None:
        if self.short is not None and self.short.item == item:
            self.cancel = f"budget not raised: {reason}"
            self.short = None
        for effect in self.effects.values():
            if effect.item == item and effect.elicited is not None and effect.elicited.item == item:
                self.declined[item] = reason
            elif effect.item == item and effect.status in ("asked", "claimed"):
                effect.status, effect.item = "denied", ""
                effect.error = Fault("denied", reason)

    def _ended(self, e: Ended) -> None:
        self.ended = e
        self.spent = self.spent + e.unconfirmed
        self.held = NOTHING
        for effect in self.effects.values():
            effect.hold = NOTHING


def fold(run: str, events: Iterable[Event], blob: Blobs) -> Run:
    """The state of a run after these events."""
    state = Run(run, blob)
    for event in events:
        state.apply(event)
    return state
