"""Look through runs: which of the filters leaves few is found out first, so that no question reads the whole table.

Where none does, most runs fit, and the newest of them are found soon; a text is looked for in a table of its own, which
holds little else.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from deputy.adapters.store.sqlite import reading
from deputy.adapters.store.sqlite.arrivals import instant
from deputy.adapters.store.sqlite.connection import Database, statement
from deputy.base.canonical import canonical
from deputy.ports.listing import COUNTED, Began, Counts, Found, Line, Sought

__all__ = ["count", "find"]

FEW = 10_000
NEWEST = 1 << 62


def find(database: Database, sought: Sought) -> Found:
    """Runs that fit, a page of them."""
    before = _before(database, sought)
    keys = [key for key, _ in _fitting(database, sought, before, sought.most + 1)]
    lines = [_line(database, key) for key in keys[: sought.most]]
    return Found(lines, lines[-1].row.id if len(keys) > sought.most else "")


def count(database: Database, sought: Sought) -> Counts:
    """How many fit, whatever page is asked for."""
    plain = sought._replace(before="", most=0)
    if plain == Sought(states=sought.states, most=0):
        found = dict(database.execute(statement("runs_by_state")).fetchall())
        return Counts({state: n for state, n in found.items() if not sought.states or state in sought.states}, False)
    states = [state for _, state in _fitting(database, sought, NEWEST, COUNTED + 1)]
    return Counts(Counter(states[:COUNTED]), len(states) > COUNTED)


def _before(database: Database, sought: Sought) -> int:
    return (database.execute(statement("key_of"), (sought.before,)).get or 0) if sought.before else NEWEST


def _fitting(database: Database, sought: Sought, before: int, most: int) -> Iterator[tuple[int, str]]:
    """Key and state of the runs that fit, newest first."""
    states = canonical(list(sought.states)).decode()
    since = "" if sought.since is None else instant(sought.since)
    until = "" if sought.until is None else instant(sought.until)
    text, named = sought.text.strip(), "[]"
    if text:
        ending = [database.execute(statement("key_of"), (run,)).get for run in reading.runs_ending_in(database, text)]
        named, text = canonical(ending).decode(), f"%{_escaped(text)}%"
    said = (states, sought.agent, sought.on_behalf_of, since, until, sought.trigger, sought.money, text, named)
    few = _fewest(database, sought, states, (since, until))
    if few is not None:
        among = sorted((key for key in few if key < before), reverse=True)
        yield from database.execute(statement("sought_among"), (*said, canonical(among).decode(), most))
        return
    name = "sought_by_text" if text or sought.trigger else "sought_by_row"
    yield from database.execute(statement(name), (*said, before, most))


def _fewest(database: Database, sought: Sought, states: str, times: tuple[str, str]) -> list[int] | None:
    """The keys of all that one of the filters leaves, if it leaves few."""
    ways: list[tuple[str, tuple[Any, ...]]] = []
    if sought.states:
        ways.append(("keys_in_state", (states,)))
    if sought.agent:
        ways.append(("keys_of_agent", (sought.agent,)))
    if sought.on_behalf_of:
        ways.append(("keys_of_person", (sought.on_behalf_of,)))
    if any(times):
        ways.append(("keys_created", times))
    fewest: list[int] | None = None
    for name, values in ways:
        most = FEW if fewest is None else len(fewest)
        found = database.execute(statement(name), (*values, most + 1)).fetchall()
        if len(found) <= most:
            fewest = [key for (key,) in found]
    return fewest


def _line(database: Database, key: int) -> Line:
    row = reading.run_by_key(database, key)
    told = database.execute(statement("told_of"), (key,)).fetchone()
    items: list[tuple[Any, ...]] = []
    if row.state == "waiting":
        items = database.execute(statement("items_of"), (key,)).fetchall()
    money: int | None = database.execute(statement("money_of"), (key,)).get
    return Line(row, Began(*told), money, [reading.item(values) for values in items])


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
