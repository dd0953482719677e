"""Work that nobody watched and that failed: what it came of, why it failed, and doing it again.

Whoever wrote a letter waits for an answer; nobody else tells the owner that none will come.
"""

from datetime import datetime
from typing import NamedTuple

import msgspec

from deputy.app import rights
from deputy.app.bootstrap import Office
from deputy.app.occasions import arrival_of
from deputy.app.queries import Opened, find_run, opened
from deputy.base.canonical import canonical
from deputy.base.errors import Conflict, Forbidden, NotFound, UsageError
from deputy.base.ids import run_id_of
from deputy.domain.delivery import Cancel, delivery_from
from deputy.domain.event import Ended, Received, event_from
from deputy.domain.occasion import Occasion, occasion_from
from deputy.domain.principal import Person, person_principal
from deputy.ports.store import RunRow

__all__ = ["Failure", "account_of", "again", "failures", "may_tend", "told_once"]

MOST = 100  #: that are looked at
LONGEST = 300  #: characters of a reason


class Failure(NamedTuple):
    """A run that came of an arrival and failed, or was cancelled before a letter was answered."""

    trigger: str
    run: RunRow
    occasion: Occasion
    reason: str

    @property
    def sentence(self) -> str:
        """What happened, in a sentence or two."""
        of = f"of mail from {self.occasion.title}" if self.occasion.kind == "mail" else self.occasion.title
        waits = " Nobody answers that letter now." if self.occasion.kind == "mail" else ""
        why = f": {self.reason}" if self.reason else ""
        return f"Run {self.run.id} ({of}) {_was(self.run)}{why}.{waits}"


async def failures(office: Office, since: datetime) -> list[Failure]:
    """What failed since then, the latest first, and was not done again."""
    found: list[Failure] = []
    for row in await office.store.arrivals.failed(since, MOST):
        occasion, run = occasion_from(row.body), await office.store.run(row.run)
        if run is None or occasion.kind == "hand" or (run.state == "cancelled" and occasion.kind != "mail"):
            continue  # whoever fired it watched it; and a person cancelled it, who knows
        if await office.store.arrivals.known(row.trigger, [_again(run.id)]):
            continue
        found.append(Failure(row.trigger, run, occasion, await _reason(office, run)))
    return found


def account_of(run: Opened) -> tuple[bool, str]:
    """Whether the run's own owner cancelled it, and a sentence on what had gone out of it before."""
    by = ""
    for event in run.events:
        if isinstance(event, Received):
            delivery = delivery_from(run.run.blob(event.blob)) if event.blob else event.delivery
            by = event.by if isinstance(delivery, Cancel) else by
    sent = sum(e.kind == "tool" and e.cls == "send" and e.status == "done" for e in run.run.effects.values())
    said = {0: "Nothing had gone out to anybody.", 1: "One message had gone out."}.get(sent)
    return by == person_principal(run.row.on_behalf_of), said or f"{sent} messages had gone out."


async def again(office: Office, name: str, person: Person) -> str:
    """Let what a failed run came of start another run, once; returns its id."""
    row = await find_run(office, name)
    run = await opened(office, row.id)
    assert run.run.started is not None
    occasion = run.run.started.occasion
    if occasion is None:
        raise UsageError(f"Run {row.id} was not started by a trigger.", "Start another with `deputy run`.")
    may_tend(office, row.agent, person, "fire")
    if row.state not in ("failed", "cancelled"):
        raise Conflict(f"Run {row.id} is {row.state}.", "Only what failed or was cancelled is done again.")
    trigger = office.settings.triggers.get(occasion.trigger)
    if trigger is None:
        raise NotFound(f"The trigger {occasion.trigger} is gone.", "Start a run with `deputy run`.")
    at = office.clock.now()
    anew = msgspec.structs.replace(occasion, id=_again(row.id), at=at, by=person.id)
    fresh, kept = await office.store.arrivals.arrive(arrival_of(anew))
    begun = run_id_of(kept.at, trigger.key, anew.id)
    if not fresh:
        raise Conflict(f"Run {row.id} was done again already, by run {begun}.", "See what came of that one.")
    await office.starter().begin(trigger.key)
    return begun


def may_tend(office: Office, agent: str, person: Person, do: str) -> None:
    """Raise Forbidden where this person may not let an agent's triggers fire, or rest."""
    rights.require(person, "triggers.tend")
    owns = person.id == office.settings.agent(agent).agent.owner
    if not owns and not {"owner", "admin", "builder"}.intersection(person.roles):
        raise Forbidden(f"{person.id} may not {do} triggers of {agent}.", "Its owner, an admin or a builder may.")


def told_once(failure: Failure) -> bytes:
    """What a notice of a failure is known by: each letter has one, and every other trigger one a day."""
    if failure.occasion.kind == "mail":
        return canonical([failure.run.id])
    return canonical([failure.trigger, failure.run.changed.date().isoformat()])


def _was(run: RunRow) -> str:
    return "was cancelled" if run.state == "cancelled" else run.state


def _again(run: str) -> str:
    return f"again:{run}"


async def _reason(office: Office, run: RunRow) -> str:
    for row in await office.store.rows(run.id, run.seq - 1):
        event = event_from(row.body)
        if isinstance(event, Ended) and event.error is not None:
            words = event.error.message.strip().rstrip(".")
            return words if len(words) <= LONGEST else f"{words[:LONGEST]}…"
    return ""
