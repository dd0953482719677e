"""The shapes of what whoever runs the workspace is told."""

from typing import Any, Literal

from deputy.web.api.shapes import Audit, Money, Out

__all__ = ["Duties", "Events", "Proof", "Settings", "Statistics", "Switches", "Verification"]


class Short(Out):
    """What a chart draws."""

    spend: Money
    tokens: int
    begun: int
    done: int
    failed: int
    cancelled: int
    asked: int
    decided: int
    incidents: int


class Approvals(Out):
    """What became of approvals."""

    asked: int
    approved: int
    refused: int
    expired: int


class Questions(Out):
    """What became of questions."""

    asked: int
    answered: int


class Waiting(Out):
    """How long people's answers took, in seconds; null where there was none."""

    answers: int
    median: float | None
    p95: float | None


class Incident(Out):
    """What went wrong: denials by policy, effects in doubt, runs that failed, alarms of triggers."""

    denied: int
    in_doubt: int
    failed: int
    alarms: int


class Verdicts(Out):
    """Effects by what policy said."""

    allow: int
    ask: int
    deny: int
    shadow: int


class Minutes(Out):
    """People's minutes; `saved` null where no agent says what a run saves."""

    spent: float
    saved: float | None


class Figures(Short):
    """All there is to tell of a window of time."""

    steps: int
    approvals: Approvals
    questions: Questions
    waiting: Waiting
    incident: Incident
    verdicts: Verdicts
    minutes: Minutes


class AgentFigures(Figures):
    """Those of an agent."""

    agent: str
    team: str | None


class Span(Short):
    """One hour or day."""

    start: str
    agents: dict[str, Short]


class Statistics(Out):
    """What happened in a window of time; `behind` events are not counted yet."""

    since: str
    until: str
    by: Literal["hour", "day"]
    agent: str | None
    team: str | None
    total: Figures
    agents: list[AgentFigures]
    series: list[Span]
    behind: int


class Since(Out):
    """Since when something is frozen, and by whom."""

    since: str | None
    by: str | None


class AgentSince(Since):
    """A frozen agent."""

    agent: str


class Switches(Out):
    """What is frozen; `may` whoever asks freeze and thaw."""

    workspace: Since | None
    agents: list[AgentSince]
    may: bool


class Approves(Out):
    """Tools of an agent about which somebody is asked, and through which entries of its mandate."""

    agent: str
    tool: str
    through: list[str]


class Duty(Out):
    """A person and their duties; `waits` null where this is not for whoever asks to know."""

    id: str
    name: str
    email: str | None
    manager: str | None
    groups: list[str]
    roles: list[str]
    limits: dict[str, float]
    waits: int | None
    approves: list[Approves]
    owns: list[str]
    reports: list[str]


class Group(Out):
    """A group and who is in it."""

    id: str
    name: str
    members: list[str]


class Duties(Out):
    """The directory; `file` is where it is edited."""

    people: list[Duty]
    groups: list[Group]
    file: str
    self_approval: bool


class Check(Out):
    """What one check of a model found."""

    check: str
    ok: bool
    level: Literal["ok", "warning", "error"]
    message: str
    remedy: str
    code: str
    figures: dict[str, Any]


class Proof(Out):
    """How the proof of a model stands that was begun last since the server started."""

    state: Literal["running", "done"]
    by: str
    at: str
    doing: str | None
    checks: list[Check]


class Model(Out):
    """A model and where its calls go; `key` is a reference to a secret."""

    name: str
    provider: str
    model: str | None
    addresses: list[str]
    key: str | None
    deadline: float
    concurrency: int | None
    known: bool
    problem: str | None
    proof: Proof | None


class Connection(Out):
    """A connection to a system."""

    name: str
    kind: str
    title: str


class Database(Out):
    """Where the record lies."""

    kind: str
    file: str | None


class Web(Out):
    """Where the server listens."""

    host: str
    port: int
    expose: bool
    public_url: str | None


class NamedProvider(Out):
    """The provider that people sign in with."""

    issuer: str
    client_id: str
    name: str | None
    roles_claim: str | None


class SignIn(Out):
    """How people sign in; `links` whether from elsewhere with links alone."""

    links: bool
    oidc: NamedProvider | None


class Team(Out):
    """A group's weight where models have too little room."""

    team: str
    weight: float


class AgentTeam(Out):
    """An agent's team."""

    agent: str
    team: str | None


class Telemetry(Out):
    """Where traces go; `sent` and `refused` spans since the server started."""

    traces: str
    service: str
    content: bool
    sent: int
    refused: int
    problem: str | None


class Settings(Out):
    """What deputy.toml says; `wrong` where its files cannot be used as they are now."""

    name: str
    currency: str
    timezone: str
    self_approval: bool
    file: str
    wrong: str | None
    database: Database
    web: Web
    sign_in: SignIn
    models: list[Model]
    connections: list[Connection]
    teams: list[Team]
    agents: list[AgentTeam]
    telemetry: Telemetry | None


class Line(Out):
    """An event in the record."""

    position: int
    at: str
    kind: str
    run: str
    seq: int
    agent: str | None
    on_behalf_of: str | None
    by: str | None
    effect: str | None
    tool: str | None
    args: str | None
    rule: str | None
    what: str
    digest: str
    cost: Money | None


class Events(Out):
    """A page of the record."""

    events: list[Line]
    next: str | None
    looked_to: str | None


class Verification(Out):
    """How far a check of the record is, or what it found."""

    state: Literal["none", "running", "done", "broken"]
    by: str | None
    begun: str | None
    ended: str | None
    runs: int
    of: int
    report: Audit | None
