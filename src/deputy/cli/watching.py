"""Watch a run as it is driven, and say how it came out."""

import asyncio
import contextlib

from deputy.app import driving
from deputy.app.bootstrap import Office
from deputy.app.queries import RunRow, live_workers, opened, shortest
from deputy.app.views import exit_code, run_view
from deputy.cli.session import Signals
from deputy.cli.summary import summarize
from deputy.cli.terminal import Terminal
from deputy.cli.timeline import Timeline

__all__ = ["conclude", "see_through", "started", "told", "watch_through"]

PATIENCE = 1.0  #: seconds before somebody who waits for nobody is told so


async def started(office: Office, terminal: Terminal, row: RunRow) -> int:
    """Say that a run was left to a worker."""
    if terminal.as_json:
        terminal.emit({"id": row.id, "state": row.state})
        return 0
    terminal.say(f"Run {row.id}", style="bold")
    if await live_workers(office):
        terminal.commands([terminal.command("show", await shortest(office, "run", row.id), "--follow")])
    else:
        terminal.say("No worker is running; it begins with:")
        terminal.commands([terminal.command("worker")])
    return 0


async def told(office: Office, terminal: Terminal, run: str, end: asyncio.Event) -> None:
    """Tell the events of a run until the end."""
    timeline = Timeline(terminal, run)
    async with contextlib.aclosing(driving.follow(office, [run], end)) as steps:
        async for step in steps:
            timeline.tell(step.run, step.event)


async def see_through(office: Office, terminal: Terminal, run: str, signals: Signals) -> int:
    """Drive a run, or let it be driven; tell it; and say how it came out."""
    driven = asyncio.create_task(driving.see_through(office, run, signals.stop))
    return await _until(driven, office, terminal, run, signals)


async def watch_through(office: Office, terminal: Terminal, run: str, signals: Signals) -> int:
    """Watch a run that others drive, and say how it came out."""
    driven = asyncio.create_task(driving.watch_through(office, run, signals.stop))
    reminding = asyncio.create_task(_remind(office, terminal, run))
    try:
        return await _until(driven, office, terminal, run, signals)
    finally:
        reminding.cancel()
        await asyncio.wait([reminding])


async def _remind(office: Office, terminal: Terminal, run: str) -> None:
    """Say after a while that nobody drives what is waited for."""
    await office.clock.sleep(PATIENCE)
    if not await driving.is_driven(office, run):
        terminal.note(f"No worker is running; `{terminal.command('worker')}` lets this run go on.")


async def _until(driven: "asyncio.Task[RunRow]", office: Office, terminal: Terminal, run: str, signals: Signals) -> int:
    end = asyncio.Event()
    driven.add_done_callback(lambda _: end.set())
    try:
        if not terminal.as_json:
            await told(office, terminal, run, end)
        row = await driven
    except BrokenPipeError:
        signals.stop.set()
        await driven  # what is in hand ends first, though nobody reads of it
        raise
    finally:
        driven.cancel()
        await asyncio.wait([driven])
    code = await conclude(office, terminal, row)
    return code if signals.exit_code is None else signals.exit_code


async def conclude(office: Office, terminal: Terminal, row: RunRow) -> int:
    """Say how a run stands; returns its exit code."""
    if office.crashes:
        return 1  # and the defect is all there is to say
    if terminal.as_json:
        terminal.emit(run_view(await opened(office, row.id), office.settings.currency))
    else:
        await summarize(office, terminal, row)
    return exit_code(row)
