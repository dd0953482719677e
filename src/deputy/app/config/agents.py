"""Read AGENT.md: YAML front matter, which is the mandate, and Markdown, which is the instructions.

It reads texts, not files, so that versions which live in stored bundles only are read the same way.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import get_args

import msgspec

from deputy.app.config import values
from deputy.app.config.bundle import agent_file, version_of
from deputy.app.config.checks import read_checks
from deputy.app.config.document import Document, Table, Wrong, shown
from deputy.app.config.parse import parse_yaml, plain
from deputy.app.config.people import check_approver
from deputy.app.config.settings import REHEARSAL, Deployed, ModelRoute, Settings
from deputy.app.config.triggers import read_triggers, references_of
from deputy.base.errors import ConfigError
from deputy.domain.agent import Agent, Autonomy, Bundle, Grant
from deputy.domain.cost import Limits
from deputy.domain.principal import Directory
from deputy.domain.trigger import Mail

__all__ = [
    "AGENT_FILE", "AGENT_NAME", "AgentFile", "agent_from_bundle", "deploy", "deployed_from_bundle", "parse_agent",
    "read_agent", "rehearsal_of", "split",
]  # fmt: skip

AGENT_FILE = "AGENT.md"
AGENT_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_MAX_TOKENS = 4096
_FENCE = re.compile(r"^---[ \t]*\r?$", re.MULTILINE)


class AgentFile(msgspec.Struct, frozen=True, kw_only=True):
    """What one AGENT.md says, with its lines; not yet compared with people, models and other files."""

    agent: Agent
    front: Document


def parse_agent(text: str, file: str) -> AgentFile:
    """Read the text of an AGENT.md; `file` is its name in messages."""
    return read_agent(*split(text, file))


def read_agent(front: Document, instructions: str) -> AgentFile:
    """Read front matter that was parsed, beside the instructions."""
    table = front.table()
    table.only("name", "description", "owner", "model", "tools", "triggers", "budget", "max_tokens", "answer", "done",
               "saves_minutes")  # fmt: skip
    run, day = _budget(table)
    agent = Agent(
        done=read_checks(table), name=table.need("name", _agent_name, "Give it the name of its folder."),
        description=table.get("description", values.prose, ""),
        owner=table.need("owner", values.line, "Name the person of people.toml who answers for this agent."),
        model=table.get("model", values.line, "default"), instructions=instructions, grants=_grants(table),
        run_limits=run, day_limits=day, max_tokens=table.get("max_tokens", values.count, _MAX_TOKENS),
        answer=table.get("answer", _schema, None), saves_minutes=table.get("saves_minutes", _minutes, None),
    )  # fmt: skip
    return AgentFile(agent=agent, front=front)


def split(text: str, file: str) -> tuple[Document, str]:
    """The front matter between two lines of `---`, and what follows."""
    opening = _FENCE.match(text)
    if opening is None:
        message = "The file does not start with front matter."
        raise ConfigError(message, "Start it with a line `---`, the settings, and another line `---`.",
                          file=file, line=1)  # fmt: skip
    closing = _FENCE.search(text, opening.end())
    if closing is None:
        message = "The front matter does not end."
        raise ConfigError(message, "Put a line `---` between the settings and the instructions.", file=file, line=1)
    front = parse_yaml(text[opening.end() + 1 : closing.start()], file, first=2, root="the front matter")
    return front, text[closing.end() :].strip()


def _agent_name(value: object) -> str:
    if not isinstance(value, str) or not AGENT_NAME.fullmatch(value):
        raise Wrong("a name of a-z, 0-9 and -", "Use at most 64 small letters, digits and -, a - not first.")
    return value


def _minutes(value: object) -> float:
    found = float(values.amount(value))
    if found > 10_000:
        raise Wrong("a number of minutes of at most 10,000", "Say what one finished run saves.")
    return found


def _schema(value: object) -> dict[str, object]:
    """A JSON Schema, as far as can be told before it is used."""
    from deputy.adapters.wire.schema import Validator

    schema = values.json_table(value)
    try:
        Validator(schema)
    except ConfigError as error:
        why = error.message.partition(": ")[2]
        raise Wrong("a JSON Schema that can be used", f"{why[:1].upper()}{why[1:]}") from None
    return schema


# -- the mandate


def _grants(table: Table) -> tuple[Grant, ...]:
    tools = table.table("tools")
    found: dict[str, Grant] = {}
    for written in tools.value if tools is not None else ():
        assert tools is not None  # for the type checker
        try:
            pattern = values.pattern(written)
        except Wrong as no:
            raise tools.wrong(written, f"{shown(written)} in `tools` must be {no.needs}.", no.remedy) from None
        if pattern in found:
            message = f"{shown(written)} names the same tools as another entry, and neither is more exact."
            raise tools.wrong(written, message, "Make one entry of the two.")
        found[pattern] = _grant(tools, written, pattern)
    return tuple(found.values())


def _grant(tools: Table, written: str, pattern: str) -> Grant:
    levels: tuple[str, ...] = get_args(Autonomy)
    if not isinstance(tools.value[written], dict):
        return Grant(pattern=pattern, autonomy=tools.get(written, values.choice(*levels), "ask"))
    table = tools.document.table((*tools.where, written))
    table.only("autonomy", "approvers", "delegates", "limit", "ask_above", "expires", "bulk")
    amounts = values.map_of(values.amount)
    nothing: dict[str, Decimal] = {}
    grant = Grant(
        pattern=pattern, autonomy=table.get("autonomy", values.choice(*levels), "ask"),
        approvers=table.get("approvers", values.list_of(values.line, some=True), ()),
        limit=table.get("limit", amounts, nothing), ask_above=table.get("ask_above", amounts, nothing),
        expires=table.get("expires", values.duration, None), bulk=table.get("bulk", values.flag, False),
        delegates=table.get("delegates", values.list_of(values.line, some=True), ()),
    )  # fmt: skip
    if grant.ask_above and grant.autonomy == "shadow":
        message = f"`ask_above` in {table.title} says nothing where the autonomy is `shadow`."
        raise table.wrong("ask_above", message, "Remove it, or write `autonomy: ask`.")
    if grant.ask_above:  # acting below and asking above is one thing, whichever of the two words is written
        grant = msgspec.structs.replace(grant, autonomy="ask")
    return grant


def _budget(table: Table) -> tuple[Limits, Limits]:
    inner = table.table("budget")
    if inner is None:
        return Limits(), Limits()
    inner.only("run", "day", "steps", "tokens", "wall")
    run = Limits(
        money=inner.get("run", values.money, None), tokens=inner.get("tokens", values.count, None),
        steps=inner.get("steps", values.count, None), wall=inner.get("wall", values.milliseconds, None),
    )  # fmt: skip
    return run, Limits(money=inner.get("day", values.money, None))


# -- beside the other files


def agent_from_bundle(bundle: Bundle, models: Mapping[str, ModelRoute] | None = None) -> Agent:
    """The agent that a stored version was. Its grants, budget and owner are of that time: the mandate that holds is
    the current one, and only instructions, model and driver are taken from here."""  # fmt: skip
    file = agent_file(bundle.name, AGENT_FILE)
    version = version_of(bundle)
    if file not in bundle.files:
        message = f"Version {version[:12]} of the agent `{bundle.name}` has no {AGENT_FILE}."
        raise ConfigError(message, "Start a new run, which takes the current files.", file=file)
    found = parse_agent(bundle.files[file], f"{file}@{version[:12]}")
    return _complete(found, bundle, version, models or {})


def deployed_from_bundle(bundle: Bundle, settings: Settings) -> Deployed:
    """A stored version with what started it; not compared with the people and connections of today."""
    file = agent_file(bundle.name, AGENT_FILE)
    agent = agent_from_bundle(bundle, settings.models)
    front, _ = split(bundle.files[file], file)
    triggers = read_triggers(front.table(), bundle.name, settings.timezone)
    owner = settings.directory.find(agent.owner)
    agent = msgspec.structs.replace(agent, owner=owner.id if owner is not None else agent.owner)
    return Deployed(agent=agent, bundle=bundle, file=file, triggers=triggers, front=front)


def rehearsal_of(bundle: Bundle) -> Document | None:
    """The scripted replies of a version as plain data with lines, or None where it has none."""
    file = agent_file(bundle.name, "rehearsal.yaml")
    if file not in bundle.files:
        return None
    found = parse_yaml(bundle.files[file], file)
    return msgspec.structs.replace(found, value=plain(found.value))


def _complete(found: AgentFile, bundle: Bundle, version: str, models: Mapping[str, ModelRoute]) -> Agent:
    agent = found.agent
    procedure = agent_file(bundle.name, "procedure.py") in bundle.files
    tokens = agent.max_tokens
    if "max_tokens" not in found.front.table() and (route := models.get(agent.model)) is not None:
        tokens = route.max_tokens or tokens
    return msgspec.structs.replace(
        agent, driver="procedure" if procedure else "loop", version=version, max_tokens=tokens
    )


def deploy(found: AgentFile, bundle: Bundle, settings: Settings) -> Deployed:
    """An agent of the current files, checked against the people and models of its workspace."""
    table = found.front.table()
    agent = _complete(found, bundle, version_of(bundle), settings.models)
    if agent.answer is not None and agent.driver == "procedure":
        message = "`answer` says nothing where a procedure.py returns the answer."
        raise table.wrong("answer", message, "Remove it, or give the shape to `desk.ask_model`.")
    owner = settings.directory.find(agent.owner)
    if owner is None:
        message = f"The owner {shown(agent.owner)} is nobody in people.toml."
        raise table.wrong("owner", message, "Name a person by id or e-mail address.")
    _check_approvers(table, settings.directory)
    rehearsal = rehearsal_of(bundle)
    route = settings.route(agent.model)
    if route is None and (agent.driver == "loop" or "model" in table):
        known = ", ".join(f"`{name}`" for name in sorted({*settings.models, REHEARSAL})[:20])
        raise table.wrong("model", f"There is no model {shown(agent.model)} in deputy.toml.", f"Known are {known}.")
    if route is not None and route.provider == REHEARSAL and agent.driver == "loop" and rehearsal is None:
        message = "An agent on the model `rehearsal` needs a rehearsal.yaml beside it."
        raise table.wrong("model", message, "Write its replies into rehearsal.yaml, or name another model.")
    triggers = read_triggers(table, agent.name, settings.timezone)
    mailboxes = {name for name, found in settings.connections.items() if found.title.startswith("mail.")}
    for trigger in triggers:
        if isinstance(trigger.source, Mail) and trigger.source.mailbox not in mailboxes:
            message = f"There is no mailbox {shown(trigger.source.mailbox)} in deputy.toml."
            remedy = "Describe it under `[mail.NAME]`."
            raise table.document.wrong((*table.where, "triggers", trigger.number - 1), message, remedy)
    return Deployed(
        agent=msgspec.structs.replace(agent, owner=owner.id), bundle=bundle, file=found.front.file,
        triggers=triggers, rehearsal=rehearsal, references=tuple(references_of(table, triggers)), front=found.front,
    )  # fmt: skip


def _check_approvers(table: Table, directory: Directory) -> None:
    tools = table.table("tools")
    for written, given in tools.value.items() if tools is not None else ():
        if not isinstance(given, dict):
            continue
        one = table.document.table(("tools", written))
        for key in ("approvers", "delegates"):
            for number, entry in enumerate(one.get(key, values.list_of(values.line), ())):
                if (wrong := check_approver(entry, directory)) is not None:
                    raise one.document.wrong((*one.where, key, number), *wrong)
