"""The tables of triggers and arrivals."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from deputy.adapters.store.sqlite.connection import Database, statement
from deputy.adapters.store.sqlite.reading import moment
from deputy.base.canonical import canonical, digest
from deputy.base.errors import OutOfSequence
from deputy.domain.chain import GENESIS, link
from deputy.ports.arrivals import Advance, Arrival, ArrivalRow, NoteBody, Present, Queue, TriggerRow

__all__ = ["InTransaction", "Reading", "SqliteArrivals", "append_note", "insert_arrival", "instant"]

T = TypeVar("T")


def instant(at: datetime) -> str:
    """A time as the tables keep it: UTC, of one width, so that texts compare like times."""
    if at.tzinfo is not UTC:
        if at.tzinfo is None:
            raise ValueError(f"a time without a zone cannot be stored: {at!r}")
        at = at.astimezone(UTC)
    return at.isoformat(timespec="microseconds")


def insert_arrival(database: Database, arrival: Arrival) -> bool:
    """Insert an arrival unless it is there; False if it was."""
    state, at = "skipped" if arrival.skipped else "pending", instant(arrival.at)
    check = bytes.fromhex(digest(canonical([arrival.trigger, arrival.id, at]) + arrival.body))
    values = (arrival.trigger, arrival.id, at, arrival.body, check, state, arrival.skipped)
    database.execute(statement("insert_arrival"), values)
    if not database.changes():
        return False
    for name, body in arrival.blobs:
        database.execute(statement("insert_blobs"), (bytes.fromhex(name), body))
    return True


def append_note(database: Database, body_of: NoteBody) -> None:
    """Append to the workspace's own journal, inside a transaction."""
    seq, before = database.execute(statement("head_of"), (0,)).fetchone() or (0, GENESIS)
    number, last, body = body_of(seq + 1, before)
    if number != seq + 1 or last != link(before, "workspace", number, body):
        raise OutOfSequence("the note does not continue the workspace's chain")
    database.execute(statement("insert_events"), (0, number, last, body))


class InTransaction(Protocol):
    """Do work in one transaction of the writer's thread."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]:
        """Do it."""
        ...


class Reading(Protocol):
    """Read in the reader's thread."""

    def __call__(self, work: Callable[[Database], T], /) -> Awaitable[T]:
        """Do it."""
        ...


class SqliteArrivals:
    """Triggers and arrivals; writes in the writer's thread, reads in the reader's."""

    def __init__(self, database: Database, write: InTransaction, read: Reading, tell: Callable[[], None]) -> None:
        self._database, self._write, self._read, self._tell = database, write, read, tell

    async def arrive(self, arrival: Arrival) -> tuple[bool, ArrivalRow]:
        """Insert an arrival unless its id exists; whether it is new, and what is there. Durable on return."""

        def work() -> tuple[bool, ArrivalRow]:
            fresh = insert_arrival(self._database, arrival)
            found = self._database.execute(statement("arrival"), (arrival.trigger, arrival.id)).fetchone()
            return fresh, _arrival(found)

        answer = await self._write(work)
        self._tell()
        return answer

    async def advance(self, advances: Sequence[Advance]) -> Sequence[bool]:
        """Take steps, each wholly or, where its row is not as it must be, not at all; which of them were taken."""
        taken = await self._write(lambda: [self._step(advance) for advance in advances])
        if any(taken):
            self._tell()
        return taken

    def _step(self, advance: Advance) -> bool:
        found = self._database.execute(statement("trigger"), (advance.row.key,)).fetchone()
        if (None if found is None else _trigger(found)) != advance.before:
            return False
        self._database.execute(statement("put_trigger"), _values(advance.row))
        for arrival in advance.arrivals:
            insert_arrival(self._database, arrival)
        if advance.note is not None:
            append_note(self._database, advance.note)
        return True

    async def remove(self, key: str) -> None:
        """Forget a trigger; what it brought stays."""
        await self._write(lambda: self._database.execute(statement("delete_trigger"), (key,)) and None)

    async def skip(self, row: ArrivalRow, reason: str, note: NoteBody | None = None) -> bool:
        """Let no run come of an arrival; False if it is not pending any more."""

        def work() -> bool:
            self._database.execute(statement("skip_arrival"), (row.position, reason))
            skipped = bool(self._database.changes())
            if skipped and note is not None:
                append_note(self._database, note)
            return skipped

        return await self._write(work)

    async def triggers(self) -> Sequence[TriggerRow]:
        """Every trigger that was seen, by key."""
        return await self._read(lambda r: [_trigger(row) for row in r.execute(statement("triggers")).fetchall()])

    async def queues(self, most: int) -> Sequence[Queue]:
        """The triggers at which something is pending, each with its oldest arrivals."""

        def work(r: Database) -> list[Queue]:
            found: list[Queue] = []
            for (trigger,) in r.execute(statement("triggers_pending")).fetchall():
                rows = r.execute(statement("arrivals_pending"), (trigger, most)).fetchall()
                busy = bool(r.execute(statement("trigger_busy"), (trigger,)).get)
                found.append(Queue(trigger, busy, [_arrival(row) for row in rows]))
            return found

        return await self._read(work)

    async def pending(self, trigger: str) -> int:
        """How many arrivals wait at a trigger."""
        return await self._read(lambda r: r.execute(statement("arrivals_waiting"), (trigger,)).get)

    async def newest(self, trigger: str, most: int) -> Sequence[ArrivalRow]:
        """What arrived at a trigger last, newest first."""
        values = (trigger, most)
        return await self._read(
            lambda r: [_arrival(row) for row in r.execute(statement("arrivals_newest"), values).fetchall()]
        )

    async def known(self, trigger: str, ids: Sequence[str]) -> set[str]:
        """Which of these arrived before."""
        values = (trigger, canonical(list(ids)).decode())
        return await self._read(lambda r: {name for (name,) in r.execute(statement("arrivals_known"), values)})

    async def failed(self, since: datetime, most: int) -> Sequence[ArrivalRow]:
        """The arrivals whose run failed or was cancelled since then, the latest first."""
        values = (instant(since), most)
        return await self._read(
            lambda r: [_arrival(row) for row in r.execute(statement("arrivals_failed"), values).fetchall()]
        )

    async def present(self, trigger: str, there: Present, now: datetime) -> None:
        """Note of which arrivals of a folder nothing lies there any more, and of which something does again."""
        ids, names = canonical(list(there.ids)).decode(), canonical([f"{name}:" for name in there.names]).decode()

        def work() -> None:
            self._database.execute(statement("arrivals_back"), (trigger, ids, names))
            self._database.execute(statement("arrivals_gone"), (trigger, ids, names, instant(now)))

        await self._write(work)

    async def prune(self, before: datetime, but: Sequence[str] = ()) -> int:
        """Forget what is over and older than this, of some triggers only what is gone so long; 1,000 at a time."""
        values = (instant(before), canonical(list(but)).decode())

        def work() -> int:
            self._database.execute(statement("prune_arrivals"), values)
            pruned = self._database.changes()
            self._database.execute(statement("prune_gone"), values[:1])
            return pruned + self._database.changes()

        return await self._write(work)


def _arrival(values: tuple[Any, ...]) -> ArrivalRow:
    position, trigger, name, at, body, state, run, reason = values
    return ArrivalRow(position, trigger, name, moment(at), body, state, run, reason)


def _trigger(values: tuple[Any, ...]) -> TriggerRow:
    key, spec, cursor, due, looked, wrong, since, alarm, alarmed = values
    return TriggerRow(key, spec, cursor, _time(due), moment(looked), wrong, _time(since), alarm, _time(alarmed))


def _time(text: str | None) -> datetime | None:
    return None if text is None else moment(text)


def _values(row: TriggerRow) -> tuple[Any, ...]:
    due, since, alarmed = (None if at is None else instant(at) for at in (row.due, row.since, row.alarmed))
    return (row.key, row.spec, row.cursor, due, instant(row.looked), row.wrong, since, row.alarm, alarmed)
