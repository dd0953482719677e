"""Count what happened in runs, from their journals; what was counted of a run is kept until it moves on."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from deputy.domain.delivery import Approve, Expire, Refuse
from deputy.domain.event import Doubted, Event, ModelReply, Outcome, Received, Started, VerdictGiven, event_from
from deputy.ports.store import RunRow, Store

__all__ = ["Tallies", "Tally"]

KEPT = 20_000  #: runs


class Tally(NamedTuple):
    """One run, counted."""

    row: RunRow
    trial: bool
    counts: Counter[str]
    money: int
    tokens: int


class Tallies:
    """What was counted of runs, until they move on."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, Tally] = {}

    async def of(self, row: RunRow) -> Tally:
        """A run, counted."""
        known = self._known.get(row.id)
        if known is None or known.row != row:
            events = [event_from(stored.body) for stored in await self._store.rows(row.id)]
            if len(self._known) >= KEPT:
                self._known.clear()
            known = self._known[row.id] = _tally(row, events)
        return known


def _tally(row: RunRow, events: Iterable[Event]) -> Tally:
    counts, money_, tokens, trial = Counter[str](), 0, 0, False
    for event in events:
        match event:
            case Started():
                trial = event.trial
            case VerdictGiven(verdict="deny"):
                counts["denied"] += 1
            case VerdictGiven(verdict="ask"):
                counts["asked"] += 1
            case VerdictGiven(verdict="shadow"):
                counts["shadowed"] += 1
            case Doubted():
                counts["in_doubt"] += 1
            case Received(delivery=Approve(edit=edit)):
                counts["approved" if edit is None else "edited"] += 1
            case Received(delivery=Refuse()):
                counts["refused"] += 1
            case Received(delivery=Expire()):
                counts["expired"] += 1
            case ModelReply(cost=cost) | Outcome(cost=cost):
                money_, tokens = money_ + cost.money, tokens + cost.tokens
                counts["effects"] += isinstance(event, Outcome) and event.status == "done"
            case _:
                pass
    return Tally(row, trial, counts, money_, tokens)
