"""The shapes of the inbox: a page, an item with all around it, and how similar ones were decided."""

from typing import Any, Literal

import msgspec

from deputy.web.api import shapes

__all__ = ["InboxAsked", "InboxCase", "InboxItem", "InboxPage"]

Kind = Literal["approval", "question", "in_doubt", "budget"]


class InboxAsked(shapes.Shape):
    """Which items."""

    kind: str = ""
    agent: str = ""
    text: str = ""
    cursor: str = ""
    limit: int = 50


class InboxPerson(shapes.Out):
    """A person."""

    id: str
    name: str


class Stake(shapes.Out):
    """The amount at stake; the currency where one stands beside it."""

    amount: str
    currency: str | None


class Important(shapes.Out):
    """An argument that tells whom or what it concerns, cut where it is long."""

    name: str
    value: str


class InboxLine(shapes.Out):
    """An item in a list."""

    id: str
    kind: Kind
    run: str
    agent: str
    tool: str | None
    class_: str | None = msgspec.field(name="class")
    on_behalf_of: str | None
    says: str | None
    question: str
    stake: Stake | None
    important: list[Important]
    digest: str | None
    untrusted: int
    unanswered: int
    asides: int
    handed_by: str | None
    about: str | None
    bulk: bool
    urgency: Literal["now", "today", "later"]
    created: str
    expires: str | None
    size: int


class InboxCounts(shapes.Out):
    """How much waits in all, whatever was asked for."""

    all: int
    kinds: dict[str, int]
    agents: dict[str, int]


class InboxPage(shapes.Out):
    """A page of what waits; `next` goes into `cursor`, and is null at the end."""

    items: list[InboxLine]
    next: str | None
    counts: InboxCounts


class InboxSource(shapes.Out):
    """An answer of a tool, or what started the run, that holds a value of an argument."""

    effect: str
    name: str
    trust: Literal["outside", "trusted"]


class InboxArgument(shapes.Out):
    """An argument in full, and where it came from; `agent`: composed by the agent, as far as is known."""

    name: str
    value: Any
    trust: Literal["outside", "trusted", "agent"]
    authority: bool
    sources: list[InboxSource]


class Aside(shapes.Out):
    """A question that was asked back; `to` is null where the agent is asked."""

    id: str
    by: InboxPerson
    to: InboxPerson | None
    text: str
    at: str
    answer: str | None
    failed: str | None
    answered: str | None
    untrusted: str | None


class Handed(shapes.Out):
    """Somebody handed it to somebody."""

    by: InboxPerson
    to: InboxPerson
    at: str
    reason: str


class Attempts(shapes.Out):
    """What is known of an effect that may have happened."""

    count: int
    first: str | None
    last: str | None
    repeat: str
    error: shapes.Failure | None


class BudgetAsked(shapes.Out):
    """A budget that is used up."""

    unit: str
    account: str
    limit: Any
    spent: Any


class InboxHappened(shapes.Out):
    """Something the run did."""

    effect: str
    kind: Literal["model", "tool"]
    tool: str
    state: str
    at: str | None
    ms: int
    here: bool
    text: str
    untrusted: bool


class InboxItem(shapes.Item):
    """An item with all that its reader needs in order to decide."""

    on_behalf_of: InboxPerson
    class_: str | None = msgspec.field(name="class")
    says: str | None
    stake: Stake | None
    important: list[Important]
    bulk: bool
    people: list[InboxPerson]
    delegates: list[InboxPerson]
    parameters: dict[str, Any] | None
    about: str | None
    asides: list[Aside]
    handed: list[Handed]
    arguments: list[InboxArgument]
    task: str
    state: shapes.State
    driver: str
    started: str
    spent: shapes.Spent
    limit: shapes.Money | None
    may_ask_agent: bool
    on_deny: Literal["told", "procedure", "ends", "unanswered"]
    attempts: Attempts | None
    budget: BudgetAsked | None
    timeline: list[InboxHappened]


class InboxCase(shapes.Out):
    """How a similar question was decided."""

    item: str
    run: str
    decision: Literal["approved", "denied", "expired", "answered", "settled", "raised"]
    edited: bool
    reason: str | None
    by: InboxPerson
    at: str
    stake: str | None
    same: list[str]
