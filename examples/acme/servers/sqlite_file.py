"""A SQLite file that several server processes share: write-ahead log, waiting instead of failing, durable commits."""

import re
import sqlite3
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

__all__ = ["Database", "statements"]

_WAIT_SECONDS = 30.0
_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


def statements(path: Path) -> dict[str, str]:
    """The statements of a file in which each begins with a line `-- name: its_name`."""
    _, *parts = _NAME.split(path.read_text("utf-8"))
    return {name: statement.strip() for name, statement in zip(parts[::2], parts[1::2], strict=True)}


class Database:
    """One file. Opened per use, so that threads and processes need not agree on anything."""

    def __init__(self, path: Path, *scripts: Path) -> None:
        self._path = path
        self._scripts = scripts

    def prepare(self) -> bool:
        """Create what does not exist yet; tells whether there was something to do. Running it again changes nothing."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self.opened() as db:
            if db.execute("PRAGMA user_version").fetchone()[0]:
                return False
            _use_write_ahead_log(db)
            for script in self._scripts:
                db.executescript(script.read_text("utf-8"))
            db.execute("PRAGMA user_version = 1")
            return True

    @contextmanager
    def opened(self) -> Generator[sqlite3.Connection, None, None]:
        """A connection that commits each statement by itself."""
        with closing(sqlite3.connect(self._path, timeout=_WAIT_SECONDS, isolation_level=None)) as db:
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA synchronous = FULL")
            db.execute("PRAGMA foreign_keys = ON")
            yield db

    @contextmanager
    def transaction(self) -> Generator[sqlite3.Connection, None, None]:
        """All or nothing, one writer at a time; durable when left without an exception."""
        with self.opened() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")


def _use_write_ahead_log(db: sqlite3.Connection) -> None:
    """SQLite does not wait for others at this one statement, so we do."""
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
