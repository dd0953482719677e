"""Sums over a journal, in a SQLite file of their own: whoever removes it loses nothing that cannot be counted anew."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar, cast

import apsw
import msgspec

from deputy.adapters.store.sqlite.connection import Database, statement, translated
from deputy.adapters.store.sqlite.thread import Thread
from deputy.base.canonical import canonical
from deputy.base.errors import StoreDamaged
from deputy.ports.tally import Cell, Mark, Span, Sum

__all__ = ["SqliteTally"]

T = TypeVar("T")
_decode = msgspec.json.Decoder(dict[str, int]).decode
VERSION = 1  #: of what is counted and how; a file of another one is counted anew
BUSY_MS = 5_000


@cache
def _schema() -> str:
    return resources.files("deputy.adapters.store.sqlite").joinpath("sql", "tally.sql").read_text("utf-8")


class SqliteTally:
    """A `Tally` in one file; make it inside a running event loop."""

    def __init__(self, file: Path) -> None:
        self._file, self._thread = file, Thread("deputy-tally")
        self._database: Database | None = None

    async def mark(self) -> Mark:
        """Up to where was counted."""
        return await self._call(lambda db: Mark(*db.execute(statement("tally_mark")).fetchone()))

    async def notes(self) -> dict[str, bytes]:
        """What was to be remembered, by name."""
        return await self._call(lambda db: dict(db.execute(statement("tally_notes")).fetchall()))

    async def add(self, since: Mark, upto: Mark, counts: Mapping[Cell, int], notes: Mapping[str, bytes | None]) -> bool:
        """Add counts, and remember notes (or forget those that are None); False where somebody else counted on."""

        def work(db: Database) -> bool:
            if Mark(*db.execute(statement("tally_mark")).fetchone()) != since:
                return False
            for (span, start, agent, measure), value in _spread(counts).items():
                db.execute(statement("tally_add"), (span, start, agent, measure, value))
            for name, body in notes.items():
                if body is None:
                    db.execute(statement("tally_forget_note"), (name,))
                else:
                    db.execute(statement("tally_put_note"), (name, body))
            db.execute(statement("tally_set_mark"), upto)
            return True

        return await self._call(work, writes=True)

    async def forget(self) -> None:
        """Let go of everything."""

        def work(db: Database) -> None:
            db.execute(statement("tally_forget_sums"))
            db.execute(statement("tally_forget_notes"))
            db.execute(statement("tally_set_mark"), Mark(0, b""))

        await self._call(work, writes=True)

    async def sums(self, span: Span, since: int, until: int, agents: Sequence[str] = ()) -> Sequence[Sum]:
        """The sums of spans that begin from `since` (included) to `until`, of these agents or of all."""
        values = (span, since, until, canonical(list(agents)).decode())

        def work(db: Database) -> list[Sum]:
            found = db.execute(statement("tally_sums"), values).fetchall()
            return [Sum(start, agent, _decode(sums)) for start, agent, sums in found]

        return await self._call(work)

    async def close(self) -> None:
        """Let go of the file."""
        if self._database is not None:
            await self._thread.call(self._database.close)
        await self._thread.close()

    async def _call(self, work: Callable[[Database], T], *, writes: bool = False) -> T:
        def transaction() -> T:
            database = self._opened()
            with translated(self._file, database):
                database.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
                try:
                    value = work(database)
                    database.execute("COMMIT")
                except BaseException:
                    if database.in_transaction:
                        database.execute("ROLLBACK")
                    raise
                return value

        return await self._thread.call(transaction)

    def _opened(self) -> Database:
        if self._database is None:
            try:
                self._database = self._open()
            except StoreDamaged:
                self._remove()
                self._database = self._open()
        return self._database

    def _open(self) -> Database:
        with translated(self._file):
            opened = apsw.Connection(str(self._file))
        database = cast("Database", opened)
        try:
            with translated(self._file, database):
                opened.set_busy_timeout(BUSY_MS)
                database.pragma("journal_mode", "wal")
                database.pragma("synchronous", "normal")
                if database.pragma("user_version") not in (0, VERSION):
                    raise StoreDamaged(f"`{self._file.name}` was counted in another way")
                database.execute(_schema())
                database.pragma("user_version", VERSION)
                database.execute(statement("tally_mark")).fetchone()
        except BaseException:
            opened.close()
            raise
        return database

    def _remove(self) -> None:
        for end in ("", "-wal", "-shm"):
            self._file.with_name(self._file.name + end).unlink(missing_ok=True)


def _spread(counts: Mapping[Cell, int]) -> dict[tuple[str, int, str, str], int]:
    """Each count in its hour, its day, and in all; what is counted in no hour (-1), in all alone."""
    found: dict[tuple[str, int, str, str], int] = {}
    spans: Any = (("hour", 1), ("day", 24))
    for (hour, agent, measure), value in counts.items():
        for span, hours in spans if hour >= 0 else ():
            key = (span, hour // hours * hours, agent, measure)
            found[key] = found.get(key, 0) + value
        found["all", 0, agent, measure] = found.get(("all", 0, agent, measure), 0) + value
    return found
