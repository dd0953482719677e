"""Asking a real PostgreSQL server: what comes back, and what a hostile statement cannot do."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

import asyncpg
import pytest
from tests.adapters.tool.sql.bases import Asking, asked, failure, value_of
from tests.adapters.tool.sql.conftest import Server

from deputy.adapters.tool.sql.host import Unusable
from deputy.domain.effect import Result, Unknown

T = TypeVar("T")


def with_server(server: Server, do: Callable[[Asking], Awaitable[T]], role: str = "reader", **settings: Any) -> T:
    async def scenario() -> T:
        async with asked(server.source(role), password=f"{role}-secret".replace("reader", "r3ader"), **settings) as ask:
            return await do(ask)

    return asyncio.run(scenario())


def ask(
    server: Server, sql: str, *params: object, role: str = "reader", deadline: float = 20.0, **settings: Any
) -> Result:
    tool = settings.pop("tool", "query")
    return with_server(server, lambda a: a(sql, *params, tool=tool, deadline=deadline), role, **settings)


def test_rows_come_as_json(postgres: Server):
    value = value_of(ask(postgres, "SELECT * FROM customers WHERE id = $1", 1))
    (row,) = value["rows"]
    assert row == {
        "id": 1, "name": "Nordwind", "rate": "10.50", "since": "2026-03-01T08:00:00+00:00", "day": "2026-03-01",
        "photo": {"base64": "AP8="}, "tags": ["a", "b"], "extra": '{"vip": true}',
        "code": "6f1b1d3c-0000-4000-8000-000000000001", "span": "PT93600S", "kind": "glad",
    }  # fmt: skip
    value = value_of(
        ask(postgres, "SELECT rate, 9223372036854775807 AS big, 'inf'::float8 AS f FROM customers WHERE id = 2")
    )
    assert value["rows"] == [{"rate": "NaN", "big": "9223372036854775807", "f": "inf"}]


@pytest.mark.parametrize(
    ("sql", "params", "expected"),
    [
        ("SELECT $1::numeric AS x", ["10.20"], "10.20"),
        ("SELECT $1::numeric AS x", [1.5], "1.5"),
        ("SELECT $1::timestamptz AS x", ["2026-03-01T10:00:00Z"], "2026-03-01T10:00:00+00:00"),
        ("SELECT $1::date + 1 AS x", ["2026-03-01"], "2026-03-02"),
        ("SELECT $1::uuid AS x", ["6f1b1d3c-0000-4000-8000-000000000001"], "6f1b1d3c-0000-4000-8000-000000000001"),
        ("SELECT ($1::jsonb)->>'a' AS x", [{"a": "b"}], "b"),
        ("SELECT 2 = ANY($1::int[]) AS x", [[1, 2]], True),
        ("SELECT $1::text AS x", ["'; DROP TABLE customers; --"], "'; DROP TABLE customers; --"),
        ("SELECT $1::text IS NULL AS x", [None], True),
    ],
)
def test_parameters_are_bound_and_never_text_of_the_statement(
    postgres: Server, sql: str, params: list[object], expected: object
):
    assert value_of(ask(postgres, sql, *params))["rows"] == [{"x": expected}]


@pytest.mark.parametrize("params", [[], [1, 2], ["no number"], [{"a": 1}]])
def test_parameters_that_do_not_fit_are_a_failure(postgres: Server, params: list[object]):
    assert failure(ask(postgres, "SELECT $1::int", *params)) == "sql_error"


def test_tables_are_listed_as_far_as_the_role_may_see_them(postgres: Server):
    tables = value_of(with_server(postgres, lambda a: a.call("tables", {})))["tables"]
    assert [(t["name"], t["type"]) for t in tables] == [("customers", "table"), ("names", "view"), ("orders", "table")]
    assert tables[0]["columns"][:2] == [
        {"name": "id", "type": "integer", "nullable": False}, {"name": "name", "type": "text", "nullable": False}
    ]  # fmt: skip
    (one,) = value_of(with_server(postgres, lambda a: a.call("tables", {"table": "public.orders"})))["tables"]
    assert one["name"] == "orders"


ATTACKS = [
    "INSERT INTO orders VALUES (1, 1)",
    "INSERT INTO orders VALUES (1, 1) RETURNING id",
    "WITH x AS (DELETE FROM orders RETURNING id) SELECT * FROM x",
    "UPDATE customers SET name = 'x' RETURNING id",
    "SELECT * FROM customers FOR UPDATE",
    "SELECT sneaky()",
    "SELECT as_owner()",
    "SELECT nextval('numbers')",
    "SELECT 1; DELETE FROM orders",
    "COMMIT; DELETE FROM orders",
    "SELECT 1) AS q; DELETE FROM orders; --",
    "COMMIT",
    "SET TRANSACTION READ WRITE",
    "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
    "SELECT set_config('transaction_read_only', 'off', false)",
    "SELECT set_config('transaction_read_only', 'off', true), sneaky()",
    "DO $$ BEGIN DELETE FROM orders; END $$",
    "DO $$ BEGIN COMMIT; SET TRANSACTION READ WRITE; DELETE FROM orders; END $$",
    "COPY customers TO PROGRAM 'cat > /tmp/stolen'",
    "COPY customers TO STDOUT",
    "COPY orders FROM PROGRAM 'echo 1,1'",
    "CREATE TABLE t (x int)",
    "CREATE TEMP TABLE t AS SELECT 1",
    "SELECT 1 INTO t",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT lo_import('/etc/passwd')",
    "SELECT lo_export(1, '/tmp/stolen')",
    "EXPLAIN ANALYZE DELETE FROM orders",
    "PREPARE x AS DELETE FROM orders",
    "LISTEN x",
    "CREATE EXTENSION dblink",
    "SELECT pg_reload_conf()",
]


@pytest.mark.parametrize("role", ["reader", "writer"])
def test_no_statement_changes_anything_even_where_the_role_could(postgres: Server, role: str):
    async def attack(asking: Asking) -> list[tuple[str, Result]]:
        return [(sql, await asking(sql)) for sql in ATTACKS]

    for sql, result in with_server(postgres, attack, role):
        allowed = sql == "SELECT * FROM customers FOR UPDATE" or "set_config('default" in sql
        assert failure(result) in ("read_only", "sql_error") or allowed, sql
    assert postgres.value("SELECT count(*) FROM orders") == 0
    assert postgres.value("SELECT last_value FROM numbers") == 1
    assert postgres.value("SELECT count(*) FROM customers") == 2


def test_what_a_statement_sets_is_gone_with_its_connection(postgres: Server):
    async def twice(asking: Asking) -> tuple[Result, Result]:
        first = await asking("SELECT set_config('default_transaction_read_only', 'off', false)")
        return first, await asking("INSERT INTO orders VALUES (1, 1) RETURNING id")

    first, second = with_server(postgres, twice, "writer")
    assert value_of(first)["rows"] == [{"set_config": "off"}]
    assert failure(second) == "read_only"


@pytest.mark.parametrize("role", ["postgres", "runner"])
def test_a_role_that_no_transaction_holds_is_not_used_at_all(postgres: Server, role: str):
    assert failure(ask(postgres, "SELECT 1", role=role)) == "role"


def test_what_takes_too_long_is_stopped_on_the_server_too(postgres: Server):
    assert failure(ask(postgres, "SELECT pg_sleep(60)", deadline=0.5)) == "deadline"
    endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
    assert failure(ask(postgres, endless, deadline=0.5)) == "deadline"
    own = "SELECT set_config('statement_timeout', '0', false), pg_sleep(60)"
    assert failure(ask(postgres, own, deadline=0.5)) == "deadline"
    running = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'deputy' AND state = 'active'"
    for _ in range(100):
        if postgres.value(running) == 0:
            break
    assert postgres.value(running) == 0


def test_more_than_allowed_is_cut_or_refused_before_it_fills_memory(postgres: Server):
    async def large(asking: Asking) -> list[Result]:
        return [
            await asking("SELECT generate_series(1, 100000000) AS x"),
            await asking("SELECT repeat('x', 5000000) AS x"),
            await asking("SELECT repeat('x', 250000000) AS x", deadline=30.0),
            await asking("SELECT repeat('x', 3000000)::int AS x", deadline=30.0),
            await asking("SELECT 1 AS x"),
        ]

    many, wide, giant, shouted, after = with_server(postgres, large, rows=10)
    assert (len(value_of(many)["rows"]), value_of(many)["truncated"]) == (10, True)
    assert failure(wide) == "too_large"
    assert failure(giant) in ("too_large", "sql_error", "deadline")
    assert failure(shouted) == "sql_error"
    assert len(repr(shouted)) < 2_000
    assert value_of(after)["rows"] == [{"x": 1}]


def test_writing_where_it_is_granted_is_one_transaction(postgres: Server):
    async def write(asking: Asking) -> list[Result]:
        return [
            await asking("INSERT INTO orders VALUES ($1, 1), ($2, 1) RETURNING id", 11, 12, tool="execute"),
            await asking("INSERT INTO orders VALUES (13, 77)", tool="execute"),  # a deferred constraint: at the commit
            await asking("DELETE FROM orders", tool="query"),
            await asking("DELETE FROM orders; DELETE FROM customers", tool="execute"),
            await asking("COMMIT", tool="execute"),
            await asking("/* x */ ROLLBACK", tool="execute"),
            await asking("DELETE FROM orders WHERE pg_sleep(60) IS NULL", tool="execute", deadline=0.5),
            await asking("DELETE FROM orders WHERE id > $1", 10, tool="execute"),
        ]

    inserted, orphan, read, two, commit, rollback, slow, deleted = with_server(postgres, write, "writer", write=True)
    assert value_of(inserted) == {
        "status": "INSERT 0 2", "changed": 2, "columns": ["id"], "rows": [{"id": 11}, {"id": 12}], "truncated": False
    }  # fmt: skip
    assert [failure(r) for r in (orphan, read, two)] == ["sql_error", "read_only", "sql_error"]
    assert [failure(r) for r in (commit, rollback, slow)] == ["not_permitted", "not_permitted", "deadline"]
    assert value_of(deleted)["changed"] == 2
    assert postgres.value("SELECT count(*) FROM orders") == 0


def test_a_commit_without_an_answer_is_unknown(postgres: Server):
    """A trigger that waits at the commit: once the commit has left, the server loses the connection."""
    waiting = """CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_sleep(50); RETURN NULL; END $$;"""
    lose = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'deputy' AND state = 'active' AND query LIKE 'COMMIT%'"
    )

    async def scenario() -> Result:
        connection = await cast("Any", asyncpg).connect(postgres.admin)
        await connection.execute(
            f"{waiting} CREATE TABLE slow (x int); GRANT ALL ON slow TO writer;"
            " CREATE CONSTRAINT TRIGGER late AFTER INSERT ON slow DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
            " EXECUTE FUNCTION wait()"
        )
        try:
            async with asked(postgres.source("writer"), password="writer-secret", write=True) as asking:
                asked_for = asyncio.create_task(asking("INSERT INTO slow VALUES (1)", tool="execute", deadline=40.0))
                while not asked_for.done() and not await connection.fetchval(lose):
                    await asyncio.sleep(0.02)
                return await asked_for
        finally:
            await connection.execute("DROP TABLE slow; DROP FUNCTION wait()")
            await connection.close()

    assert isinstance(asyncio.run(scenario()), Unknown)


def test_what_cannot_be_reached_failed_and_gives_no_password_away(postgres: Server):
    async def wrong() -> list[Result]:
        found: list[Result] = []
        from deputy.adapters.tool.sql import Source

        nobody = Source(kind="postgresql", place="postgresql://reader@127.0.0.1:1/postgres")
        for source in (nobody, postgres.source("nobody_at_all")):
            async with asked(source, password="hunter2-secret") as asking:
                found.append(await asking("SELECT 1"))
        return found

    for result in asyncio.run(wrong()):
        assert failure(result) == "unavailable"
        assert "hunter2" not in repr(result)


def test_the_doctor_is_told_of_rights_that_reading_does_not_need(postgres: Server):
    async def look(asking: Asking) -> list[str]:
        return [message async for message, _ in asking.tools.examine()]

    assert with_server(postgres, look, "reader") == []
    (message,) = with_server(postgres, look, "writer")
    assert "could write public.customers" in message
    assert with_server(postgres, look, "writer", write=True) == []
    with pytest.raises(Unusable, match="superuser"):
        with_server(postgres, look, "postgres")
