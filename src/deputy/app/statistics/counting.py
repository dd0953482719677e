"""Turn events into counts: a pure step from what is remembered of open runs to what an event adds.

Money, tokens and steps are booked when the ledger books them: in the hour in which the effect began. A decision counts
when it became an event, and what it took somebody is reckoned as told in `docs/concepts/statistics.md`.
"""

from datetime import datetime
from typing import Any, Literal

import msgspec

from deputy.app.statistics.measures import HANDLED_MS, bucket_of, model_bucket
from deputy.domain.cost import NOTHING, Cost
from deputy.domain.delivery import Approve, Expire, Refuse, Reply
from deputy.domain.event import (
    BudgetRaised,
    BudgetShort,
    Doubted,
    Elicited,
    Ended,
    Event,
    ModelIntent,
    ModelReply,
    Outcome,
    Received,
    Settled,
    Started,
    ToolIntent,
    VerdictGiven,
    Workspace,
)  # fmt: skip
from deputy.ports.tally import Cell

__all__ = ["Counter", "Open", "Pending", "hour_of"]

Kind = Literal["approval", "question", "in_doubt", "budget"]
ALARMS = ("missed", "skipped", "unreachable")
PERSON = "person:"
WORDS: dict[type[Any], str] = {Approve: "approved", Refuse: "refused", Expire: "expired", Reply: "answered"}


class Pending(msgspec.Struct, array_like=True):
    """What waits for people: since when, and what it asks."""

    at: datetime
    kind: Kind


class Begun(msgspec.Struct, array_like=True):
    """An effect that began: when, what it holds, and the route of a model call."""

    at: datetime
    hold: Cost = NOTHING
    route: str = ""


class Open(msgspec.Struct, array_like=True):
    """What is remembered of a run that is not over."""

    items: dict[str, Pending] = {}
    effects: dict[int, Begun] = {}


def hour_of(at: datetime) -> int:
    """The hour of a time, counted from 1970."""
    return int(at.timestamp()) // 3600


class Counter:
    """Counts as they come together; `runs` and `decided` are remembered from one event to the next."""

    def __init__(self, runs: dict[str, Open], decided: dict[str, datetime]) -> None:
        self.runs, self.decided = runs, decided
        self.counts: dict[Cell, int] = {}
        self.touched: set[str] = set()  #: runs of which something else is remembered now
        self.deciders: set[str] = set()

    def take(self, run: str, agent: str, event: Event) -> None:
        """Count one event."""
        if isinstance(event, Workspace):
            if event.what in ALARMS:
                self._add(event.at, event.subject.partition("/")[0], "alarms")
            return
        if isinstance(event, Started):
            self._add(event.at, agent, "begun")
            return
        self.touched.add(run)
        now = self.runs.setdefault(run, Open())
        match event:
            case ModelIntent() | ToolIntent():
                self._intent(now, agent, event)
            case ModelReply():
                begun = now.effects.pop(event.n, Begun(event.at))
                self._spend(agent, begun.at, event.cost)
                self._add(event.at, agent, "model_calls")
                self._latency(begun, event.at)
            case Outcome():
                self._outcome(now, agent, event)
            case VerdictGiven():
                self._verdict(now, agent, event)
            case Settled():
                begun = now.effects.pop(event.n, Begun(event.at))
                self._spend(agent, begun.at, begun.hold)
                self._answered(now, agent, event.row, event.by, event.at, "settled")
            case Ended():
                self._ended(run, now, agent, event)
            case _:
                self._waits(now, agent, event)

    def _waits(self, now: Open, agent: str, event: Event) -> None:
        """What begins or ends a wait for people."""
        match event:
            case BudgetShort():
                self._asks(now, agent, event.item, Pending(event.at, "budget"))
            case BudgetRaised():
                self._answered(now, agent, event.row, event.by, event.at, "raised")
            case Doubted():
                self._add(event.at, agent, "in_doubt")
                self._asks(now, agent, event.item, Pending(event.at, "in_doubt"))
            case Elicited():
                if event.over:
                    now.items.pop(event.item, None)
                else:
                    self._asks(now, agent, event.item, Pending(event.at, "question"))
            case Received():
                word = WORDS.get(type(event.delivery), "answered")
                self._answered(now, agent, event.row, event.by, event.at, word)
            case _:
                pass

    # -- effects

    def _intent(self, now: Open, agent: str, event: ModelIntent | ToolIntent) -> None:
        before = now.effects.get(event.n)
        if isinstance(event, ModelIntent):
            if before is not None:
                self._spend(agent, before.at, event.unconfirmed)
            now.effects[event.n] = Begun(event.at, event.hold, event.route)
            return
        now.effects[event.n] = Begun(event.at, event.hold)
        if event.attempt == 1 and not event.grant:
            self._add(event.at, agent, "verdict.allow")
        if event.item:
            self._asks(now, agent, event.item, Pending(event.at, "question"))

    def _outcome(self, now: Open, agent: str, event: Outcome) -> None:
        if event.rule:
            self._add(event.at, agent, "verdict.allow")
        if event.status == "unknown":
            return  # what it holds stays held until somebody knows
        begun = now.effects.pop(event.n, Begun(event.at))
        self._spend(agent, begun.at, event.cost)
        if begun.route:
            self._add(event.at, agent, "model_errors")
            self._latency(begun, event.at)
        else:
            self._add(event.at, agent, f"tools_{event.status}")

    def _verdict(self, now: Open, agent: str, event: VerdictGiven) -> None:
        self._add(event.at, agent, f"verdict.{event.verdict}")
        if event.verdict == "ask":
            now.effects.setdefault(event.n, Begun(event.at))
            self._asks(now, agent, event.item, Pending(event.at, "approval"))
        elif event.verdict == "deny":
            self._add(event.at, agent, "denied")

    def _ended(self, run: str, now: Open, agent: str, event: Ended) -> None:
        self._add(event.at, agent, event.state)
        for begun in now.effects.values():
            if begun.route and event.unconfirmed:
                self._spend(agent, begun.at, begun.hold)
        self.runs.pop(run, None)

    def _spend(self, agent: str, at: datetime, cost: Cost) -> None:
        for unit in ("money", "tokens", "steps"):
            self._add(at, agent, unit, getattr(cost, unit))

    def _latency(self, begun: Begun, at: datetime) -> None:
        if begun.route:
            ms = max(_ms(at, begun.at), 0)
            self._all(f"latency.{model_bucket(ms)}", begun.route)
            self._all("latency.sum", begun.route, ms)

    # -- people

    def _asks(self, now: Open, agent: str, item: str, pending: Pending) -> None:
        now.items[item] = pending
        self._add(pending.at, agent, f"asked.{pending.kind}")

    def _answered(self, now: Open, agent: str, row: str, by: str, at: datetime, word: str) -> None:
        """Somebody (or the end of patience) answered what waited."""
        pending = now.items.pop(row.removeprefix("answer:"), None)
        if pending is None:
            return
        self._add(at, agent, word)
        if not by.startswith(PERSON):
            return
        self._add(at, agent, f"wait.{bucket_of(_ms(at, pending.at))}")
        last = self.decided.get(by)
        since = pending.at if last is None else max(pending.at, last)
        self._add(at, agent, "spent_ms", min(max(_ms(at, since), 0), HANDLED_MS))
        self.decided[by] = at
        self.deciders.add(by)

    # -- sums

    def _add(self, at: datetime, agent: str, measure: str, value: int = 1) -> None:
        if value:
            cell = Cell(hour_of(at), agent, measure)
            self.counts[cell] = self.counts.get(cell, 0) + value

    def _all(self, measure: str, route: str, value: int = 1) -> None:
        """Count what monitoring alone wants to know, by route in the agent's place."""
        cell = Cell(-1, route, measure)
        self.counts[cell] = self.counts.get(cell, 0) + value


def _ms(later: datetime, earlier: datetime) -> int:
    return int((later - earlier).total_seconds() * 1000)
