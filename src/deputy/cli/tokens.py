"""Commands for tokens: what programs come in with."""

from typing import Annotated

import typer

from deputy.cli.options import AsJson, AsPerson, Workspace
from deputy.cli.session import Office, perform
from deputy.cli.terminal import Terminal

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add these commands to an application."""
    group = typer.Typer(help="Let programs use the API.", rich_markup_mode=None)
    group.callback()(_group)
    group.command("create")(_create)
    group.command("list")(_list)
    group.command("revoke")(_revoke)
    app.add_typer(group, name="token")


def _group() -> None:
    """Let programs use the API."""


def _create(
    ctx: typer.Context,
    role: Annotated[str, typer.Option("--role", metavar="ROLE", help="The one role it has.")] = "member",
    days: Annotated[int, typer.Option("--days", metavar="NUMBER", help="How long it is good.")] = 30,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="What it is for.", show_default=False)] = "",
    person: AsPerson = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Make a token that acts as a person, in one role that they have; it is shown once."""

    async def work(office: Office, terminal: Terminal) -> None:
        from deputy.app.access import create_token, pass_view
        from deputy.app.commands import person_named

        handed = await create_token(office, person_named(office, person), role, days, note)
        if as_json:
            terminal.emit({**pass_view(handed.granted), "token": handed.secret})
            return
        until = f"{handed.granted.expires:%Y-%m-%d}"
        terminal.note(f"Token {handed.granted.id} acts as {handed.granted.person} ({role}) until {until}.", style="dim")
        terminal.say(handed.secret)

    perform(ctx, work, workspace, as_json=as_json)


def _list(ctx: typer.Context, person: AsPerson = None, workspace: Workspace = None, as_json: AsJson = False) -> None:
    """Show a person's tokens, and everybody's to an owner or admin; never what they are."""

    async def work(office: Office, terminal: Terminal) -> None:
        from deputy.app.access import pass_view, tokens
        from deputy.app.commands import person_named
        from deputy.cli.text import one_line

        found = await tokens(office, person_named(office, person))
        if as_json:
            terminal.emit([pass_view(one) for one in found])
            return
        for one in found:
            end = "ended" if one.expires <= office.clock.now() else "until"
            said = f"{one.id}  {one.person} ({one.role}) {end} {one.expires:%Y-%m-%d}"
            terminal.say(one_line(said + (f"  {one.note}" if one.note else "")))
        if not found:
            terminal.say("There are no tokens.")

    perform(ctx, work, workspace, as_json=as_json)


def _revoke(
    ctx: typer.Context,
    token: Annotated[str, typer.Argument(metavar="ID", help="The token's id, from the list.", show_default=False)],
    person: AsPerson = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Let a token be good no longer, at once."""

    async def work(office: Office, terminal: Terminal) -> None:
        from deputy.app.access import revoke_token
        from deputy.app.commands import person_named

        found = await revoke_token(office, token, person_named(office, person))
        if as_json:
            terminal.emit({"id": found, "revoked": True})
        else:
            terminal.say(f"Token {found} is good no longer.")

    perform(ctx, work, workspace, as_json=as_json)
