"""The ledger: reserve the worst case before an effect, book the true cost after, along the whole tree of runs.

What an event does to the accounts is a pure function of the event and the state before it, so that the ledger can be
computed anew from the journals. A run without children keeps its account in its own fold; from its first child on
it is shared (`run:ID`), and every descendant pays there too. `day:DATE:AGENT` is what an agent consumes in a day (UTC).
"""

from collections.abc import Sequence
from datetime import date, datetime
from functools import lru_cache

import msgspec

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
    ToolIntent,
)  # fmt: skip
from deputy.domain.run import Run
from deputy.ports.store import Move

__all__ = ["UNLIMITED", "Booking", "Mandated", "bookings", "check", "day_account", "moves", "spread", "within"]


class Mandated:
    """The limits that hold for a run now."""

    __slots__ = ("day", "run")

    def __init__(self, run: Limits, day: Limits) -> None:
        self.run, self.day = run, day


UNLIMITED = Mandated(Limits(), Limits())


def day_account(agent: str, at: datetime) -> str:
    """The name of the account of an agent's day."""
    return _day_account(agent, at.toordinal())


@lru_cache(maxsize=256)  # of the few agents and days that are at work
def _day_account(agent: str, day: int) -> str:
    return f"day:{date.fromordinal(day).isoformat()}:{agent}"


def check(run: Run, hold: Cost, limits: Limits) -> None:
    """Raise OverBudget where the run's own account cannot hold so much more."""
    allowed = limits.raised(run.raised) if run.raised else limits
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


class Booking(msgspec.Struct, frozen=True, gc=False):
    """What an event holds more (or lets go) and books as spent, by the day it counts for."""

    day: datetime
    hold: Cost
    spend: Cost


def moves(run: Run, event: Event, limits: Mandated = UNLIMITED) -> list[Move]:
    """What an event does to shared accounts, given the state just before it."""
    return spread(run, event, bookings(run, event), limits)


def bookings(run: Run, event: Event) -> list[Booking]:
    """What an event holds and spends, given the state just before it."""
    match event:
        case ModelIntent(n=n) | ToolIntent(n=n):
            before = run.effects.get(n)
            if before is None:
                return [Booking(event.at, event.hold, NOTHING)]
            lost = event.unconfirmed if isinstance(event, ModelIntent) else NOTHING
            let_go = before.at is not None and (before.hold or lost)
            first = [Booking(before.at, -before.hold, lost)] if let_go and before.at else []
            return [*first, Booking(event.at, event.hold, NOTHING)]
        case ModelReply(n=n, cost=cost) | Outcome(n=n, status="done" | "failed", cost=cost):
            effect = run.effects.get(n)
            if effect is None:
                return [Booking(event.at, NOTHING, cost)]
            return [Booking(effect.at or event.at, NOTHING if effect.hold is NOTHING else -effect.hold, cost)]
        case Settled():
            effect = run.effects[event.n]
            return [Booking(effect.at or event.at, -effect.hold, effect.hold)]
        case Ended():
            return [
                Booking(e.at or event.at, -e.hold, e.hold if e.kind == "model" and event.unconfirmed else NOTHING)
                for e in run.effects.values()
                if e.hold
            ]
        case _:
            return []


def spread(run: Run, event: Event, booked: Sequence[Booking], limits: Mandated) -> list[Move]:
    """The accounts that bookings go to, given the state when the event is written."""
    if isinstance(event, BudgetRaised):
        account = event.account or (f"run:{run.id}" if run.shares else "")
        return [Move(account, raised=event.amount)] if account else []
    if not booked:
        return []
    started = run.started
    assert started is not None
    if not run.shares and not started.ancestors and not (type(event) is ToolIntent and event.child):  # as most runs are
        return [m for each in booked if (m := _of_the_day(started.agent, each, limits)) is not None]
    opens = isinstance(event, ToolIntent) and bool(event.child) and not run.shares
    found: list[Move] = []
    own, shared = f"run:{run.id}", _shared(run, opens=opens)
    if opens:
        found.append(Move(own, run.held, run.spent, limits.run, run.raised))
    for each in booked:
        for account in shared:
            if each.hold or each.spend:
                found.append(Move(account, each.hold, each.spend, limits.run if account == own else None))
        if (move := _of_the_day(started.agent, each, limits)) is not None:
            found.append(move)
    return found


def _of_the_day(agent: str, booking: Booking, limits: Mandated) -> Move | None:
    """What goes to the account of an agent's day, which counts no wall time."""
    hold, spend = _without_wall(booking.hold), _without_wall(booking.spend)
    if hold is NOTHING and spend is NOTHING:
        return None
    return Move(_day_account(agent, booking.day.toordinal()), hold, spend, limits.day)


def _shared(run: Run, *, opens: bool) -> tuple[str, ...]:
    above = run.started.ancestors if run.started is not None else ()
    names = [f"run:{name}" for name in above]
    return (*names, f"run:{run.id}") if run.shares or opens else tuple(names)


def _without_wall(cost: Cost) -> Cost:
    if not (cost.money or cost.tokens or cost.steps):
        return NOTHING
    return Cost(cost.money, cost.tokens, cost.steps) if cost.wall else cost
