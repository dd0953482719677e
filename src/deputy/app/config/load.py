"""Find a workspace and read all of it, once; changes nothing."""

import os
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import msgspec

from deputy.app.config.agents import AGENT_FILE, AGENT_NAME, deploy, parse_agent
from deputy.app.config.bundle import agent_file, agent_texts, tool_texts
from deputy.app.config.document import cleaned
from deputy.app.config.parse import parse_toml
from deputy.app.config.people import read_people
from deputy.app.config.settings import Deployed, Settings
from deputy.app.config.source import entries, read_text, shown_path
from deputy.app.config.triggers import check_together
from deputy.app.config.workspace import read_workspace
from deputy.base.errors import ConfigError, UsageError
from deputy.domain.agent import Bundle
from deputy.domain.trigger import Trigger

__all__ = ["find_workspace", "load"]

_FILE = "deputy.toml"
_PEOPLE = "people.toml"


def find_workspace(start: Path | None = None, override: str | None = None) -> Path:
    """The folder of the workspace: the override, else `start`, else the current folder. Parents are not searched: a
    file that somebody left above would decide what runs here."""  # fmt: skip
    try:
        folder = Path(os.path.abspath(override if override is not None else start or Path.cwd()))
        exists, found = folder.is_dir(), (folder / _FILE).exists() or (folder / _FILE).is_symlink()
    except (OSError, ValueError, RuntimeError):
        folder, exists, found = Path(override or start or "."), False, False
    if found:
        return folder
    remedy = "Run `deputy init DIR` to make one, or name one with `--workspace DIR`."
    if exists:
        raise UsageError(f"There is no workspace in {shown_path(str(folder))}: it has no {_FILE}.", remedy)
    raise UsageError(f"There is no workspace in {shown_path(str(folder))}: it is no folder.", remedy)


def load(folder: Path) -> Settings:
    """Everything the files of this workspace say, or one ConfigError about the first thing that is wrong."""
    folder = find_workspace(folder)
    settings = read_workspace(parse_toml(read_text(folder / _FILE, _FILE), _FILE), folder)
    directory = read_people(parse_toml(read_text(folder / _PEOPLE, _PEOPLE), _PEOPLE))
    settings = msgspec.structs.replace(settings, directory=directory, tools=tool_texts(folder))
    if strange := sorted(set(settings.teams) - set(directory.groups)):
        message = f"`{cleaned(strange[0])}` in [teams] is no group of people.toml."
        raise ConfigError(message, "Name groups, each with its weight.", file=_FILE)
    agents = {deployed.agent.name: deployed for deployed in _agents(settings)}
    check_together({name: deployed.triggers for name, deployed in agents.items()}, partial(_wrong, agents))
    references = (*settings.references, *(r for deployed in agents.values() for r in deployed.references))
    return msgspec.structs.replace(settings, agents=agents, references=references)


def _wrong(agents: Mapping[str, Deployed], trigger: Trigger, message: str, remedy: str) -> ConfigError:
    front = agents[trigger.agent].front
    assert front is not None
    return front.wrong(("triggers", trigger.number - 1), message, remedy)


def _agents(settings: Settings) -> Iterator[Deployed]:
    folders = _folders(settings.folder)
    for name in folders:
        file = agent_file(name, AGENT_FILE)
        if not AGENT_NAME.fullmatch(name):
            message = f"`{cleaned(name)}` is no name for an agent."
            remedy = "Rename the folder to at most 64 of a-z, 0-9 and -."
            raise ConfigError(message, remedy, file=f"agents/{cleaned(name)}")
        texts = agent_texts(settings.folder, name)
        if file not in texts:
            close = next((path for path in texts if path.casefold() == file.casefold()), None)
            remedy = f"Rename {close.rpartition('/')[2]} to {AGENT_FILE}." if close else (
                f"Write its {AGENT_FILE}, or move the folder out of `agents/`.")  # fmt: skip
            raise ConfigError(f"The agent `{name}` has no {AGENT_FILE}.", remedy, file=f"agents/{name}")
        found = parse_agent(texts[file], file)
        if (said := found.agent.name) != name:
            if said in folders:
                message = f"Two agents have the name `{said}`: this one and {agent_file(said, AGENT_FILE)}."
                raise found.front.wrong(("name",), message, f"Write `name: {name}`.")
            message = f"The agent's name `{said}` is not that of its folder, `{name}`."
            raise found.front.wrong(("name",), message, f"Write `name: {name}`, or rename the folder.")
        yield deploy(found, Bundle(name=name, files={**texts, **settings.tools}), settings)


def _folders(workspace: Path) -> list[str]:
    """The names of the agents' folders; two that differ in capitals alone are one agent twice."""
    found: dict[str, str] = {}
    for entry in entries(workspace / "agents", "agents"):
        if entry.is_symlink() and os.path.isdir(entry.path):
            raise ConfigError("This is a link to a folder.", "Put the folder itself in its place.",
                              file=f"agents/{cleaned(entry.name)}")  # fmt: skip
        if not entry.is_dir(follow_symlinks=False) or entry.name in ("__pycache__", "node_modules"):
            continue
        first = found.setdefault(entry.name.casefold(), entry.name)
        if first != entry.name:
            message = f"Two agents have the name `{cleaned(first.casefold())}`: agents/{cleaned(first)} is the other."
            raise ConfigError(message, "Rename one of the two folders.", file=f"agents/{cleaned(entry.name)}")
    return list(found.values())
