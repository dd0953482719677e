"""What monitoring is told, in the text format of Prometheus."""

from collections import Counter
from typing import get_args

from deputy.app.bootstrap import Office
from deputy.app.queries import inbox, live_workers
from deputy.kernel.approval import ItemKind
from deputy.ports.store import RunState

__all__ = ["exposition"]


async def exposition(office: Office) -> str:
    """How the workspace stands now."""
    runs = await office.store.access.counts()
    waiting = Counter(asked.kind for _, asked in await inbox(office) if asked.kind != "message")
    kinds = [kind for kind in get_args(ItemKind) if kind != "message"]
    lines = ["# HELP deputy_runs Runs, by state.", "# TYPE deputy_runs gauge"]
    lines += [f'deputy_runs{{state="{state}"}} {runs.get(state, 0)}' for state in get_args(RunState)]
    lines += ["# HELP deputy_inbox_items What waits for people, by kind.", "# TYPE deputy_inbox_items gauge"]
    lines += [f'deputy_inbox_items{{kind="{kind}"}} {waiting[kind]}' for kind in kinds]
    for name, kind, told, value in (
        ("workers", "gauge", "Workers that live.", await live_workers(office)),
        ("frozen", "gauge", "Agents that are frozen, and the workspace.", len(await office.store.frozen())),
        ("journal_position", "counter", "Events that were written.", await office.store.access.position()),
    ):
        lines += [f"# HELP deputy_{name} {told}", f"# TYPE deputy_{name} {kind}", f"deputy_{name} {value}"]
    return "\n".join([*lines, ""])
