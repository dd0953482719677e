"""The passes and claims of a store in memory, and looking through its runs."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

from deputy.ports.access import Claim, Fed, Looked, Pass, PassKind, Told
from deputy.ports.listing import COUNTED, Counts, Found, Line, Sought
from deputy.testing.memory.tables import WORKSPACE, MemoryDatabase, OwnedRun, aware

__all__ = ["MemoryAccess"]


class MemoryAccess:
    """Passes, claims and looking through, of one view of a database."""

    def __init__(self, database: Callable[[], MemoryDatabase]) -> None:
        self._database = database

    async def issue(self, granted: Pass) -> None:
        db = self._database()
        for name in [name for name, one in db.passes.items() if one.expires < granted.created]:
            del db.passes[name]
        db.passes[granted.digest] = granted

    async def redeem(self, digest: str, session: Pass) -> Pass | None:
        db = self._database()
        link = db.passes.get(digest)
        if link is None or link.kind != "link" or link.expires <= session.created:
            return None
        del db.passes[digest]
        db.passes[session.digest] = session._replace(person=link.person, role=link.role)
        return db.passes[session.digest]

    async def pass_of(self, digest: str) -> Pass | None:
        return self._database().passes.get(digest)

    async def touch(self, digest: str, at: datetime) -> None:
        db = self._database()
        if digest in db.passes:
            db.passes[digest] = db.passes[digest]._replace(used=aware(at))

    async def passes(self, kind: PassKind) -> Sequence[Pass]:
        found = [one for one in self._database().passes.values() if one.kind == kind]
        return sorted(found, key=lambda one: (one.created, one.id))

    async def withdraw(self, id: str) -> bool:
        db = self._database()
        gone = [name for name, one in db.passes.items() if one.id == id]
        for name in gone:
            del db.passes[name]
        return bool(gone)

    async def withdraw_all(self, person: str, kind: PassKind, but: str = "") -> int:
        db = self._database()
        gone = [name for name, one in db.passes.items() if (one.person, one.kind) == (person, kind) and one.id != but]
        for name in gone:
            del db.passes[name]
        return len(gone)

    async def claim(self, claim: Claim, forget: datetime) -> Claim | None:
        db = self._database()
        for key in [key for key, one in db.claims.items() if one.at < forget]:
            del db.claims[key]
        known = db.claims.get((claim.person, claim.key))
        if known is None:
            db.claims[claim.person, claim.key] = claim
        return known

    async def answer(self, claim: Claim) -> None:
        db, key = self._database(), (claim.person, claim.key)
        if key in db.claims:
            db.claims[key] = db.claims[key]._replace(status=claim.status, body=claim.body)

    async def find(self, sought: Sought) -> Found:
        db = self._database()
        names = list(db.runs)[::-1]
        if sought.before:
            names = names[names.index(sought.before) + 1 :] if sought.before in names else []
        fitting = [name for name in names if _fits(db.runs[name], sought)]
        lines = [_line(db, name) for name in fitting[: sought.most]]
        return Found(lines, lines[-1].row.id if len(fitting) > sought.most else "")

    async def count(self, sought: Sought) -> Counts:
        runs = [run for run in reversed(self._database().runs.values()) if _fits(run, sought)]
        plain = sought._replace(before="", most=0) == Sought(states=sought.states, most=0)
        most = len(runs) if plain else COUNTED
        return Counts(Counter(run.row.state for run in runs[:most]), len(runs) > most)

    async def counts(self) -> dict[str, int]:
        return dict(Counter(run.row.state for run in self._database().runs.values()))

    async def feed(self, after: int, most: int) -> Sequence[Fed]:
        db = self._database()
        found = enumerate(db.journal[after:], after + 1)
        fed = [Fed(n, run, seq, db.runs[run].rows[seq - 1].body) for n, (run, seq) in found if run != WORKSPACE]
        return fed[:most]

    async def position(self) -> int:
        return len(self._database().journal)

    async def told(self, after: int, most: int) -> Sequence[Told]:
        return [self._told(n) for n in range(after + 1, len(self._database().journal) + 1)][:most]

    async def looked(self, sought: Looked) -> tuple[Sequence[Told], int]:
        upto = min(sought.before, len(self._database().journal) + 1)
        since = 1 if sought.run else max(upto - sought.look, 1)
        found: list[Told] = []
        for n in reversed(range(since, upto)):
            one = self._told(n)
            if (
                sought.run in ("", one.run)
                and sought.agent in ("", one.agent)
                and (sought.person in ("", one.on_behalf_of) or f'"person:{sought.person}"'.encode() in one.body)
                and (not sought.holding or any(part in one.body for part in sought.holding))
                and sought.also in one.body
            ):
                found.append(one)
            if len(found) == sought.most:
                return found, n if n > 1 else 0
        return found, since if since > 1 else 0

    def _told(self, position: int) -> Told:
        db = self._database()
        name, seq = db.journal[position - 1]
        run = db.journal_of(name)
        assert run is not None
        stored = run.rows[seq - 1]
        return Told(position, name, seq, run.row.agent, run.row.on_behalf_of, stored.link, stored.body)


def _fits(run: OwnedRun, sought: Sought) -> bool:
    row, told, text = run.row, run.told, sought.text.strip().lower()
    return (
        (not sought.states or row.state in sought.states)
        and sought.agent in ("", row.agent)
        and sought.on_behalf_of in ("", row.on_behalf_of)
        and (sought.since is None or row.created >= sought.since)
        and (sought.until is None or row.created < sought.until)
        and sought.trigger in ("", told.trigger, told.cause)
        and run.money >= sought.money
        and (
            any(text in part.lower() for part in (told.task, told.title, row.agent))
            or (len(text) > 2 and row.id.endswith(sought.text.strip()))
        )
    )


def _line(db: MemoryDatabase, name: str) -> Line:
    run = db.runs[name]
    waits = [item for item in db.items.values() if item.run == name] if run.row.state == "waiting" else []
    return Line(run.now(), run.told, run.money, sorted(waits, key=lambda item: (item.created, item.id)))
