"""Lists for people: runs and accounts, one a line."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from deputy.app.bootstrap import Office
from deputy.app.queries import RunRow, live_workers, shortest
from deputy.cli.terminal import Terminal
from deputy.cli.text import ago, one_line

__all__ = ["show_accounts", "show_runs", "table"]

STYLES = {"waiting": "yellow", "failed": "red", "cancelled": "red", "done": "green", "running": "cyan"}
DAYS = 14  #: days of accounts that people are shown


def table(*columns: str, right: Sequence[str] = ()) -> Table:
    """A table without lines; the last column gives way where room is short."""
    found = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0), show_edge=False)
    for place, name in enumerate(columns):
        last = place == len(columns) - 1
        justify = "right" if name in right else "left"
        found.add_column(name, justify=justify, no_wrap=True, overflow="ellipsis", ratio=1 if last else None)
    return found


async def show_runs(office: Office, terminal: Terminal, rows: Sequence[RunRow], *, everything: bool) -> None:
    """Write a list of runs."""
    if not rows:
        terminal.say("No runs yet." if everything else "No run is open. `deputy ps --all` lists those that are over.")
        return
    now = office.clock.now()
    shown = table("RUN", "AGENT", "STATE", "FOR", "CHANGED", "STARTED BY")
    for row in rows:
        state = row.state + (f" ({row.summary})" if row.summary and row.state != "done" else "")
        parent = f"run {await shortest(office, 'run', row.parent)}" if row.parent else ""
        shown.add_row(
            Text(await shortest(office, "run", row.id), style="bold"), one_line(row.agent),
            Text(one_line(state), style=STYLES.get(row.state, "")), one_line(row.on_behalf_of), ago(row.changed, now),
            parent,
        )  # fmt: skip
    terminal.out.print(shown)
    if any(row.state == "ready" for row in rows) and not await live_workers(office):
        terminal.note("No worker is running: `deputy worker` lets ready runs go on.")


def show_accounts(office: Office, terminal: Terminal, found: Sequence[Mapping[str, Any]]) -> None:
    """Write the ledger, a day and agent (or a run that shares its budget) a line."""
    if not found:
        terminal.say("Nothing was spent yet.")
        return
    days = sorted({account["day"] for account in found if account["day"]}, reverse=True)[:DAYS]
    shown = table("WHEN", "WHO", "SPENT", "HELD", "OF AT MOST", "TOKENS", "STEPS", right=RIGHT)
    for account in found:
        if account["day"] is not None and account["day"] not in days:
            continue
        limit, spent = account["limit"], account["spent"]
        most = limit["money"]["amount"] if limit["money"] else "no limit"
        who = account["agent"] or f"run {str(account['run'])[-6:]} and its children"
        shown.add_row(
            account["day"] or "", one_line(who), spent["money"]["amount"], account["held"]["money"]["amount"], most,
            _of(spent["tokens"], limit["tokens"]), _of(spent["steps"], limit["steps"]),
        )  # fmt: skip
    terminal.out.print(shown)
    terminal.say(f"Money in {office.settings.currency}.", style="dim")


def _of(used: int, most: int | None) -> str:
    return str(used) if most is None else f"{used} of {most}"


RIGHT = ("SPENT", "HELD", "OF AT MOST", "TOKENS", "STEPS")
