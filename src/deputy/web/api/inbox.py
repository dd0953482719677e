"""The routes of the inbox: what waits for whoever asks, and everything they can do with it."""

from collections.abc import Awaitable, Callable
from typing import Any, Literal

import msgspec

from deputy.app import commands, talking, waiting
from deputy.app.circumstances import similar
from deputy.app.once import answered_by
from deputy.app.queries import find_item, shown_of
from deputy.base.errors import Conflict, Forbidden, NotFound, StoreDamaged, UsageError
from deputy.web.api import shapes
from deputy.web.api.table import Asked, Endpoint
from deputy.web.api.waiting import InboxAsked, InboxCase, InboxItem, InboxPage

__all__ = ["INBOX"]


class Approve(shapes.Shape):
    """Agreement; `edit` is a JSON merge patch (RFC 7396) of the arguments, or how much more a budget may be.

    With a `digest` only what it is of is approved.
    """

    edit: dict[str, Any] | None = None
    digest: str = ""


class Deny(shapes.Shape):
    """Refusal."""

    reason: str
    digest: str = ""


class Answer(shapes.Shape):
    """The answer to a question."""

    text: str


class Settle(shapes.Shape):
    """Whether an effect in doubt happened."""

    happened: bool


class AskBack(shapes.Shape):
    """A question about an item; `to` is a person (id or address), or `agent`."""

    text: str
    to: str = "agent"


class Delegate(shapes.Shape):
    """To whom an item is handed, and why."""

    to: str
    reason: str = ""


class InboxEdit(shapes.Shape):
    """A JSON merge patch (RFC 7396) of the arguments."""

    edit: dict[str, Any]


class InboxChoice(shapes.Shape):
    """An item, and the digest of what was shown of it."""

    id: str
    digest: str


class InboxBulk(shapes.Shape):
    """A decision about several items, which their mandates let be decided together."""

    items: list[InboxChoice]
    decision: Literal["approve", "deny"]
    reason: str = ""


class Delivered(shapes.Out):
    """An item, and its run."""

    id: str
    run: str


class InboxPreview(shapes.Out):
    """What an approval with an edit would let happen; `people` may give it, and is empty where nobody need be asked."""

    args: dict[str, Any]
    digest: str
    rule: str
    people: list[str]


class InboxDecided(shapes.Out):
    """What came of one of several decisions."""

    id: str
    ok: bool
    code: str | None
    detail: str | None


async def page(asked: Asked) -> Any:
    """What waits."""
    query: InboxAsked = asked.query
    kinds = [kind for kind in query.kind.split(",") if kind]
    sought = waiting.Sought(kinds, query.agent, query.text, query.cursor, query.limit)
    return await waiting.my_page(asked.office, asked.caller.person, sought)


async def item(asked: Asked) -> Any:
    """One item, with all around it."""
    return await waiting.my_item(asked.office, asked.caller.person, asked.path["item"])


async def cases(asked: Asked) -> Any:
    """How similar ones were decided."""
    found = await find_item(asked.office, asked.path["item"])
    body = shown_of(found)
    if body is None or asked.caller.person.id not in body.people:
        raise NotFound(f"Nothing waits under the id {asked.path['item']!r}.", "See `deputy inbox`.")
    return await similar(asked.office, body, asked.path["item"])


async def _answer(asked: Asked, giving: Callable[[], Awaitable[str]]) -> Any:
    try:
        name = await giving()
    except Conflict:
        name = asked.path["item"]
        if asked.asking is None or not await answered_by(asked.office, name, asked.caller, asked.asking):
            raise
    return {"id": name, "run": name.partition(".")[0]}


async def approve(asked: Asked) -> Any:
    """Agree."""
    where, who, body = asked.path["item"], asked.caller.person, asked.body
    via = asked.caller.granted.kind
    return await _answer(
        asked, lambda: commands.approve(asked.office, where, who, body.edit, via=via, digest=body.digest)
    )


async def deny(asked: Asked) -> Any:
    """Refuse."""
    where, who, body = asked.path["item"], asked.caller.person, asked.body
    via = asked.caller.granted.kind
    return await _answer(
        asked, lambda: commands.deny(asked.office, where, who, body.reason, via=via, digest=body.digest)
    )


async def answer(asked: Asked) -> Any:
    """Answer a question."""
    where, who = asked.path["item"], asked.caller.person
    via = asked.caller.granted.kind
    return await _answer(asked, lambda: commands.answer(asked.office, where, who, asked.body.text, via=via))


async def settle(asked: Asked) -> Any:
    """Say whether an effect happened."""
    where, who = asked.path["item"], asked.caller.person
    return await _answer(asked, lambda: commands.settle(asked.office, where, who, happened=asked.body.happened))


async def ask_back(asked: Asked) -> Any:
    """Ask about an item."""
    where, who, body = asked.path["item"], asked.caller.person, asked.body
    assert asked.asking is not None
    name = await talking.ask_back(asked.office, where, who, body.text, body.to, key=asked.asking.key)
    return {"id": name, "run": name.partition(".")[0]}


async def delegate(asked: Asked) -> Any:
    """Hand an item on."""
    where, who, body = asked.path["item"], asked.caller.person, asked.body
    assert asked.asking is not None
    name = await talking.delegate(asked.office, where, who, body.to, body.reason, key=asked.asking.key)
    return {"id": name, "run": name.partition(".")[0]}


async def preview(asked: Asked) -> Any:
    """Try an edit."""
    found = await talking.preview(asked.office, asked.path["item"], asked.caller.person, asked.body.edit)
    return {**found._asdict(), "people": list(found.people)}


async def bulk(asked: Asked) -> Any:
    """Decide several."""
    body: InboxBulk = asked.body
    choices = [talking.Choice(one.id, one.digest) for one in body.items]
    via = asked.caller.granted.kind
    outcomes = await talking.decide_all(
        asked.office, choices, asked.caller.person, body.decision, body.reason, via=via
    )  # fmt: skip
    told: list[dict[str, Any]] = []
    for one in outcomes:
        mine = asked.asking is not None and await answered_by(asked.office, one.id, asked.caller, asked.asking)
        error = None if mine else one.error
        told.append({
            "id": one.id, "ok": error is None, "code": None if error is None else error.code,
            "detail": None if error is None else error.message,
        })  # fmt: skip
    return told


_ITEM = (NotFound, Conflict, Forbidden, UsageError)


def _post(path: str, summary: str, call: Any, kinds: tuple[Any, Any], example: Any) -> Endpoint:
    shown = msgspec.to_builtins(example)
    return Endpoint(
        "POST", path, "inbox.answer", summary, call, kinds[1], body=kinds[0], errors=_ITEM, example=shown
    )  # fmt: skip


INBOX: tuple[Endpoint, ...] = (
    Endpoint(
        "GET", "/inbox/page", "inbox.read",
        "What waits for whoever asks, the most urgent first: by `kind` (several with commas), `agent`, `text` in it; "
        "`limit` at a time, on from `cursor`; and how much waits in all. Urgent is what expires within an hour or is "
        "in doubt, then within a day; among these the largest amount, then the longest wait.",
        page, InboxPage, query=InboxAsked, errors=(UsageError,),
    ),
    _post(
        "/inbox/bulk",
        "Decide several items that their mandates let be decided together (`bulk: true`), each by itself.", bulk,
        (InboxBulk, list[InboxDecided]),
        InboxBulk(items=[InboxChoice(id="0199…3.1", digest="5f…")], decision="approve"),
    ),
    Endpoint(
        "GET", "/inbox/{item}", "inbox.read",
        "One item, with where its arguments came from, its run and what was said.", item,
        InboxItem, errors=(NotFound, Conflict, UsageError, StoreDamaged),
    ),
    Endpoint(
        "GET", "/inbox/{item}/similar", "inbox.read", "How similar questions of the same agent were decided.", cases,
        list[InboxCase], errors=(NotFound, Conflict, UsageError),
    ),
    _post(
        "/inbox/{item}/approve", "Let an effect happen as shown or edited; or raise a budget.", approve,
        (Approve, Delivered), Approve(edit={"amount": 10}),
    ),
    _post("/inbox/{item}/deny", "Refuse what an item asks for.", deny, (Deny, Delivered),
          Deny(reason="The supplier is unknown.")),
    _post("/inbox/{item}/answer", "Answer a question.", answer, (Answer, Delivered), Answer(text="The second one.")),
    _post("/inbox/{item}/settle", "Say whether an effect in doubt happened.", settle, (Settle, Delivered),
          Settle(happened=True)),
    _post(
        "/inbox/{item}/ask", "Ask the agent or a person about an item, which stays open; the answer appears on it.",
        ask_back, (AskBack, Delivered), AskBack(text="Why this account?", to="kim"),
    ),
    _post(
        "/inbox/{item}/delegate", "Hand an approval to somebody who may decide it by the mandate; it stays open.",
        delegate, (Delegate, Delivered), Delegate(to="sofia", reason="You know them."),
    ),
    _post(
        "/inbox/{item}/preview", "What an approval with an edit would let happen; nothing is changed.", preview,
        (InboxEdit, InboxPreview), InboxEdit(edit={"amount": 10}),
    ),
)  # fmt: skip
