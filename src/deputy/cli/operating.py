"""Commands for whoever operates the workspace: work, freeze, thaw, look at the ledger."""

from typing import Annotated

import typer

from deputy.base.errors import UsageError
from deputy.cli.completing import agents
from deputy.cli.options import AsJson, AsPerson, Workspace
from deputy.cli.session import Office, Signals, perform
from deputy.cli.terminal import Terminal

__all__ = ["add_to"]

Which = Annotated[
    str | None,
    typer.Argument(metavar="[AGENT]", help="Without it, all of them.", show_default=False, autocompletion=agents),
]


def add_to(app: typer.Typer) -> None:
    """Add these commands to an application."""
    app.command("worker")(_worker)
    app.command("freeze")(_freeze)
    app.command("thaw")(_thaw)
    app.command("budget")(_budget)
    app.command("stats")(_stats)


def _worker(
    ctx: typer.Context,
    until_idle: Annotated[bool, typer.Option("--until-idle", help="Return once nothing can go on by itself.")] = False,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Drive the runs of the workspace, until told to stop.

    SIGINT and SIGTERM let it finish the step in hand; a second one stops it at once. With --until-idle the exit code
    is that of the runs that were open when it began.
    """

    async def work(office: Office, terminal: Terminal) -> int:
        from deputy.cli.working import serve, work_off

        with Signals(terminal.note).heeded() as signals:
            return await (work_off(office, terminal, signals) if until_idle else serve(office, terminal, signals))

    perform(ctx, work, workspace, as_json=as_json)


def _freeze(
    ctx: typer.Context, agent: Which = None, person: AsPerson = None, workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Let an agent (or all of them) begin nothing more."""
    _switch(ctx, agent, person, workspace, as_json=as_json, frozen=True)


def _thaw(
    ctx: typer.Context, agent: Which = None, person: AsPerson = None, workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Let a frozen agent (or all of them) go on."""
    _switch(ctx, agent, person, workspace, as_json=as_json, frozen=False)


def _switch(
    ctx: typer.Context, agent: str | None, person: str | None, workspace: str | None, *, as_json: bool, frozen: bool
) -> None:
    async def work(office: Office, terminal: Terminal) -> None:
        from deputy.app.commands import freeze, person_named
        from deputy.app.queries import live_workers

        await freeze(office, agent, person_named(office, person), frozen=frozen)
        if as_json:
            terminal.emit({"agent": agent, "frozen": frozen})
        what = "frozen: nothing more begins" if frozen else "thawed"
        terminal.say(f"{agent or 'The workspace'} is {what}.")
        if not frozen and not as_json and not await live_workers(office):
            terminal.say("No worker is running; whatever waited goes on with:")
            terminal.commands([terminal.command("worker", "--until-idle")])

    perform(ctx, work, workspace, as_json=as_json)


def _budget(ctx: typer.Context, workspace: Workspace = None, as_json: AsJson = False) -> None:
    """Show what agents have spent, and may spend."""

    async def work(office: Office, terminal: Terminal) -> None:
        from deputy.app.queries import accounts
        from deputy.app.views import account_view
        from deputy.cli.tables import show_accounts

        found = [account_view(account, office.settings) for account in await accounts(office)]
        if as_json:
            terminal.emit(found)
        else:
            show_accounts(office, terminal, found)

    perform(ctx, work, workspace, as_json=as_json)


def _stats(
    ctx: typer.Context,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="From then on.", show_default="30 days, or 24 hours")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Until then.", show_default="now")
    ] = None,
    by: Annotated[str, typer.Option("--by", metavar="day|hour", help="In which steps.")] = "day",
    of: Annotated[
        str | None, typer.Option("--of", metavar="AGENT|group:TEAM", help="Of one agent, or of a team's.",
                                 show_default=False)
    ] = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Show what was spent and done over time.

    Spend, runs, waiting times, incidents and people's minutes, by the day or the hour.
    """
    if by not in ("day", "hour"):
        raise UsageError(f"{by!r} is neither `day` nor `hour`.", "Write one of the two.")
    named = of or ""
    team = named.removeprefix("group:") if named.startswith("group:") else ""

    async def work(office: Office, terminal: Terminal) -> None:
        from deputy.app.commands import person_named
        from deputy.app.figures import Asked, statistics
        from deputy.app.views import read_time
        from deputy.cli.tables import show_statistics

        span = "hour" if by == "hour" else "day"
        asked = Asked(read_time(since or ""), read_time(until or ""), span, "" if team else named, team)
        with terminal.busy("Reading the journal"):
            found = await statistics(office, person_named(office, None), asked, everything=True)
        if as_json:
            terminal.emit(found)
        else:
            show_statistics(terminal, found)

    perform(ctx, work, workspace, as_json=as_json)
