"""What somebody does who can edit the database: SQL on its file, past all of Deputy's code."""

import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
from tests.app.audit.company import audited

from deputy.app.audit import Finding, Report
from deputy.base.canonical import canonical
from deputy.domain.chain import GENESIS, link, seal_link

__all__ = [
    "TABLES", "Row", "columns", "copied", "found", "other", "places", "relink", "reseal", "rows", "run_of", "tampered",
]  # fmt: skip

Row = dict[str, Any]
TABLES = (
    "runs", "journal", "blobs", "items", "inbox", "timers", "grants_used", "accounts", "freezes", "workers", "seals",
    "told",
)  # fmt: skip
KEYS = {
    "runs": "key", "journal": "position", "blobs": "key", "items": "id", "inbox": "position", "timers": "id",
    "grants_used": "item", "accounts": "name", "freezes": "agent", "workers": "id", "seals": "n",
    "told": "run",
}  # fmt: skip


def copied(original: Path, to: Path) -> Path:
    """A copy of a database that may be changed."""
    shutil.rmtree(to, ignore_errors=True)
    to.mkdir(parents=True)
    for name in ("deputy.db", "seal"):
        shutil.copy(original / name, to / name)
    return to


@contextmanager
def tampered(folder: Path) -> Generator[Any]:
    """The database of a folder, for anything."""
    database: Any = apsw.Connection(str(folder / "deputy.db"))
    database.pragma("synchronous", "off")
    try:
        yield database
        database.pragma("wal_checkpoint")
    finally:
        database.close()


def columns(database: Any, table: str) -> list[str]:
    return [row[1] for row in database.execute(f"PRAGMA table_info({table})")]


def rows(database: Any, table: str, where: str = "1") -> list[Row]:
    names = columns(database, table)
    return [dict(zip(names, row, strict=True)) for row in database.execute(f"SELECT * FROM {table} WHERE {where}")]


def run_of(database: Any, key: int) -> str:
    """The id of a run by its number."""
    return database.execute("SELECT id FROM runs WHERE key = ?", (key,)).get


def other(value: Any) -> Any:
    """Something else, of the same kind."""
    match value:
        case None:
            return "2026-01-01T00:00:00.000000+00:00"
        case bytes():
            return bytes([value[0] ^ 1, *value[1:]]) if value else b"x"
        case int():
            return value + 1
        case float():
            return value + 1.0
        case _ if value[:2] == "20":
            return "2025" + value[4:]
        case _:
            return value + "x"


def places(table: str, row: Row, database: Any) -> Callable[[Finding], bool]:
    """Whether a finding names a row's table and key, or the run (or the seal) that it belongs to."""
    names = {str(row.get(member)) for member in (KEYS[table], "id", "name", "agent") if row.get(member)}
    if table == "blobs":
        names.add(row["digest"].hex())
    runs = {row["id"]} if table == "runs" else {run_of(database, row["run"])} if "run" in row else set[str]()
    runs |= {str(row.get("owner"))} if table == "workers" else set()

    def named(finding: Finding) -> bool:
        place = finding.place
        return (
            place.run in runs
            or (table == "seals" and place.seal in (row["n"], row["n"] + 1))
            or (table == "workers" and finding.code == "lease")
            or (place.table == table and place.key in names)
        )

    return named


def found(folder: Path) -> Report:
    """What an audit finds; at least one thing."""
    report = audited(folder)
    assert not report.ok
    return report


def relink(database: Any, key: int) -> None:
    """Compute the links of a run anew, as Deputy would have."""
    last, run = GENESIS, run_of(database, key)
    for row in rows(database, "journal", f"run = {key} ORDER BY seq"):
        last = link(last, run, row["seq"], row["body"])
        database.execute("UPDATE journal SET link = ? WHERE position = ?", (last, row["position"]))


def reseal(database: Any) -> tuple[int, bytes]:
    """Compute the chain of seals anew over what the journals are now; returns the last."""
    before, n, upto = GENESIS, 0, 0
    for seal in rows(database, "seals", "1 ORDER BY n"):
        heads = database.execute(
            "SELECT r.id, j.seq, lower(hex(j.link)), j.position FROM journal j JOIN runs r ON r.key = j.run WHERE"
            " position IN (SELECT max(position) FROM journal WHERE position > ? AND position <= ? GROUP BY run)"
            " ORDER BY position",
            (upto, seal["upto"]),
        ).fetchall()
        body = canonical({"at": seal["at"], "heads": [list(head[:3]) for head in heads], "n": seal["n"]})
        n, before, upto = seal["n"], seal_link(before, seal["n"], body), seal["upto"]
        database.execute("UPDATE seals SET body = ?, link = ? WHERE n = ?", (body, before, n))
    return n, before
