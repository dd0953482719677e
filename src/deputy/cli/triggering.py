"""Commands about what starts runs without a person."""

from typing import Annotated

import typer

from deputy.cli.options import AgentName, AsJson, AsPerson, Workspace
from deputy.cli.session import Office, perform
from deputy.cli.terminal import Terminal

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add these commands to an application."""
    app.command("triggers")(_triggers)
    trigger = typer.Typer(help="Try what starts runs without a person.", rich_markup_mode=None)
    trigger.callback()(lambda: None)
    trigger.command("fire")(_fire)
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
    which: Annotated[str, typer.Argument(metavar="N", help="The trigger's number or name.", show_default=False)],
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
