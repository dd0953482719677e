"""Lists of runs: what each does, for whom, what it costs, and for whom it waits."""

from typing import Any

from deputy.app import rights
from deputy.app.bootstrap import Office
from deputy.app.views import moment, money, run_line
from deputy.domain.principal import Person
from deputy.kernel.approval import shown
from deputy.ports.listing import Counts, Found, Line, Sought

__all__ = ["count", "find", "line_view"]

OPEN = ("ready", "running", "waiting")
MOST_PEOPLE = 20


async def find(office: Office, person: Person, sought: Sought) -> Found:
    """Runs, newest first: everybody's for those who see all, else those that act for this person."""
    narrowed = _theirs(person, sought)
    return Found([], "") if narrowed is None else await office.store.access.find(narrowed)


async def count(office: Office, person: Person, sought: Sought) -> Counts:
    """How many of them there are, by state."""
    narrowed = _theirs(person, sought)
    return Counts({}, more=False) if narrowed is None else await office.store.access.count(narrowed)


def _theirs(person: Person, sought: Sought) -> Sought | None:
    rights.require(person, "runs.read")
    if rights.sees_all(person):
        return sought
    return sought._replace(on_behalf_of=person.id) if sought.on_behalf_of in ("", person.id) else None


def line_view(line: Line, currency: str) -> dict[str, Any]:
    """A run in a list: as `deputy ps --json` prints it, and what lists for people show beside."""
    told = line.told
    return run_line(line.row) | {
        "task": told.task, "title": told.title or None, "started_by": told.by, "trigger": told.trigger,
        "cause": told.cause or None,
        "cost": None if line.money is None else money(line.money, currency),
        "ended": None if line.row.state in OPEN else moment(line.row.changed),
        "waits_for": _waits(line),
    }  # fmt: skip


def _waits(line: Line) -> list[dict[str, Any]]:
    """Whom it waits for."""
    asked = [(item, shown(item)) for item in line.items]
    return [
        {"id": item.id, "kind": one.kind, "people": list(one.people[:MOST_PEOPLE])}
        for item, one in asked
        if one.kind != "message"
    ]
