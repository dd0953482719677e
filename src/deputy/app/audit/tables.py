"""Compare the rows that tables keep of one run with what its journal tells."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from deputy.app.audit.items import OpenItem, difference, instant
from deputy.app.audit.report import Findings, Place, short
from deputy.app.audit.stored import UNREADABLE, StoredInbound, StoredItem, StoredRun, names
from deputy.app.audit.told import Told
from deputy.base.canonical import canonical, digest
from deputy.domain.effect import approval_digest
from deputy.domain.event import Note
from deputy.domain.run import Run
from deputy.domain.waiting import word_for
from deputy.kernel.approval import Asked
from deputy.kernel.conversation import Offer
from deputy.kernel.start import told_of
from deputy.ports.store import Snapshot

__all__ = ["Tables"]

OPEN = ("ready", "running", "waiting")


class Tables:
    """The tables of a snapshot, as far as they speak of runs; `frozen` names whom people ever froze."""

    def __init__(
        self, snapshot: Snapshot, findings: Findings, *, frozen: frozenset[str], leases: frozenset[tuple[str, int]]
    ) -> None:
        self._snapshot, self._findings = snapshot, findings
        self._frozen, self._leases = frozen, leases

    async def compare(self, row: StoredRun, told: Told) -> None:
        """Everything there is of a run that began."""
        self._compare_row(row, told)
        self._compare_state(row, told)
        await self._compare_mail(row, told)
        await self.compare_items(row, told.items, told.run)
        await self.compare_timers(row, {} if told.run.ended else told.run.timers)
        await self.compare_grants(row, told.grants)

    # -- the run's own row

    def _compare_row(self, row: StoredRun, told: Told) -> None:
        started = told.run.started
        assert started is not None
        root = started.ancestors[0] if started.ancestors else row.id
        says = {
            "agent": started.agent, "version": started.version, "driver": started.driver,
            "on_behalf_of": started.on_behalf_of, "parent": started.parent, "root": root,
            "created": instant(started.at),
        }  # fmt: skip
        for column, value in says.items():
            if getattr(row, column) != value:
                self._wrong(row, column, f"and its journal says {short(value)}")
        told_so = [*told_of(started, told.run.task), started.agent]
        if row.told != canonical(told_so).decode():
            self._wrong(row, "told", "and that is not how its journal begins")
        spent = told.run.spent.money
        behind = row.state in ("ready", "running")  # then it may have spent more since its state changed last
        if row.money is not None and (row.money > spent or (row.money < spent and not behind) or row.money < 0):
            self._wrong(row, "money", f"and by its journal it spent {spent}")
        if not _is_instant(row.changed):
            self._wrong(row, "changed", "which is no time that Deputy wrote")

    def _wrong(self, row: StoredRun, column: str, why: str) -> None:
        place = Place(run=row.id, table="runs", key=column)
        self._findings.add("run", place, f"Run {row.id} has {short(getattr(row, column))} as `{column}`, {why}.")

    def _compare_state(self, row: StoredRun, told: Told) -> None:
        ended = told.run.ended
        if ended is not None:
            if row.state != ended.state:
                self._wrong(row, "state", f"and its journal ends with {ended.state}")
            word = ended.error.code if ended.error else ""
            if row.summary != word:
                self._wrong(row, "summary", f"and its journal ends with {short(word)}")
        elif row.state not in OPEN:
            self._wrong(row, "state", "and its journal has no end")
        else:
            self._compare_word(row, told)
        owned = row.owner is not None and row.epoch is not None
        if (row.state == "running") != owned or (row.owner is None) != (row.epoch is None):
            self._lease(row, f"Run {row.id} is {row.state}, and belongs to {short(row.owner)}, epoch {row.epoch}.")
        elif owned and (row.owner, row.epoch) not in self._leases:
            self._lease(row, f"Run {row.id} belongs to worker {short(row.owner)}, epoch {row.epoch}, which is no more.")

    def _lease(self, row: StoredRun, message: str) -> None:
        self._findings.add("lease", Place(run=row.id, table="runs", key="owner"), message)

    def _compare_word(self, row: StoredRun, told: Told) -> None:
        frozen = not self._frozen.isdisjoint(("*", row.agent))
        if row.state == "waiting":
            run = told.run
            words = {str(word_for(run))} - {""}
            if frozen:
                words.add("frozen")
            if run.short is not None or any(timer.startswith("held:") for timer in run.timers):
                words.add("budget")
            if isinstance(told.last, Note) and told.last.kind == "note" and not told.last.path:
                words.add("configuration")
        else:
            words = told.words | ({"frozen"} if frozen else set[str]())
        if row.summary not in words:
            where = "waits for" if row.state == "waiting" else "can have waited for"
            what = ", ".join(sorted(words)) or "nothing"
            self._wrong(row, "summary", f"and by its journal it {where} {what}")
        elif row.state != "waiting" and not row.summary and row.changed != row.created:
            self._wrong(row, "changed", "though it never waited")

    # -- what arrived for it, and what it sent

    async def _compare_mail(self, row: StoredRun, told: Told) -> None:
        if row.state == "waiting":
            async for (count,) in self._snapshot.rows("pending", row.key):
                if count:
                    message = f"Run {row.id} waits, though {count} rows lie in its inbox."
                    self._findings.add("run", Place(run=row.id, table="runs", key="state"), message)
        ending = told.ending
        if ending is None or told.run.started is None:
            return
        name, parent = f"child:{row.id}", told.run.started.parent
        found = await self.arrivals([name])
        if name not in found:
            message = f"Run {row.id} ended, and its parent {parent} was not told."
            self._findings.add("inbox", Place(run=parent, table="inbox", key=name), message)
        elif (found[name].run, found[name].sender, found[name].body) != (parent, told.principal, canonical(ending)):
            message = f"What run {row.id} told its parent {parent} is not how it ended."
            self._findings.add("inbox", Place(run=parent, table="inbox", key=name), message)

    async def arrivals(self, of: list[str]) -> dict[str, StoredInbound]:
        """These rows of the inbox, by id."""
        found = [StoredInbound(*values) async for values in self._snapshot.rows("inbox_named", names(of))]
        return {row.id: row for row in found}

    # -- what waits for people, and for time

    async def compare_items(self, row: StoredRun, items: dict[str, OpenItem], run: Run | None) -> None:
        """The items that are open."""
        missing = dict(items)
        async for values in self._snapshot.rows("items", row.key):
            stored = StoredItem(*values)
            item = missing.pop(stored.id, None)
            place = Place(run=row.id, table="items", key=stored.id)
            if item is None:
                message = f"Item {stored.id} waits for people, and by the journal of run {row.id} nothing does there."
                self._findings.add("item", place, message)
                continue
            wrong = difference(stored, item)
            if not wrong and run is not None and item.kind == "approval":
                wrong = await self._other_parameters(stored, run)
            if wrong:
                self._findings.add("item", place, f"Item {stored.id} {wrong}.")
        for name, item in missing.items():
            place = Place(run=row.id, table="items", key=name)
            message = f"Item {name} ({item.kind}) of run {row.id} is open, and is not in the inbox of people."
            self._findings.add("item", place, message)

    async def _other_parameters(self, stored: StoredItem, run: Run) -> str:
        """How the schema that an edit must fit differs from the one the model was offered, where that can be told."""
        if not run.offered:
            return ""
        asked = msgspec.json.decode(stored.body, type=Asked)
        assert run.started is not None
        async for _key, _digest, body in self._snapshot.rows("blobs_named", names([run.offered])):
            try:
                offer = msgspec.json.decode(body, type=Offer)
            except UNREADABLE:
                return ""
            for tool in offer.tools:
                schema = digest(canonical([tool.name, tool.description, tool.parameters]))
                bound = approval_digest(
                    principal=f"agent:{run.started.agent}@{run.started.version[:12]}",
                    on_behalf_of=run.started.on_behalf_of, tool=tool.name, schema=schema, args=asked.args,
                )  # fmt: skip
                if tool.name == asked.tool and bound == asked.digest and tool.parameters != asked.parameters:
                    return "shows other `parameters` than the tool has"
        return ""

    async def compare_timers(self, row: StoredRun, timers: dict[str, datetime]) -> None:
        """The timers that are set; one that is due lies in the inbox instead."""
        missing = {name: instant(due) for name, due in timers.items()}
        async for name, due in self._snapshot.rows("timers", row.key):
            place = Place(run=row.id, table="timers", key=name)
            told = missing.pop(name, None)
            if told is None:
                message = f"Timer {short(name)} is set, and by the journal of run {row.id} it is not."
                self._findings.add("timer", place, message)
            elif due != told:
                message = f"Timer {short(name)} of run {row.id} is due at {short(due)}, and its journal says {told}."
                self._findings.add("timer", place, message)
        fired = await self.arrivals([f"timer:{row.id}:{name}" for name in missing]) if missing else {}
        for name in missing:
            there = fired.get(f"timer:{row.id}:{name}")
            if there is None or there.taken:
                place = Place(run=row.id, table="timers", key=name)
                message = f"Timer {name} of run {row.id} is neither set nor fired: nothing will wake the run."
                self._findings.add("timer", place, message)

    async def compare_grants(self, row: StoredRun, grants: Sequence[str]) -> None:
        """The approvals that were used."""
        missing = set(grants)
        async for item, owner in self._snapshot.rows("grants", row.id):
            place = Place(run=row.id, table="grants_used", key=item)
            if item not in missing or owner != row.id:
                message = f"Approval {short(item)} counts as used by {short(owner)}, and no journal says so."
                self._findings.add("grant", place, message)
            missing.discard(item)
        for item in sorted(missing):
            place = Place(run=row.id, table="grants_used", key=item)
            message = f"Approval {item} was used by run {row.id}, and does not count as used."
            self._findings.add("grant", place, message)


def _is_instant(text: str) -> bool:
    try:
        return instant(datetime.fromisoformat(text)) == text and text.endswith("+00:00")
    except ValueError:
        return False
