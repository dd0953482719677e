"""Check that a workspace's database is what was written: every byte against its digest, every table against the folds.

It reads one snapshot while others go on writing, run by run, and changes nothing. It finds whatever was changed,
dropped, inserted or put in another order by somebody who did not compute all digests anew. Until seals are signed,
whoever can edit the files can do just that, and nothing here can tell; what helps today is a seal's link that was kept
where they cannot edit (`anchor`).

Not part of the record, and so not checked: heartbeats of workers; whether a run that nobody holds counts as ready or as
waiting for what it can wait for; when a run last changed its state; an account's limits; whom an item was shown to
(more in `items`); how far triggers' sources were seen, and arrivals that were forgotten after their time; and whether
somebody's answer was removed before its run took it.
"""

from collections.abc import Callable

from deputy.app.audit.arrivals import check_arrivals
from deputy.app.audit.journals import Journals
from deputy.app.audit.ledger import Ledger
from deputy.app.audit.report import Findings, Place, Report, short
from deputy.app.audit.seals import check_seals, read_anchor
from deputy.app.audit.stored import UNREADABLE, StoredInbound, StoredRun
from deputy.app.audit.tables import Tables
from deputy.app.audit.told import Told
from deputy.base.canonical import digest
from deputy.base.errors import StoreError
from deputy.domain.delivery import delivery_from
from deputy.ports.store import Anchor, AuditableStore, Snapshot

__all__ = ["verify"]

WORKSPACE = StoredRun(0, "workspace", "", "", "", "", "", "", "workspace", "", "", "", None, None)


async def verify(
    store: AuditableStore, *, anchor: Anchor | None = None, told: Callable[[int], None] = lambda _: None
) -> Report:
    """Check everything there is; `anchor` is a seal that was kept elsewhere, beside the one in the workspace's folder.

    `told` hears how many runs were read so far. A database that cannot be read to its end is a finding, not an error.
    """
    findings = Findings()
    try:
        async with store.snapshot() as snapshot:
            await _Audit(snapshot, findings, anchor, told).all()
    except StoreError as exc:
        findings.add("database", Place(), f"Nothing can be read: {exc.message}.")
    return findings.report()


class _Audit:
    def __init__(
        self, snapshot: Snapshot, findings: Findings, anchor: Anchor | None, heard: Callable[[int], None]
    ) -> None:
        self._snapshot, self._findings, self._anchor, self._heard = snapshot, findings, anchor, heard
        self._journals = Journals(snapshot, findings)
        self._ledger = Ledger(snapshot, findings)
        self._children: dict[str, tuple[str, int]] = {}  # runs that the present tree says it started: by whom
        self._sure = True  # whether all runs of the present tree could be read

    async def all(self) -> None:
        """Everything, part by part; one that cannot be read does not hide what the others have."""
        for what, part in (
            ("The file", self._file), ("The runs", self._runs), ("The accounts", self._ledger.settle_days),
            ("The inbox", self._inbox), ("The arrivals", self._arrivals), ("The blobs", self._blobs),
            ("What belongs to no run", self._strays), ("The seals", self._seals),
        ):  # fmt: skip
            try:
                await part()
            except StoreError as exc:
                self._findings.add("database", Place(), f"{what} cannot be read to the end: {exc.message}.")

    async def _file(self) -> None:
        for sentence in await self._snapshot.check():
            self._findings.add("database", Place(), sentence)

    # -- runs

    async def _runs(self) -> None:
        leases = frozenset([(name, epoch) async for name, epoch in self._snapshot.rows("workers")])
        tables = Tables(self._snapshot, self._findings, frozen=frozenset(), leases=leases)
        root: str | None = None
        seen = False
        async for values in self._snapshot.rows("runs"):
            row = StoredRun(*values)
            if row.key == 0:
                seen = True
                tables = Tables(self._snapshot, self._findings, frozen=await self._workspace(row), leases=leases)
                await self._compare_without_run(tables, row)
                continue
            if row.root != root:
                await self._settle_tree()
                root = row.root
            await self._run(tables, row)
        await self._settle_tree()
        if not seen:
            place = Place(run=WORKSPACE.id, table="runs", key="0")
            self._findings.add("dropped", place, "The row of the workspace itself is missing.")

    async def _workspace(self, row: StoredRun) -> frozenset[str]:
        """Check the workspace's own journal against the switches; who was ever frozen."""
        if row != WORKSPACE:
            place = Place(run=WORKSPACE.id, table="runs", key="0")
            self._findings.add("run", place, "The row of the workspace itself was changed.")
        frozen, ever = await self._journals.read_workspace(row._replace(id=WORKSPACE.id))
        there = {name async for (name,) in self._snapshot.rows("freezes")}
        for name in sorted(there ^ frozen):
            said, is_ = ("frozen", "off") if name in frozen else ("not frozen", "on")
            message = f"By the journal of the workspace {short(name)} is {said}, and its switch is {is_}."
            self._findings.add("freeze", Place(table="freezes", key=name), message)
        return frozenset(ever)

    async def _run(self, tables: Tables, row: StoredRun) -> None:
        self._findings.runs += 1
        self._heard(self._findings.runs)
        told, sound = await self._journals.read(row)
        by = self._children.pop(row.id, None)
        if not sound:
            self._sure = False
            self._ledger.doubt(row.agent)
            self._ledger.book(row.id, ())
            self._children.update({child: (row.id, n) for child, n in told.children.items()})
            return
        self._ledger.book(row.id, told.moves)
        self._compare_parent(row, told, by)
        self._children.update({child: (row.id, n) for child, n in told.children.items()})
        await tables.compare(row, told)

    def _compare_parent(self, row: StoredRun, told: Told, by: tuple[str, int] | None) -> None:
        started = told.run.started
        assert started is not None
        says = (started.parent, started.parent_n) if started.parent else None
        if says != by and (self._sure or by is not None):
            who = "nobody" if by is None else f"effect {by[1]} of run {by[0]}"
            whom = "nobody" if says is None else f"effect {says[1]} of run {says[0]}"
            message = f"Run {row.id} says that {whom} started it, and by the journals of its tree {who} did."
            self._findings.add("run", Place(run=row.id, seq=1), message)

    async def _settle_tree(self) -> None:
        for child, (parent, n) in self._children.items():
            message = f"Effect {n} of run {parent} started run {child}, which is not there."
            self._findings.add("dropped", Place(run=child), message)
        self._children, self._sure = {}, True
        await self._ledger.settle_tree()

    async def _compare_without_run(self, tables: Tables, row: StoredRun) -> None:
        await tables.compare_items(row, {}, None)
        await tables.compare_timers(row, {})
        await tables.compare_grants(row, ())

    # -- everything else

    async def _inbox(self) -> None:
        async for values in self._snapshot.rows("inbox"):
            row = StoredInbound(*values)
            wrong = self._wrong_row(row)
            if wrong:
                place = Place(run=row.run or "", table="inbox", key=row.id)
                self._findings.add("inbox", place, f"Inbox row {short(row.id)} {wrong}.")

    def _wrong_row(self, row: StoredInbound) -> str:
        if not row.intact:
            return "was changed after it arrived"
        if row.taken not in (0, 1):
            return f"counts as taken {row.taken} times"
        if row.taken and row.position not in self._journals.taken:
            return "counts as taken, and no event came of it"
        try:
            delivery_from(row.body)
        except UNREADABLE as exc:
            return f"cannot be read: {short(str(exc))}"
        return ""

    async def _arrivals(self) -> None:
        await check_arrivals(self._snapshot, self._findings, self._journals)

    async def _blobs(self) -> None:
        unnamed: list[str] = []
        async for key, name, body in self._snapshot.rows("blobs"):
            self._findings.blobs += 1
            if digest(body) != name.hex():
                place = Place(table="blobs", key=name.hex())
                self._findings.add("blob", place, f"Blob {name.hex()[:12]} is not the content its name promises.")
            elif key not in self._journals.blobs and len(unnamed) < 100:
                unnamed.append(name.hex())
        for name in unnamed:
            self._findings.note("blob", Place(table="blobs", key=name), f"No event names blob {name[:12]}.")

    async def _strays(self) -> None:
        async for table, key in self._snapshot.rows("strays"):
            message = f"`{table}` has {short(key)}, which belongs to no run: the run was dropped, or it was put there."
            self._findings.add("dropped", Place(table=table, key=key), message)
        async for item, person in self._snapshot.rows("waits"):
            message = f"Whether {short(item)} waits for {short(person)} is listed otherwise than the items say."
            self._findings.add("item", Place(table="waits", key=item), message)
        async for table, first, last in self._snapshot.rows("gaps"):
            which = f"row {first}" if first == last else f"rows {first} to {last}"
            self._findings.add("dropped", Place(table=table, key=str(first)), f"`{table}` has lost {which}.")

    async def _seals(self) -> None:
        anchors = [] if self._anchor is None else [self._anchor]
        if self._snapshot.anchor is not None:
            kept = read_anchor(self._snapshot.anchor)
            if kept is None:
                message = "The file `seal` beside the database names no seal: it was changed."
                self._findings.add("anchor", Place(key="seal"), message)
            else:
                anchors.append(kept)
        await check_seals(self._snapshot, self._findings, anchors)
        if self._snapshot.anchor is None and self._findings.seals:
            message = "The file `seal` beside the database is missing: that the chain was not cut short cannot be told."
            self._findings.add("anchor", Place(key="seal"), message)
