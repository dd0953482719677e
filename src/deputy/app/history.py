"""Which versions of agents were in force, since when and by whom: a fold over the workspace's own journal.

It is read on from where it was read last, so that asking costs what is new.
"""

from datetime import datetime
from typing import NamedTuple

from deputy.app.config import Deployed
from deputy.base.canonical import canonical
from deputy.base.clock import Clock
from deputy.domain.chain import link
from deputy.domain.event import Workspace, event_from
from deputy.domain.principal import SYSTEM
from deputy.domain.stow import stow
from deputy.ports.store import Blob, Row, Store

__all__ = ["Deployment", "History"]


class Deployment(NamedTuple):
    """A version that came into force."""

    version: str
    at: datetime
    by: str
    detail: str  #: what it widens and narrows, where a person deployed it


class History:
    """The deployments of a workspace's agents."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock, self._read = store, clock, 0
        self._deployed: dict[str, list[Deployment]] = {}

    async def of(self, agent: str) -> list[Deployment]:
        """Everything that was in force, oldest first; the last is what holds."""
        for row in await self._store.rows("workspace", self._read):
            if row.seq <= self._read:
                continue  # somebody else read on meanwhile
            self._read = row.seq
            event = event_from(row.body)
            if isinstance(event, Workspace) and event.what == "deployed":
                found = Deployment(event.version, event.at, event.by, event.detail)
                self._deployed.setdefault(event.subject, []).append(found)
        return list(self._deployed.get(agent, ()))

    async def last(self, agent: str) -> str:
        """The version that was deployed last; "" where none was."""
        found = await self.of(agent)
        return found[-1].version if found else ""

    async def keep(self, deployed: Deployed, by: str = SYSTEM) -> None:
        """Keep the files of a version that is about to be used, and note it, if it never was in force."""
        version = deployed.agent.version
        if all(version != known.version for known in await self.of(deployed.agent.name)):
            await self.note(deployed, by)

    async def settle(self, deployed: Deployed) -> None:
        """Note the version that the files have now, unless it is the one that was noted last."""
        if await self.last(deployed.agent.name) != deployed.agent.version:
            await self.note(deployed, SYSTEM)

    async def note(self, deployed: Deployed, by: str, detail: str = "") -> None:
        """Keep the files of a version under its digest, and note in the workspace's journal that it is in force."""
        agent = deployed.agent
        await self._store.put_blob(Blob(agent.version, canonical(deployed.bundle)))
        event = Workspace(
            at=self._clock.now(), what="deployed", by=by, subject=agent.name, version=agent.version, detail=detail
        )
        body, _ = stow(event)
        await self._store.note(lambda seq, last: Row(seq, link(last, "workspace", seq, body), body))
