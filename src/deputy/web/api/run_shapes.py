"""The shapes of requests and answers about runs."""

from typing import Any, Literal

from deputy.web.api.shapes import AgentLimits, Effect, Failure, Money, Out, RunLine, Shape, Spent, State, Wait

__all__ = [
    "Back", "Conversation", "Counts", "Effects", "File", "FileAsked", "Forth", "Journal", "Provenance", "Runs",
    "RunsAsked", "RunsCounted", "SeenEffect", "SeenRun", "Which",
]  # fmt: skip

Trust = Literal["trusted", "untrusted"]


class RunsCounted(Shape):
    """Which runs."""

    state: str = ""
    agent: str = ""
    on_behalf_of: str = ""
    trigger: str = ""
    cost: str = ""
    text: str = ""
    since: str = ""
    until: str = ""


class RunsAsked(RunsCounted):
    """Which runs, and how many of them."""

    cursor: str = ""
    limit: int = 50


class Back(Shape):
    """A page going back: before a number, 0 for the latest."""

    before: int = 0
    limit: int = 100


class Forth(Shape):
    """A page going on: after a number."""

    after: int = 0
    limit: int = 100


class Which(Shape):
    """Which argument; all where it is empty."""

    argument: str = ""


class FileAsked(Shape):
    """Which file; version 0 is what it is now."""

    path: str
    version: int = 0


class WaitsFor(Out):
    """What waits for people, and for whom."""

    id: str
    kind: Literal["approval", "question", "in_doubt", "budget"]
    people: list[str]


class SeenLine(RunLine):
    """A run in a list; `cost` as of its last change of state, null where that was not kept yet."""

    task: str
    title: str | None
    started_by: str
    trigger: str
    cause: str | None
    cost: Money | None
    ended: str | None
    waits_for: list[WaitsFor]


class Runs(Out):
    """A page of runs, newest first; `next` goes into `cursor`, and is null at the end."""

    runs: list[SeenLine]
    next: str | None


class Counts(Out):
    """How many runs, by state; of very many that fit the newest 10,000 are counted, and there are `more`."""

    states: dict[State, int]
    total: int
    more: bool


class Label(Out):
    """Where a result came from; `paths` where parts of it differ."""

    source: str | None
    trust: Trust
    paths: dict[str, Trust]


class Word(Out):
    """What people were asked about an effect, or said of it."""

    what: Literal["asked", "question", "approved", "denied", "expired", "answered", "doubted", "settled"]
    at: str
    by: str | None
    item: str | None
    text: str
    via: str | None
    approvers: list[str]
    edit: dict[str, Any] | None


class Attempt(Out):
    """One try; `deadline` in seconds, `status` null while nothing came of it."""

    number: int
    at: str
    deadline: float
    status: Literal["done", "failed", "unknown"] | None
    error: str | None


class SeenEffect(Effect):
    """An effect with all that is known of it; `cut` names the members that were cut."""

    n: int
    kind: Literal["model", "tool"]
    seq: int
    cut: list[str]
    proposed_by: int | None
    proposed: str
    begun: str | None
    ended: str | None
    ms: int | None
    cost: Spent
    held: Money
    label: Label
    repeat: Literal["safe", "keyed", "never"]
    keyed_for: float
    rehearsal: bool
    original: dict[str, Any] | None
    child: str | None
    item: str | None
    path: str | None
    words: list[Word]
    attempts: list[Attempt]


class Effects(Out):
    """A page of effects, oldest first; `before` goes into the next question, and is null at the beginning."""

    effects: list[SeenEffect]
    before: int | None
    total: int


class Called(Out):
    """An effect that a reply asks for."""

    n: int
    tool: str
    state: str


class Said(Out):
    """Something that was said; `length` is that of the whole text."""

    seq: int
    at: str
    kind: Literal[
        "task",
        "material",
        "reply",
        "message",
        "notice",
        "summary",
        "answer",
        "cancel",
        "raised",
        "said",
        "files",
        "halt",
        "close",
        "fault",
    ]
    by: str
    text: str
    cut: bool
    length: int
    reasoning: str
    effect: int | None
    calls: list[Called]


class Conversation(Out):
    """A page of what was said, oldest first."""

    said: list[Said]
    before: int | None


class Journal(Out):
    """A page of events; `after` goes into the next question, and is null at the end."""

    events: list[dict[str, Any]]
    after: int | None
    total: int


class Child(Out):
    """A run that this one started."""

    id: str
    agent: str
    state: State
    summary: str | None


class SeenItem(Out):
    """What of a run waits for people; `mine` where it waits for whoever asks, `answered` where that is on its way."""

    id: str
    kind: Literal["approval", "question", "in_doubt", "budget"]
    effect: str | None
    tool: str | None
    question: str
    options: list[str]
    why: str
    people: list[str]
    mine: bool
    answered: bool
    form: dict[str, Any] | None
    created: str
    expires: str | None


class RunBudget(Out):
    """What the agent may spend in a run, what people raised it by, and what is held."""

    limits: AgentLimits
    raised: Spent
    held: Money


class May(Out):
    """What whoever asks may do about a run."""

    cancel: bool
    message: bool


class Lengths(Out):
    """Characters of what may be cut."""

    answer: int
    task: int


class SeenRun(Out):
    """A run, and the latest of its effects and events."""

    id: str
    agent: str
    version: str
    state: State
    waiting_on: list[Wait]
    principal: str
    on_behalf_of: str
    started_by: str
    asserted_by: str
    task: str
    parent: str | None
    trial: bool
    created: str
    answer: str | None
    error: Failure | None
    spent: Spent
    proof: list[dict[str, Any]]
    effects: list[SeenEffect]
    events: list[dict[str, Any]]
    effects_before: int | None
    effects_total: int
    events_total: int
    lengths: Lengths
    changed: str
    ended: str | None
    trigger: str
    cause: str | None
    driver: Literal["loop", "procedure"]
    conversation: Literal["no", "open", "listens"]
    root: str
    untrusted: list[str]
    children: list[Child]
    items: list[SeenItem]
    budget: RunBudget
    may: May
    frozen: bool


class Node(Out):
    """Something in the graph of origins."""

    id: str
    kind: Literal["effect", "model", "person", "material", "run", "approval"]
    title: str
    text: str
    at: str | None
    by: str | None
    trust: Trust
    source: str | None
    n: int | None
    run: str | None
    args: dict[str, Any]


class Edge(Out):
    """How one led to another: a value stood there, a model proposed it, it was in the context, people said yes."""

    source: str
    target: str
    kind: Literal["value", "proposed", "context", "authorised", "edited", "started"]
    argument: str | None
    path: str
    text: str
    trust: Trust
    exact: bool
    value: str = ""
    whole: bool = True


class Provenance(Out):
    """A graph back from an effect; not `exact` where an edge is coarse, `bounded` where something was left out."""

    run: str
    effect: str
    argument: str | None
    nodes: list[Node]
    edges: list[Edge]
    exact: bool
    bounded: bool


class File(Out):
    """A file of a run's folder."""

    path: str
    size: int
    version: int
    digest: str
    changed: str
    effect: str
