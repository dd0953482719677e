"""Bring the news that a letter came back to the run that wrote it, while that run lives.

A report of delivery is anybody's word: a run reads it as untrusted text, and one report of each letter.
"""

from typing import NamedTuple

from deputy.base.clock import Clock
from deputy.base.ids import split_effect_id
from deputy.domain.delivery import InboxRow, Tell
from deputy.domain.event import ToolIntent, event_from
from deputy.domain.label import Label
from deputy.domain.principal import SYSTEM
from deputy.ports.store import RunRow, Store

__all__ = ["Returned", "bring_back"]

OVER = ("done", "failed", "cancelled")
LONGEST = 1_000  #: characters of a reason
SOURCE = Label(source="a report that a letter came back")


class Returned(NamedTuple):
    """A letter of a run that came back; `told` if the run lived, and reads of it."""

    row: RunRow
    told: bool


async def bring_back(store: Store, clock: Clock, effect: str, words: str) -> Returned | None:
    """Tell the run that sent this letter that it came back; None where no run of ours sent it. Raises StoreError."""
    name, number = split_effect_id(effect) or ("", 0)
    row = await store.run(name) if name else None
    if row is None:
        return None
    events = (event_from(stored.body) for stored in await store.rows(name))
    if not any(isinstance(event, ToolIntent) and event.n == number for event in events):
        return None
    if row.state in OVER:
        return Returned(row, told=False)
    text = f"A letter came back that this run sent ({effect}), {_one_line(words)[:LONGEST]}"
    tell = Tell(text, SOURCE)
    await store.deliver(InboxRow(id=f"bounce:{effect}", run=name, by=SYSTEM, at=clock.now(), delivery=tell))
    return Returned(row, told=True)


def _one_line(text: str) -> str:
    """A stranger's words on one line, without what cannot be seen."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
