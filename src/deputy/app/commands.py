"""Every change that a person can ask for: start, approve, deny, answer, settle, cancel, freeze.

Who may is decided here, not in a surface. None of these writes a run's journal: each puts one row into its inbox, and
the run's owner makes an event of it.
"""

from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from deputy.app import rights
from deputy.app.answering import answerable, check_edit, deliver, object_of
from deputy.app.bootstrap import Office
from deputy.app.queries import find_run
from deputy.app.versions import compile_schema
from deputy.base.canonical import canonical, digest
from deputy.base.errors import Conflict, Forbidden, NotFound, UsageError
from deputy.domain.agent import Agent
from deputy.domain.chain import link
from deputy.domain.cost import UNITS, Cost, Limits, micros
from deputy.domain.delivery import (
    Approve,
    Cancel,
    InboxRow,
    Raise,
    Refuse,
    Reply,
    Settle,
    Tell,
)
from deputy.domain.elicitation import content_of
from deputy.domain.event import Conversation, Workspace
from deputy.domain.principal import Person, person_principal
from deputy.domain.stow import stow
from deputy.kernel.approval import Asked
from deputy.kernel.start import Request, new_run
from deputy.ports.store import Commit, Row, RunRow

__all__ = [
    "Asking", "answer", "approve", "cancel", "converses", "deny", "freeze", "hearer", "message", "person_named",
    "settle", "start", "stoppable",
]  # fmt: skip


class Asking(NamedTuple):
    """A request that its sender may send again, under a key of theirs."""

    key: str
    how: str  #: how it is known who asks
    at: datetime  #: when it came first
    again: bool  #: whether it came before, and what came of it is not known


def person_named(office: Office, name: str | None) -> Person:
    """Who acts: the person of this id or address, or the first owner; asserted by access to the files."""
    directory = office.settings.directory
    person = directory.find(name) if name is not None else directory.first_owner()
    if person is None and name is None:
        raise UsageError("people.toml has no owner.", 'Give somebody `roles = ["owner"]`, or name a person with --as.')
    if person is None:
        known = ", ".join(sorted(directory.people)[:20])
        raise NotFound(f"There is no person {name!r} in people.toml.", f"Known are {known}.")
    return person


async def start(
    office: Office, agent: str, task: str, person: Person, *, waits: bool = True, request: Asking | None = None,
    conversation: Conversation = "no",
) -> str:  # fmt: skip
    """Create a run of an agent's current version on behalf of a person, who `waits` or does not; returns its id.

    Of a request that comes again comes no second run. It is a conversation where that is asked and the agent can hold
    one: a procedure and an answer of a shape are over with their answer.
    """
    rights.require(person, "runs.start")
    deployed = office.settings.agent(agent)
    await office.history.keep(deployed, person_principal(person.id))
    at = office.clock.now() if request is None else request.at
    by = person_principal(person.id)
    if not converses(deployed.agent):
        conversation = "no"
    asked = None if request is None else Request(request.key, request.how, conversation)
    cause = asked if asked is not None else None if waits else "detached"
    run = new_run(deployed.agent, task, at=at, by=by, on_behalf_of=person.id, cause=cause)
    if request is not None and request.again and await office.store.run(run.id) is not None:
        return run.id
    await office.store.commit(Commit(run=run.id, lease=None, children=[run]))
    return run.id


def converses(agent: Agent) -> bool:
    """Whether one can go on talking with this agent after an answer."""
    return agent.driver == "loop" and agent.answer is None


# -- answers


async def approve(
    office: Office, name: str, person: Person, edit: object = None, *, via: str = "", digest: str = ""
) -> str:  # fmt: skip
    """Agree to the effect of an item, changed by a merge patch if one is given; or raise a budget. Returns its id.

    `via` is noted with the answer: how it came, if not by a command. With a `digest`, only what it is of is approved.
    """
    item, asked = await answerable(office, name, person, ("approval", "budget"), digest)
    if asked.kind == "budget":
        await deliver(office, item, person, Raise(item.id, _raise_by(office, asked, edit)))
        return item.id
    if edit is not None:
        await check_edit(office, item, asked, edit)
    patch = None if edit is None else object_of(edit)
    await deliver(office, item, person, Approve(item.id, asked.digest, patch, via))
    return item.id


async def deny(
    office: Office, name: str, person: Person, reason: str, *, via: str = "", digest: str = ""
) -> str:  # fmt: skip
    """Refuse an item."""
    item, _ = await answerable(office, name, person, ("approval", "budget", "question"), digest)
    if not reason.strip():
        raise UsageError("A refusal needs a reason.", "Say why with --reason TEXT.")
    await deliver(office, item, person, Refuse(item.id, reason, via))
    return item.id


async def answer(office: Office, name: str, person: Person, text: str, *, via: str = "") -> str:
    """Answer a question."""
    item, asked = await answerable(office, name, person, ("question",))
    if asked.parameters:
        text = _filled(asked, text)
    if asked.options and text not in asked.options:
        matching = [option for option in asked.options if option.casefold() == text.strip().casefold()]
        if not matching:
            raise UsageError(
                f"{text!r} is none of the answers to choose from.", f"They are {', '.join(asked.options)}."
            )
        text = matching[0]
    await deliver(office, item, person, Reply(item.id, text, via))
    return item.id


def _filled(asked: Asked, text: str) -> str:
    """A person's answer to a form, complete and checked."""
    try:
        content = content_of(text, asked.parameters)
    except ValueError as exc:
        raise UsageError(str(exc), "Nothing was sent; `deputy inbox` shows the fields.") from None
    if (problem := compile_schema(asked.parameters)(content)) is not None:
        raise UsageError(f"The answer does not fit: {problem}", "Nothing was sent; `deputy inbox` shows the fields.")
    return canonical(content).decode()


async def settle(office: Office, name: str, person: Person, *, happened: bool, via: str = "") -> str:
    """Say whether an effect in doubt happened; the item or the effect may be named."""
    item, _ = await answerable(office, name, person, ("in_doubt",))
    await deliver(office, item, person, Settle(item.id, happened, via))
    return item.id


async def cancel(office: Office, name: str, person: Person, reason: str = "") -> str:
    """Ask a run to stop, with its children; effects under way are waited for."""
    row = await stoppable(office, name, person)
    by = person_principal(person.id)
    said = f"{by} cancelled it" + (f": {reason}" if reason else "")
    delivery = InboxRow(id=f"cancel:{row.id}", run=row.id, by=by, at=office.clock.now(), delivery=Cancel(said))
    await office.store.deliver(delivery)
    return row.id


async def stoppable(office: Office, name: str, person: Person) -> RunRow:
    """A run that goes on, and that this person may stop."""
    rights.require(person, "runs.cancel")
    row = await find_run(office, name)
    deployed = office.settings.agents.get(row.agent)
    owns = person.id in (row.on_behalf_of, deployed.agent.owner if deployed is not None else None)
    if not owns and not {"owner", "admin"}.intersection(person.roles):
        whose = f"Whoever it acts for ({row.on_behalf_of}), the agent's owner, an owner or an admin may."
        raise Forbidden(f"{person.id} may not cancel run {row.id}.", whose)
    if row.state in ("done", "failed", "cancelled"):
        raise Conflict(f"Run {row.id} is {row.state} already.", f"See it with `deputy show {row.id}`.")
    return row


async def hearer(office: Office, name: str, person: Person) -> RunRow:
    """A run that goes on, and hears this person."""
    rights.require(person, "runs.message")
    row = await find_run(office, name)
    if row.on_behalf_of != person.id:
        raise Forbidden(f"{person.id} may not write to run {row.id}.", f"It acts for {row.on_behalf_of}, who may.")
    if row.state in ("done", "failed", "cancelled"):
        raise Conflict(f"Run {row.id} is {row.state} already.", "Start another.")
    return row


async def message(office: Office, name: str, person: Person, text: str, request: Asking) -> str:
    """Say something to a run, which its model reads before its next step; returns the run's id."""
    row = await hearer(office, name, person)
    if not text.strip():
        raise UsageError("The message is empty.", "Write something.")
    by = person_principal(person.id)
    known = digest(canonical([by, request.key]))[:32]
    await office.store.deliver(InboxRow(id=f"tell:{known}", run=row.id, by=by, at=request.at, delivery=Tell(text)))
    return row.id


async def freeze(office: Office, agent: str | None, person: Person, *, frozen: bool) -> str:
    """Freeze or thaw an agent, or the whole workspace; holds from the next effect on. Returns what was switched."""
    rights.require(person, "workspace.freeze")
    if agent is not None:
        office.settings.agent(agent)
    subject = agent or "*"
    if (subject in await office.store.frozen()) is frozen:
        state = "frozen already" if frozen else "not frozen"
        raise Conflict(f"{'The workspace' if agent is None else agent} is {state}.", "Nothing was changed.")
    event = Workspace(
        at=office.clock.now(), what="frozen" if frozen else "thawed", by=person_principal(person.id), subject=subject
    )
    body, _ = stow(event)
    await office.store.note(lambda seq, last: Row(seq, link(last, "workspace", seq, body), body), (subject, frozen))
    return subject


# -- inside


def _raise_by(office: Office, asked: Asked, edit: object) -> Cost:
    """How much more a run may use: as an edit says, or what it had at first, once more."""
    agent = office.deployment.agent(asked.agent)
    unit, account = str(asked.args.get("unit")), str(asked.args.get("account", ""))
    if edit is not None:
        wanted = object_of(edit)
        if not wanted or not set(wanted) <= set(UNITS):
            raise UsageError("To raise a budget, an edit names units.", 'Write --edit \'{"money": "5.00"}\'.')
        return Cost(**{name: _amount(name, value) for name, value in wanted.items()})
    limits = Limits() if agent is None else agent.day_limits if account.startswith("day:") else agent.run_limits
    had = getattr(limits, unit, None)
    if not had:
        raise UsageError(f"How much more {unit} is not known.", f"Say it: --edit '{{\"{unit}\": …}}'.")
    return Cost(**{unit: had})


def _amount(unit: str, value: object) -> int:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal(-1)
    if isinstance(value, bool) or not amount.is_finite() or amount <= 0:
        raise UsageError(f"{value!r} is no amount of {unit}.", "Write a positive number.")
    return micros(amount) if unit == "money" else int(amount * 1000) if unit == "wall" else int(amount)
