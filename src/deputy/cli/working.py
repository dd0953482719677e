"""A worker at a terminal: says what it takes up and how it came out, or for programs, the runs at the end."""

from deputy.app import driving
from deputy.app.bootstrap import Office
from deputy.app.queries import shortest
from deputy.app.views import exit_code, run_line
from deputy.cli.session import Signals
from deputy.cli.terminal import Terminal

__all__ = ["serve", "work_off"]


async def work_off(office: Office, terminal: Terminal, signals: Signals) -> int:
    """Drive everything until nothing can go on."""
    rows = await driving.work(office, signals.stop)
    if terminal.as_json:
        terminal.emit([run_line(row) for row in rows])
    for row in rows:
        name = await shortest(office, "run", row.id)
        terminal.say(f"Run {name} of {row.agent}: {row.state}" + (f" ({row.summary})" if row.summary else ""))
    if not rows:
        terminal.say("Nothing was open.")
    return exit_code(*rows) if signals.exit_code is None else signals.exit_code


async def serve(office: Office, terminal: Terminal, signals: Signals) -> int:
    """Drive everything until told to stop."""
    terminal.note(f"Working for {office.settings.name}. Stop with Ctrl-C.", style="dim")
    await driving.serve(office, signals.stop)
    return 0
