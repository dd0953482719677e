"""How a stay of a run with its worker ends: the run waits, or it is over."""

from datetime import timedelta
from typing import NamedTuple

from deputy.base.canonical import digest
from deputy.base.errors import OverBudget
from deputy.domain.event import BudgetShort, Ended, Fault, TimerSet
from deputy.kernel.approval import Asked, item_of
from deputy.kernel.visit import Visit
from deputy.ports.store import Timer

__all__ = ["Finished", "Released", "Rest", "Waits", "failed", "short_of"]

LONGEST_PAUSE = 30.0  #: seconds between looks at whether others gave back what they hold


class Waits(NamedTuple):
    """It waits; `word` where the state alone does not say for what."""

    word: str = ""


class Finished(NamedTuple):
    """It is over."""

    event: Ended


class Released(NamedTuple):
    """It could go on, with another worker."""


Rest = Waits | Finished | Released


def failed(visit: Visit, code: str, message: str) -> Finished:
    """The run fails, for this reason."""
    return Finished(Ended(at=visit.journal.now(), state="failed", error=Fault(code, message)))


async def short_of(visit: Visit, refusal: OverBudget) -> Waits:
    """Wait for what others hold, or ask a person to raise what is spent."""
    journal, run, agent = visit.journal, visit.run, visit.agent
    now = journal.now()
    if not refusal.spent:
        tries = sum(t.startswith("held:") for t in run.fired)
        due = now + timedelta(seconds=min(0.25 * 2**tries, LONGEST_PAUSE))
        timer = Timer(f"held:{tries + 1}", due)
        journal.record(TimerSet(at=now, timer=timer.id, due=due), timers=[timer])
        return Waits("budget")
    item = f"{run.id}.budget.{run.shorts + 1}"
    entries, people = visit.rules.policy().settlers(agent, journal.row.on_behalf_of)
    asked = Asked(
        kind="budget", agent=agent.name, on_behalf_of=journal.row.on_behalf_of, rule=f"budget:{refusal.unit}",
        question=f"May {agent.name} use more {refusal.unit}?", why=f"{refusal.message}.",
        approvers=entries, people=tuple(sorted(people)), args={"unit": refusal.unit, "account": refusal.account},
    )  # fmt: skip
    row = item_of(item, run.id, asked, created=now, expires=None)
    event = BudgetShort(at=now, item=item, account=refusal.account, unit=refusal.unit, shown=digest(row.body))
    journal.record(event, items=[row])
    return Waits("budget")
