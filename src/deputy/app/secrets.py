"""The secrets of a workspace: lent by reference, set and removed by people, listed without their values."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from deputy.adapters.secret.age import AgeSecrets
from deputy.adapters.tool.source import load_functions
from deputy.app.config import EnvSecrets, Reference, Settings
from deputy.app.rights import require
from deputy.app.vault import login_name
from deputy.base.clock import Clock
from deputy.base.errors import ConfigError, UsageError
from deputy.domain.chain import link
from deputy.domain.declaration import declaration_of
from deputy.domain.event import Workspace
from deputy.domain.principal import Person, person_principal
from deputy.domain.stow import stow
from deputy.ports.store import Row, Store

__all__ = ["Known", "Secrets", "known_secrets", "needed", "remove_secret", "secret_view", "set_secret"]


class Secrets:
    """Lends what `env:NAME` and `secret:NAME` stand for, as it is now; fits `deputy.ports.secret.Secret`."""

    def __init__(self, folder: Path, references: Callable[[], Sequence[Reference]] = lambda: ()) -> None:
        self.kept = AgeSecrets(folder / ".deputy")
        self._references = references

    def lend(self, reference: str) -> str:
        """The value behind a reference; raises ConfigError naming the reference, never a value."""
        if not reference.startswith("secret:"):
            return EnvSecrets(self._references()).lend(reference)
        try:
            return self.kept.lend(reference)
        except ConfigError as exc:
            need = next((r for r in self._references() if r.secret == reference), None)
            if need is None:
                raise
            message = f"{exc.message.rstrip('.')}; it is needed as {need.purpose}."
            raise ConfigError(message, exc.remedy, file=need.file, line=need.line) from None


class Known(NamedTuple):
    """What may be shown of a secret: never its value."""

    name: str
    at: datetime | None  #: None where its file cannot be opened
    by: str
    used_by: tuple[str, ...]  #: what refers to it
    problem: str = ""


def needed(settings: Settings) -> Iterator[Reference]:
    """Every reference to a secret: of deputy.toml, and of the tools that are functions."""
    yield from settings.references
    try:
        functions = load_functions(settings.tools, settings.folder)
    except UsageError:
        return  # doctor tells of it elsewhere
    for name, function in functions.items():
        declared = declaration_of(function)
        for word, reference in (declared.secrets if declared is not None else {}).items():
            yield Reference(reference, f"`{word}` of the function `{name}`", "", 0)


def known_secrets(settings: Settings, secrets: Secrets) -> list[Known]:
    """All secrets that are set, or needed and missing."""
    uses: dict[str, list[str]] = {}
    for reference in needed(settings):
        kind, _, name = reference.secret.partition(":")
        if kind == "secret":
            uses.setdefault(name, []).append(reference.purpose)
    found: list[Known] = []
    for server in settings.connections.values():
        if server.title.startswith("mcp.") and login_name(server.name) in secrets.kept.names():
            uses.setdefault(login_name(server.name), []).append(f"the login at {server.title}")
    for name in sorted({*secrets.kept.names(), *uses}):
        used_by = tuple(dict.fromkeys(uses.get(name, ())))
        try:
            kept = secrets.kept.kept(name)
            found.append(Known(name, kept.at, kept.by, used_by))
        except ConfigError as exc:
            found.append(Known(name, None, "", used_by, exc.message))
    return found


def secret_view(known: Known) -> dict[str, Any]:
    """A secret as `deputy secret list --json` prints it."""
    return {
        "name": known.name, "reference": f"secret:{known.name}", "set": known.at is not None,
        "at": known.at.isoformat() if known.at is not None else None, "by": known.by or None,
        "used_by": list(known.used_by), "problem": known.problem or None,
    }  # fmt: skip


async def set_secret(store: Store, clock: Clock, secrets: Secrets, name: str, value: str, person: Person) -> datetime:
    """Keep a secret; it holds from the next call on. The workspace's journal tells who set it, and when."""
    require(person, "secrets.set")
    at = clock.now()
    secrets.kept.put(name, value, by=person_principal(person.id), at=at)
    await _note(store, Workspace(at=at, what="secret_set", by=person_principal(person.id), subject=name))
    return at


async def remove_secret(store: Store, clock: Clock, secrets: Secrets, name: str, person: Person) -> None:
    """Forget a secret; the workspace's journal tells who did."""
    require(person, "secrets.set")
    secrets.kept.remove(name)
    await _note(store, Workspace(at=clock.now(), what="secret_removed", by=person_principal(person.id), subject=name))


async def _note(store: Store, event: Workspace) -> None:
    body, _ = stow(event)
    await store.note(lambda seq, last: Row(seq, link(last, "workspace", seq, body), body))
