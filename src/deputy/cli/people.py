"""Commands for people: what waits for them, and their answers."""

from typing import Annotated

import typer

from deputy.base.errors import UsageError
from deputy.cli.completing import people
from deputy.cli.options import AsJson, AsPerson, ItemName, Workspace
from deputy.cli.session import Office, perform, read_json
from deputy.cli.terminal import Terminal

__all__ = ["add_to", "goes_on"]


def add_to(app: typer.Typer) -> None:
    """Add these commands to an application."""
    app.command("inbox")(_inbox)
    app.command("approve")(_approve)
    app.command("deny")(_deny)
    app.command("answer")(_answer)
    app.command("settle")(_settle)
    app.command("ask-back")(_ask_back)
    app.command("delegate")(_delegate)


async def goes_on(office: Office, terminal: Terminal, run: str, said: str) -> None:
    """Confirm what was delivered to a run, and how the run goes on."""
    from deputy.app.queries import live_workers, shortest

    name = await shortest(office, "run", run)
    if await live_workers(office):
        terminal.say(f"{said} Run {name} goes on:")
        terminal.commands([terminal.command("show", name, "--follow")])
    else:
        terminal.say(f"{said} No worker is running; run {name} goes on with:")
        terminal.commands([terminal.command("worker", "--until-idle")])


def _inbox(
    ctx: typer.Context,
    person: Annotated[
        str | None,
        typer.Option(
            "--as", metavar="PERSON", help="Only what this person may answer.", show_default=False,
            autocompletion=people,
        ),
    ] = None,
    messages: Annotated[bool, typer.Option("--messages", help="Show what agents told people instead.")] = False,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Show what waits for people, and how to answer."""

    async def work(office: Office, terminal: Terminal) -> None:
        from deputy.app.commands import person_named
        from deputy.app.queries import inbox
        from deputy.app.views import inbox_view, message_view
        from deputy.cli.cards import show_inbox, show_messages
        from deputy.cli.tables import show_alarms

        whose = None if person is None else person_named(office, person)
        found = await inbox(office, whose)
        if as_json:
            terminal.emit(message_view(found) if messages else inbox_view(found))
        elif messages:
            show_messages(office, terminal, found)
        else:
            await show_inbox(office, terminal, found, whose)
            await show_alarms(office, terminal)

    perform(ctx, work, workspace, as_json=as_json)


def _approve(
    ctx: typer.Context,
    item: ItemName,
    edit: Annotated[
        str | None, typer.Option("--edit", metavar="JSON", help="Changes to the arguments: a JSON merge patch.",
                                 show_default=False)
    ] = None,
    person: AsPerson = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Let an effect happen as shown or edited; or raise a budget."""

    async def work(office: Office, terminal: Terminal) -> None:
        from deputy.app.commands import approve, person_named

        found = await approve(
            office, item, person_named(office, person), None if edit is None else read_json("--edit", edit)
        )
        await _delivered(office, terminal, found, "Approved.")

    perform(ctx, work, workspace, as_json=as_json)


def _deny(
    ctx: typer.Context,
    item: ItemName,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; the agent is told.", show_default=False)
    ],
    person: AsPerson = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Refuse what an item asks for."""

    async def work(office: Office, terminal: Terminal) -> None:
        from deputy.app.commands import deny, person_named

        found = await deny(office, item, person_named(office, person), reason)
        await _delivered(office, terminal, found, "Denied.")

    perform(ctx, work, workspace, as_json=as_json)


def _answer(
    ctx: typer.Context,
    item: ItemName,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The answer.", show_default=False)],
    person: AsPerson = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Answer an agent's question."""

    async def work(office: Office, terminal: Terminal) -> None:
        from deputy.app.commands import answer, person_named

        found = await answer(office, item, person_named(office, person), text)
        await _delivered(office, terminal, found, "Answered.")

    perform(ctx, work, workspace, as_json=as_json)


def _settle(
    ctx: typer.Context,
    item: ItemName,
    what: Annotated[
        str, typer.Argument(metavar="happened|not-happened", help="Whether it happened.", show_default=False)
    ],
    person: AsPerson = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Say whether an effect in doubt happened."""
    if what not in ("happened", "not-happened"):
        raise UsageError(f"{what!r} is neither `happened` nor `not-happened`.", "Write one of the two.")

    async def work(office: Office, terminal: Terminal) -> None:
        from deputy.app.commands import person_named, settle

        found = await settle(office, item, person_named(office, person), happened=what == "happened")
        said = "Settled as happened." if what == "happened" else "Settled as not happened."
        await _delivered(office, terminal, found, said)

    perform(ctx, work, workspace, as_json=as_json)


def _ask_back(
    ctx: typer.Context,
    item: ItemName,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The question.", show_default=False)],
    to: Annotated[
        str, typer.Option("--to", metavar="PERSON|agent", help="Whom to ask.", autocompletion=people)
    ] = "agent",
    person: AsPerson = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Ask the agent or a person about an item, before deciding."""

    async def work(office: Office, terminal: Terminal) -> None:
        from deputy.app.commands import person_named
        from deputy.app.talking import ask_back

        found = await ask_back(office, item, person_named(office, person), text, to)
        await _delivered(office, terminal, found, "Asked; the item stays open.")

    perform(ctx, work, workspace, as_json=as_json)


def _delegate(
    ctx: typer.Context,
    item: ItemName,
    to: Annotated[
        str, typer.Argument(metavar="PERSON", help="Who is to decide.", show_default=False, autocompletion=people)
    ],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why.", show_default=False)] = "",
    person: AsPerson = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Hand an approval to somebody else who may decide it."""

    async def work(office: Office, terminal: Terminal) -> None:
        from deputy.app.commands import person_named
        from deputy.app.talking import delegate

        found = await delegate(office, item, person_named(office, person), to, reason)
        await _delivered(office, terminal, found, f"Handed to {to}; the item stays open.")

    perform(ctx, work, workspace, as_json=as_json)


async def _delivered(office: Office, terminal: Terminal, item: str, said: str) -> None:
    """Confirm an answer."""
    run = item.partition(".")[0]
    if terminal.as_json:
        terminal.emit({"id": item, "run": run})
    else:
        await goes_on(office, terminal, run, said)
