"""Commands about what starts runs without a person."""

from typing import Annotated

import typer

from deputy.cli.options import AgentName, AsJson, AsPerson, RunName, Workspace
from deputy.cli.session import Office, perform
from deputy.cli.terminal import Terminal

__all__ = ["add_to"]

Which = Annotated[str, typer.Argument(metavar="N", help="The trigger's number or name.", show_default=False)]


def add_to(app: typer.Typer) -> None:
    """Add these commands to an application."""
    app.command("triggers")(_triggers)
    trigger = typer.Typer(help="Fire or pause what starts runs by itself.", rich_markup_mode=None)
    trigger.callback()(lambda: None)
    trigger.command("fire")(_fire)
    trigger.command("pause")(_pause)
    trigger.command("resume")(_resume)
    trigger.command("again")(_again)
    app.add_typer(trigger, name="trigger")


def _triggers(ctx: typer.Context, workspace: Workspace = None, as_json: AsJson = False) -> None:
    """Show what starts runs without a person.

    When each last did, when it will, and what should have happened and did not.
    """

    async def work(office: Office, terminal: Terminal) -> None:
        from deputy.app.triggers import standings, trigger_view
        from deputy.cli.tables import show_triggers

        found = await standings(office)
        if as_json:
            terminal.emit([trigger_view(one) for one in found])
        else:
            await show_triggers(office, terminal, found)

    perform(ctx, work, workspace, as_json=as_json)


def _fire(
    ctx: typer.Context,
    agent: AgentName,
    which: Which,
    content: Annotated[
        str, typer.Option("--content", metavar="TEXT", help="What shall have arrived with it.", show_default=False)
    ] = "",
    person: AsPerson = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Let a trigger start a run now, to see what comes of it.

    Its schedule stays as it is.
    """

    async def work(office: Office, terminal: Terminal) -> None:
        from deputy.app.commands import person_named
        from deputy.app.triggers import fire
        from deputy.cli.people import goes_on

        run = await fire(office, agent, which, person_named(office, person), content)
        waits = await office.store.run(run) is None
        if as_json:
            terminal.emit({"run": run, "waits": waits})
        elif waits:
            terminal.say(f"{agent} is frozen: run {run} begins once it is thawed.")
        else:
            await goes_on(office, terminal, run, "It was fired.")

    perform(ctx, work, workspace, as_json=as_json)


def _pause(
    ctx: typer.Context,
    agent: AgentName,
    which: Which,
    person: AsPerson = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Let a trigger start nothing for now; what comes meanwhile waits."""
    _switch(ctx, agent, which, person, workspace, as_json=as_json, paused=True)


def _resume(
    ctx: typer.Context,
    agent: AgentName,
    which: Which,
    person: AsPerson = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Let a paused trigger go on, and catch up as its declaration says."""
    _switch(ctx, agent, which, person, workspace, as_json=as_json, paused=False)


def _switch(
    ctx: typer.Context, agent: str, which: str, person: str | None, workspace: str | None, *, as_json: bool,
    paused: bool,
) -> None:  # fmt: skip
    async def work(office: Office, terminal: Terminal) -> None:
        from deputy.app.commands import person_named
        from deputy.app.triggers import pause

        key = await pause(office, agent, which, person_named(office, person), paused=paused)
        if as_json:
            terminal.emit({"trigger": key, "paused": paused})
        terminal.say(f"{key} is {'paused' if paused else 'resumed'}.")

    perform(ctx, work, workspace, as_json=as_json)


def _again(
    ctx: typer.Context, run: RunName, person: AsPerson = None, workspace: Workspace = None, as_json: AsJson = False
) -> None:
    """Start another run for what a failed or cancelled one came of.

    The letter, delivery or file is as it came; what the first run did is not undone. Once for each run.
    """

    async def work(office: Office, terminal: Terminal) -> None:
        from deputy.app.commands import person_named
        from deputy.app.failures import again
        from deputy.cli.people import goes_on

        begun = await again(office, run, person_named(office, person))
        if as_json:
            terminal.emit({"run": begun, "waits": await office.store.run(begun) is None})
        else:
            await goes_on(office, terminal, begun, "It is done again.")

    perform(ctx, work, workspace, as_json=as_json)
