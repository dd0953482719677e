"""The routes about agents' records and mandates, what starts them, and the secrets that their tools need."""

from typing import Any, Literal

import msgspec

from deputy.app import mandates as grants
from deputy.app import policy_check, secrets, surveying, triggers
from deputy.app import record as records
from deputy.app.commands import person_named
from deputy.base.errors import Conflict, Forbidden, NotFound, UsageError
from deputy.web.api import shapes
from deputy.web.api.table import Asked, Endpoint

__all__ = ["TENDING"]


class RecordDay(shapes.Out):
    """A day of an agent."""

    day: str
    runs: int
    failed: int
    money: shapes.Money


class Today(shapes.Out):
    """What an agent has spent of a day's budget."""

    spent: shapes.Money
    held: shapes.Money
    limit: shapes.Money | None


class AgentLately(shapes.Out):
    """How an agent's newest runs stand."""

    agent: str
    runs: int
    states: dict[str, int]
    last: str | None
    days: list[RecordDay]


class AgentRecord(shapes.Out):
    """What came of an agent's newest runs; `more` says that there are older ones. Runs that only tried are apart."""

    agent: str
    runs: int
    more: bool
    trials: int
    since: str | None
    states: dict[str, int]
    effects: int
    asked: int
    approved: int
    edited: int
    refused: int
    expired: int
    denied: int
    shadowed: int
    in_doubt: int
    money: shapes.Money
    tokens: int
    median_seconds: float | None
    days: list[RecordDay]
    today: Today | None


class GrantedTool(shapes.Out):
    """A tool that a grant means."""

    name: str
    class_: str = msgspec.field(name="class")


class MandateRow(shapes.Out):
    """A grant of an agent; `stated` says whether it names its approvers itself; `more` counts all its tools."""

    agent: str
    owner: str
    pattern: str
    autonomy: Literal["act", "ask", "shadow"]
    approvers: list[str]
    stated: bool
    people: list[str]
    limit: dict[str, str]
    ask_above: dict[str, str]
    expires: float | None
    frozen: bool
    tools: list[GrantedTool]
    more: int
    consequential: bool | None


class PolicyAsked(shapes.Shape):
    """A call that an agent might make; without `args`, those with a limit are at it."""

    agent: str
    tool: str
    args: dict[str, Any] | None = None
    on_behalf_of: str | None = None


class PolicySaid(shapes.Out):
    """What policy answers."""

    agent: str
    on_behalf_of: str
    tool: str
    class_: str = msgspec.field(name="class")
    args: dict[str, Any]
    verdict: Literal["allow", "ask", "shadow", "deny"]
    rule: str
    why: str
    approvers: list[str]
    people: list[str]
    invalid: str | None
    frozen: bool


class TriggerNamed(shapes.Shape):
    """A trigger, by its agent and its number or name."""

    agent: str
    trigger: str


class Fire(TriggerNamed):
    """What shall have come with it."""

    content: str = ""


class Fired(shapes.Out):
    """The run that came of it; `waits` while its agent is frozen."""

    run: str
    waits: bool


class TriggerPaused(shapes.Out):
    """A trigger, and whether it is paused."""

    trigger: str
    paused: bool


class SecretShown(shapes.Out):
    """A secret, without its value."""

    name: str
    reference: str
    set: bool
    at: str | None
    by: str | None
    used_by: list[str]
    problem: str | None


class SecretSet(shapes.Shape):
    """A secret's name and value; nobody is told the value again."""

    name: str
    value: str


class SecretNamed(shapes.Shape):
    """Which secret."""

    name: str


async def lately(asked: Asked) -> Any:
    """How agents did lately."""
    return await records.lately(asked.office, asked.caller.person)


async def record(asked: Asked) -> Any:
    """An agent's record."""
    return await records.record(asked.office, asked.path["agent"], asked.caller.person)


async def mandates(asked: Asked) -> Any:
    """Every grant."""
    return await grants.mandates(asked.office, asked.caller.person)


async def policy(asked: Asked) -> Any:
    """What policy would answer."""
    body: PolicyAsked = asked.body
    who = asked.caller.person if body.on_behalf_of is None else person_named(asked.office, body.on_behalf_of)
    return await policy_check.explain(asked.office, body.agent, body.tool, who, body.args, by=asked.caller.person)


async def fire(asked: Asked) -> Any:
    """Fire a trigger."""
    body: Fire = asked.body
    run = await triggers.fire(asked.office, body.agent, body.trigger, asked.caller.person, body.content)
    return {"run": run, "waits": await asked.office.store.run(run) is None}


async def pause(asked: Asked) -> Any:
    """Pause a trigger."""
    return await _pause(asked, paused=True)


async def resume(asked: Asked) -> Any:
    """Resume a trigger."""
    return await _pause(asked, paused=False)


async def _pause(asked: Asked, *, paused: bool) -> Any:
    body: TriggerNamed = asked.body
    try:
        key = await triggers.pause(asked.office, body.agent, body.trigger, asked.caller.person, paused=paused)
    except Conflict:
        key = triggers.named(asked.office, body.agent, body.trigger).key
        stands = key in await asked.office.store.frozen()
        if asked.asking is None or not asked.asking.again or stands is not paused:
            raise
    return {"trigger": key, "paused": paused}


async def secret_list(asked: Asked) -> Any:
    """Every secret, without its value."""
    return surveying.known_secrets(asked.office, asked.caller.person)


async def secret_set(asked: Asked) -> Any:
    """Keep a secret."""
    body, office, person = asked.body, asked.office, asked.caller.person
    await secrets.set_secret(office.store, office.clock, office.secrets, body.name, body.value, person)
    return _secret(asked, body.name)


async def secret_remove(asked: Asked) -> Any:
    """Forget a secret."""
    office, person = asked.office, asked.caller.person
    try:
        await secrets.remove_secret(office.store, office.clock, office.secrets, asked.body.name, person)
    except NotFound:
        if asked.asking is None or not asked.asking.again:
            raise
    return _secret(asked, asked.body.name)


def _secret(asked: Asked, name: str) -> Any:
    for known in secrets.known_secrets(asked.office.settings, asked.office.secrets):
        if known.name == name:
            return secrets.secret_view(known)
    return secrets.secret_view(secrets.Known(name, None, "", ()))


_WRONG = (NotFound, Conflict, Forbidden, UsageError)
_TRIGGER = {"agent": "payables", "trigger": "1"}

TENDING: tuple[Endpoint, ...] = (
    Endpoint("GET", "/records", "agents.record", "How agents' newest runs stand.", lately, list[AgentLately]),
    Endpoint(
        "GET", "/agents/{agent}/record", "agents.record",
        "What came of an agent's newest runs: outcomes, approvals, denials, doubts and money.", record, AgentRecord,
        errors=(NotFound,),
    ),
    Endpoint("GET", "/mandates", "agents.read", "Every grant of every agent.", mandates, list[MandateRow]),
    Endpoint(
        "POST", "/policy/check", "policy.check",
        "What policy would answer to a call, by which rule, and whom it would ask. Changes nothing.", policy,
        PolicySaid, body=PolicyAsked, errors=_WRONG, pure=True,
        example={"agent": "payables", "tool": "bank.pay", "args": {"amount": "120.00"}},
    ),
    Endpoint(
        "POST", "/triggers/fire", "triggers.tend", "Let a trigger start a run now, as a test.", fire, Fired, body=Fire,
        errors=_WRONG, example={**_TRIGGER, "content": "What shall have come."}, status=201,
    ),
    Endpoint(
        "POST", "/triggers/pause", "triggers.tend", "Let a trigger start nothing for now; what comes waits.", pause,
        TriggerPaused, body=TriggerNamed, errors=_WRONG, example=_TRIGGER,
    ),
    Endpoint(
        "POST", "/triggers/resume", "triggers.tend", "Let a paused trigger go on.", resume, TriggerPaused,
        body=TriggerNamed, errors=_WRONG, example=_TRIGGER,
    ),
    Endpoint(
        "GET", "/secrets", "secrets.read", "Which secrets are set or missing, and what needs them; never a value.",
        secret_list, list[SecretShown],
    ),
    Endpoint(
        "POST", "/secrets", "secrets.set", "Keep a secret; it holds from the next call on.", secret_set, SecretShown,
        body=SecretSet, errors=_WRONG, example={"name": "ERP_KEY", "value": "its value"}, private=True,
    ),
    Endpoint(
        "POST", "/secrets/remove", "secrets.set", "Forget a secret.", secret_remove, SecretShown, body=SecretNamed,
        errors=_WRONG, example={"name": "ERP_KEY"},
    ),
)  # fmt: skip
