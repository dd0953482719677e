"""Commands for who builds agents: what is wrong with their files, how versions differ, going back, trying in shadow."""

from typing import Annotated, Any

import typer

from deputy.cli.options import AgentName, AsJson, AsPerson, Workspace
from deputy.cli.session import Office, perform
from deputy.cli.terminal import Terminal

__all__ = ["add_to"]

COLOURS = {"widens": "bold red", "narrows": "green", "changes": "yellow", "same": "dim"}
Version = Annotated[
    str, typer.Argument(metavar="VERSION", help="A version, or the beginning of it.", show_default=False)
]


def add_to(app: typer.Typer) -> None:
    """Add these commands to an application."""
    agent = typer.Typer(help="Compare agents' versions, go back, try in shadow.", rich_markup_mode=None)
    agent.callback()(lambda: None)
    agent.command("versions")(_versions)
    agent.command("diff")(_diff)
    agent.command("rollback")(_roll_back)
    agent.command("try")(_try)
    app.add_typer(agent, name="agent")


def _versions(ctx: typer.Context, agent: AgentName, workspace: Workspace = None, as_json: AsJson = False) -> None:
    """Show which versions of an agent were deployed, when and by whom, and whether each may do more."""

    async def work(office: Office, terminal: Terminal) -> None:
        from rich.text import Text

        from deputy.app.commands import person_named
        from deputy.app.seeing import versions

        found = await versions(office, person_named(office, None), agent)
        if as_json:
            terminal.emit(found)
            return
        for one in found:
            head = Text().append(one["version"][:12], style="bold").append(f"  {one['at'][:19]}  {one['by']}")
            if one["direction"] is not None:
                head.append(f"  {one['direction']}", style=COLOURS[one["direction"]])
            terminal.say(head.append("  in force" if one["current"] else "", style="bold green"))
            for change in one["changes"]:
                terminal.say(f"    {change['says']}")

    perform(ctx, work, workspace, as_json=as_json)


def _diff(
    ctx: typer.Context,
    agent: AgentName,
    before: Annotated[str, typer.Argument(metavar="[BEFORE]", help="The one before it.", show_default=False)] = "",
    after: Annotated[str, typer.Argument(metavar="[AFTER]", help="What is in force.", show_default=False)] = "",
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Say what a version may do that another may not, and how their files differ."""

    async def work(office: Office, terminal: Terminal) -> None:
        import msgspec

        from deputy.app.commands import person_named
        from deputy.app.drafts import diff

        old, new, found = await diff(office, agent, before, after, person_named(office, None))
        if as_json:
            terminal.emit({
                "before": old, "after": new, "direction": found.direction,
                "changes": msgspec.to_builtins(found.changes), "diffs": dict(found.diffs),
            })  # fmt: skip
            return
        terminal.say(f"{old[:12] or 'nothing'} → {new[:12]}: {found.direction}", style=COLOURS[found.direction])
        for change in found.changes:
            terminal.say(f"  {change.direction:<8} {change.says}", style=COLOURS[change.direction])
        for text in found.diffs.values():
            for line in text.splitlines():
                terminal.say(line, style={"+": "green", "-": "red"}.get(line[:1], "dim"))

    perform(ctx, work, workspace, as_json=as_json)


def _roll_back(
    ctx: typer.Context,
    agent: AgentName,
    version: Version,
    person: AsPerson = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Bring an earlier version's files back; runs that are open keep theirs."""

    async def work(office: Office, terminal: Terminal) -> None:
        from deputy.app.commands import person_named
        from deputy.app.drafts import roll_back, source

        who = person_named(office, person)
        now = await source(office, agent, who)
        found = await roll_back(office, agent, version, now.digest, who)
        changes: list[Any] = [] if found.authority is None else list(found.authority.changes)
        if as_json:
            terminal.emit({"agent": agent, "version": found.version, "says": [change.says for change in changes]})
            return
        terminal.say(f"{agent} is at {found.version[:12]} again.")
        for change in changes:
            terminal.say(f"  {change.direction:<8} {change.says}", style=COLOURS[change.direction])

    perform(ctx, work, workspace, as_json=as_json)


def _try(
    ctx: typer.Context,
    agent: AgentName,
    task: Annotated[str, typer.Argument(metavar="TASK", help="What to try.", show_default=False)],
    version: Annotated[
        str, typer.Option("--version", metavar="VERSION", help="A version.", show_default="the files as they are")
    ] = "",
    person: AsPerson = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Try a task in shadow: it reads, and everything else is only proposed."""

    async def work(office: Office, terminal: Terminal) -> int | None:
        from deputy.app.commands import person_named
        from deputy.app.drafts import attempt
        from deputy.cli.people import goes_on

        run = await attempt(office, agent, task, version or {}, person_named(office, person))
        if as_json:
            terminal.emit({"run": run})
            return
        await goes_on(office, terminal, run, "It tries in shadow: nothing outside happens.")

    perform(ctx, work, workspace, as_json=as_json)
