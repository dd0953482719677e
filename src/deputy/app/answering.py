"""What every answer to an item needs: that the item is open, that this person may, and that the first one counts."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

from deputy.app import rights
from deputy.app.bootstrap import Office
from deputy.app.queries import find_item, open_run
from deputy.app.versions import compile_schema
from deputy.base.canonical import is_json
from deputy.base.errors import Conflict, Forbidden, NotFound, UsageError
from deputy.domain.delivery import Approve, Delivery, InboxRow, Raise, Refuse, Reply, Settle, delivery_from
from deputy.domain.effect import ToolSpec
from deputy.domain.principal import Directory, Person, person_principal
from deputy.domain.verdict import Deny, Verdict
from deputy.kernel.approval import Asked, merge_patch, shown
from deputy.kernel.policy import Question
from deputy.ports.store import Delivered, Item

__all__ = [
    "WORDS", "Decided", "Open", "answerable", "check_edit", "deliver", "edited", "may_decide", "object_of",
    "verdict_on",
]  # fmt: skip

WORDS: Mapping[type[Delivery], str] = {
    Approve: "approved", Refuse: "denied", Reply: "answered", Settle: "settled", Raise: "raised"
}  # fmt: skip


class Decided(Conflict):
    """Somebody else was first; `extra` says who, what and when."""

    def __init__(self, delivered: Delivered, directory: Directory) -> None:
        what = WORDS.get(type(delivery_from(delivered.body)), "expired")
        who, at = delivered.by.removeprefix("person:"), delivered.at.isoformat(timespec="seconds")
        said = "it expired" if what == "expired" else f"{who} {what} it"
        super().__init__(f"It was answered already: {said} at {at}.", "Nothing was changed.")
        person = directory.people.get(who)
        named = {"by": who, "name": person.name if person is not None else who}
        self.extra = {"decided": {**named, "what": what, "at": at.replace("+00:00", "Z")}}


class Open(NamedTuple):
    """An item that somebody is about to answer."""

    item: Item
    asked: Asked


def may_decide(directory: Directory, asked: Asked) -> set[str]:
    """Who may answer an item: those who were asked and still would be, and those it was handed to."""
    handed = {one.to for one in asked.handed}
    delegates = {p for entry in asked.delegates for p in directory.members(entry, asked.on_behalf_of)} & handed
    approvers = {p for entry in asked.approvers for p in directory.members(entry, asked.on_behalf_of)}
    return set(asked.people) & (approvers | delegates)


async def answerable(office: Office, name: str, person: Person, kinds: Sequence[str], digest: str = "") -> Open:
    """An open item that this person may answer so; as it was shown, where a digest of that is given."""
    rights.require(person, "inbox.answer")
    item, directory = await find_item(office, name), office.settings.directory
    if isinstance(item, Delivered):
        raise Decided(item, directory)
    asked = shown(item)
    if asked.kind not in kinds:
        commands = {"approval": "approve or deny", "budget": "approve or deny", "question": "answer"}
        remedy = f"Use `deputy {commands.get(asked.kind, 'settle')}`."
        raise UsageError(f"{item.id} is of kind {asked.kind}.", remedy)
    if asked.kind != "question" and not rights.decides(directory, person):
        raise Forbidden(
            f"This pass of {person.id} is for the role {person.roles[0]} alone.", "One that decides is an approver's."
        )
    may = may_decide(directory, asked)
    if person.id not in may:
        whose = ", ".join(sorted(may)) or "nobody any more"
        own = " (nobody answers their own request)" if person.id == asked.on_behalf_of else ""
        raise Forbidden(f"{person.id} may not answer {item.id}{own}.", f"It waits for {whose}.")
    if digest and digest != asked.digest:
        raise Conflict(f"{item.id} is not what was shown.", "Look at it again; nothing was changed.")
    return Open(item, asked)


async def deliver(office: Office, item: Item, person: Person, delivery: Delivery) -> None:
    """Give the answer; raises Decided where somebody else was first."""
    row = InboxRow(
        id=f"answer:{item.id}", run=item.run, by=person_principal(person.id), at=office.clock.now(), delivery=delivery
    )
    delivered = await office.store.deliver(row)
    if not delivered.fresh:
        raise Decided(delivered, office.settings.directory)


def edited(asked: Asked, edit: object) -> dict[str, object]:
    """The arguments with an edit; raises UsageError where they do not fit the tool."""
    args = object_of(merge_patch(asked.args, object_of(edit)))
    problem = compile_schema(asked.parameters)(args)
    if problem is not None:
        raise UsageError(f"The edit does not fit the tool: {problem}", "Nothing was changed.")
    return args


async def verdict_on(office: Office, item: Item, asked: Asked, args: Mapping[str, object]) -> Verdict:
    """What policy says now of the effect of an item, with these arguments."""
    run = await open_run(office, item.run)
    agent = office.deployment.agent(asked.agent)
    if agent is None:
        raise NotFound(f"There is no agent {asked.agent!r} any more.", "Deny the item instead.")
    effect = run.effect(int(asked.effect.rpartition(".")[2]))
    spec = ToolSpec(name=asked.tool, parameters=asked.parameters, effect=effect.cls, authority=asked.authority)
    question = Question(agent=agent, on_behalf_of=asked.on_behalf_of, spec=spec, args=args, run=run, n=effect.n)
    return office.deployment.policy().decide(question)


async def check_edit(office: Office, item: Item, asked: Asked, edit: object) -> Verdict:
    """Refuse an edit that would not pass, so that the item stays open as it is; else what policy says of it."""
    verdict = await verdict_on(office, item, asked, edited(asked, edit))
    if isinstance(verdict, Deny):
        raise Forbidden(f"The edit is refused: {verdict.reason}", "Nothing was changed; the item is still open.")
    return verdict


def object_of(value: object) -> dict[str, object]:
    """A JSON object; raises UsageError for anything else."""
    if not isinstance(value, dict) or not is_json(cast("object", value)):
        raise UsageError("An edit is a JSON object with what is to change.", "Write --edit '{\"amount\": 10}'.")
    return cast("dict[str, object]", value)
