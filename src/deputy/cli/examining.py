"""Commands that examine: the workspace's health, a verdict."""

import asyncio
import contextlib
from typing import Annotated, Any

import typer

from deputy.base.errors import UsageError
from deputy.cli.options import AgentName, AsJson, AsPerson, Workspace
from deputy.cli.proving import prove_model, say_found
from deputy.cli.reaching import examine_channel
from deputy.cli.session import Office, perform, read_json, terminal_of
from deputy.cli.terminal import Terminal

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add these commands to an application."""
    policy = typer.Typer(help="Ask what policy would answer.", rich_markup_mode=None)
    policy.callback()(_policy)
    policy.command("check")(_check)
    app.add_typer(policy, name="policy")
    doctor = typer.Typer(invoke_without_command=True, rich_markup_mode=None)
    doctor.callback()(_doctor)
    doctor.command("model")(prove_model)
    doctor.command("channel")(examine_channel)
    app.add_typer(doctor, name="doctor")


def _policy() -> None:
    """Ask what policy would answer."""


def _check(
    ctx: typer.Context,
    agent: AgentName,
    tool: Annotated[str, typer.Argument(metavar="TOOL", help="The tool, as `server.tool`.", show_default=False)],
    args: Annotated[
        str | None, typer.Option("--args", metavar="JSON", help="The arguments.", show_default="amounts at their limit")
    ] = None,
    person: AsPerson = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Say what the current mandate answers to a call, by which rule, and who would be asked."""

    async def work(office: Office, terminal: Terminal) -> None:
        from deputy.app.commands import person_named
        from deputy.app.policy_check import explain

        given = None if args is None else read_json("--args", args)
        if given is not None and not isinstance(given, dict):
            raise UsageError("Arguments are a JSON object.", "Write --args '{\"amount\": 10}'.")
        with terminal.busy("Asking the tools' hosts"):
            who, by = person_named(office, person), person_named(office, None)
            found = await explain(office, agent, tool, who, given, by=by)  # pyright: ignore[reportUnknownArgumentType]
        if as_json:
            terminal.emit(found)
        else:
            _verdict(terminal, found)

    perform(ctx, work, workspace, as_json=as_json)


VERDICTS = {"allow": "bold green", "ask": "bold yellow", "shadow": "bold cyan", "deny": "bold red"}


def _verdict(terminal: Terminal, found: dict[str, Any]) -> None:
    from rich.text import Text

    from deputy.cli.text import brief, one_line

    call = f"{found['tool']} {brief(found['args'], 400)}".rstrip()
    head = Text().append(found["verdict"], style=VERDICTS[found["verdict"]])
    terminal.say(head.append(f"  {one_line(call)}"))
    facts = [
        ("who", f"{found['agent']} for {found['on_behalf_of']}"), ("class", found["class"]), ("rule", found["rule"]),
        ("why", found["why"]), ("asks", ", ".join(found["people"])), ("as", ", ".join(found["approvers"])),
        ("invalid", found["invalid"]), ("but", "the agent is frozen" if found["frozen"] else ""),
    ]  # fmt: skip
    for label, text in facts:
        if text:
            terminal.say(Text().append(f"  {label:<8} ", style="dim").append(one_line(str(text))))


def _doctor(ctx: typer.Context, workspace: Workspace = None, as_json: AsJson = False) -> None:
    """Examine files, database, tools, mandates, workers; or one model."""
    if ctx.invoked_subcommand is not None:
        return
    terminal = terminal_of(ctx, workspace, as_json=as_json)
    raise typer.Exit(asyncio.run(_examine(terminal)))


async def _examine(terminal: Terminal) -> int:

    from deputy.app.doctor import Finding, examine, finding_view

    found: list[Finding] = []
    with terminal.busy("Examining") as doing:
        async with contextlib.aclosing(examine(terminal.workspace, doing)) as findings:
            async for finding in findings:
                found.append(finding)
                say_found(terminal, finding)
    if terminal.as_json:
        terminal.emit([finding_view(finding) for finding in found])
    errors, warnings = (sum(f.level == level for f in found) for level in ("error", "warning"))
    if errors or warnings:
        terminal.say(f"{errors} wrong, {warnings} worth a look.", style="bold")
    else:
        terminal.say("All is well.", style="bold green")
    return 2 if errors else 0
