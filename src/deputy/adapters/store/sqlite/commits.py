"""Apply a group of commits in one transaction: read every precondition first, then write all that holds.

The heads of the journals this process owns are kept in memory: the epoch, checked in the same transaction, proves
that nobody else has written them since.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import apsw
import msgspec

from deputy.adapters.store.sqlite.arrivals import insert_arrival, instant
from deputy.adapters.store.sqlite.connection import Database, statement, translated
from deputy.adapters.store.sqlite.connection import Row as Values
from deputy.base.canonical import canonical, digest
from deputy.base.errors import (
    ArrivalTaken,
    CommitRefused,
    Frozen,
    GrantUsed,
    LeaseLost,
    OutOfSequence,
    OverBudget,
    StoreError,
)  # fmt: skip
from deputy.domain.chain import GENESIS, link
from deputy.domain.cost import NOTHING, UNITS, Cost, Limits
from deputy.ports.arrivals import Begin
from deputy.ports.store import Commit, InboxRow, Lease, Move, NewRun, Row, StateChange

__all__ = ["Committer", "Head", "insert_delivery"]

CHUNKS = (128, 32, 8, 1)  #: rows an INSERT carries; few, so that their statements stay prepared

#: What SQLite or Python say of values that no table can hold.
UNFIT = (apsw.MismatchError, apsw.TooBigError, OverflowError, TypeError, ValueError)


class Head(NamedTuple):
    """The end of a journal: the run's key, the number of its events, the last link."""

    key: int
    seq: int
    link: bytes


class _Account(NamedTuple):
    held: Cost
    spent: Cost
    raised: Cost
    limits: Limits


class Committer:
    """Writes groups of commits; called in the writer's thread alone."""

    def __init__(self, database: Database, file: Path) -> None:
        self._database, self._file = database, file
        self._heads: dict[str, Head] = {}
        self._leases: dict[str, Lease] = {}
        self._group = _Group()

    def own(self, run: str, head: Head, lease: Lease) -> None:
        """From now on this process, by this lease, continues a run's journal."""
        self._heads[run], self._leases[run] = head, lease

    def disown(self, run: str) -> None:
        """It no longer does."""
        self._heads.pop(run, None)
        self._leases.pop(run, None)

    def write(self, commits: Sequence[Commit]) -> list[BaseException | None]:
        """Apply each commit that its preconditions allow; the answers are in the order of the commits.

        Where one cannot be stored for what it says, each gets a transaction of its own, and its own answer.
        """
        try:
            with translated(self._file, self._database, leave=(*UNFIT, apsw.ConstraintError)):
                return self._transaction(commits)
        except (*UNFIT, apsw.ConstraintError) as exc:
            if len(commits) > 1:
                return [self._alone(commit) for commit in commits]
            contradicts = isinstance(exc, apsw.ConstraintError)
            return [OutOfSequence(f"the commit contradicts what is stored ({exc})") if contradicts else exc]

    def _alone(self, commit: Commit) -> BaseException | None:
        try:
            return self.write([commit])[0]
        except StoreError as exc:  # those before it are durable, whatever came of this one
            return exc

    def _transaction(self, commits: Sequence[Commit]) -> list[BaseException | None]:
        database, group = self._database, _Group()
        self._group = group
        database.execute("BEGIN IMMEDIATE")
        try:
            group.frozen = {name for (name,) in database.execute(statement("frozen"))}
            answers: list[BaseException | None] = []
            for commit in commits:
                refusal = self._refusal(commit)
                if refusal is None:
                    self._stage(commit)
                answers.append(refusal)
            self._flush()
            database.execute("COMMIT")
        except BaseException:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise
        self._heads.update(group.heads)
        for run in group.released:
            self.disown(run)
        return answers

    # -- preconditions

    def _refusal(self, commit: Commit) -> CommitRefused | None:
        group = self._group
        if commit.lease is not None:
            lease = commit.lease
            if lease.worker not in group.epochs:
                group.epochs[lease.worker] = self._database.execute(statement("epoch_of"), (lease.worker,)).get
            held = self._leases.get(commit.run)
            if group.epochs[lease.worker] != lease.epoch or held != lease or commit.run in group.released:
                return LeaseLost(f"run {commit.run} belongs to another worker now")
            head = group.heads.get(commit.run) or self._heads[commit.run]
            if commit.head != (head.seq, head.link):
                return OutOfSequence(f"run {commit.run} is at event {head.seq}, not {commit.head[0]}")
        elif _is_of_the_run(commit):
            return LeaseLost(f"nobody holds run {commit.run}")
        if not _follow(commit.run, *commit.head, commit.rows):
            return OutOfSequence(f"an event does not continue the chain of run {commit.run}")
        for child in commit.children:
            if not _follow(child.id, 0, GENESIS, (child.started,)):
                return OutOfSequence(f"run {child.id} does not start with an event of its own")
        if commit.thawed and group.frozen and not group.frozen.isdisjoint(("*", commit.thawed)):
            return Frozen(f"agent {commit.thawed} is frozen")
        if commit.grant and not self._grant_free(commit.grant):
            return GrantUsed(f"approval {commit.grant} was already used")
        if commit.begins is not None and (taken := self._begun(commit.begins)) is not None:
            return taken
        return self._over_budget(commit.moves)

    def _grant_free(self, grant: str) -> bool:
        if grant in self._group.grants:
            return False
        return self._database.execute("SELECT 1 FROM grants_used WHERE item = ?", (grant,)).get is None

    def _begun(self, begin: Begin) -> ArrivalTaken | None:
        execute = self._database.execute
        if execute(statement("arrival_state"), (begin.trigger, begin.id)).get != "pending":
            return ArrivalTaken(f"arrival {begin.id} of {begin.trigger} does not wait for a run")
        if begin.alone and execute(statement("trigger_busy"), (begin.trigger,)).get:
            return ArrivalTaken(f"a run of {begin.trigger} is open")
        return None

    def _over_budget(self, moves: Sequence[Move]) -> OverBudget | None:
        staged: dict[str, _Account] = {}
        for move in moves:
            account = staged.get(move.account) or self._account(move.account)
            limits = account.limits if move.limit is None else move.limit
            held, spent = account.held + move.hold, account.spent + move.spend
            raised = account.raised if move.raised is NOTHING else account.raised + move.raised
            allowed = limits if raised is NOTHING else limits.raised(raised)
            if _grows(move.hold) and (unit := allowed.exceeded(held + spent)) is not None:
                alone = allowed.exceeded(spent + move.hold)
                message = f"account {move.account} has no {alone or unit} left for this"
                return OverBudget(message, account=move.account, unit=alone or unit, spent=alone is not None)
            staged[move.account] = _Account(held, spent, raised, limits)
        self._group.accounts.update(staged)  # no precondition comes after this one
        self._group.moved.update(staged)
        return None

    def _account(self, name: str) -> _Account:
        found = self._group.accounts.get(name)
        if found is None:
            row = self._database.execute(statement("account"), (name,)).fetchone()
            found = self._group.accounts[name] = (
                _Account(NOTHING, NOTHING, NOTHING, Limits()) if row is None else _read(row)
            )
        return found

    # -- writing

    def _stage(self, commit: Commit) -> None:
        group, run = self._group, commit.run
        if commit.lease is not None:
            head = group.heads.get(run) or self._heads[run]
            if commit.rows:
                for row in commit.rows:
                    group.events += (head.key, row.seq, row.link, row.body)
                group.heads[run] = Head(head.key, commit.rows[-1].seq, commit.rows[-1].link)
            self._stage_rest(commit, head.key)
        for blob in commit.blobs:
            group.blobs += (bytes.fromhex(blob.digest), blob.body)
        keys = [self._create(child) for child in commit.children]
        if commit.begins is not None:
            begun = (commit.begins.trigger, commit.begins.id, keys[0])
            self._database.execute(statement("begin_arrival"), begun)
        for arrival in commit.arrivals:
            insert_arrival(self._database, arrival)
        for row in commit.deliveries:
            group.deliveries.append(row)

    def _stage_rest(self, commit: Commit, key: int) -> None:
        execute = self._database.execute
        if commit.grant:
            self._group.grants.add(commit.grant)
            execute(statement("use_grant"), (commit.grant, key))
        for position in commit.taken:
            execute(statement("take"), (position,))
        for item in commit.items:
            expires = None if item.expires is None else instant(item.expires)
            execute(statement("insert_item"), (item.id, key, item.kind, instant(item.created), expires, item.body))
        for item in commit.amended:
            execute(statement("amend_item"), (item.body, item.id, key))
        for name in commit.items_off:
            execute(statement("delete_item"), (name,))
        for timer in commit.timers:
            execute(statement("insert_timer"), (key, timer.id, instant(timer.due)))
        for name in commit.timers_off:
            execute(statement("delete_timer"), (key, name))
        if commit.state is not None:
            self._change_state(commit.run, key, commit.state)

    def _change_state(self, run: str, key: int, change: StateChange) -> None:
        execute = self._database.execute
        if change.state == "running":
            execute(statement("keep_running"), (change.summary, instant(change.at), change.money, key))
            return
        if change.state == "waiting":
            values = (key, "waiting", change.summary, instant(change.at), change.money)
            execute(statement("change_state_unless_mail"), values)
        else:
            values = (change.state, change.summary, instant(change.at), change.money, key)
            execute(statement("change_state"), values)
            if change.state != "ready":
                execute(statement("delete_items_of"), (key,))
                execute(statement("delete_timers_of"), (key,))
                failed = instant(change.at) if change.state in ("failed", "cancelled") else None
                execute(statement("end_arrival"), (key, failed))
        self._group.released.append(run)

    def _create(self, new: NewRun) -> int:
        created = instant(new.created)
        self._database.execute(
            statement("insert_run"),
            (new.id, new.agent, new.version, new.driver, new.on_behalf_of, new.parent, new.root, created, created),
        )
        key = self._database.last_insert_rowid()
        by, trigger, cause, title, task = new.told
        self._database.execute(statement("insert_told"), (key, by, trigger, cause, new.agent, title, task))
        self._group.events += (key, new.started.seq, new.started.link, new.started.body)
        for blob in new.blobs:
            self._group.blobs += (bytes.fromhex(blob.digest), blob.body)
        return key

    def _flush(self) -> None:
        group = self._group
        self._insert("insert_events", 4, group.events)
        self._insert("insert_blobs", 2, group.blobs)
        for row in group.deliveries:
            insert_delivery(self._database, row)
        for name in group.moved:
            account = group.accounts[name]
            values = (name, *_values(account.held), *_values(account.spent))
            rest = (canonical(account.raised).decode(), canonical(account.limits).decode())
            self._database.execute(statement("put_account"), (*values, *rest))

    def _insert(self, name: str, columns: int, values: list[object]) -> None:
        """Insert rows in few statements: each hands over Python's lock once, not once a row."""
        start, left = 0, len(values) // columns
        for size in CHUNKS:
            sql = statement(name, size) if left >= size else ""
            while left >= size:
                self._database.execute(sql, values[start : start + size * columns])
                start, left = start + size * columns, left - size


class _Group:
    """What one transaction has read and is about to write."""

    def __init__(self) -> None:
        self.frozen: set[str] = set()
        self.epochs: dict[str, int | None] = {}
        self.heads: dict[str, Head] = {}
        self.released: list[str] = []
        self.grants: set[str] = set()
        self.accounts: dict[str, _Account] = {}
        self.moved: dict[str, _Account] = {}
        self.events: list[object] = []
        self.blobs: list[object] = []
        self.deliveries: list[InboxRow] = []


def insert_delivery(database: Database, row: InboxRow) -> bool:
    """Insert an inbox row unless its id exists, and make its run ready if it waits; False if it was there."""
    body = canonical(row.delivery)
    check = bytes.fromhex(digest(canonical([row.id, row.run, row.by, instant(row.at)]) + body))
    database.execute(statement("insert_delivery"), (row.id, row.run, row.by, instant(row.at), body, check))
    if not database.changes():
        return False
    database.execute(statement("wake"), (row.run,))
    return True


def _is_of_the_run(commit: Commit) -> bool:
    """Whether a commit says something about its run itself, which only the run's owner may."""
    parts = (
        commit.rows,
        commit.taken,
        commit.items,
        commit.items_off,
        commit.amended,
        commit.timers,
        commit.timers_off,
    )
    return any(parts) or bool(commit.grant) or commit.state is not None


def _follow(run: str, seq: int, last: bytes, rows: Sequence[Row]) -> bool:
    """Whether rows continue a chain whose last event this is."""
    for n, ours, body in rows:
        seq += 1
        last = link(last, run, seq, body)
        if n != seq or ours != last:
            return False
    return True


def _grows(hold: Cost) -> bool:
    return hold.money > 0 or hold.tokens > 0 or hold.steps > 0 or hold.wall > 0


def _values(cost: Cost) -> tuple[int, ...]:
    return tuple(getattr(cost, unit) for unit in UNITS)


def _read(row: Values) -> _Account:
    raised, limits = msgspec.json.decode(row[8], type=Cost), msgspec.json.decode(row[9], type=Limits)
    return _Account(Cost(*row[0:4]), Cost(*row[4:8]), raised, limits)
