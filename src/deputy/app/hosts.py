"""From a connection's settings to the host of its tools."""

import sys
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

from deputy.adapters.egress import Egress, Timeouts
from deputy.adapters.lending import Lending, LentTool
from deputy.adapters.tool.calendar import CalendarAccount, CalendarTools
from deputy.adapters.tool.files import FilesTools
from deputy.adapters.tool.http import HttpTools, Site
from deputy.adapters.tool.mcp_http import HttpServer, McpHttp
from deputy.adapters.tool.mcp_http.tokens import Tokens
from deputy.adapters.tool.mcp_stdio import McpStdio, StdioServer
from deputy.adapters.tool.openapi import Api, OpenApiTools
from deputy.adapters.tool.sql import Source, SqlDatabase, SqlTools
from deputy.app.config import Connection, McpServer, child_environment
from deputy.app.config.connections.calendar import Calendar
from deputy.app.config.connections.http import HttpSites
from deputy.app.config.connections.mail import MailConnection
from deputy.app.config.connections.openapi import OpenApi
from deputy.app.config.connections.sql import Database
from deputy.app.mailboxes import Premises, mail_tools
from deputy.app.vault import FileVault
from deputy.base.clock import Clock
from deputy.base.errors import ConfigError
from deputy.ports.tool import Tool

__all__ = ["HOSTS", "Examined", "Host", "Means", "host_for"]

SILENCE = 86_400.0  #: seconds that a stream may say nothing: what bounds a call is its deadline
PYTHONS = ("python", "python3")  #: as a server's command: the Python that runs Deputy


class Host(Tool, Protocol):
    """A host of tools that a connection leads to."""

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with tools that were left out of its catalogue."""
        ...


@runtime_checkable
class Examined(Protocol):
    """A host that can say what is wrong with what its connection leads to."""

    def examine(self) -> AsyncGenerator[tuple[str, str]]:
        """What is wrong and what to do about it; raises DeputyError where the connection cannot be used at all."""
        ...


class Means(NamedTuple):
    """What a host is built with, besides its settings; `patience` bounds its start, in seconds."""

    folder: Path
    clock: Clock
    lend: Callable[[str], str]
    patience: float = 30.0
    remember: Callable[[str, str], None] = lambda _value, _reference: None  #: of secrets that are not lent


class _Lent(LentTool):
    """A host, which gives nothing away of what it was lent."""

    def __init__(self, host: Host, lending: Lending) -> None:
        super().__init__(host, lending)
        self._host, self._lending = host, lending

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with tools that were left out of its catalogue."""
        return tuple(map(self._lending.text, self._host.problems))


class _LentExamined(_Lent):
    """One that can be examined."""

    def __init__(self, host: Host, examined: Examined, lending: Lending) -> None:
        super().__init__(host, lending)
        self._examined = examined

    async def examine(self) -> AsyncGenerator[tuple[str, str]]:
        """What is wrong and what to do about it."""
        with self._lending.errors():
            async for message, remedy in self._examined.examine():
                yield self._lending.text(message), self._lending.text(remedy)


def _mcp(server: McpServer, means: Means) -> Host:
    deadline = 60.0 if server.deadline is None else server.deadline
    if server.url:
        address = HttpServer(
            name=server.name, url=server.url, headers=server.headers, deadline=deadline, start_deadline=means.patience
        )
        egress = Egress([server.url], timeouts=Timeouts(read=SILENCE))
        vault = FileVault(means.folder, server.name, means.clock)
        tokens = Tokens(server.headers, means.lend, vault, means.clock, means.remember)
        return McpHttp(
            address, egress=egress, clock=means.clock, lend=means.lend, settings=server.configured, authority=tokens
        )
    command = (sys.executable if server.command[0] in PYTHONS else server.command[0], *server.command[1:])
    child = StdioServer(
        name=server.name, command=command, cwd=means.folder / server.cwd, env=server.env,
        deadline=deadline, start_deadline=means.patience,
    )  # fmt: skip
    return McpStdio(child, clock=means.clock, lend=means.lend, basics=child_environment(), settings=server.configured)


def _http(sites: HttpSites, means: Means) -> Host:
    site = Site(name=sites.name, allow=sites.allow, networks=sites.networks, deadline=sites.deadline, limit=sites.limit)
    return HttpTools(site, means.clock)


def _mail(connection: MailConnection, means: Means) -> Host:
    files = FilesTools(means.folder / ".deputy" / "runs", means.clock)
    return mail_tools(connection, Premises(means.folder, means.clock, means.lend), files)


def _sql(database: Database, means: Means) -> Host:
    kind, place = "postgresql", database.url
    if database.url.startswith("sqlite:"):
        path = (means.folder / database.url.removeprefix("sqlite:")).resolve()
        kind, place = "sqlite", str(path)
        if path.is_relative_to((means.folder / ".deputy").resolve()):
            raise ConfigError(f"`{database.title}` is Deputy's own database.", "Name another file.", file="deputy.toml")
    told = SqlDatabase(
        name=database.name, source=Source(kind=kind, place=place), password=database.password, write=database.write,
        rows=database.rows, size=database.bytes, deadline=database.deadline, output=database.output,
    )  # fmt: skip
    return SqlTools(told, means.clock, means.lend)


def _calendar(calendar: Calendar, means: Means) -> Host:
    account = CalendarAccount(
        name=calendar.name, url=calendar.url, user=calendar.user, password=calendar.password, address=calendar.address,
        zone=calendar.zone, write=calendar.write, invitations=calendar.invitations, deadline=calendar.deadline,
    )  # fmt: skip
    return CalendarTools(account, means.clock, means.lend)


def _openapi(server: OpenApi, means: Means) -> Host:
    document = (means.folder / server.document).resolve()
    if not document.is_relative_to(means.folder.resolve()):
        raise ConfigError(
            f"The document of `{server.title}` lies outside of the workspace.", "Copy it here.", file="deputy.toml"
        )
    api = Api(
        name=server.name, document=document, base_url=server.base_url, headers=server.headers, bearer=server.bearer,
        user=server.user, password=server.password, key_header=server.key_header, limit=server.limit,
        deadline=60.0 if server.deadline is None else server.deadline,
    )  # fmt: skip
    return OpenApiTools(api, means.clock, means.lend, server.configured)


HOSTS: dict[type[Connection], Callable[[Any, Means], Host]] = {
    Calendar: _calendar,
    HttpSites: _http,
    MailConnection: _mail,
    McpServer: _mcp,
    OpenApi: _openapi,
    Database: _sql,
}


def host_for(connection: Connection, means: Means) -> Host:
    """The host of a connection's tools; raises ConfigError where there can be none."""
    lending = Lending(means.lend)
    host = HOSTS[type(connection)](connection, means._replace(lend=lending.lend, remember=lending.remember))
    return _LentExamined(host, host, lending) if isinstance(host, Examined) else _Lent(host, lending)
