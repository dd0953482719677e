"""What the stores on one database in memory share: its tables, and the rules that keep them consistent."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from itertools import count
from typing import NamedTuple

from deputy.base.canonical import canonical
from deputy.domain.chain import GENESIS
from deputy.domain.cost import NOTHING, Cost, Limits
from deputy.domain.delivery import InboxRow
from deputy.ports.access import Claim, Pass
from deputy.ports.arrivals import ArrivalRow, TriggerRow
from deputy.ports.store import Began, Inbound, Item, Lease, Row, RunRow, Seal

__all__ = ["WORKSPACE", "Ledger", "Member", "MemoryDatabase", "OwnedRun", "aware"]

WORKSPACE = "workspace"  #: whose journal is the workspace's own
EPOCH = datetime.fromtimestamp(0, UTC)


def aware(at: datetime) -> datetime:
    """This time in UTC; raises ValueError where it names no zone."""
    if at.tzinfo is None:
        raise ValueError(f"a time without a zone cannot be stored: {at!r}")
    return at.astimezone(UTC)


class OwnedRun:
    """A run's row, its journal, and whose it is."""

    def __init__(self, row: RunRow) -> None:
        self.row = row
        self.rows: list[Row] = []
        self.owner: Lease | None = None
        self.told, self.money = Began(), 0

    def head(self) -> tuple[int, bytes]:
        return (self.rows[-1].seq, self.rows[-1].link) if self.rows else (0, GENESIS)

    def now(self) -> RunRow:
        seq, last = self.head()
        return self.row._replace(seq=seq, link=last)

    def release(self) -> None:
        self.row, self.owner = self.row._replace(state="ready"), None


class Mail(NamedTuple):
    """An inbox row and the run it is for."""

    run: str
    row: Inbound


class Ledger(NamedTuple):
    """An account with its limits."""

    held: Cost = NOTHING
    spent: Cost = NOTHING
    raised: Cost = NOTHING
    limits: Limits = Limits()


class Member:
    """A worker: the store that it joined through, and whether its lock is still held."""

    def __init__(self, store: object, kind: str, number: int, beat: float) -> None:
        self.store, self.kind, self.number, self.beat = store, kind, number, beat
        self.epoch, self.locked = 1, True


class MemoryDatabase:
    """A database for as many stores as there would be processes."""

    def __init__(self) -> None:
        self.runs: dict[str, OwnedRun] = {}
        self.own = OwnedRun(RunRow(WORKSPACE, "", "", "", "ready", "", "", "", 0, GENESIS, EPOCH, EPOCH))
        self.journal: list[tuple[str, int]] = []  #: run and seq of every event, in the order of their commits
        self.blobs: dict[str, bytes] = {}
        self.items: dict[str, Item] = {}
        self.inbox: dict[str, Mail] = {}
        self.taken: set[int] = set()
        self.timers: dict[tuple[str, str], datetime] = {}
        self.grants: set[str] = set()
        self.accounts: dict[str, Ledger] = {}
        self.freezes: set[str] = set()
        self.workers: dict[str, Member] = {}
        self.seals: list[tuple[Seal, int]] = []  #: with how much of the journal each covers
        self.watchers: list[tuple[object, Callable[[], None]]] = []
        self.triggers: dict[str, TriggerRow] = {}
        self.arrivals: dict[tuple[str, str], ArrivalRow] = {}
        self.failed: dict[tuple[str, str], datetime] = {}  #: when the run of an arrival failed
        self.gone: dict[tuple[str, str], datetime] = {}  #: since when nothing is left of an arrival
        self.passes: dict[str, Pass] = {}
        self.claims: dict[tuple[str, str], Claim] = {}
        self.positions = count(1)
        self.numbers = count(1)

    def journal_of(self, run: str) -> OwnedRun | None:
        return self.own if run == WORKSPACE else self.runs.get(run)

    def lives(self, lease: Lease) -> bool:
        member = self.workers.get(lease.worker)
        return member is not None and member.epoch == lease.epoch

    def append(self, run: OwnedRun, rows: Iterable[Row]) -> None:
        for row in rows:
            run.rows.append(row)
            self.journal.append((run.row.id, row.seq))

    def insert(self, row: InboxRow) -> bool:
        """Take in an inbox row and wake its run; False where the id is taken or the run unknown."""
        if row.id in self.inbox or row.run not in self.runs:
            return False
        inbound = Inbound(len(self.inbox) + 1, row.id, row.by, aware(row.at), canonical(row.delivery))
        self.inbox[row.id] = Mail(row.run, inbound)
        run = self.runs[row.run]
        if run.row.state == "waiting":
            run.release()
        return True

    def pending(self, run: str) -> list[Inbound]:
        return [mail.row for mail in self.inbox.values() if mail.run == run and mail.row.position not in self.taken]

    def wake(self, word: str) -> None:
        for run in self.runs.values():
            if run.row.state == "waiting" and run.row.summary == word:
                run.release()

    def give_back(self, worker: str) -> int:
        owned = [run for run in self.runs.values() if run.owner is not None and run.owner.worker == worker]
        for run in owned:
            run.release()
        return len(owned)

    def next_due(self) -> datetime | None:
        dues = list(self.timers.values())
        for item in self.items.values():
            answer = self.inbox.get(f"answer:{item.id}")
            if item.expires is not None and (answer is None or answer.row.position in self.taken):
                dues.append(item.expires)
        return min(dues, default=None)
