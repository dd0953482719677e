"""Rows of the tables as the values of the port; called in whichever thread owns the connection."""

from datetime import datetime
from typing import Any

import msgspec

from deputy.adapters.store.sqlite.connection import Database, statement
from deputy.base.canonical import canonical, digest
from deputy.base.errors import StoreDamaged
from deputy.domain.chain import GENESIS
from deputy.domain.cost import NOTHING, Cost
from deputy.ports.store import Account, Inbound, Item, Row, RunRow, Taken

__all__ = ["NOTHING", "account", "check", "inbound", "item", "run", "run_by_key", "taken"]


def run_by_key(database: Database, key: int) -> RunRow:
    """A run's row and the head of its journal."""
    values: tuple[Any, ...] | None = database.execute(statement("run_by_key"), (key,)).fetchone()
    if values is None:
        raise StoreDamaged(f"run number {key} has no row", "Run `deputy audit verify`, then restore a backup.")
    seq, link = database.execute(statement("head_of"), (key,)).fetchone() or (0, GENESIS)
    name, agent, version, driver, state, on_behalf_of, parent, root, created, changed, summary = values
    times = (datetime.fromisoformat(created), datetime.fromisoformat(changed))
    return RunRow(name, agent, version, driver, state, on_behalf_of, parent, root, seq, link, *times, summary)


def run(database: Database, name: str) -> RunRow | None:
    """The run of this id."""
    key = database.execute(statement("key_of"), (name,)).get
    return run_by_key(database, key) if key else None


def _inbound(database: Database, key: int) -> list[Inbound]:
    return [
        Inbound(position, name, by, datetime.fromisoformat(at), body)
        for position, name, by, at, body in database.execute(statement("inbound_of"), (key,)).fetchall()
    ]


def inbound(database: Database, name: str) -> list[Inbound]:
    """The pending inbox rows of a run."""
    return _inbound(database, database.execute(statement("key_of"), (name,)).get or -1)


def taken(database: Database, key: int) -> Taken:
    """All that a worker needs to go on with a run."""
    rows = [Row(*values) for values in database.execute(statement("rows_of"), (key, 0)).fetchall()]
    return Taken(run_by_key(database, key), rows, _inbound(database, key))


def item(values: tuple[Any, ...]) -> Item:
    """One thing that waits for people."""
    name, owner, kind, created, expires, body = values
    until = None if expires is None else datetime.fromisoformat(expires)
    return Item(name, owner, kind, datetime.fromisoformat(created), until, body)


def account(values: tuple[Any, ...]) -> Account:
    """One line of the ledger."""
    return Account(values[0], Cost(*values[1:5]), Cost(*values[5:9]), msgspec.json.decode(values[9], type=Cost))


def check(database: Database) -> list[str]:
    """What is wrong with the file, its blobs, its pending rows, and its references; a sentence each."""
    found = [
        f"The database file is damaged: {row[0]}."
        for row in database.execute("PRAGMA integrity_check")
        if row[0] != "ok"
    ]
    for name, body in database.execute(statement("all_blobs")):
        if digest(body) != name.hex():
            found.append(f"Blob {name.hex()[:12]} does not have the content its name promises.")
    for name, owner, by, at, body, sum_, taken_ in database.execute(statement("pending_inbox")):
        if digest(canonical([name, owner, by, at]) + body) != sum_.hex() or taken_ not in (0, 1):
            found.append(f"Inbox row {name} was changed after it arrived.")
    for (key,) in database.execute(statement("orphans")):
        found.append(f"The journal holds events of run number {key}, but the run itself was dropped.")
    return found
