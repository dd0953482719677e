"""The tables of passes and claims, and looking through runs and events."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from deputy.adapters.store.sqlite import finding
from deputy.adapters.store.sqlite.arrivals import InTransaction, Reading, instant
from deputy.adapters.store.sqlite.connection import Database, statement
from deputy.adapters.store.sqlite.reading import moment
from deputy.base.canonical import canonical
from deputy.ports.access import Claim, Fed, Looked, Pass, PassKind, Told
from deputy.ports.listing import Counts, Found, Sought

__all__ = ["SqliteAccess"]


class SqliteAccess:
    """Passes and claims; writes in the writer's thread, reads in the reader's."""

    def __init__(self, database: Database, write: InTransaction, read: Reading) -> None:
        self._database, self._write, self._read = database, write, read

    async def issue(self, granted: Pass) -> None:
        """Keep a pass, and forget those that ended before it was made."""

        def work() -> None:
            self._database.execute(statement("forget_passes"), (instant(granted.created),))
            self._database.execute(statement("insert_pass"), _values(granted))

        await self._write(work)

    async def redeem(self, digest: str, session: Pass) -> Pass | None:
        """Turn a link into this session, with the link's person and role; None where the link is not good."""

        def work() -> Pass | None:
            found = self._database.execute(statement("pass_of"), (digest,)).fetchone()
            link = None if found is None else _pass(found)
            if link is None or link.kind != "link" or link.expires <= session.created:
                return None
            made = session._replace(person=link.person, role=link.role)
            self._database.execute(statement("delete_pass"), (link.id,))
            self._database.execute(statement("insert_pass"), _values(made))
            return made

        return await self._write(work)

    async def pass_of(self, digest: str) -> Pass | None:
        """The pass of this digest."""
        found = await self._read(lambda r: r.execute(statement("pass_of"), (digest,)).fetchone())
        return None if found is None else _pass(found)

    async def touch(self, digest: str, at: datetime) -> None:
        """A pass let somebody in."""
        values = (instant(at), digest)
        await self._write(lambda: self._database.execute(statement("touch_pass"), values) and None)

    async def passes(self, kind: PassKind) -> Sequence[Pass]:
        """The passes of a kind, oldest first."""
        rows = await self._read(lambda r: r.execute(statement("passes"), (kind,)).fetchall())
        return [_pass(row) for row in rows]

    async def withdraw(self, id: str) -> bool:
        """Forget a pass; False where there is none."""

        def work() -> bool:
            self._database.execute(statement("delete_pass"), (id,))
            return bool(self._database.changes())

        return await self._write(work)

    async def withdraw_all(self, person: str, kind: PassKind, but: str = "") -> int:
        """Forget a person's passes of a kind, but the one of this id; how many there were."""

        def work() -> int:
            self._database.execute(statement("delete_passes"), (person, kind, but))
            return self._database.changes()

        return await self._write(work)

    async def claim(self, claim: Claim, forget: datetime) -> Claim | None:
        """Keep a claim unless its person used its key before; what is there then. Those before `forget` may go."""

        def work() -> Claim | None:
            self._database.execute(statement("forget_claims"), (instant(forget),))
            self._database.execute(statement("insert_claim"), claim._replace(at=instant(claim.at)))
            if self._database.changes():
                return None
            found = self._database.execute(statement("claim"), (claim.person, claim.key)).fetchone()
            return Claim(*found)._replace(at=moment(found[3]))

        return await self._write(work)

    async def answer(self, claim: Claim) -> None:
        """Keep the answer to a claim."""
        values = (claim.status, claim.body, claim.person, claim.key)
        await self._write(lambda: self._database.execute(statement("answer_claim"), values) and None)

    async def find(self, sought: Sought) -> Found:
        """Runs that fit, a page of them."""
        return await self._read(lambda r: finding.find(r, sought))

    async def count(self, sought: Sought) -> Counts:
        """How many fit, whatever page is asked for."""
        return await self._read(lambda r: finding.count(r, sought))

    async def counts(self) -> dict[str, int]:
        """How many runs there are, by state."""
        return dict(await self._read(lambda r: r.execute(statement("runs_by_state")).fetchall()))

    async def feed(self, after: int, most: int) -> Sequence[Fed]:
        """The events of runs after this position, in the order of commits."""
        rows = await self._read(lambda r: r.execute(statement("feed"), (after, most)).fetchall())
        return [Fed(*row) for row in rows]

    async def position(self) -> int:
        """The last position that was given."""
        found: int = await self._read(lambda r: r.execute(statement("last_position")).get)
        return found

    async def told(self, after: int, most: int) -> Sequence[Told]:
        """The events of runs and of the workspace after this position, in the order of commits."""
        rows = await self._read(lambda r: r.execute(statement("told"), (after, most)).fetchall())
        return [Told(*row) for row in rows]

    async def looked(self, sought: Looked) -> tuple[Sequence[Told], int]:
        """Events that fit, newest first, and the place before which to look on; 0 where there is nothing more."""
        holding = canonical([one.hex() for one in sought.holding]).decode()

        def work(r: Database) -> tuple[Sequence[Told], int]:
            upto = min(sought.before, r.execute(statement("last_position")).get + 1)
            if sought.run:
                seq = r.execute(statement("seq_before"), (sought.run, upto)).get
                values = (sought.run, seq, sought.agent, sought.person, holding, sought.also, sought.most)
                rows = r.execute(statement("told_of_run_before"), values).fetchall()
                return [Told(*row) for row in rows], rows[-1][0] if len(rows) == sought.most else 0
            since = max(upto - sought.look, 1)
            values = (upto, since, sought.agent, sought.person, holding, sought.also, sought.most)
            rows = r.execute(statement("told_before"), values).fetchall()
            after = rows[-1][0] if len(rows) == sought.most else since
            return [Told(*row) for row in rows], after if after > 1 else 0

        return await self._read(work)


def _values(granted: Pass) -> tuple[Any, ...]:
    times = (granted.created, granted.expires, granted.used)
    return (*granted[:6], *[instant(at) for at in times])


def _pass(row: tuple[Any, ...]) -> Pass:
    return Pass(*row[:6], *[moment(at) for at in row[6:]])
