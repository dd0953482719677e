"""The triggers and arrivals of a store in memory."""

from collections.abc import Callable, Sequence
from datetime import datetime

from deputy.base.errors import ArrivalTaken
from deputy.ports.arrivals import Advance, Arrival, ArrivalRow, Begin, NoteBody, Present, Queue, TriggerRow
from deputy.ports.store import StateChange
from deputy.testing.memory.tables import MemoryDatabase, aware

__all__ = ["MemoryArrivals", "begin", "check_begin", "end", "insert"]


def insert(db: MemoryDatabase, arrival: Arrival) -> bool:
    """Take in an arrival; False where it is known."""
    if (arrival.trigger, arrival.id) in db.arrivals:
        return False
    at, state = aware(arrival.at), "skipped" if arrival.skipped else "pending"
    row = ArrivalRow(next(db.positions), arrival.trigger, arrival.id, at, arrival.body, state, "", arrival.skipped)
    db.arrivals[arrival.trigger, arrival.id] = row
    for name, body in arrival.blobs:
        db.blobs.setdefault(name, body)
    return True


def check_begin(db: MemoryDatabase, begin: Begin) -> None:
    """Raise ArrivalTaken where no run may come of an arrival now."""
    row = db.arrivals.get((begin.trigger, begin.id))
    if row is None or row.state != "pending":
        raise ArrivalTaken(f"arrival {begin.id} of {begin.trigger} does not wait for a run")
    if begin.alone and _busy(db, begin.trigger):
        raise ArrivalTaken(f"a run of {begin.trigger} is open")


def begin(db: MemoryDatabase, begin: Begin, run: str) -> None:
    """Let a run have come of an arrival."""
    key = (begin.trigger, begin.id)
    db.arrivals[key] = db.arrivals[key]._replace(state="started", run=run)


def end(db: MemoryDatabase, run: str, change: StateChange) -> None:
    """A run is over."""
    for key, row in db.arrivals.items():
        if row.run == run and row.state == "started":
            db.arrivals[key] = row._replace(state="over")
            if change.state in ("failed", "cancelled"):
                db.failed[key] = aware(change.at)


def _busy(db: MemoryDatabase, trigger: str) -> bool:
    return any(row.trigger == trigger and row.state == "started" for row in db.arrivals.values())


class MemoryArrivals:
    """Triggers and arrivals of one view of a database."""

    def __init__(self, database: Callable[[], MemoryDatabase], changed: Callable[[], None],
                 note: Callable[[NoteBody], None]) -> None:  # fmt: skip
        self._database, self._changed, self._note = database, changed, note

    async def arrive(self, arrival: Arrival) -> tuple[bool, ArrivalRow]:
        db = self._database()
        fresh = insert(db, arrival)
        self._changed()
        return fresh, db.arrivals[arrival.trigger, arrival.id]

    async def advance(self, advances: Sequence[Advance]) -> Sequence[bool]:
        taken = [self._step(advance) for advance in advances]
        self._changed()
        return taken

    def _step(self, advance: Advance) -> bool:
        db, row = self._database(), advance.row
        if db.triggers.get(row.key) != advance.before:
            return False
        times = {name: None if at is None else aware(at) for name, at in
                 (("due", row.due), ("since", row.since), ("alarmed", row.alarmed))}  # fmt: skip
        new = row._replace(looked=aware(row.looked), **times)
        if advance.note is not None:
            self._note(advance.note)
        db.triggers[row.key] = new
        for arrival in advance.arrivals:
            insert(db, arrival)
        return True

    async def remove(self, key: str) -> None:
        self._database().triggers.pop(key, None)

    async def skip(self, row: ArrivalRow, reason: str, note: NoteBody | None = None) -> bool:
        db, key = self._database(), (row.trigger, row.id)
        found = db.arrivals.get(key)
        if found is None or found.state != "pending":
            return False
        if note is not None:
            self._note(note)
        db.arrivals[key] = found._replace(state="skipped", reason=reason)
        return True

    async def triggers(self) -> Sequence[TriggerRow]:
        return [row for _, row in sorted(self._database().triggers.items())]

    async def queues(self, most: int) -> Sequence[Queue]:
        db, found = self._database(), dict[str, list[ArrivalRow]]()
        for row in db.arrivals.values():
            if row.state == "pending":
                found.setdefault(row.trigger, []).append(row)
        return [Queue(trigger, _busy(db, trigger), rows[:most]) for trigger, rows in sorted(found.items())]

    async def pending(self, trigger: str) -> int:
        rows = self._database().arrivals.values()
        return sum(row.trigger == trigger and row.state == "pending" for row in rows)

    async def newest(self, trigger: str, most: int) -> Sequence[ArrivalRow]:
        return [row for row in reversed(self._database().arrivals.values()) if row.trigger == trigger][:most]

    async def known(self, trigger: str, ids: Sequence[str]) -> set[str]:
        return {name for name in ids if (trigger, name) in self._database().arrivals}

    async def failed(self, since: datetime, most: int) -> Sequence[ArrivalRow]:
        db = self._database()
        found = sorted(((at, key) for key, at in db.failed.items() if at >= since and key in db.arrivals), reverse=True)
        return [db.arrivals[key] for _, key in found][:most]

    async def present(self, trigger: str, there: Present, now: datetime) -> None:
        db = self._database()
        for key, row in db.arrivals.items():
            if key[0] != trigger:
                continue
            if row.id in there.ids or row.id.startswith(tuple(f"{name}:" for name in there.names)):
                db.gone.pop(key, None)
            elif row.state in ("over", "skipped"):
                db.gone.setdefault(key, aware(now))

    async def prune(self, before: datetime, but: Sequence[str] = ()) -> int:
        db = self._database()
        old = [
            key for key, row in db.arrivals.items()
            if row.at < before and row.state in ("over", "skipped") and row.trigger not in but
        ][:1000]  # fmt: skip
        old += [key for key, at in db.gone.items() if at < before and key in db.arrivals and key not in old][:1000]
        for key in old:
            del db.arrivals[key]
            db.gone.pop(key, None)
            db.failed.pop(key, None)
        return len(old)
