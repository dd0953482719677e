"""What people's inbox must show, as far as the journal tells: the items that are open, and what stands in each.

The event that opened an item holds the digest of all that it shows (an event of version 0.1 may not, and then which
people could answer, why a budget was short and what an edit must fit go unchecked). What can be told from the journal
itself is compared member by member, so that a difference is named.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from deputy.app.audit.report import short
from deputy.app.audit.stored import UNREADABLE, StoredItem
from deputy.base.canonical import canonical, digest
from deputy.domain.builtin import PERSON_ASK, PERSON_TELL
from deputy.domain.delivery import Approve, Delivery, Expire, Halt, Refuse, Reply
from deputy.domain.event import (
    BudgetRaised,
    BudgetShort,
    Doubted,
    Elicited,
    Event,
    Explained,
    Received,
    Settled,
    ToolIntent,
    VerdictGiven,
)  # fmt: skip
from deputy.domain.label import Origin
from deputy.domain.run import Run
from deputy.kernel.approval import Asked
from deputy.kernel.eliciting import RULE, WHY, shown_of
from deputy.kernel.flow import origins
from deputy.kernel.heeding import ASKED_BACK
from deputy.kernel.heeding import RULE as ASK_BACK

__all__ = ["OpenItem", "amended_by", "closed_by", "difference", "instant", "opened_by", "taken_off"]

NO_SCHEMA: dict[str, object] = {}
SLACK = timedelta(minutes=1)  #: between looking at the clock for an event and for its item


class OpenItem(NamedTuple):
    """An item as the journal tells of it; `says` are members of what it shows."""

    kind: str
    created: datetime
    expires: datetime | None
    says: Mapping[str, object]
    exact: bool = True  #: whether it was created at just the time of its event
    shown: str = ""  #: digest of all that it shows, where the event has it


def instant(at: datetime) -> str:
    """A time as the tables keep it."""
    return at.isoformat(timespec="microseconds")


def opened_by(run: Run, event: Event) -> dict[str, OpenItem]:
    """The items that an event opens, by id; `run` has taken the event in."""
    match event:
        case VerdictGiven(verdict="ask"):
            says = _about(run, "approval", event.n) | {
                "digest": event.digest, "why": event.reason, "rule": event.rule, "untrusted": event.untrusted,
                "approvers": event.approvers, "options": (),
            }  # fmt: skip
            says["question"] = f"May {says['agent']} call {says['tool']}?"
            return {event.item: OpenItem("approval", event.at, event.expires, says, shown=event.shown)}
        case ToolIntent():
            return _said_by(run, event)
        case Doubted():
            says = _about(run, "in_doubt", event.n) | {
                "digest": "", "why": event.reason, "rule": "in-doubt", "options": (), "parameters": NO_SCHEMA,
                "untrusted": origins(run, event.n, run.effects[event.n].call.args),
            }  # fmt: skip
            says["question"] = f"Did {says['tool']} happen?"
            return {event.item: OpenItem("in_doubt", event.at, None, says, exact=False, shown=event.shown)}
        case Elicited(over=""):
            return _elicited(run, event)
        case Received():
            return _asked_back(run, event)
        case BudgetShort():
            started = run.started
            assert started is not None
            says: dict[str, object] = {
                "kind": "budget", "agent": started.agent, "on_behalf_of": started.on_behalf_of, "effect": "",
                "digest": "", "tool": "", "args": {"unit": event.unit, "account": event.account}, "options": (),
                "question": f"May {started.agent} use more {event.unit}?", "rule": f"budget:{event.unit}",
                "untrusted": (), "parameters": NO_SCHEMA,
            }  # fmt: skip
            return {event.item: OpenItem("budget", event.at, None, says, shown=event.shown)}
        case _:
            return {}


def _about(run: Run, kind: str, n: int) -> dict[str, object]:
    assert run.started is not None
    call = run.effects[n].call
    return {
        "kind": kind, "agent": run.started.agent, "on_behalf_of": run.started.on_behalf_of, "effect": f"{run.id}.{n}",
        "tool": call.tool, "args": call.args,
    }  # fmt: skip


def _said_by(run: Run, event: ToolIntent) -> dict[str, OpenItem]:
    """The question or message that an intent puts into people's inbox."""
    call = run.effects[event.n].call
    if call.tool not in (PERSON_ASK.name, PERSON_TELL.name):
        return {}
    kind = "question" if call.tool == PERSON_ASK.name else "message"
    args = call.args
    says: dict[str, object] = _about(run, kind, event.n) | {
        "digest": "", "why": "", "rule": event.rule, "parameters": NO_SCHEMA, "options": _options(args.get("options")),
        "question": str(args.get("question") or args.get("text")),
    }  # fmt: skip
    to = str(args.get("to") or f"person:{says['on_behalf_of']}")
    if to == "manager" or to.partition(":")[0] in ("person", "group", "role"):
        says["approvers"] = (to,)  # a name or an address is looked up among people, who come and go
    return {event.item or f"{run.id}.{event.n}.1": OpenItem(kind, event.at, None, says, shown=event.shown)}


def _elicited(run: Run, event: Elicited) -> dict[str, OpenItem]:
    """The question that the far side of a call puts into people's inbox."""
    effect = run.effects[event.n]
    forms = effect.elicited.forms if effect.elicited is not None else None
    says = _about(run, "question", event.n)
    seen = shown_of(event.asker, effect.call.tool, forms or {})
    says |= {
        "digest": "", "why": WHY, "rule": RULE, "parameters": seen.schema, "options": (), "question": seen.question,
        "approvers": (f"person:{says['on_behalf_of']}",), "untrusted": (Origin("question", effect.call.tool),),
    }  # fmt: skip
    return {event.item: OpenItem("question", event.at, None, says, shown=event.shown)}


def _asked_back(run: Run, event: Received) -> dict[str, OpenItem]:
    """The question about an item that an event puts into a person's inbox."""
    for item in event.shown:
        for aside in run.talk.asides.get(item, ()):
            if aside.id in event.shown:
                says: dict[str, object] = {
                    "kind": "question", "effect": "", "digest": "", "question": aside.text, "why": ASKED_BACK,
                    "rule": ASK_BACK, "options": (), "approvers": (aside.to,), "about": item, "parameters": NO_SCHEMA,
                }  # fmt: skip
                return {aside.id: OpenItem("question", event.at, None, says, shown=event.shown[aside.id])}
    return {}


def amended_by(run: Run, event: Received | Explained, items: Mapping[str, OpenItem]) -> dict[str, OpenItem]:
    """The items that show something else from an event on."""
    talk = run.talk
    return {
        name: items[name]._replace(
            shown=shown,
            says={
                **items[name].says, "asides": tuple(talk.asides.get(name, ())),
                "handed": tuple(talk.handed.get(name, ())),
            },
        )
        for name, shown in event.shown.items()
        if name in items
    }  # fmt: skip


def _options(value: object) -> tuple[object, ...]:
    return tuple(msgspec.convert(value or [], list[str]))


def taken_off(run: Run, event: Event, delivery: Delivery | None) -> list[str]:
    """The items that an event closes for what it is about; `run` has not taken the event in."""
    match event:
        case Settled():
            return [run.effects[event.n].item]
        case Elicited(over=str() as over, item=item) if over:
            return [item]
        case BudgetRaised():
            return [run.short.item] if run.short is not None else []
        case Received() if isinstance(delivery, Halt):
            return [effect.item for effect in run.halting]
        case _:
            return []


def closed_by(delivery: Delivery | None) -> str:
    """The item that a received answer closes."""
    return delivery.item if isinstance(delivery, Approve | Refuse | Expire | Reply) else ""


def difference(stored: StoredItem, item: OpenItem) -> str:
    """How an item differs from what the journal tells of it, as the end of a sentence; empty if it does not."""
    if stored.kind != item.kind:
        return f"is of kind {short(stored.kind)}, and was opened as {item.kind}"
    expires = None if item.expires is None else instant(item.expires)
    if stored.expires != expires:
        return f"expires at {stored.expires}, and was to expire at {expires}"
    if not _created_then(stored.created, item):
        return f"was created at {short(stored.created)}, and the journal says {instant(item.created)}"
    try:
        asked = msgspec.json.decode(stored.body, type=Asked)
    except UNREADABLE as exc:
        return f"shows something that cannot be read ({exc})"
    if canonical(asked) != stored.body:
        return "shows something that Deputy did not write"
    for name, value in item.says.items():
        if getattr(asked, name) != value:
            return f"shows {short(getattr(asked, name))} as `{name}`, and the journal has {short(value)}"
    if item.shown and digest(stored.body) != item.shown:
        return "shows something else than when it was opened"
    return ""


def _created_then(text: str, item: OpenItem) -> bool:
    if item.exact:
        return text == instant(item.created)
    try:
        created = datetime.fromisoformat(text)
        return instant(created) == text and abs(item.created - created) <= SLACK
    except (ValueError, TypeError):
        return False
