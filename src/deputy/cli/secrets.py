"""Commands for secrets: set, list, remove. A value comes from a prompt that does not show it or from standard input,
never from the command line, and is never shown."""

import sys
from typing import Annotated, Any

import typer

from deputy.base.errors import UsageError
from deputy.cli.completing import secrets
from deputy.cli.options import AsJson, AsPerson, Workspace
from deputy.cli.session import Office, perform
from deputy.cli.terminal import Terminal

__all__ = ["add_to"]

MOST = 128 * 1024  #: characters that are read

Name = Annotated[
    str,
    typer.Argument(metavar="NAME", help="What `secret:NAME` stands for.", show_default=False, autocompletion=secrets),
]


def add_to(app: typer.Typer) -> None:
    """Add these commands to an application."""
    group = typer.Typer(help="Keep secrets, encrypted, for `secret:NAME`.", rich_markup_mode=None)
    group.callback()(_group)
    group.command("set")(_set)
    group.command("list")(_list)
    group.command("remove")(_remove)
    app.add_typer(group, name="secret")


def _group() -> None:
    """Keep secrets, encrypted, for `secret:NAME`."""


def _set(
    ctx: typer.Context, name: Name, person: AsPerson = None, workspace: Workspace = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Keep a secret, in place of an older one of this name; calls use it from now on.

    The value is asked for and not shown, or read from standard input (without its last line break).
    """
    value = _value(name)

    async def work(office: Office, terminal: Terminal) -> None:
        from deputy.app.commands import person_named
        from deputy.app.secrets import known_secrets, secret_view, set_secret

        await set_secret(office.store, office.clock, office.secrets, name, value, person_named(office, person))
        known = next(k for k in known_secrets(office.settings, office.secrets) if k.name == name)
        if as_json:
            terminal.emit(secret_view(known))
            return
        terminal.say(f"secret:{name} is set; calls use it from now on.")
        if not known.used_by:
            terminal.say(f'Nothing refers to it yet. Write "secret:{name}" where it is needed.', style="dim")

    perform(ctx, work, workspace, as_json=as_json)


def _value(name: str) -> str:
    """What somebody typed, unseen, or what was piped in."""
    if sys.stdin is None or sys.stdin.closed:
        raise UsageError("There is nothing to read the secret from.", "Pipe it in, or run this in a terminal.")
    if sys.stdin.isatty():
        import getpass

        try:
            return getpass.getpass(f"Value of {name} (not shown): ")
        except EOFError:
            raise UsageError("No value was given.", "Type it, and press Enter.") from None
    try:
        return sys.stdin.read(MOST).removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise UsageError("The secret is not UTF-8 text.", "Encode it, as with base64.") from None


def _list(ctx: typer.Context, workspace: Workspace = None, as_json: AsJson = False) -> None:
    """Show which secrets are set or missing, by whom and when they were set, and what refers to them; no values."""

    async def work(office: Office, terminal: Terminal) -> None:
        from deputy.app.secrets import known_secrets, secret_view
        from deputy.cli.tables import show_secrets

        found: list[dict[str, Any]] = [secret_view(k) for k in known_secrets(office.settings, office.secrets)]
        if as_json:
            terminal.emit(found)
        else:
            show_secrets(office, terminal, found)

    perform(ctx, work, workspace, as_json=as_json)


def _remove(
    ctx: typer.Context, name: Name, person: AsPerson = None, workspace: Workspace = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Forget a secret; calls that need it fail from now on."""

    async def work(office: Office, terminal: Terminal) -> None:
        from deputy.app.commands import person_named
        from deputy.app.secrets import known_secrets, remove_secret

        await remove_secret(office.store, office.clock, office.secrets, name, person_named(office, person))
        missing = next((k for k in known_secrets(office.settings, office.secrets) if k.name == name), None)
        if as_json:
            terminal.emit({"name": name, "removed": True, "used_by": list(missing.used_by) if missing else []})
            return
        terminal.say(f"secret:{name} is removed.")
        if missing is not None:
            terminal.say(f"It is still referred to: {', '.join(missing.used_by)}.", style="yellow")

    perform(ctx, work, workspace, as_json=as_json)
