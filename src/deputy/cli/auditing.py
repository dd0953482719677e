"""Commands for auditors: is the record what was written, and all of it in one file."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from deputy.base.errors import Conflict, UsageError
from deputy.cli.options import AsJson, Workspace
from deputy.cli.session import Office, perform, terminal_of
from deputy.cli.terminal import Terminal

__all__ = ["add_to"]

SHOWN = 50  #: findings that people are shown

Seal = Annotated[
    str | None,
    typer.Option("--seal", metavar="N:LINK", help="A seal that was kept elsewhere, as `audit verify` told it.",
                 show_default=False),
]  # fmt: skip


def add_to(app: typer.Typer) -> None:
    """Add these commands to an application."""
    audit = typer.Typer(help="Check the record, or hand it to an auditor.", rich_markup_mode=None)
    audit.callback()(_audit)
    audit.command("verify")(_verify)
    audit.command("export")(_export)
    audit.command("events")(_events)
    app.add_typer(audit, name="audit")


def _audit() -> None:
    """Check the record, or hand it to an auditor."""


def _verify(
    ctx: typer.Context,
    file: Annotated[
        str | None, typer.Argument(metavar="[FILE]", help="An export to check instead.", show_default=False)
    ] = None,
    seal: Seal = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Find what was changed, dropped or reordered.

    Whoever can edit the database can also compute its chains anew; a seal that was kept elsewhere shows even that.
    Exit codes: 0 all is as it was written, 2 something is not.
    """
    from deputy.app.audit import Report, verify, verify_export
    from deputy.app.audit.verify import Anchor

    anchor = None if seal is None else Anchor(*_seal(seal))
    if file is not None:
        terminal = terminal_of(ctx, workspace, as_json=as_json)
        with terminal.busy("Reading the export"), _opened(file) as lines:
            report = verify_export(lines, anchor=anchor)
        raise typer.Exit(_told(terminal, report))

    async def work(office: Office, terminal: Terminal) -> int:
        with terminal.busy("Reading every journal"):
            report: Report = await verify(cast("Any", office.store), anchor=anchor)
        return _told(terminal, report)

    perform(ctx, work, workspace, as_json=as_json)


def _seal(text: str) -> tuple[int, bytes]:
    number, _, link = text.partition(":")
    try:
        found = int(number), bytes.fromhex(link)
    except ValueError:
        found = (0, b"")
    if found[0] < 1 or len(found[1]) != 32:
        raise UsageError(f"{text!r} is no seal.", "Write its number, a colon and its 64 digits.")
    return found


def _opened(file: str) -> Any:
    try:
        return Path(file).open("rb")
    except OSError as exc:
        raise UsageError(f"{file!r} cannot be read: {exc.strerror}.", "Name a file of `deputy audit export`.") from None


def _told(terminal: Terminal, report: Any) -> int:
    """Say what an audit found; returns the exit code."""
    import msgspec

    from deputy.cli.text import counted, one_line

    if terminal.as_json:
        found = msgspec.to_builtins(report)
        terminal.emit({"ok": report.ok, **found})
        return 0 if report.ok else 2
    parts = [counted(report.runs, "run"), counted(report.events, "event"), counted(report.blobs, "blob")]
    looked = f"{', '.join(parts)} and {counted(report.seals, 'seal')}"
    for finding in report.findings[:SHOWN]:
        terminal.say(one_line(f"✗ {finding.code}, {finding.place}: {finding.message}"), style="red")
    more = report.more + max(len(report.findings) - SHOWN, 0)
    if more:
        terminal.say(f"  and {more} more")
    for note in report.notes[:SHOWN]:
        terminal.say(one_line(f"! {note.code}, {note.place}: {note.message}"), style="yellow")
    if report.ok:
        terminal.say(f"✓ All is as it was written: {looked}.", style="bold green")
        if report.seal and report.seals:
            terminal.say("  The last seal, to be kept elsewhere:", style="dim")
            terminal.commands([f"{report.seals}:{report.seal}"], indent="    ")
        return 0
    count = len(report.findings) + report.more
    terminal.say(f"✗ {counted(count, 'thing is', 'things are')} not as written, in {looked}.", style="bold red")
    return 2


def _export(
    ctx: typer.Context,
    out: Annotated[
        str | None,
        typer.Option("--out", metavar="FILE", help="Where to; it must not exist.", show_default="standard output"),
    ] = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Write the whole record as lines of JSON.

    Journals, contents, pending answers and seals, with all that is needed to check them.
    """

    async def work(office: Office, terminal: Terminal) -> None:
        from deputy.app.audit import export
        from deputy.cli.text import counted

        with (
            terminal.busy("Writing every journal"),
            nullcontext(sys.stdout.buffer) if out is None else _new(out) as file,
        ):
            counts = await export(cast("Any", office.store), lambda line: cast("None", file.write(line)))
        told = ", ".join(counted(number, kind) for kind, number in counts.items() if kind != "inbox")
        if out is None:
            terminal.note(f"Lines written: {told}.", style="dim")
        elif as_json:
            terminal.emit({"file": out, "lines": counts})
        else:
            terminal.say(f"Wrote {out}: {told}.")

    perform(ctx, work, workspace, as_json=as_json)


def _events(
    ctx: typer.Context,
    kind: Annotated[
        str | None, typer.Option("--kind", metavar="KIND,…", help="Of these kinds.", show_default=False)
    ] = None,
    of: Annotated[
        str | None, typer.Option("--of", metavar="AGENT|run:ID|person:ID|tool:NAME", help="About this.",
                                 show_default=False)
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="From then on.", show_default=False)
    ] = None,
    most: Annotated[int, typer.Option("--most", metavar="N", help="How many, at most 200.")] = 50,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Look through the record, the newest first."""
    what, colon, name = (of or "").partition(":")
    about = {what if colon else "agent": name if colon else what}
    if colon and what not in ("run", "person", "tool"):
        raise UsageError(f"{of!r} names nothing.", "Write an agent's name, or `run:`, `person:` or `tool:` and a name.")

    async def work(office: Office, terminal: Terminal) -> None:
        from deputy.app.audit.events import Sought, events
        from deputy.app.commands import person_named
        from deputy.app.views import read_time
        from deputy.cli.tables import show_record

        kinds = [one for one in (kind or "").split(",") if one]
        sought = Sought(kinds, since=read_time(since or ""), most=most)._replace(**about)
        found = await events(office, person_named(office, None), sought)
        if as_json:
            terminal.emit(found)
        else:
            show_record(terminal, found)

    perform(ctx, work, workspace, as_json=as_json)


def _new(out: str) -> Any:
    import os

    try:
        return os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    except FileExistsError:
        raise Conflict(f"{out!r} exists already.", "Name another file.") from None
    except OSError as exc:
        raise UsageError(f"{out!r} cannot be written: {exc.strerror}.", "Name another file.") from None
