"""Examine a workspace as a whole: files, database, tools, mandates, people and workers; changes nothing."""

import shutil
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

from deputy.adapters import telemetry
from deputy.adapters.tool.files import FILES
from deputy.adapters.tool.function import FunctionTools
from deputy.adapters.tool.source import load_functions, load_module
from deputy.app.bootstrap import Office, database_file, office
from deputy.app.config import Connection, Deployed, Server, Settings, find_workspace, load
from deputy.app.config.document import did_you_mean
from deputy.app.config.settings import REHEARSAL
from deputy.app.hosts import Examined, Host, Means, host_for
from deputy.app.pins import Manifest, changes_of
from deputy.app.policy_check import at_the_limit, would_answer
from deputy.app.providing import sign_in_examined
from deputy.app.routes import understood
from deputy.app.secrets import Secrets, known_secrets, needed
from deputy.app.triggers import examined
from deputy.base.clock import Clock, SystemClock
from deputy.base.errors import DeputyError, StoreError, UsageError
from deputy.domain.agent import Agent, Grant, grant_for
from deputy.domain.builtin import BUILT_IN
from deputy.domain.effect import ToolSpec
from deputy.domain.verdict import Deny
from deputy.kernel.policy import Policy

__all__ = ["Finding", "examine", "finding_view"]

Level = Literal["ok", "warning", "error"]
LITTLE, TOO_LITTLE = 1_000_000_000, 100_000_000  #: bytes free on the disk


class Finding(NamedTuple):
    """What one check found."""

    check: str
    level: Level
    message: str
    remedy: str = ""


Doing = Callable[[str], None]  #: told what is being examined


def finding_view(finding: Finding) -> dict[str, Any]:
    """A finding as `deputy doctor --json` prints it."""
    return {"check": finding.check, "ok": finding.level != "error", "level": finding.level,
            "message": finding.message, "remedy": finding.remedy}  # fmt: skip


async def examine(workspace: str | None, doing: Doing = lambda _: None) -> AsyncGenerator[Finding]:
    """Everything that is right or wrong with a workspace, as it is found."""
    doing("the workspace's files")
    try:
        settings = load(find_workspace(None, workspace))
    except UsageError as exc:
        yield Finding("files", "error", exc.message, exc.remedy)
        return
    agents, people = len(settings.agents), len(settings.directory.people)
    yield Finding("files", "ok", f"{_count(agents, 'agent')} and {_count(people, 'person', 'people')} are declared.")
    for finding in (*_disk(settings), *_secrets(settings), *_models(settings), *_telemetry(settings)):
        yield finding
    doing("the database")
    pinned: Mapping[str, Manifest] = {}
    try:
        async with office(workspace) as opened:
            async for finding in _database(opened):
                yield finding
            async for level, message, remedy in examined(opened):
                yield Finding("triggers", level, message, remedy)
            doing("sign-in")
            async for level, message, remedy in sign_in_examined(opened):
                yield Finding("sign-in", level, message, remedy)
            pinned = await opened.versions.pins.manifests()
    except (StoreError, UsageError) as exc:
        yield Finding("database", "error", _sentence(exc.message), exc.remedy)
    tools = Tools(settings)
    tools.pinned = pinned
    try:
        async for finding in tools.findings(doing):
            yield finding
    finally:
        await tools.close()
    for finding in (*_grants(settings, tools), *_asks(settings, tools), *_proofs(settings, tools)):
        yield finding


# -- files


def _disk(settings: Settings) -> Iterator[Finding]:
    try:
        free = shutil.disk_usage(settings.folder).free
    except OSError as exc:
        yield Finding("disk", "error", f"The disk cannot be asked for its space: {exc.strerror}.", "Check the disk.")
        return
    level: Level = "error" if free < TOO_LITTLE else "warning" if free < LITTLE else "ok"
    remedy = "" if level == "ok" else "Free some; runs wait while the database cannot be written."
    yield Finding("disk", level, f"{free / 1e9:.1f} GB are free where the workspace lies.", remedy)


def _secrets(settings: Settings) -> Iterator[Finding]:
    references = tuple(needed(settings))
    secrets = Secrets(settings.folder, lambda: references)
    wrong = dict(secrets.kept.problems())
    for message, remedy in wrong.items():
        yield Finding("secrets", "error", message, remedy)
    for name in dict.fromkeys(reference.secret for reference in references):
        try:
            secrets.lend(name)
        except UsageError as exc:
            if exc.message not in wrong:
                yield Finding("secrets", "error", exc.message, exc.remedy)
        else:
            yield Finding("secrets", "ok", f"`{name}` is set.")
    for known in known_secrets(settings, secrets):
        if not known.used_by and not known.problem:
            message = f"Nothing refers to `secret:{known.name}`."
            yield Finding("secrets", "warning", message, f"If nobody needs it: `deputy secret remove {known.name}`.")


def _models(settings: Settings) -> Iterator[Finding]:
    """What can be said of models without asking them."""
    for route in settings.models.values():
        if route.provider == REHEARSAL:
            continue
        found = understood(route, settings.currency)
        if found.unusable:
            message, _, remedy = f"`{route.name}`: {found.unusable}".rpartition(". ")
            yield Finding("models", "error", f"{message}.", remedy)
        elif found.known.model is None:
            message = f"`{route.name}`: nothing is known of a model {route.model!r}; it gets careful defaults."
            yield Finding("models", "warning", message, f"See what it can do with `deputy doctor model {route.name}`.")
        else:
            yield Finding("models", "ok", f"`{route.name}` is known; `deputy doctor model {route.name}` asks it.")


def _telemetry(settings: Settings) -> Iterator[Finding]:
    """Whether traces can be told, where they are to be."""
    where = settings.telemetry.traces
    if where and not telemetry.installed():
        message = "Traces are to be told, and the libraries for it are not installed."
        yield Finding("telemetry", "error", message, "Run `pip install 'deputy[otel]'`, or remove [telemetry].")
    elif where:
        yield Finding("telemetry", "ok", f"`deputy up` tells traces to {where}.")


# -- database


async def _database(opened: Office) -> AsyncGenerator[Finding]:
    wrong = await opened.store.check()
    for message in wrong[:10]:
        yield Finding("database", "error", _sentence(message), "Run `deputy audit verify`, then restore a backup.")
    await opened.store.wake("doctor")  # wakes nothing, but has to be written
    runs = await opened.store.runs()
    if not wrong:
        file = database_file(opened.settings).name
        yield Finding("database", "ok", f"`{file}` is intact and can be written; it holds {_count(len(runs), 'run')}.")
    workers = await opened.store.workers()
    live = sum(worker.alive and worker.kind == "worker" for worker in workers)
    ready = sum(run.state == "ready" for run in runs)
    if ready and not live:
        message = f"{_count(ready, 'run is', 'runs are')} ready to go on, and no worker is running."
        yield Finding("workers", "warning", message, "Start one with `deputy worker`.")
    else:
        yield Finding("workers", "ok", f"{_count(live, 'worker is', 'workers are')} running.")
    for worker in workers:
        if not worker.alive:
            message = f"Worker {worker.id} (process {worker.pid}) is gone without leaving."
            yield Finding("workers", "warning", message, "The next worker takes over what it had.")
    locks = database_file(opened.settings).parent / "workers"
    stale = {file.stem for file in locks.glob("*.lock")} - {worker.id for worker in workers}
    if stale:
        message = f"{_count(len(stale), 'lock file belongs', 'lock files belong')} to no worker."
        yield Finding("workers", "warning", message, f"Delete {', '.join(f'{s}.lock' for s in sorted(stale)[:5])}.")
    for name in await opened.store.frozen():
        if "/" in name:
            agent, _, which = name.partition("/")
            remedy = f"`deputy trigger resume {agent} {which}` lets it go on."
            yield Finding("triggers", "warning", f"The trigger {name} is paused.", remedy)
            continue
        what, command = ("Everything is", "deputy thaw") if name == "*" else (f"{name} is", f"deputy thaw {name}")
        yield Finding("frozen", "warning", f"{what} frozen.", f"`{command}` lets it go on.")


# -- tools


class Tools:
    """Every tool of the workspace, as its host lists it."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.settings, self._clock = settings, clock or SystemClock()
        self.specs: dict[str, ToolSpec] = {**BUILT_IN, **{spec.name: spec for spec in FILES}}
        self.silent: set[str] = set()  #: servers whose tools are not known
        self.pinned: Mapping[str, Manifest] = {}  #: what people last looked at, by server
        self.functions_fail = False
        self._hosts: list[Host] = []
        self._lend = Secrets(settings.folder, lambda: settings.references).lend

    async def close(self) -> None:
        """End every server."""
        for host in self._hosts:
            await host.close()

    async def findings(self, doing: Doing) -> AsyncGenerator[Finding]:
        """List all tools, and what is wrong with them."""
        for connection in self.settings.connections.values():
            doing(f"the connection {connection.name}")
            async for finding in self._listed(connection):
                yield finding
        doing("the functions")
        async for finding in self._functions():
            yield finding
        for spec in self.specs.values():
            for finding in _declared(spec, self.specs):
                yield finding

    async def _listed(self, connection: Connection) -> AsyncGenerator[Finding]:
        check = connection.title
        means = Means(self.settings.folder, self._clock, self._lend, patience=15.0)
        try:
            host = host_for(connection, means)
            self._hosts.append(host)
            specs = await host.catalogue()
            worrying = [entry async for entry in host.examine()] if isinstance(host, Examined) else []
        except DeputyError as exc:
            self.silent.add(connection.name)
            yield Finding(check, "error", _sentence(exc.message), exc.remedy or "Start its command by hand to see why.")
            return
        self.specs |= {spec.name: spec for spec in specs}
        lists = "It starts and lists" if check.startswith(("mcp.", "openapi.")) else "It offers"
        yield Finding(check, "ok", f"{lists} {_count(len(specs), 'tool')}.")
        for problem in host.problems:
            yield Finding(check, "warning", _sentence(problem), "The tool is left out.")
        for change in changes_of(self.pinned.get(connection.name, {}), specs):
            message = f"`{change.tool}` changed since people last looked, and may not be called."
            yield Finding(check, "warning", message, f"`deputy mcp accept {connection.name}` shows how.")
        for message, remedy in worrying:
            yield Finding(check, "warning", _sentence(message), remedy)
        names = [spec.name.removeprefix(f"{connection.name}.") for spec in specs]
        for said in connection.tools if isinstance(connection, Server) else ():
            if not any(_matches(said.pattern, name) for name in names):
                message = f"deputy.toml says how careful to be with `{said.pattern}`, and it has no such tool."
                yield Finding(
                    check, "warning", message, did_you_mean(said.pattern, tuple(names)) or "Correct the name."
                )

    async def _functions(self) -> AsyncGenerator[Finding]:
        try:
            functions = load_functions(self.settings.tools, self.settings.folder)
            host = FunctionTools(functions, clock=self._clock, lend=self._lend)
            specs = await host.catalogue()
            self.specs |= {spec.name: spec for spec in specs}
            if specs:
                yield Finding("functions", "ok", f"tools/ offers {_count(len(specs), 'function')}.")
        except UsageError as exc:
            self.functions_fail = True
            yield Finding("functions", "error", exc.message, exc.remedy)
        procedures = [d for d in self.settings.agents.values() if d.agent.driver == "procedure"]
        wrong = [f for d in procedures for f in _procedure(d, self.settings.folder)]
        for finding in wrong:
            yield finding
        if procedures and not wrong:
            yield Finding("procedures", "ok", f"{_count(len(procedures), 'procedure loads', 'procedures load')}.")

    def knows(self, pattern: str) -> bool:
        """Whether a grant's pattern names a tool, as far as this can be told."""
        if any(_matches(pattern, name) for name in self.specs):
            return True
        literal = pattern.removesuffix("*")
        silent = any(literal.startswith(f"{s}.") or f"{s}.".startswith(literal) for s in self.silent)
        return silent or (self.functions_fail and "." not in literal)


def _procedure(deployed: Deployed, folder: Path) -> Iterator[Finding]:
    path = f"agents/{deployed.agent.name}/procedure.py"
    try:
        module = load_module(deployed.bundle.files, path, folder)
    except UsageError as exc:
        yield Finding("procedures", "error", exc.message, exc.remedy)
        return
    if not callable(getattr(module, "run", None)):
        yield Finding("procedures", "error", f"{path}: There is no `run` in it.", "Write `async def run(task, desk):`.")


def _declared(spec: ToolSpec, specs: Mapping[str, ToolSpec]) -> Iterator[Finding]:
    server, dot, _ = spec.name.rpartition(".")
    if spec.verify:
        reader = specs.get(spec.verify) or specs.get(f"{server}{dot}{spec.verify}")
        if reader is None:
            message = f"`{spec.name}` is verified by `{spec.verify}`, and there is no such tool."
            yield Finding("verify", "error", message, "Correct `verify`, or every doubt waits for a person.")
        elif reader.effect != "read":
            message = f"`{spec.name}` is verified by `{reader.name}`, which is declared `{reader.effect}`."
            yield Finding(
                "verify", "error", message, f'Declare `{reader.name}` with effect = "read", if it only reads.'
            )
    known = cast("Mapping[str, object]", spec.parameters.get("properties") or {})
    for name in spec.authority:
        if name.partition(".")[0].partition("[")[0] not in known:
            message = f"`{spec.name}` has no argument `{name}`, which is declared to carry authority."
            remedy = did_you_mean(name, tuple(known)) or f"It has {', '.join(known) or 'none'}."
            yield Finding("authority", "error", message, remedy)


# -- mandates


def _grants(settings: Settings, tools: Tools) -> Iterator[Finding]:
    granted = [(d, g.pattern) for d in settings.agents.values() for g in d.agent.grants]
    unknown = [(deployed, pattern) for deployed, pattern in granted if not tools.knows(pattern)]
    for deployed, pattern in unknown:
        message = f"{deployed.file}: `{pattern}` names no tool that exists."
        yield Finding("grants", "warning", message, did_you_mean(pattern, tuple(tools.specs)) or "Correct the name.")
    if granted and not unknown:
        message = _count(len(granted), "grant names a tool that exists.", "grants name tools that exist.")
        yield Finding("grants", "ok", message)


def _proofs(settings: Settings, tools: Tools) -> Iterator[Finding]:
    """Whether what agents declare under `done` can be read: by a tool that exists, only reads, and is granted."""
    for deployed in settings.agents.values():
        for check in (*deployed.agent.done, *(check for trigger in deployed.triggers for check in trigger.done)):
            spec, what = tools.specs.get(check.tool), f"{deployed.file}: `done` reads by `{check.tool}`"
            if spec is None and not tools.knows(check.tool):
                yield Finding("done", "error", f"{what}, and there is no such tool.", "Correct the name.")
            elif spec is not None and spec.effect != "read":
                remedy = 'Name a tool that only reads, or declare it effect = "read" if it does.'
                yield Finding("done", "error", f"{what}, which is declared `{spec.effect}`.", remedy)
            elif grant_for(deployed.agent.grants, check.tool) is None:
                yield Finding("done", "error", f"{what}, which is not granted.", "Grant it under `tools`.")


def _asks(settings: Settings, tools: Tools) -> Iterator[Finding]:
    policy = Policy(settings.directory, self_approval=settings.self_approval)
    asking = [(d.agent, g) for d in settings.agents.values() for g in d.agent.grants if g.autonomy == "ask"]
    found = [f for agent, grant in asking for f in _reach(settings, policy, agent, grant, tools)]
    yield from found
    if asking and not found:
        yield Finding("approvers", "ok", "Whatever an agent must ask reaches somebody who may answer.")


def _reach(settings: Settings, policy: Policy, agent: Agent, grant: Grant, tools: Tools) -> Iterator[Finding]:
    """Whether somebody may answer what a grant asks, for everybody an agent can act for."""
    name = next((n for n in tools.specs if _matches(grant.pattern, n)), grant.pattern)
    spec = tools.specs.get(name) or ToolSpec(name=name)
    people = tuple(settings.directory.people)
    most = at_the_limit(agent, name)
    least = {**most, **dict.fromkeys(grant.limit, "0")}
    deaf = [p for p in people if isinstance(would_answer(policy, agent, spec, most, p), Deny)]
    wholly = [p for p in deaf if isinstance(would_answer(policy, agent, spec, least, p), Deny)]
    remedy = "Name other `approvers` in its grant, or give somebody the role, the group or the limit."
    what = f"{agent.name}: `{grant.pattern}` asks, and nobody may answer"
    if wholly and len(wholly) == len(people):
        yield Finding("approvers", "error", f"{what}.", remedy)
    elif wholly:
        yield Finding("approvers", "warning", f"{what} when it acts for {', '.join(wholly)}.", remedy)
    if high := [person for person in deaf if person not in wholly]:
        limits = ", ".join(f"{name} {amount}" for name, amount in most.items())
        yield Finding("approvers", "warning", f"{what} at {limits} when it acts for {', '.join(high)}.", remedy)


# -- words


def _matches(pattern: str, name: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def _count(number: int, one: str, many: str = "") -> str:
    if number == 1:
        return f"1 {one}"
    return f"{number} {many or one + 's'}"


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith(".") else f"{text}."
