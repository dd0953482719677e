"""What a run's journal tells, taken in event by event: its state, and what must stand in the tables because of it.

It needs nothing of the kernel but pure functions: what an event does to accounts, and where arguments come from.
"""

from typing import NamedTuple

import msgspec

from deputy.app.audit.items import OpenItem, amended_by, closed_by, opened_by, taken_off
from deputy.domain.cost import Cost
from deputy.domain.delivery import ChildEnded, Delivery, Raise, Settle, delivery_from
from deputy.domain.event import (
    BudgetRaised,
    BudgetShort,
    Doubted,
    Elicited,
    Ended,
    Event,
    Explained,
    Note,
    Outcome,
    Received,
    Settled,
    Started,
    TimerSet,
    ToolIntent,
    VerdictGiven,
    Workspace,
)  # fmt: skip
from deputy.domain.principal import agent_principal
from deputy.domain.run import Blobs, Run
from deputy.kernel.budget import moves
from deputy.kernel.flow import context_label
from deputy.ports.store import Move

__all__ = ["SENSELESS", "Arrived", "Senseless", "Told", "arrived"]

_MAY_BEGIN = frozenset(("proposed", "approved", "claimed", "unknown"))
_BEGUN = frozenset(("claimed", "unknown", "in_doubt"))
_NOT_TAKEN = (" by ", " is not of what was asked, and was not taken")


class Senseless(Exception):
    """An event that cannot stand where it does; its text says why, as the end of a sentence."""


#: what taking in an event can raise that the kernel never wrote
SENSELESS = (
    Senseless, LookupError, ValueError, TypeError, AttributeError, AssertionError, ArithmeticError, RecursionError,
    msgspec.MsgspecError,
)  # fmt: skip


class Arrived(NamedTuple):
    """An inbox row that became part of a journal; `delivery` is None where the event does not hold it."""

    row: str
    by: str
    delivery: Delivery | None


def arrived(event: Event, blob: Blobs) -> Arrived | None:
    """The inbox row that an event came of, if it did."""
    match event:
        case Received():
            delivery = delivery_from(blob(event.blob)) if event.blob else event.delivery
            return Arrived(event.row, event.by, delivery)
        case Note(kind="note", path="", value=str() as text) if text.startswith("approval ") and text.endswith(
            _NOT_TAKEN[1]
        ):
            row, _, by = text.removeprefix("approval ").removesuffix(_NOT_TAKEN[1]).partition(_NOT_TAKEN[0])
            return Arrived(row, by, None)
        case Settled(row=row, by=by) if row:
            return Arrived(row, by, None)
        case BudgetRaised(row=row, by=by) if row:
            return Arrived(row, by, None)
        case _:
            return None


class Told:
    """A run as its journal tells it."""

    def __init__(self, run: str, blob: Blobs) -> None:
        self.run = Run(run, blob)
        self.items: dict[str, OpenItem] = {}
        self.grants: list[str] = []
        self.moves: list[Move] = []  #: what happened to shared accounts since somebody looked last
        self.children: dict[str, int] = {}  #: runs that this one started, by the number of the effect
        self.ending: ChildEnded | None = None  #: what its parent must have been told
        self.words = {""}  #: all that it can have waited for, as the table of runs says it
        self.last: Event | None = None

    def take(self, event: Event) -> Arrived | None:
        """Take in the next event; returns the inbox row that it came of. Raises one of SENSELESS."""
        run = self.run
        self._check_place(event)
        if run.started is not None:
            self.moves += moves(run, event)
        if isinstance(event, ToolIntent):
            self._check_intent(event)
        elif isinstance(event, Outcome):
            self._check_outcome(event)
        elif isinstance(event, Elicited):
            self._check_elicited(event)
        row = self._arrived(event)
        for item in taken_off(run, event, row.delivery if row is not None else None):
            self._close(item)
        spent = run.spent
        run.apply(event)
        self.last = event
        self.items |= opened_by(run, event)
        if isinstance(event, Received) and row is not None:
            self._close(closed_by(row.delivery))
        if isinstance(event, Received | Explained):
            self.items |= amended_by(run, event, self.items)
        if isinstance(event, ToolIntent) and event.child:
            self.children[event.child] = event.n
        if isinstance(event, Ended):
            self._end(event, spent)
        self.words |= _words(event) | ({"message"} if run.listens else set[str]())
        return row

    def _close(self, item: str) -> None:
        """An item is open no longer, nor what was asked back about it."""
        for name in (item, *self.run.talk.waiting(item)):
            self.items.pop(name, None)

    def _check_place(self, event: Event) -> None:
        run = self.run
        if event.v != 1:
            raise Senseless(f"has version {event.v}, which this Deputy does not know")
        if isinstance(event, Workspace):
            raise Senseless("belongs to the workspace's own journal")
        if isinstance(event, Started) != (run.started is None):
            raise Senseless("is not the start" if run.started is None else "starts a run that was started before")
        if run.ended is not None:
            raise Senseless("comes after the end")

    def _check_intent(self, intent: ToolIntent) -> None:
        """Whether an effect was allowed to begin: not before people agreed where they were asked, and then once."""
        effect = self.run.effects.get(intent.n)
        if effect is not None and effect.status not in _MAY_BEGIN:
            raise Senseless(f"begins an effect that is {effect.status}")
        asked = effect.asked.item if effect is not None and effect.asked is not None else ""
        first = effect is None or effect.first_at is None
        if intent.grant and (intent.grant != asked or effect is None or effect.answer is None):
            raise Senseless(f"uses approval {intent.grant}, which nobody gave for it")
        if intent.grant in self.grants:
            raise Senseless(f"uses approval {intent.grant} once more")
        if first and asked and not intent.grant:
            raise Senseless(f"begins an effect that needs approval {asked}, without it")
        if intent.grant:
            self.grants.append(intent.grant)

    def _check_elicited(self, event: Elicited) -> None:
        """Whether a call asks people that was made: it had begun, or only reads."""
        effect = self.run.effects.get(event.n)
        status = effect.status if effect is not None else "proposed"
        if status not in _BEGUN and not (status == "proposed" and event.cls == "read" and event.rule):
            raise Senseless(f"asks people for an effect that is {status}")

    def _check_outcome(self, outcome: Outcome) -> None:
        """Whether an effect had begun that ended; what only reads, and what failed before it began, need not have."""
        effect = self.run.effects.get(outcome.n)
        status = effect.status if effect is not None else "proposed"
        if outcome.status == "failed" or status in _BEGUN:
            return
        reads = outcome.cls == "read" and outcome.rule and outcome.status == "done"
        halted = effect is not None and effect.error is not None and effect.error.code == "halted"
        if (status != "proposed" and not halted) or not reads:
            raise Senseless(f"is the outcome of an effect that was {status}, and never begun")

    def _arrived(self, event: Event) -> Arrived | None:
        """The inbox row of an event, with what it must have held."""
        row = arrived(event, self.run.blob)
        match event:
            case Settled() if row is not None:
                return row._replace(delivery=Settle(self.run.effects[event.n].item, event.happened))
            case BudgetRaised() if row is not None:
                item = self.run.short.item if self.run.short is not None else ""
                return row._replace(delivery=Raise(item, event.amount))
            case _:
                return row

    def _end(self, event: Ended, spent: Cost) -> None:
        run = self.run
        started = run.started
        assert started is not None
        self.items = {name: item for name, item in self.items.items() if item.kind == "message"}
        if started.parent:
            answer = run.blob(event.blob).decode() if event.blob else event.answer
            self.ending = ChildEnded(
                run=run.id, n=started.parent_n, state=event.state, answer=answer,
                error=event.error.message if event.error else "", cost=spent, label=context_label(run),
            )  # fmt: skip

    @property
    def principal(self) -> str:
        """The run's agent as a principal."""
        assert self.run.started is not None
        return agent_principal(self.run.started.agent, self.run.started.version)


def _words(event: Event) -> set[str]:
    """What a run can have waited for because of an event."""
    match event:
        case VerdictGiven(verdict="ask"):
            return {"approval"}
        case ToolIntent():
            return {word for word, there in (("question", event.item), ("child", event.child)) if there}
        case Elicited():
            return {"question"}
        case Doubted():
            return {"in_doubt"}
        case BudgetShort():
            return {"budget"}
        case TimerSet():
            return {"timer", "budget"}
        case Note(kind="note", path=""):
            return {"configuration"}
        case _:
            return set()
