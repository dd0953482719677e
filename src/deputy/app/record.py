"""What an agent did lately, counted: how runs ended, what people said to what it wanted, what was denied, what it cost.

Counted from the journals of its newest runs, a bounded number; what was counted of a run is kept until it moves on.
Runs that only tried are left out.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from deputy.app import rights
from deputy.app.bootstrap import Office
from deputy.app.views import moment, money
from deputy.domain.principal import Person
from deputy.ports.listing import Sought
from deputy.ports.store import RunRow

__all__ = ["lately", "record"]

NEWEST = 200  #: runs that are counted
LATELY = 500  #: runs of all agents that are looked at for a list
DAYS = 30


async def record(office: Office, agent: str, person: Person) -> dict[str, Any]:
    """The record of an agent."""
    rights.require(person, "agents.record")
    office.settings.agent(agent)
    found = await office.store.access.find(Sought(agent=agent, most=NEWEST))
    rows = [line.row for line in found.runs]
    tallied = [await office.tallies.of(row) for row in rows]
    mine = [tally for tally in tallied if not tally.trial]
    total = sum((tally.counts for tally in mine), Counter[str]())
    currency = office.settings.currency
    times = sorted((t.row.changed - t.row.created).total_seconds() for t in mine if t.row.state == "done")
    return {
        "agent": agent, "runs": len(mine), "more": bool(found.after), "trials": len(tallied) - len(mine),
        "since": moment(min((t.row.created for t in mine), default=None)),
        "states": dict(Counter(t.row.state for t in mine)),
        **{word: total[word] for word in (
            "effects", "asked", "approved", "edited", "refused", "expired", "denied", "shadowed", "in_doubt"
        )},
        "money": money(sum(t.money for t in mine), currency), "tokens": sum(t.tokens for t in mine),
        "median_seconds": times[len(times) // 2] if times else None,
        "days": _days([(t.row, t.money) for t in mine], office.clock.now(), currency),
        "today": await _today(office, agent),
    }  # fmt: skip


async def lately(office: Office, person: Person) -> list[dict[str, Any]]:
    """How the newest runs of every agent ended, for a list."""
    rights.require(person, "agents.record")
    rows = await office.store.runs(most=LATELY)
    found: list[dict[str, Any]] = []
    for name in office.settings.agents:
        mine = [row for row in rows if row.agent == name]
        found.append({
            "agent": name, "runs": len(mine), "states": dict(Counter(row.state for row in mine)),
            "last": moment(mine[0].created) if mine else None,
            "days": _days([(row, 0) for row in mine], office.clock.now(), office.settings.currency),
        })  # fmt: skip
    return found


def _days(rows: Sequence[tuple[RunRow, int]], now: datetime, currency: str) -> list[dict[str, Any]]:
    days = {(now - timedelta(days=n)).date().isoformat(): [0, 0, 0] for n in range(DAYS - 1, -1, -1)}
    for row, spent in rows:
        if (day := days.get(row.created.date().isoformat())) is not None:
            day[0] += 1
            day[1] += row.state in ("failed", "cancelled")
            day[2] += spent
    return [
        {"day": day, "runs": runs, "failed": failed, "money": money(spent, currency)}
        for day, (runs, failed, spent) in days.items()
    ]


async def _today(office: Office, agent: str) -> dict[str, Any] | None:
    """What the agent has spent of today's budget."""
    name = f"day:{office.clock.now().date().isoformat()}:{agent}"
    account = next((a for a in await office.store.accounts() if a.name == name), None)
    limits = office.settings.agent(agent).agent.day_limits
    limit = limits if account is None else limits.raised(account.raised)
    spent, currency = 0 if account is None else account.spent.money, office.settings.currency
    return {
        "spent": money(spent, currency), "held": money(0 if account is None else account.held.money, currency),
        "limit": None if limit.money is None else money(limit.money, currency),
    }  # fmt: skip
