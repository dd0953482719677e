"""From a connection's settings to the host of its tools."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from deputy.adapters.tool.mcp_stdio import McpStdio, StdioServer
from deputy.app.config import Connection, McpServer, child_environment
from deputy.base.clock import Clock
from deputy.base.errors import ConfigError
from deputy.ports.tool import Tool

__all__ = ["HOSTS", "Host", "Means", "host_for"]

PYTHONS = ("python", "python3")  #: as a server's command: the Python that runs Deputy


class Host(Tool, Protocol):
    """A host of tools that a connection leads to."""

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with tools that were left out of its catalogue."""
        ...


class Means(NamedTuple):
    """What a host is built with, besides its settings; `patience` bounds its start, in seconds."""

    folder: Path
    clock: Clock
    lend: Callable[[str], str]
    patience: float = 30.0


def _mcp(server: McpServer, means: Means) -> Host:
    if server.url:
        raise ConfigError(
            f"`mcp.{server.name}` has a `url`, and this release speaks to servers over stdio only.",
            "Give it a `command`.", file="deputy.toml",
        )  # fmt: skip
    command = (sys.executable if server.command[0] in PYTHONS else server.command[0], *server.command[1:])
    child = StdioServer(
        name=server.name, command=command, cwd=means.folder / server.cwd, env=server.env,
        deadline=60.0 if server.deadline is None else server.deadline, start_deadline=means.patience,
    )  # fmt: skip
    return McpStdio(child, clock=means.clock, lend=means.lend, basics=child_environment(), settings=server.configured)


HOSTS: dict[type[Connection], Callable[[Any, Means], Host]] = {McpServer: _mcp}


def host_for(connection: Connection, means: Means) -> Host:
    """The host of a connection's tools; raises ConfigError where there can be none."""
    return HOSTS[type(connection)](connection, means)
