"""What a workspace's files say, checked and frozen; knows nothing of files itself."""

from pathlib import Path
from typing import Literal

import msgspec

from deputy.app.config.document import Document, did_you_mean
from deputy.base.errors import NotFound
from deputy.domain.agent import Agent, Bundle
from deputy.domain.catalogue import FREE, Price, Route
from deputy.domain.effect import EffectClass, Repeat, ToolSpec
from deputy.domain.label import Label
from deputy.domain.principal import Directory

__all__ = [
    "REHEARSAL", "Deployed", "McpServer", "ModelRoute", "RateLimits", "Reference", "Settings", "ToolSettings",
    "Trigger", "TriggerKind",
]  # fmt: skip

REHEARSAL = "rehearsal"  #: the model that needs no table
TriggerKind = Literal["schedule", "mail", "webhook", "folder", "run"]


class RateLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What a server of models admits: calls at once, requests and tokens a minute; None where it does not say."""

    concurrency: int | None = None
    requests: int | None = None
    tokens: int | None = None


class ModelRoute(msgspec.Struct, frozen=True, kw_only=True):
    """One table of [models]: where calls go and what they cost; `deadline` in seconds, `api_key` a reference."""

    name: str
    provider: Literal["openai", "rehearsal"]
    base_url: str = ""
    model: str = ""
    api_key: str = ""
    max_tokens: int | None = None
    deadline: float = 300.0
    context: int | None = None
    price: Price = FREE
    extra: dict[str, object] = {}  #: passed in the body of every request
    limits: RateLimits = RateLimits()

    def route(self) -> Route:
        """What the kernel needs to know of it."""
        given = {"max_tokens": self.max_tokens, "context": self.context}
        said = {field: number for field, number in given.items() if number is not None}
        return Route(name=self.name, price=self.price, deadline=self.deadline, **said)


class ToolSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator says of the tools a pattern names; None where nothing is said. Durations are seconds."""

    pattern: str
    effect: EffectClass | None = None
    repeat: Repeat | None = None
    keyed_for: float | None = None
    verify: str = ""  #: the name the server gives it
    conclusive: bool | None = None
    authority: tuple[str, ...] | None = None
    output: Label | None = None
    deadline: float | None = None


class McpServer(msgspec.Struct, frozen=True, kw_only=True):
    """One table of [mcp]: a program to start or an address to reach, and what its tools are.

    Values of `env` and `headers` may be references. `cwd` is relative to the workspace.
    """

    name: str
    command: tuple[str, ...] = ()
    url: str = ""
    headers: dict[str, str] = {}
    env: dict[str, str] = {}
    cwd: str = ""
    deadline: float | None = None
    tools: tuple[ToolSettings, ...] = ()

    def settings_for(self, tool: str) -> ToolSettings | None:
        """The one table that governs a tool of this server: its exact name before the longest literal prefix."""
        exact = next((s for s in self.tools if s.pattern == tool), None)
        prefixes = (s for s in self.tools if s.pattern.endswith("*") and tool.startswith(s.pattern[:-1]))
        return exact or max(prefixes, key=lambda s: len(s.pattern), default=None)

    def configured(self, tool: str, spec: ToolSpec) -> ToolSpec:
        """A tool's spec as the operator wants it; `tool` is the name the server gives it.

        What nobody says stays as it is in `spec`. Who names a tool in `verify` says that it reads; and a `read` is safe
        to repeat unless the operator says otherwise.
        """
        said = self.settings_for(tool) or ToolSettings(pattern=tool)
        changes: dict[str, object] = {} if self.deadline is None else {"deadline": self.deadline}
        for field in ("effect", "repeat", "keyed_for", "conclusive", "authority", "output", "deadline"):
            if (value := getattr(said, field)) is not None:
                changes[field] = value
        if said.verify:
            changes["verify"] = f"{self.name}.{said.verify}"
        if said.effect is None and any(other.verify == tool for other in self.tools):
            changes["effect"] = "read"
        if changes.get("effect") == "read":
            changes.setdefault("repeat", "safe")
        return msgspec.structs.replace(spec, **changes)


class Trigger(msgspec.Struct, frozen=True, kw_only=True):
    """What would start a run of an agent, and with which task; kept as data."""

    kind: TriggerKind
    value: str
    task: str


class Deployed(msgspec.Struct, frozen=True, kw_only=True):
    """An agent with all the files it consists of."""

    agent: Agent
    bundle: Bundle
    file: str  #: of its AGENT.md, for messages
    triggers: tuple[Trigger, ...] = ()
    rehearsal: Document | None = None  #: plain data, with `locate` for messages


class Reference(msgspec.Struct, frozen=True):
    """A secret that something needs: `env:NAME` or `secret:NAME`, for what, and where that is written."""

    secret: str
    purpose: str
    file: str
    line: int


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the files of a workspace say; `heartbeat` and `lease` in seconds."""

    folder: Path
    name: str
    database: str = "sqlite:.deputy/deputy.db"
    currency: str = "EUR"
    self_approval: bool = False
    heartbeat: float = 2.0
    lease: float = 10.0
    models: dict[str, ModelRoute] = {}
    mcp: dict[str, McpServer] = {}
    directory: Directory = Directory()
    agents: dict[str, Deployed] = {}
    tools: dict[str, str] = {}  #: the text of every tools/**/*.py, by path
    references: tuple[Reference, ...] = ()

    def agent(self, name: str) -> Deployed:
        """The agent of this name; raises NotFound."""
        if (found := self.agents.get(name)) is not None:
            return found
        remedy = did_you_mean(name, tuple(self.agents))
        raise NotFound(f"There is no agent {name!r}.", remedy or "`agents/` has a folder for every agent.")

    def route(self, model: str) -> ModelRoute | None:
        """The model of this name; `rehearsal` needs no table."""
        if model == REHEARSAL:
            return self.models.get(REHEARSAL) or ModelRoute(name=REHEARSAL, provider="rehearsal")
        return self.models.get(model)
