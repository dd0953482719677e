"""Looking through what waits for people; the table behind it is kept by the database itself (0007-who-waits.sql)."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from deputy.adapters.store.sqlite.arrivals import Reading, instant
from deputy.adapters.store.sqlite.connection import Database, statement
from deputy.adapters.store.sqlite.reading import item, moment
from deputy.base.canonical import canonical
from deputy.ports.items import Answered, Queue, Waiting, Wanted

__all__ = ["SqliteWaits"]

HUGE = 256 * 1024  #: bytes of a body that is neither looked through nor put into a page
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class SqliteWaits:
    """What waits for people; reads in the reader's thread."""

    def __init__(self, read: Reading) -> None:
        self._read = read

    async def queue(self, wanted: Wanted) -> Queue:
        """What waits for a person, a page of it; only counts where `most` is 0."""
        soon, today = instant(wanted.now + HOUR), instant(wanted.now + DAY)
        after = wanted.after or (-1, 0.0, "", "")
        kinds = canonical(list(wanted.kinds)).decode()
        values = (
            wanted.person, soon, today, kinds, wanted.agent, wanted.text, wanted.item, *after, wanted.most, HUGE
        )  # fmt: skip

        def work(r: Database) -> Queue:
            rows: list[tuple[Any, ...]] = r.execute(statement("queue"), values).fetchall() if wanted.most else []
            counts = r.execute(statement("queue_counts"), (wanted.person,)).fetchall()
            return Queue([_waiting(row) for row in rows], [tuple(row) for row in counts])

        return await self._read(work)

    async def stamp(self, person: str) -> tuple[int, int]:
        """How many items wait for a person, and a number that changes whenever one comes or is changed."""
        found: Any = await self._read(lambda r: r.execute(statement("queue_stamp"), (person,)).fetchone())
        return found[0], found[1]

    async def answers(self, agent: str, most: int, look: int = 20_000) -> Sequence[Answered]:
        """The latest answers to items of an agent's runs; looks at a bounded number of inbox rows."""
        rows = await self._read(lambda r: r.execute(statement("answers_latest"), (agent, most, look)).fetchall())
        return [Answered(name, run, by, moment(at), body) for name, run, by, at, body in rows]


def _waiting(row: tuple[Any, ...]) -> Waiting:
    found, agent, tool, size, urgency, stake = item(row[:6]), *row[6:]
    return Waiting(found, agent, tool, size, (urgency, stake, row[3], row[0]))
