"""How triggers stand: what they did last and do next, what should have happened and did not; and firing by hand."""

from collections.abc import AsyncGenerator
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from deputy.app.bootstrap import Office
from deputy.app.failures import failures, may_tend
from deputy.app.occasions import arrival_of, with_text
from deputy.app.queries import live_workers
from deputy.app.views import moment
from deputy.base.errors import Conflict, NotFound
from deputy.base.ids import run_id_of
from deputy.domain.chain import link
from deputy.domain.event import Workspace
from deputy.domain.label import TRUSTED, Label
from deputy.domain.occasion import Occasion
from deputy.domain.principal import Person, person_principal
from deputy.domain.stow import stow
from deputy.domain.trigger import Folder, Mail, RunEnd, Schedule, Source, Trigger, Webhook, kind_of
from deputy.kernel.occurrences import next_after
from deputy.kernel.starter import GRACE, UNREACHABLE
from deputy.ports.arrivals import ArrivalRow, TriggerRow
from deputy.ports.store import Row

__all__ = [
    "Alarm",
    "Standing",
    "alarms",
    "described",
    "examined",
    "fire",
    "named",
    "pause",
    "standings",
    "trigger_view",
]

RECENT = timedelta(hours=24)  #: how long an alarm is shown after what it is about was dealt with
SHOWN = 3  #: runs of one trigger that failed, beside its alarms


class Standing(NamedTuple):
    """How one trigger stands."""

    trigger: Trigger
    row: TriggerRow | None  #: None where nobody has looked at it yet
    last: ArrivalRow | None
    next: datetime | None  #: when it is due, for one that goes by time
    waiting: int
    alarms: tuple[str, ...]
    paused: bool = False


class Alarm(NamedTuple):
    """Something that should have happened by itself and did not."""

    trigger: str
    message: str


async def standings(office: Office) -> list[Standing]:
    """Every trigger that the files declare, by agent and place."""
    rows = {row.key: row for row in await office.store.arrivals.triggers()}
    frozen = frozenset(await office.store.frozen())
    working, now = bool(await live_workers(office)), office.clock.now()
    failed: dict[str, list[str]] = {}
    for failure in await failures(office, now - RECENT):
        failed.setdefault(failure.trigger, []).append(f"{failure.sentence} See `deputy show {failure.run.id}`.")
    found: list[Standing] = []
    for key, trigger in office.settings.triggers.items():
        row = rows.get(key)
        if row is not None and row.spec != trigger.spec:
            row = None
        newest = await office.store.arrivals.newest(key, 1)
        held = not frozen.isdisjoint(("*", trigger.agent, key))
        wrong = (*_wrong(trigger, row, now, working=working, held=held), *_some(failed.get(key, [])))
        waiting = await office.store.arrivals.pending(key)
        due = _next(trigger.source, row, now)
        found.append(Standing(trigger, row, newest[0] if newest else None, due, waiting, wrong, key in frozen))
    return found


def _some(failed: list[str]) -> list[str]:
    """The latest of what failed, and how much more did."""
    more = len(failed) - SHOWN
    return failed if more <= 0 else [*failed[:SHOWN], f"{more} more of its runs failed lately: `deputy ps --all`."]


def _next(source: Source, row: TriggerRow | None, now: datetime) -> datetime | None:
    if not isinstance(source, Schedule):
        return None
    return row.due if row is not None else next_after(source, now)


def _wrong(trigger: Trigger, row: TriggerRow | None, now: datetime, *, working: bool, held: bool) -> list[str]:
    """What should have happened at a trigger and did not, a sentence each."""
    if row is None:
        return []
    found: list[str] = []
    late = GRACE if isinstance(trigger.source, Schedule) else UNREACHABLE
    if row.due is not None and now - row.due > late and not held:
        why = "a worker runs, and has not heeded it" if working else "no worker is running"
        what = "was due" if isinstance(trigger.source, Schedule) else "was to be looked at"
        found.append(f"It {what} at {moment(row.due)}, and nothing happened: {why}.")
    if row.wrong and row.since is not None and now - row.since > UNREACHABLE:
        found.append(f"Its source could not be reached since {moment(row.since)}: {row.wrong}.")
    elif row.alarmed is not None and now - row.alarmed <= RECENT:
        found.append(row.alarm)
    return found


async def alarms(office: Office) -> list[Alarm]:
    """Everything that should have happened by itself lately, and did not."""
    if not office.settings.triggers:
        return []
    return [Alarm(one.trigger.key, message) for one in await standings(office) for message in one.alarms]


def described(source: Source) -> str:
    """What a trigger waits for, in a few words."""
    match source:
        case Schedule(cron=cron, every=every, at=at, zone=zone):
            return f"{cron} ({zone})" if cron else f"every {_span(every)}" if every else f"at {at:%Y-%m-%d %H:%M %Z}"
        case Webhook(path=path):
            return f"POST /hooks/{path}"
        case Folder(pattern=pattern):
            return f"files {pattern}"
        case RunEnd(agent=agent, states=states):
            return f"a run of {agent} is {' or '.join(states)}"
        case Mail(mailbox=mailbox):
            return f"mail in {mailbox}"


def _span(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"


def trigger_view(one: Standing) -> dict[str, Any]:
    """A trigger as `deputy triggers --json` prints it."""
    last = one.last
    return {
        "trigger": one.trigger.key, "agent": one.trigger.agent, "number": one.trigger.number,
        "kind": kind_of(one.trigger.source), "source": described(one.trigger.source), "task": one.trigger.task,
        "overlap": one.trigger.overlap, "paused": one.paused, "next": moment(one.next), "waiting": one.waiting,
        "looked": moment(one.row.looked) if one.row is not None else None, "alarms": list(one.alarms),
        "last": None if last is None else {
            "id": last.id, "at": moment(last.at), "state": last.state, "run": last.run or None,
            "reason": last.reason or None,
        },
    }  # fmt: skip


def named(office: Office, agent: str, which: str) -> Trigger:
    """A trigger of an agent by its number or name."""
    triggers = office.settings.agent(agent).triggers
    for trigger in triggers:
        if which in (str(trigger.number), trigger.name):
            return trigger
    if not triggers:
        raise NotFound(f"{agent} has no triggers.", "They stand under `triggers` in its AGENT.md.")
    known = ", ".join(f"{t.number} ({t.name})" for t in triggers)
    raise NotFound(f"{agent} has no trigger {which!r}.", f"It has {known}.")


async def fire(office: Office, agent: str, which: str, person: Person, text: str = "") -> str:
    """Let a trigger start a run now, as a test; what it shall have brought may be given. Returns the run's id."""
    trigger = named(office, agent, which)
    may_tend(office, agent, person, "fire")
    at = office.clock.now()
    outside = not isinstance(trigger.source, Schedule)
    label = Label(source=f"{kind_of(trigger.source)} {trigger.key}, by hand") if text and outside else TRUSTED
    occasion = Occasion(
        kind="hand", trigger=trigger.key, id=f"hand:{at.isoformat()}", at=at, title=f"by {person.id}", label=label,
        by=person.id,
    )  # fmt: skip
    occasion, blobs = with_text(occasion, text)
    await office.store.arrivals.arrive(arrival_of(occasion, *blobs))
    await office.starter().begin(trigger.key)
    return run_id_of(at, trigger.key, occasion.id)


async def pause(office: Office, agent: str, which: str, person: Person, *, paused: bool) -> str:
    """Let a trigger start nothing for now, or again; what comes meanwhile waits. Returns its key."""
    trigger = named(office, agent, which)
    may_tend(office, agent, person, "pause or resume")
    if (trigger.key in await office.store.frozen()) is paused:
        raise Conflict(f"{trigger.key} is {'paused already' if paused else 'not paused'}.", "Nothing was changed.")
    what = "paused" if paused else "resumed"
    event = Workspace(at=office.clock.now(), what=what, by=person_principal(person.id), subject=trigger.key)
    body, _ = stow(event)
    await office.store.note(lambda seq, last: Row(seq, link(last, "workspace", seq, body), body), (trigger.key, paused))
    return trigger.key


async def examined(office: Office) -> AsyncGenerator[tuple[Literal["ok", "warning", "error"], str, str]]:
    """What `deputy doctor` says of triggers: level, message, remedy."""
    declared = await standings(office)
    if not declared:
        return
    working = bool(await live_workers(office))
    for one in declared:
        for message in one.alarms:
            yield "warning", f"{one.trigger.key}: {message}", "See `deputy triggers`."
        source = one.trigger.source
        if isinstance(source, Schedule) and one.next is None and one.last is None:
            message = f"{one.trigger.key} is never due: its time has passed."
            yield "warning", message, "Give it another time, or remove it."
        if isinstance(source, Folder):
            folder = office.settings.folder / source.pattern.rpartition("/")[0]
            if not folder.is_dir():
                yield "error", f"{one.trigger.key} looks into a folder that is not there.", f"Make `{folder.name}`."
    if not working:
        message = f"{len(declared)} {'trigger waits' if len(declared) == 1 else 'triggers wait'} for a worker."
        yield "warning", message, "Start one with `deputy up` or `deputy worker`: nothing fires by itself without."
    else:
        yield "ok", f"{len(declared)} {'trigger is' if len(declared) == 1 else 'triggers are'} tended.", ""
