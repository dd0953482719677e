"""`deputy doctor model`: prove a model route by real calls."""

import contextlib
from typing import TYPE_CHECKING, Annotated

import typer

from deputy.cli.options import AsJson, Workspace
from deputy.cli.session import Office, perform
from deputy.cli.terminal import Terminal

if TYPE_CHECKING:
    from deputy.app.doctor import Finding
    from deputy.app.proof import Proof

__all__ = ["prove_model", "say_found"]

SIGNS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "error": ("✗", "red")}


def prove_model(
    ctx: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME", help="The model's name in deputy.toml.", show_default="default, or the only one"
        ),
    ] = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Prove a model by real calls: completion, tool calls, thinking, cache and price.

    What it may cost at most is said before the first call. Exit codes: 0 it can be used, 2 a file, a key or an account
    is wrong, 4 the server fails.
    """

    async def work(office: Office, terminal: Terminal) -> int:
        from deputy.app.proof import Proof, named_route, prove

        route = named_route(office.settings, name)
        found: list[Proof] = []
        with terminal.busy("Examining") as doing:
            proofs = prove(route, office.settings.currency, office.secrets.lend, office.clock, doing)
            async with contextlib.aclosing(proofs):
                async for proof in proofs:
                    found.append(proof)
                    say_found(terminal, proof)
        if terminal.as_json:
            terminal.emit({"model": route.name, "checks": [proof.view for proof in found]})
        return _end(terminal, found)

    perform(ctx, work, workspace, as_json=as_json)


def say_found(terminal: Terminal, found: "Proof | Finding") -> None:
    """One line about what a check found."""
    from rich.text import Text

    from deputy.cli.text import one_line

    sign, style = SIGNS[found.level]
    line = Text().append(f"{sign} ", style=style).append(f"{found.check:<10} ", style="bold")
    line.append(one_line(found.message))
    if found.remedy:
        line.append(f" {one_line(found.remedy)}", style="dim")
    terminal.say(line)


def _end(terminal: Terminal, found: "list[Proof]") -> int:
    errors = [proof for proof in found if proof.level == "error"]
    warnings = sum(proof.level == "warning" for proof in found)
    if not errors and not warnings:
        terminal.say("It can do all that Deputy asks of a model.", style="bold green")
    else:
        terminal.say(f"{len(errors)} wrong, {warnings} worth a look.", style="bold")
    if not errors:
        return 0
    return 2 if any(proof.misconfigured for proof in errors) else 4
