"""One process's view of a database in memory; all views of one live in one event loop."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal

from deputy.base.canonical import canonical, digest
from deputy.base.clock import Clock
from deputy.base.errors import LeaseLost, NotFound
from deputy.domain.chain import GENESIS, seal_link
from deputy.domain.delivery import Expire, InboxRow, TimerFired
from deputy.domain.principal import SYSTEM
from deputy.ports.arrivals import NoteBody
from deputy.ports.store import (
    Account,
    Blob,
    Commit,
    Delivered,
    Inbound,
    Item,
    Lease,
    Row,
    RunRow,
    Seal,
    Taken,
    Timer,
    Worker,
)  # fmt: skip
from deputy.testing.memory.access import MemoryAccess
from deputy.testing.memory.arrivals import MemoryArrivals
from deputy.testing.memory.commits import apply, follow
from deputy.testing.memory.tables import WORKSPACE, Ledger, Member, MemoryDatabase, aware
from deputy.testing.memory.waits import MemoryWaits

__all__ = ["MemoryStore"]


class MemoryStore:
    """A `Store` without a file; `MemoryStore`s on one `MemoryDatabase` are to each other what processes are."""

    def __init__(self, clock: Clock, database: MemoryDatabase | None = None, *, lease: float = 10.0) -> None:
        self._clock, self._database, self._lease = clock, database or MemoryDatabase(), lease
        self._open = True
        self.arrivals = MemoryArrivals(lambda: self._db, self._changed, self._append)
        self.access = MemoryAccess(lambda: self._db)
        self.waits = MemoryWaits(lambda: self._db)

    @property
    def _db(self) -> MemoryDatabase:
        if not self._open:
            raise RuntimeError("the store is closed")
        return self._database

    async def close(self) -> None:
        db, self._open = self._database, False
        for member in db.workers.values():
            member.locked = member.locked and member.store is not self
        db.watchers[:] = [watcher for watcher in db.watchers if watcher[0] is not self]

    def _changed(self, *, here: bool = True) -> None:
        loop = asyncio.get_running_loop()
        for store, changed in self._db.watchers:
            if here or store is not self:
                loop.call_soon(changed)

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        watchers, watcher = self._db.watchers, (self, changed)
        watchers.append(watcher)
        return lambda: watchers.remove(watcher) if watcher in watchers else None

    # -- writing

    async def commit(self, commit: Commit) -> None:
        apply(self._db, commit)
        self._changed(here=bool(commit.deliveries or commit.children or commit.arrivals or commit.state is not None))
        await asyncio.sleep(0)

    async def note(self, body_of: Callable[[int, bytes], Row], freeze: tuple[str, bool] | None = None) -> None:
        db = self._db
        self._append(body_of)
        if freeze is not None and freeze[1]:
            db.freezes.add(freeze[0])
        elif freeze is not None:
            db.freezes.discard(freeze[0])
            db.wake("frozen")
        self._changed()

    def _append(self, body_of: NoteBody) -> None:
        db = self._db
        seq, before = db.own.head()
        row = Row(*body_of(seq + 1, before))
        follow(WORKSPACE, (seq, before), [row])
        db.append(db.own, [row])

    async def deliver(self, row: InboxRow) -> Delivered:
        db = self._db
        fresh = db.insert(row)
        if row.id not in db.inbox:
            raise NotFound(f"there is no run {row.run}")
        self._changed()
        found = db.inbox[row.id].row
        return Delivered(fresh, found.by, found.at, found.body)

    async def wake(self, word: str) -> None:
        self._db.wake(word)
        self._changed()

    async def put_blob(self, blob: Blob) -> None:
        self._db.blobs.setdefault(blob.digest, blob.body)

    async def fire(self, now: datetime) -> datetime | None:
        db = self._db
        timers = sorted((due, run, name) for (run, name), due in db.timers.items() if due <= now)
        items = sorted(
            (i.expires, i.id, i.run) for i in db.items.values() if i.expires is not None and i.expires <= now
        )
        rows = [_row(f"timer:{run}:{name}", run, now, TimerFired(name)) for _, run, name in timers]
        rows += [_row(f"answer:{item}", run, now, Expire(item)) for _, item, run in items]
        fresh = sum([db.insert(row) for row in rows])
        for _, run, name in timers:
            del db.timers[run, name]
        if fresh:
            self._changed()
        return db.next_due()

    # -- workers and leases

    async def join(self, kind: str) -> Lease:
        db = self._db
        number = next(db.numbers)
        lease = Lease(f"worker-{number}", 1)
        db.workers[lease.worker] = Member(self, kind, number, self._clock.boot())
        return lease

    async def beat(self, lease: Lease) -> float:
        now = self._clock.boot()
        self._living(lease).beat = now
        return now + self._lease

    def _living(self, lease: Lease) -> Member:
        if not self._db.lives(lease):
            raise LeaseLost(f"worker {lease.worker} was taken for dead; its runs belong to others now")
        return self._db.workers[lease.worker]

    async def leave(self, lease: Lease) -> None:
        db = self._db
        if db.lives(lease):
            db.give_back(lease.worker)
            del db.workers[lease.worker]
        elif lease.worker in db.workers:
            db.workers[lease.worker].locked = False
        self._changed()

    async def reap(self) -> int:
        db, released = self._db, 0
        for name, member in list(db.workers.items()):
            if self._lost(member) and not (member.locked and member.store is self):
                released += db.give_back(name)
                member.epoch += 1
                if not member.locked:
                    del db.workers[name]
        if released:
            self._changed()
        return released

    def _lost(self, member: Member) -> bool:
        return not member.locked or self._clock.boot() - member.beat > self._lease

    async def claim(self, lease: Lease, most: int, only: Sequence[str] = ()) -> Sequence[Taken]:
        self._living(lease)
        among, taken = set(only), list[Taken]()
        for name, run in self._db.runs.items():  # a parent comes before its children
            if run.row.parent in among:
                among.add(name)
            if run.row.state == "ready" and len(taken) < most and (not only or name in among):
                run.row, run.owner = run.row._replace(state="running"), lease
                taken.append(Taken(run.now(), tuple(run.rows), self._db.pending(name)))
        return taken

    async def workers(self) -> Sequence[Worker]:
        found = self._db.workers.items()
        return [Worker(name, m.epoch, m.number, m.kind, not self._lost(m)) for name, m in found]

    # -- reading

    async def inbound(self, run: str) -> Sequence[Inbound]:
        return self._db.pending(run)

    async def mail(self, lease: Lease) -> dict[str, list[Inbound]]:
        db, found = self._db, dict[str, list[Inbound]]()
        for name, row in db.inbox.values():
            owner = db.runs[name].owner
            if owner is not None and owner.worker == lease.worker and row.position not in db.taken:
                found.setdefault(name, []).append(row)
        return found

    async def run(self, run: str) -> RunRow | None:
        found = self._db.runs.get(run)
        return None if found is None else found.now()

    async def runs(
        self, *, states: Sequence[str] = (), parent: str = "", root: str = "", most: int = 0
    ) -> Sequence[RunRow]:
        found = [
            run.now()
            for run in reversed(self._db.runs.values())
            if (not states or run.row.state in states)
            and (not parent or run.row.parent == parent)
            and (not root or run.row.root == root)
        ]
        return found[: most or None]

    async def matching(self, kind: Literal["run", "item"], text: str) -> Sequence[str]:
        db = self._db
        answered = [name.removeprefix("answer:") for name in db.inbox if name.startswith("answer:")]
        names = list(db.runs) if kind == "run" else sorted({*db.items, *answered})
        if text in names:
            return [text]
        return [name for name in names if len(text) >= 3 and name.endswith(text)][:3]

    async def rows(self, run: str, after: int = 0, most: int = 0) -> Sequence[Row]:
        found = self._db.journal_of(run)
        return [] if found is None else [row for row in found.rows if row.seq > after][: most or None]

    async def blobs(self, digests: Sequence[str]) -> dict[str, bytes]:
        blobs = self._db.blobs
        return {name: blobs[name] for name in digests if name in blobs}

    async def items(self, run: str = "") -> Sequence[Item]:
        found = [item for item in self._db.items.values() if not run or item.run == run]
        return sorted(found, key=lambda item: (item.created, item.id))

    async def item(self, item: str) -> Item | None:
        return self._db.items.get(item)

    async def answer_of(self, item: str) -> Delivered | None:
        found = self._db.inbox.get(f"answer:{item}")
        return None if found is None else Delivered(False, found.row.by, found.row.at, found.row.body)

    async def timers(self, run: str) -> Sequence[Timer]:
        found = [Timer(name, due) for (owner, name), due in self._db.timers.items() if owner == run]
        return sorted(found, key=lambda timer: (timer.due, timer.id))

    async def account(self, name: str) -> Account:
        found = self._db.accounts.get(name, Ledger())
        return Account(name, found.held, found.spent, found.raised)

    async def accounts(self) -> Sequence[Account]:
        return [await self.account(name) for name in sorted(self._db.accounts)]

    async def frozen(self) -> Sequence[str]:
        return sorted(self._db.freezes)

    # -- seals

    async def seal(self, now: datetime) -> bool:
        db = self._db
        before, upto = db.seals[-1] if db.seals else (Seal(0, now, b"", GENESIS), 0)
        heads: dict[str, int] = {}
        for run, seq in db.journal[upto:]:
            heads.pop(run, None)
            heads[run] = seq
        if not heads:
            return False
        n, links = before.n + 1, list[object]()
        for run, seq in heads.items():
            journal = db.journal_of(run)
            assert journal is not None
            links.append([run, seq, journal.rows[seq - 1].link.hex()])
        body = canonical({"at": aware(now).isoformat(timespec="microseconds"), "heads": links, "n": n})
        db.seals.append((Seal(n, aware(now), body, seal_link(before.link, n, body)), len(db.journal)))
        return True

    async def seals(self, after: int = 0) -> Sequence[Seal]:
        return [seal for seal, _ in self._db.seals if seal.n > after]

    async def check(self) -> Sequence[str]:
        wrong = [name for name, body in self._db.blobs.items() if digest(body) != name]
        return [f"Blob {name[:12]} does not have the content its name promises." for name in wrong]


def _row(name: str, run: str, now: datetime, delivery: Expire | TimerFired) -> InboxRow:
    return InboxRow(id=name, run=run, by=SYSTEM, at=now, delivery=delivery)
