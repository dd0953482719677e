"""Take in what people say about an item while it is open, so that the item shows it; nothing here decides one.

A question to a person becomes an item of its own, which goes when the item it is about does. To whom an item may be
handed, policy says at that moment; when the answer is used, it says so again.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from deputy.base.canonical import digest
from deputy.domain.delivery import AskBack, Delegate, Refuse, Reply, delivery_from
from deputy.domain.effect import ToolSpec
from deputy.domain.event import Received
from deputy.domain.run import Run
from deputy.domain.talk import AGENT, Talk
from deputy.domain.verdict import Ask
from deputy.kernel.approval import Asked, item_of, shown
from deputy.kernel.asking import question
from deputy.kernel.inbox import is_talk
from deputy.kernel.visit import Visit
from deputy.ports.store import Inbound, Item, Store

__all__ = ["ASKED_BACK", "RULE", "Amended", "amended", "heed", "is_open"]

RULE = "ask-back"  #: of the question that a person is asked about an item
ASKED_BACK = "Somebody who is to decide about this asks."


class Amended(NamedTuple):
    """An item as it is from now on."""

    item: Item
    digest: str


def is_open(run: Run, item: str) -> bool:
    """Whether an item can still be decided."""
    if run.short is not None and run.short.item == item:
        return True
    return any(effect.item == item and effect.status in ("asked", "in_doubt") for effect in run.effects.values())


def amended(item: Item, talk: Talk) -> Amended:
    """An item with all that was said about it."""
    asked = shown(item)
    handed = tuple(talk.handed.get(item.id, ()))
    people = tuple(sorted({*asked.people, *(one.to for one in handed)}))
    changed = msgspec.structs.replace(asked, asides=tuple(talk.asides.get(item.id, ())), handed=handed, people=people)
    new = item_of(item.id, item.run, changed, created=item.created, expires=item.expires)
    return Amended(new, digest(new.body))


async def heed(visit: Visit, store: Store, rows: Sequence[Inbound]) -> bool:
    """Take in the rows that are about open items; whether there was one."""
    heeded = False
    for row in rows or ():
        delivery = delivery_from(row.body)
        if row.id in visit.run.rows or not is_talk(visit.run, delivery):
            continue
        match delivery:
            case AskBack() | Delegate():
                await _said(visit, store, row, delivery)
            case Reply(asked) | Refuse(asked):
                await _answered(visit, store, row, asked, delivery)
            case _:
                continue
        heeded = True
    return heeded


async def _said(visit: Visit, store: Store, row: Inbound, delivery: AskBack | Delegate) -> None:
    journal, run = visit.journal, visit.run
    at, item = journal.now(), await store.item(delivery.item)
    plain = Received(at=at, row=row.id, by=row.by, delivery=delivery)
    if item is None or not is_open(run, item.id) or not _permitted(visit, item, delivery):
        journal.record(plain, taken=[row.position])
        return
    talk = run.talk.copy()
    talk.take(msgspec.structs.replace(plain, shown={item.id: ""}), delivery)
    new = amended(item, talk)
    items: list[Item] = []
    shows = {item.id: new.digest}
    if isinstance(delivery, AskBack) and delivery.to != AGENT:
        items.append(_put(item, shown(item), run.talk.next_id(item.id), delivery, at))
        shows[items[0].id] = digest(items[0].body)
    event = msgspec.structs.replace(plain, shown=shows)
    journal.record(event, taken=[row.position], amended=[new.item], items=items)
    await journal.durable()


async def _answered(visit: Visit, store: Store, row: Inbound, asked: str, delivery: Reply | Refuse) -> None:
    journal, run = visit.journal, visit.run
    at, about = journal.now(), run.talk.about(asked)
    item = await store.item(about) if is_open(run, about) else None
    event = Received(at=at, row=row.id, by=row.by, delivery=delivery)
    if item is None:
        journal.record(event, taken=[row.position], items_off=[asked])
        return
    talk = run.talk.copy()
    talk.take(event, delivery)
    new = amended(item, talk)
    event = msgspec.structs.replace(event, shown={item.id: new.digest})
    journal.record(event, taken=[row.position], amended=[new.item], items_off=[asked])
    await journal.durable()


def _permitted(visit: Visit, item: Item, delivery: AskBack | Delegate) -> bool:
    """Whether whom it is handed to may decide, by the mandate of now."""
    if isinstance(delivery, AskBack):
        return True
    asked = shown(item)
    if asked.kind != "approval":
        return False
    n = int(asked.effect.rpartition(".")[2])
    spec = visit.catalogue.find(asked.tool) or ToolSpec(name=asked.tool)
    verdict = visit.rules.policy().decide(question(visit, n, spec, asked.args))
    return isinstance(verdict, Ask) and delivery.to in verdict.people | verdict.delegates


def _put(item: Item, asked: Asked, name: str, delivery: AskBack, at: datetime) -> Item:
    """The question as the person who is asked finds it in their inbox."""
    person = delivery.to.removeprefix("person:")
    put = Asked(
        kind="question", agent=asked.agent, on_behalf_of=asked.on_behalf_of, tool=asked.tool, args=asked.args,
        question=delivery.text, why=ASKED_BACK, rule=RULE, untrusted=asked.untrusted, approvers=(delivery.to,),
        people=(person,), cls=asked.cls, says=asked.says, authority=asked.authority, about=item.id,
    )  # fmt: skip
    return item_of(name, item.run, put, created=at, expires=None)
