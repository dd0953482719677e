"""`deputy up`: everything that a workspace needs, in one process."""

from typing import Annotated

import typer

from deputy.cli.options import AsJson, Workspace
from deputy.cli.session import Office, Signals, perform
from deputy.cli.terminal import Terminal

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add these commands to an application."""
    app.command("up")(_up)


def _up(
    ctx: typer.Context,
    host: Annotated[
        str | None, typer.Option("--host", metavar="ADDRESS", help="Where to listen.", show_default="127.0.0.1")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", metavar="NUMBER", help="At which port; 0 takes a free one.", show_default="8787"),
    ] = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Run everything: a worker, triggers, webhooks and the API.

    Only this machine reaches it, until deputy.toml says how people sign in from elsewhere; with `expose = true` in
    `[web]`, others reach webhooks alone.
    SIGINT and SIGTERM let it finish what is under way; a second one stops it at once.
    """

    async def work(office: Office, terminal: Terminal) -> int:
        from deputy.app.opening import opened
        from deputy.app.sessions import make_link
        from deputy.app.standing import announcing
        from deputy.cli.working import serve
        from deputy.web.serving import serve as serve_web

        at = opened(office.settings, host, port)
        owner = office.settings.directory.first_owner()
        entrance, link = at.entrance, None
        if entrance.served and owner is not None:
            link = f"{entrance.base}/sign-in#{(await make_link(office, owner)).secret}"

        def ready() -> None:
            if as_json:
                terminal.emit({"listening": at.address, "sign_in": link})
            terminal.note(f"Listening at {at.address}", style="dim")
            if not entrance.served:
                terminal.note("Webhooks alone are served here: the API is for this machine alone.", style="yellow")
            elif entrance.public:
                terminal.note(f"People reach it at {entrance.public}", style="dim")
            if link is not None and owner is not None and not as_json:
                terminal.note(f"To sign in as {owner.id}, once, within ten minutes: {link}", style="dim")

        folder = office.settings.folder
        with announcing(folder, entrance.base), Signals(terminal.note).heeded() as signals:
            return await serve(
                office, terminal, signals, lambda of, stop: serve_web(of, at, stop, ready)
            )  # fmt: skip

    perform(ctx, work, workspace, as_json=as_json)
