"""The shapes of requests and answers, for the OpenAPI document; answers are made by `app`, and tests check them."""

from typing import Any, Literal

import msgspec

State = Literal["ready", "running", "waiting", "done", "failed", "cancelled"]


Direction = Literal["widens", "narrows", "changes", "same"]


class Shape(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What comes in: an unknown member is an error."""


class Out(msgspec.Struct, kw_only=True):
    """What goes out: members may be added in later versions."""


class Money(Out):
    """An amount."""

    amount: str
    currency: str


class Spent(Out):
    """What was consumed."""

    money: Money
    tokens: int
    steps: int


class Workspace(Out):
    """The workspace."""

    name: str
    currency: str


class Me(Out):
    """Who asks, and what they may do."""

    person: str
    name: str
    roles: list[str]
    rights: list[str]
    by: Literal["session", "token"]
    expires: str
    workspace: Workspace


class RunLine(Out):
    """A run in a list."""

    id: str
    agent: str
    version: str
    state: State
    summary: str | None
    on_behalf_of: str
    parent: str | None
    events: int
    created: str
    changed: str


class Problem(Out):
    """What is wrong, by RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    remedy: str


class Failure(Out):
    """Why something failed."""

    code: str
    message: str


class Wait(Out):
    """What a run waits for."""

    kind: str
    id: str


class Effect(Out):
    """Something a run asked of the world."""

    id: str
    tool: str
    args: dict[str, Any]
    class_: str = msgspec.field(name="class")
    verdict: str | None
    rule: str | None
    state: Literal["proposed", "asked", "denied", "claimed", "done", "failed", "in_doubt"]
    result: Any
    error: Failure | None
    attempt: int
    untrusted: list[dict[str, Any]]


class Item(Out):
    """Something that waits for a person."""

    id: str
    kind: Literal["approval", "question", "in_doubt", "budget"]
    run: str
    agent: str
    effect: str | None
    digest: str | None
    tool: str | None
    args: dict[str, Any]
    question: str
    options: list[str]
    form: dict[str, Any] | None
    why: str
    rule: str
    untrusted: list[dict[str, Any]]
    approvers: list[str]
    created: str
    expires: str | None


class Limits(Out):
    """Limits; null is none."""

    money: Money | None
    tokens: int | None
    steps: int | None


class Account(Out):
    """A line of the ledger."""

    account: str
    agent: str | None
    day: str | None
    run: str | None
    held: Spent
    spent: Spent
    raised: Spent
    limit: Limits


class AgentLimits(Limits):
    """Limits of an agent; `wall` in seconds."""

    wall: float | None


class AgentBudget(Out):
    """What an agent may consume, a run and a day."""

    run: AgentLimits
    day: AgentLimits


class Grant(Out):
    """Leave to use tools; `expires` in seconds from asking."""

    pattern: str
    autonomy: Literal["act", "ask", "shadow"]
    approvers: list[str]
    limit: dict[str, str]
    ask_above: dict[str, str]
    expires: float | None


class Agent(Out):
    """An agent and its mandate, as its files declare them now."""

    name: str
    description: str
    owner: str
    model: str
    driver: Literal["loop", "procedure"]
    version: str
    instructions: str
    frozen: bool
    tools: list[Grant]
    budget: AgentBudget
    triggers: list[str]


class AuthorityChange(Out):
    """One thing that is different; `says` is the same in words."""

    kind: str
    direction: Direction
    subject: str
    part: str
    before: str
    after: str
    says: str


class Version(Out):
    """A version of an agent that was deployed."""

    version: str
    at: str
    by: str
    current: bool
    detail: str
    direction: Direction | None  #: beside the one before; null of the first
    changes: list[AuthorityChange]


class Person(Out):
    """A person of the directory."""

    id: str
    name: str
    email: str | None
    manager: str | None
    groups: list[str]
    roles: list[str]
    limits: dict[str, float]


class Trigger(Out):
    """What starts runs of an agent without a person, and how it stands."""

    trigger: str
    agent: str
    number: int
    kind: str
    source: str
    task: str
    overlap: str
    paused: bool
    next: str | None
    waiting: int
    looked: str | None
    alarms: list[str]
    last: dict[str, Any] | None


class Finding(Out):
    """What one check of the workspace found."""

    check: str
    ok: bool
    level: Literal["ok", "warning", "error"]
    message: str
    remedy: str


class Audit(Out):
    """What an audit found."""

    ok: bool
    findings: list[dict[str, Any]]
    notes: list[dict[str, Any]]
    more: int
    runs: int
    events: int
    blobs: int
    seals: int
    seal: str


class Token(Out):
    """A token, without its secret."""

    id: str
    person: str
    role: str
    note: str
    created: str
    expires: str
    used: str | None
