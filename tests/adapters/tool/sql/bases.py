"""Real databases for tests: an SQLite file, and a PostgreSQL server of the test's own."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

from tests.adapters.tool.hosts import intent_of

from deputy.adapters.tool.sql import Source, SqlDatabase, SqlTools
from deputy.base.clock import SystemClock
from deputy.domain.effect import Done, Failed, Result

__all__ = ["Asking", "asked", "failure", "value_of"]


class Asking:
    """Somebody who asks a database."""

    def __init__(self, tools: SqlTools) -> None:
        self.tools = tools

    async def __call__(
        self, sql: str, *params: object, tool: str = "query", deadline: float = 20.0, **more: Any
    ) -> Result:
        return await self.call(tool, {"sql": sql, "params": list(params)}, deadline=deadline, **more)

    async def call(self, tool: str, args: Mapping[str, object], *, deadline: float = 20.0, **more: Any) -> Result:
        spec = next(s for s in await self.tools.catalogue() if s.name == f"crm.{tool}")
        return await self.tools.invoke(intent_of(spec, args, deadline=deadline, **more))


@asynccontextmanager
async def asked(source: Source, *, password: str = "", **settings: Any) -> AsyncGenerator[Asking]:
    """A host of this database's tools."""
    reference = "env:PASSWORD" if password else ""
    database = SqlDatabase(name="crm", source=source, password=reference, **settings)
    tools = SqlTools(database, SystemClock(), lambda _: password)
    try:
        yield Asking(tools)
    finally:
        await tools.close()
        await asyncio.sleep(0)


def value_of(result: Result) -> dict[str, Any]:
    assert isinstance(result, Done), result
    return cast("dict[str, Any]", result.value)


def failure(result: Result) -> str:
    assert isinstance(result, Failed), result
    return result.code
