"""Apply one commit to the tables, whole or not at all: everything that may refuse it comes before the first change."""

from collections.abc import Sequence

from deputy.base.canonical import canonical
from deputy.base.errors import Frozen, GrantUsed, LeaseLost, OutOfSequence, OverBudget
from deputy.domain.chain import GENESIS, link
from deputy.domain.cost import UNITS
from deputy.ports.store import Commit, Move, NewRun, Row, RunRow, StateChange
from deputy.testing.memory import arrivals
from deputy.testing.memory.tables import Ledger, MemoryDatabase, OwnedRun, aware

__all__ = ["apply", "follow"]


def apply(db: MemoryDatabase, commit: Commit) -> None:
    """Do all that a commit says, or raise CommitRefused."""
    _allow(db, commit)
    accounts = _moved(db, commit.moves)
    _fit(db, commit)
    db.accounts.update(accounts)
    if commit.lease is not None:
        _write(db, commit, db.runs[commit.run])
    for child in commit.children:
        _create(db, child)
    if commit.begins is not None:
        arrivals.begin(db, commit.begins, commit.children[0].id)
    for arrival in commit.arrivals:
        arrivals.insert(db, arrival)
    for blob in (*commit.blobs, *[blob for child in commit.children for blob in child.blobs]):
        db.blobs.setdefault(blob.digest, blob.body)
    for row in commit.deliveries:
        db.insert(row)


def follow(run: str, head: tuple[int, bytes], rows: Sequence[Row]) -> None:
    """Raise OutOfSequence where rows do not continue a chain."""
    seq, last = head
    for row in rows:
        seq, last = seq + 1, link(last, run, seq + 1, row.body)
        if (row.seq, row.link) != (seq, last):
            raise OutOfSequence(f"event {row.seq} does not continue the chain of run {run}")


# -- preconditions


def _allow(db: MemoryDatabase, commit: Commit) -> None:
    if commit.lease is not None:
        run = db.runs.get(commit.run)
        if run is None or run.owner != commit.lease or not db.lives(commit.lease):
            raise LeaseLost(f"run {commit.run} belongs to another worker now")
        if commit.head != run.head():
            raise OutOfSequence(f"run {commit.run} is at event {run.head()[0]}, not {commit.head[0]}")
        follow(commit.run, run.head(), commit.rows)
    elif _continues(commit):
        raise LeaseLost(f"nobody holds run {commit.run}")
    if commit.thawed and not db.freezes.isdisjoint(("*", commit.thawed)):
        raise Frozen(f"agent {commit.thawed} is frozen")
    if commit.grant in db.grants:
        raise GrantUsed(f"approval {commit.grant} was already used")
    if commit.begins is not None:
        arrivals.check_begin(db, commit.begins)


def _continues(commit: Commit) -> bool:
    """Whether it says something about the run itself, which only its owner may."""
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


def _moved(db: MemoryDatabase, moves: Sequence[Move]) -> dict[str, Ledger]:
    """The accounts after these moves; raises OverBudget."""
    staged: dict[str, Ledger] = {}
    for move in moves:
        before = staged.get(move.account) or db.accounts.get(move.account) or Ledger()
        held, spent = before.held + move.hold, before.spent + move.spend
        limits = before.limits if move.limit is None else move.limit
        after = staged[move.account] = Ledger(held, spent, before.raised + move.raised, limits)
        allowed = limits.raised(after.raised)
        unit = allowed.exceeded(held + spent)
        if unit is not None and any(getattr(move.hold, name) > 0 for name in UNITS):
            alone = allowed.exceeded(spent + move.hold)
            message = f"account {move.account} has no {alone or unit} left for this"
            raise OverBudget(message, account=move.account, unit=alone or unit, spent=alone is not None)
    return staged


def _fit(db: MemoryDatabase, commit: Commit) -> None:
    """Raise for what cannot be stored beside what is there, or at all."""
    items, children = [item.id for item in commit.items], [child.id for child in commit.children]
    for names, known in ((items, db.items), (children, db.runs)):
        if len(set(names)) < len(names) or not known.keys().isdisjoint(names):
            raise OutOfSequence("the commit contradicts what is stored")
    for child in commit.children:
        follow(child.id, (0, GENESIS), [child.started])
        aware(child.created)
    for item in commit.items:
        aware(item.created)
        aware(item.expires or item.created)
    for timer in commit.timers:
        aware(timer.due)
    for row in commit.deliveries:
        aware(row.at)
        canonical([row.id, row.run, row.by, row.delivery])
    for name in (*items, *children, *[timer.id for timer in commit.timers]):
        name.encode()


# -- changes


def _write(db: MemoryDatabase, commit: Commit, run: OwnedRun) -> None:
    db.append(run, commit.rows)
    if commit.grant:
        db.grants.add(commit.grant)
    db.taken.update(commit.taken)
    for item in commit.items:
        expires = None if item.expires is None else aware(item.expires)
        db.items[item.id] = item._replace(run=commit.run, created=aware(item.created), expires=expires)
    for item in commit.amended:
        if item.id in db.items and db.items[item.id].run == commit.run:
            db.items[item.id] = db.items[item.id]._replace(body=item.body)
    for name in commit.items_off:
        db.items.pop(name, None)
    for timer in commit.timers:
        db.timers[commit.run, timer.id] = aware(timer.due)
    for name in commit.timers_off:
        db.timers.pop((commit.run, name), None)
    if commit.state is not None:
        _change(db, run, commit.state)


def _change(db: MemoryDatabase, run: OwnedRun, change: StateChange) -> None:
    name, state = run.row.id, change.state
    if state == "waiting" and db.pending(name):
        state = "ready"
    if state in ("done", "failed", "cancelled"):
        db.items = {key: item for key, item in db.items.items() if item.run != name or item.kind == "message"}
        db.timers = {key: due for key, due in db.timers.items() if key[0] != name}
        arrivals.end(db, name, change)
    run.row = run.row._replace(state=state, summary=change.summary, changed=aware(change.at))
    run.money = change.money
    if state != "running":
        run.owner = None


def _create(db: MemoryDatabase, new: NewRun) -> None:
    created = aware(new.created)
    row = RunRow(
        new.id, new.agent, new.version, new.driver, "ready", new.on_behalf_of, new.parent, new.root, 0, GENESIS,
        created, created,
    )  # fmt: skip
    db.runs[new.id] = OwnedRun(row)
    db.runs[new.id].told = new.told
    db.append(db.runs[new.id], [new.started])
