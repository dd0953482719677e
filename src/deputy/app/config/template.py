"""Write what a new workspace starts with: a minimal one that runs at once, or a copy of a shipped example.

The only module here that writes, and it never writes over anything.
"""

import contextlib
import json
import os
import re
import unicodedata
from pathlib import Path

from deputy.app.config.source import shown_path
from deputy.base.errors import UsageError
from deputy.domain.principal import SYSTEM

__all__ = ["write_workspace"]

_DEPUTY = """\
# The settings of this workspace. Unknown keys are errors; secrets stand here by reference only (env:NAME).

[workspace]
name = {name}
currency = "EUR"

# A workspace of one: whoever asks may also approve. Remove this line as soon as a second person works here.
self_approval = true

# The agent in agents/hello runs on "rehearsal", a scripted stand-in. A real model needs a table such as this one:
#
# [models.default]
# provider = "openai"                  # any OpenAI-compatible server
# base_url = "http://127.0.0.1:8000/v1"
# model = "qwen3"
# api_key = "env:MODEL_API_KEY"        # leave it out where the server asks for none
"""

_PEOPLE = """\
# Who works here. Roles: owner, admin, builder, approver, member, auditor.

[people.{id}]
name = {name}
roles = ["owner", "approver"]
"""

_AGENT = """\
---
name: hello
description: Greets whoever it is told to.
owner: {id}
model: rehearsal
tools:
  greet: act
budget: {{steps: 10, wall: 5m}}
---

You greet people. Call `greet` with the name you are given, and answer with what it returns.
"""

_REHEARSAL = """\
# What the stand-in says instead of a model: reply n answers call n.
replies:
  - call: [{tool: greet, args: {name: "{{ task }}"}}]
  - say: "{{ results[-1] }}"
"""

_TOOLS = '''\
"""Tools of this workspace: every function below `@deputy.tool` is one, under its own name."""

import deputy


@deputy.tool(effect="read", repeat="safe")
def greet(name: str) -> str:
    """Compose a greeting for this name."""
    return f"Hello, {name}!"
'''

_IGNORE = "# Database, keys and run folders of this machine.\n.deputy/\n__pycache__/\n"
_IGNORE_FILE = ".gitignore"
_WORDS = ("null", "true", "false")  #: which YAML does not take for text
_NOT_COPIED = ("__pycache__", "node_modules")


def write_workspace(folder: Path, *, person: str, example: Path | None = None) -> tuple[str, ...]:
    """Write a new workspace and return the paths written; `person` becomes the owner.

    With `example`, its files are copied instead. If anything is in the way, nothing is written. An existing .gitignore
    is left as it is.
    """
    _refuse_no_folder(folder)
    files = _copied(example) if example is not None else _fresh(folder, person)
    files.setdefault(_IGNORE_FILE, _IGNORE.encode())
    if os.path.lexists(folder / _IGNORE_FILE):
        del files[_IGNORE_FILE]
    _refuse_what_is_there(folder, files)
    made: list[Path] = []
    try:
        for path in sorted(files):
            _make_folders((folder / path).parent, made)
            with (folder / path).open("xb") as stream:
                made.append(folder / path)
                stream.write(files[path])
    except OSError as error:
        _undo(made)
        message = f"The workspace cannot be written: {error.strerror or error}."
        raise UsageError(message, "Choose another folder, or make room; nothing was left behind.") from None
    return tuple(sorted(files))


def _fresh(folder: Path, person: str) -> dict[str, bytes]:
    name = _shown_name(Path(os.path.abspath(folder)).name) or "workspace"
    owner = _shown_name(person) or "me"
    plain = unicodedata.normalize("NFKD", owner).encode("ascii", "ignore").decode().lower()
    identity = re.sub("[^a-z0-9_-]+", "-", plain).strip("-")[:64] or "me"
    identity = identity if identity != SYSTEM else "me"
    is_text = identity[0].isalpha() and identity not in _WORDS
    texts = {
        "deputy.toml": _DEPUTY.format(name=json.dumps(name, ensure_ascii=False)),
        "people.toml": _PEOPLE.format(id=identity, name=json.dumps(owner, ensure_ascii=False)),
        "agents/hello/AGENT.md": _AGENT.format(id=identity if is_text else f'"{identity}"'),
        "agents/hello/rehearsal.yaml": _REHEARSAL,
        "tools/hello.py": _TOOLS,
    }
    return {path: text.encode() for path, text in texts.items()}


def _shown_name(name: str) -> str:
    """A name as one line of visible characters."""
    return "".join(c for c in name if c.isprintable()).strip()[:200]


def _copied(example: Path) -> dict[str, bytes]:
    """The files of a shipped example; what running it left behind is none of it."""
    found: dict[str, bytes] = {}
    for path in sorted(example.rglob("*")):
        parts = path.relative_to(example).parts
        hidden = any(part.startswith(".") for part in parts) and parts != (_IGNORE_FILE,) and not _keeps(parts)
        if path.is_file() and not hidden and not any(part in _NOT_COPIED for part in parts) and path.suffix != ".pyc":
            found["/".join(parts)] = path.read_bytes()
    if "deputy.toml" not in found:
        raise UsageError(f"There is no example in {shown_path(str(example))}.", "Name one that is shipped.")
    return found


def _keeps(parts: tuple[str, ...]) -> bool:
    """Whether this file is there so that its folder is: those of a Maildir are empty, and some are hidden."""
    return parts[-1] == ".keep" and not any(part in (".deputy", ".git") for part in parts)


def _refuse_no_folder(folder: Path) -> None:
    if "\0" in str(folder):
        raise UsageError("The folder's name holds a character that no file system has.", "Name another one.")
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise UsageError(f"{shown_path(str(folder))} is no folder.", "Name another one.")


def _refuse_what_is_there(folder: Path, files: dict[str, bytes]) -> None:
    if there := sorted(path for path in files if os.path.lexists(folder / path)):
        listed = ", ".join(there[:10]) + (f" and {len(there) - 10} more" if len(there) > 10 else "")
        message = f"Nothing was written, because {shown_path(str(folder))} already has {listed}."
        raise UsageError(message, "Choose an empty folder, or move these away.")


def _make_folders(folder: Path, made: list[Path]) -> None:
    missing: list[Path] = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        path.mkdir()
        made.append(path)


def _undo(made: list[Path]) -> None:
    for path in reversed(made):
        with contextlib.suppress(OSError):
            path.rmdir() if path.is_dir() else path.unlink()
