"""Open the SQLite file of a workspace as it must be opened, migrate it, and say in our words what is wrong with it."""

import errno
import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Protocol, cast

import apsw

from deputy.base.errors import StoreBusy, StoreDamaged, StoreError, StoreFull, StoreTooNew

__all__ = ["Database", "Row", "migrations", "open_database", "statement", "translated"]

Row = tuple[Any, ...]


class Database(Protocol):
    """The part of `apsw.Connection` that we use; values are SQLite's own types."""

    def execute(self, sql: str, values: Sequence[object] = ()) -> Any:
        """Run a statement; the cursor that comes back is iterable."""
        ...

    def pragma(self, name: str, value: object = None) -> Any:
        """Read or set a pragma."""
        ...

    def changes(self) -> int:
        """Rows that the last statement changed."""
        ...

    def last_insert_rowid(self) -> int:
        """Key of the row that was inserted last."""
        ...

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        ...

    @property
    def system_errno(self) -> int:
        """What the operating system said when reading or writing failed last."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


APPLICATION = 0x44_70_74_79  #: "Dpty", in the header of every database of ours
PAGE = 2_048  #: bytes; rows of one to four KiB leave a tenth less room empty than in pages of 4,096
BUSY_MS = 10_000
SWITCHES = 20  #: how many others may be making the database at the same time
CHECKPOINT_PAGES = 4_000
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  #: on the disk, in the user's share of it, in one file


@cache
def migrations() -> tuple[tuple[int, str, str], ...]:
    """Number, one-line summary and text of every migration, in order."""
    found: list[tuple[int, str, str]] = []
    for file in resources.files("deputy.adapters.store.sqlite").joinpath("sql").iterdir():
        if (match := re.fullmatch(r"(\d{4})-.*\.sql", file.name)) is not None:
            text = file.read_text("utf-8")
            found.append((int(match[1]), text.splitlines()[0].removeprefix("-- "), text))
    return tuple(sorted(found))


@cache
def _queries() -> Any:
    import aiosql

    text = resources.files("deputy.adapters.store.sqlite").joinpath("sql", "queries.sql").read_text("utf-8")
    from_str = cast("Any", aiosql).from_str
    return from_str(text, "apsw", mandatory_parameters=False)


@cache
def statement(name: str, rows: int = 1) -> str:
    """A named statement of queries.sql; an INSERT for so many rows at once."""
    text: str = getattr(_queries(), name).sql
    if rows > 1:
        head, values, group = text.partition("VALUES ")
        text = head + values + ", ".join([group.strip().rstrip(";")] * rows)
    return text


def open_database(file: Path, *, vfs: str | None = None) -> Database:
    """Open (or make) the database and bring its schema up to date; raises StoreError."""
    logged = _size(file.with_name(f"{file.name}-wal"))  # first: whoever makes a database writes to its log last
    if logged and not _size(file):
        raise StoreDamaged(
            f"`{file.name}` is empty, but `{file.name}-wal` beside it holds what a database of this name last wrote",
            "Put a backup in its place, or move the -wal file away to start anew.",
        )
    with translated(file):
        opened = apsw.Connection(str(file), vfs=vfs, statementcachesize=200)
    connection = cast("Database", opened)
    try:
        with translated(file, connection):
            opened.set_busy_timeout(BUSY_MS)
            opened.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, bool(logged))  # nothing is moved in what is refused
            _refuse_foreign(connection, opened.readonly("main"), file)
            opened.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, False)
            _prepare(connection, file)
    except BaseException:
        opened.close()
        raise
    return connection


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _prepare(connection: Database, file: Path) -> None:
    connection.pragma("page_size", PAGE)  # takes effect on a file that is being made, and on no other
    if _journal_mode(connection) != "wal":
        raise StoreError(
            f"`{file}` lies where SQLite cannot keep a log beside it", "Name a file on a local disk in deputy.toml."
        )
    connection.pragma("synchronous", "full")
    connection.pragma("foreign_keys", False)
    connection.pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
    connection.pragma("cell_size_check", True)
    _migrate(connection)


def _journal_mode(connection: Database) -> str:
    """Keep a log beside the file. Where several processes make the database at once, SQLite refuses without waiting."""
    for _ in range(SWITCHES):
        with suppress(apsw.BusyError):
            return connection.pragma("journal_mode", "wal")
        connection.execute("BEGIN IMMEDIATE")  # this waits for whoever is at it
        connection.execute("COMMIT")
    return connection.pragma("journal_mode", "wal")


def _refuse_foreign(connection: Database, readonly: bool, file: Path) -> None:
    used: int = connection.pragma("user_version") or connection.execute("SELECT count(*) FROM sqlite_schema").get
    application = connection.pragma("application_id")  # last: another process may be making the database just now
    if readonly:
        raise StoreError(f"`{file}` cannot be written", "Check that you may write to it and to its folder.")
    if application == APPLICATION:
        if (version := connection.pragma("user_version")) > (newest := migrations()[-1][0]):
            raise StoreTooNew(
                f"`{file.name}` has schema {version}, and this Deputy knows schemas up to {newest}",
                "Use the newer Deputy that wrote it; nothing was changed.",
            )
    elif application or used:
        raise StoreDamaged(
            f"`{file.name}` is a database, but not one of Deputy's",
            "Name another file under `database` in deputy.toml.",
        )


def _migrate(connection: Database) -> None:
    if connection.pragma("user_version") == migrations()[-1][0]:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        present = connection.pragma("user_version")  # again: another process may have been faster
        for number, _, text in migrations():
            if number > present:
                connection.execute(text)
                connection.execute(f"PRAGMA user_version = {number}")
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _full(file: Path) -> StoreFull:
    return StoreFull(f"the disk that holds `{file.name}` is full", "Free some space; runs go on by themselves.")


@contextmanager
def translated(
    file: Path, database: Database | None = None, *, leave: tuple[type[Exception], ...] = ()
) -> Generator[None]:
    """Raise what SQLite says in our words; what is in `leave` as it is."""
    try:
        yield
    except leave:
        raise
    except apsw.BusyError as exc:
        raise StoreBusy(f"`{file.name}` is held by another process", "Try again in a moment.") from exc
    except apsw.FullError as exc:
        raise _full(file) from exc
    except (apsw.CorruptError, apsw.NotADBError, UnicodeDecodeError) as exc:
        raise StoreDamaged(
            f"`{file.name}` is damaged ({exc})",
            "Put a backup in its place, or move it away and its -wal and -shm files with it to start anew.",
        ) from exc
    except (apsw.CantOpenError, apsw.ReadOnlyError, apsw.PermissionsError) as exc:
        raise StoreError(
            f"`{file}` cannot be opened for writing ({exc})",
            "Check that its folder exists and that you may write there.",
        ) from exc
    except apsw.IOError as exc:
        kind = cast("Any", exc).extendedresult
        if kind == apsw.SQLITE_IOERR_SHMSIZE or (database is not None and database.system_errno in NO_ROOM):
            raise _full(file) from exc
        raise StoreError(f"`{file.name}` could not be read or written ({exc})", "Check the disk.") from exc
    except apsw.Error as exc:
        raise StoreDamaged(
            f"`{file.name}` does not have the tables it should have ({exc})", "Put a backup in its place."
        ) from exc
