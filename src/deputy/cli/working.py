"""A worker at a terminal: says what it takes up and how it came out, or for programs, the runs at the end."""

import asyncio
import contextlib
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from rich.text import Text

from deputy.app import driving
from deputy.app.bootstrap import Office
from deputy.app.queries import RunRow, shortest
from deputy.app.views import exit_code, run_line
from deputy.cli.session import Signals
from deputy.cli.summary import WAITS
from deputy.cli.terminal import Terminal
from deputy.cli.text import one_line, when

__all__ = ["serve", "work_off"]

SIGNS = {"done": ("✓", "green"), "failed": ("✗", "red"), "cancelled": ("✗", "red"), "waiting": ("…", "yellow")}
Drive = Callable[[Office, asyncio.Event], Coroutine[Any, Any, None]]
ANSWERED = ("approval", "question", "in_doubt", "budget")


async def work_off(office: Office, terminal: Terminal, signals: Signals) -> int:
    """Drive everything until nothing can go on."""
    rows = await driving.work(office, signals.stop)
    if office.crashes:
        return 1  # and the defect is all there is to say
    if terminal.as_json:
        terminal.emit([run_line(row) for row in rows])
    for row in rows:
        terminal.line(standing(row).append(f"  {await shortest(office, 'run', row.id)}", style="dim"))
    if not rows:
        terminal.say("Nothing was open.")
    if any(row.summary in ANSWERED for row in rows if row.state == "waiting"):
        terminal.commands([terminal.command("inbox")])
    return exit_code(*rows) if signals.exit_code is None else signals.exit_code


async def serve(office: Office, terminal: Terminal, signals: Signals, drive: Drive = driving.serve) -> int:
    """Drive everything until told to stop."""
    terminal.note(f"Working for {office.settings.name}; Ctrl-C stops.", style="dim")
    end = asyncio.Event()
    serving = asyncio.create_task(drive(office, signals.stop))
    serving.add_done_callback(lambda _: end.set())
    try:
        async with contextlib.aclosing(driving.changes(office, end)) as rows:
            async for row in rows:
                if terminal.as_json:
                    terminal.emit(run_line(row))
                    sys.stdout.flush()
                elif row.state != "running":
                    terminal.line(standing(row).append(f"  {await shortest(office, 'run', row.id)}", style="dim"))
        await serving
    except BrokenPipeError:
        signals.stop.set()
        await serving
        raise
    finally:
        serving.cancel()
        await asyncio.wait([serving])
    return 0


def standing(row: RunRow) -> Text:
    """How a run stands, in one line."""
    sign, style = SIGNS.get(row.state, ("·", ""))
    what = row.state if row.state != "waiting" else f"waits for {WAITS.get(row.summary, row.summary)}"
    line = Text().append(when(row.changed) + "  ", style="dim").append(f"{sign} ", style=style)
    why = f" ({row.summary})" if row.state in ("failed", "cancelled") and row.summary != row.state else ""
    return line.append(one_line(f"{row.agent} for {row.on_behalf_of}: {what}{why}"))
