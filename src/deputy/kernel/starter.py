"""Start runs without a person: look at sources when they are due, and let a run come of every arrival.

What was seen of a source and the arrivals found there are written in one step that only one process can take; an
arrival becomes a run in the commit that creates the run. So whoever is killed, and wherever, nothing is started twice
and nothing is forgotten. While an agent is frozen, a trigger is paused or files are wrong, triggers stand still;
afterwards they catch up as their declaration says.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol, assert_never

from deputy.base.canonical import canonical
from deputy.base.clock import Clock
from deputy.base.errors import ArrivalTaken, DeputyError, Frozen, OutOfSequence, StoreBusy, StoreError, StoreFull
from deputy.domain.agent import Agent
from deputy.domain.chain import link
from deputy.domain.event import Workspace
from deputy.domain.occasion import Occasion, occasion_from
from deputy.domain.principal import SYSTEM, person_principal
from deputy.domain.stow import stow
from deputy.domain.trigger import Folder, Schedule, Trigger
from deputy.kernel.occurrences import next_after, passed
from deputy.kernel.start import Fired, new_run
from deputy.kernel.visit import FILES_WRONG
from deputy.ports.arrivals import Advance, Arrival, ArrivalRow, Begin, NoteBody, Present, Queue, TriggerRow
from deputy.ports.store import Commit, Store

__all__ = ["GRACE", "Look", "Means", "Starter", "noted", "reached"]

GRACE = timedelta(seconds=60)  #: an occurrence that is heeded so much later was missed
CATCH_UP = 100  #: missed occurrences that `run_all` makes up for
UNREACHABLE = timedelta(minutes=15)  #: a source that cannot be reached for so long is an alarm
BATCH = 20  #: arrivals of one trigger that become runs before another's turn
LOOK = 1.0  #: seconds after which we look again where nothing told us to
PATIENCE = 5.0  #: seconds that a look may hold up the others
BURST = 0.02  #: seconds in which changes count as one
PRUNE = timedelta(hours=1)
KEEP = timedelta(days=7)  #: how long arrivals are known that are over, or a file is that was taken away
PRUNED = 1_000  #: arrivals that are let go of at a time


class Look(NamedTuple):
    """What a look at a source found: arrivals, how far it was seen, or why it could not be."""

    arrivals: Sequence[Arrival] = ()
    cursor: str = ""
    wrong: str = ""


class Means(Protocol):
    """What the starter needs to know and to have done; asked anew each time, since files and switches change."""

    def triggers(self) -> Mapping[str, Trigger]:
        """What the files declare, by key."""
        ...

    async def frozen(self) -> frozenset[str]:
        """Agents that may not act now."""
        ...

    async def agent(self, name: str) -> Agent:
        """The current version of an agent, with its files kept. Raises DeputyError."""
        ...

    async def place(self, run: str, occasion: Occasion) -> None:
        """Put the files of an occasion into the folder of a run that is about to begin. Raises DeputyError."""
        ...

    def polled(self, trigger: Trigger) -> float | None:
        """How often (seconds) to look at a source; None where it comes to us."""
        ...

    def present(self, trigger: Trigger) -> Present | None:
        """What lies in a folder, as far as is known."""
        ...

    async def look(self, trigger: Trigger, cursor: str) -> Look:
        """Look at a source."""
        ...

    def notice(self, text: str) -> None:
        """Tell whoever watches."""
        ...


def noted(at: datetime, what: str, subject: str, detail: str, by: str = SYSTEM) -> NoteBody:
    """An event of the workspace's own journal, to be appended."""
    event = Workspace(at=at, what=what, by=by, subject=subject, detail=detail)  # pyright: ignore[reportArgumentType]
    body, _ = stow(event)
    return lambda seq, last: (seq, link(last, "workspace", seq, body), body)


class Starter:
    """Tends all triggers of a workspace; any number of processes may do so."""

    def __init__(
        self, store: Store, clock: Clock, means: Means, trouble: Callable[[StoreError | None], None] = lambda _: None
    ) -> None:
        self._store, self._clock, self._means, self._trouble = store, clock, means, trouble
        self._wake = asyncio.Event()
        self._seen: tuple[object, frozenset[str]] | None = None
        self._due: datetime | None = None
        self._looking: dict[str, asyncio.Task[TriggerRow]] = {}
        self._pruned: datetime | None = None
        self._said: dict[str, str] = {}  #: why a trigger's arrivals wait, as it was told last
        self._idle = False  #: nothing is declared, and nothing is left of what was
        self.begun = 0  #: runs that this process let come of arrivals

    async def run(self) -> None:
        """Tend until cancelled."""
        unwatch = self._store.watch(self._wake.set)
        try:
            while True:
                self._wake.clear()
                pause = LOOK
                try:
                    due = await self.tend()
                except (StoreFull, StoreBusy) as exc:
                    self._trouble(exc)
                else:
                    pause = LOOK if due is None else min((due - self._clock.now()).total_seconds(), LOOK)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(max(pause, 0.001)):
                        await self._wake.wait()
                    await self._clock.sleep(BURST)
        finally:
            unwatch()
            for task in self._looking.values():
                task.cancel()

    async def tend(self) -> datetime | None:
        """Do all that is due; returns when something will be. Raises StoreError."""
        triggers = self._means.triggers()
        if self._idle and not triggers:
            return None
        frozen = await self._means.frozen()
        if FILES_WRONG in frozen:
            return None
        seen, now = (triggers, frozen), self._clock.now()
        if self._seen is None or self._seen != seen or (self._due is not None and self._due <= now):
            for _ in range(3):  # the first step at a new source only says that it is due
                self._due = await self._look(triggers, frozen, now)
                if self._due is None or self._due > now:
                    break
            self._seen = seen
        if triggers:
            await self._forget(triggers, now)
        while await self._begin_all(triggers, frozen):
            pass
        self._idle = not triggers
        self._idle = not triggers
        return self._due

    async def begin(self, key: str) -> None:
        """Let runs come of what waits at one trigger, and look at nothing else."""
        trigger, frozen = self._means.triggers().get(key), await self._means.frozen()
        if trigger is not None and frozen.isdisjoint(("*", trigger.agent)):
            for queue in await self._store.arrivals.queues(BATCH):
                if queue.trigger == key:
                    await self._begin(trigger, queue, paused=key in frozen)

    # -- sources

    async def _look(self, triggers: Mapping[str, Trigger], frozen: frozenset[str], now: datetime) -> datetime | None:
        """Take a step at every source that is due; returns when the next one is."""
        rows = {row.key: row for row in await self._store.arrivals.triggers()}
        for key in rows.keys() - triggers.keys():
            await self._store.arrivals.remove(key)
            del rows[key]
        steps: list[Advance] = []
        for key, trigger in triggers.items():
            row = rows.get(key)
            if not frozen.isdisjoint(("*", trigger.agent, key)):
                rows.pop(key, None)
            elif row is None or row.spec != trigger.spec:
                steps.append(Advance(self._first(trigger, now), row))
            elif row.due is not None and row.due <= now:
                if isinstance(trigger.source, Schedule):
                    steps.append(_timed(trigger, trigger.source, row, now))
                elif key not in self._looking:
                    self._looking[key] = asyncio.create_task(self._polled(trigger, row))
                    rows.pop(key)
        rows |= await self._take(steps, now)
        if self._looking:  # a folder that hangs holds up nobody else for long
            await asyncio.wait(self._looking.values(), timeout=PATIENCE)
        for key in [key for key, task in self._looking.items() if task.done()]:
            row = self._looking.pop(key).result()
            rows[key] = row
        return min((row.due for row in rows.values() if row.due is not None), default=None)

    async def _take(self, steps: Sequence[Advance], now: datetime) -> dict[str, TriggerRow]:
        """Take steps; the rows there are then, as far as is known."""
        taken = await self._store.arrivals.advance(steps) if steps else ()
        for step, was in zip(steps, taken, strict=True):
            if was and step.note is not None:
                self._means.notice(f"{step.row.key}: {step.row.alarm}")
        return {  # where somebody else took one meanwhile, look again at once
            step.row.key: step.row if was else step.row._replace(due=now)
            for step, was in zip(steps, taken, strict=True)
        }

    async def _forget(self, triggers: Mapping[str, Trigger], now: datetime) -> None:
        """Once an hour, let go of what is over and old; a file that was taken stays known until it is gone so long."""
        if self._pruned is None or now - self._pruned >= PRUNE:
            self._pruned = now
            files = [key for key, trigger in triggers.items() if isinstance(trigger.source, Folder)]
            for key in files:
                if (there := self._means.present(triggers[key])) is not None:
                    await self._store.arrivals.present(key, there, now)
            while await self._store.arrivals.prune(now - KEEP, files) >= PRUNED:
                pass

    def _first(self, trigger: Trigger, now: datetime) -> TriggerRow:
        """Where a trigger begins that is new, or waits for something else than before: never in the past."""
        due, cursor = None, ""
        if isinstance(trigger.source, Schedule):
            due, cursor = next_after(trigger.source, now), now.isoformat()
        elif self._means.polled(trigger) is not None:
            due = now
        return TriggerRow(trigger.key, trigger.spec, cursor, due, now)

    async def _polled(self, trigger: Trigger, row: TriggerRow) -> TriggerRow:
        """Look at a source; what the trigger's row is then."""
        found = await self._means.look(trigger, row.cursor)
        now, every = self._clock.now(), self._means.polled(trigger)
        due = None if every is None else now + timedelta(seconds=every)
        cursor = row.cursor if found.wrong else found.cursor
        new, note = reached(row._replace(cursor=cursor, due=due, looked=now), row, found.wrong, now)
        self._wake.set()
        return (await self._take([Advance(new, row, found.arrivals, note)], now))[trigger.key]

    # -- runs

    async def _begin_all(self, triggers: Mapping[str, Trigger], frozen: frozenset[str]) -> bool:
        """Let runs come of what waits; True if more of it may do so at once."""
        more = False
        beginning: list[asyncio.Task[bool]] = []
        for queue in await self._store.arrivals.queues(BATCH):
            trigger = triggers.get(queue.trigger)
            if trigger is None:
                for row in queue.rows:
                    await self._skip(row, "its trigger is gone")
                more = more or len(queue.rows) == BATCH
            elif frozen.isdisjoint(("*", trigger.agent)):
                paused = trigger.key in frozen
                beginning.append(asyncio.create_task(self._begin(trigger, queue, paused=paused)))
        try:
            if beginning:
                await asyncio.wait(beginning)
        finally:
            for task in beginning:
                task.cancel()
        return any([task.result() for task in beginning]) or more

    async def _begin(self, trigger: Trigger, queue: Queue, *, paused: bool) -> bool:
        """Let runs come of one trigger's arrivals, as its overlap policy says; True if there may be more.

        Of one that people paused, only what they fire by hand becomes a run.
        """
        busy = queue.busy
        for row in queue.rows:
            occasion = occasion_from(row.body)
            if paused and not occasion.by:
                continue
            alone = trigger.overlap != "allow" and not occasion.by
            if alone and busy:
                if trigger.overlap == "queue" or occasion.queued:
                    return False
                await self._skip(row, "the run before it is not over")
                continue
            try:
                await self._start(trigger, occasion, alone=alone)
            except ArrivalTaken:
                busy = True
            except Frozen:
                return False
            except OutOfSequence:
                await self._skip(row, "a run came of it before")
            except DeputyError as exc:
                if isinstance(exc, StoreError):
                    raise
                if self._said.get(trigger.key) != exc.message:
                    self._said[trigger.key] = exc.message
                    self._means.notice(f"{trigger.key} waits: {exc.message}")
                return False
            else:
                busy = True
                self._said.pop(trigger.key, None)
        return len(queue.rows) == BATCH and not paused

    async def _start(self, trigger: Trigger, occasion: Occasion, *, alone: bool) -> None:
        agent = await self._means.agent(trigger.agent)
        by = person_principal(occasion.by) if occasion.by else SYSTEM
        cause = Fired(occasion, trigger.done)
        run = new_run(agent, trigger.task, at=self._clock.now(), by=by, on_behalf_of=agent.owner, cause=cause)
        await self._means.place(run.id, occasion)
        begin = Begin(trigger.key, occasion.id, alone)
        commit = Commit(run=run.id, lease=None, thawed=trigger.agent, children=[run], begins=begin)
        await self._store.commit(commit)
        self.begun += 1

    async def _skip(self, row: ArrivalRow, why: str) -> None:
        detail = f"No run came of {row.id}: {why}."
        if await self._store.arrivals.skip(row, why, noted(self._clock.now(), "skipped", row.trigger, detail)):
            self._means.notice(f"{row.trigger}: {detail}")


def _timed(trigger: Trigger, schedule: Schedule, row: TriggerRow, now: datetime) -> Advance:
    """What a schedule does about the time since it was looked at last."""
    times, more = passed(schedule, datetime.fromisoformat(row.cursor), now)
    new = row._replace(due=next_after(schedule, now), looked=now)
    if not times:
        return Advance(new, row)
    new = new._replace(cursor=times[-1].isoformat())
    late = [at for at in times if now - at > GRACE]
    if not late and schedule.missed != "run_all":
        return Advance(new, row, [_occurrence(trigger, times[-1])])  # of several in so short a time, the last
    match schedule.missed:
        case "run_once":
            fired, said = [_occurrence(trigger, times[-1], missed=len(late))], "one run makes up for all of it"
        case "run_all":
            again = times[-CATCH_UP:]
            fired = [_occurrence(trigger, at, missed=int(at in late), queued=len(times) > 1) for at in again]
            said = f"{len(again)} runs make up for it, one after the other"
        case "skip":
            fired = [_occurrence(trigger, times[-1])] if times[-1] not in late else []
            said = "it is skipped"
        case _ as unreachable:
            assert_never(unreachable)
    if not late:
        return Advance(new, row, fired)
    count = f"{'At least ' if more else ''}{len(late)} {'time' if len(late) == 1 else 'times'}"
    span = late[0].isoformat() if len(late) == 1 else f"{late[0].isoformat()} to {late[-1].isoformat()}"
    detail = f"{count} passed unheeded ({span}); {said}."
    new = new._replace(alarm=detail, alarmed=now)
    return Advance(new, row, fired, noted(now, "missed", trigger.key, detail))


def _occurrence(trigger: Trigger, at: datetime, *, missed: int = 0, queued: bool = False) -> Arrival:
    name = at.isoformat()
    occasion = Occasion(
        kind="schedule", trigger=trigger.key, id=name, at=at, title=f"due {name}", missed=missed, queued=queued
    )
    return Arrival(trigger.key, name, at, canonical(occasion))


def reached(row: TriggerRow, before: TriggerRow, wrong: str, now: datetime) -> tuple[TriggerRow, NoteBody | None]:
    """A trigger's next row, knowing whether its source could be reached; with an event where that is an alarm."""
    if not wrong:
        back = before.wrong and before.since is not None and now - before.since > UNREACHABLE
        new = row._replace(wrong="", since=None)
        if not back:
            return new, None
        detail = "Its source can be reached again."
        return new._replace(alarm=detail, alarmed=now), noted(now, "reachable", row.key, detail)
    since = before.since or now
    new = row._replace(wrong=wrong, since=since)
    raised = before.alarmed is not None and before.alarmed >= since
    if now - since <= UNREACHABLE or raised:
        return new, None
    detail = f"Its source could not be reached since {since.isoformat(timespec='seconds')}: {wrong}."
    return new._replace(alarm=detail, alarmed=now), noted(now, "unreachable", row.key, detail)
