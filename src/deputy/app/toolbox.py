"""Every tool of a workspace as it was listed lately: for who writes a mandate, not for who acts by one.

Listing may start servers and take a while; so what was listed is told while it is listed anew beside, and a server
that says nothing is left out instead of waited for.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, NamedTuple

from deputy.adapters.tool.files import FILES
from deputy.adapters.tool.function import FunctionTools
from deputy.adapters.tool.source import load_functions
from deputy.app.config import Connection, Deployed, Settings
from deputy.app.config.document import did_you_mean
from deputy.app.versions import Versions
from deputy.base.clock import Clock
from deputy.base.errors import DeputyError, UsageError
from deputy.domain.builtin import BUILT_IN
from deputy.domain.effect import ToolSpec

__all__ = ["Listed", "Toolbox", "Unknown"]

Beside = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]  #: lets work go on beside everything else
FRESH = 60.0  #: seconds for which a listing is good
PATIENCE = 5.0  #: seconds that a server may take to list its tools


class Listed(NamedTuple):
    """The tools that there are, and the connections that did not say."""

    specs: Mapping[str, ToolSpec]
    silent: frozenset[str]

    def knows(self, pattern: str) -> bool:
        """Whether a grant's pattern names a tool, as far as this can be told."""
        literal, prefix = pattern.removesuffix("*"), pattern.endswith("*")
        if any(name.startswith(literal) if prefix else name == pattern for name in self.specs):
            return True
        return any(literal.startswith(f"{s}.") or f"{s}.".startswith(literal) for s in self.silent)


class Unknown(NamedTuple):
    """A grant that names no tool, its line and column, and what may have been meant."""

    pattern: str
    line: int
    column: int | None
    remedy: str


class Toolbox:
    """Lists tools, and remembers for a while."""

    def __init__(self, versions: Versions, settings: Callable[[], Settings], clock: Clock, beside: Beside) -> None:
        self._versions, self._settings, self._clock, self._beside = versions, settings, clock, beside
        self._listing: asyncio.Task[None] | None = None
        self._listed: tuple[float, object, Listed] | None = None

    async def listed(self) -> Listed:
        """All tools; waited for only where none were listed as the files are now."""
        while True:
            settings, known = self._settings(), self._listed
            key = (settings.connections, settings.tools)
            same = known is not None and known[1] == key
            if known is None or not same or self._clock.boot() - known[0] > FRESH:
                if self._listing is None or self._listing.done():
                    self._listing = self._beside(self._renew(settings, key))
                if not same:
                    await asyncio.wait([self._listing])  # which goes on, should nobody wait any more
                    if self._listing.cancelled():
                        return Listed({}, frozenset(settings.connections))
                    self._listing.result()
                    continue
            assert known is not None
            return known[2]

    async def _renew(self, settings: Settings, key: object) -> None:
        self._listed = (self._clock.boot(), key, await self._list(settings))

    async def unknown(self, deployed: Deployed) -> list[Unknown]:
        """The grants of an agent that name no tool that exists."""
        listed = await self.listed()
        found: list[Unknown] = []
        for grant in deployed.agent.grants:
            if not listed.knows(grant.pattern) and deployed.front is not None:
                where = ("tools", grant.pattern)
                remedy = did_you_mean(grant.pattern, tuple(listed.specs)) or "Correct the name, or connect its server."
                line, column = deployed.front.locate(where), deployed.front.columns.get(where)
                found.append(Unknown(grant.pattern, line, column, remedy))
        return found

    async def _list(self, settings: Settings) -> Listed:
        specs: dict[str, ToolSpec] = {**BUILT_IN, **{spec.name: spec for spec in FILES}}
        silent: set[str] = set()

        async def ask(connection: Connection) -> None:
            try:
                async with asyncio.timeout(PATIENCE):
                    specs.update({spec.name: spec for spec in await self._versions.listed(connection)})
            except (DeputyError, TimeoutError):
                silent.add(connection.name)

        async with asyncio.TaskGroup() as tasks:
            for connection in settings.connections.values():
                tasks.create_task(ask(connection))
        try:
            functions = load_functions(settings.tools, settings.folder)
            host = FunctionTools(functions, clock=self._clock, lend=lambda _: "")
            specs |= {spec.name: spec for spec in await host.catalogue()}
        except UsageError:
            pass  # doctor tells of it
        return Listed(specs, frozenset(silent))
