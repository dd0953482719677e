"""The composition root: the only place where adapters meet the kernel."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Coroutine
from pathlib import Path
from typing import Any

from deputy.adapters.agent_folder import at_once, held
from deputy.adapters.store.sqlite import SqliteStore
from deputy.adapters.store.sqlite.tally import SqliteTally
from deputy.app.config import Settings, find_workspace, load
from deputy.app.deployment import Deployment
from deputy.app.history import History
from deputy.app.models import Models
from deputy.app.secrets import Secrets
from deputy.app.starting import Endings, Sources
from deputy.app.statistics.keeping import Keeping
from deputy.app.stories import Stories
from deputy.app.tallies import Tallies
from deputy.app.toolbox import Toolbox
from deputy.app.versions import Versions
from deputy.base.clock import Clock, SystemClock
from deputy.base.errors import ConfigError, StoreError, UsageError
from deputy.domain.catalogue import RateLimits
from deputy.domain.chain import link
from deputy.domain.event import Workspace
from deputy.domain.principal import SYSTEM
from deputy.domain.stow import stow
from deputy.kernel.built_in import BuiltIn
from deputy.kernel.execute import Executor
from deputy.kernel.gate import Gate
from deputy.kernel.live import Live
from deputy.kernel.recovery import Recovery
from deputy.kernel.schedule import Worker, WorkerSettings
from deputy.kernel.starter import Starter
from deputy.kernel.turns import Turns
from deputy.kernel.visit import Rules
from deputy.ports.store import Row, Store

UNBOUNDED = RateLimits()

__all__ = ["Office", "database_file", "office"]


class Office:
    """A workspace that is open: its files, its store, and the means to drive its runs."""

    def __init__(self, settings: Settings, store: Store, clock: Clock) -> None:
        self.store, self.clock = store, clock
        self.notices: Callable[[str], None] = lambda _: None  #: told what a person at the terminal should know
        self.crashes: list[tuple[str, BaseException]] = []
        self.jobs: dict[str, object] = {}  #: what was begun in this process for everybody, by its name
        self._beside: set[asyncio.Task[None]] = set()
        self.deployment = Deployment(settings, self._files_changed)
        self.secrets = Secrets(settings.folder, lambda: self.settings.references)
        self.stories = Stories(store)
        self._sources: list[Sources] = []
        self.versions = Versions(store, clock, self.deployment, self.secrets.lend)
        self.live = Live()  #: what models say in this process before it is committed
        self.history = History(store, clock)
        self.tallies = Tallies(store)
        self.toolbox = Toolbox(self.versions, lambda: self.settings, clock, self.beside)
        self.turns = Turns(clock, lambda team: self.settings.teams.get(team, 1.0))
        self._keeping: Keeping | None = None
        self._models = Models(lambda: self.settings, self.secrets.lend, self.versions.script, clock)

    @property
    def settings(self) -> Settings:
        """What the files say now."""
        return self.deployment.settings

    @property
    def keeping(self) -> Keeping:
        """The sums over the journal; their file is opened when somebody first asks."""
        if self._keeping is None:
            self._keeping = Keeping(self.store, SqliteTally(self.settings.folder / ".deputy" / "statistics.db"))
        return self._keeping

    def worker(self, *, kind: str = "worker") -> Worker:
        """A worker for this workspace; `kind` "run" serves one terminal."""
        deployment = self.deployment
        rules = Rules(
            clock=self.clock, policy=deployment.policy, directory=deployment.directory, agent=deployment.agent,
            route=deployment.route, frozen=deployment.frozen, ended=Endings(deployment),
        )  # fmt: skip
        executor = Executor(self.clock, model_for=self._models.of, tool_for=self.versions.host)
        recovery = Recovery(self.store, rules, Gate(executor, BuiltIn(), self.turns, self.live), self.versions.pin)
        settings = WorkerSettings(kind=kind, beat=self.settings.heartbeat)
        worker = Worker(
            self.store, self.clock, recovery, settings, refresh=self.refresh, trouble=self._trouble,
            crashed=self._crashed,
        )  # fmt: skip
        if kind == "worker":
            worker.starter = self.starter()
        return worker

    def starter(self) -> Starter:
        """What starts runs without a person."""
        sources = Sources(self.deployment, self.store, self.clock, tell=self._notice, lend=self.secrets.lend)
        self._sources.append(sources)
        return Starter(self.store, self.clock, sources, self._trouble)

    async def note_creation(self) -> None:
        """Begin the workspace's own journal, if nobody has."""
        if not await self.store.rows("workspace"):
            event = Workspace(at=self.clock.now(), what="created", by=SYSTEM, subject=self.settings.name)
            body, _ = stow(event)
            await self.store.note(lambda seq, last: Row(seq, link(last, "workspace", seq, body), body))

    async def keep_all(self) -> None:
        """Keep every agent's current version: a run may start any of them as its child."""
        for deployed in self.settings.agents.values():
            await self.history.settle(deployed)

    def beside(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Let something go on beside everything else, at most until this closes."""
        task = asyncio.create_task(work)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)
        return task

    async def close(self) -> None:
        """Let go of everything."""
        if self._beside:
            going = set(self._beside)
            for task in going:
                task.cancel()
            await asyncio.wait(going)
        for sources in self._sources:
            await sources.close()
        if self._keeping is not None:
            await self._keeping.tally.close()
        await self.versions.close()
        await self._models.close()
        await self.store.close()

    async def refresh(self) -> None:
        """Take note of what changed: files, and who is frozen."""
        self.deployment.freeze(frozenset(await self.store.frozen()))
        if any(model.limits != UNBOUNDED for model in self.settings.models.values()):
            self.turns.processes = sum(worker.alive for worker in await self.store.workers())
        if self.deployment.changed():
            with at_once(self.settings.folder) as mine:
                if mine:  # else somebody is writing, and the next look finds all of it
                    await self._read_again()

    async def take_over(self) -> None:
        """Let what was just written be in force here."""
        async with held(self.settings.folder, self.clock):
            await self._read_again()

    async def _read_again(self) -> None:
        if self.deployment.refresh():
            await self.keep_all()
            await self.store.wake("frozen")
            await self.store.wake("configuration")

    # -- inside

    def _files_changed(self, wrong: UsageError | None) -> None:
        self._models.forget()
        self.notices("The workspace's files changed." if wrong is None else f"Everything waits: {wrong.message}")

    def _notice(self, text: str) -> None:
        self.notices(text)

    def _trouble(self, exc: StoreError | None) -> None:
        self.notices("The database can be written again." if exc is None else f"{exc.message}. {exc.remedy}")

    def _crashed(self, run: str, exc: BaseException) -> None:
        self.crashes.append((run, exc))
        self.notices(f"Run {run} met a defect of Deputy: {type(exc).__name__}: {exc}")


def database_file(settings: Settings) -> Path:
    """Where the embedded database lies; raises ConfigError for one that is not embedded."""
    kind, _, rest = settings.database.partition(":")
    if kind != "sqlite":
        raise ConfigError(
            "this release keeps its data in SQLite only", 'Write `database = "sqlite:.deputy/deputy.db"`.',
            file="deputy.toml",
        )  # fmt: skip
    return settings.folder / rest


@contextlib.asynccontextmanager
async def office(workspace: str | None = None, clock: Clock | None = None) -> AsyncGenerator[Office]:
    """Open the workspace in this folder (the current one by default); raises UsageError and StoreError."""
    clock = clock or SystemClock()
    folder = find_workspace(None, workspace)
    if (folder / ".deputy").is_dir():
        async with held(folder, clock):  # so that nobody reads half of what is being deployed
            settings = load(folder)
    else:
        settings = load(folder)
    file = database_file(settings)
    home = settings.folder / ".deputy"
    home.mkdir(mode=0o700, exist_ok=True)
    if not (home / ".gitignore").exists():
        (home / ".gitignore").write_text("*\n", "utf-8")
    file.parent.mkdir(parents=True, exist_ok=True)
    opened = Office(settings, SqliteStore.open(file, clock, lease=settings.lease), clock)
    try:
        await opened.note_creation()
        yield opened
    finally:
        await opened.close()
