"""`[mcp.NAME]`: a server of the Model Context Protocol, as a program to start or an address to reach."""

import re
from collections.abc import Iterator

import msgspec

from deputy.app.config import values
from deputy.app.config.connections.base import Server, read_tools
from deputy.app.config.connections.headers import headers
from deputy.app.config.document import Table, Where, Wrong

__all__ = ["GRANTS", "McpServer", "OAuth", "read"]

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")
GRANTS = ("authorization_code", "client_credentials")  #: of OAuth: a person says yes, or the client is known by itself


class OAuth(msgspec.Struct, frozen=True, kw_only=True):
    """How one logs in at a server, as far as the workspace says; empty where the server is to say."""

    client_id: str = ""
    client_secret: str = ""  #: by reference
    issuer: str = ""  #: whom alone the secret is told
    client_metadata_url: str = ""
    scope: str = ""
    grant: str = "authorization_code"
    port: int = 0  #: on this machine, to which people are sent back; 0 is any


class McpServer(Server, frozen=True, kw_only=True):
    """A program to start or an address to reach. Values of `env` and `headers` may be references.

    `cwd` is relative to the workspace.
    """

    command: tuple[str, ...] = ()
    url: str = ""
    headers: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    env: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    cwd: str = ""
    oauth: OAuth = msgspec.field(default_factory=OAuth)

    def references(self) -> Iterator[tuple[str, Where]]:
        """Values of `env` and `headers` that stand for secrets, and the client's own."""
        if self.oauth.client_secret:
            yield self.oauth.client_secret, ("oauth", "client_secret")
        for kind, table in (("env", self.env), ("headers", self.headers)):
            for key, value in table.items():
                if values.REFERENCE.fullmatch(value):
                    yield value, (kind, key)


def read(name: str, table: Table) -> McpServer:
    """The table `[mcp.NAME]`."""
    table.only("command", "url", "headers", "env", "cwd", "deadline", "tools", "oauth")
    if ("command" in table) == ("url" in table):
        found = "both `command` and `url`" if "url" in table else "neither `command` nor `url`"
        message = f"{table.title} has {found}."
        raise table.document.wrong(table.where, message, "Give it either a program to start or an address to reach.")
    for key, other in (("env", "command"), ("cwd", "command"), ("headers", "url"), ("oauth", "url")):
        if key in table and other not in table:
            raise table.wrong(key, f"`{key}` in {table.title} goes with `{other}`.", "Remove it.")
    command = table.get("command", values.list_of(values.prose, some=True), ())
    if command and not command[0].strip():
        raise table.wrong("command", f"`command` in {table.title} names no program.", "Put the program first.")
    return McpServer(
        name=name, command=command, url=table.get("url", values.url, ""),
        headers=headers(table), env=table.get("env", values.map_of(values.prose, _variable), {}),
        cwd=table.get("cwd", values.line, ""), deadline=table.get("deadline", values.duration, None),
        tools=read_tools(name, table), oauth=_oauth(table.table("oauth")),
    )  # fmt: skip


def _oauth(table: Table | None) -> OAuth:
    if table is None:
        return OAuth()
    table.only("client_id", "client_secret", "issuer", "client_metadata_url", "scope", "grant", "port")
    found = OAuth(
        client_id=table.get("client_id", values.line, ""), scope=table.get("scope", values.line, ""),
        client_secret=table.get("client_secret", values.reference, ""),
        issuer=table.get("issuer", values.url, ""),
        client_metadata_url=table.get("client_metadata_url", values.url, ""),
        grant=table.get("grant", values.choice(*GRANTS), GRANTS[0]), port=table.get("port", values.count, 0),
    )  # fmt: skip
    if found.port > 65_535:
        raise table.wrong("port", f"`port` in {table.title} is no port.", "Give a number up to 65535.")
    return found


def _variable(value: object) -> str:
    if not isinstance(value, str) or not _VARIABLE.fullmatch(value):
        raise Wrong("named as a variable is", "Use letters, digits and _ in its name.", secret=True)
    return value
