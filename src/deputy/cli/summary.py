"""How a run stands: its state, what it waits for, the exact command to give next, and what it has spent."""

from collections.abc import Sequence

from rich.text import Text

from deputy.app.bootstrap import Office
from deputy.app.commands import person_named
from deputy.app.queries import Asked, Item, RunRow, descendants, inbox, live_workers, open_run, shortest
from deputy.app.views import spent
from deputy.base.errors import UsageError
from deputy.cli.terminal import Terminal
from deputy.cli.text import ago, brief, counted, one_line, shortened
from deputy.domain.waiting import waiting_on

__all__ = ["answers_to", "next_commands", "summarize"]

STYLES = {"done": "bold green", "failed": "bold red", "cancelled": "bold red"}
WAITS = {
    "approval": "an approval", "question": "an answer", "in_doubt": "somebody to say whether an effect happened",
    "budget": "a larger budget", "frozen": "an agent to be thawed", "child": "a run that it started",
    "timer": "its time", "message": "a message", "configuration": "the workspace's files to be put right",
}  # fmt: skip


async def summarize(office: Office, terminal: Terminal, row: RunRow) -> None:
    """Write how a run stands."""
    run = await open_run(office, row.id)
    name = await shortest(office, "run", row.id)
    what = row.state if row.state != "waiting" else f"waits for {WAITS.get(row.summary, row.summary or 'something')}"
    cost = spent(run.spent, office.settings.currency)
    money = f"{cost['money']['amount']} {cost['money']['currency']}"
    terminal.say()
    line = (
        Text("Run ")
        .append(name, style="bold")
        .append(" ")
        .append(one_line(what), style=STYLES.get(row.state, "bold yellow"))
    )
    line.append(f" · spent {money}, {counted(cost['tokens'], 'token')}, {counted(cost['steps'], 'step')}", style="dim")
    terminal.say(line)
    if row.state in ("done", "failed", "cancelled"):
        return
    family = {row.id, *(child.id for child in await descendants(office, row.id))}
    items = [(item, asked) for item, asked in await inbox(office) if item.run in family and asked.kind != "message"]
    for item, asked in items:
        asks = f"{asked.agent} asks: {asked.question}" if asked.kind == "question" else asked.question
        told = f"{asks} {brief(asked.args, 300) if asked.kind in ('approval', 'in_doubt') else ''}"
        expires = f"; expires {ago(item.expires, office.clock.now())}" if item.expires else ""
        terminal.say("  " + shortened(" ".join(told.split()), terminal.width - 3))
        terminal.say(f"  Asked of {one_line(', '.join(asked.people))}{expires}.", style="dim")
        terminal.commands(await next_commands(office, terminal, item, asked), "    ")
    if not items:
        await _other_ways(office, terminal, row, [w.until for w in waiting_on(run) if w.until])


async def _other_ways(office: Office, terminal: Terminal, row: RunRow, until: Sequence[str]) -> None:
    if row.state == "waiting" and row.summary == "frozen":
        frozen = "*" in await office.store.frozen()
        terminal.commands([terminal.command("thaw", *([] if frozen else [row.agent]))], "    ")
    elif row.state in ("ready", "running") or row.summary in ("timer", "child", "budget"):
        if until:
            terminal.say(f"  Until {one_line(min(until))}.", style="dim")
        if not await live_workers(office):
            terminal.say("  No worker is running. To let it go on:", style="dim")
            terminal.commands([terminal.command("worker", "--until-idle")], "    ")


async def next_commands(office: Office, terminal: Terminal, item: Item, asked: Asked) -> list[str]:
    """What to type in order to answer an item, by somebody who may."""
    name = await shortest(office, "item", item.id)
    return [terminal.command(*words, *_as(office, asked)) for words in answers_to(name, asked)]


def answers_to(name: str, asked: Asked) -> list[list[str]]:
    """The commands that answer an item."""
    match asked.kind:
        case "approval":
            return [["approve", name], ["deny", name, "--reason", "…"]]
        case "budget":
            return [["approve", name], ["deny", name, "--reason", "…"]]
        case "question":
            option = next((o for o in asked.options if o == one_line(o) and len(o) < 60), "…")
            return [["answer", name, option]]
        case "in_doubt":
            return [["settle", name, "happened"], ["settle", name, "not-happened"]]
        case "message":
            return []


def _as(office: Office, asked: Asked) -> list[str]:
    """`--as` somebody who may answer, where that is not who acts anyway."""
    try:
        default = person_named(office, None).id
    except UsageError:
        default = ""
    return [] if default in asked.people or not asked.people else ["--as", asked.people[0]]
