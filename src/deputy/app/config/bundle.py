"""Gather the files an agent consists of, bounded in number, depth and size, and name their version."""

import os
from collections.abc import Callable
from pathlib import Path

from deputy.app.config.document import cleaned
from deputy.app.config.source import MOST_BYTES, entries, read_bytes, shown_path, to_text
from deputy.base.canonical import canonical, digest
from deputy.base.errors import ConfigError
from deputy.domain.agent import Bundle

__all__ = ["agent_file", "agent_texts", "tool_texts", "version_of"]

_DEEPEST = 16
_MOST_FILES = 1_000
_MOST_TOTAL = 8 * MOST_BYTES
_CACHES = ("__pycache__", "node_modules")
_TEXTS = (".csv", ".j2", ".json", ".md", ".py", ".sh", ".sql", ".toml", ".txt", ".xml", ".yaml", ".yml")


def version_of(bundle: Bundle) -> str:
    """The SHA-256 of everything an agent consists of."""
    return digest(canonical(bundle))


def agent_file(name: str, file: str) -> str:
    """The path in a bundle of one of the agent's own files: `agents/payables/AGENT.md`."""
    return f"agents/{name}/{file}"


def agent_texts(workspace: Path, name: str) -> dict[str, str]:
    """All text files below an agent's folder, by path; caches, backups and hidden files are none of it."""
    return _gather(workspace, f"agents/{name}", _agent_text)


def tool_texts(workspace: Path) -> dict[str, str]:
    """All Python files below tools/, by path."""
    return _gather(workspace, "tools", _tool_text)


def _agent_text(path: Path, file: str) -> str | None:
    data = read_bytes(path, file)
    if not path.name.lower().endswith(_TEXTS):
        if b"\0" in data:
            return None
        try:
            data.decode()
        except UnicodeDecodeError as error:
            if len(data) <= MOST_BYTES or error.start < MOST_BYTES - 4:  # else a character is merely cut
                return None
    return to_text(data, file)


def _tool_text(path: Path, file: str) -> str | None:
    return to_text(read_bytes(path, file), file) if path.name.endswith(".py") else None


def _gather(workspace: Path, top: str, read: Callable[[Path, str], str | None]) -> dict[str, str]:
    found: dict[str, str] = {}
    pending = [top]
    seen = total = 0
    while pending:
        under = pending.pop()
        shown = shown_path(under)
        if under.count("/") > _DEEPEST:
            message = f"The folders here are nested more than {_DEEPEST} levels deep."
            raise ConfigError(message, "Make them flatter.", file=shown)
        for entry in entries(workspace / under, shown):
            path, file = f"{under}/{entry.name}", f"{shown}/{cleaned(entry.name)}"
            if entry.name in _CACHES or entry.name.endswith(("~", ".pyc")):
                continue
            _refuse_odd_names(path, file)
            seen += 1
            if entry.is_dir(follow_symlinks=False):
                pending.append(path)
            elif entry.is_symlink():
                _refuse_outside_links(workspace, path, file)
            if seen > _MOST_FILES:
                message = f"There are more than {_MOST_FILES} files below `{top}`."
                raise ConfigError(message, "Keep data outside of the configuration.", file=shown)
            if entry.is_file() and (text := read(workspace / path, file)) is not None:
                found[path] = text
                total += len(text)
            if total > _MOST_TOTAL:
                message = f"The files below `{top}` come to more than {_MOST_TOTAL >> 20} MiB."
                raise ConfigError(message, "Keep data outside of the configuration.", file=file)
    return found


def _refuse_odd_names(path: str, file: str) -> None:
    if not path.isprintable():  # which a name that is no UTF-8 is not either
        raise ConfigError("The name of this file has characters that cannot be shown.", "Rename it.", file=file)


def _refuse_outside_links(workspace: Path, path: str, file: str) -> None:
    if os.path.isdir(workspace / path):
        raise ConfigError("This is a link to a folder.", "Put the folder itself in its place.", file=file)
    target = os.path.realpath(workspace / path)
    if not target.startswith(os.path.realpath(workspace) + os.sep):
        message = "This is a link to a file outside of the workspace, or to nothing."
        raise ConfigError(message, "Put the file itself in its place.", file=file)
    if not os.path.isfile(target):
        raise ConfigError("This is a link to nothing.", "Put the file itself in its place.", file=file)
