"""The ledger: reserve the worst case before an effect, book the true cost after, along the whole tree of runs.

What an event does to the accounts is a pure function of the event and the state before it, so that the ledger can be
computed anew from the journals. A run without children keeps its account in its own fold; from its first child on
it is shared (`run:ID`), and every descendant pays there too. `day:DATE:AGENT` is what an agent consumes in a day (UTC).
"""

from datetime import datetime

from deputy.base.errors import OverBudget
from deputy.domain.cost import NOTHING, Cost, Limits
from deputy.domain.event import (
    BudgetRaised,
    Ended,
    Event,
    ModelIntent,
    ModelReply,
    Outcome,
    Settled,
    Started,
    ToolIntent,
)  # fmt: skip
from deputy.domain.run import Run
from deputy.ports.store import Move

__all__ = ["UNLIMITED", "Mandated", "check", "day_account", "moves", "within"]


class Mandated:
    """The limits that hold for a run now."""

    __slots__ = ("day", "run")

    def __init__(self, run: Limits, day: Limits) -> None:
        self.run, self.day = run, day


UNLIMITED = Mandated(Limits(), Limits())


def day_account(agent: str, at: datetime) -> str:
    """The name of the account of an agent's day."""
    return f"day:{at.date().isoformat()}:{agent}"


def check(run: Run, hold: Cost, limits: Limits) -> None:
    """Raise OverBudget where the run's own account cannot hold so much more."""
    allowed = limits.raised(run.raised)
    unit = allowed.exceeded(run.held + run.spent + hold)
    if unit is not None:
        spent = allowed.exceeded(run.spent + hold) is not None
        raise OverBudget(f"the run has no {unit} left for this", account="", unit=unit, spent=spent)


def within(run: Run, seconds: float, limits: Limits) -> float:
    """A deadline that the run's wall time still allows; all of it where none is left, for `check` to refuse."""
    if limits.wall is None:
        return seconds
    left = (limits.wall + run.raised.wall - run.held.wall - run.spent.wall) / 1000
    return min(seconds, left) if left > 0 else seconds


def moves(run: Run, event: Event, limits: Mandated = UNLIMITED) -> list[Move]:
    """What an event does to shared accounts, given the state just before it."""
    match event:
        case ModelIntent():
            before = run.effects.get(event.n)
            found = _Moves(run, limits)
            if before is not None and before.at is not None:
                found.book(before.at, NOTHING - before.hold, event.unconfirmed)
            found.book(event.at, event.hold, NOTHING)
            return found.list
        case ModelReply():
            effect = run.effects[event.n]
            return _Moves(run, limits).book(effect.at or event.at, NOTHING - effect.hold, event.cost).list
        case ToolIntent():
            return _tool_intent(run, event, limits)
        case Outcome(status="done" | "failed"):
            effect = run.effects.get(event.n)
            held, at = (NOTHING, event.at) if effect is None else (effect.hold, effect.at or event.at)
            return _Moves(run, limits).book(at, NOTHING - held, event.cost).list
        case Settled():
            effect = run.effects[event.n]
            return _Moves(run, limits).book(effect.at or event.at, NOTHING - effect.hold, effect.hold).list
        case BudgetRaised():
            account = event.account or (f"run:{run.id}" if run.shares else "")
            return [Move(account, raised=event.amount)] if account else []
        case Ended():
            return _ended(run, event, limits)
        case _:
            return []


def _tool_intent(run: Run, event: ToolIntent, limits: Mandated) -> list[Move]:
    found = _Moves(run, limits)
    if event.child and not run.shares:
        found.list.append(Move(f"run:{run.id}", run.held, run.spent, limits.run, run.raised))
        found.shared += (f"run:{run.id}",)
    before = run.effects.get(event.n)
    if before is not None and before.hold:
        found.book(before.at or event.at, NOTHING - before.hold, NOTHING)
    return found.book(event.at, event.hold, NOTHING).list


def _ended(run: Run, event: Ended, limits: Mandated) -> list[Move]:
    found = _Moves(run, limits)
    for effect in run.effects.values():
        if effect.hold:
            spent = effect.hold if effect.kind == "model" and event.unconfirmed else NOTHING
            found.book(effect.at or event.at, NOTHING - effect.hold, spent)
    return found.list


class _Moves:
    """Collects what one event does to the accounts of its run, the runs above it and its agent's day."""

    def __init__(self, run: Run, limits: Mandated) -> None:
        self.list: list[Move] = []
        started = run.started
        assert isinstance(started, Started)
        self._agent, self._limits = started.agent, limits
        self._own = f"run:{run.id}"
        self.shared: tuple[str, ...] = (self._own,) if run.shares else ()
        if started.ancestors:
            self.shared = (*[f"run:{a}" for a in started.ancestors], *self.shared)

    def book(self, day: datetime, hold: Cost, spend: Cost) -> "_Moves":
        if hold or spend:
            for account in self.shared:
                self.list.append(Move(account, hold, spend, self._limits.run if account == self._own else None))
            hold, spend = _without_wall(hold), _without_wall(spend)
            if hold or spend:
                self.list.append(Move(day_account(self._agent, day), hold, spend, self._limits.day))
        return self


def _without_wall(cost: Cost) -> Cost:
    return Cost(cost.money, cost.tokens, cost.steps) if cost.wall else cost
