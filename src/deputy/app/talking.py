"""What people can do with an item short of deciding it: ask back, hand it on, try an edit; and decide many at once.

Nothing here decides but `decide_all`, and that item by item, as if each had been decided alone.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from deputy.app import rights
from deputy.app.answering import Open, answerable, check_edit, edited, verdict_on
from deputy.app.bootstrap import Office
from deputy.app.commands import approve, deny
from deputy.app.queries import find_run
from deputy.base.canonical import canonical, digest
from deputy.base.errors import Conflict, DeputyError, Forbidden, NotFound, UsageError
from deputy.base.ids import new_run_id
from deputy.domain.agent import grant_for
from deputy.domain.delivery import AskBack, Delegate, InboxRow
from deputy.domain.effect import approval_digest
from deputy.domain.principal import Person, agent_principal, person_principal
from deputy.domain.talk import AGENT
from deputy.domain.verdict import Ask
from deputy.kernel.approval import Asked

__all__ = ["MOST", "Choice", "Outcome", "Preview", "ask_back", "decide_all", "delegate", "in_bulk", "preview"]

KINDS = ("approval", "budget", "in_doubt")
LONGEST = 4_000  #: characters of a question, a reason
ASIDES = 20  #: questions about one item
MOST = 200  #: items decided in one go


class Preview(NamedTuple):
    """What an edit comes to: the arguments, what an approval of it is bound to, and who may give that."""

    args: dict[str, object]
    digest: str
    rule: str
    people: tuple[str, ...]  #: ids of those who may approve it so; empty where nobody need be asked


class Choice(NamedTuple):
    """An item, and the digest of what was shown of it."""

    id: str
    digest: str


class Outcome(NamedTuple):
    """What came of one of many decisions."""

    id: str
    error: DeputyError | None = None


async def ask_back(office: Office, name: str, person: Person, text: str, to: str = "", *, key: str = "") -> str:
    """Ask the agent, or a person (an id or address), about an open item; it stays open. Returns the item's id."""
    item, asked = await answerable(office, name, person, KINDS)
    text = text.strip()
    if not text or len(text) > LONGEST:
        raise UsageError("The question is empty or too long.", f"Write up to {LONGEST} characters.")
    if len(asked.asides) >= ASIDES:
        raise UsageError(f"{ASIDES} questions were asked about this already.", "Decide, or talk to people.")
    whom = AGENT if to in ("", AGENT) else f"person:{_colleague(office, to, person).id}"
    if whom == AGENT:
        row = await find_run(office, item.run)
        if row.driver == "procedure":
            owner = office.settings.agent(asked.agent).agent.owner
            raise UsageError(
                f"{asked.agent} is a procedure, which is code and answers nothing.", f"Ask a person: {owner} owns it."
            )
    await _send(office, item.run, f"ask:{item.id}", person, AskBack(item.id, text, whom), key)
    return item.id


async def delegate(office: Office, name: str, person: Person, to: str, reason: str = "", *, key: str = "") -> str:
    """Hand an approval to somebody who may decide it by the mandate; it stays open. Returns the item's id."""
    item, asked = await answerable(office, name, person, ("approval",))
    whom = _colleague(office, to, person)
    if len(reason) > LONGEST:
        raise UsageError("The reason is too long.", f"Write up to {LONGEST} characters.")
    verdict = await verdict_on(office, item, asked, asked.args)
    may = verdict.people | verdict.delegates if isinstance(verdict, Ask) else frozenset[str]()
    if whom.id not in may:
        others = ", ".join(sorted(may - {person.id})) or "nobody else"
        own = " (nobody decides their own request)" if whom.id == asked.on_behalf_of else ""
        raise Forbidden(f"{whom.id} may not decide {item.id}{own}.", f"By the mandate, {others} may.")
    await _send(office, item.run, f"hand:{item.id}", person, Delegate(item.id, whom.id, reason.strip()), key)
    return item.id


async def preview(office: Office, name: str, person: Person, edit: object) -> Preview:
    """What an approval with this edit would let happen; raises UsageError and Forbidden as the approval would."""
    item, asked = await answerable(office, name, person, ("approval",))
    args, row = edited(asked, edit), await find_run(office, item.run)
    verdict = await check_edit(office, item, asked, edit)
    bound = approval_digest(
        principal=agent_principal(row.agent, row.version), on_behalf_of=row.on_behalf_of, tool=asked.tool,
        schema=asked.schema, args=args,
    )  # fmt: skip
    people = tuple(sorted(verdict.people)) if isinstance(verdict, Ask) else ()
    return Preview(args, bound, verdict.rule, people)


def in_bulk(office: Office, asked: Asked) -> bool:
    """Whether the mandate lets items such as this one be decided together."""
    agent = office.deployment.agent(asked.agent)
    grant = grant_for(agent.grants, asked.tool) if agent is not None and asked.kind == "approval" else None
    return grant is not None and grant.bulk


async def decide_all(
    office: Office, choices: Sequence[Choice], person: Person, what: Literal["approve", "deny"], reason: str = "",
    *, via: str = "",
) -> list[Outcome]:  # fmt: skip
    """Decide several items, each as it was shown; where one of them may not be decided in bulk, none is."""
    rights.require(person, "inbox.answer")
    if not 1 <= len(choices) <= MOST or len({choice.id for choice in choices}) < len(choices):
        raise UsageError("These are no items, too many, or one is named twice.", f"Name up to {MOST}.")
    if what == "deny" and not reason.strip():
        raise UsageError("A refusal needs a reason.", "Say why.")
    outcomes: list[Outcome] = []
    for choice in choices:
        try:
            found: Open | None = await answerable(office, choice.id, person, ("approval",), choice.digest)
        except (Conflict, NotFound):
            found = None  # told one by one below
        if found is not None and not in_bulk(office, found.asked):
            raise Forbidden(
                f"{found.item.id} may not be decided together with others.",
                f"Decide it alone, or write `bulk: true` in the grant of `{found.asked.tool}`.",
            )
    for choice in choices:
        try:
            if what == "approve":
                await approve(office, choice.id, person, via=via, digest=choice.digest)
            else:
                await deny(office, choice.id, person, reason, via=via, digest=choice.digest)
            outcomes.append(Outcome(choice.id))
        except UsageError as exc:
            outcomes.append(Outcome(choice.id, exc))
    return outcomes


def _colleague(office: Office, name: str, person: Person) -> Person:
    found = office.settings.directory.find(name.removeprefix("person:"))
    if found is None:
        raise NotFound(f"There is no person {name!r} in people.toml.", "See `deputy up`, People, or the file.")
    if found.id == person.id:
        raise UsageError("That is you.", "Name somebody else.")
    return found


async def _send(
    office: Office, run: str, prefix: str, person: Person, delivery: AskBack | Delegate, key: str
) -> None:  # fmt: skip
    """Put it into the run's inbox, once for a key."""
    by = person_principal(person.id)
    known = digest(canonical([by, key or new_run_id()]))[:24]
    row = InboxRow(id=f"{prefix}:{known}", run=run, by=by, at=office.clock.now(), delivery=delivery)
    await office.store.deliver(row)
