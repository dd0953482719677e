"""Commands that let people in, and out."""

import typer

from deputy.cli.options import AsJson, AsPerson, Workspace
from deputy.cli.session import Office, perform
from deputy.cli.terminal import Terminal

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add these commands to an application."""
    app.command("sign-in")(_sign_in)
    app.command("sign-out")(_sign_out)


def _sign_in(ctx: typer.Context, person: AsPerson = None, workspace: Workspace = None, as_json: AsJson = False) -> None:
    """Print a link that signs a person in, once.

    It opens the console in a browser, within ten minutes.
    """

    async def work(office: Office, terminal: Terminal) -> None:
        from deputy.app.commands import person_named
        from deputy.app.opening import address_of
        from deputy.app.sessions import make_link
        from deputy.app.standing import announced
        from deputy.app.views import moment

        who = person_named(office, person)
        serving = announced(office.settings.folder)
        base = serving or address_of(office.settings)
        handed = await make_link(office, who)
        link = f"{base}/sign-in#{handed.secret}"
        if as_json:
            expires = moment(handed.granted.expires)
            terminal.emit({"person": who.id, "sign_in": link, "expires": expires, "serving": bool(serving)})
            return
        terminal.note(f"To sign in as {who.id}, once, within ten minutes:", style="dim")
        terminal.say(link)
        if not serving:
            terminal.note("Nothing answers there yet: start `deputy up`.", style="yellow")

    perform(ctx, work, workspace, as_json=as_json)


def _sign_out(
    ctx: typer.Context, person: AsPerson = None, workspace: Workspace = None, as_json: AsJson = False
) -> None:
    """End all sessions of a person, in every browser, at once. Tokens stay good: see `deputy token revoke`."""

    async def work(office: Office, terminal: Terminal) -> None:
        from deputy.app.commands import person_named
        from deputy.app.sessions import end_all

        who = person_named(office, person)
        ended = await end_all(office, who, who)
        if as_json:
            terminal.emit({"person": who.id, "ended": ended})
        else:
            terminal.say(f"{ended} {'session' if ended == 1 else 'sessions'} of {who.id} ended.")

    perform(ctx, work, workspace, as_json=as_json)
