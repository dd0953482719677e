"""An SQLite file: read-only unless told otherwise, behind an authorizer, with nothing of SQLite's that reaches out.

It runs in a process of its own: a query without end is ended with that process, and its memory is that process's.
"""

import os
import re
import signal
from collections.abc import Callable
from typing import Any, cast

import apsw
import apsw.ext

from deputy.adapters.tool.sql.asking import COMMITTING, Answer, Ask, no
from deputy.adapters.tool.sql.rows import Rows, TooLarge

__all__ = ["answered"]

_BUSY = 5_000  # milliseconds to wait for others
_LONGEST = 16_000_000  # bytes of one value
_TABLES = 500
_STEPS = 5_000  # of SQLite's machine between looks at whether to stop
_READING = frozenset((apsw.SQLITE_SELECT, apsw.SQLITE_READ, apsw.SQLITE_RECURSIVE))
_WRITING = _READING | frozenset(
    (
        apsw.SQLITE_INSERT, apsw.SQLITE_UPDATE, apsw.SQLITE_DELETE, apsw.SQLITE_CREATE_TABLE, apsw.SQLITE_DROP_TABLE,
        apsw.SQLITE_CREATE_INDEX, apsw.SQLITE_DROP_INDEX, apsw.SQLITE_CREATE_VIEW, apsw.SQLITE_DROP_VIEW,
        apsw.SQLITE_ALTER_TABLE, apsw.SQLITE_REINDEX, apsw.SQLITE_ANALYZE, apsw.SQLITE_CREATE_TRIGGER,
        apsw.SQLITE_DROP_TRIGGER,
    )
)  # fmt: skip
_PRAGMAS = frozenset(("table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo",
                      "foreign_key_list"))  # fmt: skip
_FORBIDDEN_FUNCTIONS = frozenset(("load_extension", "fts3_tokenizer", "readfile", "writefile", "edit"))
_COMMENTS = re.compile(r"--[^\n]*|/\*.*?(?:\*/|$)", re.DOTALL)


def answered(ask: Ask, tell: Callable[[bytes], None]) -> Answer:
    """What comes of a request."""
    try:
        connection = _opened(ask)
    except apsw.Error as error:
        return no("unavailable", f"The database file cannot be opened: {error}.")
    try:
        match ask.what:
            case "query":
                return Answer(value=_query(connection, ask))
            case "execute":
                return _execute(connection, ask, tell)
            case "tables":
                return Answer(value=_tables(connection, ask.table))
            case "check":
                return Answer(value=_check(connection, ask))
    except apsw.InterruptError:
        return no("deadline", "It was stopped.")
    except apsw.BusyError:
        return no("busy", "Another process holds the database.", retry=True)
    except (apsw.AuthError, apsw.ReadOnlyError) as error:
        return no("not_permitted" if ask.what == "execute" else "read_only", f"That is not permitted here: {error}.")
    except (apsw.NoMemError, MemoryError):
        return no("too_large", "It takes more memory than there is for it.")
    except TooLarge:
        return no("too_large", f"A single row is larger than {ask.size} bytes; ask for less of it.")
    except (apsw.Error, UnicodeError, OverflowError, ValueError) as error:
        forbidden = str(error).startswith("not authorized")
        return no("not_permitted" if forbidden else "sql_error", f"SQLite: {error}")
    finally:
        connection.close(True)


def _opened(ask: Ask) -> Any:
    writing = ask.write and ask.what in ("execute", "check")
    flags = apsw.SQLITE_OPEN_READWRITE if writing else apsw.SQLITE_OPEN_READONLY
    connection: Any = apsw.Connection(ask.source.place, flags=flags | apsw.SQLITE_OPEN_NOFOLLOW)
    connection.set_busy_timeout(_BUSY)
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0)
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_FKEY, 1)
    connection.limit(apsw.SQLITE_LIMIT_LENGTH, _LONGEST)
    connection.limit(apsw.SQLITE_LIMIT_ATTACHED, 0)
    _stops_when_told(connection)
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()  # whether it is a database at all
    connection.authorizer = _authorizer(_WRITING if writing else _READING)
    return connection


def _stops_when_told(connection: Any) -> None:
    """Let a statement end at a signal and be rolled back; a process that dies leaves a journal to mend."""
    told: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: told.append(number))
    connection.set_progress_handler(lambda: bool(told), _STEPS)


def _authorizer(allowed: frozenset[int]) -> Callable[..., int]:
    def authorize(what: int, first: str | None, second: str | None, *_: object) -> int:
        if what == apsw.SQLITE_PRAGMA:
            permitted = (first or "").lower() in _PRAGMAS
        elif what == apsw.SQLITE_FUNCTION:
            permitted = (second or "").lower() not in _FORBIDDEN_FUNCTIONS
        else:
            permitted = what in allowed
        return apsw.SQLITE_OK if permitted else apsw.SQLITE_DENY

    return authorize


def _one(connection: Any, ask: Ask) -> Any:
    """Refuse all but a single statement, without running any."""
    details = cast("Any", apsw.ext).query_info(connection, ask.sql)
    if _COMMENTS.sub("", details.query_remaining or "").strip(" \t\r\n;"):
        raise ValueError("it is more than one statement; send one at a time")
    return details


def _query(connection: Any, ask: Ask) -> dict[str, object]:
    details = _one(connection, ask)
    rows = Rows([column[0] for column in details.description], ask.rows, ask.size)
    cursor = _run(connection, ask)
    for row in cursor:
        if not rows.add(row):
            break
    cursor.close(True)
    return rows.value()


def _run(connection: Any, ask: Ask) -> Any:
    return connection.execute(ask.sql, tuple(_bound(value) for value in ask.params))


def _bound(value: object) -> Any:
    if isinstance(value, dict | list):
        raise ValueError("a parameter must be a text, a number, true, false or null")
    return value


def _execute(connection: Any, ask: Ask, tell: Callable[[bytes], None]) -> Answer:
    details = _one(connection, ask)
    if details.is_readonly:
        return no("reads_only", "That changes nothing; use the query tool for it.")
    authorize, connection.authorizer = connection.authorizer, None
    connection.execute("BEGIN IMMEDIATE")
    connection.authorizer = authorize
    before = connection.total_changes()
    try:
        cursor = _run(connection, ask)
        rows = Rows([column[0] for column in details.description], ask.rows, ask.size)
        for row in cursor:
            if not rows.truncated:
                rows.add(row)
        value: dict[str, object] = {"changed": connection.total_changes() - before}
        if details.description:
            value |= rows.value()
    except BaseException:
        connection.authorizer = None
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.authorizer = None
    tell(COMMITTING)
    try:
        connection.execute("COMMIT")
    except (apsw.ConstraintError, apsw.BusyError, apsw.FullError) as error:
        connection.execute("ROLLBACK")
        return no("sql_error", f"SQLite: {error}")
    except apsw.Error as error:
        return Answer(unknown=True, message=f"The commit broke: {error}.")
    return Answer(value=value)


def _tables(connection: Any, wanted: str) -> dict[str, object]:
    listed = connection.execute(
        "SELECT name, type FROM sqlite_schema WHERE type IN ('table', 'view') AND substr(name, 1, 7) <> 'sqlite_'"
        " AND (?1 = '' OR name = ?1) ORDER BY name LIMIT ?2",
        (wanted, _TABLES + 1),
    ).fetchall()
    tables: list[dict[str, object]] = []
    for name, kind in listed[:_TABLES]:
        columns = connection.execute(
            'SELECT name, type, "notnull", pk FROM pragma_table_xinfo(?) WHERE hidden <> 1', (name,)
        )
        keys = connection.execute('SELECT "from", "table", "to" FROM pragma_foreign_key_list(?)', (name,)).fetchall()
        tables.append({
            "name": name, "type": kind,
            "columns": [{"name": n, "type": t, "nullable": not (nn or pk), **({"key": True} if pk else {})}
                        for n, t, nn, pk in columns],
            **({"references": [f"{a} → {b}.{c or 'rowid'}" for a, b, c in keys]} if keys else {}),
        })  # fmt: skip
    return {"tables": tables, "truncated": len(listed) > _TABLES}


def _check(connection: Any, ask: Ask) -> list[tuple[str, str]]:
    if ask.write and (connection.readonly("main") or not os.access(ask.source.place, os.W_OK)):
        return [("`write = true`, and the file cannot be written.", "Give it the rights, or remove `write`.")]
    return []
