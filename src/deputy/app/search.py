"""Find by a few words what one may see: agents, people, triggers, what waits for one, and runs."""

from collections.abc import AsyncGenerator, Iterator
from typing import Literal, NamedTuple

from deputy.app import rights
from deputy.app.bootstrap import Office
from deputy.app.runs.listing import find
from deputy.domain.principal import Person
from deputy.kernel.approval import shown
from deputy.ports.listing import Sought

__all__ = ["LONGEST", "MOST", "Hit", "HitKind", "search"]

MOST = 6  #: of each kind
LONGEST = 200  #: characters of what is looked for
SHOWN = 200  #: characters of a task or a question

HitKind = Literal["agent", "person", "trigger", "item", "run"]


class Hit(NamedTuple):
    """Something found; `title` is its name, `about` a line more, `state` how it stands where it has one."""

    kind: HitKind
    id: str
    title: str
    about: str = ""
    state: str | None = None


async def search(office: Office, person: Person, text: str) -> list[Hit]:
    """What has this text in it (case does not matter), at most a few of each kind; names that begin with it first."""
    sought = text.strip()[:LONGEST]
    if not sought:
        return []
    found: list[Hit] = []
    for kind in (_agents, _people, _triggers):
        hits = [hit for hit in kind(office, person) if _fits(sought, hit)]
        hits.sort(key=lambda hit: (not hit.title.casefold().startswith(sought.casefold()), hit.title))
        found += hits[:MOST]
    found += [hit async for hit in _items(office, person, sought)]
    return found + [hit async for hit in _runs(office, person, sought)]


def _fits(sought: str, hit: Hit) -> bool:
    return all(any(word in part.casefold() for part in (hit.id, hit.title, hit.about)) for word in _words(sought))


def _words(sought: str) -> list[str]:
    return sought.casefold().split()


def _agents(office: Office, person: Person) -> Iterator[Hit]:
    if rights.may(person, "agents.read"):
        for deployed in office.settings.agents.values():
            agent = deployed.agent
            yield Hit("agent", agent.name, agent.name, agent.description[:SHOWN])


def _people(office: Office, person: Person) -> Iterator[Hit]:
    if rights.may(person, "people.read"):
        for one in office.settings.directory.people.values():
            yield Hit("person", one.id, one.name, one.email or "")


def _triggers(office: Office, person: Person) -> Iterator[Hit]:
    if rights.may(person, "triggers.read"):
        for trigger in office.settings.triggers.values():
            yield Hit("trigger", trigger.key, trigger.key, trigger.task[:SHOWN])


async def _items(office: Office, person: Person, sought: str) -> AsyncGenerator[Hit]:
    if not rights.may(person, "inbox.read"):
        return
    words = _words(sought)
    found = 0
    for item in await office.store.items():
        body = item.body.decode().casefold()
        if found == MOST or not all(word in body for word in words):
            continue
        asked = shown(item)
        hit = Hit("item", item.id, asked.question[:SHOWN], f"{asked.agent} {asked.tool}".strip(), asked.kind)
        waits = asked.kind != "message" and person.id in asked.people and _fits(sought, hit)
        if waits and await office.store.answer_of(item.id) is None:
            found += 1
            yield hit


async def _runs(office: Office, person: Person, sought: str) -> AsyncGenerator[Hit]:
    if not rights.may(person, "runs.read"):
        return
    for line in (await find(office, person, Sought(text=sought, most=MOST))).runs:
        title = line.told.title or line.told.task.strip()
        yield Hit("run", line.row.id, title[:SHOWN], line.row.agent, line.row.state)
