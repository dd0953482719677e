"""What people say about an item while it is open: questions asked back and their answers, and to whom it was handed."""

from datetime import datetime
from typing import Any

import msgspec

from deputy.domain.delivery import AskBack, Delegate, Delivery, Refuse, Reply
from deputy.domain.effect_state import Effect
from deputy.domain.event import Explained, Received, Said

__all__ = ["AGENT", "Aside", "Handed", "Talk"]

AGENT = "agent"  #: whom a question is to that the agent's model answers


class Aside(msgspec.Struct, frozen=True, omit_defaults=True):
    """A question about an item, and its answer once there is one."""

    id: str  #: where a person is asked, of the item that puts it to them
    by: str  #: principal who asks
    to: str  #: `agent`, or `person:ID`
    text: str
    at: datetime
    answer: str = ""
    answered_by: str = ""  #: principal
    answered: datetime | None = None
    failed: str = ""  #: why there is no answer
    untrusted: str = ""  #: sources outside whose words the answer may be

    @property
    def open(self) -> bool:
        """Whether it still waits for an answer."""
        return self.answered is None


class Handed(msgspec.Struct, frozen=True, omit_defaults=True):
    """Somebody handed an item to somebody else."""

    by: str  #: principal
    to: str  #: id of a person
    at: datetime
    reason: str = ""


class Talk:
    """All that was said about the items of a run."""

    __slots__ = ("asides", "handed")

    def __init__(self) -> None:
        self.asides: dict[str, list[Aside]] = {}  #: by item
        self.handed: dict[str, list[Handed]] = {}  #: by item

    def copy(self) -> "Talk":
        """The same, to go on with."""
        copy = Talk()
        copy.asides = {item: list(asides) for item, asides in self.asides.items()}
        copy.handed = {item: list(handed) for item, handed in self.handed.items()}
        return copy

    def next_id(self, item: str) -> str:
        """The id of the next question about an item."""
        return f"{item}.{len(self.asides.get(item, ())) + 1}"

    def about(self, question: str) -> str:
        """The item that a question is about; "" where it is none that was asked back."""
        item = question.rpartition(".")[0]
        return item if any(aside.id == question for aside in self.asides.get(item, ())) else ""

    def waiting(self, item: str) -> list[str]:
        """The questions about an item that people have not answered."""
        return [aside.id for aside in self.asides.get(item, ()) if aside.open and aside.to != AGENT]

    def for_agent(self) -> list[Aside]:
        """The questions that wait for the agent."""
        return [one for asides in self.asides.values() for one in asides if one.open and one.to == AGENT]

    # -- the fold

    def take(self, e: Received, delivery: Delivery | None) -> None:
        """Something arrived: a question asked back, an item handed to somebody, or an answer to such a question."""
        match delivery:
            case AskBack(item, text, to) if e.shown:  # else it came too late
                self.asides.setdefault(item, []).append(Aside(self.next_id(item), e.by, to, text, e.at))
            case Delegate(item, to, reason) if e.shown:  # else it came too late, or might not be
                self.handed.setdefault(item, []).append(Handed(e.by, to, e.at, reason))
            case Reply(question, text):
                self._answered(question, answer=text, answered_by=e.by, answered=e.at)
            case Refuse(question, reason):
                self._answered(question, failed=reason, answered_by=e.by, answered=e.at)
            case _:
                pass

    def explain(self, e: Explained, effect: Effect | None) -> None:
        """The agent answered a question, or will not."""
        said = effect.result if effect is not None else None
        self._answered(
            e.aside, answer=said.text if isinstance(said, Said) and e.error is None else "", answered=e.at,
            answered_by=AGENT, failed=e.error.message if e.error is not None else "",
            untrusted=effect.label.source if effect is not None and effect.label.tainted else "",
        )  # fmt: skip

    def _answered(self, question: str, **changes: Any) -> None:
        asides = self.asides.get(question.rpartition(".")[0], [])
        for place, aside in enumerate(asides):
            if aside.id == question and aside.open:
                asides[place] = msgspec.structs.replace(aside, **changes)
