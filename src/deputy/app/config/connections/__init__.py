"""Connections: what agents reach outside, one kind a module, each a table `[kind.name]` of deputy.toml.

A connection's tools are called `prefix.tool`. The prefix is the connection's name; `[kind.default]` has the kind
itself as its prefix, where the kind has tools of its own (`[mail.default]` gives `mail.search`).
"""

import re
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from deputy.app.config.connections import calendar, http, mail, mcp, openapi, sql
from deputy.app.config.connections.base import Connection, Server, ToolSettings
from deputy.app.config.connections.http import HttpSites
from deputy.app.config.connections.mail import MailConnection
from deputy.app.config.connections.mcp import McpServer
from deputy.app.config.document import Document, Table
from deputy.app.config.reference import Reference

__all__ = [
    "KINDS", "Connection", "HttpSites", "MailConnection", "McpServer", "Server", "ToolSettings", "read_connections",
    "references_of",
]  # fmt: skip

BUILT_IN = ("agent", "files", "person")  #: the prefixes of tools that need no connection
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class Kind(NamedTuple):
    """How a kind of connection is read; `own` if its tools are ours and `default` may stand for the kind."""

    read: Callable[[str, Table], Connection]
    own: bool


KINDS: dict[str, Kind] = {
    "calendar": Kind(calendar.read, own=True),
    "http": Kind(http.read, own=True),
    "mail": Kind(mail.read, own=True),
    "mcp": Kind(mcp.read, own=False),
    "openapi": Kind(openapi.read, own=False),
    "sql": Kind(sql.read, own=True),
}


def read_connections(root: Table) -> tuple[dict[str, Connection], tuple[Reference, ...]]:
    """Every connection by its prefix, and the secrets that they refer to."""
    found: dict[str, Connection] = {}
    references: list[Reference] = []
    for word, kind in KINDS.items():
        for name, table in root.tables(word):
            prefix = word if kind.own and name == "default" else name
            _check(prefix, table, found)
            connection = msgspec.structs.replace(kind.read(prefix, table), title=f"{word}.{name}")
            found[prefix] = connection
            references += references_of(connection, table.document, table)
    return found, tuple(references)


def references_of(connection: Connection, document: Document, table: Table) -> list[Reference]:
    """The secrets that a connection refers to, each with what it is for."""
    return [
        Reference(secret, f"`{'.'.join(map(str, keys))}` in {table.title}", document.file,
                  document.locate((*table.where, *keys)))
        for secret, keys in connection.references()
    ]  # fmt: skip


def _check(prefix: str, table: Table, found: dict[str, Connection]) -> None:
    document, where = table.document, table.where
    if not _NAME.fullmatch(prefix):
        remedy = "Use at most 64 letters, digits, _ and -."
        raise document.wrong(where, f"{table.title} is no name for a server.", remedy)
    if prefix in BUILT_IN:
        message = f"{table.title} takes the name of built-in tools."
        raise document.wrong(where, message, "Give the server another name.")
    if prefix in found:
        message = f"The tools of {table.title} would be called `{prefix}.…`, as another connection's are."
        raise document.wrong(where, message, "Give one of the two another name.")
    if prefix != where[0] and prefix in KINDS and KINDS[prefix].own:
        message = f"{table.title} takes the name of the tools of [{prefix}.default]."
        raise document.wrong(where, message, "Give the server another name.")
