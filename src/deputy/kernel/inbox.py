"""Turn what arrived for a run into events, in the order it arrived; only the run's owner does."""

from collections.abc import Sequence

from deputy.domain.delivery import Approve, ChildEnded, Expire, Halt, Raise, Refuse, Reply, Settle, Tell, delivery_from
from deputy.domain.event import BudgetRaised, Note, Received, Settled
from deputy.domain.label import TRUSTED
from deputy.kernel.journal import Journal
from deputy.ports.store import Inbound

__all__ = ["take"]


def take(journal: Journal, rows: Sequence[Inbound]) -> bool:
    """Record every row that this run has not had yet; whether there was one."""
    if not rows:
        return False
    new = [row for row in rows if row.id not in journal.run.rows]
    for row in new:
        _take_one(journal, row)
    return bool(new)


def _take_one(journal: Journal, row: Inbound) -> None:
    run = journal.run
    delivery, at = delivery_from(row.body), journal.now()
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
            journal.record(event, taken=[row.position], items_off=[item])
        case Raise(item, amount):
            if run.short is None or run.short.item != item:
                journal.record(received, taken=[row.position])
                return
            raised = BudgetRaised(at=at, by=row.by, amount=amount, account=run.short.account, row=row.id)
            journal.record(raised, taken=[row.position], items_off=[item])
        case Approve(item, digest):
            asked = next((e.asked for e in run.effects.values() if e.item == item), None)
            if asked is None or asked.digest != digest:
                note = f"approval {row.id} by {row.by} is not of what was asked, and was not taken"
                journal.record(Note(at=at, kind="note", value=note), taken=[row.position])
                run.rows.add(row.id)
                return
            journal.record(received, taken=[row.position], items_off=[item])
        case Refuse(item) | Expire(item) | Reply(item):
            doubted = any(e.item == item and e.status == "in_doubt" for e in run.effects.values())
            journal.record(received, taken=[row.position], items_off=[] if doubted else [item])
        case Halt():
            journal.record(received, taken=[row.position], items_off=[e.item for e in run.halting if e.item])
        case _:
            journal.record(received, taken=[row.position])
