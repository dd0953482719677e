"""Turn what arrived for a run into events, in the order it arrived; only the run's owner does."""

from collections.abc import Sequence

from deputy.domain.delivery import (
    Approve,
    AskBack,
    ChildEnded,
    Delegate,
    Delivery,
    Expire,
    Halt,
    Raise,
    Refuse,
    Reply,
    Settle,
    Tell,
    delivery_from,
)  # fmt: skip
from deputy.domain.event import BudgetRaised, Note, Received, Settled
from deputy.domain.label import TRUSTED
from deputy.domain.run import Run
from deputy.kernel.journal import Journal
from deputy.ports.store import Inbound

__all__ = ["is_talk", "take"]


def take(journal: Journal, rows: Sequence[Inbound], *, talk: bool = False) -> bool:
    """Record every row that this run has not had yet; whether there was one.

    What is said about an open item changes what it shows: `kernel.heeding` takes it in, unless nobody can (`talk`).
    """
    taken = False
    for row in rows:
        if row.id not in journal.run.rows:
            delivery = delivery_from(row.body)
            if talk or not is_talk(journal.run, delivery):
                _take_one(journal, row, delivery)
                taken = True
    return taken


def is_talk(run: Run, delivery: Delivery) -> bool:
    """Whether it is about an open item, and does not decide it."""
    match delivery:
        case AskBack() | Delegate():
            return True
        case Reply(item) | Refuse(item):
            return bool(run.talk.about(item))
        case _:
            return False


def _take_one(journal: Journal, row: Inbound, delivery: Delivery) -> None:
    run, at = journal.run, journal.now()
    label = delivery.label if isinstance(delivery, Tell | ChildEnded) else TRUSTED
    received = Received(at=at, row=row.id, by=row.by, delivery=delivery, label=label)
    match delivery:
        case Settle(item, happened, via):
            effect = next((e for e in run.effects.values() if e.item == item and e.status == "in_doubt"), None)
            if effect is None:
                journal.record(received, taken=[row.position])
                return
            value = {"happened": True, "settled_by": row.by} if happened else None
            event = Settled(at=at, n=effect.n, happened=happened, by=row.by, result=value, row=row.id, via=via)
            journal.record(event, taken=[row.position], items_off=[item, *run.talk.waiting(item)])
        case Raise(item, amount):
            if run.short is None or run.short.item != item:
                journal.record(received, taken=[row.position])
                return
            raised = BudgetRaised(at=at, by=row.by, amount=amount, account=run.short.account, row=row.id)
            journal.record(raised, taken=[row.position], items_off=[item, *run.talk.waiting(item)])
        case Approve(item, digest):
            asked = next((e.asked for e in run.effects.values() if e.item == item), None)
            if asked is None or asked.digest != digest:
                note = f"approval {row.id} by {row.by} is not of what was asked, and was not taken"
                journal.record(Note(at=at, kind="note", value=note), taken=[row.position])
                run.rows.add(row.id)
                return
            journal.record(received, taken=[row.position], items_off=[item, *run.talk.waiting(item)])
        case Refuse(item) | Expire(item) | Reply(item):
            doubted = any(e.item == item and e.status == "in_doubt" for e in run.effects.values())
            journal.record(received, taken=[row.position], items_off=[] if doubted else [item, *run.talk.waiting(item)])
        case Halt():
            off = [e.item for e in run.halting if e.item]
            off += [aside for item in off for aside in run.talk.waiting(item)]
            journal.record(received, taken=[row.position], items_off=off)
        case _:
            journal.record(received, taken=[row.position])
