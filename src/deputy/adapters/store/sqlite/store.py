"""The workspace's database on SQLite: WAL, synchronous=FULL, one writing thread and one reading thread a process."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from deputy.adapters.store.sqlite import reading
from deputy.adapters.store.sqlite.access import SqliteAccess
from deputy.adapters.store.sqlite.arrivals import SqliteArrivals, append_note, instant
from deputy.adapters.store.sqlite.commits import Committer, Head, insert_delivery
from deputy.adapters.store.sqlite.connection import Database, open_database, statement, translated
from deputy.adapters.store.sqlite.leases import LEASE, Leases
from deputy.adapters.store.sqlite.thread import Thread
from deputy.adapters.store.sqlite.waits import SqliteWaits
from deputy.base.canonical import canonical
from deputy.base.clock import Clock
from deputy.base.errors import NotFound, StoreError
from deputy.domain.chain import GENESIS, seal_link
from deputy.domain.delivery import Expire, InboxRow, TimerFired
from deputy.domain.principal import SYSTEM
from deputy.ports.store import (
    Account,
    Anchor,
    Blob,
    Commit,
    Delivered,
    Inbound,
    Item,
    Lease,
    Row,
    RunRow,
    Seal,
    Snapshot,
    Taken,
    Timer,
    Worker,
)  # fmt: skip

__all__ = ["SqliteStore"]

T = TypeVar("T")


class SqliteStore:
    """A `Store` in one SQLite file; make it inside a running event loop with `open`."""

    def __init__(self, file: Path, clock: Clock, *, vfs: str | None, boot_id: str, lease: float) -> None:
        self._file, self._vfs, self._clock = file, vfs, clock
        self._database = open_database(file, vfs=vfs)
        self._readable = open_database(file, vfs=vfs)
        self._committer = Committer(self._database, file)
        self._leases = Leases(self._database, file.parent / "workers", boot_id, lease)
        self._watchers: list[Callable[[], None]] = []
        self._version = -1
        self._writer = Thread("deputy-writer", self._write_group, self._look)
        self._reader = Thread("deputy-reader")
        self.arrivals = SqliteArrivals(self._database, self._write, self._read, self._tell)
        self.access = SqliteAccess(self._database, self._write, self._read)
        self.waits = SqliteWaits(self._read)

    @classmethod
    def open(cls, file: Path, clock: Clock, *, vfs: str | None = None, lease: float = LEASE) -> SqliteStore:
        """Open the database, making or migrating it where needed; raises StoreError. `lease` is in seconds."""
        boot = Path("/proc/sys/kernel/random/boot_id")
        boot_id = boot.read_text().strip() if boot.exists() else ""
        return cls(file, clock, vfs=vfs, boot_id=boot_id, lease=lease)

    async def close(self) -> None:
        """Finish what was submitted and let go of the database."""
        await self._reader.close()
        await self._writer.close()
        self._leases.unlock_all()
        self._readable.close()
        self._database.close()

    # -- the two threads

    def _write_group(self, commits: Sequence[object]) -> Sequence[BaseException | None]:
        return self._committer.write(cast("Sequence[Commit]", commits))

    async def _write(self, work: Callable[[], T], done: Callable[[T], None] = lambda _: None) -> T:
        def transaction() -> T:
            with translated(self._file, self._database):
                self._database.execute("BEGIN IMMEDIATE")
                try:
                    value = work()
                    self._database.execute("COMMIT")
                except BaseException:
                    if self._database.in_transaction:
                        self._database.execute("ROLLBACK")
                    raise
            done(value)
            return value

        return await self._writer.call(transaction)

    async def _ask(self, work: Callable[[], T]) -> T:
        def ask() -> T:
            with translated(self._file, self._database):
                return work()

        return await self._writer.call(ask)

    async def _read(self, work: Callable[[Database], T]) -> T:
        def transaction() -> T:
            with translated(self._file):
                self._readable.execute("BEGIN")
                try:
                    return work(self._readable)
                finally:
                    self._readable.execute("COMMIT")

        return await self._reader.call(transaction)

    def _look(self) -> None:
        """Notice, in the writer's idle moments, that another process has changed the database."""
        if self._watchers:
            with suppress(StoreError, RuntimeError):  # the next write meets the same; a closed loop watches nothing
                with translated(self._file):
                    version: int = self._database.pragma("data_version")
                if version != self._version:
                    self._version = version
                    self._tell()

    def _tell(self) -> None:
        for changed in list(self._watchers):
            self._writer.loop.call_soon_threadsafe(changed)

    # -- writing

    async def commit(self, commit: Commit) -> None:
        """Apply all of it, durably, or raise CommitRefused and apply nothing."""
        await self._writer.add(commit)
        if self._watchers and (commit.deliveries or commit.children or commit.arrivals or commit.state is not None):
            self._tell()

    async def note(self, body_of: Callable[[int, bytes], Row], freeze: tuple[str, bool] | None = None) -> None:
        """Append to the workspace's own journal; `body_of` gets seq and last link. Freezes or thaws in the same go."""

        def work() -> None:
            append_note(self._database, body_of)
            if freeze is not None:
                self._database.execute(statement("freeze" if freeze[1] else "thaw"), (freeze[0],))
                if not freeze[1]:
                    self._database.execute(statement("wake_waiting"), ("frozen",))

        await self._write(work)
        self._tell()

    async def deliver(self, row: InboxRow) -> Delivered:
        """Insert a row unless its id exists, and make its run ready if it waits; durable on return."""

        def work() -> Delivered:
            fresh = insert_delivery(self._database, row)
            found = self._database.execute(statement("delivery"), (row.id,)).fetchone()
            if found is None:
                raise NotFound(f"there is no run {row.run}")
            return Delivered(fresh, found[0], reading.moment(found[1]), found[2])

        delivered = await self._write(work)
        self._tell()
        return delivered

    async def wake(self, word: str) -> None:
        """Make the runs ready that wait for what this word names (their summary)."""
        await self._write(lambda: self._database.execute(statement("wake_waiting"), (word,)) and None)
        self._tell()

    async def put_blob(self, blob: Blob) -> None:
        """Keep a blob; one that exists is left as it is."""
        values = (bytes.fromhex(blob.digest), blob.body)
        await self._write(lambda: self._database.execute(statement("insert_blobs"), values) and None)

    async def fire(self, now: datetime) -> datetime | None:
        """Turn due timers and expired items into inbox rows; returns when the next is due."""
        text = instant(now)

        def work() -> tuple[int, str | None]:
            execute = self._database.execute
            timers = execute(statement("due_timers"), (text,)).fetchall()
            items = execute(statement("due_items"), (text,)).fetchall()
            rows = [_row(f"timer:{run}:{timer}", run, now, TimerFired(timer)) for run, timer in timers]
            rows += [_row(f"answer:{item}", run, now, Expire(item)) for run, item in items]
            fresh = sum([insert_delivery(self._database, row) for row in rows])
            if timers:
                execute(statement("delete_due_timers"), (text,))
            return fresh, execute(statement("next_due")).get

        due = await self._read(lambda r: r.execute(statement("next_due")).get)
        if due is None or due > text:
            return None if due is None else reading.moment(due)
        fresh, due = await self._write(work)
        if fresh:
            self._tell()
        return None if due is None else reading.moment(due)

    # -- workers and leases

    async def join(self, kind: str) -> Lease:
        """Register this process as a worker and hold its file lock until `leave`."""
        worker = uuid.uuid4().hex[:12]  # noqa: TID251 - names a process, decides nothing
        return await self._write(lambda: self._leases.join(worker, kind, self._clock.boot()))

    async def beat(self, lease: Lease) -> float:
        """Renew; returns the time (seconds on the boot clock) until which the lease holds. Raises LeaseLost."""
        now = self._clock.boot()
        await self._write(lambda: self._leases.beat(lease, now))
        return now + self._leases.lease

    async def leave(self, lease: Lease) -> None:
        """Give back every run and unregister."""
        await self._write(lambda: self._leases.leave(lease))
        self._tell()

    async def reap(self) -> int:
        """End the leases of workers that are dead or silent for too long; returns how many runs became claimable."""
        now = self._clock.boot()
        lost = await self._ask(lambda: self._leases.lost(now))
        released = sum([await self._write(lambda w=worker: self._leases.reap(w, now)) for worker in lost])
        if released:
            self._tell()
        return released

    async def workers(self) -> Sequence[Worker]:
        """All registered workers."""
        now = self._clock.boot()
        return await self._ask(lambda: self._leases.workers(now))

    async def claim(self, lease: Lease, most: int, only: Sequence[str] = ()) -> Sequence[Taken]:
        """Take ready runs, oldest first; `only`: among these and their descendants."""
        names, heads = canonical(list(only)).decode(), list[Head]()

        def work() -> list[Taken]:
            execute = self._database.execute
            if execute(statement("epoch_of"), (lease.worker,)).get != lease.epoch:
                self._leases.beat(lease, self._clock.boot())  # says what is wrong
            found = (
                execute(statement("claimable_among"), (names, most)).fetchall()
                if only
                else execute(statement("claimable"), (most,)).fetchall()
            )
            taken: list[Taken] = []
            for (key,) in found:
                execute(statement("own"), (lease.worker, lease.epoch, key))
                taken.append(reading.taken(self._database, key))
                heads.append(Head(key, taken[-1].run.seq, taken[-1].run.link))
            return taken

        def own(taken: list[Taken]) -> None:
            for one, head in zip(taken, heads, strict=True):
                self._committer.own(one.run.id, head, lease)

        if not only and not await self._read(lambda r: self._may_claim(r, lease)):
            return ()
        return await self._write(work, own)

    @staticmethod
    def _may_claim(reader: Database, lease: Lease) -> bool:
        """Whether there is anything to write: a run to claim, or a lease to find lost."""
        held = reader.execute(statement("epoch_of"), (lease.worker,)).get == lease.epoch
        return not held or reader.execute(statement("claimable"), (1,)).get is not None

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call back, in the event loop, soon after any process changed the database; returns how to stop."""
        self._watchers.append(changed)
        return lambda: self._watchers.remove(changed)

    # -- reading

    async def inbound(self, run: str) -> Sequence[Inbound]:
        """The pending rows of a run, in order."""
        return await self._read(lambda r: reading.inbound(r, run))

    async def mail(self, lease: Lease) -> dict[str, list[Inbound]]:
        """The pending rows of all runs that a lease holds, in order, by run."""
        found: dict[str, list[Inbound]] = {}
        for run, position, name, by, at, body in await self._rows("mail", (lease.worker,)):
            found.setdefault(run, []).append(Inbound(position, name, by, reading.moment(at), body))
        return found

    async def run(self, run: str) -> RunRow | None:
        """One run."""
        return await self._read(lambda r: reading.run(r, run))

    async def runs(
        self, *, states: Sequence[str] = (), parent: str = "", root: str = "", most: int = 0
    ) -> Sequence[RunRow]:
        """Runs, newest first; `most` 0 is all."""
        values = (canonical(list(states)).decode(), parent, root, most or -1)
        return await self._read(
            lambda r: [reading.run_by_key(r, key) for (key,) in r.execute(statement("runs_newest"), values).fetchall()]
        )

    async def matching(self, kind: Literal["run", "item"], text: str) -> Sequence[str]:
        """Ids that are this text, or else end with it (at most a few)."""
        if kind == "run":
            return await self._read(lambda r: reading.runs_ending_in(r, text))
        found = [row[0] for row in await self._rows("items_ending_in", (text,))]
        return [text] if text in found else found

    async def _rows(self, name: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        return await self._read(lambda r: r.execute(statement(name), values).fetchall())

    async def rows(self, run: str, after: int = 0, most: int = 0) -> Sequence[Row]:
        """The stored events of a run with a seq above `after` (seq counts from 1); `most` 0 is all."""
        return await self._read(lambda r: reading.rows(r, run, after, most or -1))

    async def blobs(self, digests: Sequence[str]) -> dict[str, bytes]:
        """These blobs, those that exist."""
        names = canonical(list(digests)).decode()
        return {name.hex(): body for name, body in await self._rows("blobs_named", (names,))}

    async def items(self, run: str = "") -> Sequence[Item]:
        """What waits for people, oldest first."""
        if run:
            return await self._read(lambda r: reading.items_of(r, run))
        return [reading.item(values) for values in await self._rows("items", ())]

    async def item(self, item: str) -> Item | None:
        """One of them."""
        found = await self._rows("item", (item,))
        return reading.item(found[0]) if found else None

    async def answer_of(self, item: str) -> Delivered | None:
        """Who answered an item, and what."""
        found = await self._rows("delivery", (f"answer:{item}",))
        return Delivered(False, found[0][0], reading.moment(found[0][1]), found[0][2]) if found else None

    async def timers(self, run: str) -> Sequence[Timer]:
        """The timers a run has set and not seen fire."""
        return [Timer(name, reading.moment(due)) for name, due in await self._rows("timers_of", (run,))]

    async def account(self, name: str) -> Account:
        """One account; empty if nothing was ever booked."""
        found = await self._rows("account", (name,))
        return reading.account((name, *found[0][:9])) if found else Account(name, reading.NOTHING, reading.NOTHING)

    async def accounts(self) -> Sequence[Account]:
        """The whole ledger."""
        return [reading.account(values) for values in await self._rows("accounts", ())]

    async def frozen(self) -> Sequence[str]:
        """Names of frozen agents; `*` is the whole workspace."""
        return [row[0] for row in await self._rows("frozen", ())]

    # -- seals

    async def seal(self, now: datetime) -> bool:
        """Chain the heads of the journals that changed since the last seal, if any did; keep its anchor in a file."""

        def work() -> tuple[bool, Anchor | None]:
            execute = self._database.execute
            n, upto, before = execute(statement("last_seal")).fetchone() or (0, 0, GENESIS)
            heads = execute(statement("heads_since"), (upto,)).fetchall()
            if heads:
                n += 1
                named = [[run, seq, link] for run, seq, link, _ in heads]
                body = canonical({"at": instant(now), "heads": named, "n": n})
                before = seal_link(before, n, body)
                execute(statement("insert_seal"), (n, instant(now), heads[-1][3], body, before))
            return bool(heads), reading.next_anchor(self._database, self._file, Anchor(n, before))

        sealed, anchor = await self._write(work)
        if anchor is not None:
            await asyncio.to_thread(reading.keep_anchor, self._file, anchor)
        return sealed

    async def seals(self, after: int = 0) -> Sequence[Seal]:
        """The chain of seals."""
        rows = await self._rows("seals_after", (after,))
        return [Seal(n, reading.moment(at), body, link) for n, at, body, link in rows]

    async def check(self) -> Sequence[str]:
        """What the database itself finds wrong with its files and tables, a sentence each."""
        return await self._read(reading.check)

    def snapshot(self) -> AbstractAsyncContextManager[Snapshot]:
        """Read everything as it is now; nothing is written."""
        return reading.snapshot(self._file, self._vfs)


def _row(name: str, run: str, now: datetime, delivery: Expire | TimerFired) -> InboxRow:
    return InboxRow(id=name, run=run, by=SYSTEM, at=now, delivery=delivery)
