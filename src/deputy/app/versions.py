"""Agents' versions: kept as blobs when they are first used, and brought back as a run started on them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

import msgspec

from deputy.adapters.lending import Lending, LentTool
from deputy.adapters.model.rehearsal import RehearsalScript, parse
from deputy.adapters.tool.files import FILES, FilesTools
from deputy.adapters.tool.function import FunctionTools
from deputy.adapters.tool.source import load_functions, load_module
from deputy.adapters.wire.schema import Validator
from deputy.app.config import Connection, Deployed, McpServer, Settings, agent_from_bundle, rehearsal_of
from deputy.app.config.agents import deployed_from_bundle
from deputy.app.deployment import Deployment
from deputy.app.hosts import Host, Means, host_for
from deputy.app.pins import Pins
from deputy.base.clock import Clock
from deputy.base.errors import ConfigError, NotFound, StoreDamaged
from deputy.domain.agent import Agent, Bundle, Grant
from deputy.domain.builtin import BUILT_IN
from deputy.domain.effect import ToolSpec
from deputy.kernel.procedure import Procedure
from deputy.kernel.recovery import Pinned
from deputy.kernel.visit import Catalogue, Check
from deputy.ports.store import Store
from deputy.ports.tool import Tool

__all__ = ["Versions", "compile_schema", "connections_of"]


def compile_schema(parameters: Mapping[str, object]) -> Check:
    """How arguments are checked."""
    return Validator(parameters).problem


def connections_of(grants: tuple[Grant, ...], settings: Settings) -> list[Connection]:
    """The connections that a mandate can reach."""

    def reaches(pattern: str, prefix: str) -> bool:
        if pattern.endswith("*"):
            literal = pattern[:-1]
            return literal.startswith(prefix) or prefix.startswith(literal)
        return pattern.startswith(prefix)

    return [s for s in settings.connections.values() if any(reaches(g.pattern, f"{s.name}.") for g in grants)]


def rendered(args: Mapping[str, object], scene: Mapping[str, object]) -> Mapping[str, object]:
    """Arguments with their templates filled, as in a rehearsal; raises TemplateFault."""
    from deputy.adapters.model.rehearsal.template import Template

    def fill(value: object) -> object:
        if isinstance(value, str):
            return Template(value).value(scene)
        if isinstance(value, dict):
            return {key: fill(member) for key, member in cast("dict[str, object]", value).items()}
        return [fill(member) for member in cast("list[object]", value)] if isinstance(value, list) else value

    return {name: fill(value) for name, value in args.items()}


class Versions:
    """Brings back versions, and hosts their tools; servers are shared by all that use them."""

    def __init__(self, store: Store, clock: Clock, deployment: Deployment, lend: Callable[[str], str]) -> None:
        self._store, self._clock, self._deployment, self._lend = store, clock, deployment, lend
        self._bundles: dict[str, Bundle] = {}
        self._functions: dict[str, LentTool] = {}
        self._connections: dict[str, tuple[Connection, Host]] = {}
        self._pinned: dict[str, Pinned] = {}
        self._declared: dict[str, Agent] = {}
        self._scripts: dict[str, RehearsalScript] = {}
        self._retired: list[Host] = []
        self._past: dict[str, Deployed] = {}
        self.pins = Pins(store, clock)
        self._files = FilesTools(self.folder / ".deputy" / "runs", clock)

    @property
    def folder(self) -> Path:
        """The workspace."""
        return self._deployment.settings.folder

    async def listed(self, connection: Connection) -> Sequence[ToolSpec]:
        """The tools of a connection as its host lists them now; raises DeputyError."""
        return await self._connected(connection).catalogue()

    async def pin(self, name: str, version: str) -> Pinned:
        """The version of an agent; raises ConfigError or NotFound where it cannot be had."""
        settings = self._deployment.settings
        current = settings.agents.get(name)
        bundle = await self._bundle(name, version)
        declared = self._declared.get(version)
        if declared is None:
            declared = self._declared[version] = agent_from_bundle(bundle, settings.models)
        grants = (*declared.grants, *(current.agent.grants if current else ()))
        specs: dict[str, ToolSpec] = {**BUILT_IN, **{spec.name: spec for spec in FILES}}
        for connection in connections_of(grants, settings):
            listed = await self.listed(connection)
            if isinstance(connection, McpServer):
                listed = await self.pins.settled(connection.name, listed)
            specs |= {spec.name: spec for spec in listed}
        specs |= {spec.name: spec for spec in await self._function_tools(version, bundle).catalogue()}
        pinned = self._pinned.get(version)
        if pinned is None or pinned.catalogue.specs != specs:
            procedure = self._procedure(name, bundle) if declared.driver == "procedure" else None
            pinned = self._pinned[version] = Pinned(declared, Catalogue(specs, compile_schema), procedure, rendered)
        return pinned

    async def past(self, name: str, version: str) -> Deployed:
        """A version as its files declare it, whoever and whatever they name is gone meanwhile; raises ConfigError."""
        if version not in self._past:
            bundle = await self._bundle(name, version)
            self._past[version] = deployed_from_bundle(bundle, self._deployment.settings)
        return self._past[version]

    def script(self, _agent: str, version: str) -> RehearsalScript:
        """The scripted replies of a version that was pinned."""
        if version not in self._scripts:
            document = rehearsal_of(self._bundles[version])
            if document is None:
                raise NotFound(f"version {version[:12]} has no rehearsal.yaml", "Write one, or name another model.")
            self._scripts[version] = parse(document.value, file=document.file, line_of=document.locate)
        return self._scripts[version]

    def host(self, version: str, tool: str) -> Tool | None:
        """Where a tool of a version is performed."""
        server, dot, _ = tool.partition(".")
        if dot and server in self._connections:
            return self._connections[server][1]
        return cast("Tool | None", self._files if server == "files" else self._functions.get(version))

    async def close(self) -> None:
        """End every server."""
        for host in (*self._functions.values(), *(h for _, h in self._connections.values()), *self._retired):
            await host.close()

    # -- parts of a version

    async def _bundle(self, name: str, version: str) -> Bundle:
        if version not in self._bundles:
            body = (await self._store.blobs([version])).get(version)
            if body is None:
                raise StoreDamaged(f"the files of version {version[:12]} of agent `{name}` are not in the database")
            self._bundles[version] = msgspec.json.decode(body, type=Bundle)
        return self._bundles[version]

    def _function_tools(self, version: str, bundle: Bundle) -> LentTool:
        if version not in self._functions:
            functions = load_functions(bundle.files, self.folder)
            lending = Lending(self._lend)
            host = FunctionTools(functions, clock=self._clock, lend=lending.lend)
            self._functions[version] = LentTool(host, lending)
        return self._functions[version]

    def _procedure(self, name: str, bundle: Bundle) -> Procedure:
        path = f"agents/{name}/procedure.py"
        run = getattr(load_module(bundle.files, path, self.folder), "run", None)
        if not callable(run):
            raise ConfigError("There is no `run` in it.", "Write `async def run(task, desk):`.", file=path)
        return cast("Procedure", run)

    def _connected(self, connection: Connection) -> Host:
        known = self._connections.get(connection.name)
        if known is not None and known[0] == connection:
            return known[1]
        host = host_for(connection, Means(self.folder, self._clock, self._lend))
        if known is not None:
            self._retired.append(known[1])
        self._connections[connection.name] = (connection, host)
        return host
