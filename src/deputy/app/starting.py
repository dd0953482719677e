"""What the starter of runs needs of a workspace: its declarations, its files, and looks at its sources."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from deputy.adapters.folder import File, FolderWatch
from deputy.adapters.tool.files.paths import PathRefused, parts_of
from deputy.adapters.tool.files.placing import place
from deputy.adapters.wire.mail.addresses import domain_of
from deputy.app.config import Connection, Settings
from deputy.app.config.connections.mail import MailConnection
from deputy.app.deployment import Deployment
from deputy.app.history import History
from deputy.app.letters import Listener
from deputy.app.mailboxes import Premises, mailbox_of
from deputy.app.occasions import arrival_of, with_text
from deputy.app.returned import bring_back
from deputy.base.canonical import digest
from deputy.base.clock import Clock
from deputy.base.errors import DeputyError, NotFound, StoreDamaged, StoreError
from deputy.domain.agent import Agent
from deputy.domain.event import Ended
from deputy.domain.label import Label
from deputy.domain.occasion import Attachment, Occasion
from deputy.domain.run import Run
from deputy.domain.trigger import Folder, Mail, RunEnd, Trigger
from deputy.kernel.flow import context_label
from deputy.kernel.starter import Look
from deputy.ports.arrivals import Arrival, Present
from deputy.ports.mailbox import Bounce, effect_named_by
from deputy.ports.store import Store

__all__ = ["Endings", "Sources"]

LONGEST_LOOK = 30.0  #: seconds that a mailbox may take to answer
READABLE = 64 << 10  #: bytes of a text file that a run is shown at once


class Sources:
    """The triggers of a workspace, for the starter."""

    def __init__(
        self, deployment: Deployment, store: Store, clock: Clock, *, tell: Callable[[str], None],
        lend: Callable[[str], str],
    ) -> None:  # fmt: skip
        self._history = History(store, clock)
        self._deployment, self._store, self._clock, self._tell, self._lend = deployment, store, clock, tell, lend
        self._declared: tuple[Settings | None, Mapping[str, Trigger]] = (None, {})
        self._kept: set[str] = set()
        self._listeners: dict[str, tuple[tuple[str, Connection], Listener]] = {}
        self._folders: dict[str, tuple[str, FolderWatch]] = {}
        self._present: dict[str, Present] = {}

    def notice(self, text: str) -> None:
        """Tell whoever watches."""
        self._tell(text)

    def triggers(self) -> Mapping[str, Trigger]:
        """What the files declare, by key."""
        settings = self._deployment.settings
        if self._declared[0] is not settings:
            self._declared = (settings, settings.triggers)
        return self._declared[1]

    async def frozen(self) -> frozenset[str]:
        """Agents that may not act now."""
        return self._deployment.frozen() | frozenset(await self._store.frozen())

    async def agent(self, name: str) -> Agent:
        """The current version of an agent, with its files kept."""
        deployed = self._deployment.settings.agent(name)
        if deployed.agent.version not in self._kept:
            await self._history.keep(deployed)
            self._kept.add(deployed.agent.version)
        return deployed.agent

    async def place(self, run: str, occasion: Occasion) -> None:
        """Put the files of an occasion into the folder of a run that is about to begin."""
        if not occasion.files:
            return
        bodies = await self._store.blobs([file.digest for file in occasion.files])
        if missing := [file.name for file in occasion.files if file.digest not in bodies]:
            raise StoreDamaged(f"what arrived as `{missing[0]}` is not in the database", "Run `deputy audit verify`.")
        files = [(file.name, bodies[file.digest]) for file in occasion.files]
        root = self._deployment.settings.folder / ".deputy" / "runs"
        await asyncio.to_thread(place, root, run, files, occasion.at)

    def polled(self, trigger: Trigger) -> float | None:
        """How often (seconds) to look at a source; None where it comes to us."""
        return trigger.source.every if isinstance(trigger.source, Folder | Mail) else None

    def present(self, trigger: Trigger) -> Present | None:
        """What lay in a folder when it was looked into last; None where that failed, or was not by this process."""
        return self._present.get(trigger.key)

    async def look(self, trigger: Trigger, cursor: str) -> Look:
        """Look at a source."""
        try:
            if isinstance(trigger.source, Mail):
                async with asyncio.timeout(LONGEST_LOOK):
                    return await (await self._listener(trigger, trigger.source)).look(cursor)
            assert isinstance(trigger.source, Folder)
            return await self._look_into(trigger, trigger.source)
        except TimeoutError:
            return Look(wrong=f"no answer within {LONGEST_LOOK:g} seconds")
        except StoreError:
            raise
        except DeputyError as exc:
            return Look(wrong=f"{exc.message}. {exc.remedy}".strip().rstrip("."))

    async def close(self) -> None:
        """Listen to nothing any more."""
        for _, listener in self._listeners.values():
            await listener.close()
        self._listeners.clear()

    async def _listener(self, trigger: Trigger, source: Mail) -> Listener:
        connection = self._deployment.settings.connections.get(source.mailbox)
        if not isinstance(connection, MailConnection):
            raise NotFound(f"there is no mailbox `{source.mailbox}`", "Name a `[mail.NAME]` of deputy.toml.")
        known = self._listeners.get(trigger.key)
        if known is None or known[0] != (trigger.spec, connection):
            if known is not None:
                await known[1].close()
            mailbox = mailbox_of(connection, Premises(self._deployment.settings.folder, self._clock, self._lend))
            came_back = None if connection.channel else self._came_back(domain_of(connection.address))
            listener = Listener(trigger, source, mailbox, self._clock, came_back)
            known = self._listeners[trigger.key] = ((trigger.spec, connection), listener)
        return known[1]

    def _came_back(self, domain: str) -> Callable[[Bounce], Awaitable[None]]:
        """What is done about a letter of ours that came back, where no channel listens to the same mailbox."""

        async def told(back: Bounce) -> None:
            effect = effect_named_by(back.message_id, domain)
            if back.action == "failed" and effect:
                returned = await bring_back(self._store, self._clock, effect, back.why)
                if returned is not None and not returned.told:
                    self._tell(f"A letter of {returned.row.agent} came back; its run {returned.row.id} is over.")

        return told

    async def _look_into(self, trigger: Trigger, source: Folder) -> Look:
        known = self._folders.get(trigger.key)
        if known is None or known[0] != trigger.spec:
            where, _, pattern = source.pattern.rpartition("/")
            watch = FolderWatch(self._deployment.settings.folder / where, pattern, source.most_bytes)
            known = self._folders[trigger.key] = (trigger.spec, watch)
        self._present.pop(trigger.key, None)
        now = self._clock.now()
        glance = await asyncio.to_thread(known[1].look, self._clock.boot(), now.timestamp())
        old = await self._store.arrivals.known(trigger.key, [file.id for file in glance.new])
        self._present[trigger.key] = Present(glance.present, glance.unread)
        folder = Path(source.pattern).parent.as_posix()
        found = [_file_arrival(trigger, folder, file, now) for file in glance.new if file.id not in old]
        return Look(found)


class Endings:
    """Which arrivals come of the end of a run: one for each trigger that waits for it."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._waiting: tuple[Settings | None, Mapping[tuple[str, str], Sequence[Trigger]]] = (None, {})

    def __call__(self, run: Run, ended: Ended) -> Sequence[Arrival]:
        """What is committed together with this end."""
        settings = self._deployment.settings
        if self._waiting[0] is not settings:
            waiting: dict[tuple[str, str], list[Trigger]] = {}
            for trigger in settings.triggers.values():
                if isinstance(trigger.source, RunEnd):
                    for state in trigger.source.states:
                        waiting.setdefault((trigger.source.agent, state), []).append(trigger)
            self._waiting = (settings, waiting)
        assert run.started is not None
        if run.started.trial:
            return ()
        found = self._waiting[1].get((run.started.agent, ended.state), ())
        return [self._arrival(trigger, run, ended) for trigger in found]

    def _arrival(self, trigger: Trigger, run: Run, ended: Ended) -> Arrival:
        label = context_label(run)
        occasion = Occasion(
            kind="run", trigger=trigger.key, id=run.id, at=ended.at, title=f"run {run.id} {ended.state}",
            label=label if label.source else msgspec.structs.replace(label, source=f"run {run.id}"),
        )  # fmt: skip
        said = run.blob(ended.blob).decode() if ended.blob else ended.answer
        occasion, blobs = with_text(occasion, ended.error.message if ended.error and not said else said)
        return arrival_of(occasion, *blobs)


def _file_arrival(trigger: Trigger, folder: str, file: File, now: datetime) -> Arrival:
    shown = "".join(c if c.isprintable() else "?" for c in file.name)
    title = shown if folder == "." else f"{folder}/{shown}"
    label = Label(source=f"file {title}")
    if file.content is None:
        occasion = Occasion(kind="folder", trigger=trigger.key, id=file.id, at=now, title=title, label=label)
        return arrival_of(occasion, skipped=f"it is larger than it may be ({file.size} bytes), or has no proper name")
    kept = Attachment(_safe(shown, file.content), digest(file.content), file.size)
    occasion = Occasion(kind="folder", trigger=trigger.key, id=file.id, at=now, title=title, label=label, files=(kept,))
    blobs = [(kept.digest, file.content)]
    if len(file.content) <= READABLE and (text := _text(file.content)) is not None:
        occasion, more = with_text(occasion, text)
        blobs += more
    return arrival_of(occasion, *blobs)


def _safe(name: str, content: bytes) -> str:
    """A name that a run's folder takes."""
    try:
        return "/".join(parts_of(name))
    except PathRefused:
        return f"file-{digest(content)[:12]}"


def _text(content: bytes) -> str | None:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text
