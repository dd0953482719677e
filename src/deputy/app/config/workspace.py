"""Read deputy.toml: the workspace, its models, its connections and the secrets they refer to."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast, get_args

import msgspec

from deputy.app.config import values
from deputy.app.config.connections import KINDS, read_connections
from deputy.app.config.document import Document, Table, Where, Wrong, shown
from deputy.app.config.environment import variable
from deputy.app.config.reaching import (
    read_auth,
    read_telemetry,
    read_web,
    sign_in_references,
    telemetry_references,
)  # fmt: skip
from deputy.app.config.reference import Reference
from deputy.app.config.settings import REHEARSAL, ModelRoute, RateLimits, Settings
from deputy.app.config.triggers import time_zone
from deputy.domain.capability import ServerName
from deputy.domain.catalogue import Price, Tier

__all__ = ["read_workspace"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_TIER = ("input", "output", "cached")
SERVERS: tuple[ServerName, ...] = get_args(ServerName)


def read_workspace(document: Document, folder: Path) -> Settings:
    """The settings that deputy.toml gives; people, agents and tools are still empty."""
    root = document.table()
    root.only("workspace", "models", "teams", "web", "auth", "telemetry", *KINDS)
    workspace = root.table("workspace") or Table(document, ("workspace",), {})
    workspace.only("name", "database", "currency", "self_approval", "heartbeat", "lease", "timezone")
    heartbeat = workspace.get("heartbeat", values.duration, 2.0)
    lease = workspace.get("lease", values.duration, 10.0)
    if lease < 2 * heartbeat:
        message = f"`lease` ({lease:g} s) must be at least twice `heartbeat` ({heartbeat:g} s)."
        key = "lease" if "lease" in workspace else "heartbeat"
        raise workspace.wrong(key, message, "Lengthen the lease, or shorten the heartbeat.")
    models, idle = read_models(root)
    connections, references = read_connections(root)
    auth = read_auth(root.table("auth"))
    references = (*references, *sign_in_references(auth, root.table("auth")))
    telemetry = read_telemetry(root.table("telemetry"))
    return Settings(
        folder=folder, web=read_web(root.table("web")), auth=auth, telemetry=telemetry,
        name=workspace.get("name", values.line, folder.name or "workspace"),
        database=workspace.get("database", _database, "sqlite:.deputy/deputy.db"),
        currency=workspace.get("currency", values.currency, "EUR"),
        timezone=workspace.get("timezone", time_zone, "UTC"),
        self_approval=workspace.get("self_approval", values.flag, False), heartbeat=heartbeat, lease=lease,
        teams=root.get("teams", values.map_of(_weight), {}), models=models, connections=connections,
        references=(
            *_references(document, models, idle), *references,
            *telemetry_references(root.table("telemetry"), telemetry),
        ),
    )  # fmt: skip


def _database(value: object) -> str:
    found = values.line(value)
    if re.match(r"postgres(ql)?://[^/@]*:[^/@]*@", found):
        raise Wrong("an address without a password", "Let ~/.pgpass or PGPASSWORD give it.", secret=True)
    if not re.fullmatch(r"sqlite:(?!:memory:$)(?!//)\S.*|postgresql://\S+", found):
        raise Wrong("`sqlite:PATH` or `postgresql://…`", 'Write "sqlite:.deputy/deputy.db" for the embedded database.')
    return found


def _weight(value: object) -> float:
    found = float(values.amount(value))
    if not 0.01 <= found <= 100:
        raise Wrong("a weight between 0.01 and 100", "Write a number: weight 2 gets twice the share of weight 1.")
    return found


# -- models


def read_models(root: Table) -> tuple[dict[str, ModelRoute], frozenset[str]]:
    """The models, and those that nobody has chosen where one is chosen by the environment."""
    tables = dict(root.tables("models"))
    models = {name: _model(name, table) for name, table in tables.items() if "use" not in table}
    chosen = {name: _chosen(table, models) for name, table in tables.items() if "use" in table}
    idle = frozenset(models) - set(chosen.values()) if chosen else frozenset[str]()
    rehearsal = ModelRoute(name=REHEARSAL, provider=REHEARSAL)
    routes = {name: msgspec.structs.replace(models.get(use, rehearsal), name=name) for name, use in chosen.items()}
    return {**models, **routes}, idle


def _chosen(table: Table, models: Mapping[str, ModelRoute]) -> str:
    """The name of the model that an environment variable chooses."""
    table.only("use", "otherwise")
    name = table.get("use", _variable, "")
    otherwise = table.get("otherwise", values.line, REHEARSAL)
    use = variable(name)
    for key, word in (("use", use), ("otherwise", otherwise)):
        if word and word != REHEARSAL and word not in models:
            known = ", ".join(f"`{one}`" for one in sorted({*models, REHEARSAL})[:20])
            what = f"The environment variable {name}" if key == "use" else "`otherwise`"
            raise table.wrong(key, f"{what} names {shown(word)}, which is no model here.", f"Known are {known}.")
    return use or otherwise


def _variable(value: object) -> str:
    found = values.reference(value)
    if not found.startswith("env:"):
        raise Wrong("an environment variable", "Write `env:` and its name; what it holds is no secret.")
    return found.removeprefix("env:")


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
        table.only(
            *both, "base_url", "model", "api_key", "extra", "server", "thinking", "first_token", "between",
            "forced_tool_choice",
        )  # fmt: skip
        table.need("base_url", _addresses, "Give the address of the server, up to and with `/v1`.")
        table.need("model", values.line, "Give the name by which the server knows the model.")
    first, *others = table.get("base_url", _addresses, ("",))
    return ModelRoute(
        name=name, provider=provider, base_url=first, replicas=tuple(others),
        model=table.get("model", values.line, ""), api_key=table.get("api_key", values.reference, ""),
        max_tokens=table.get("max_tokens", values.count, None), deadline=table.get("deadline", values.duration, 300.0),
        context=table.get("context", values.count, None), price=_price(table),
        extra=table.get("extra", values.json_table, {}), limits=_limits(table),
        server=table.get("server", values.choice(*SERVERS), None), thinking=table.get("thinking", _thinking, None),
        first_token=table.get("first_token", values.duration, None),
        between=table.get("between", values.duration, 120.0),
        forced_tool_choice=table.get("forced_tool_choice", values.flag, False),
    )  # fmt: skip


def _addresses(value: object) -> tuple[str, ...]:
    """One address, or a list of those where the same model is served."""
    several = isinstance(value, list)
    urls = values.list_of(values.url, some=True)(cast("object", value)) if several else (values.url(value),)
    found = tuple(url.rstrip("/") for url in urls)
    if len(set(found)) < len(found):
        raise Wrong("a list in which no address stands twice", "Remove one of the two.")
    return found


def _thinking(value: object) -> bool | int:
    if isinstance(value, bool):
        return value
    try:
        return values.count(value)
    except Wrong:
        remedy = "Write `true`, `false`, or the most tokens that it may think."
        raise Wrong("true, false or a number of tokens", remedy) from None


def _limits(table: Table) -> RateLimits:
    inner = table.table("limits")
    if inner is None:
        return RateLimits()
    inner.only("concurrency", "requests", "tokens")
    return RateLimits(
        concurrency=inner.get("concurrency", values.count, None), requests=inner.get("requests", values.count, None),
        tokens=inner.get("tokens", values.count, None),
    )  # fmt: skip


def _price(table: Table) -> Price | None:
    inner = table.table("price")
    if inner is None:
        return None
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


# -- secrets


def _references(document: Document, models: dict[str, ModelRoute], idle: frozenset[str]) -> Iterator[Reference]:
    for name, model in models.items():
        if model.api_key and name not in idle:
            where: Where = ("models", name, "api_key")
            title = document.title(where[:2])
            yield Reference(model.api_key, f"`api_key` in {title}", document.file, document.locate(where))
