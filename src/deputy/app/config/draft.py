"""Everything that is wrong with an agent's files before they are in force, and not the first thing alone.

The same readers judge that read a workspace: what is found is put aside, and the rest is read again. Changes nothing.
"""

import itertools
from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple, cast

import msgspec

from deputy.adapters.model.rehearsal import parse
from deputy.app.config.agents import AGENT_FILE, deploy, read_agent, rehearsal_of, split
from deputy.app.config.bundle import agent_file
from deputy.app.config.document import Document, Where
from deputy.app.config.settings import Deployed, Settings
from deputy.app.config.triggers import check_together
from deputy.base.errors import ConfigError, DeputyError
from deputy.domain.agent import Bundle
from deputy.domain.trigger import Trigger

__all__ = ["Judged", "judge"]

MOST = 20  #: findings of one file


class Judged(NamedTuple):
    """What an agent would be, where nothing is wrong; and what is."""

    deployed: Deployed | None
    wrong: Sequence[ConfigError]


def judge(name: str, texts: Mapping[str, str], settings: Settings) -> Judged:
    """Read an agent's own files beside the rest of its workspace; `texts` are by path in the workspace."""
    file = agent_file(name, AGENT_FILE)
    bundle = Bundle(name=name, files={**texts, **settings.tools})
    wrong: list[ConfigError] = []
    if (fault := _rehearsal(bundle)) is not None:
        wrong.append(fault)
        kept = {path: text for path, text in bundle.files.items() if path != fault.file}
        bundle = Bundle(name=name, files={**kept, fault.file: "replies: []\n"})
    if file not in texts:
        message = f"The agent `{name}` has no {AGENT_FILE}."
        return Judged(None, [*wrong, ConfigError(message, "Write it.", file=file, line=1)])
    try:
        front, instructions = split(texts[file], file)
    except ConfigError as exc:
        return Judged(None, [*wrong, exc])
    found, more = _read(name, front, instructions, bundle, settings)
    wrong += more
    return Judged(None if wrong else found, wrong)


def _rehearsal(bundle: Bundle) -> ConfigError | None:
    try:
        document = rehearsal_of(bundle)
        if document is not None:
            parse(document.value, file=document.file, line_of=document.locate)
    except ConfigError as exc:
        return exc
    except DeputyError as exc:
        return ConfigError(exc.message, exc.remedy, file=agent_file(bundle.name, "rehearsal.yaml"), line=1)
    return None


def _read(
    name: str, front: Document, instructions: str, bundle: Bundle, settings: Settings
) -> tuple[Deployed | None, list[ConfigError]]:
    wrong: list[ConfigError] = []
    owner = next(iter(settings.directory.people), "")
    while len(wrong) < MOST:
        try:
            return _whole(name, front, instructions, bundle, settings), wrong
        except ConfigError as exc:
            if any(exc.where == other.where for other in wrong) or (wrong and not exc.where):
                break  # what comes of putting something aside says nothing
            wrong.append(exc)
            instead = name if exc.where == ("name",) else owner if exc.where == ("owner",) else None
            value = _without(front.value, exc.where, instead)
            if value is None:
                break
            front = msgspec.structs.replace(front, value=value)
    return None, wrong


def _whole(name: str, front: Document, instructions: str, bundle: Bundle, settings: Settings) -> Deployed:
    found = read_agent(front, instructions)
    if (said := found.agent.name) != name:
        message = f"The agent's name `{said}` is not that of its folder, `{name}`."
        raise front.wrong(("name",), message, f"Write `name: {name}`.")
    deployed = deploy(found, bundle, settings)
    every = {**settings.agents, name: deployed}
    check_together({n: one.triggers for n, one in every.items()}, partial(_together, deployed, front))
    return deployed


def _together(deployed: Deployed, front: Document, trigger: Trigger, message: str, remedy: str) -> ConfigError:
    mine = trigger.agent == deployed.agent.name
    return front.wrong(("triggers", trigger.number - 1) if mine else ("triggers",), message, remedy)


def _without(value: object, where: Where, instead: object = None) -> object:
    """A copy of plain data without the place (or with something else there); None where it has no such place.

    Of a list all goes: what is left of it would stand at other places than its lines say.
    """
    steps = [step for step in itertools.takewhile(lambda step: isinstance(step, str), where)]
    if not steps or not isinstance(value, dict):
        return None
    step, rest = steps[0], tuple(steps[1:])
    table = dict(cast("dict[str | int, object]", value))
    if step not in table:
        return None
    if rest and (inner := _without(table[step], rest, instead)) is not None:
        return table | {step: inner}
    del table[step]
    return table if instead is None or rest else table | {step: instead}
