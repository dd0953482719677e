"""The arguments and options that several commands share, as they stand in a command's signature."""

from typing import Annotated

import typer

from deputy.cli.completing import agents, items, people, runs

__all__ = ["AgentName", "AsJson", "AsPerson", "ItemName", "RunName", "Workspace"]

Workspace = Annotated[
    str | None,
    typer.Option("--workspace", metavar="DIR", help="The folder of the workspace.", show_default="the current folder"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
AsPerson = Annotated[
    str | None,
    typer.Option(
        "--as", metavar="PERSON", help="Who acts, by id or e-mail.", show_default="the first owner",
        autocompletion=people,
    ),
]  # fmt: skip
AgentName = Annotated[
    str, typer.Argument(metavar="AGENT", help="The agent's name.", show_default=False, autocompletion=agents)
]
RunName = Annotated[
    str, typer.Argument(metavar="RUN", help="The run's id, or its end.", show_default=False, autocompletion=runs)
]
ItemName = Annotated[
    str,
    typer.Argument(metavar="ID", help="Its id in the inbox, or its end.", show_default=False, autocompletion=items),
]
