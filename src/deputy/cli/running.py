"""Commands about runs: start, watch, list and cancel them."""

import asyncio
from typing import Annotated

import typer

from deputy.cli.options import AgentName, AsJson, AsPerson, RunName, Workspace
from deputy.cli.session import Office, Signals, perform
from deputy.cli.terminal import Terminal

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add these commands to an application."""
    app.command("run")(_run)
    app.command("ps")(_ps)
    app.command("show")(_show)
    app.command("cancel")(_cancel)


def _run(
    ctx: typer.Context,
    agent: AgentName,
    task: Annotated[str, typer.Argument(metavar="TASK", help="What it is to do.", show_default=False)],
    person: AsPerson = None,
    detach: Annotated[bool, typer.Option("--detach", help="Leave the run to a worker, and return at once.")] = False,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Let an agent do a task, and watch it.

    The run is driven here, or by a worker if one is running. Exit codes: 0 done, 3 waits for a person, 4 failed or
    cancelled, 5 ended by a denial or waits on budget, 6 in doubt, 7 still going.
    """

    async def work(office: Office, terminal: Terminal) -> int:
        from deputy.app.commands import person_named, start
        from deputy.app.queries import find_run
        from deputy.cli.watching import see_through, started

        run = await start(office, agent, task, person_named(office, person), waits=not detach)
        if detach:
            return await started(office, terminal, await find_run(office, run))
        terminal.say(f"Run {run}", style="bold")
        with Signals(terminal.note).heeded() as signals:
            return await see_through(office, terminal, run, signals)

    perform(ctx, work, workspace, as_json=as_json)


def _ps(
    ctx: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """List the runs that are open."""

    async def work(office: Office, terminal: Terminal) -> None:
        from deputy.app import queries
        from deputy.app.views import run_line
        from deputy.cli.tables import show_alarms, show_runs

        found = await queries.runs(office, everything=everything)
        if as_json:
            terminal.emit([run_line(row) for row in found])
        else:
            await show_runs(office, terminal, found, everything=everything)
            await show_alarms(office, terminal)

    perform(ctx, work, workspace, as_json=as_json)


def _show(
    ctx: typer.Context,
    run: RunName,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Watch until it waits or is over.")] = False,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Show what a run did and what it waits for.

    Exit codes are those of `deputy run`.
    """

    async def work(office: Office, terminal: Terminal) -> int:
        from deputy.app.queries import find_run
        from deputy.cli.watching import conclude, told, watch_through

        row = await find_run(office, run)
        if follow:
            with Signals(lambda _: None).heeded() as signals:
                return await watch_through(office, terminal, row.id, signals)
        if not as_json:
            ended = asyncio.Event()
            ended.set()
            await told(office, terminal, row.id, ended)
        return await conclude(office, terminal, row)

    perform(ctx, work, workspace, as_json=as_json)


def _cancel(
    ctx: typer.Context,
    run: RunName,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why.", show_default=False)] = "",
    person: AsPerson = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Stop a run and those it started.

    Effects that were begun are waited for.
    """

    async def work(office: Office, terminal: Terminal) -> None:
        from deputy.app.commands import cancel, person_named
        from deputy.cli.people import goes_on

        found = await cancel(office, run, person_named(office, person), reason)
        if as_json:
            terminal.emit({"id": found})
        else:
            await goes_on(office, terminal, found, "It ends once it is known what came of all it began.")

    perform(ctx, work, workspace, as_json=as_json)
