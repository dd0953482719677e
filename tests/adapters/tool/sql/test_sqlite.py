"""Asking an SQLite file: what comes back, and that nothing but reading is possible."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from tests.adapters.tool.sql.bases import Asking, asked, failure, value_of

from deputy.adapters.tool.sql import Source
from deputy.domain.effect import NOT_SENT, Failed, Result

T = TypeVar("T")
ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "crm.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(
            """CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, photo BLOB, rate REAL);
            CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customers (id), total NUMERIC);
            CREATE VIEW names AS SELECT name FROM customers;
            INSERT INTO customers VALUES (1, 'Nordwind', x'00ff', 1.5), (2, '北风', NULL, 9e999);"""
        )
    connection.close()
    return path


def with_file(path: Path, do: Callable[[Asking], Awaitable[T]], **settings: Any) -> T:
    async def scenario() -> T:
        async with asked(Source(kind="sqlite", place=str(path)), **settings) as ask:
            return await do(ask)

    return asyncio.run(scenario())


def ask(path: Path, sql: str, *params: object, tool: str = "query", deadline: float = 20.0, **settings: Any) -> Result:
    return with_file(path, lambda asking: asking(sql, *params, tool=tool, deadline=deadline), **settings)


def test_rows_come_by_name_with_bytes_marked(file: Path):
    value = value_of(ask(file, "SELECT * FROM customers WHERE id = ?", 1))
    assert value == {
        "columns": ["id", "name", "photo", "rate"],
        "rows": [{"id": 1, "name": "Nordwind", "photo": {"base64": "AP8="}, "rate": 1.5}],
        "truncated": False,
    }


def test_what_json_cannot_carry_comes_as_text(file: Path):
    value = value_of(ask(file, "SELECT rate, 9007199254740993 AS big, 1 AS x, 2 AS x FROM customers WHERE id = 2"))
    assert value["rows"] == [{"rate": "inf", "big": "9007199254740993", "x": 1, "x_2": 2}]


def test_tables_are_listed_with_columns_and_references(file: Path):
    tables = value_of(with_file(file, lambda asking: asking.call("tables", {})))["tables"]
    assert [t["name"] for t in tables] == ["customers", "names", "orders"]
    assert tables[0]["columns"][0] == {"name": "id", "type": "INTEGER", "nullable": False, "key": True}
    assert tables[2]["references"] == ["customer → customers.id"]
    (one,) = value_of(with_file(file, lambda asking: asking.call("tables", {"table": "orders"})))["tables"]
    assert one["name"] == "orders"


def test_more_rows_or_bytes_than_allowed_are_cut_and_said(file: Path):
    many = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c"
    value = value_of(ask(file, many, rows=5))
    assert ([r["x"] for r in value["rows"]], value["truncated"]) == ([1, 2, 3, 4, 5], True)
    value = value_of(ask(file, many, size=100))
    assert value["truncated"]
    assert len(value["rows"]) < 20
    assert failure(ask(file, "SELECT zeroblob(200)", size=100)) == "too_large"


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO customers VALUES (3, 'x', NULL, 0)",
        "UPDATE customers SET name = 'x' RETURNING id",
        "DELETE FROM customers",
        "WITH x AS (SELECT 1) DELETE FROM customers",
        "DROP TABLE customers",
        "CREATE TEMP TABLE t (x)",
        "ATTACH DATABASE '{folder}/other.db' AS other",
        "VACUUM INTO '{folder}/other.db'",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA writable_schema = ON",
        "PRAGMA query_only = OFF",
        "SELECT load_extension('{folder}/evil.so')",
        "SELECT writefile('{folder}/other.db', 'x')",
        "SELECT 1; DELETE FROM customers",
        "SELECT 1 /* ; */; -- ;\nDELETE FROM customers",
        "BEGIN",
        "COMMIT",
        "SAVEPOINT x",
        "SELECT * FROM pragma_journal_mode('DELETE')",
        "REINDEX",
        "",
        "-- nothing",
    ],
)
def test_reading_changes_and_reaches_nothing(file: Path, sql: str):
    before = file.read_bytes()
    others = sorted(p.name for p in file.parent.iterdir())
    result = ask(file, sql.format(folder=file.parent), write=True)
    assert isinstance(result, Failed) or value_of(result)["rows"] == []
    assert file.read_bytes() == before
    assert sorted(p.name for p in file.parent.iterdir()) == others


def test_a_comment_after_the_statement_is_no_second_one(file: Path):
    assert value_of(ask(file, "SELECT 1 AS one; -- that was all\n/* really */ ;"))["rows"] == [{"one": 1}]


def test_a_query_without_end_is_stopped_at_its_deadline_and_the_next_one_is_answered(file: Path):
    async def both(asking: Asking) -> tuple[Result, Result]:
        return await asking(ENDLESS, deadline=0.3), await asking("SELECT 1 AS one")

    stopped, after = with_file(file, both)
    assert failure(stopped) == "deadline"
    assert value_of(after)["rows"] == [{"one": 1}]


def test_a_query_that_swells_ends_alone(file: Path):
    everything = "WITH RECURSIVE c(n, x) AS (SELECT 1, zeroblob(9000000) UNION SELECT n + 1, zeroblob(9000000) FROM c)"

    async def all_three(asking: Asking) -> tuple[Result, Result, Result]:
        return (
            await asking("SELECT zeroblob(900000000)"),
            await asking(f"{everything} SELECT count(*) FROM c", deadline=30.0),
            await asking("SELECT 1 AS one"),
        )

    large, swollen, after = with_file(file, all_three)
    assert failure(large) == "sql_error"
    assert failure(swollen) in ("too_large", "deadline")
    assert value_of(after)["rows"] == [{"one": 1}]


def test_without_the_grant_there_is_no_tool_that_writes(file: Path):
    async def tools(asking: Asking) -> list[tuple[str, str, str]]:
        return [(s.name, s.effect, s.repeat) for s in await asking.tools.catalogue()]

    reading = [("crm.query", "read", "safe"), ("crm.tables", "read", "safe")]
    assert with_file(file, tools) == reading
    assert with_file(file, tools, write=True) == [*reading, ("crm.execute", "irreversible", "never")]


def test_writing_where_it_is_granted_is_one_transaction(file: Path):
    async def write(asking: Asking) -> list[Result]:
        insert = "INSERT INTO customers (name) VALUES (?), (?) RETURNING id"
        return [
            await asking(insert, "Südwind", "Ostwind", tool="execute"),
            await asking("INSERT INTO customers VALUES (9, 'x', NULL, 0), (1, 'twice', NULL, 0)", tool="execute"),
            await asking("INSERT INTO orders VALUES (1, 77, 1)", tool="execute"),
            await asking("SELECT id, name FROM customers WHERE id > 2", tool="query"),
        ]

    inserted, twice, orphan, kept = with_file(file, write, write=True)
    assert (value_of(inserted)["changed"], value_of(inserted)["rows"]) == (2, [{"id": 3}, {"id": 4}])
    assert (failure(twice), failure(orphan)) == ("sql_error", "sql_error")
    assert [r["name"] for r in value_of(kept)["rows"]] == ["Südwind", "Ostwind"]


@pytest.mark.parametrize("sql", ["COMMIT", "ATTACH '{f}/x.db' AS x", "PRAGMA foreign_keys = OFF", "SELECT 1", "VACUUM",
                                 "CREATE TEMP TRIGGER t AFTER INSERT ON orders BEGIN SELECT 1; END",
                                 "DELETE FROM orders; DELETE FROM customers"])  # fmt: skip
def test_the_grant_to_write_is_no_grant_for_more(file: Path, sql: str):
    result = ask(file, sql.format(f=file.parent), tool="execute", write=True)
    assert failure(result) in ("not_permitted", "sql_error", "reads_only")
    assert value_of(ask(file, "SELECT count(*) AS n FROM customers"))["rows"] == [{"n": 2}]


def test_a_write_that_does_not_end_in_time_certainly_did_not_happen(file: Path):
    slow = (
        "INSERT INTO customers (name) WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c"
    )
    assert failure(ask(file, slow, tool="execute", write=True, deadline=0.4)) == "deadline"
    assert value_of(ask(file, "SELECT count(*) AS n FROM customers"))["rows"] == [{"n": 2}]


def test_quiescing_ends_what_is_under_way(file: Path):
    async def end(asking: Asking) -> bool:
        running = asyncio.ensure_future(asking(ENDLESS, deadline=30.0))
        await asyncio.sleep(0.3)
        await asking.tools.quiesce("r1.1")
        await asyncio.wait({running})
        return running.cancelled()

    assert with_file(file, end)


def test_nothing_begins_after_the_lease(file: Path):
    result = with_file(
        file,
        lambda asking: asking("DELETE FROM orders", tool="execute", dispatch_by=0.0),
        write=True,
    )
    assert failure(result) == NOT_SENT


@pytest.mark.parametrize("content", [None, b"", b"not a database" * 1000])
def test_what_is_no_database_is_a_failure(tmp_path: Path, content: bytes | None):
    path = tmp_path / "x.db"
    if content is not None:
        path.write_bytes(content)
    result = ask(path, "SELECT count(*) AS n FROM sqlite_schema")
    if content == b"":
        assert value_of(result)["rows"] == [{"n": 0}]
    else:
        assert failure(result) == "unavailable"
    assert path.exists() == (content is not None)
