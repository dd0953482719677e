"""What a run's journal tells beside its state: when each effect was proposed, asked about, begun and over, and by whom
people's words came; and what was said, in the order it was said. A fold, like the state that it keeps beside itself."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple, cast

from deputy.domain.delivery import (
    Approve,
    Cancel,
    Expire,
    Halt,
    Place,
    Raise,
    Refuse,
    Reply,
    Tell,
    delivery_from,
)  # fmt: skip
from deputy.domain.elicitation import Form
from deputy.domain.event import (
    Compacted,
    Doubted,
    Elicited,
    Ended,
    Event,
    ModelIntent,
    ModelReply,
    Note,
    Outcome,
    Received,
    Settled,
    Started,
    ToolIntent,
    VerdictGiven,
)  # fmt: skip
from deputy.domain.run import Blobs, Run

__all__ = ["Attempt", "Facts", "Said", "Story", "Word"]


class Attempt(NamedTuple):
    """One try to perform an effect; `status` is empty while nothing came of it."""

    number: int
    at: datetime
    deadline: float
    status: str = ""
    error: str = ""


class Word(NamedTuple):
    """What people were asked about an effect, or said of it."""

    what: str  #: "asked", "question", "approved", "denied", "expired", "answered", "doubted", "settled"
    at: datetime
    by: str = ""
    item: str = ""
    text: str = ""
    via: str = ""
    approvers: tuple[str, ...] = ()
    edit: Mapping[str, object] | None = None


class Facts:
    """What is known of one effect beside its state."""

    __slots__ = ("attempts", "begun", "ended", "over", "proposed", "proposed_by", "rehearsal", "seq", "words")

    def __init__(self, seq: int, at: datetime, proposed_by: int = 0) -> None:
        self.seq = seq  #: of the first event that speaks of it
        self.proposed = at
        self.proposed_by = proposed_by  #: number of the model call whose reply asked for it
        self.begun: datetime | None = None
        self.ended: datetime | None = None
        self.over = 1 << 62  #: seq of the event that ended it
        self.attempts: list[Attempt] = []
        self.words: list[Word] = []
        self.rehearsal = False


class Said(NamedTuple):
    """Something that was said: the task, a model's reply, a message, a notice, a summary, an answer, the end."""

    seq: int
    at: datetime
    kind: str
    by: str
    text: str
    n: int = 0  #: of the model call, or of the effect that it is about
    calls: tuple[int, ...] = ()  #: numbers of the effects that the reply asks for
    reasoning: str = ""


class Story:
    """One run, told so far; changed by `apply` alone."""

    def __init__(self, run: str, blob: Blobs) -> None:
        self.run = Run(run, blob)
        self.facts: dict[int, Facts] = {}
        self.said: list[Said] = []
        self.ended_at: datetime | None = None
        self._items: dict[str, int] = {}  #: effects, by the items that are about them

    def apply(self, event: Event) -> None:
        """Take in the next event."""
        before = self.run.next_n
        self.run.apply(event)
        self._note(event, before)

    def _facts(self, n: int, at: datetime) -> Facts:
        found = self.facts.get(n)
        if found is None:
            found = self.facts[n] = Facts(self.run.seq, at)
        return found

    def _say(self, event: Any, kind: str, by: str, text: str, **rest: Any) -> None:
        if text or rest.get("calls"):
            self.said.append(Said(self.run.seq, event.at, kind, by, text, **rest))

    def _note(self, event: Event, before: int) -> None:  # noqa: C901 - one case an event
        match event:
            case ModelIntent():
                facts = self._facts(event.n, event.at)
                facts.begun = facts.begun or event.at
                facts.attempts.append(Attempt(event.attempt, event.at, event.deadline))
            case ModelReply():
                self._reply(event, before)
            case ToolIntent():
                facts = self._facts(event.n, event.at)
                facts.begun = facts.begun or event.at
                facts.attempts.append(Attempt(event.attempt, event.at, event.deadline))
                if event.item:
                    self._items[event.item] = event.n
                    facts.words.append(Word("question", event.at, item=event.item))
            case Outcome():
                self._outcome(event)
            case VerdictGiven():
                self._verdict(event)
            case Doubted():
                facts = self._facts(event.n, event.at)
                facts.words.append(Word("doubted", event.at, item=event.item, text=event.reason))
                self._items[event.item] = event.n
            case Elicited():
                self._elicited(event)
            case Settled():
                facts = self._facts(event.n, event.at)
                facts.ended, facts.over = event.at, self.run.seq
                said = "happened" if event.happened else "not-happened"
                facts.words.append(Word("settled", event.at, event.by, text=said, via=event.via))
            case Received():
                self._received(event)
            case Started():
                self._say(event, "task", event.by, self.run.task)
                if self.run.material:
                    source = event.occasion.kind if event.occasion is not None else ""
                    self._say(event, "material", source, self.run.material)
            case Compacted():
                self._say(event, "summary", "", getattr(self.run.turns[-1], "summary", ""))
            case Note(kind="fault"):
                why = cast("Mapping[str, object]", event.value)
                self._say(event, "fault", "system", str(why.get("message")))
            case Note(kind="repair"):
                self._say(event, "notice", "system", str(event.value))
            case Ended():
                self.ended_at = event.at
            case _:
                pass

    def _reply(self, event: ModelReply, before: int) -> None:
        facts = self._facts(event.n, event.at)
        facts.ended, facts.rehearsal = event.at, event.rehearsal
        said: Any = self.run.effects[event.n].result
        calls = tuple(range(event.n + 1, event.n + 1 + len(said.calls))) if self.run.next_n > before else ()
        for n in calls:
            self.facts[n] = Facts(self.run.seq, event.at, event.n)
        by = "model" if not event.rehearsal else "rehearsal"
        self._say(event, "reply", by, said.text, n=event.n, calls=calls, reasoning=said.reasoning)

    def _outcome(self, event: Outcome) -> None:
        facts = self._facts(event.n, event.at)
        error = event.error.message if event.error is not None else ""
        if facts.attempts and facts.attempts[-1].number == event.attempt:
            facts.attempts[-1] = facts.attempts[-1]._replace(status=event.status, error=error)
        if event.status != "unknown":
            facts.ended, facts.over = event.at, self.run.seq

    def _verdict(self, event: VerdictGiven) -> None:
        facts = self._facts(event.n, event.at)
        if event.verdict == "ask":
            self._items[event.item] = event.n
            word = Word("asked", event.at, item=event.item, text=event.reason, approvers=event.approvers)
            facts.words.append(word)
        else:
            facts.ended = event.at

    def _elicited(self, event: Elicited) -> None:
        facts = self._facts(event.n, event.at)
        facts.begun = facts.begun or event.at
        if not event.over:
            self._items[event.item] = event.n
            forms: Mapping[str, Form] = getattr(self.run.effects[event.n].elicited, "forms", None) or {}
            text = "\n".join(str(getattr(form, "message", "")) for form in forms.values())
            facts.words.append(Word("question", event.at, event.asker, event.item, text))

    def _received(self, event: Received) -> None:
        delivery = delivery_from(self.run.blob(event.blob)) if event.blob else event.delivery
        match delivery:
            case Tell(text):
                self._say(event, "message", event.by, text)
            case Place(files):
                self._say(event, "files", event.by, "\n".join(f"{file.name} ({file.size} bytes)" for file in files))
            case Halt(end):
                self._say(event, "close" if end else "halt", event.by, "ended" if end else "halted")
            case Approve(item, _, edit, via):
                self._word(event, item, Word("approved", event.at, event.by, item, via=via, edit=edit))
            case Refuse(item, reason, via):
                self._word(event, item, Word("denied", event.at, event.by, item, reason, via))
            case Expire(item):
                self._word(event, item, Word("expired", event.at, event.by, item))
            case Reply(item, text, via):
                self._word(event, item, Word("answered", event.at, event.by, item, text, via))
                self._say(event, "answer", event.by, text, n=self._items.get(item, 0))
            case Cancel(reason):
                self._say(event, "cancel", event.by, reason or "cancelled")
            case Raise():
                self._say(event, "raised", event.by, "budget")
            case _:
                pass

    def _word(self, event: Received, item: str, word: Word) -> None:
        n = self._items.get(item)
        if n is None:
            return
        facts = self._facts(n, event.at)
        facts.words.append(word)
        if self.run.effects[n].status == "denied":
            facts.ended = event.at
