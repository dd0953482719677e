"""A PostgreSQL database: one connection a request, read-only three times over, and rolled back whatever happened.

The role must be a plain one. What a superuser, or somebody who may run programs and write files on the server, can do
is not held by any transaction, so nothing is asked with such a role.
"""

import asyncio
import datetime
import os
import re
import resource
import signal
import sys
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import asyncpg

from deputy.adapters.tool.sql.asking import COMMITTING, Answer, Ask, no
from deputy.adapters.tool.sql.rows import Rows, TooLarge, plain

__all__ = ["answered"]

_CONNECT = 10.0  # seconds
_AT_ONCE = 50  # rows that are asked for at a time
_SWOLLEN = 160_000_000  # bytes of memory at which a request is given up
_LOOK = 0.02  # seconds between looks at that
_COLUMNS = 5000  # listed at most
_CONTROL = re.compile(
    r"(?:\s|--[^\n]*\n|/\*.*?\*/|;)*(begin|start|commit|end|rollback|abort|savepoint|release|prepare)\b",
    re.IGNORECASE | re.DOTALL,
)
_POWERFUL = """
SELECT r.rolsuper OR r.rolreplication
    OR pg_catalog.pg_has_role(r.oid, 'pg_execute_server_program', 'MEMBER')
    OR pg_catalog.pg_has_role(r.oid, 'pg_write_server_files', 'MEMBER')
    OR pg_catalog.pg_has_role(r.oid, 'pg_read_server_files', 'MEMBER')
    OR EXISTS (SELECT FROM pg_catalog.pg_roles s WHERE s.rolsuper AND pg_catalog.pg_has_role(r.oid, s.oid, 'MEMBER'))
FROM pg_catalog.pg_roles r WHERE r.rolname IN (SESSION_USER, CURRENT_USER) ORDER BY 1 DESC LIMIT 1
"""
_TABLES = """
SELECT c.table_schema, c.table_name, t.table_type, c.column_name, c.data_type, c.is_nullable = 'YES'
FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
WHERE c.table_schema NOT IN ('pg_catalog', 'information_schema')
    AND ($1 = '' OR c.table_name = $1 OR c.table_schema || '.' || c.table_name = $1)
ORDER BY c.table_schema, c.table_name, c.ordinal_position LIMIT 5001
"""
_WRITABLE = """
SELECT n.nspname || '.' || c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
    AND pg_catalog.has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE') ORDER BY 1 LIMIT 3
"""
_REACHING_OUT = """
SELECT e.extname FROM pg_catalog.pg_extension e WHERE e.extname IN
    ('dblink', 'postgres_fdw', 'file_fdw', 'http', 'plpython3u', 'plperlu', 'plsh', 'pg_cron', 'adminpack')
"""


class _Powerful(Exception):
    """The role could do what no transaction holds."""


def answered(ask: Ask, tell: Callable[[bytes], None]) -> Answer:
    """What comes of a request."""
    return asyncio.run(_answered(ask, tell))


async def _answered(ask: Ask, tell: Callable[[bytes], None]) -> Answer:
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, task.cancel)  # the server is told to stop, too
    if sys.platform == "linux":
        _watch(loop)
    try:
        async with asyncio.timeout(ask.seconds), _connected(ask) as connection:
            match ask.what:
                case "execute":
                    return await _execute(connection, ask, tell)
                case "check":
                    return Answer(value=await _check(connection, ask))
                case "query" | "tables":
                    return await _reading(connection, ask)
    except (asyncpg.QueryCanceledError, TimeoutError):
        return no("deadline", f"It took longer than {ask.seconds:g} s, and was stopped.")
    except _Powerful:
        return no("role", "The role of this connection is a superuser, or may use files or programs of the server.")
    except asyncpg.ReadOnlySQLTransactionError as error:
        return no("read_only", f"Nothing can be changed here: {_said(error)}")
    except TooLarge:
        return no("too_large", f"A single row is larger than {ask.size} bytes; ask for less of it.")
    except _UNAVAILABLE as error:
        return no("unavailable", f"The database cannot be used: {_said(error)}", retry=True)
    except asyncpg.PostgresError as error:
        return _refused(error)
    except (asyncpg.InterfaceError, ValueError, TypeError, OverflowError) as error:
        return no("sql_error", _said(error))


def _watch(loop: asyncio.AbstractEventLoop) -> None:
    """End this process before its memory does: a driver that gets none for a long row waits for the rest for ever."""
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    if resident > _SWOLLEN:
        os._exit(3)
    loop.call_later(_LOOK, _watch, loop)


_UNAVAILABLE = (
    OSError, asyncpg.PostgresConnectionError, asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.CannotConnectNowError, asyncpg.TooManyConnectionsError, asyncpg.InvalidCatalogNameError,
    asyncpg.AdminShutdownError, asyncpg.ClientConfigurationError,
)  # fmt: skip


def _refused(error: asyncpg.PostgresError) -> Answer:
    return no("sql_error", f"PostgreSQL {getattr(error, 'sqlstate', None)}: {_said(error)}")


def _said(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return (text if len(text) <= 500 else f"{text[:499]}…") or type(error).__name__


@asynccontextmanager
async def _connected(ask: Ask) -> AsyncGenerator[Any]:
    milliseconds = str(max(int(ask.seconds * 1000), 1))
    connection = await cast("Any", asyncpg).connect(
        ask.source.place, password=ask.source.password or None, passfile="/dev/null",
        timeout=min(_CONNECT, ask.seconds), statement_cache_size=0,
        server_settings={
            "application_name": "deputy", "statement_timeout": milliseconds, "lock_timeout": milliseconds,
            "idle_in_transaction_session_timeout": "60000",
            "default_transaction_read_only": "off" if ask.what == "execute" else "on",
        },
    )  # fmt: skip
    try:
        if await connection.fetchval(_POWERFUL):
            raise _Powerful
        yield connection
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await connection.close(timeout=2)
    finally:
        connection.terminate()


async def _reading(connection: Any, ask: Ask) -> Answer:
    """Read in a transaction within a transaction: the outer cannot be made to write from the inner. Never commit."""
    outer = connection.transaction(readonly=True)
    await outer.start()
    try:
        async with connection.transaction():
            if ask.what == "tables":
                return Answer(value=_listed(await connection.fetch(_TABLES, ask.table)))
            statement = await connection.prepare(ask.sql)
            attributes = statement.get_attributes()
            if not attributes:
                return no("read_only", "That returns no rows; this tool only reads, by SELECT and its like.")
            rows = Rows([attribute.name for attribute in attributes], ask.rows, ask.size)
            async for record in statement.cursor(*_bound(statement, ask.params), prefetch=_AT_ONCE):
                if not rows.add(record.values()):
                    break
            return Answer(value=rows.value())
    finally:
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await outer.rollback()


async def _execute(connection: Any, ask: Ask, tell: Callable[[bytes], None]) -> Answer:
    if _CONTROL.match(ask.sql):
        return no("not_permitted", "Each statement is a transaction of its own; leave the control of them out.")
    transaction = connection.transaction()
    await transaction.start()
    statement = await connection.prepare(ask.sql)
    records = await statement.fetch(*_bound(statement, ask.params))
    if not connection.is_in_transaction():
        return no("not_permitted", "The statement ended its own transaction; nothing is known to be kept.")
    value: dict[str, object] = {"status": statement.get_statusmsg()}
    count = value["status"].rsplit(" ", 1)[-1] if isinstance(value["status"], str) else ""
    if count.isdigit():
        value["changed"] = int(count)
    if attributes := statement.get_attributes():
        rows = Rows([attribute.name for attribute in attributes], ask.rows, ask.size)
        for record in records:
            if not rows.add(record.values()):
                break
        value |= rows.value()
    tell(COMMITTING)
    try:
        await transaction.commit()
    except asyncpg.PostgresConnectionError as error:
        return Answer(unknown=True, message=f"The connection broke at the commit: {_said(error)}")
    except asyncpg.PostgresError as error:
        if isinstance(error, _UNAVAILABLE | asyncpg.QueryCanceledError):
            return Answer(unknown=True, message=f"The server stopped at the commit: {_said(error)}")
        return _refused(error)
    except (OSError, TimeoutError, asyncpg.InterfaceError) as error:
        return Answer(unknown=True, message=f"The connection broke at the commit: {_said(error)}")
    return Answer(value=value)


def _listed(records: list[Any]) -> dict[str, object]:
    tables: dict[tuple[str, str], dict[str, Any]] = {}
    for schema, name, kind, column, of, nullable in records[:_COLUMNS]:
        one = tables.setdefault((schema, name), {
            "name": name if schema == "public" else f"{schema}.{name}",
            "type": "view" if kind == "VIEW" else "table", "columns": [],
        })  # fmt: skip
        one["columns"].append({"name": column, "type": of, "nullable": nullable})
    return {"tables": list(tables.values()), "truncated": len(records) > _COLUMNS}


async def _check(connection: Any, ask: Ask) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if not ask.write and (tables := [record[0] for record in await connection.fetch(_WRITABLE)]):
        message = f"Its role could write {', '.join(tables)}; only the read-only transaction keeps it from that."
        found.append((message, "Give it a role that was granted SELECT alone."))
    if reaching := [record[0] for record in await connection.fetch(_REACHING_OUT)]:
        message = f"The server has {', '.join(reaching)}, whose functions reach out of a transaction."
        found.append((message, "See that the role may not execute them."))
    encrypted = await connection.fetchval("SELECT ssl FROM pg_catalog.pg_stat_ssl WHERE pid = pg_backend_pid()")
    local = await connection.fetchval(
        "SELECT inet_server_addr() IS NULL OR inet_server_addr() <<= '127.0.0.0/8' OR inet_server_addr() = '::1'"
    )
    if not encrypted and not local:
        found.append(("The connection is not encrypted.", "Add `?sslmode=verify-full` to its `url`."))
    return found


# -- parameters: JSON has fewer types than PostgreSQL


def _bound(statement: Any, params: list[object]) -> list[object]:
    types = statement.get_parameters()
    if len(types) != len(params):
        raise ValueError(f"the statement takes {len(types)} parameters ($1, $2, …), not {len(params)}")
    return [_converted(value, of.name) for value, of in zip(params, types, strict=True)]


def _converted(value: object, of: str) -> object:
    if value is None:
        return None
    if isinstance(value, list) and (of.endswith("[]") or of.startswith("_")):
        inner = of.removesuffix("[]").removeprefix("_")
        return [_converted(member, inner) for member in cast("list[object]", value)]
    said = str(cast("object", value))
    match of:
        case "numeric":
            return Decimal(said)
        case "timestamp" | "timestamptz":
            return datetime.datetime.fromisoformat(said)
        case "date":
            return datetime.date.fromisoformat(said)
        case "time" | "timetz":
            return datetime.time.fromisoformat(said)
        case "uuid":
            return uuid.UUID(said)
        case "bytea":
            raise ValueError("a parameter for bytes must be written as decode($1, 'base64')")
        case "json" | "jsonb":
            import json

            return json.dumps(plain(cast("object", value)))
        case "text" | "varchar" | "bpchar" | "name":
            return said
        case _:
            return cast("object", value)
