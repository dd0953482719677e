"""The commands as one application; each group of commands is a module of its own."""

from collections.abc import Sequence
from typing import Annotated

import typer

from deputy.cli import (
    auditing,
    building,
    entering,
    examining,
    operating,
    people,
    running,
    secrets,
    servers,
    serving,
    tokens,
    triggering,
    workspaces,
)
from deputy.cli.boundary import guarded
from deputy.cli.options import Workspace

__all__ = ["application", "run"]


def application() -> typer.Typer:
    """All commands of this release."""
    app = typer.Typer(
        name="deputy", help="Deputy: agents that act for people, within a mandate, and answer for it.",
        no_args_is_help=False, rich_markup_mode=None, pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    )  # fmt: skip
    app.callback(invoke_without_command=True)(_root)
    for module in (
        workspaces,
        running,
        people,
        operating,
        serving,
        triggering,
        auditing,
        examining,
        building,
        secrets,
        servers,
        entering,
        tokens,
    ):
        module.add_to(app)
    return app


def run(args: Sequence[str]) -> int:
    """Run one command line; returns its exit code."""
    return guarded(args, lambda: application()(args=list(args), prog_name="deputy", standalone_mode=False))


def _root(
    ctx: typer.Context,
    workspace: Workspace = None,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    ctx.obj = workspace
    if version:
        from deputy import __version__

        typer.echo(f"deputy {__version__}")
        raise typer.Exit
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())
        raise typer.Exit(2)
