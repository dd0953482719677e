"""What a workspace's files say, checked and frozen; knows nothing of files itself."""

from pathlib import Path
from typing import Literal

import msgspec

from deputy.app.config.connections.base import Connection
from deputy.app.config.connections.mcp import McpServer
from deputy.app.config.document import Document, did_you_mean
from deputy.app.config.reference import Reference
from deputy.base.errors import NotFound
from deputy.domain.agent import Agent, Bundle
from deputy.domain.capability import ServerName, Thinking
from deputy.domain.catalogue import FREE, Price, RateLimits, Route
from deputy.domain.principal import Directory, Role
from deputy.domain.trigger import Trigger

__all__ = [
    "REHEARSAL",
    "Auth",
    "Deployed",
    "ModelRoute",
    "Oidc",
    "RateLimits",
    "Settings",
    "Telemetry",
    "Web",
]

REHEARSAL = "rehearsal"  #: the model that needs no table


class ModelRoute(msgspec.Struct, frozen=True, kw_only=True):
    """One table of [models]: where calls go and what they cost; times in seconds, `api_key` a reference."""

    name: str
    provider: Literal["openai", "rehearsal"]
    base_url: str = ""
    replicas: tuple[str, ...] = ()  #: where the same model is served too
    model: str = ""
    api_key: str = ""
    max_tokens: int | None = None
    deadline: float = 300.0
    context: int | None = None
    price: Price | None = None
    server: ServerName | None = None  #: None: told by the address, or by asking
    thinking: Thinking = None
    first_token: float | None = None
    between: float = 120.0
    forced_tool_choice: bool = False  #: whether a probe found that a tool may be demanded
    extra: dict[str, object] = {}  #: passed in the body of every request
    limits: RateLimits = RateLimits()

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every place where it is served."""
        return (self.base_url, *self.replicas) if self.base_url else ()

    def route(self) -> Route:
        """What the kernel needs to know of it."""
        given = {"max_tokens": self.max_tokens, "context": self.context}
        said = {field: number for field, number in given.items() if number is not None}
        return Route(name=self.name, price=self.price or FREE, deadline=self.deadline, limits=self.limits, **said)


class Deployed(msgspec.Struct, frozen=True, kw_only=True):
    """An agent with all the files it consists of."""

    agent: Agent
    bundle: Bundle
    file: str  #: of its AGENT.md, for messages
    triggers: tuple[Trigger, ...] = ()
    rehearsal: Document | None = None  #: plain data, with `locate` for messages
    references: tuple[Reference, ...] = ()
    front: Document | None = None  #: the front matter of its AGENT.md, to say where something stands


class Web(msgspec.Struct, frozen=True, kw_only=True):
    """The table [web]: where `deputy up` listens, and under which name others than this machine reach it."""

    host: str = "127.0.0.1"
    port: int = 8787
    expose: bool = False
    public_url: str = ""  #: scheme, host and port; "" where only this machine reaches it
    trusted_proxies: tuple[str, ...] = ()  #: networks whose word for who asks is taken


class Oidc(msgspec.Struct, frozen=True, kw_only=True):
    """The table [auth.oidc]: the provider that says who people are; `client_secret` a reference."""

    issuer: str
    client_id: str
    client_secret: str = ""
    name: str = ""  #: for people
    scopes: tuple[str, ...] = ()
    assume_verified: bool = False  #: whether an address counts as proved where the provider does not say so
    roles_claim: str = ""
    roles: dict[str, tuple[Role, ...]] = {}  #: which roles a value of that claim gives; people.toml gives them if empty


class Auth(msgspec.Struct, frozen=True, kw_only=True):
    """The table [auth]: how people sign in; `links` whether from elsewhere with links alone."""

    links: bool = False
    oidc: Oidc | None = None


class Telemetry(msgspec.Struct, frozen=True, kw_only=True):
    """The table [telemetry]: where traces go, and whether with what was said; `headers` perhaps references."""

    traces: str = ""  #: OTLP over HTTP, up to and with `/v1/traces`
    headers: dict[str, str] = {}
    service: str = "deputy"
    content: bool = False


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the files of a workspace say; `heartbeat` and `lease` in seconds."""

    folder: Path
    name: str
    database: str = "sqlite:.deputy/deputy.db"
    currency: str = "EUR"
    web: Web = Web()
    telemetry: Telemetry = Telemetry()
    auth: Auth = Auth()
    timezone: str = "UTC"  #: of schedules that name none
    self_approval: bool = False
    heartbeat: float = 2.0
    lease: float = 10.0
    models: dict[str, ModelRoute] = {}
    teams: dict[str, float] = {}  #: weights of groups, where models have too little room
    connections: dict[str, Connection] = {}  #: by the prefix of their tools
    directory: Directory = Directory()
    agents: dict[str, Deployed] = {}
    tools: dict[str, str] = {}  #: the text of every tools/**/*.py, by path
    references: tuple[Reference, ...] = ()

    @property
    def mcp(self) -> dict[str, McpServer]:
        """The MCP servers among the connections."""
        return {name: found for name, found in self.connections.items() if isinstance(found, McpServer)}

    @property
    def triggers(self) -> dict[str, Trigger]:
        """Everything that starts runs without a person, by key."""
        return {trigger.key: trigger for deployed in self.agents.values() for trigger in deployed.triggers}

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
