"""The workspace's files as they are now: read again when they change, and standing still while they are wrong.

While a file is wrong nothing may be decided by what it said before (somebody may just have taken a right away), so
the whole workspace then counts as frozen; runs go on by themselves once the files are right again.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from deputy.app.config import Settings, load
from deputy.app.routes import kernel_route
from deputy.base.errors import UsageError
from deputy.domain.agent import Agent
from deputy.domain.catalogue import Route
from deputy.domain.principal import Directory
from deputy.kernel.policy import Policy
from deputy.kernel.visit import FILES_WRONG

__all__ = ["Deployment"]

EVERYTHING = frozenset({"*", FILES_WRONG})


class Deployment:
    """What the files say, for everybody who asks during a run."""

    def __init__(self, settings: Settings, changed: Callable[[UsageError | None], None] = lambda _: None) -> None:
        self.settings = settings
        self.wrong: UsageError | None = None
        self._changed = changed
        self._seen = _signature(settings.folder)
        self._policy = Policy(settings.directory, self_approval=settings.self_approval)
        self._frozen: frozenset[str] = frozenset()

    def changed(self) -> bool:
        """Whether files are not as they were when they were read."""
        return _signature(self.settings.folder) != self._seen

    def refresh(self) -> bool:
        """Read the files again if they changed; True if what they say is new, or right again."""
        seen = _signature(self.settings.folder)
        if seen == self._seen:
            return False
        self._seen = seen
        try:
            self.settings = load(self.settings.folder)
        except UsageError as exc:
            self.wrong = exc
            self._changed(exc)
            return False
        self._policy = Policy(self.settings.directory, self_approval=self.settings.self_approval)
        self.wrong = None
        self._changed(None)
        return True

    def freeze(self, names: frozenset[str]) -> None:
        """Take note of what people have frozen."""
        self._frozen = names

    # -- what the kernel asks

    def policy(self) -> Policy:
        """The rules of the current mandate."""
        return self._policy

    def directory(self) -> Directory:
        """The people."""
        return self.settings.directory

    def agent(self, name: str) -> Agent | None:
        """The current declaration of an agent."""
        found = self.settings.agents.get(name)
        return found.agent if found is not None else None

    def route(self, name: str) -> Route:
        """What a model costs and how long it may take."""
        found = self.settings.route(name)
        return kernel_route(found, self.settings.currency) if found is not None else Route(name=name)

    def frozen(self) -> frozenset[str]:
        """Agents that may not act now."""
        return EVERYTHING if self.wrong is not None else self._frozen


def _signature(folder: Path) -> tuple[object, ...]:
    """Changes whenever a file of the workspace that we read does."""
    return tuple(_stamp(path) for path in _files(folder))


def _files(folder: Path) -> Iterator[str]:
    yield str(folder / "deputy.toml")
    yield str(folder / "people.toml")
    for top in ("agents", "tools"):
        for where, folders, files in os.walk(folder / top):
            folders[:] = sorted(f for f in folders if f not in ("__pycache__", "node_modules"))
            yield from (os.path.join(where, file) for file in sorted(files) if not file.endswith(".pyc"))


def _stamp(path: str) -> tuple[str, int, int, int]:
    try:
        found = os.stat(path)
    except OSError:
        return path, 0, 0, 0
    return path, found.st_mtime_ns, found.st_size, found.st_ino
