"""Rows of the tables as the values of the port; called in whichever thread owns the connection."""

import contextlib
import os
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import apsw
import msgspec

from deputy.adapters.store.sqlite.connection import Database, migrations, open_database, statement, translated
from deputy.adapters.store.sqlite.thread import Thread
from deputy.base.canonical import canonical, digest
from deputy.base.errors import StoreDamaged, StoreError
from deputy.domain.chain import GENESIS
from deputy.domain.cost import NOTHING, Cost
from deputy.ports.store import Account, Anchor, Inbound, Item, Row, RunRow, Taken, View

__all__ = [
    "NOTHING", "SqliteSnapshot", "account", "anchored", "check", "inbound", "item", "keep_anchor", "moment",
    "items_of", "next_anchor", "rows", "run", "run_by_key", "runs_ending_in", "snapshot", "taken",
]  # fmt: skip

T = TypeVar("T")
SHORTEST = 3  #: characters that tell an id apart
PAGE_ROWS, PAGE_BYTES = 256, 1 << 20  #: how much of a snapshot is in memory at a time


def moment(text: str) -> datetime:
    """A time as `instant` wrote it; raises StoreDamaged for a text that is none."""
    try:
        return datetime.fromisoformat(text)
    except ValueError as exc:
        raise _illegible(text) from exc


def _illegible(value: str) -> StoreDamaged:
    return StoreDamaged(f"the database holds a value that Deputy never wrote ({value[:40]!r})", "Restore a backup.")


def run_by_key(database: Database, key: int) -> RunRow:
    """A run's row and the head of its journal."""
    values: tuple[Any, ...] | None = database.execute(statement("run_by_key"), (key,)).fetchone()
    if values is None:
        raise StoreDamaged(f"run number {key} has no row", "Run `deputy audit verify`, then restore a backup.")
    seq, link = database.execute(statement("head_of"), (key,)).fetchone() or (0, GENESIS)
    name, agent, version, driver, state, on_behalf_of, parent, root, created, changed, summary = values
    times = (moment(created), moment(changed))
    return RunRow(name, agent, version, driver, state, on_behalf_of, parent, root, seq, link, *times, summary)


def run(database: Database, name: str) -> RunRow | None:
    """The run of this id."""
    key = database.execute(statement("key_of"), (name,)).get
    return run_by_key(database, key) if key else None


def runs_ending_in(database: Database, text: str) -> list[str]:
    """The run of this id, or those (a few) whose id ends so."""
    if database.execute(statement("key_of"), (text,)).get:
        return [text]
    if len(text) < SHORTEST:
        return []
    name = "runs_ending_in" if len(text) > SHORTEST else "runs_ending_in_three"
    return [found for (found,) in database.execute(statement(name), (text,))]


def _inbound(database: Database, key: int) -> list[Inbound]:
    return [
        Inbound(position, name, by, moment(at), body)
        for position, name, by, at, body in database.execute(statement("inbound_of"), (key,)).fetchall()
    ]


def inbound(database: Database, name: str) -> list[Inbound]:
    """The pending inbox rows of a run."""
    return _inbound(database, database.execute(statement("key_of"), (name,)).get or -1)


def taken(database: Database, key: int) -> Taken:
    """All that a worker needs to go on with a run."""
    rows = [Row(*values) for values in database.execute(statement("rows_of"), (key, 0, -1)).fetchall()]
    return Taken(run_by_key(database, key), rows, _inbound(database, key))


def item(values: tuple[Any, ...]) -> Item:
    """One thing that waits for people."""
    name, owner, kind, created, expires, body = values
    return Item(name, owner, kind, moment(created), None if expires is None else moment(expires), body)


def items_of(database: Database, name: str) -> list[Item]:
    """What waits for people in one run, oldest first."""
    key = database.execute(statement("key_of"), (name,)).get
    return [item(values) for values in database.execute(statement("items_of"), (key,)).fetchall()]


def rows(database: Database, name: str, after: int, most: int) -> list[Row]:
    """The stored events of a run after this one."""
    key = database.execute(statement("key_of"), (name,)).get
    return [Row(*values) for values in database.execute(statement("rows_of"), (key, after, most)).fetchall()]


def account(values: tuple[Any, ...]) -> Account:
    """One line of the ledger."""
    try:
        raised = msgspec.json.decode(values[9], type=Cost)
    except msgspec.DecodeError as exc:
        raise _illegible(values[9]) from exc
    return Account(values[0], Cost(*values[1:5]), Cost(*values[5:9]), raised)


def check(database: Database) -> list[str]:
    """What is wrong with the file, its blobs, its pending rows, and its references; a sentence each."""
    found = _integrity(database)
    for name, body in database.execute(statement("all_blobs")):
        if digest(body) != name.hex():
            found.append(f"Blob {name.hex()[:12]} does not have the content its name promises.")
    for name, owner, by, at, body, sum_, taken_ in database.execute(statement("pending_inbox")):
        if digest(canonical([name, owner, by, at]) + body) != sum_.hex() or taken_ not in (0, 1):
            found.append(f"Inbox row {name} was changed after it arrived.")
    for (key,) in database.execute(statement("orphans")):
        found.append(f"The journal holds events of run number {key}, but the run itself was dropped.")
    return found


# -- snapshots


class SqliteSnapshot:
    """The whole database as it was when this began, on a connection and in a thread of its own."""

    def __init__(self, file: Path, anchor: bytes | None, database: Database, thread: Thread) -> None:
        self._file, self._database, self._thread = file, database, thread
        self.anchor = anchor

    async def rows(self, view: View, *values: object) -> AsyncIterator[tuple[Any, ...]]:
        """The rows of a view, a bounded number of them in memory; runs come by root, then key. Raises StoreError."""
        sql = statement(f"snapshot_{view}")
        found: Iterator[tuple[Any, ...]] = iter(())

        def begin() -> list[tuple[Any, ...]]:
            nonlocal found
            found = self._database.execute(sql, values)
            return _page(found)

        page = await self._call(begin)
        while page:
            for row in page:
                yield row
            page = await self._call(lambda: _page(found))

    async def check(self) -> Sequence[str]:
        """What the database itself finds wrong with its file, its indexes and its schema, a sentence each."""
        return await self._call(lambda: [*_integrity(self._database), *_schema(self._database)])

    async def _call(self, work: Callable[[], T]) -> T:
        def read() -> T:
            with translated(self._file):
                try:
                    return work()
                except UnicodeDecodeError as exc:
                    raise StoreDamaged(f"`{self._file.name}` has text that is none ({exc.reason})") from exc

        return await self._thread.call(read)


@contextlib.asynccontextmanager
async def snapshot(file: Path, vfs: str | None) -> AsyncGenerator[SqliteSnapshot]:
    """Everything as it is now. The file beside the database is read first: it never names a seal that comes later."""
    thread = Thread("deputy-snapshot")
    try:
        anchor = anchored(file)
        database = await thread.call(lambda: _begin(file, vfs))
        try:
            yield SqliteSnapshot(file, anchor, database, thread)
        finally:
            await thread.call(database.close)
    finally:
        await thread.close()


def _begin(file: Path, vfs: str | None) -> Database:
    database = open_database(file, vfs=vfs)
    with translated(file):
        database.pragma("query_only", True)
        database.execute("BEGIN")
        database.execute(statement("last_seal")).fetchall()  # the first read is what fixes the moment
    return database


def _page(found: Iterator[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    page: list[tuple[Any, ...]] = []
    size = 0
    while size < PAGE_BYTES and len(page) < PAGE_ROWS and (row := next(found, None)) is not None:
        page.append(row)
        size += sum(len(value) for value in row if isinstance(value, bytes | str))
    return page


def _integrity(database: Database) -> list[str]:
    found = database.execute("PRAGMA integrity_check")
    return [f"The database file is damaged: {row[0]}." for row in found if row[0] != "ok"]


def _schema(database: Database) -> list[str]:
    """How tables, indexes and triggers differ from those that the migrations make."""
    fresh: Any = apsw.Connection(":memory:")
    for _, _, text in migrations():
        fresh.execute(text)
    intended, present = _definitions(fresh), _definitions(database)
    fresh.close()
    return [
        *(f"The database has a {kind} `{name}` that Deputy did not make." for kind, name in present - intended.keys()),
        *(f"The {kind} `{name}` is missing in the database." for kind, name in intended.keys() - present),
        *(
            f"The {kind} `{name}` is not as Deputy made it."
            for (kind, name), sql in intended.items()
            if present.get((kind, name), sql) != sql
        ),
    ]


def _definitions(database: Any) -> dict[tuple[str, str], str]:
    return {(kind, name): sql for kind, name, sql in database.execute(statement("definitions"))}


# -- the last seal, as the file beside the database has it


class _Kept(msgspec.Struct):
    n: Annotated[int, msgspec.Meta(ge=1, le=1 << 62)]
    link: str


def anchored(file: Path) -> bytes | None:
    """What the file beside this database says of the last seal, if there is one; raises StoreError."""
    try:
        return (file.parent / "seal").read_bytes()[:1000]
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise StoreError(f"`{file.parent / 'seal'}` could not be read ({exc.strerror})", "Check the disk.") from exc


def next_anchor(database: Database, file: Path, last: Anchor) -> Anchor | None:
    """The seal that the file should name instead of the one it does; None to leave it as it is.

    A file that names a seal this chain does not have is left alone: it is evidence that the chain was cut short.
    """
    try:
        kept = anchored(file)
    except StoreError:
        return None
    if not last.n or kept == _anchor_text(last):
        return None
    if kept is not None:
        try:
            old = msgspec.json.decode(kept, type=_Kept)
        except msgspec.MsgspecError:
            return None
        link: bytes | None = database.execute(statement("seal_link"), (old.n,)).get
        if link is None or link.hex() != old.link:
            return None
    return last


def keep_anchor(file: Path, anchor: Anchor) -> None:
    """Let the file beside this database name this seal, wholly or not at all; raises StoreError."""
    place = file.parent / "seal"
    new = place.with_name(f"seal.{os.getpid()}-{threading.get_ident()}")
    try:
        with new.open("wb") as handle:
            handle.write(_anchor_text(anchor))
            handle.flush()
            os.fsync(handle.fileno())
        new.replace(place)
    except OSError as exc:
        raise StoreError(f"`{place}` could not be written ({exc.strerror})", "Check the disk.") from exc


def _anchor_text(anchor: Anchor) -> bytes:
    return canonical({"link": anchor.link.hex(), "n": anchor.n})
