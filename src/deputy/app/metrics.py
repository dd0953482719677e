"""What monitoring is told, in the text format of Prometheus."""

from collections import Counter
from collections.abc import Mapping
from typing import get_args

from deputy.app.bootstrap import Office
from deputy.app.queries import live_workers
from deputy.app.statistics.measures import MODEL_MS
from deputy.kernel.approval import ItemKind
from deputy.ports.store import RunState

__all__ = ["exposition"]

MOST = 200  #: agents, or routes, that have lines of their own
PATIENCE = 20_000  #: events that are counted before an answer
FAMILIES: tuple[tuple[str, str, dict[str, str], str], ...] = (
    ("spend_total", "Money that was spent, in the workspace's currency.", {"money": ""}, ""),
    ("tokens_total", "Tokens that were consumed.", {"tokens": ""}, ""),
    (
        "runs_total", "Runs that began, and how they ended.",
        {name: name for name in ("begun", "done", "failed", "cancelled")}, "what",
    ),
    (
        "effects_total", "Effects, by what policy said.",
        {f"verdict.{name}": name for name in ("allow", "ask", "deny", "shadow")}, "verdict",
    ),
    (
        "asked_total", "What people were asked.",
        {f"asked.{name}": name for name in ("approval", "question", "in_doubt", "budget")}, "kind",
    ),
    (
        "answered_total", "What people answered.",
        {name: name for name in ("approved", "refused", "expired", "answered", "settled", "raised")}, "how",
    ),
)  # fmt: skip


async def exposition(office: Office) -> str:
    """How the workspace stands now."""
    frozen = [name for name in await office.store.frozen() if "/" not in name]  # else it is a paused trigger
    runs = await office.store.access.counts()
    items = [item for item in await office.store.items() if item.kind != "message"]
    waiting = Counter(item.kind for item in items)
    kinds = [kind for kind in get_args(ItemKind) if kind != "message"]
    lines = ["# HELP deputy_runs Runs, by state.", "# TYPE deputy_runs gauge"]
    lines += [f'deputy_runs{{state="{state}"}} {runs.get(state, 0)}' for state in get_args(RunState)]
    lines += ["# HELP deputy_inbox_items What waits for people, by kind.", "# TYPE deputy_inbox_items gauge"]
    lines += [f'deputy_inbox_items{{kind="{kind}"}} {waiting[kind]}' for kind in kinds]
    age = (office.clock.now() - min(item.created for item in items)).total_seconds() if items else 0.0
    for name, kind, told, value in (
        ("workers", "gauge", "Workers that live.", await live_workers(office)),
        ("inbox_oldest_seconds", "gauge", "How long the oldest item waits for people.", f"{age:.3f}"),
        ("frozen", "gauge", "Agents that are frozen, and the workspace.", len(frozen)),
        ("journal_position", "counter", "Events that were written.", await office.store.access.position()),
    ):
        lines += [f"# HELP deputy_{name} {told}", f"# TYPE deputy_{name} {kind}", f"deputy_{name} {value}"]
    return "\n".join([*lines, *await _counted(office), ""])


async def _counted(office: Office) -> list[str]:
    """What was counted since the journal began, by agent; of models, by route."""
    left = await office.keeping.catch_up(PATIENCE)
    sums = {one.agent: one.values for one in await office.keeping.tally.sums("all", 0, 1)}
    agents = {name: sums[name] for name in list(office.settings.agents)[:MOST] if name in sums}
    lines = ["# HELP deputy_statistics_behind Events that the figures below do not have yet."]
    lines += ["# TYPE deputy_statistics_behind gauge", f"deputy_statistics_behind {left}"]
    for name, told, measures, label in FAMILIES:
        lines += [f"# HELP deputy_{name} {told}", f"# TYPE deputy_{name} counter"]
        for agent, values in agents.items():
            for measure, word in measures.items():
                labels = f'agent="{agent}"' + (f',{label}="{word}"' if label else "")
                value = values.get(measure, 0)
                lines.append(f"deputy_{name}{{{labels}}} {value / 1e6 if measure == 'money' else value:g}")
    lines += ["# HELP deputy_model_seconds How long models took to answer.", "# TYPE deputy_model_seconds histogram"]
    for route in list(office.settings.models)[:MOST]:
        lines += _histogram(route, sums.get(route, {}))
    return lines


def _histogram(route: str, values: Mapping[str, int]) -> list[str]:
    if not any(name.startswith("latency.") for name in values):
        return []
    count, lines = 0, list[str]()
    for n in range(len(MODEL_MS) + 1):
        count += values.get(f"latency.{n}", 0)
        bound = f"{MODEL_MS[n] / 1000:g}" if n < len(MODEL_MS) else "+Inf"
        lines.append(f'deputy_model_seconds_bucket{{route="{route}",le="{bound}"}} {count}')
    total = values.get("latency.sum", 0) / 1000
    return [
        *lines, f'deputy_model_seconds_sum{{route="{route}"}} {total:g}',
        f'deputy_model_seconds_count{{route="{route}"}} {count}',
    ]  # fmt: skip
