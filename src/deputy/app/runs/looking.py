"""Look at one run: who may, what it says in bounded size, and what whoever looks may do about it."""

from typing import Any

from deputy.app import rights
from deputy.app.bootstrap import Office
from deputy.app.queries import find_run
from deputy.app.runs.cutting import cut
from deputy.app.runs.views import effect_page, limits_view, said_page, seen_effect
from deputy.app.seeing import visible
from deputy.app.story import Story
from deputy.app.views import head_view, moment, money, spent
from deputy.base.canonical import decode
from deputy.base.errors import NotFound
from deputy.domain.chain import GENESIS
from deputy.domain.cost import Limits
from deputy.domain.principal import Person
from deputy.kernel.approval import shown
from deputy.ports.store import RunRow

__all__ = ["conversation", "effect", "effects", "events", "look", "seen", "story_of"]

PAGE = 100
CHILDREN = ITEMS = 50
LONGEST = 20_000  #: characters of a task, or an answer
OVER = ("done", "failed", "cancelled")
EVENT = 8_000  #: characters of an event's texts


async def seen(office: Office, person: Person, name: str) -> RunRow:
    """The run of this name, or NotFound where this person may not see it: who was asked about it may."""
    rights.require(person, "runs.read")
    row = await find_run(office, name)
    if visible(office, person, row):
        return row
    told = await office.stories.of(row.id)
    entries = {word for facts in told.facts.values() for one in facts.words for word in one.approvers}
    asked = any(person.id in office.settings.directory.members(entry, row.on_behalf_of) for entry in entries)
    talk = told.run.talk
    named = {one.to for handed in talk.handed.values() for one in handed}
    named |= {one.to.removeprefix("person:") for asides in talk.asides.values() for one in asides}
    if person.id in named:
        return row
    if not asked and not any(person.id in shown(item).people for item in await office.store.items(row.id)):
        raise NotFound(f"There is no run {name!r}.", "See `deputy ps`.")
    return row


async def story_of(office: Office, person: Person, name: str) -> Story:
    """A run that this person may see, told."""
    return await office.stories.of((await seen(office, person, name)).id)


async def look(office: Office, person: Person, name: str) -> dict[str, Any]:
    """A run: all that is short, and the latest of its effects and events."""
    row = await seen(office, person, name)
    story = await office.stories.of(row.id)
    row = await find_run(office, row.id)  # as it is by now
    currency, run = office.settings.currency, story.run
    page, journal = effect_page(story, currency), await events(office, person, row.id, max(0, row.seq - PAGE))
    children = await office.store.runs(parent=row.id, most=CHILDREN)
    said = head_view(row, run, currency)
    return said | {
        "answer": None if said["answer"] is None else said["answer"][:LONGEST],
        "task": run.task[:LONGEST],
        "lengths": {"answer": len(said["answer"] or ""), "task": len(run.task)},
        "effects": page["effects"],
        "effects_before": page["before"],
        "effects_total": page["total"],
        "events": journal["events"],
        "events_total": row.seq,
        "changed": moment(row.changed),
        "ended": moment(story.ended_at),
        "trigger": run.started.trigger if run.started is not None else "",
        "cause": run.started.occasion.trigger if run.started is not None and run.started.occasion is not None else None,
        "driver": row.driver,
        "conversation": run.started.conversation if run.started is not None else "no",
        "root": row.root,
        "untrusted": list(run.tainted_by),
        "children": [
            {"id": child.id, "agent": child.agent, "state": child.state, "summary": child.summary or None}
            for child in children
        ],
        "items": await _items(office, person, row),
        "budget": {
            "limits": limits_view(_limits(office, row), currency), "raised": spent(run.raised, currency),
            "held": money(run.held.money, currency),
        },
        "may": {"cancel": _may_cancel(office, person, row), "message": _may_message(person, row)},
        "frozen": bool({"*", row.agent}.intersection(await office.store.frozen())),
    }  # fmt: skip


def _limits(office: Office, row: RunRow) -> Limits:
    deployed = office.settings.agents.get(row.agent)
    return Limits() if deployed is None else deployed.agent.run_limits


async def _items(office: Office, person: Person, row: RunRow) -> list[dict[str, Any]]:
    """What of this run waits for people, and whether for this one."""
    found: list[dict[str, Any]] = []
    for item in (await office.store.items(row.id))[:ITEMS]:
        asked = shown(item)
        if asked.kind == "message":
            continue
        answered = await office.store.answer_of(item.id) is not None
        mine = person.id in asked.people and rights.may(person, "inbox.answer")
        found.append({
            "id": item.id, "kind": asked.kind, "effect": asked.effect or None, "tool": asked.tool or None,
            "question": cut(asked.question).value, "options": list(asked.options), "why": asked.why,
            "people": list(asked.people[:20]), "mine": mine, "answered": answered,
            "form": asked.parameters if asked.kind == "question" and asked.parameters else None,
            "created": moment(item.created), "expires": moment(item.expires),
        })  # fmt: skip
    return found


def _may_cancel(office: Office, person: Person, row: RunRow) -> bool:
    deployed = office.settings.agents.get(row.agent)
    owns = person.id in (row.on_behalf_of, deployed.agent.owner if deployed is not None else None)
    runs = owns or not {"owner", "admin"}.isdisjoint(person.roles)
    return row.state not in OVER and rights.may(person, "runs.cancel") and runs


def _may_message(person: Person, row: RunRow) -> bool:
    own = row.on_behalf_of == person.id and row.driver == "loop"
    return row.state not in OVER and rights.may(person, "runs.message") and own


async def effects(office: Office, person: Person, name: str, before: int, limit: int) -> dict[str, Any]:
    """A page of a run's effects, going back."""
    return effect_page(await story_of(office, person, name), office.settings.currency, before, limit)


async def effect(office: Office, person: Person, name: str, n: int) -> dict[str, Any]:
    """One effect, nothing of it cut."""
    story = await story_of(office, person, name)
    if n not in story.run.effects:
        raise NotFound(f"Run {story.run.id} has no effect {n}.", f"It has {len(story.run.effects)}.")
    return seen_effect(story, story.run.effects[n], office.settings.currency, whole=True)


async def conversation(office: Office, person: Person, name: str, before: int, limit: int) -> dict[str, Any]:
    """A page of what was said, going back."""
    return said_page(await story_of(office, person, name), before, limit)


async def events(office: Office, person: Person, name: str, after: int, limit: int = PAGE) -> dict[str, Any]:
    """A page of a run's journal, as it is stored but for what is large; each with its digest and the one before."""
    row = await seen(office, person, name)
    rows = list(await office.store.rows(row.id, max(0, after - 1), limit + 1))
    last = GENESIS
    if after and rows:
        last, rows = rows[0].link, rows[1:]
    found: list[dict[str, Any]] = []
    for stored in rows[:limit]:
        told: dict[str, Any] = cut(decode(stored.body), EVENT if len(stored.body) > EVENT else len(stored.body)).value
        found.append({"seq": stored.seq, "digest": stored.link.hex(), "prev": last.hex(), **told})
        last = stored.link
    more = bool(found) and found[-1]["seq"] < row.seq
    return {"events": found, "after": found[-1]["seq"] if more else None, "total": row.seq}
