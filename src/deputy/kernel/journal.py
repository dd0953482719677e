"""One run's journal in the hands of its owner: the only writer of events, and the maker of intents.

`record` takes what cannot be refused (an outcome, something received): it is part of the state at once and durable
with the next commit, or a moment later. `commit` takes what a precondition may refuse: it becomes part of the state
once it is durable. Both keep their order. A write that fails for want of space or a free database is tried again until
it succeeds or the lease is lost: what happened outside is never forgotten while this process lives.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from deputy.base.clock import Clock
from deputy.base.errors import CommitRefused, Stopping, StoreBusy, StoreError, StoreFull
from deputy.domain.chain import link
from deputy.domain.cost import NOTHING
from deputy.domain.effect import AskPeople, Intent, ToolRequest
from deputy.domain.elicitation import Form
from deputy.domain.event import BudgetRaised, Event, ModelIntent, ToolIntent
from deputy.domain.message import Prompt
from deputy.domain.run import Run
from deputy.domain.stow import stow
from deputy.kernel.budget import UNLIMITED, Booking, Mandated, bookings, check, spread
from deputy.ports.store import Blob, Commit, Lease, Move, Row, RunRow, StateChange, Store

__all__ = ["Holding", "Journal", "Trouble", "make_intent"]

Trouble = Callable[[StoreError | None], None]  #: told when the store cannot be written, and with None when it can again
PAUSES = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)  #: seconds between attempts to write


class Holding:
    """A worker's lease, and until when (seconds on the boot clock) it certainly holds."""

    __slots__ = ("_soon", "lease", "stopping", "trouble", "until")

    def __init__(self, lease: Lease, until: float, trouble: Trouble = lambda _: None) -> None:
        self.lease, self.until, self.trouble = lease, until, trouble
        self.stopping = False  #: whether nothing new may begin
        self._soon: list[Callable[[], None]] = []

    def soon(self, work: Callable[[], None]) -> None:
        """Do this in the loop's next turn, all of it in one go: a handle of the loop for each would cost more."""
        if not self._soon:
            asyncio.get_running_loop().call_soon(self._now)
        self._soon.append(work)

    def _now(self) -> None:
        due, self._soon = self._soon, []
        for work in due:
            work()


#: On its way into a commit: an event (None where only other things go along), what it books by the state before it,
#: and what goes with it.
_Entry = tuple[Event | None, Sequence[Booking], Mapping[str, Sequence[Any]]]


class Journal:
    """The journal of a run that this process holds a lease on."""

    def __init__(self, store: Store, clock: Clock, holding: Holding, row: RunRow, run: Run) -> None:
        self._store, self._clock, self._holding = store, clock, holding
        self.row, self.run = row, run
        self.limits: Callable[[], Mandated] | None = None
        self._head = (row.seq, row.link)
        self._draft: list[_Entry] = []
        self._lock = asyncio.Lock()
        self._flush: asyncio.Task[None] | None = None
        self._kicked = False

    @property
    def until(self) -> float:
        """Nothing may be sent for this run once the boot clock passes this."""
        return self._holding.until

    def go_on(self) -> None:
        """Raise Stopping if this worker is to begin nothing new."""
        if self._holding.stopping:
            raise Stopping("the worker is stopping")

    def now(self) -> datetime:
        """The time of day."""
        return self._clock.now()

    def record(self, event: Event, **extras: Sequence[Any]) -> None:
        """Take in what cannot be refused; durable with the next commit, or a moment later by itself."""
        self._draft.append(self._entry(event, extras))
        self.run.apply(event)
        if not self._kicked:
            self._kicked = True
            self._holding.soon(self._kick)

    async def commit(self, event: Event, *, thawed: str = "", grant: str = "", **extras: Sequence[Any]) -> None:
        """Write what may be refused, after all that was recorded; raises CommitRefused and then changes nothing."""
        async with self._lock:
            mandated = self._mandated()
            if (type(event) is ModelIntent or type(event) is ToolIntent) and event.hold:
                old = self.run.effects.get(event.n)
                more = event.hold if old is None or old.hold is NOTHING else event.hold - old.hold
                check(self.run, more, mandated.run)
            recorded, self._draft = self._draft, []
            try:
                entries = [*recorded, self._entry(event, extras)]
                await self._write(entries, mandated, thawed=thawed, grant=grant)
            except CommitRefused:
                self._draft = recorded + self._draft
                raise
            self.run.apply(event)

    def keep(self, blob: Blob) -> None:
        """Store a blob with the next commit."""
        self._draft.append((None, (), {"blobs": (blob,)}))

    async def durable(self) -> None:
        """Return once everything recorded is durable."""
        async with self._lock:
            if self._draft:
                draft, self._draft = self._draft, []
                await self._write(draft, self._mandated())

    async def leave(self, change: StateChange, event: Event | None = None, **extras: Sequence[Any]) -> None:
        """Write the last of this visit (or of the run) and give up the lease, in one commit."""
        async with self._lock:
            if event is not None:
                self._draft.append(self._entry(event, extras))
                self.run.apply(event)
            draft, self._draft = self._draft, []
            change = change._replace(money=self.run.spent.money)
            await self._write(draft, self._mandated(), state=change)

    def close(self) -> None:
        """Write nothing more: the stay is over, or was cut short as by a crash."""
        self.limits = None  # the visit's, which knows us: together they would wait for the collector
        if self._flush is not None:
            self._flush.cancel()

    # -- inside

    def _mandated(self) -> Mandated:
        return UNLIMITED if self.limits is None else self.limits()

    def _entry(self, event: Event, extras: Mapping[str, Sequence[Any]]) -> _Entry:
        return event, bookings(self.run, event) if self.run.started is not None else (), extras

    def _kick(self) -> None:
        """Write what was recorded, unless whoever recorded it has committed meanwhile and taken it along."""
        self._kicked = False
        if self._draft and not self._lock.locked():
            self._flush = asyncio.get_running_loop().create_task(self._flush_now())

    async def _flush_now(self) -> None:
        with contextlib.suppress(CommitRefused):  # whoever goes on with this run meets the same refusal
            await self.durable()

    async def _write(
        self, draft: Sequence[_Entry], mandated: Mandated, *, thawed: str = "", grant: str = "",
        state: StateChange | None = None,
    ) -> None:  # fmt: skip
        (seq, last), run = self._head, self.run.id
        rows: list[Row] = []
        moves: list[Move] = []
        rest: dict[str, list[Any]] = {}
        for event, booked, extras in draft:
            if extras:
                for name, values in extras.items():
                    rest.setdefault(name, []).extend(values)
            if event is None:
                continue
            if booked or type(event) is BudgetRaised:
                moves += spread(self.run, event, booked, mandated)
            body, blobs = stow(event)
            seq += 1
            last = link(last, run, seq, body)
            rows.append(Row(seq, last, body))
            if blobs:
                rest.setdefault("blobs", []).extend(Blob(*blob) for blob in blobs)
        commit = Commit(
            run, self._holding.lease, self._head, rows, moves=moves, thawed=thawed, grant=grant, state=state,
            **rest,  # pyright: ignore[reportArgumentType] - none of them is `begins`
        )  # fmt: skip
        try:
            await self._store.commit(commit)
        except (StoreFull, StoreBusy) as exc:
            await self._commit_again(commit, exc)
        self._head = (seq, last)

    async def _commit_again(self, commit: Commit, trouble: StoreError) -> None:
        attempt = 0
        while True:
            self._holding.trouble(trouble)
            await self._clock.sleep(PAUSES[min(attempt, len(PAUSES) - 1)])
            attempt += 1
            try:
                await self._store.commit(commit)
            except (StoreFull, StoreBusy) as exc:
                trouble = exc
            else:
                return self._holding.trouble(None)


def make_intent(
    journal: Journal,
    request: ToolRequest | Prompt,
    *,
    n: int,
    attempt: int,
    deadline: float,
    ask: AskPeople | None = None,
) -> Intent:
    """The permit for one dispatch; made here and nowhere else, for an effect that the journal holds or a pure read."""
    intent = object.__new__(Intent)
    row = journal.row
    intent.run = row.id
    intent.key = f"{row.id}.{n}"
    intent.attempt, intent.deadline = attempt, deadline
    intent.agent, intent.version, intent.on_behalf_of = row.agent, row.version, row.on_behalf_of
    intent.request = request
    intent.dispatch_by = journal.until
    intent.ask, intent.aloud = ask or _nobody, None
    return intent


async def _nobody(_asker: str, _form: Form) -> dict[str, object]:
    """Who answers where there is no time to ask people."""
    return {"action": "decline"}
