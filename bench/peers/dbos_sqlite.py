"""DBOS on SQLite: an asynchronous workflow of two steps a round, each result recorded before the next begins.

DBOS leaves SQLite's journal mode and synchronisation at their defaults (a rollback journal), so WAL and FULL are set on
every connection of its engine, which is faster and as durable. Of the pools tried, two connections and as many threads
measured best: SQLite has one writer, and more threads only wait for it and for each other.
"""

import asyncio
import os
import sqlite3
from importlib.metadata import version
from typing import Any

from dbos import DBOS, DBOSConfig, SetWorkflowID
from sqlalchemy import Engine, event

from bench.job import (
    Job,
    Meter,
    Reply,
    ToolCall,
    ToolResult,
    World,
    folder_bytes,
    job_from_command_line,
    print_result,
    sqlite_settings,
)

POOL = 2
THREADS = 2


def write_through(connection: Any, _record: object) -> None:
    """Make a new connection of DBOS's engine write ahead and synchronously, and refuse to go on if SQLite does not."""
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    sqlite_settings(
        [(name, connection.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("journal_mode", "synchronous")]
    )


def launch(job: Job) -> None:
    """Start DBOS in this process; its workflows must be registered before."""
    event.listen(Engine, "connect", write_through)
    config: DBOSConfig = {
        "name": "bench",
        "system_database_url": f"sqlite:///{job.folder.resolve() / 'dbos.sqlite'}",
        "sys_db_pool_size": POOL,
        "db_engine_kwargs": {"pool_timeout": 600},
        "max_executor_threads": THREADS,
        "log_level": "ERROR",
        "application_version": "bench",
    }
    DBOS(config=config)
    DBOS.launch()


async def main() -> None:
    """Do the job and print the result."""
    job = job_from_command_line(__doc__)
    world, meter = World(job), Meter(job)

    @DBOS.step()
    async def model(run: str, n: int) -> Reply:
        return await world.reply(run, n)

    @DBOS.step()
    async def tool(call: ToolCall) -> ToolResult:
        return await world.lookup(call)

    @DBOS.workflow()
    async def work(run: str) -> None:
        for n in range(job.steps):
            reply = await model(run, n)
            await tool(reply["call"])
            meter.step()
            if meter.over:
                return

    async def one_run(run: str) -> None:
        with SetWorkflowID(run):
            await work(run)

    launch(job)
    await meter.drive(one_run)
    DBOS.destroy()
    connection = sqlite3.connect(job.folder / "dbos.sqlite")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    print_result(
        meter.result(
            peer="dbos",
            version=version("dbos"),
            db_bytes=folder_bytes(job.folder),
            settings={
                "journal_mode": "wal",
                "synchronous": "full",
                "sqlite": sqlite3.sqlite_version,
                "processes": 1,
                "pool": POOL,
                "threads": THREADS,
            },
        )
    )
    os._exit(0)  # its pool of threads would hold the process


if __name__ == "__main__":
    asyncio.run(main())
