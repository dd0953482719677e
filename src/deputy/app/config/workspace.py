"""Read deputy.toml: the workspace, its models, its MCP servers and the secrets they refer to."""

import re
from collections.abc import Iterator
from pathlib import Path

from deputy.app.config import values
from deputy.app.config.document import Document, Table, Where, Wrong, shown
from deputy.app.config.settings import (
    REHEARSAL,
    McpServer,
    ModelRoute,
    RateLimits,
    Reference,
    Settings,
    ToolSettings,
)  # fmt: skip
from deputy.domain.catalogue import FREE, Price, Tier

__all__ = ["read_workspace"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SERVER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_SECRET_HEADER = re.compile(r"authorization|cookie|key|token|secret|password", re.IGNORECASE)
_BUILT_IN = ("agent", "files", "person")  #: the servers that Deputy brings along
_TIER = ("input", "output", "cached")


def read_workspace(document: Document, folder: Path) -> Settings:
    """The settings that deputy.toml gives; people, agents and tools are still empty."""
    root = document.table()
    root.only("workspace", "models", "mcp")
    workspace = root.table("workspace") or Table(document, ("workspace",), {})
    workspace.only("name", "database", "currency", "self_approval", "heartbeat", "lease")
    heartbeat = workspace.get("heartbeat", values.duration, 2.0)
    lease = workspace.get("lease", values.duration, 10.0)
    if lease < 2 * heartbeat:
        message = f"`lease` ({lease:g} s) must be at least twice `heartbeat` ({heartbeat:g} s)."
        key = "lease" if "lease" in workspace else "heartbeat"
        raise workspace.wrong(key, message, "Lengthen the lease, or shorten the heartbeat.")
    models = {name: _model(name, table) for name, table in root.tables("models")}
    servers = {name: _server(name, table) for name, table in root.tables("mcp")}
    return Settings(
        folder=folder, name=workspace.get("name", values.line, folder.name or "workspace"),
        database=workspace.get("database", _database, "sqlite:.deputy/deputy.db"),
        currency=workspace.get("currency", values.currency, "EUR"),
        self_approval=workspace.get("self_approval", values.flag, False), heartbeat=heartbeat, lease=lease,
        models=models, mcp=servers, references=tuple(_references(document, models, servers)),
    )  # fmt: skip


def _database(value: object) -> str:
    found = values.line(value)
    if re.match(r"postgres(ql)?://[^/@]*:[^/@]*@", found):
        raise Wrong("an address without a password", "Let ~/.pgpass or PGPASSWORD give it.", secret=True)
    if not re.fullmatch(r"sqlite:(?!:memory:$)(?!//)\S.*|postgresql://\S+", found):
        raise Wrong("`sqlite:PATH` or `postgresql://…`", 'Write "sqlite:.deputy/deputy.db" for the embedded database.')
    return found


# -- models


def _model(name: str, table: Table) -> ModelRoute:
    if not _NAME.fullmatch(name):
        raise table.document.wrong(table.where, f"{table.title} is no name for a model.",
                                   "Use at most 64 letters, digits, dots, _ and -.")  # fmt: skip
    remedy = 'Write `provider = "openai"` for any OpenAI-compatible server, or "rehearsal".'
    provider = table.need("provider", values.choice("openai", REHEARSAL), remedy)
    both = ("provider", "max_tokens", "deadline", "context", "price", "limits")
    if provider == REHEARSAL:
        table.only(*both)
    elif name == REHEARSAL:
        raise table.wrong("provider", "A model named `rehearsal` must be one.", "Give the model another name.")
    else:
        table.only(*both, "base_url", "model", "api_key", "extra")
        table.need("base_url", values.url, "Give the address of the server, up to and with `/v1`.")
        table.need("model", values.line, "Give the name by which the server knows the model.")
    return ModelRoute(
        name=name, provider=provider, base_url=table.get("base_url", values.url, "").rstrip("/"),
        model=table.get("model", values.line, ""), api_key=table.get("api_key", values.reference, ""),
        max_tokens=table.get("max_tokens", values.count, None), deadline=table.get("deadline", values.duration, 300.0),
        context=table.get("context", values.count, None), price=_price(table),
        extra=table.get("extra", values.json_table, {}), limits=_limits(table),
    )  # fmt: skip


def _limits(table: Table) -> RateLimits:
    inner = table.table("limits")
    if inner is None:
        return RateLimits()
    inner.only("concurrency", "requests", "tokens")
    return RateLimits(
        concurrency=inner.get("concurrency", values.count, None), requests=inner.get("requests", values.count, None),
        tokens=inner.get("tokens", values.count, None),
    )  # fmt: skip


def _price(table: Table) -> Price:
    inner = table.table("price")
    if inner is None:
        return FREE
    if "tiers" not in inner:
        inner.only(*_TIER, "tiers")
        return Price(tiers=(_tier(inner),))
    inner.only("tiers")
    entries = inner.get("tiers", values.list_of(_anything, some=True), ())
    tiers: list[Tier] = []
    for number in range(len(entries)):
        one = table.document.table((*inner.where, "tiers", number))
        one.only(*_TIER, "upto")
        upto = one.get("upto", values.count, None)
        if upto is None and number < len(entries) - 1:
            message = "Every tier but the last needs `upto`."
            raise one.document.wrong(one.where, message, "Give the number of input tokens up to which it holds.")
        if tiers and upto is not None and upto <= (tiers[-1].upto or 0):
            message = f"`upto` must rise from tier to tier, not come to {upto} after {tiers[-1].upto}."
            raise one.wrong("upto", message, "Order the tiers by `upto`, the shortest first.")
        tiers.append(_tier(one, upto))
    return Price(tiers=tuple(tiers))


def _tier(table: Table, upto: int | None = None) -> Tier:
    price = "Give the price of a million tokens in the workspace's currency."
    return Tier(
        upto=upto, input=table.need("input", values.amount, price), output=table.need("output", values.amount, price),
        cached=table.get("cached", values.amount, None),
    )  # fmt: skip


def _anything(value: object) -> object:
    return value


# -- MCP servers


def _server(name: str, table: Table) -> McpServer:
    if not _SERVER.fullmatch(name):
        message = f"{table.title} is no name for a server."
        raise table.document.wrong(table.where, message, "Use at most 64 letters, digits, _ and -.")
    if name in _BUILT_IN:
        message = f"{table.title} takes the name of built-in tools."
        raise table.document.wrong(table.where, message, "Give the server another name.")
    table.only("command", "url", "headers", "env", "cwd", "deadline", "tools")
    if ("command" in table) == ("url" in table):
        found = "both `command` and `url`" if "url" in table else "neither `command` nor `url`"
        message = f"{table.title} has {found}."
        raise table.document.wrong(table.where, message, "Give it either a program to start or an address to reach.")
    for key, other in (("env", "command"), ("cwd", "command"), ("headers", "url")):
        if key in table and other not in table:
            raise table.wrong(key, f"`{key}` in {table.title} goes with `{other}`.", "Remove it.")
    command = table.get("command", values.list_of(values.prose, some=True), ())
    if command and not command[0].strip():
        raise table.wrong("command", f"`command` in {table.title} names no program.", "Put the program first.")
    return McpServer(
        name=name, command=command, url=table.get("url", values.url, ""),
        headers=_headers(table), env=table.get("env", values.map_of(values.prose, _variable), {}),
        cwd=table.get("cwd", values.line, ""), deadline=table.get("deadline", values.duration, None),
        tools=_tools(name, table),
    )  # fmt: skip


def _variable(value: object) -> str:
    if not isinstance(value, str) or not _VARIABLE.fullmatch(value):
        raise Wrong("named as a variable is", "Use letters, digits and _ in its name.", secret=True)
    return value


def _headers(table: Table) -> dict[str, str]:
    found = table.get("headers", values.map_of(values.line, _header), {})
    for name, value in found.items():
        if _SECRET_HEADER.search(name) and not values.REFERENCE.fullmatch(value):
            message = f"The header `{name}` in {table.title} holds a secret itself."
            remedy = "Put its whole value into an environment variable, and write `env:` and the variable's name."
            raise table.document.wrong((*table.where, "headers", name), message, remedy)
    return found


def _header(value: object) -> str:
    if not isinstance(value, str) or not _HEADER.fullmatch(value):
        raise Wrong("named as a header of HTTP is", "Use letters, digits and - in its name.", secret=True)
    return value


def _tools(server: str, table: Table) -> tuple[ToolSettings, ...]:
    found: dict[str, ToolSettings] = {}
    for written, one in table.tables("tools"):
        try:
            pattern = values.pattern(written)
        except Wrong as no:
            raise one.document.wrong(one.where, f"{shown(written)} must be {no.needs}.", no.remedy) from None
        if pattern in found:
            message = f"{one.title} names the same tools as another table, and neither is more exact."
            raise one.document.wrong(one.where, message, "Make one table of the two.")
        found[pattern] = _tool(server, pattern, one)
    return tuple(found.values())


def _tool(server: str, pattern: str, table: Table) -> ToolSettings:
    table.only("effect", "repeat", "keyed_for", "verify", "conclusive", "authority", "output", "deadline")
    effect = values.choice("read", "write", "send", "irreversible", "execute")
    said = ToolSettings(
        pattern=pattern, effect=table.get("effect", effect, None),
        repeat=table.get("repeat", values.choice("safe", "keyed", "never"), None),
        keyed_for=table.get("keyed_for", values.duration, None), verify=table.get("verify", values.tool, ""),
        conclusive=table.get("conclusive", values.flag, None),
        authority=table.get("authority", values.list_of(values.line), None),
        output=table.get("output", values.label, None), deadline=table.get("deadline", values.duration, None),
    )  # fmt: skip
    if said.verify.startswith(f"{server}."):
        message = f"`verify` in {table.title} must name a tool as the server itself does, not '{said.verify}'."
        raise table.wrong("verify", message, f"Write '{said.verify.removeprefix(f'{server}.')}'.")
    if said.verify == pattern:
        raise table.wrong("verify", f"{table.title} is verified by itself.", "Name the tool that reads it back.")
    if said.keyed_for is not None and said.repeat != "keyed":
        message = f'`keyed_for` in {table.title} says nothing without `repeat = "keyed"`.'
        raise table.wrong("keyed_for", message, "Add that, or remove `keyed_for`.")
    if said.conclusive is not None and not said.verify:
        message = f"`conclusive` in {table.title} says nothing without `verify`."
        raise table.wrong("conclusive", message, "Name the tool that reads back, or remove `conclusive`.")
    return said


# -- secrets


def _references(
    document: Document, models: dict[str, ModelRoute], servers: dict[str, McpServer]
) -> Iterator[Reference]:
    def one(secret: str, what: str, where: Where) -> Reference:
        return Reference(secret, f"{what} in {document.title(where[:2])}", document.file, document.locate(where))

    for name, model in models.items():
        if model.api_key:
            yield one(model.api_key, "`api_key`", ("models", name, "api_key"))
    for name, server in servers.items():
        for kind, table in (("env", server.env), ("headers", server.headers)):
            for key, value in table.items():
                if values.REFERENCE.fullmatch(value):
                    yield one(value, f"`{kind}.{key}`", ("mcp", name, kind, key))
