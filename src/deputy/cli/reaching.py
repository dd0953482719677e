"""`deputy doctor channel`: examine the way by which people are asked."""

import contextlib
from typing import Annotated

import typer

from deputy.cli.options import AsJson, Workspace
from deputy.cli.session import Office, perform
from deputy.cli.terminal import Terminal

__all__ = ["examine_channel"]


def examine_channel(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The channel's name: `mail` for [mail.default].")],
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Examine a channel: sign in, look at the mailbox and the way out, and say who cannot be reached.

    Nobody is written to. Exit codes: 0 it can be used, 2 something is wrong.
    """

    async def work(office: Office, terminal: Terminal) -> int:
        from deputy.app.mailboxes import Premises
        from deputy.app.mailboxes import examine_channel as examined

        premises = Premises(office.settings.folder, office.clock, office.secrets.lend)
        found: list[dict[str, str]] = []
        with terminal.busy("Examining"):
            async with contextlib.aclosing(examined(office.settings, premises, name)) as wrong:
                async for message, remedy in wrong:
                    found.append({"message": message, "remedy": remedy})
        for one in found:
            terminal.say(f"! {one['message']}. {one['remedy']}")
        if not found:
            terminal.say("All is well.", style="bold green")
        if terminal.as_json:
            terminal.emit({"channel": name, "findings": found})
        return 2 if found else 0

    perform(ctx, work, workspace, as_json=as_json)
