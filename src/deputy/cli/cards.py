"""The inbox as cards to work from: what would happen, with what, who may answer, and what to type."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.rule import Rule
from rich.text import Text

from deputy.app.bootstrap import Office
from deputy.app.queries import Asked, Item, shortest
from deputy.cli.summary import next_commands
from deputy.cli.terminal import Terminal
from deputy.cli.text import ago, counted, in_full, one_line
from deputy.domain.elicitation import Field, fields_of
from deputy.domain.principal import Person
from deputy.domain.talk import Aside

__all__ = ["show_inbox", "show_messages"]

Found = Sequence[tuple[Item, Asked]]
STYLES = {"approval": "yellow", "question": "cyan", "in_doubt": "bold red", "budget": "magenta"}
KINDS = {"in_doubt": "in doubt"}


async def show_inbox(office: Office, terminal: Terminal, found: Found, person: Person | None) -> None:
    """Write a card for everything that wants an answer."""
    asks = [(item, asked) for item, asked in found if asked.kind != "message"]
    for item, asked in asks:
        await _card(office, terminal, item, asked)
    if not asks:
        terminal.say(f"Nothing waits for {one_line(person.id)}." if person else "Nothing waits for anybody.")
    told = len(found) - len(asks)
    if told:
        terminal.say(f"{counted(told, 'message')} from agents: {terminal.command('inbox', '--messages')}", style="dim")


async def _card(office: Office, terminal: Terminal, item: Item, asked: Asked) -> None:
    name, run = await shortest(office, "item", item.id), await shortest(office, "run", item.run)
    kind = KINDS.get(asked.kind, asked.kind)
    style = STYLES.get(asked.kind, "")
    title = (
        Text()
        .append(f"{kind} {name}", style=style)
        .append(f" · {one_line(asked.agent)} for {one_line(asked.on_behalf_of)}")
    )
    title.append(f" · run {run} · {ago(item.created, office.clock.now())}", style="dim")
    terminal.out.print(Rule(title, align="left", style="dim", characters="─"))
    terminal.say(one_line(_what(asked)), style="bold")
    if asked.kind == "question":
        terminal.quote(asked.question, "  ")
        for field in fields_of(asked.parameters):
            _field(terminal, field)
    elif asked.kind != "budget":
        _arguments(terminal, asked)
    for aside in asked.asides:
        _aside(terminal, aside)
    for label, text in _facts(office, item, asked):
        terminal.say(Text().append(f"  {label:<9}", style="dim").append(one_line(text)))
    terminal.commands(await next_commands(office, terminal, item, asked))
    terminal.say()


def _what(asked: Asked) -> str:
    """What would happen, or what is asked, in one sentence."""
    agent, person = asked.agent, asked.on_behalf_of
    match asked.kind:
        case "approval" if asked.says:
            return f"{asked.says} (by `{asked.tool}`, for {person}, once, with exactly this):"
        case "approval":
            return f"If you approve, {agent} calls `{asked.tool}` for {person}, once, with exactly this:"
        case "in_doubt":
            return f"Did `{asked.tool}` happen? {agent} called it for {person} and nobody knows; it was given this:"
        case "budget":
            return f"May {agent} use more {asked.args.get('unit', 'of its budget')} for {person}?"
        case "question" if asked.parameters:
            return f"A server that {agent} uses for {person} asks:"
        case "question" | "message":
            return f"{agent} asks:"


def _field(terminal: Terminal, field: Field) -> None:
    """What one field of a form wants."""
    kind = " or ".join(field.titles or field.options) or field.kind or "an object"
    notes = [field.title, field.description, "" if field.required else "may be left out"]
    if field.default is not None:
        notes.append(f"default {in_full(field.default)}")
    said = "; ".join(one_line(note) for note in notes if note)
    label = f"    {one_line(field.name)}: "
    terminal.quote(one_line(kind) + (f" ({said})" if said else ""), label)


def _arguments(terminal: Terminal, asked: Asked) -> None:
    """Every argument in full, and where it came from if an outsider could have chosen it."""
    origins = {origin.argument: origin.source for origin in asked.untrusted}
    names = max((cell_len(one_line(name)) for name in asked.args), default=0)
    for name, value in asked.args.items():
        source = next((s for a, s in origins.items() if a == name or a.startswith((f"{name}.", f"{name}["))), "")
        label = f"  {'!' if source else ' '} {one_line(name)}" + " " * (names - cell_len(one_line(name)) + 1)
        terminal.quote(in_full(value), label, f"! untrusted, from {one_line(source)}" if source else "")
    if not asked.args:
        terminal.say("    (no arguments)", style="dim")


def _aside(terminal: Terminal, aside: Aside) -> None:
    """A question that was asked back, and its answer."""
    asked = f"{_name(aside.by)} asked {_name(aside.to)}"
    terminal.quote(aside.text, f"  {asked}: ")
    if aside.failed:
        terminal.quote(aside.failed, "    no answer: ")
    elif aside.answer:
        marked = f"! outsiders may have chosen its words (from {one_line(aside.untrusted)})" if aside.untrusted else ""
        terminal.quote(aside.answer, "    answer: ", marked)


def _name(principal: str) -> str:
    return "the agent" if principal == "agent" else one_line(principal.removeprefix("person:"))


def _facts(office: Office, item: Item, asked: Asked) -> list[tuple[str, str]]:
    who = ", ".join(asked.people) or "nobody any more"
    entries = ", ".join(asked.approvers)
    facts = [("why", asked.why)] if asked.why else []
    facts += [("rule", asked.rule)] if asked.rule else []
    facts += [("answers", ", ".join(asked.options))] if asked.options else []
    facts.append(("who", who if entries in ("", who) else f"{who} ({entries})"))
    if asked.kind == "question" and asked.untrusted:
        facts.append(("beware", f"outsiders may have chosen its words (from {asked.untrusted[0].source})"))
    facts += [("handed", f"by {_name(one.by)} to {one.to} {one.reason}".strip()) for one in asked.handed[-1:]]
    facts += [("about", asked.about)] if asked.about else []
    if item.expires is not None:
        facts.append(("expires", f"{ago(item.expires, office.clock.now())}, as a denial"))
    return facts


def show_messages(office: Office, terminal: Terminal, found: Found) -> None:
    """Write what agents told people."""
    messages = [(item, asked) for item, asked in found if asked.kind == "message"]
    for item, asked in messages:
        head = Text().append(f"{ago(item.created, office.clock.now())}, {one_line(asked.agent)}", style="bold")
        head.append(f" to {one_line(', '.join(asked.people))} · run {item.run[-6:]}", style="dim")
        if asked.untrusted:
            head.append(
                f" · ! outsiders may have chosen its words ({one_line(asked.untrusted[0].source)})", style="red"
            )
        terminal.say(head)
        terminal.quote(asked.question, "  ")
        terminal.say()
    if not messages:
        terminal.say("No agent told anybody anything.")
