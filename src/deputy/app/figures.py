"""Statistics over time, as people are told them: by day or hour, by agent, for all or for one team."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple

from deputy.app import rights
from deputy.app.bootstrap import Office
from deputy.app.statistics.counting import hour_of
from deputy.app.statistics.measures import middle_of
from deputy.app.views import moment, money
from deputy.base.errors import UsageError
from deputy.domain.principal import Person
from deputy.ports.tally import Sum

__all__ = ["Asked", "statistics", "team_of"]

By = Literal["hour", "day"]
MOST = {"hour": 24 * 7, "day": 24 * 400}  #: hours that one answer may cover
DEFAULT = {"hour": 24, "day": 24 * 30}
PATIENCE = 20_000  #: events that are counted before an answer; the rest is said to be missing
DECIDED = ("approved", "refused", "answered", "settled", "raised")
ASKED = ("asked.approval", "asked.question", "asked.in_doubt", "asked.budget")
INCIDENTS = ("denied", "in_doubt", "failed", "alarms")


class Asked(NamedTuple):
    """Which statistics; what is empty does not matter."""

    since: datetime | None = None
    until: datetime | None = None
    by: By = "day"
    agent: str = ""
    team: str = ""


class _Window(NamedTuple):
    since: int
    until: int
    step: int


async def statistics(office: Office, person: Person, asked: Asked, *, everything: bool = False) -> dict[str, Any]:
    """What happened in a window of time. Where much is not counted yet, `everything` waits for it."""
    rights.require(person, "stats.read")
    window = _window(asked, office.clock.now())
    teams = {name: team_of(office, name) for name in office.settings.agents}
    agents = _agents(asked, teams)
    behind = await office.keeping.catch_up(0 if everything else PATIENCE)
    if agents == []:
        found: list[Sum] = []
    else:
        found = list(await office.keeping.tally.sums(asked.by, window.since, window.until, agents or ()))
    by_span, by_agent, total = _grouped(found)
    starts = range(window.since, window.until, window.step)
    view = _Figures(office)
    whole = view.of(total)
    agents_told: list[dict[str, Any]] = [
        {"agent": name, "team": teams.get(name) or None, **view.of(sums, name)}
        for name, sums in sorted(by_agent.items())
        if name
    ]
    saved: list[float] = [n for one in agents_told if (n := one["minutes"]["saved"]) is not None]
    whole["minutes"]["saved"] = round(sum(saved), 1) if saved else None
    return {
        "since": _at(window.since), "until": _at(window.until), "by": asked.by,
        "agent": asked.agent or None, "team": asked.team or None,
        "total": whole, "agents": agents_told,
        "series": [
            {"start": _at(start), "agents": {
                name: view.short(sums) for name, sums in sorted(by_span.get(start, {}).items()) if name
            }, **view.short(_sum(by_span.get(start, {}).values()))}
            for start in starts
        ],
        "behind": behind,
    }  # fmt: skip


def team_of(office: Office, agent: str) -> str:
    """An agent's team: the first group of its owner."""
    deployed = office.settings.agents.get(agent)
    owner = office.settings.directory.people.get(deployed.agent.owner) if deployed is not None else None
    return owner.groups[0] if owner is not None and owner.groups else ""


def _agents(asked: Asked, teams: Mapping[str, str]) -> list[str] | None:
    """Which agents count: None is all, also those that are gone."""
    if not asked.agent and not asked.team:
        return None
    named = [asked.agent] if asked.agent else list(teams)
    return [name for name in named if not asked.team or teams.get(name) == asked.team]


def _window(asked: Asked, now: datetime) -> _Window:
    """Whole spans that hold the time asked for; raises UsageError for too many of them, or none."""
    step = 24 if asked.by == "day" else 1
    until = hour_of(asked.until - timedelta(microseconds=1) if asked.until else now) // step * step + step
    since = until - DEFAULT[asked.by] if asked.since is None else hour_of(asked.since) // step * step
    if since >= until:
        raise UsageError("This window of time is empty.", "Let `since` be before `until`.")
    if until - since > MOST[asked.by]:
        most = MOST[asked.by] // 24
        raise UsageError(f"By {asked.by}, one answer covers {most} days at most.", "Ask for less, or by day.")
    return _Window(since, until, step)


def _at(hour: int) -> str:
    return str(moment(datetime.fromtimestamp(hour * 3600, UTC)))


Sums = dict[str, int]


def _grouped(found: Iterable[Sum]) -> tuple[dict[int, dict[str, Sums]], dict[str, Sums], Sums]:
    by_span: dict[int, dict[str, Sums]] = {}
    by_agent: dict[str, Sums] = {}
    total: Sums = defaultdict(int)
    for start, agent, values in found:
        by_span.setdefault(start, {})[agent] = values
        mine = by_agent.setdefault(agent, {})
        for measure, value in values.items():
            mine[measure] = mine.get(measure, 0) + value
            total[measure] += value
    return by_span, by_agent, total


def _sum(parts: Iterable[Sums]) -> Sums:
    total: Sums = defaultdict(int)
    for part in parts:
        for measure, value in part.items():
            total[measure] += value
    return total


class _Figures:
    """Sums in the words of the answer."""

    def __init__(self, office: Office) -> None:
        self._currency = office.settings.currency
        agents = office.settings.agents.values()
        self._saves = {one.agent.name: one.agent.saves_minutes for one in agents}

    def short(self, sums: Mapping[str, int]) -> dict[str, Any]:
        """What a chart draws."""
        return {
            "spend": money(sums.get("money", 0), self._currency), "tokens": sums.get("tokens", 0),
            "begun": sums.get("begun", 0), "done": sums.get("done", 0), "failed": sums.get("failed", 0),
            "cancelled": sums.get("cancelled", 0),
            "asked": sum(sums.get(name, 0) for name in ASKED),
            "decided": sum(sums.get(name, 0) for name in DECIDED),
            "incidents": sum(sums.get(name, 0) for name in INCIDENTS),
        }  # fmt: skip

    def of(self, sums: Mapping[str, int], agent: str = "") -> dict[str, Any]:
        """All there is to tell of a window."""
        return {
            **self.short(sums),
            "steps": sums.get("steps", 0),
            "approvals": {
                "asked": sums.get("asked.approval", 0), "approved": sums.get("approved", 0),
                "refused": sums.get("refused", 0), "expired": sums.get("expired", 0),
            },
            "questions": {"asked": sums.get("asked.question", 0), "answered": sums.get("answered", 0)},
            "waiting": _waiting(sums),
            "incident": {name: sums.get(name, 0) for name in INCIDENTS},
            "verdicts": {name: sums.get(f"verdict.{name}", 0) for name in ("allow", "ask", "deny", "shadow")},
            "minutes": {"spent": round(sums.get("spent_ms", 0) / 60_000, 1), "saved": self._saved(sums, agent)},
        }  # fmt: skip

    def _saved(self, sums: Mapping[str, int], agent: str) -> float | None:
        """What finished runs saved, by the manifest's figure; None where no agent gives one."""
        if agent:
            figure = self._saves.get(agent)
            return None if figure is None else round(figure * sums.get("done", 0), 1)
        return None


def _waiting(sums: Mapping[str, int]) -> dict[str, Any]:
    """Median and 95th percentile of what answers took, in seconds, to 2.2 % exactly."""
    buckets = sorted((int(name[5:]), n) for name, n in sums.items() if name.startswith("wait."))
    count = sum(n for _, n in buckets)
    return {"answers": count, "median": _rank(buckets, count, 0.5), "p95": _rank(buckets, count, 0.95)}


def _rank(buckets: list[tuple[int, int]], count: int, share: float) -> float | None:
    left = share * count
    for bucket, n in buckets:
        left -= n
        if left <= 1e-9:
            return round(middle_of(bucket) / 1000, 1)
    return None
