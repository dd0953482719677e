"""Take up a run where its journal ends, and drive it until it waits or is over.

What an open effect needs (a repeat, a read-back, a person) the gate decides when the driver comes to it again; here a
journal becomes a state, and a state becomes a driver's next step.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import NamedTuple

from deputy.base.errors import ConfigError, DeputyError, Frozen, LeaseLost, NotFound, OverBudget, Overtaken, Stopping
from deputy.domain.agent import Agent
from deputy.domain.builtin import BUILT_IN
from deputy.domain.cost import NOTHING, Cost
from deputy.domain.delivery import Cancel, ChildEnded, InboxRow
from deputy.domain.event import Ended, Fault, Note, TimerSet, event_from
from deputy.domain.principal import agent_principal
from deputy.domain.run import HALTED, ReplyTurn, Run, fold
from deputy.domain.stow import blobs_of
from deputy.domain.waiting import word_for
from deputy.kernel import loop, procedure
from deputy.kernel.explaining import explain, to_explain
from deputy.kernel.flow import context_label
from deputy.kernel.gate import Gate
from deputy.kernel.heeding import heed
from deputy.kernel.inbox import take
from deputy.kernel.journal import Holding, Journal
from deputy.kernel.procedure import Procedure
from deputy.kernel.proof import Render, prove
from deputy.kernel.rest import Finished, Released, Rest, Waits, failed, short_of
from deputy.kernel.visit import FILES_WRONG, Catalogue, Rules, Visit
from deputy.ports.store import Inbound, StateChange, Store, Taken, Timer

__all__ = ["Pinned", "Recovery", "load"]


class Pinned(NamedTuple):
    """A version of an agent as a run started on it: its declaration, its tools, its code if it is a procedure."""

    agent: Agent
    catalogue: Catalogue
    procedure: Procedure | None
    render: Render = lambda args, _scene: args  #: how the arguments of `done` are made of templates


LONGEST_PAUSE = 300.0  #: seconds between looks at whether a version can be had again
Pin = Callable[[str, str], Awaitable[Pinned]]  #: agent's name and version; raises DeputyError


async def load(store: Store, taken: Taken) -> Run:
    """The state of a run that was just claimed."""
    events = [event_from(row.body) for row in taken.rows]
    bodies = await store.blobs([name for event in events for name in blobs_of(event)])
    return fold(taken.run.id, events, bodies.__getitem__)


class Recovery:
    """Drives claimed runs."""

    def __init__(self, store: Store, rules: Rules, gate: Gate, pin: Pin) -> None:
        self._store, self._rules, self._gate, self._pin = store, rules, gate, pin

    @property
    def queued(self) -> int:
        """How many runs wait for their turn at a model."""
        return self._gate.turns.waiting

    def stop(self) -> None:
        """Let nobody wait for a turn any more: this worker begins nothing new."""
        self._gate.turns.dismiss()

    async def stay(self, taken: Taken, holding: Holding, mail: Callable[[str], list[Inbound]]) -> str:
        """Drive a run until it waits or is over; returns its new state. `mail` hands over what arrived meanwhile.

        Raises LeaseLost where the run belongs to another worker now.
        """
        run = await load(self._store, taken)
        journal = Journal(self._store, self._rules.clock, holding, taken.run, run)
        try:
            return await self._stay(journal, taken, mail)
        finally:
            journal.close()

    async def _stay(self, journal: Journal, taken: Taken, mail: Callable[[str], list[Inbound]]) -> str:
        try:
            pinned = await self._pin(taken.run.agent, taken.run.version)
        except DeputyError as exc:
            take(journal, taken.inbound, talk=True)
            return await self._unpinned(journal, exc)
        visit = Visit(self._rules, journal, pinned.agent, pinned.catalogue)
        try:
            return await self._drive(visit, pinned, taken.inbound, mail)
        except (DeputyError, asyncio.CancelledError):
            raise
        except Exception:
            await journal.leave(StateChange("waiting", journal.now(), "defect"))  # until a worker starts anew
            raise

    async def _drive(
        self, visit: Visit, pinned: Pinned, inbound: Sequence[Inbound], mail: Callable[[str], list[Inbound]]
    ) -> str:
        run, journal = visit.run, visit.journal
        take(journal, inbound)
        await heed(visit, self._store, inbound)
        visit.hear = lambda: take(journal, mail(run.id))
        while True:
            rest = await self._advance(visit, pinned)
            came = mail(run.id)
            arrived = take(journal, came) | await heed(visit, self._store, came)
            if isinstance(rest, Finished):
                return await self._finish(journal, rest.event)
            if isinstance(rest, Released):
                await journal.leave(StateChange("ready", journal.now()))
                return "ready"
            if isinstance(rest, Waits) and not arrived:
                word = rest.word or word_for(run)
                await journal.leave(StateChange("waiting", journal.now(), word))
                if word == "frozen" and not {"*", journal.row.agent}.intersection(await self._store.frozen()):
                    await self._store.wake("frozen")  # thawed between the refusal and now
                return "waiting"

    async def _unpinned(self, journal: Journal, exc: DeputyError) -> str:
        """The version a run started on cannot be had: a new run fails; one with effects waits and looks again."""
        if journal.run.effects:
            now = journal.now()
            journal.record(Note(at=now, kind="note", value=f"{exc.code}: {exc.message}"))
            tries = sum(t.startswith("version:") for t in journal.run.fired)
            timer = Timer(f"version:{tries + 1}", now + timedelta(seconds=min(5.0 * 2**tries, LONGEST_PAUSE)))
            event = TimerSet(at=now, timer=timer.id, due=timer.due)
            await journal.leave(StateChange("waiting", now, "configuration"), event, timers=[timer])
            return "waiting"
        error = Fault(exc.code, f"{exc.message}. {exc.remedy}".strip())
        return await self._finish(journal, Ended(at=journal.now(), state="failed", error=error))

    async def _advance(self, visit: Visit, pinned: Pinned) -> Rest | None:
        try:
            if visit.run.cancel is not None:
                return await self._cancel(visit)
            if visit.run.halted:
                return await self._halt(visit)
            rest = await self._step(visit, pinned)
            tries = visit.run.started is not None and visit.run.started.trial  # then nothing is there to be read back
            if isinstance(rest, Finished) and not tries:
                rest = await prove(visit, self._gate, rest, pinned.render)
            return _kept_open(visit, rest.event) if isinstance(rest, Finished) else rest
        except OverBudget as exc:
            return await short_of(visit, exc)
        except Frozen:
            return Waits("configuration" if FILES_WRONG in self._rules.frozen() else "frozen")
        except Stopping:
            return Released()
        except Overtaken:
            return None
        except LeaseLost:
            raise
        except (ConfigError, NotFound) as exc:
            return failed(visit, exc.code, f"{exc.message}. {exc.remedy}".strip())

    async def _step(self, visit: Visit, pinned: Pinned) -> Rest | None:
        if pinned.procedure is None and (aside := to_explain(visit.run)) is not None:
            return await explain(visit, self._gate, self._store, aside)
        timers = visit.run.timers
        if visit.run.short is not None or (timers and any(t.startswith("held:") for t in timers)):
            return Waits()
        if pinned.procedure is not None:
            return await procedure.drive(visit, self._gate, pinned.procedure)
        return await loop.drive(visit, self._gate)

    async def _cancel(self, visit: Visit) -> Rest:
        """End a run that people want stopped, once it is known what came of everything it began."""
        if await self._begun(visit, visit.run.cancel or ""):
            return Waits()
        error = Fault("cancelled", visit.run.cancel or "cancelled")
        return Finished(Ended(at=visit.journal.now(), state="cancelled", error=error, unconfirmed=_lost(visit.run)))

    async def _halt(self, visit: Visit) -> Rest:
        """Let a conversation rest, or end it, once it is known what came of everything it began."""
        run = visit.run
        if await self._begun(visit, HALTED, conclude=True) or not run.closing:
            return Waits()
        said = next((turn.said.text for turn in reversed(run.turns) if isinstance(turn, ReplyTurn)), "")
        return Finished(Ended(at=visit.journal.now(), state="done", answer=said, unconfirmed=_lost(run)))

    async def _begun(self, visit: Visit, why: str, *, conclude: bool = False) -> bool:
        """Whether something that was begun goes on; the runs it started are told to stop."""
        run, waiting = visit.run, False
        for effect in run.open_effects:
            if effect.kind == "model":
                continue
            if effect.child and effect.child not in run.children:
                row = InboxRow(
                    id=f"cancel:{effect.child}", run=effect.child, by=f"run:{run.id}", at=visit.journal.now(),
                    delivery=Cancel(why),
                )  # fmt: skip
                await self._store.deliver(row)
                waiting = True
            elif conclude or effect.call.tool not in BUILT_IN:
                waiting = not (await self._gate.perform(visit, effect.n)).over or waiting
        return waiting

    async def _finish(self, journal: Journal, ended: Ended) -> str:
        run = journal.run
        assert run.started is not None
        deliveries: list[InboxRow] = []
        if run.started.parent:
            spent: Cost = run.spent
            ending = ChildEnded(
                run=run.id, n=run.started.parent_n, state=ended.state, answer=ended.answer,
                error=ended.error.message if ended.error else "", cost=spent, label=context_label(run),
            )  # fmt: skip
            by = agent_principal(journal.row.agent, journal.row.version)
            row = InboxRow(id=f"child:{run.id}", run=run.started.parent, by=by, at=journal.now(), delivery=ending)
            deliveries.append(row)
        summary = ended.error.code if ended.error else ""
        arrivals = self._rules.ended(run, ended)
        change = StateChange(ended.state, ended.at, summary)
        await journal.leave(change, ended, deliveries=deliveries, arrivals=arrivals)
        return ended.state


def _lost(run: Run) -> Cost:
    """What a model call is booked at whose answer nobody waits for any more."""
    return sum((e.hold for e in run.effects.values() if e.kind == "model"), NOTHING)


def _kept_open(visit: Visit, ended: Ended) -> Rest:
    """How a conversation rests where another run is over: an answer, or what went wrong, is its person's turn."""
    run = visit.run
    if run.started is None or run.started.conversation == "no":
        return Finished(ended)
    if ended.error is not None:
        value = {"code": ended.error.code, "message": ended.error.message}
        path = f"fault/{run.asking}"
        visit.journal.record(Note(at=ended.at, kind="fault", path=path, value=value))
    return Waits()
