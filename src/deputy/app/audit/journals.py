"""Read one journal after another: its links, its events, the contents they name, the inbox rows they came of."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from deputy.app.audit.report import Findings, Place, short
from deputy.app.audit.stored import UNREADABLE, Marks, StoredInbound, StoredRun, names
from deputy.app.audit.told import SENSELESS, Arrived, Told, arrived
from deputy.base.canonical import digest
from deputy.domain.chain import GENESIS, link
from deputy.domain.delivery import delivery_from
from deputy.domain.event import Event, ModelIntent, Started, Workspace, event_from
from deputy.domain.stow import blobs_of
from deputy.ports.store import Snapshot

__all__ = ["Chain", "Journals"]

PAGE_EVENTS, PAGE_BYTES = 200, 1 << 20  #: how much of a journal is in memory beside its fold
MOST_LINKS = 5  #: findings about links that one run makes; a run under another id would make one for every event
MOST_VERSIONS = 10_000  #: versions of agents that are remembered as looked up
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Chain:
    """Follows the links of one run's events."""

    def __init__(self, run: str, findings: Findings, *, by_line: bool = False) -> None:
        self.run, self.seq, self.link = run, 0, GENESIS
        self._findings, self._position, self._broken = findings, 0, 0

    def follow(self, position: int, seq: int, event_link: bytes, body: bytes) -> None:
        """Take in the next event, by seq."""
        place = Place(run=self.run, seq=seq)
        if seq == self.seq + 1:
            if event_link != link(self.link, self.run, seq, body):
                self._broken += 1
                message = (
                    f"Event {seq} of run {self.run} is not what was linked: its bytes, its place or the link before"
                    " was changed."
                )
                if self._broken <= MOST_LINKS:
                    self._findings.add("link", place, message)
                else:
                    self._findings.more += 1
        elif seq <= self.seq:
            self._findings.add("order", place, f"Event {seq} of run {self.run} is there more than once.")
        else:
            gap = f"event {self.seq + 1}" if seq == self.seq + 2 else f"events {self.seq + 1} to {seq - 1}"
            place = Place(run=self.run, seq=self.seq + 1)
            self._findings.add("dropped", place, f"Run {self.run} has lost {gap}.")
        if position <= self._position:
            message = f"Event {seq} of run {self.run} lies before the one it follows."
            self._findings.add("order", place, message)
        self.seq, self.link, self._position = seq, event_link, position


class _Stored(NamedTuple):
    seq: int
    body: bytes


class _Reading:
    """One run on its way through."""

    def __init__(self, run: str) -> None:
        self.bodies: dict[str, bytes] = {}
        self.told = Told(run, self.bodies.__getitem__)
        self.sound = True
        self.position = 0  # of the inbox row that was taken last


class Journals:
    """The journals of a snapshot; remembers which blobs and inbox rows they name."""

    def __init__(self, snapshot: Snapshot, findings: Findings) -> None:
        self._snapshot, self._findings = snapshot, findings
        self.blobs, self.taken = Marks(), Marks()
        self._versions: set[str] = set()

    async def read(self, row: StoredRun) -> tuple[Told, bool]:
        """What a run's journal tells, and whether all of it could be read."""
        chain, reading = Chain(row.id, self._findings), _Reading(row.id)
        page: list[_Stored] = []
        size = 0
        async for position, seq, event_link, body in self._snapshot.rows("events", row.key):
            self._findings.events += 1
            chain.follow(position, seq, event_link, body)
            page.append(_Stored(seq, body))
            size += len(body)
            if len(page) >= PAGE_EVENTS or size >= PAGE_BYTES:
                await self._take(row, reading, page)
                page, size = [], 0
        await self._take(row, reading, page)
        if not chain.seq:
            place = Place(run=row.id, table="journal")
            self._findings.add("dropped", place, f"Run {row.id} has no events.")
            reading.sound = False
        await self._look_up_version(row)
        return reading.told, reading.sound and reading.told.run.started is not None

    async def read_workspace(self, row: StoredRun) -> tuple[set[str], set[str]]:
        """The workspace's own journal: who is frozen by it, and who ever was."""
        chain = Chain(row.id, self._findings)
        frozen, ever = set[str](), set[str]()
        async for position, seq, event_link, body in self._snapshot.rows("events", row.key):
            self._findings.events += 1
            chain.follow(position, seq, event_link, body)
            event = self._event(row.id, _Stored(seq, body))
            if not isinstance(event, Workspace):
                if event is not None:
                    message = f"Event {seq} of the workspace's own journal belongs to a run."
                    self._findings.add("event", Place(run=row.id, seq=seq), message)
                continue
            if event.what in ("frozen", "paused"):
                frozen.add(event.subject)
                ever.add(event.subject)
            elif event.what in ("thawed", "resumed"):
                frozen.discard(event.subject)
            elif event.what in ("pinned", "accepted") and not await self.keys([event.version]):
                message = f"What people looked at of the tools of {short(event.subject)} is missing."
                self._findings.add("blob", Place(run=row.id, seq=seq, table="blobs", key=event.version), message)
            elif event.what == "deployed" and not await self.keys([event.version]):
                message = f"Version {event.version[:12]} of agent {short(event.subject)} was deployed, and is missing."
                self._findings.add("blob", Place(run=row.id, seq=seq, table="blobs", key=event.version), message)
        return frozen, ever

    # -- events

    async def _take(self, row: StoredRun, reading: _Reading, page: Sequence[_Stored]) -> None:
        events = [(stored.seq, self._event(row.id, stored)) for stored in page]
        bad = await self._load(row, reading, [(seq, event) for seq, event in events if event is not None])
        rows: list[tuple[int, Arrived]] = []
        for seq, event in events:
            if event is None or seq in bad:
                reading.sound = False
            if event is not None and (found := self._fold(row, reading, seq, event)) is not None:
                rows.append((seq, found))
        await self._look_up_rows(row, reading, rows)

    def _event(self, run: str, stored: _Stored) -> Event | None:
        try:
            return event_from(stored.body)
        except UNREADABLE as exc:
            message = f"Event {stored.seq} of run {run} cannot be read: {short(str(exc))}."
            self._findings.add("event", Place(run=run, seq=stored.seq), message)
            return None

    def _fold(self, row: StoredRun, reading: _Reading, seq: int, event: Event) -> Arrived | None:
        try:
            if reading.sound:
                return reading.told.take(event)
            return arrived(event, reading.bodies.__getitem__)
        except SENSELESS as exc:
            if reading.sound:
                why = str(exc) if type(exc).__module__ == Told.__module__ else f"contradicts what came before ({exc!r})"
                place = Place(run=row.id, seq=seq)
                self._findings.add("event", place, f"Event {seq} of run {row.id} {why}.")
            reading.sound = False
            return None

    # -- what events name

    async def _load(self, row: StoredRun, reading: _Reading, events: Sequence[tuple[int, Event]]) -> set[int]:
        """Have the contents that these events name at hand; the events whose contents cannot be had."""
        named = {seq: blobs_of(event) for seq, event in events}
        offered = {event.offered for _, event in events if isinstance(event, ModelIntent) and event.offered}
        for seq, event in events:
            if isinstance(event, Started) and event.occasion is not None:
                files = [file.digest for file in event.occasion.files]
                named[seq] += files
                offered.update(files)
        wanted = {name for of in named.values() for name in of} - offered
        reading.bodies.clear()
        there = await self.keys(sorted(offered)) if offered else set[str]()
        if wanted:
            async for key, name, body in self._snapshot.rows("blobs_named", names(sorted(wanted))):
                self.blobs.add(key)
                there.add(name.hex())
                if digest(body) == name.hex():
                    reading.bodies[name.hex()] = body
        bad: set[int] = set()
        for seq, of in named.items():
            for name in of:
                if name not in there:
                    place = Place(run=row.id, seq=seq, table="blobs", key=name)
                    message = f"Event {seq} of run {row.id} names blob {name[:12]}, which is missing."
                    self._findings.add("blob", place, message)
                if name not in reading.bodies and name not in offered:
                    bad.add(seq)
        return bad

    async def keys(self, digests: list[str]) -> set[str]:
        """Which of these blobs are there; they count as named."""
        found: set[str] = set()
        async for key, name in self._snapshot.rows("blob_keys", names(digests)):
            self.blobs.add(key)
            found.add(name.hex())
        return found

    async def _look_up_version(self, row: StoredRun) -> None:
        if row.version in self._versions or not _SHA256.fullmatch(row.version):
            return
        if len(self._versions) < MOST_VERSIONS:
            self._versions.add(row.version)
        if not await self.keys([row.version]):
            message = f"The files of version {row.version[:12]} of agent {short(row.agent)} are not in the database."
            self._findings.note("blob", Place(run=row.id, table="blobs", key=row.version), message)

    async def _look_up_rows(self, row: StoredRun, reading: _Reading, rows: Sequence[tuple[int, Arrived]]) -> None:
        wanted = sorted({found.row for _, found in rows})
        there: dict[str, StoredInbound] = {}
        if wanted:
            async for values in self._snapshot.rows("inbox_named", names(wanted)):
                there[values[1]] = StoredInbound(*values)
        for seq, found in rows:
            stored = there.get(found.row)
            wrong = "is not there" if stored is None else self._other(row, reading, found, stored)
            if wrong:
                place = Place(run=row.id, seq=seq, table="inbox", key=found.row)
                message = f"Event {seq} of run {row.id} came of inbox row {short(found.row)}, which {wrong}."
                self._findings.add("inbox", place, message)

    def _other(self, row: StoredRun, reading: _Reading, found: Arrived, stored: StoredInbound) -> str:
        """How an inbox row is not the one that an event came of, as the end of a sentence."""
        twice = stored.position in self.taken
        self.taken.add(stored.position)
        before, reading.position = reading.position, stored.position
        if twice:
            return "served an earlier event"
        if stored.run != row.id:
            return f"was sent to {short(stored.run)}"
        if stored.sender != found.by:
            return f"was sent by {short(stored.sender)}, not {short(found.by)}"
        if not stored.taken:
            return "counts as not taken"
        if stored.position <= before:
            return "arrived before the one that was taken before it"
        try:
            if found.delivery is None or delivery_from(stored.body) == found.delivery:
                return ""
        except UNREADABLE:
            pass
        return "holds something else"
