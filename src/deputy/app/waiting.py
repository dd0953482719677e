"""What waits for one person, the most urgent first; and one item with all that its reader needs in order to decide."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from deputy.app import rights
from deputy.app.answering import Decided, may_decide
from deputy.app.bootstrap import Office
from deputy.app.circumstances import circumstances
from deputy.app.queries import find_item
from deputy.app.runs.looking import seen
from deputy.app.talking import in_bulk
from deputy.app.views import inbox_view, moment
from deputy.base.canonical import canonical
from deputy.base.errors import NotFound, UsageError
from deputy.domain.principal import Person
from deputy.kernel.approval import Asked, stake_of
from deputy.ports.items import Place, Waiting, Wanted
from deputy.ports.store import Delivered

__all__ = ["KINDS", "MOST", "Sought", "how_many", "my_item", "my_page"]

KINDS = ("approval", "question", "in_doubt", "budget")
MOST = 200  #: items in a page
SHORT = 120  #: characters of an argument in a list
PAYEES = (
    "payee", "name", "creditor", "beneficiary", "supplier", "recipient", "to", "iban", "account", "address", "subject"
)  # fmt: skip


class Sought(NamedTuple):
    """Which items, and on from where."""

    kinds: Sequence[str] = ()
    agent: str = ""
    text: str = ""
    cursor: str = ""
    most: int = 50


async def my_page(office: Office, person: Person, sought: Sought) -> dict[str, Any]:
    """A page of what waits for this person, and how much does in all."""
    rights.require(person, "inbox.read")
    if wrong := [kind for kind in sought.kinds if kind not in KINDS]:
        raise UsageError(f"{wrong[0]!r} is no kind of item.", f"Kinds are {', '.join(KINDS)}.")
    if not 1 <= sought.most <= MOST:
        raise UsageError(f"A page cannot have {sought.most} items.", f"Ask for 1 to {MOST}.")
    now, after = _cursor(sought.cursor) if sought.cursor else (office.clock.now(), None)
    wanted = Wanted(person.id, now, sought.kinds, sought.agent, sought.text, "", after, sought.most + 1)
    queue = await office.store.waits.queue(wanted)
    page = queue.page[: sought.most]
    more = len(queue.page) > sought.most
    return {
        "items": [_line(office, row, person) for row in page],
        "next": canonical([now.isoformat(), *page[-1].place]).decode() if more else None,
        "counts": _counts(queue.counts),
    }


async def how_many(office: Office, person: Person) -> int:
    """How many items wait for this person."""
    return (await office.store.waits.stamp(person.id))[0]


def _counts(counts: Sequence[tuple[str, str, int]]) -> dict[str, Any]:
    kinds: dict[str, int] = {kind: 0 for kind in KINDS}
    agents: dict[str, int] = {}
    for kind, agent, count in counts:
        kinds[kind] = kinds.get(kind, 0) + count
        agents[agent] = agents.get(agent, 0) + count
    return {"all": sum(kinds.values()), "kinds": kinds, "agents": agents}


def _cursor(text: str) -> tuple[datetime, Place]:
    try:
        now, urgency, stake, created, item = msgspec.json.decode(text, type=tuple[datetime, int, float, str, str])
    except msgspec.MsgspecError:
        raise UsageError("This is no cursor.", "Give `next` of the page before, or none.") from None
    if now.tzinfo is None or not 0 <= urgency <= 2:
        raise UsageError("This is no cursor.", "Give `next` of the page before, or none.")
    return now, (urgency, stake, created, item)


def _line(office: Office, row: Waiting, person: Person) -> dict[str, Any]:
    """An item in a list; of a huge one only what stands beside it."""
    item = row.item
    asked = msgspec.json.decode(item.body, type=Asked) if item.body else None
    handed = asked.handed[-1] if asked is not None and asked.handed and asked.handed[-1].to == person.id else None
    return {
        "id": item.id, "kind": item.kind, "run": item.run, "agent": row.agent, "tool": row.tool or None,
        "class": (asked.cls if asked is not None else "") or None,
        "on_behalf_of": asked.on_behalf_of if asked is not None else None,
        "says": (asked.says if asked is not None else "") or None,
        "question": _short(asked.question) if asked is not None else "",
        "stake": stake(asked) if asked is not None else None,
        "important": important(asked) if asked is not None else [],
        "digest": (asked.digest if asked is not None else "") or None,
        "untrusted": len(asked.untrusted) if asked is not None else 0,
        "unanswered": sum(aside.open for aside in asked.asides) if asked is not None else 0,
        "asides": len(asked.asides) if asked is not None else 0,
        "handed_by": handed.by.removeprefix("person:") if handed is not None else None,
        "about": (asked.about if asked is not None else "") or None,
        "bulk": asked is not None and in_bulk(office, asked),
        "urgency": ("now", "today", "later")[row.place[0]],
        "created": moment(item.created), "expires": moment(item.expires), "size": row.size,
    }  # fmt: skip


def _short(text: str) -> str:
    return text if len(text) <= SHORT else f"{text[: SHORT - 1]}…"


def stake(asked: Asked) -> dict[str, str | None] | None:
    """The amount at stake, with the currency that stands beside it, if one does."""
    amount = asked.stake or (stake_of(asked.args) if asked.kind in ("approval", "in_doubt") else "")
    currency = asked.args.get("currency")
    known = isinstance(currency, str) and len(currency) == 3 and currency.isascii() and currency.isalpha()
    return (
        {"amount": amount, "currency": currency.upper() if known and isinstance(currency, str) else None}
        if (amount)
        else None
    )


def important(asked: Asked) -> list[dict[str, str]]:
    """The arguments that tell whom or what it concerns, those first that name somebody; cut where they are long."""
    names = [name for name in PAYEES if name in asked.args]
    names += [name for name in asked.authority if name in asked.args and name not in names]
    found = [(name, asked.args[name]) for name in names or list(asked.args)][:4]
    return [
        {"name": _short(name), "value": _short(value if isinstance(value, str) else canonical(value).decode())}
        for name, value in found
    ]


# -- one item


async def my_item(office: Office, person: Person, name: str) -> dict[str, Any]:
    """One item that waits for this person, with everything around it; raises Decided where it was decided."""
    rights.require(person, "inbox.read")
    found = await find_item(office, name)
    if isinstance(found, Delivered):
        await seen(office, person, name.partition(".")[0])
        raise Decided(found, office.settings.directory)
    asked = msgspec.json.decode(found.body, type=Asked)
    if person.id not in asked.people:
        raise NotFound(f"Nothing waits under the id {name!r}.", "See `deputy inbox`.")
    return {
        **inbox_view([(found, asked)])[0],
        **_about(office, asked),
        **await circumstances(office, found, asked),
    }


def _about(office: Office, asked: Asked) -> dict[str, Any]:
    people = office.settings.directory.people

    def named(name: str) -> dict[str, str]:
        person = people.get(name)
        return {"id": name, "name": person.name if person is not None else name}

    def principal(name: str) -> dict[str, str]:
        return named(name.removeprefix("person:"))

    may = may_decide(office.settings.directory, asked)
    return {
        "on_behalf_of": named(asked.on_behalf_of), "class": asked.cls or None, "says": asked.says or None,
        "stake": stake(asked), "important": important(asked), "bulk": in_bulk(office, asked),
        "people": [named(name) for name in sorted(may)],
        "parameters": asked.parameters if asked.kind == "approval" else None,
        "about": asked.about or None,
        "asides": [
            {
                "id": one.id, "by": principal(one.by), "to": None if one.to == "agent" else principal(one.to),
                "text": one.text, "at": moment(one.at), "answer": one.answer or None, "failed": one.failed or None,
                "answered": moment(one.answered), "untrusted": one.untrusted or None,
            }
            for one in asked.asides
        ],
        "handed": [
            {"by": principal(one.by), "to": named(one.to), "at": moment(one.at), "reason": one.reason}
            for one in asked.handed
        ],
    }  # fmt: skip
