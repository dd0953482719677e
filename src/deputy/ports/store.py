"""Keep journals, inboxes, ledger and leases of one workspace, in one transactional database.

One write, `commit`, changes journals; all else carries something to a run, is about workers, or only reads.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from deputy.domain.cost import NOTHING, Cost, Limits
from deputy.domain.delivery import InboxRow
from deputy.ports.access import Access
from deputy.ports.arrivals import Arrival, Arrivals, Begin
from deputy.ports.items import Waits
from deputy.ports.listing import TOLD, Began, Item, RunRow, RunState

__all__ = [
    "Account", "Anchor", "AuditableStore", "Began", "Blob", "Commit", "Delivered", "Inbound", "Item", "Lease", "Move",
    "NewRun", "Row", "RunRow", "RunState", "Seal", "Snapshot", "StateChange", "Store", "TOLD", "Taken", "Timer", "View",
    "Worker",
]  # fmt: skip


class Lease(NamedTuple):
    """Which incarnation of which worker owns a run; a bumped epoch ends all leases of the old one."""

    worker: str
    epoch: int


class Blob(NamedTuple):
    """Content named by its SHA-256."""

    digest: str
    body: bytes


class Row(NamedTuple):
    """One stored event: its bytes and its link of the chain, SHA-256(link before ‖ run ‖ seq ‖ bytes)."""

    seq: int
    link: bytes
    body: bytes


class Move(msgspec.Struct, frozen=True, gc=False):
    """What a commit does to one account: hold more (or, negative, let go) and book as spent.

    A move that holds more is refused where held + spent would pass the account's limits, raised as people raised them.
    """

    account: str
    hold: Cost = NOTHING
    spend: Cost = NOTHING
    limit: Limits | None = None  #: the account's limits from now on; those it has where this is None
    raised: Cost = NOTHING  #: lift what the account may consume beyond its limits


class Timer(NamedTuple):
    """When to wake a run; fired by whichever worker sees it first, once."""

    id: str
    due: datetime


class Inbound(NamedTuple):
    """A pending inbox row as its run's owner reads it."""

    position: int
    id: str
    by: str
    at: datetime
    body: bytes


class Delivered(NamedTuple):
    """Whether a row was inserted now, or which one was there first."""

    fresh: bool
    by: str
    at: datetime
    body: bytes


class NewRun(NamedTuple):
    """A run to be created, ready, with its first event."""

    id: str
    agent: str
    version: str
    driver: str
    on_behalf_of: str
    parent: str
    root: str
    created: datetime
    started: Row
    blobs: tuple[Blob, ...] = ()
    told: Began = Began()


class StateChange(NamedTuple):
    """A run's new state; all but `running` also give up the lease."""

    state: RunState
    at: datetime
    summary: str = ""
    money: int = 0  #: micros that the run has spent


class Commit(msgspec.Struct, frozen=True, gc=False):
    """One atomic change. Preconditions, read in the same transaction: the lease's epoch, that `rows` continue the chain
    after `head`, that accounts allow the moves, that `grant` is unused, that `thawed`'s agent is, that what `begins`
    names waits for its run, which is the first child."""

    run: str
    lease: Lease | None  #: None only where no journal is continued (a run is created)
    head: tuple[int, bytes] = (0, b"")  #: number of events so far, and the last link
    rows: Sequence[Row] = ()
    blobs: Sequence[Blob] = ()
    moves: Sequence[Move] = ()
    thawed: str = ""  #: an agent's name
    grant: str = ""  #: an item's id
    timers: Sequence[Timer] = ()
    timers_off: Sequence[str] = ()
    items: Sequence[Item] = ()
    items_off: Sequence[str] = ()
    taken: Sequence[int] = ()
    deliveries: Sequence[InboxRow] = ()
    children: Sequence[NewRun] = ()
    state: StateChange | None = None
    begins: Begin | None = None
    arrivals: Sequence[Arrival] = ()
    amended: Sequence[Item] = ()  #: of the run, that show something else from now on


class Taken(NamedTuple):
    """A run that now belongs to a lease, with its events and inbox."""

    run: RunRow
    rows: Sequence[Row]
    inbound: Sequence[Inbound]


class Worker(NamedTuple):
    """A process that drives runs, as its heartbeat row shows it."""

    id: str
    epoch: int
    pid: int
    kind: str  #: "worker" serves everybody; "run" drives one run for its terminal
    alive: bool


class Account(NamedTuple):
    """One line of the ledger."""

    name: str
    held: Cost
    spent: Cost
    raised: Cost = NOTHING


class Seal(NamedTuple):
    """One link of the chain over all journals' heads."""

    n: int
    at: datetime
    body: bytes
    link: bytes


class Store(Protocol):
    """A workspace's database. Methods raise StoreError where it cannot be used; nothing is half-applied."""

    @property
    def arrivals(self) -> Arrivals:
        """What starts runs."""
        ...

    @property
    def access(self) -> Access:
        """What those who come over the network need."""
        ...

    @property
    def waits(self) -> Waits:
        """What waits for people, person by person."""
        ...

    async def close(self) -> None:
        """Finish what was submitted and let go of the database."""
        ...

    async def commit(self, commit: Commit) -> None:
        """Apply all of it, durably, or raise CommitRefused and apply nothing."""
        ...

    async def note(self, body_of: Callable[[int, bytes], Row], freeze: tuple[str, bool] | None = None) -> None:
        """Append to the workspace's own journal; `body_of` gets seq and last link. Freezes or thaws in the same go."""
        ...

    # -- workers and leases
    async def join(self, kind: str) -> Lease:
        """Register this process as a worker and hold its file lock until `leave`."""
        ...

    async def beat(self, lease: Lease) -> float:
        """Renew; returns the time (seconds on the boot clock) until which the lease holds. Raises LeaseLost."""
        ...

    async def leave(self, lease: Lease) -> None:
        """Give back every run and unregister."""
        ...

    async def reap(self) -> int:
        """End the leases of workers that are dead or silent for too long; returns how many runs became claimable."""
        ...

    async def claim(self, lease: Lease, most: int, only: Sequence[str] = ()) -> Sequence[Taken]:
        """Take ready runs, oldest first; `only`: among these and their descendants."""
        ...

    async def workers(self) -> Sequence[Worker]:
        """All registered workers."""
        ...

    # -- to runs
    async def deliver(self, row: InboxRow) -> Delivered:
        """Insert a row unless its id exists, and make its run ready if it waits; durable on return."""
        ...

    async def wake(self, word: str) -> None:
        """Make the runs ready that wait for what this word names (their summary)."""
        ...

    async def inbound(self, run: str) -> Sequence[Inbound]:
        """The pending rows of a run, in order."""
        ...

    async def mail(self, lease: Lease) -> dict[str, list[Inbound]]:
        """The pending rows of all runs that a lease holds, in order, by run."""
        ...

    async def fire(self, now: datetime) -> datetime | None:
        """Turn due timers and expired items into inbox rows; returns when the next is due."""
        ...

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call back, in the event loop, soon after any process changed the database; returns how to stop."""
        ...

    # -- reading
    async def run(self, run: str) -> RunRow | None:
        """One run."""
        ...

    async def runs(
        self, *, states: Sequence[str] = (), parent: str = "", root: str = "", most: int = 0
    ) -> Sequence[RunRow]:
        """Runs, newest first; `most` 0 is all."""
        ...

    async def matching(self, kind: Literal["run", "item"], text: str) -> Sequence[str]:
        """Ids that are this text, or else end with it (at most a few)."""
        ...

    async def rows(self, run: str, after: int = 0, most: int = 0) -> Sequence[Row]:
        """The stored events of a run with a seq above `after` (seq counts from 1); `most` 0 is all."""
        ...

    async def blobs(self, digests: Sequence[str]) -> dict[str, bytes]:
        """These blobs, those that exist."""
        ...

    async def put_blob(self, blob: Blob) -> None:
        """Keep a blob; one that exists is left as it is."""
        ...

    async def items(self, run: str = "") -> Sequence[Item]:
        """What waits for people, oldest first."""
        ...

    async def item(self, item: str) -> Item | None:
        """One of them."""
        ...

    async def answer_of(self, item: str) -> Delivered | None:
        """Who answered an item, and what."""
        ...

    async def timers(self, run: str) -> Sequence[Timer]:
        """The timers a run has set and not seen fire."""
        ...

    async def account(self, name: str) -> Account:
        """One account; empty if nothing was ever booked."""
        ...

    async def accounts(self) -> Sequence[Account]:
        """The whole ledger."""
        ...

    async def frozen(self) -> Sequence[str]:
        """Names of frozen agents; `*` is the whole workspace."""
        ...

    # -- seals
    async def seal(self, now: datetime) -> bool:
        """Chain the heads of the journals that changed since the last seal, if any did."""
        ...

    async def seals(self, after: int = 0) -> Sequence[Seal]:
        """The chain of seals."""
        ...

    async def check(self) -> Sequence[str]:
        """What the database itself finds wrong with its files and tables, a sentence each."""
        ...


class Anchor(NamedTuple):
    """Number and link of a seal, kept where the database is not, so that a chain that was cut short shows."""

    n: int
    link: bytes


# What an auditor reads, each row with the columns that stand here, as they are stored: times are text, bytes are bytes.
View = Literal[
    "arrivals",  # position, trigger, id, at, body, check sum, state, run id, the run's state; by position
    "accounts", "accounts_named",  # name, held and spent (4 numbers each), raised, limits; by name; of [names as JSON]
    "blob_keys",  # [digests as JSON] key, digest
    "blobs",  # key, digest, body; by key
    "blobs_named",  # [digests as JSON] the same
    "event",  # [run id, seq] position, link
    "events",  # [run key] position, seq, link, body; by seq
    "first",  # [run id] body of its first event
    "freezes",  # agent
    "gaps",  # table, first and last number that is missing in it
    "grants",  # [run id] item, run id as stored; of all items named after the run
    "heads",  # [after, upto] run id, seq, link in hex, position; the last event of each run between these positions
    "inbox", "inbox_named",  # position, id, run id, sender, at, body, check sum, taken; by position; of [ids as JSON]
    "items",  # [run key] id, kind, created, expires, body
    "last",  # [run id] seq of its last event; no row where there is no such run
    "newer",  # [position] number of events after it
    "pending",  # [run key] number of rows in its inbox that nobody took
    "runs",  # key, RunRow without seq and link (state after root, summary after it), owner, epoch, money, told as JSON
    "seals",  # n, at, upto, body, link; by n
    "strays",  # table, key; of rows that belong to no run
    "timers",  # [run key] id, due
    "waits",  # item, person; where the list of who waits for what differs from the items
    "workers",  # id, epoch
]  # fmt: skip


class Snapshot(Protocol):
    """All that is stored, as it was at one moment while others go on writing; for an auditor, who trusts none of it."""

    @property
    def anchor(self) -> bytes | None:
        """What the file beside the database says of the last seal, if there is one: `{"link": hex, "n": number}`."""
        ...

    def rows(self, view: View, *values: object) -> AsyncIterator[tuple[Any, ...]]:
        """The rows of a view, a bounded number of them in memory; runs come by root, then key. Raises StoreError."""
        ...

    async def check(self) -> Sequence[str]:
        """What the database itself finds wrong with its file, its indexes and its schema, a sentence each."""
        ...


class AuditableStore(Store, Protocol):
    """A store that lasts, so that its content can be audited."""

    def snapshot(self) -> AbstractAsyncContextManager[Snapshot]:
        """Read everything as it is now; nothing is written."""
        ...
