"""Commands about servers of tools: accept what changed of their tools."""

import sys
from typing import Annotated

import typer

from deputy.cli.options import AsJson, AsPerson, Workspace
from deputy.cli.session import Office, perform
from deputy.cli.terminal import Terminal

__all__ = ["add_to"]

Name = Annotated[str, typer.Argument(metavar="NAME", help="The server, as deputy.toml names it.", show_default=False)]


def add_to(app: typer.Typer) -> None:
    """Add these commands to an application."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    group.command("accept")(_accept)
    group.command("login")(_login)
    app.add_typer(group, name="mcp", help="Look after the servers that bring tools.")


def _accept(
    ctx: typer.Context,
    name: Name,
    tool: Annotated[str | None, typer.Option("--tool", metavar="TOOL", help="This one alone.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Accept what is shown, unasked.")] = False,
    person: AsPerson = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """See what changed of a server's tools since somebody last looked, and accept it.

    Until then agents see such a tool as it was, and may not call it.
    """

    async def work(office: Office, terminal: Terminal) -> None:
        from deputy.app.commands import person_named
        from deputy.app.servers import accept, changes

        who = person_named(office, person)
        found = await changes(office, name, tool)
        for change in found:
            terminal.say(change.tool, style="bold")
            terminal.quote("\n".join(change.lines), "  ")
        sure = yes or (bool(found) and not as_json and sys.stdin.isatty() and typer.confirm("Accept this?"))
        if found and sure:
            await accept(office, name, found, who)
        tools = [change.tool for change in found]
        if as_json:
            shown = [{"tool": change.tool, "diff": list(change.lines)} for change in found]
            terminal.emit({"server": name, "changed": shown, "accepted": tools if sure else []})
        elif not found:
            terminal.say("Nothing changed since somebody last looked.")
        elif sure:
            terminal.say(f"Accepted: {', '.join(tools)}.")
        else:
            terminal.say("Nothing was accepted. To accept what is shown:")
            terminal.commands([terminal.command("mcp", "accept", name, *(["--tool", tool] if tool else []), "--yes")])

    perform(ctx, work, workspace, as_json=as_json)


def _login(
    ctx: typer.Context,
    name: Name,
    given: Annotated[
        list[str],
        typer.Option(
            "--with", metavar="KEY=VALUE", default_factory=list,
            help="client_id, client_secret (a reference), issuer, client_metadata_url, scope, grant or port.",
        ),
    ],
    person: AsPerson = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Log in at a server over HTTP, and keep what it gives, encrypted.

    Prints the address to open; whoever opens it comes back to this machine.
    """

    async def work(office: Office, terminal: Terminal) -> None:
        from deputy.app.commands import person_named
        from deputy.app.logins import log_in_at

        async def show(address: str) -> None:
            terminal.note(f"Open this address to log in at {name}:")
            terminal.address(address)

        issuer = await log_in_at(office, name, person_named(office, person), given, show)
        if as_json:
            terminal.emit({"server": name, "issuer": issuer})
        terminal.say(f"Logged in at {name}; the tokens come from {issuer}.")

    perform(ctx, work, workspace, as_json=as_json)
