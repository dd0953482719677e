"""Lists for people: runs and accounts, one a line, what tells them apart at the left."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.text import Text

from deputy.app.bootstrap import Office
from deputy.app.queries import RunRow, live_workers, shortest
from deputy.app.triggers import Standing, alarms, described
from deputy.cli.terminal import Terminal
from deputy.cli.text import ago, one_line, shortened
from deputy.domain.trigger import Schedule

__all__ = ["show_accounts", "show_alarms", "show_runs", "show_secrets", "show_statistics",
    "show_triggers",
]  # fmt: skip

STYLES = {"waiting": "yellow", "failed": "red", "cancelled": "red", "done": "green", "running": "cyan"}
ALARMS = 5  #: that are shown beside something else
STEPS = 31  #: days or hours that people are shown
DAYS = 14  #: days of accounts that people are shown


def _show(terminal: Terminal, columns: Sequence[str], rows: Sequence[Sequence[str | Text]], numbers: int = 0) -> None:
    """Write a table, the last columns of it numbers; where it is too wide, its right side is cut off."""
    cells = [[Text(name, style="dim") for name in columns]]
    cells += [[cell if isinstance(cell, Text) else Text(one_line(cell)) for cell in row] for row in rows]
    widths = [max(row[place].cell_len for row in cells) for place in range(len(columns))]
    for row in cells:
        line = Text()
        for place, cell in enumerate(row):
            gap = " " * (widths[place] - cell.cell_len)
            right = place >= len(columns) - numbers
            line.append(gap if right else "").append_text(cell).append("" if right else gap).append("  ")
        line.rstrip()
        terminal.line(line)


async def show_runs(office: Office, terminal: Terminal, rows: Sequence[RunRow], *, everything: bool) -> None:
    """Write a list of runs."""
    if not rows:
        terminal.say("No runs yet." if everything else "No run is open. `deputy ps --all` lists those that are over.")
        return
    now = office.clock.now()
    shown: list[list[str | Text]] = []
    for row in rows:
        why = f" ({row.summary})" if row.summary and row.summary != row.state else ""
        parent = f"run {await shortest(office, 'run', row.parent)}" if row.parent else row.on_behalf_of
        shown.append([
            Text(await shortest(office, "run", row.id), style="bold"), row.agent,
            Text(one_line(row.state + why), style=STYLES.get(row.state, "")), ago(row.changed, now), parent,
        ])  # fmt: skip
    _show(terminal, ("RUN", "AGENT", "STATE", "CHANGED", "FOR"), shown)
    if any(row.state == "ready" for row in rows) and not await live_workers(office):
        terminal.say("No worker is running; what is ready goes on with:")
        terminal.commands([terminal.command("worker")])


async def show_alarms(office: Office, terminal: Terminal) -> None:
    """Remark what should have happened by itself and did not."""
    found = [] if terminal.as_json else await alarms(office)
    for alarm in found[:ALARMS]:
        terminal.note(f"{alarm.trigger}: {alarm.message}", style="bold red")
    if len(found) > ALARMS:
        terminal.note(f"{len(found) - ALARMS} more alarms: see `deputy triggers`.", style="bold red")


async def show_triggers(office: Office, terminal: Terminal, found: Sequence[Standing]) -> None:
    """Write the triggers, one a line, and their alarms below."""
    if not found:
        terminal.say("No agent has triggers. They stand under `triggers` in an AGENT.md.")
        return
    now = office.clock.now()
    shown: list[list[str | Text]] = []
    for one in found:
        last = "never"
        if one.last is not None:
            what = one.last.state if not one.last.run else f"run {await shortest(office, 'run', one.last.run)}"
            last = f"{ago(one.last.at, now)} ({what})"
        due = "when it comes" if not isinstance(one.trigger.source, Schedule) else "never again"
        if one.next is not None:
            due = ago(one.next, now) if one.next >= now else f"due, {ago(one.next, now)}"
        shown.append([
            Text(one.trigger.agent, style="bold"), str(one.trigger.number), one.trigger.name,
            described(one.trigger.source), last, due, str(one.waiting),
        ])  # fmt: skip
    _show(terminal, ("AGENT", "N", "NAME", "WAITS FOR", "LAST", "NEXT", "WAITING"), shown, numbers=1)
    await show_alarms(office, terminal)
    if not await live_workers(office):
        terminal.say("No worker is running, so nothing fires. Start one with:")
        terminal.commands([terminal.command("worker")])


def show_accounts(office: Office, terminal: Terminal, found: Sequence[Mapping[str, Any]]) -> None:
    """Write the ledger, a day and agent (or a run that shares its budget) a line."""
    if not found:
        terminal.say("Nothing was spent yet.")
        return
    days = sorted({account["day"] for account in found if account["day"]}, reverse=True)[:DAYS]
    shown: list[list[str]] = []
    for account in found:
        if account["day"] is not None and account["day"] not in days:
            continue
        limit, spent = account["limit"], account["spent"]
        most = limit["money"]["amount"] if limit["money"] else "no limit"
        who = account["agent"] or f"run {str(account['run'])[-6:]} and those it started"
        shown.append([
            account["day"] or "", who, spent["money"]["amount"], account["held"]["money"]["amount"], most,
            _of(spent["tokens"], limit["tokens"]), _of(spent["steps"], limit["steps"]),
        ])  # fmt: skip
    _show(terminal, ("DAY", "WHO", "SPENT", "HELD", "AT MOST", "TOKENS", "STEPS"), shown, numbers=5)
    terminal.say(f"Money in {office.settings.currency}, days in UTC.", style="dim")


def _of(used: int, most: int | None) -> str:
    return str(used) if most is None else f"{used} of {most}"


def show_secrets(office: Office, terminal: Terminal, found: Sequence[Mapping[str, Any]]) -> None:
    """Write which secrets there are, one a line; no values."""
    if not found:
        terminal.say("No secret is set, and none is referred to.")
        return
    shown: list[list[str | Text]] = []
    for secret in found:
        at = ago(datetime.fromisoformat(secret["at"]), office.clock.now()) if secret["set"] else ""
        state = Text("set") if secret["set"] else Text("wrong" if secret["by"] else "missing", style="red")
        who = (secret["by"] or "").removeprefix("person:")
        shown.append([Text(secret["name"], style="bold"), state, at, who, ", ".join(secret["used_by"]) or "nothing"])
    _show(terminal, ("SECRET", "", "WHEN", "BY", "USED BY"), shown)


def show_statistics(terminal: Terminal, found: Mapping[str, Any]) -> None:
    """Write what happened in a window of time: a line a day or hour in which anything did, then agents, then all."""
    rows = [one for one in found["series"] if any(one[name] for name in ("begun", "decided", "asked", "incidents"))]
    shown = [_figures(one["start"][:16].replace("T", " "), one) for one in rows[-STEPS:]]
    shown += [_figures(one["agent"], one) for one in found["agents"]]
    if not shown:
        terminal.say("Nothing happened in this time.")
        return
    total = found["total"]
    shown.append(_figures("in all", total))
    _show(terminal, ("WHEN, WHO", "SPENT", "TOKENS", "BEGUN", "DONE", "FAILED", "ASKED", "DECIDED", "WRONG"), shown, 8)
    wait, minutes = total["waiting"], total["minutes"]
    if wait["answers"]:
        terminal.say(f"Answers took {_seconds(wait['median'])} (median), {_seconds(wait['p95'])} (95 of 100).")
    saved = "" if minutes["saved"] is None else f"; finished runs saved {minutes['saved']:g}, by what agents declare"
    terminal.say(f"People spent about {minutes['spent']:g} minutes deciding{saved}.")
    terminal.say(f"Money in {total['spend']['currency']}, times in UTC.", style="dim")


def _figures(name: str, one: Mapping[str, Any]) -> list[str]:
    counts = ("tokens", "begun", "done", "failed", "asked", "decided", "incidents")
    return [name, one["spend"]["amount"], *[str(one[count]) for count in counts]]


def _seconds(seconds: float) -> str:
    minutes = seconds / 60
    return f"{seconds:.1f} s" if minutes < 1 else f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"


def show_record(terminal: Terminal, found: Mapping[str, Any]) -> None:
    """Write events of the record, one a line."""
    shown: list[list[str]] = []
    for one in found["events"]:
        who = one["agent"] or (one["by"] or "").removeprefix("person:")
        what = " ".join(part for part in (one["tool"], one["what"]) if part)
        run = one["run"] if one["run"] == "workspace" else one["run"][-6:]
        shown.append([one["at"][:19].replace("T", " "), run, str(one["seq"]), one["kind"], who, shortened(what, 60)])
    if not shown:
        terminal.say("No event fits.")
    else:
        _show(terminal, ("WHEN", "RUN", "SEQ", "EVENT", "WHO", "WHAT"), shown)
    if found["next"] is not None:
        terminal.say("There is more; narrow it with --kind, --of or --since.", style="dim")
