"""Commands about the workspace itself: make one."""

from typing import Annotated

import typer

from deputy.cli.completing import examples
from deputy.cli.options import AsJson, Workspace
from deputy.cli.session import terminal_of

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add these commands to an application."""
    app.command("init")(_init)


def _init(
    ctx: typer.Context,
    folder: Annotated[str, typer.Argument(metavar="DIR", help="Where to make it.", show_default=False)],
    example: Annotated[
        str | None,
        typer.Option(
            "--example", metavar="NAME", help="Copy a shipped example, as `acme`.", show_default=False,
            autocompletion=examples,
        ),
    ] = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Make a new workspace that runs at once."""
    from pathlib import Path

    from deputy.app.config import user_name, write_workspace
    from deputy.app.examples import example_named
    from deputy.base.errors import UsageError

    if workspace is not None:
        remedy = "Name the new folder alone, without --workspace."
        raise UsageError("`init` makes a workspace and works in none.", remedy)
    terminal = terminal_of(ctx, workspace, as_json=as_json)
    source = None if example is None else example_named(example)
    files = write_workspace(Path(folder), person=user_name(), example=source)
    if as_json:
        terminal.emit({"folder": str(Path(folder).absolute()), "files": list(files)})
        return
    from deputy.cli.text import one_line

    terminal.say(f"Made a workspace in {one_line(folder)}: {len(files)} files. Try:")
    first = ["run", "hello", "Ada"] if example is None else ["doctor"]
    terminal.workspace = None if folder == "." else folder
    terminal.commands([terminal.command(*first)])
